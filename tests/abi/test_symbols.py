# SPDX-License-Identifier: Apache-2.0
"""Each plugin exports hb_plugin_v1 and nothing else, and needs nothing of the host."""
import os
import pathlib
import subprocess
import unittest

PLUGINS = pathlib.Path(os.environ["HBCORE_PLUGINS"])


def nm(path, *flags):
    done = subprocess.run([os.environ["HBCORE_NM"], "-D", *flags, str(path)],
                          capture_output=True, text=True, check=True)
    return sorted(line.split()[-1].partition("@")[0] for line in done.stdout.splitlines())


class Symbols(unittest.TestCase):
    def plugins(self):
        found = sorted(PLUGINS.glob("*.so"))
        self.assertGreaterEqual(len(found), 4, f"plugins in {PLUGINS}: {found}")
        return found

    def test_one_symbol(self):
        for path in self.plugins():
            with self.subTest(plugin=path.name):
                self.assertEqual(nm(path, "--defined-only"), ["hb_plugin_v1"])

    def test_nothing_of_the_host(self):
        for path in self.plugins():
            with self.subTest(plugin=path.name):
                wanted = [name for name in nm(path, "--undefined-only") if name.startswith("hb_")]
                self.assertEqual(wanted, [])


if __name__ == "__main__":
    unittest.main()
