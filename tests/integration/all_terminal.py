# SPDX-License-Identifier: Apache-2.0
"""What is seen on a terminal: one line that says how it went, the problems below it, a bar that fits; without colour
and without UTF-8, too."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import unicodedata
import unittest

import hb

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
REDRAWN = re.compile(r"\r([^\r\n\x1b]*)\x1b\[K")


def width(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class Terminal(hb.Case):
    config = hb.GENERIC

    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        for number in range(300):
            hb.write(self.home / "sub" / f"a directory with a long name {number % 7}" / f"ein längerer Name 日本 {number}",
                     os.urandom(50_000))

    def see(self, *arguments, columns=80, expect=0, **environment):
        """Everything that a terminal of so many columns gets."""
        here, there = pty.openpty()
        fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(self.command("--home", self.home, *arguments), stdin=there, stdout=there, stderr=there,
                                   env=self.environment(TERM="xterm", **environment))
        os.close(there)
        seen = b""
        while True:
            try:
                more = os.read(here, 1 << 16)
            except OSError:  # the other end is closed
                break
            seen += more
        os.close(here)
        self.assertEqual(process.wait(), expect, seen[-2000:])
        return seen.decode().replace("\r\n", "\n")

    def test_the_bar_fits(self):
        archive = self.dir / "a.zip"
        for columns in (100, 80, 40, 20):
            for arguments in (("backup", "-o", archive), ("verify", archive)):
                lines = REDRAWN.findall(self.see(*arguments, columns=columns))
                self.assertTrue(any("%" in line for line in lines), lines)
                self.assertLess(max(map(width, lines)), columns, lines)
                self.assertEqual("files" in "".join(lines), columns >= 80)

    def test_without_utf_8(self):
        for lines in (REDRAWN.findall(self.see("backup", "-o", self.dir / "a.zip", LC_ALL="C", LANG="C")),):
            self.assertTrue("".join(lines).isascii(), lines)
        self.assertTrue(COLOUR.sub("", self.see("--progress", "never", "backup", "-o", self.dir / "a.zip")).isascii())

    def test_how_it_went_comes_first(self):
        seen = self.see("--progress", "never", "backup", "-o", self.dir / "a.zip")
        self.assertIn("\x1b[32mBackup complete\x1b[0m: ", seen)
        os.mkfifo(self.home / "fifo")
        (self.home / "outside").symlink_to("/nowhere/at/all")
        database = self.home / "broken.db"
        database.write_bytes(b"SQLite format 3\0" + bytes(3000))
        for archive in ("b.zip", "c.tar.zst"):
            seen = self.see("--progress", "never", "backup", "-o", self.dir / archive, expect=3)
            self.assertIn("\x1b[1;33mBackup INCOMPLETE, 1 problem\x1b[0m: ", seen)
            lines = [line.strip() for line in COLOUR.sub("", seen).splitlines() if line.strip()]
            status = next(i for i, line in enumerate(lines) if line.startswith("Backup INCOMPLETE"))
            self.assertTrue(lines[status + 1].startswith("Warnings"), lines)
            self.assertTrue(lines[status + 2].startswith("broken.db: "), lines)
            self.assertTrue(lines[status + 3].startswith("Files: "), lines)

    def test_no_colour(self):
        for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            environment = {"TERM": "xterm", **environment}
            here = self.dir / "a.zip"
            with self.subTest(environment=environment):
                term = environment.pop("TERM")
                self.assertIsNone(COLOUR.search(self.see_with(term, "backup", "-o", here, **environment)))
        self.assertIsNone(COLOUR.search(self.hbcore("--home", self.home, "backup", "-o", here).stdout.decode()))

    def see_with(self, term, *arguments, **environment):
        usual, self.environment = self.environment, lambda **changes: usual(**{**changes, "TERM": term})
        try:
            return self.see("--progress", "never", *arguments, **environment)
        finally:
            self.environment = usual

    def test_counts_agree(self):
        """The same number of files from the first line to the last, in both directions."""
        archive, target = self.dir / "a.zip", self.dir / "target"
        said = self.see("--progress", "always", "backup", "-o", archive, columns=120)
        count = re.search(r"Backing up (\d+) files", said)[1]
        self.assertEqual(re.search(r"Files: +(\d+)", said)[1], count)
        self.assertEqual(set(re.findall(r"/(\d+) files", said)), {count})
        said = self.see("--home", target, "--progress", "always", "import", archive, columns=120)
        self.assertEqual(set(re.findall(r"/(\d+) files", said)), {count})
        self.assertIn(f"{count} files restored", said)
        said = self.see("--progress", "always", "verify", archive, columns=120)
        self.assertEqual(set(re.findall(r"/(\d+) files", said)) | set(re.findall(r" (\d+) files,", said)), {count})

    def test_help_fits(self):
        names = [line.split()[0] for line in self.hbcore("--help").stdout.decode().partition("\nCommands for")[2]
                 .partition("\nGlobal options\n")[0].splitlines() if line.startswith("  ") and line[2:3].isalpha()]
        self.assertGreater(len(names), 8)
        for words in ([], *([name] for name in names)):
            for line in self.hbcore(*words, "--help").stdout.decode().splitlines():
                self.assertLessEqual(len(line), 80, f"{words}: {line}")

    def test_the_list_of_snapshots_is_aligned(self):
        """Whatever the labels: the columns stand below their names."""
        files = ("--set", "snapshot.files=config.yaml .env")
        for label in ("a", "a much longer label than the other one has", "ä"):
            self.hbcore("--home", self.home, *files, "snapshot", "create", "--label", label, "--keep", "9")
        lines = self.hbcore("--home", self.home, "snapshot", "list").stdout.decode().splitlines()
        self.assertEqual(len(lines), 4)
        at = lines[0].index("state")
        for line in lines[1:]:
            self.assertTrue(line[at:].startswith("complete "), lines)


if __name__ == "__main__":
    unittest.main()
