# SPDX-License-Identifier: Apache-2.0
"""[home] read-as and databases of root's in a user's home: with `owner` they are named and left out, with `root` they
are stored as they are, and nothing beside them is made, changed or given away."""
import contextlib
import os
import sqlite3
import stat
import subprocess
import unittest

import hb

USER = 1234
READ = ("--set", "home.read-as=root")
ROWS = 60
FORMATS = {"zip": "zip", "tar-zstd": "tar.zst"}


def state_of(path):
    """All that a program could change of a file, but when it was read."""
    found = os.lstat(path)
    return (found.st_ino, found.st_mode, found.st_uid, found.st_gid, found.st_nlink, found.st_size, found.st_mtime_ns,
            found.st_ctime_ns)


class Databases(hb.Case):
    """A home of the user's with `state.db`, which root made: mode 0600, in one of five conditions."""

    def setUp(self):
        super().setUp()
        self.dir.chmod(0o755)
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"his", 0o644)
        subprocess.run(["chown", "-R", f"{USER}:{USER}", self.home], check=True)

    def run_root(self, *arguments, **keywords):
        return self.hbcore("--home", self.home, "--set", "snapshot.files=config.yaml state.db", *arguments, **keywords)

    def sides(self):
        return sorted(path for path in self.home.iterdir() if path.name.startswith("state.db"))

    # ---- conditions ----

    def at_rest(self, mode):
        path = self.make_database(self.home / "state.db", rows=ROWS, wal=mode == "wal")
        self.close_to_others()
        self.assertEqual([side.name for side in self.sides()], ["state.db"])
        return path

    def close_to_others(self):
        for path in self.sides():
            path.chmod(0o600)

    @contextlib.contextmanager
    def in_use(self, mode):
        """Half of the rows are in the log, or a transaction is being written."""
        path = self.make_database(self.home / "state.db", rows=ROWS // 2, wal=mode == "wal")
        database = sqlite3.connect(path, isolation_level=None)
        if mode == "wal":
            database.execute("PRAGMA wal_autocheckpoint = 0")
        database.executemany("INSERT INTO t (text) VALUES (?)", [("more",)] * (ROWS // 2))
        if mode == "delete":
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO t (text) VALUES ('not committed')")
        self.close_to_others()
        try:
            yield path
        finally:
            database.close()

    def left_by_a_crash(self, mode):
        """The files as they are in the middle, without a program."""
        with self.in_use(mode) as path:
            if mode == "delete":
                # A journal that is flushed, and pages in the file that are not committed.
                script = ("import os, sqlite3, sys; d = sqlite3.connect(sys.argv[1], isolation_level=None);"
                          "d.execute('PRAGMA cache_size = 1'); d.execute('BEGIN');"
                          "d.execute(\"INSERT INTO t (text) SELECT hex(zeroblob(3000)) FROM t\"); os._exit(0)")
            copies = {side.name: side.read_bytes() for side in self.sides()}
        for side in self.sides():
            side.unlink()
        for name, data in copies.items():
            if not (mode == "wal" and name.endswith("-shm")):
                hb.write(self.home / name, data, 0o600)
        if mode == "delete":
            (self.home / "state.db-journal").unlink(missing_ok=True)
            subprocess.run(["python3", "-c", script, path], check=True)
            self.assertGreater((self.home / "state.db-journal").stat().st_size, 0)
        self.close_to_others()
        return path

    @contextlib.contextmanager
    def condition(self, name, mode):
        for path in self.sides():
            path.unlink()
        if name == "in use":
            with self.in_use(mode):
                yield
        else:
            (self.at_rest if name == "at rest" else self.left_by_a_crash)(mode)
            yield

    def in_each_condition(self, check):
        for mode in ("delete", "wal"):
            for name in ("at rest", "in use", "left by a crash"):
                with self.subTest(mode=mode, condition=name), self.condition(name, mode):
                    before = {path.name: state_of(path) for path in self.sides()}
                    check(f"{mode}-{name.replace(' ', '-')}")
                    after = {path.name: state_of(path) for path in self.sides()}
                    self.assertEqual(before, after)

    # ---- judging ----

    def rows_of(self, data):
        copy = self.dir / "judged.db"
        copy.write_bytes(data)
        rows = self.database_rows(copy)
        for side in self.dir.glob("judged.db*"):
            side.unlink()
        return len(rows)

    def assert_roots(self, path):
        found = os.lstat(path)
        self.assertEqual((found.st_uid, stat.S_IMODE(found.st_mode) & 0o077), (0, 0), path)


class Conditions(Databases):
    def test_backup_as_owner(self):
        def check(name):
            for fmt, suffix in FORMATS.items():
                made = self.dir / f"{name}.{suffix}"
                done = self.run_root("backup", "--format", fmt, "-o", made, expect=3)
                self.assert_mentions(done, "state.db", "may not read it", "read-as = root in [home]")
                self.hbcore("cat", made, "state.db", expect=1)
        self.in_each_condition(check)

    def test_backup_as_root(self):
        def check(name):
            for fmt, suffix in FORMATS.items():
                made = self.home / f"{name}.{suffix}"
                self.run_root(*READ, "backup", "--format", fmt, "-o", made)
                self.assert_roots(made)
                self.assertEqual(self.rows_of(self.hbcore("cat", made, "state.db").stdout), ROWS)
                made.unlink()
        self.in_each_condition(check)

    def test_preset_as_root(self):
        self.at_rest("wal")
        self.run_root(*READ, "backup", "--preset", "pre-update")
        made, = hb.archives(self.home / "backups")
        self.assert_roots(made)
        self.assertEqual(self.rows_of(self.hbcore("cat", made, "state.db").stdout), ROWS)
        # Taken over from the one before: its identity is read with the same rights.
        done = self.summary(self.run_root(*READ, "--json", "backup", "--preset", "pre-update"))
        self.assertEqual([path.stat().st_uid for path in hb.archives(self.home / "backups")], [0, 0], done)

    def test_snapshot_as_owner(self):
        def check(_):
            done = self.run_root("snapshot", "create", expect=3)
            self.assert_mentions(done, "state.db", "may not read it", "read-as = root in [home]")
            self.assertEqual(list((self.home / "state-snapshots").rglob("state.db")), [])
        self.in_each_condition(check)

    def test_snapshot_as_root(self):
        def check(name):
            self.run_root(*READ, "snapshot", "create", "--label", name)
            made, = (self.home / "state-snapshots").glob(f"*{name}*")
            self.assert_roots(made)
            self.assert_roots(made / "state.db")
            self.assertEqual(self.rows_of((made / "state.db").read_bytes()), ROWS)
        self.in_each_condition(check)

    def test_of_a_third_user(self):
        self.at_rest("delete")
        os.chown(self.home / "state.db", USER + 1, USER + 1)
        self.assert_mentions(self.run_root("backup", "-o", self.dir / "a.zip", expect=3), "state.db")
        self.run_root(*READ, "backup", "-o", self.dir / "a.zip")
        self.assertEqual(self.rows_of(self.hbcore("cat", self.dir / "a.zip", "state.db").stdout), ROWS)

    def test_of_the_user_is_read_with_his_rights(self):
        """As without it: a side file that SQLite makes is his."""
        for mode in ("delete", "wal"):
            for path in self.sides():
                path.unlink()
            self.at_rest(mode)
            os.chown(self.home / "state.db", USER, USER)
            self.run_root(*READ, "backup", "-o", self.dir / f"{mode}.zip")
            self.assertEqual(self.rows_of(self.hbcore("cat", self.dir / f"{mode}.zip", "state.db").stdout), ROWS)
            self.assertEqual({path.stat().st_uid for path in self.sides()}, {USER})


class Planted(Databases):
    """What the user can put beside it: it is opened for reading, if at all, and nothing is done to it."""

    def plant(self, suffix, kind):
        path, secret = self.home / f"state.db{suffix}", self.dir / "secret"
        if path.is_symlink() or path.exists():
            path.unlink()
        if kind == "link":
            path.symlink_to(secret)
        elif kind == "second name":
            os.link(secret, path)
        elif kind == "pipe":
            os.mkfifo(path, 0o600)
        else:  # another file of root's, which he moved there
            path.write_bytes(b"of root" * 1000)
            path.chmod(0o640)
            os.chown(path, 0, 7)
        return path

    def test_side_files(self):
        hb.write(self.dir / "secret", b"secret" * 1000, 0o600)
        for suffix in ("-wal", "-shm", "-journal"):
            for kind in ("link", "second name", "pipe", "moved"):
                for command in ("backup", "snapshot"):
                    with self.subTest(suffix=suffix, kind=kind, command=command), self.condition("at rest", "wal"):
                        path = self.plant(suffix, kind)
                        before = [state_of(path), state_of(self.dir / "secret")]
                        arguments = (["backup", "-o", self.dir / "a.zip"] if command == "backup" else
                                     ["snapshot", "create"])
                        done = self.run_root(*READ, *arguments, expect=None)
                        self.assertIn(done.returncode, (0, 3), self.describe(done))
                        if kind != "moved":
                            self.assertEqual(done.returncode, 3)
                            self.assert_mentions(done, "state.db", suffix)
                        self.assertEqual([state_of(path), state_of(self.dir / "secret")], before)

    def test_moved_beside_one_in_use(self):
        """The index of a database that a program has open, replaced by another file of root's."""
        with self.in_use("wal"):
            (self.home / "state.db-shm").unlink()
            path = self.plant("-shm", "moved")
            before, data = state_of(path), path.read_bytes()
            done = self.run_root(*READ, "backup", "-o", self.dir / "a.zip", expect=None)
            self.assertIn(done.returncode, (0, 3), self.describe(done))
            self.assertEqual((state_of(path), path.read_bytes()), (before, data))

    def test_an_empty_log_keeps_its_mode(self):
        self.at_rest("wal")
        path = self.home / "state.db-wal"
        hb.write(path, b"", 0o644)
        os.chown(path, 0, 7)
        before = state_of(path)
        self.run_root(*READ, "backup", "-o", self.dir / "a.zip")
        self.assertEqual(state_of(path), before)
        self.assertEqual(self.rows_of(self.hbcore("cat", self.dir / "a.zip", "state.db").stdout), ROWS)

    def test_a_link_of_the_users_to_it(self):
        """In a snapshot links are followed: as far as he can read what they lead to."""
        self.at_rest("delete")
        (self.home / "link.db").symlink_to("state.db")
        os.lchown(self.home / "link.db", USER, USER)
        done = self.hbcore("--home", self.home, *READ, "--set", "snapshot.files=config.yaml link.db", "snapshot",
                           "create", expect=3)
        self.assert_mentions(done, "link.db")
        self.assertEqual(list((self.home / "state-snapshots").rglob("link.db")), [])


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: only root can read what a user cannot")
        raise SystemExit(hb.SKIPPED)
    unittest.main()
