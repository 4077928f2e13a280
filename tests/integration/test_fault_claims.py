# SPDX-License-Identifier: Apache-2.0
"""Whose file it is cannot be told: that is never taken for "nobody's".

Nobody's file is copied raw on backup, without what a log holds, and renamed into its place on import, over
a database that a program has open.
"""
import json
import os
import sqlite3
import unittest

import fault
import hb
from fault_sweep import FORMATS, leave_log

fault.need()

ERRORS = ("EIO", "EMFILE", "EACCES")
LOOKS = "openat,openat2,read,pread64"


class Claims(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.source = self.dir / "source"
        hb.write(self.source / "config.yaml", b"model: x\n")
        self.make_database(self.source / "state.db", rows=20, wal=True)
        leave_log(self.source / "state.db")

    def each_point(self, arguments, path, prepare, judge):
        """Each look at the file fails in turn, with each error; a run that nothing happens to comes first."""
        prepare()
        calls = self.faulted(*arguments, calls=LOOKS, path=path, list_calls=True).calls
        self.assertGreater(len(calls), 1)
        for number, call in enumerate(calls, 1):
            for error in ERRORS:
                with self.subTest(number=number, call=call, error=error):
                    prepare()
                    done = self.faulted(*arguments, calls=LOOKS, path=path, at=number, error=error, expect=None)
                    judge(done, f"{number} {call} {error}\n{self.describe(done)}")

    @staticmethod
    def told(done):
        summary = json.loads(done.stdout.splitlines()[-1])
        return {row["path"] for kind in ("skipped", "doubtful") for row in summary[kind]}

    def test_backup(self):
        """With the last commit, or named."""
        for fmt, suffix in FORMATS.items():
            archive, home = self.dir / ("made" + suffix), self.dir / "home"

            def prepare():
                self.tool("rm", "-rf", archive, home)

            arguments = ("--home", self.source, "--json", "--set", "backup.workers=1", "backup", "--format", fmt,
                         "-o", archive)
            def judge(done, about):
                if done.returncode == 3:
                    self.assertEqual(self.told(done), {"state.db"}, about)
                    return
                self.assertEqual(done.returncode, 0, about)
                self.hbcore("--home", home, "import", archive)
                self.assertEqual(len(self.database_rows(home / "state.db")), 21, about)

            self.each_point(arguments, f"{self.source}/state.db", prepare, judge)

    def test_import(self):
        """The database that a program has open keeps its inode, whatever is told."""
        archive, home = self.dir / "made.zip", self.dir / "home"
        self.hbcore("--home", self.source, "backup", "-o", archive)
        home.mkdir()
        held = []

        def prepare():
            while held:
                held.pop().close()
            self.tool("rm", "-rf", home)
            hb.write(home / "config.yaml", b"old\n")
            self.make_database(home / "state.db", rows=3, wal=True)
            held.append(sqlite3.connect(home / "state.db"))
            held[0].execute("SELECT count(*) FROM t").fetchall()
            self.inode = os.stat(home / "state.db").st_ino

        arguments = ("--home", home, "--json", "--set", "backup.workers=1", "import", archive, "--force")

        def judge(done, about):
            self.assertEqual(os.stat(home / "state.db").st_ino, self.inode, about)
            rows = held[0].execute("SELECT count(*) FROM t").fetchall()[0][0]
            self.assertIn(done.returncode, (0, 1, 3), about)
            if done.returncode == 0:
                self.assertEqual(rows, 21, about)
            elif rows != 21 and done.returncode == 3:
                self.assertIn("state.db", self.told(done), about)
            elif done.returncode == 1:
                self.assertEqual(rows, 3, about)

        self.each_point(arguments, "*/.hbcore-stage-*", prepare, judge)
        held.pop().close()

    def test_verify(self):
        """A database that could not be checked is not called sound."""
        archive, stage = self.dir / "made.zip", self.dir / "stage"
        self.hbcore("--home", self.source, "backup", "-o", archive)
        stage.mkdir()
        arguments = ("--json", "--set", f"backup.stage-dir={stage}", "verify", archive)

        def judge(done, about):
            self.assertIn(done.returncode, (0, 1, 3), about)
            summary = json.loads(done.stdout.splitlines()[-1])
            if done.returncode == 0 and not any("were not checked" in note["reason"] for note in summary["notes"]):
                self.assertEqual([row["check"] for row in summary["databases"]], ["ok"], about)

        self.each_point(arguments, f"{stage}/*", lambda: None, judge)


if __name__ == "__main__":
    unittest.main()
