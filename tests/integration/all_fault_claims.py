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
            if done.returncode == 0:
                self.assertEqual([row["check"] for row in summary["databases"]], ["ok"], about)

        self.each_point(arguments, f"{stage}/*", lambda: None, judge)

    def test_verify_where_no_copy_can_be_made(self):
        """Read-only, not there, not ours: whether the database is sound cannot be told."""
        folder = self.dir / "archives"
        folder.mkdir()
        archive, nowhere = folder / "made.zip", self.dir / "nowhere"
        self.hbcore("--home", self.source, "backup", "-o", archive)
        runs = [(("--set", f"backup.stage-dir={nowhere}"), {}), (("--set", f"backup.stage-dir={archive}"), {})]
        keywords = self.somebody_else()
        archive.chmod(0o644)
        folder.chmod(0o755 if keywords else 0o555)
        runs.append(((), keywords))
        for options, user in runs:
            done = self.hbcore("--json", *options, "verify", archive, expect=3, **user)
            summary = self.summary(done)
            self.assertEqual({row["check"] for row in summary["databases"]}, {"skipped"}, options)
            self.assertEqual([row["path"] for row in summary["doubtful"]], [row["path"] for row in summary["databases"]])
            self.assertIn("could not be checked", summary["doubtful"][0]["reason"])
            self.assertIn("stage-dir", summary["notes"][-1]["reason"])
            self.assert_mentions(self.hbcore(*options, "verify", archive, expect=3, **user), "cannot tell")
        folder.chmod(0o755)
        for call, error in (("mkdir", "EROFS"), ("mkdir", "ENOSPC"), ("openat", "EIO")):
            done = self.faulted("verify", archive, calls="create" if call == "mkdir" else call,
                                path=f"{folder}/.hbcore-stage-*", at=1, error=error, expect=None)
            self.assertEqual(done.returncode, 3 if done.hits else 0, (call, error, self.describe(done)))
            self.assertGreater(done.hits, 0, call)


class Answers(fault.FaultCase):
    """Other questions that cannot be answered."""

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"model: x\n")

    def test_a_link_of_which_cannot_be_told_what_lies_there(self):
        """It may lead to something that is missing in the archive."""
        closed = self.dir / "closed"
        hb.write(closed / "inside", b"x")
        os.symlink(closed / "inside", self.home / "link")
        keywords = self.somebody_else(self.home)
        closed.chmod(0)
        done = self.hbcore("--home", self.home, "--json", "backup", "-o", self.home / "a.zip", expect=3, **keywords)
        self.assertEqual([row["path"] for row in self.summary(done)["skipped"]], ["link"])
        os.unlink(self.home / "link")
        os.symlink(self.dir / "nothing", self.home / "link")  # this one leads nowhere, and that is known
        self.hbcore("--home", self.home, "backup", "-o", self.home / "b.zip", **keywords)

    def test_a_place_of_which_cannot_be_told_what_is_there(self):
        """A directory that does not answer is not taken for a name to which the suffix is to be added."""
        there = self.dir / "backups"
        there.mkdir()
        for error in ("EIO", "ESTALE", "EACCES"):
            done = self.faulted("--home", self.home, "backup", "-o", there, calls="newfstatat", path=there, at=1,
                                error=error, expect=1)
            self.assertIn(b"cannot be looked at", done.stderr)
        self.assertFalse((self.dir / "backups.zip").exists())
        self.assertEqual(os.listdir(there), [])

    def test_an_import_asks_if_it_cannot_tell(self):
        archive = self.dir / "a.zip"
        self.hbcore("--home", self.home, "backup", "-o", archive)
        hb.write(self.dir / "new/config.yaml", b"in use\n")
        for error in ("EIO", "EACCES"):
            done = self.faulted("--home", self.dir / "new", "import", archive, calls="newfstatat",
                                path=f"{self.dir}/new/config.yaml", at=1, error=error, expect=None)
            self.assertEqual((done.returncode, done.hits), (1, 1), self.describe(done))
            self.assertIn(b"no answer", done.stderr)
            self.assertEqual((self.dir / "new/config.yaml").read_bytes(), b"in use\n")


if __name__ == "__main__":
    unittest.main()
