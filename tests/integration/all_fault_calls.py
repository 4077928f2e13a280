# SPDX-License-Identifier: Apache-2.0
"""The fault sweep: each system call that creates, writes, syncs, renames, links, truncates, allocates
or removes fails in turn, and the process is killed at each in turn; as many as strace counts.
"""
import json
import os
import shutil
import unittest

import fault
from fault_sweep import (ACTIONS, FORMATS, KILL, SIGNAL, BackupInPlaceSweep, BackupSweep, ImportSweep, Point,
                         leave_log)

fault.need()


class Backup(BackupSweep):
    def test_each(self):
        for fmt in self.each_format():
            self.sweep(fmt)

    def test_lasting(self):
        for fmt in self.each_format():
            self.sweep_lasting(fmt)


class BackupWithLog(Backup):
    """The database has a log without its index: log and file are copied aside."""

    databases = ("log.db",)

    def setUp(self):
        super().setUp()
        leave_log(self.source / "log.db")
        (self.source / "log.db-shm").unlink()


class BackupInPlace(BackupInPlaceSweep):
    """A log and its index are there, and a program that writes: nothing is copied."""

    LOOKS = "openat,openat2,read,pread64,fcntl,mmap,newfstatat,fstat"

    def test_each(self):
        for fmt in self.each_format():
            self.sweep(fmt)

    def test_lasting(self):
        for fmt in self.each_format():
            self.sweep_lasting(fmt)

    def test_each_look_at_the_database(self):
        """Each lock, each read, each descriptor: whatever fails, the whole state is stored, or its name is told."""
        self.watched = True
        for fmt in self.each_format():
            path = f"{self.live}*"
            calls = self.points(fmt, self.LOOKS, path)
            self.assertGreater(sum(call[0] == "fcntl" for call in calls), 5, calls)
            self.run_points(fmt, calls, ("EIO", KILL, "ENOMEM", SIGNAL), calls=self.LOOKS, path=path)


class ImportIntoNothing(ImportSweep):
    target = None

    def test_each(self):
        for fmt in FORMATS:
            self.begin(fmt)
            self.sweep(fmt)

    def test_lasting(self):
        self.begin("zip")
        self.sweep_lasting("zip")


class ImportOverDatabases(ImportSweep):
    """Files and databases are there already, so that the databases are overwritten through SQLite."""

    def setUp(self):
        super().setUp()
        self.target = self.make_target()

    def test_each(self):
        for fmt in FORMATS:
            self.begin(fmt)
            self.sweep(fmt)

    def test_lasting(self):
        self.begin("zip")
        self.sweep_lasting("zip")


class ImportOverOneDatabase(ImportSweep):
    """The directory is flushed when a database has been committed: what fails then is in doubt."""

    databases = ("state.db",)

    def setUp(self):
        super().setUp()
        self.target = self.dir / "target"
        self.fill(self.target, b"old", 30)

    def may_leave(self, done):
        return done.returncode == 128 + 15 and self.journal_is_there()

    def test_flushes_of_the_directory(self):
        self.begin("zip")
        flushes = [Point(number, call, action) for number, call in enumerate(self.points("zip"), 1)
                   if call[0] == "fdatasync" and call[1] == str(self.home)
                   for action in (*ACTIONS, SIGNAL)]
        self.assertNotEqual(flushes, [])
        for point in flushes:
            with self.subTest(point=str(point)):
                self.fault_at("zip", point)


class ImportByThreeWorkers(ImportSweep):
    """So many files that each worker has some to stage and to publish at the same time."""

    workers = 3
    many = 80

    def setUp(self):
        super().setUp()
        self.target = self.make_target()

    def test_each(self):
        self.begin("zip")
        self.sweep_workers("zip")

    def test_lasting(self):
        self.begin("zip")
        self.sweep_lasting("zip")


class Completion(ImportSweep):
    """A killed import is completed by the next run, whatever happens to that one in turn."""

    completing = False

    def begin(self, fmt):
        self.target = self.make_target()
        super().begin(fmt)
        calls = self.points(fmt)
        renames = [number for number, call in enumerate(calls, 1)
                   if call[0].startswith("rename") and not call[2].endswith("/journal")]
        self.prepare(fmt)
        self.faulted(*super().arguments(fmt), calls=fault.CHANGING, at=renames[len(renames) // 2], kill=True,
                     expect=128 + 9)
        self.assertTrue(self.journal_is_there())
        self.target, self.completing = self.dir / "killed", True
        self.home.rename(self.target)

    def test_each(self):
        self.begin("zip")
        self.sweep("zip")

    def test_lasting(self):
        self.begin("zip")
        self.sweep_lasting("zip")

    def prepare(self, fmt):
        super().prepare(fmt)
        shutil.rmtree(self.out)
        self.out.mkdir()

    def arguments(self, fmt):
        if not self.completing:
            return super().arguments(fmt)
        return ("--home", self.home, "--json", "--set", "backup.workers=1", "backup", "-o", self.out / "side.zip")

    def left_behind(self, root=None):
        """Without the killed one that each run gets a copy of."""
        killed = os.fsencode(self.dir / "killed")
        return [path for path in super().left_behind(root) if not path.startswith(killed)]

    def may_leave(self, done):
        """What failed for a reason that may pass waits for the next run, and that is said."""
        return self.journal_is_there() and b"the next run tries again" in done.stdout + done.stderr

    def judge(self, fmt, point, done, about):
        journal = self.journal_is_there()
        missing = self.sides(self.state(self.home))
        if done.returncode == 0:
            self.assertEqual(missing - self.noted(done), set(), about)
        if point.action == KILL:
            self.assertTrue(journal or missing == set(), about)
        self.hbcore(*self.arguments(fmt))
        if journal:
            self.assertEqual(self.sides(self.state(self.home)), set(), about)
        self.assertEqual(self.left(), [], about)
        self.hbcore("--home", self.home, "import", self.archive, "--force")
        self.assertEqual(self.sides(self.state(self.home)), set(), about)
        self.assertEqual(self.left(), [], about)

    def noted(self, done):
        """What could not be completed is no failure of this run, but it is said."""
        return {row["path"].encode() for row in json.loads(done.stdout.splitlines()[-1])["notes"]}


if __name__ == "__main__":
    unittest.main()
