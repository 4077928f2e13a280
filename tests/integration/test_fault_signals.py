# SPDX-License-Identifier: Apache-2.0
"""SIGTERM before each call: a clean end with exit code 143, or the run was over already."""
import unittest

import fault
from fault_sweep import FORMATS, BackupSweep, ImportSweep

fault.need()


class Backup(BackupSweep):
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


if __name__ == "__main__":
    unittest.main()
