# SPDX-License-Identifier: Apache-2.0
"""Each look at the home, each read of an archive and of staged files fails in turn.

What could not be read is named, what could is right, and nothing that was not whole is called so.
"""
import shutil
import unittest

import fault
from fault_sweep import FORMATS, BackupSweep, ImportSweep, Sweep

fault.need()

LOOKS = "openat,openat2,getdents64,newfstatat,fstat,read,pread64"


class HomeCannotBeRead(BackupSweep):
    """One file or directory is reported, the rest is stored."""

    def test_home_cannot_be_read(self):
        for fmt in self.each_format():
            self.sweep_reading(fmt, f"{self.source}*", LOOKS)

    def judge(self, fmt, point, done, about):
        if done.returncode == 3:
            said = self.skipped(done)
            self.assertTrue(said, about)
            made = self.incomplete(done, self.OLD if point.number % 2 else None, about)
            self.hbcore("verify", made, expect=3)
            shutil.rmtree(self.home, ignore_errors=True)
            self.hbcore("--home", self.home, "import", made, expect=None)
            state = self.state(self.home)
            wrong = {name for name, row in self.restored.items() if state.get(name) != row}
            unsaid = {name for name in wrong if not self.is_below(name, said)}
            self.assertEqual(unsaid, set(), about)
        elif done.returncode == 1:
            self.assertEqual(self.final.exists(), point.number % 2 == 1, about)
        else:
            self.assert_holds_everything(about)

    @staticmethod
    def is_below(name, said):
        return any(path in (b"", b".", name) or name.startswith(path + b"/") for path in said)


class ArchiveCannotBeRead(ImportSweep):
    """Nothing is changed; a staged file that cannot be read is refused."""

    def setUp(self):
        super().setUp()
        self.target = self.make_target()

    def test_import(self):
        for fmt in FORMATS:
            self.begin(fmt)
            self.sweep_reading(fmt, str(self.archive))

    def test_staged_files(self):
        self.begin("zip")
        self.sweep_reading("zip", "*/.hbcore-stage-*")


class Reading(Sweep):
    """list, cat and verify: all of it, or an exit code that says no."""

    def setUp(self):
        super().setUp()
        self.archives = {fmt: self.make_archive(fmt) for fmt in FORMATS}

    def prepare(self, fmt):
        pass

    def arguments(self, fmt):
        return (*self.words[:1], self.archives[fmt], *self.words[1:])

    def judge(self, fmt, point, done, about):
        if done.returncode == 0:
            self.assertEqual(done.stdout, self.right.stdout, about)
        else:
            self.assertEqual(done.returncode, 1, about)
            if not point.is_output():
                self.assertIn(str(self.archives[fmt]), done.stderr.decode(), about)
                self.assertNotIn("without saying why", done.stderr.decode(), about)

    def test_archive(self):
        self.each(lambda fmt: self.sweep_reading(fmt, str(self.archives[fmt])))

    def test_standard_output(self):
        """Closed at once, or full: said, if it still can be."""
        self.each(lambda fmt: self.run_points(fmt, self.points(fmt, "write", "pipe:*", 1), ("ENOSPC", "EPIPE"),
                                              calls="write", path="pipe:*"))

    def each(self, sweep):
        for fmt in FORMATS:
            for self.words in (["list"], ["list", "--long"], ["cat", "noise.bin"], ["verify"]):
                self.point = None
                # verify checks databases beside the contents, and now and then two reads become one (2 of 120 runs).
                self.attempts = 20 if self.words == ["verify"] else 1
                self.right = self.hbcore(*self.arguments(fmt))
                sweep(fmt)


if __name__ == "__main__":
    unittest.main()
