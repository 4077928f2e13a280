# SPDX-License-Identifier: Apache-2.0
"""SIGTERM before each call: a clean end with exit code 143, or the run was over already."""
import os
import unittest

import fault
import hb
from fault_sweep import FORMATS, BackupInPlaceSweep, BackupSweep, ImportSweep

fault.need()


class Backup(BackupSweep):
    def test_signals(self):
        for fmt in self.each_format():
            self.sweep_signals(fmt)


class BackupInPlace(BackupInPlaceSweep):
    def test_signals(self):
        for fmt in self.each_format():
            self.sweep_signals(fmt)


class Import(ImportSweep):
    """Interrupted while it publishes, it leaves the rest to the next run, like one that was killed."""

    def setUp(self):
        super().setUp()
        self.target = self.make_target()

    def may_leave(self, done):
        return done.returncode == 128 + 15 and self.journal_is_there()

    def test_signals(self):
        for fmt in FORMATS:
            self.begin(fmt)
            self.sweep_signals(fmt)


class ImportIntoNothing(Import):
    def setUp(self):
        super().setUp()
        self.target = None


class AtTheQuestion(fault.FaultCase):
    def test_while_it_is_asked(self):
        """The signal comes before the wait for the answer begins: it is not slept through."""
        home = self.make_home()
        archive = self.backup(home)
        before = hb.tree(home)
        for name, code in (("INT", 130), ("TERM", 143), ("HUP", 129)):
            reading, writing = os.pipe()
            with open(reading, "rb") as answers, open(writing, "wb"), \
                    open(self.dir / "said", "wb") as said:
                done = self.faulted("--home", home, "import", archive, calls="write",
                                    path="*/said", at=1, run=f"kill -{name} $HB_FAULT_THREAD",
                                    stdin=answers, stdout=said, seconds=30, expect=code)
            self.assertEqual(done.hits, 1)
            self.assertIn(b"interrupted; nothing was changed", done.stderr)
            self.assert_unchanged(before, home)


if __name__ == "__main__":
    unittest.main()
