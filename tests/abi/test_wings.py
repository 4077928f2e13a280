# SPDX-License-Identifier: Apache-2.0
"""The wings of core/ stand in one order: each includes those before it, and itself, alone. No circles."""
import os
import pathlib
import re
import subprocess
import sys
import unittest

SOURCE = pathlib.Path(os.environ["HBCORE_SOURCE"])
CORE = SOURCE / "core"
# docs/architecture.md says why; the lowest first.
ORDER = ["base", "files", "plugin", "config", "host", "store", "transform", "archive", "history", "restore", "pipeline",
         "import", "backup", "snapshot"]
INCLUDE = re.compile(r'^#include "(([a-z]+)/[a-z_0-9]+\.h)"', re.MULTILINE)


def wrong(wing, text):
    """The headers that a file of the wing may not include: of a later one, or of no wing."""
    later = set(ORDER[ORDER.index(wing) + 1:])
    return [header for header, other in INCLUDE.findall(text)
            if other in later or other not in ORDER]


class Wings(unittest.TestCase):
    def test_order(self):
        wings = sorted(path.name for path in CORE.iterdir() if path.is_dir())
        self.assertEqual(wings, sorted([*ORDER, "include"]), "a wing without a place in the order")
        found, includes = [], 0
        for wing in ORDER:
            for path in sorted((CORE / wing).glob("*.[ch]")):
                text = path.read_text()
                includes += len(INCLUDE.findall(text))
                found += [f"core/{wing}/{path.name} includes core/{header}"
                          for header in wrong(wing, text)]
        self.assertGreater(includes, 200)
        self.assertEqual(found, [], "includes run down the wings alone:\n" + "\n".join(found))

    def test_all_includes_show_their_wing(self):
        for path in sorted(CORE.glob("*/*.[ch]")):
            for line in path.read_text().splitlines():
                if line.startswith('#include "'):
                    self.assertRegex(line, INCLUDE, path.relative_to(CORE))
        self.assertEqual(sorted(CORE.glob("*.[ch]")), [], "sources stand in a wing")

    def test_no_circles(self):
        """Of files, a header with what it declares being one; in core with cli, and in each plugin."""
        text = subprocess.run([sys.executable, SOURCE / "tools/count", SOURCE], capture_output=True, text=True,
                              check=True).stdout
        circles = re.findall(r"^(\S+): \d+ rooms, \d+ arrows, (\d+) circle", text, re.MULTILINE)
        plugins = {f"plugins/{path.parent.name}" for path in (SOURCE / "plugins").glob("*/plugin.c")}
        self.assertEqual({name for name, _ in circles}, {"core", *plugins}, text)
        self.assertEqual([name for name, count in circles if count != "0"], [], text)
        self.assertEqual(re.findall(r"; up: (\d+)", text), ["0"], text)
        self.assertNotIn("without a place in the order", text)

    def test_the_check_can_fail(self):
        self.assertEqual(wrong("files", '#include "host/run.h"\n'), ["host/run.h"])
        self.assertEqual(wrong("host", '#include "session/x.h"\n'), ["session/x.h"])
        self.assertEqual(wrong("host", '#include "files/io.h"\n#include "host/run.h"\n'), [])


if __name__ == "__main__":
    unittest.main()
