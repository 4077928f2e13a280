# SPDX-License-Identifier: Apache-2.0
"""Sound, not sound, cannot tell: what is said of the databases in an archive, and when.

Where SQLite or the copy that it needs cannot be had, nothing is said of the database: exit 3 and the
reason, never NOT SOUND, and never ok.
"""
import json
import os
import sqlite3
import unittest
import zipfile

import fault
import hb
from fault_sweep import FORMATS

fault.need()

ERRORS = ("EIO", "EMFILE", "ENOSPC", "ENOMEM")
CALLS = "openat,openat2,read,pread64,write,pwrite64,ftruncate,fstat,newfstatat,lseek"


class Soundness(fault.FaultCase):
    config = hb.GENERIC

    def setUp(self):
        super().setUp()
        self.home, self.stage = self.dir / "home", self.dir / "stage"
        self.stage.mkdir()
        hb.write(self.home / "config.yaml", b"a: 1\n")
        database = sqlite3.connect(self.home / "state.db", isolation_level=None)
        database.executescript("""
            PRAGMA journal_mode = WAL;
            CREATE TABLE t(a, b); CREATE INDEX ti ON t(a);
            CREATE VIRTUAL TABLE f USING fts5(t); CREATE VIRTUAL TABLE r USING rtree(id, a, b);
            WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
                INSERT INTO t SELECT i, 'common ' || i FROM n;
            INSERT INTO f SELECT b FROM t; INSERT INTO r SELECT a, a, a + 1 FROM t;""")
        database.close()

    def destroy(self, sql="DELETE FROM f_data WHERE id > 10"):
        database = sqlite3.connect(self.home / "state.db", isolation_level=None)
        database.execute(sql)
        database.close()

    def make(self, fmt="zip", expect=0):
        archive = self.dir / ("made" + FORMATS[fmt])
        self.hbcore("--home", self.home, "backup", "--format", fmt, "-o", archive, expect=expect)
        return archive

    def verify(self, archive, *options, expect=0):
        done = self.hbcore("--json", *options, "verify", archive, expect=expect)
        return self.summary(done)

    @staticmethod
    def check(summary):
        return [(row["check"], row.get("cannot_tell", False)) for row in summary["databases"]]

    # ---- what is wrong is found ----

    def test_destroyed_indexes(self):
        for fmt in FORMATS:
            self.assertEqual(self.check(self.verify(self.make(fmt))), [("ok", False)])
        for sql in ("DELETE FROM r_rowid", "UPDATE f_data SET block = zeroblob(length(block)) WHERE id > 10"):
            self.destroy(sql)
            for fmt in FORMATS:
                archive = self.make(fmt)  # a backup looks at pages, not at indexes
                found = self.verify(archive, expect=3)
                self.assertEqual(self.check(found), [("failed", False)])
                self.assertEqual([row["path"] for row in found["doubtful"]], ["state.db"])
                done = self.hbcore("verify", archive, expect=3)
                self.assertIn(b"state.db: NOT SOUND", done.stdout)
                self.assertIn(f"Archive DOUBTFUL, 1 problem: {archive}: ".encode(), done.stdout)
                self.assertNotIn(b": ok", done.stdout)

    def test_a_backup_that_is_to_look(self):
        self.destroy()
        done = self.hbcore("--home", self.home, "--json", "--set", "content:sqlite.check=full", "backup", "-o",
                           self.dir / "a.zip", expect=3)
        self.assertEqual(self.check(self.summary(done)), [("failed", False)])
        self.assertEqual(self.summary(done)["databases"][0]["method"], "snapshot")

    def test_a_last_page_that_is_cut_off(self):
        """SQLite fills it with zeros and finds nothing wrong, and a row is gone."""
        whole = self.make_database(self.dir / "cut.db", rows=3).read_bytes()
        for rest in (1, 100, 512, 4095):
            home, archive = self.dir / f"home-{rest}", self.dir / f"{rest}.zip"
            there = self.make_database(home / "s.db", rows=1)
            with zipfile.ZipFile(archive, "w") as made:
                made.writestr("config.yaml", b"x")
                made.writestr("s.db", whole[:len(whole) - 4096 + rest])
            self.assert_mentions(self.hbcore("verify", archive, expect=3), "s.db")
            done = self.hbcore("--home", home, "import", "--force", archive, expect=3)
            self.assert_mentions(done, "its last page is cut off")
            self.assertEqual(len(self.database_rows(there)), 1)
        hb.write(self.dir / "more/s.db", whole + b"behind it")
        self.hbcore("--home", self.dir / "more", "backup", "-o", self.dir / "more.zip")

    def test_reuse_after_a_quick_check(self):
        """A copy that was made before it was looked at is no answer."""
        self.destroy()
        archive, reuse = self.dir / "a.zip", ("--set", "backup.reuse=yes")
        self.hbcore("--home", self.home, *reuse, "backup", "-o", archive)
        self.hbcore("--home", self.home, *reuse, "--set", "content:sqlite.check=full", "backup", "-o", archive,
                    expect=3)

    def test_import_and_snapshot_restore(self):
        """What is there stays; what is missing is made, and said to be doubtful."""
        self.destroy()
        archive = self.make()
        done = self.hbcore("--home", self.dir / "new", "--json", "import", archive, expect=3)
        self.assertEqual([row["path"] for row in self.summary(done)["doubtful"]], ["state.db"])
        self.assertTrue((self.dir / "new/state.db").exists())
        other = self.dir / "other"
        self.make_database(other / "state.db", rows=7, wal=True)
        done = self.hbcore("--home", other, "--json", "import", archive, "--force", expect=3)
        self.assertIn("the index f is damaged", json.dumps(self.summary(done)["skipped"]))
        self.assertEqual(len(self.database_rows(other / "state.db")), 7)
        options = ("--home", self.home, "--json", "--set", "snapshot.files=state.db")
        name = self.summary(self.hbcore(*options, "snapshot", "create"))["id"]
        done = self.hbcore(*options, "snapshot", "restore", name, expect=1)  # nothing of it
        self.assertIn(b"the index f is damaged", done.stdout)

    def test_above_the_limit(self):
        self.destroy()
        found = self.verify(self.make(), "--set", "content:sqlite.check-limit=4K")
        self.assertEqual(self.check(found), [("skipped", False)])
        self.assertIn("larger than check-limit", json.dumps(found["notes"]))

    def test_what_is_lacking_is_a_note(self):
        for number, sql in enumerate((
                "CREATE VIRTUAL TABLE f USING fts5(t, tokenize=mine)", "CREATE VIRTUAL TABLE f USING vec0(t)")):
            with self.subTest(sql):
                self.destroy("PRAGMA writable_schema = ON")
                database = sqlite3.connect(self.home / "state.db", isolation_level=None)
                database.execute("PRAGMA writable_schema = ON")
                database.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'f'", (sql,))
                database.close()
                found = self.verify(self.make())
                self.assertEqual(self.check(found), [("skipped", False)], number)
                self.assertIn("not checked in full", json.dumps(found["notes"]))

    # ---- nothing can be told ----

    def sweep(self, archive, path, right, most=30):
        """Each call of verify on the path fails once, and from there on."""
        options = ("--json", "--set", "backup.workers=1", "--set", f"backup.stage-dir={self.stage}", "verify", archive)
        code, wanted = (0, [("ok", False)]) if right else (3, [("failed", False)])
        calls = self.faulted(*options, calls=CALLS, path=path, list_calls=True, expect=code).calls
        self.assertGreater(len(calls), 3)
        untold = 0
        for number in fault.some(range(1, len(calls) + 1), most):
            for turn, error in enumerate(ERRORS):
                at = f"{number}+" if (number + turn) % 2 else number
                about = f"{archive.name} {error} at {at} of {len(calls)}: {calls[number - 1]}"
                done = self.faulted(*options, calls=CALLS, path=path, at=at, error=error, expect=None)
                self.assertIn(done.returncode, (code, 3), f"{about}\n{self.describe(done)}")
                summary = json.loads(done.stdout.splitlines()[-1])
                if self.check(summary) != wanted:
                    untold += 1
                    self.assertEqual(done.returncode, 3, about)
                    self.assertEqual(self.check(summary), [("skipped", True)], f"{about}\n{self.describe(done)}")
                    self.assertIn("could not be checked", json.dumps(summary["doubtful"]), about)
        self.assertGreater(untold, 0)
        self.hbcore(*options, expect=code)  # what could not be removed then goes with the next run

    def test_no_answer_of_a_sound_one(self):
        for fmt in FORMATS:
            self.sweep(self.make(fmt), f"{self.stage}/*", True)

    def test_no_answer_of_an_unsound_one(self):
        self.destroy()
        for fmt in FORMATS:
            self.sweep(self.make(fmt), f"{self.stage}/*", False)

    def test_no_place_for_copies(self):
        archive = self.make()
        found = self.verify(archive, "--set", f"backup.stage-dir={self.dir}/missing", expect=3)
        self.assertEqual(self.check(found), [("skipped", True)])
        self.assertIn("cannot open the directory", found["doubtful"][0]["reason"])
        self.assertIn("set backup.stage-dir", json.dumps(found["notes"]))
        done = self.hbcore("--set", f"backup.stage-dir={self.dir}/missing", "verify", archive, expect=3)
        self.assertIn(b"state.db: cannot tell", done.stdout)

    def test_a_copy_that_did_not_arrive(self):
        """An empty file is a sound database to SQLite, and half of one a damaged one: neither was in the archive."""
        for fmt in FORMATS:
            archive = self.make(fmt)
            for size in (0, 4096, 100):
                done = self.faulted("--json", "--set", "backup.workers=1", "--set", f"backup.stage-dir={self.stage}", "verify",
                                    archive, calls="newfstatat", path=f"{self.stage}/.hbcore-stage-*/m*", at=1,
                                    run=f"truncate -s {size} {self.stage}/.hbcore-stage-*/m*", expect=3)
                self.assertEqual(done.hits, 1)
                summary = self.summary(done)
                self.assertEqual(self.check(summary), [("skipped", True)], (fmt, size))
                self.assertIn(f"but the copy has {size}", summary["doubtful"][0]["reason"])

    def test_an_import_over_one_that_cannot_be_checked(self):
        """What is there stays as it is, whatever the check could not read."""
        archive, other = self.make(), self.dir / "other"
        self.make_database(other / "state.db", rows=7)
        words = ("--home", other, "--json", "--set", "backup.workers=1", "import", archive, "--force")
        path = "*/.hbcore-stage-*"
        count = self.faulted(*words, calls="pread64", path=path, expect=0).count
        told = 0
        for number in fault.some(range(1, count + 1), 12):
            (other / "state.db").unlink()
            self.make_database(other / "state.db", rows=7)
            done = self.faulted(*words, calls="pread64", path=path, at=number, error="EIO", expect=None)
            if done.returncode == 3 and b"could not be checked" in done.stdout:
                told += 1
                self.assertEqual(len(self.database_rows(other / "state.db")), 7)
            self.assertNotIn(b"unsound", done.stdout)
        self.assertGreater(told, 0)

    def test_a_locked_one(self):
        """Its raw bytes may be sound or not. What is said to be waited is what was."""
        database = sqlite3.connect(self.home / "state.db", isolation_level=None)
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("BEGIN EXCLUSIVE")
        for wait in (0, 1):
            done = self.hbcore("--home", self.home, "--json", "--set", "content:sqlite.locked=raw", "--set",
                               f"content:sqlite.wait={wait}", "backup", "-o", self.dir / f"{wait}.zip", expect=3)
            self.assertEqual(self.check(self.summary(done)), [("skipped", True)])
            self.assertIn(f"(waited {wait} s)", self.summary(done)["doubtful"][0]["reason"])
        database.close()

    # ---- stopping ----

    def test_it_is_stopped_under_way(self):
        archive, other = self.make(), self.dir / "other"
        options = ("--set", "backup.workers=1", "--set", f"backup.stage-dir={self.stage}")
        for words, path in (((*options, "verify", archive), f"{self.stage}/*"),
                            (("--home", other, *options, "import", archive, "--force"), "*/.hbcore-stage-*")):
            count = self.faulted(*words, calls="pread64", path=path).count
            for number in fault.some(range(count // 8, count), 6):
                done = self.faulted(*words, calls="pread64", path=path, at=number,
                                    run="kill -INT $HB_FAULT_THREAD", expect=None)
                if done.returncode != 0:  # when all had been said already
                    self.assertEqual(done.returncode, 130, self.describe(done))
                # What had begun to be put back is completed by the next run.
                other.mkdir(exist_ok=True)
                self.hbcore("--home", other, "backup", "-o", self.dir / "after.zip")
            self.assertEqual(os.listdir(self.stage), [])


if __name__ == "__main__":
    unittest.main()
