# SPDX-License-Identifier: Apache-2.0
"""Databases in use, both ways, as the person at the terminal meets them."""
import os
import shutil
import sqlite3
import stat
import unittest

import fault
import hb

fault.need()


def counted(path):
    database = sqlite3.connect(path)
    try:
        return database.execute("SELECT count(*) FROM t").fetchone()[0]
    finally:
        database.close()


class Databases(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"x\n")
        self.database = self.make_database(self.home / "state.db", wal=True)

    def test_import_into_one_that_is_open(self):
        archive = self.backup(self.home)
        holder = sqlite3.connect(self.database, isolation_level=None)
        holder.execute("DELETE FROM t")
        inode = self.database.stat().st_ino
        self.database.chmod(0o644)
        self.hbcore("--home", self.home, "import", archive, "--force")
        self.assertEqual(holder.execute("SELECT count(*) FROM t").fetchone(), (50,))
        holder.execute("INSERT INTO t (text) VALUES ('after')")
        self.assertEqual(counted(self.database), 51)
        self.assertEqual(self.database.stat().st_ino, inode)
        # A secret ends 0600, with what lies beside it.
        for name in os.listdir(self.home):
            if name.startswith("state.db"):
                self.assertEqual(stat.S_IMODE((self.home / name).stat().st_mode), 0o600, name)
        holder.close()

    def test_another_name_of_it_outside_does_not_change(self):
        """Nothing outside the home changes: a hard link may lie there."""
        archive = self.backup(self.home)
        outside = self.make_database(self.dir / "outside.db", rows=7)
        before = outside.read_bytes()
        for name in os.listdir(self.home):
            if name.startswith("state.db"):
                os.unlink(self.home / name)
        os.link(outside, self.database)
        with open(self.database, "rb"):  # in use: it cannot be replaced either
            done = self.hbcore("--home", self.home, "import", archive, "--force", expect=3)
            self.assert_mentions(done, "state.db", "hard link")
            self.assertEqual(counted(self.database), 7)
        self.hbcore("--home", self.home, "import", archive, "--force")
        self.assertEqual(counted(self.database), 50)
        self.assertEqual((outside.read_bytes(), outside.stat().st_nlink), (before, 1))

    def test_a_log_without_its_database_is_not_removed_in_silence(self):
        archive = self.backup(self.home)
        for name in os.listdir(self.home):
            if name.startswith("state.db"):
                os.unlink(self.home / name)
        hb.write(self.home / "state.db-wal", b"whatever it is")
        done = self.hbcore("--home", self.home, "import", archive, "--force")
        self.assert_mentions(done, "state.db", "-wal", "removed")
        self.assertEqual(counted(self.database), 50)

    def test_one_that_ends_within_its_header(self):
        sizes = (16, 17, 19, 99)
        for size in sizes:
            hb.write(self.home / f"cut{size}.db", (b"SQLite format 3\0" + b"\x10\0\1\1\0@  " + b"\0" * 99)[:size])
        done = self.summary(self.hbcore("--home", self.home, "--json", "backup", "-o", self.dir / "c.zip",
                                        expect=3))
        self.assertEqual({row["path"] for row in done["doubtful"]}, {f"cut{size}.db" for size in sizes}, done)
        for size in sizes:
            self.assertEqual(self.hbcore("cat", self.dir / "c.zip", f"cut{size}.db").stdout,
                             (self.home / f"cut{size}.db").read_bytes())

    def test_one_locked_for_ever_costs_that_one(self):
        locked = self.make_database(self.home / "locked.db")
        holder = sqlite3.connect(locked, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        summary = self.summary(self.hbcore("--home", self.home, "--set", "content:sqlite.wait=1",
                                           "--json", "backup", "-o", self.dir / "a.zip", expect=3))
        holder.close()
        self.assertEqual([row["path"] for row in summary["databases"]], ["state.db"], summary)
        listed = self.tool("unzip", "-Z1", self.dir / "a.zip").stdout.split()
        self.assertNotIn(b"locked.db", listed)
        self.assertIn(b"state.db", listed)

    def test_side_files_of_any_suffix_stay_out(self):
        path = self.make_database(self.home / "x.sqlite", wal=True)
        holder = sqlite3.connect(path)
        holder.execute("INSERT INTO t (text) VALUES ('in the log')")
        holder.commit()
        self.hbcore("--home", self.home, "--set", "content:sqlite.suffixes=.db .sqlite", "backup",
                    "-o", self.dir / "a.zip")
        listed = self.tool("unzip", "-Z1", self.dir / "a.zip").stdout.split()
        holder.close()
        self.assertIn(b"x.sqlite", listed)
        self.assertEqual([name for name in listed if b"-wal" in name or b"-shm" in name], [])

    def test_other_page_size(self):
        archive = self.backup(self.home)
        self.database.unlink()
        database = sqlite3.connect(self.database, isolation_level=None)
        database.execute("PRAGMA page_size = 1024")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE other (x)")
        arguments = ("--home", self.home, "--set", "content:sqlite.wait=1", "import", archive,
                     "--force")
        self.assert_mentions(self.hbcore(*arguments, expect=3), "page size")
        database.close()
        self.hbcore(*arguments)
        self.assertEqual(counted(self.database), 50)

    def test_another_name_is_not_closed_while_a_snapshot_holds_its_lock(self):
        """A hard link that nothing claims is read like any file, and closing it would drop SQLite's lock."""
        path = self.home / "linked.db"
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("CREATE TABLE t (data BLOB)")
        database.execute("WITH n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)"
                         " INSERT INTO t SELECT zeroblob(1000000) FROM n")
        database.close()
        names = [f"copy-{number:02}" for number in range(20)]
        for name in names:
            os.link(path, self.home / name)
        for _ in range(3):  # threads meet in another way each time
            self.assert_none_is_closed_meanwhile("linked.db", names)

    def assert_none_is_closed_meanwhile(self, database, names):
        calls = self.faulted("--home", self.home, "--set", "backup.workers=2", "--set", "content:sqlite.snapshot=copy",
                             "backup", "-o", self.dir / "a.zip", calls="openat,openat2,close",
                             path=f"{self.home}/*", list_calls=True).calls
        whose = [(call, os.path.basename(name)) for call, name, _ in calls]
        # SQLite alone opens it with openat; what is closed last is what keeps its inode.
        opened = [at for at, row in enumerate(whose) if row == ("openat", database)]
        closed = [at for at, row in enumerate(whose) if row == ("close", database)]
        self.assertTrue(opened and closed and opened[0] < closed[-1], whose)
        between = [row for row in whose[opened[0]:closed[-1]] if row[0] == "close" and row[1] in names]
        self.assertEqual(between, [])
        self.assertEqual(len([row for row in whose if row[0] == "close" and row[1] in names]), len(names))

    # ---- a directory is swapped for a link to one outside, while SQLite opens by name ----

    def swap(self, calls_of, judge, names="openat,openat2"):
        """At each call that opens something there, in turn. `calls_of` runs the program under hb-fault."""
        outside, sub, real = self.dir / "outside", self.home / "sub", self.home / "real"
        calls = {"calls": names, "path": f"{sub}/*"}
        total = calls_of(**calls).count
        self.assertGreater(total, 2)
        for at in range(1, total + 1):
            with self.subTest(at=at):
                shutil.rmtree(outside, ignore_errors=True)
                self.make_database(outside / "x.db", rows=3, wal=True)
                # SQLite opens its journal by name, too, and takes it away again: that leaves a time behind.
                before = self.content(outside)
                try:
                    calls_of(**calls, at=at, run=f"mv {sub} {real} && ln -s {outside} {sub}")
                finally:
                    if real.exists():
                        sub.unlink()
                        real.rename(sub)
                self.assertEqual(hb.differences(before, self.content(outside)), [])
                judge()

    def test_swapped_while_it_is_restored(self):
        source = self.dir / "source"
        hb.write(source / "config.yaml", b"x")
        self.make_database(source / "sub/x.db", rows=70)
        archive = self.backup(source)

        def run(**keywords):
            (self.home / "sub/x.db").unlink(missing_ok=True)
            self.make_database(self.home / "sub/x.db", rows=20)
            return self.faulted("--home", self.home, "import", archive, "--force", expect=None, **keywords)
        self.swap(run, lambda: self.assertIn(len(self.database_rows(self.home / "sub/x.db")), (20, 70)))

    def test_swapped_while_it_is_copied(self):
        self.make_database(self.home / "sub/x.db", rows=20)

        def run(**keywords):
            return self.faulted("--home", self.home, "backup", "-o", self.dir / "a.zip", expect=None, **keywords)

        def judge():
            target = self.dir / "restored"
            self.hbcore("--home", target, "import", self.dir / "a.zip", "--force", expect=None)
            if (target / "sub/x.db").exists():  # else it is reported
                self.assertEqual(len(self.database_rows(target / "sub/x.db")), 20)
                (target / "sub/x.db").unlink()
        self.swap(run, judge, names="openat,openat2,newfstatat")

    @unittest.skipUnless(os.geteuid() == 0, "only root sees files of another user")
    def test_root_leaves_them_to_their_owner(self):
        archive = self.backup(self.home)
        for path in [self.home, *self.home.iterdir()]:
            os.chown(path, 65534, 65534)
        self.hbcore("--home", self.home, "import", archive, "--force")
        self.backup(self.home, "b.zip")
        owners = {path.name: path.stat().st_uid for path in self.home.iterdir()}
        self.assertEqual(set(owners.values()), {65534}, owners)


if __name__ == "__main__":
    unittest.main()
