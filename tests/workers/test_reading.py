# SPDX-License-Identifier: Apache-2.0
"""A listing and one member cost what they are, not what the rest of the archive is."""
import os
import random
import subprocess
import unittest

import hb

FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}
LARGE = 48 << 20
FEW = 4 << 20  # the program and its libraries, the index, and one unit


class Reading(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "a-small", b"first\n")
        hb.write(self.home / "large", random.Random(3).randbytes(LARGE))
        hb.write(self.home / "z-small", b"last\n")

    def bytes_read(self, *arguments):
        """Runs the program; returns its output, and all that it read from anywhere."""
        with open(self.dir / "output", "w+b") as output:
            child = subprocess.Popen(self.command(*arguments), env=self.environment(),
                                     stdin=subprocess.DEVNULL, stdout=output)
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            with open(f"/proc/{child.pid}/io", encoding="ascii") as stream:
                read = int(stream.readline().split()[1])
            self.assertEqual(child.wait(), 0, arguments)
            output.seek(0)
            return output.read(), read

    def test_only_what_is_asked_for_is_read(self):
        for name, suffix in FORMATS.items():
            archive = self.backup(self.home, "a" + suffix, "--format", name)
            with self.subTest(format=name):
                for member, content in (("a-small", b"first\n"), ("z-small", b"last\n")):
                    output, read = self.bytes_read("cat", archive, member)
                    self.assertEqual(output, content)
                    self.assertLess(read, FEW, f"cat {member}")
                for option in ((), ("--long",), ("--json",)):
                    before = option if option == ("--json",) else ()
                    after = option if option == ("--long",) else ()
                    output, read = self.bytes_read(*before, "list", archive, *after)
                    self.assertIn(b"z-small", output)
                    self.assertLess(read, FEW, f"list {option}")
                _, read = self.bytes_read("--set", "import.markers=", "verify", archive)
                self.assertGreater(read, LARGE, "verify reads all")


if __name__ == "__main__":
    unittest.main()
