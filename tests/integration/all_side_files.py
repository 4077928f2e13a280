# SPDX-License-Identifier: Apache-2.0
"""What lies beside a database: -wal, -shm and -journal are opened only where they are, only as what they must be, and
never laid beside a database in use.
"""
import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import unittest

import fault
import hb

fault.need()

SIDES = ("-wal", "-shm", "-journal")
LIMIT = 5  # seconds, for runs that take a tenth of one
LEAVE_A_LOG = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
database.execute("INSERT INTO t (text) VALUES ('FOREIGN')")
os._exit(0)
"""


class SideFiles(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home, self.outside = self.dir / "home", self.dir / "outside"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        self.outside.mkdir()

    def in_time(self, *arguments):
        """A finished run; the test fails where it does not end, also not by SIGINT."""
        process = subprocess.Popen(self.command("--home", self.home, "--set", "content:sqlite.wait=0", *arguments),
                                   env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        try:
            output, errors = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            waits = pathlib.Path(f"/proc/{process.pid}/wchan").read_text(encoding="ascii")
            process.kill()
            process.communicate()
            self.left_behind_is_fine = True
            self.fail(f"{arguments}: did not end within {LIMIT} s; it waits in {waits}")
        done = subprocess.CompletedProcess(process.args, process.returncode, output, errors)
        self.assert_clean(done)
        return done

    def make_source(self, *names, rows=7):
        """An archive with a database of each name."""
        source = self.dir / "source"
        hb.write(source / "config.yaml", b"imported\n")
        for name in names:
            self.make_database(source / name, rows=rows, wal=True)
        return self.backup(source, "import.zip")

    def foreign(self, name="c.db"):
        """A database of somebody else's, with rows that are in its log alone."""
        subprocess.run([sys.executable, "-c", LEAVE_A_LOG, self.outside / name], check=True)
        return self.outside / name

    def rows_of_copy(self, path):
        """What a program would find in it now; the files themselves are not touched."""
        copy = self.dir / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(path.parent, copy)
        return self.database_rows(copy / path.name)

    @contextlib.contextmanager
    def outside_stays(self):
        """Bytes, owner, mode and inode of all that is there, and no more files than there were."""
        def state():
            return {path.name: (path.lstat().st_ino, path.lstat().st_uid, oct(path.lstat().st_mode), path.read_bytes()
                                if path.is_file() else b"") for path in self.outside.rglob("*")}
        before = state()
        yield
        after = state()
        changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
        self.assertEqual(changed, [], f"outside was changed: {sorted(before)} before, {sorted(after)} now")

    def assert_refused_or_right(self, done, title, name, rows, imported):
        """Refused and named; or, where the side file is not needed to read it, stored or restored as it is."""
        self.assertIn(done.returncode, (0, 3), self.describe(done))
        if done.returncode == 3:
            self.assert_mentions(done, name)
            return
        stored = self.dir / "stored.db"
        if title == "import":
            rows, content = imported, (self.home / name).read_bytes()
        elif title == "snapshot":
            content = next((self.home / "state-snapshots").glob(f"*/{name}")).read_bytes()
        else:
            archive = next(path for place in (self.home / "backups", self.dir) if place.exists()
                           for path in place.iterdir() if path.name.startswith(("b.", "pre-update-")))
            content = self.hbcore("cat", archive, name).stdout
        stored.write_bytes(content)
        self.assertEqual(len(self.database_rows(stored)), rows, self.describe(done))

    def commands(self, archive, name):
        listed = ("--set", f"snapshot.files=config.yaml {name}")
        for path in (self.dir / "b.zip", self.dir / "b.tar.zst"):
            path.unlink(missing_ok=True)
        return {"zip": ("backup", "-o", self.dir / "b.zip"),
                "tar-zstd": ("backup", "--format", "tar-zstd", "-o", self.dir / "b.tar.zst"),
                "preset": ("backup", "--preset", "pre-update"),
                "snapshot": (*listed, "snapshot", "create"),
                "import": ("import", "--force", archive)}


class NoFiles(SideFiles):
    """A pipe, a directory, a link in the place of a side file: nobody waits for it, follows it or replaces it."""

    def put(self, what, path):
        if what == "pipe":
            os.mkfifo(path)
        elif what == "directory":
            path.mkdir()
        else:
            path.symlink_to({"link to a pipe": self.outside / "pipe", "link outside": self.outside / "file",
                             "link to nothing": self.outside / "none"}[what])

    def test_each(self):
        os.mkfifo(self.outside / "pipe")
        hb.write(self.outside / "file", b"of somebody else")
        archive = self.make_source("state.db")
        for what in ("pipe", "link to a pipe", "link outside", "link to nothing", "directory"):
            for side in SIDES:
                for title in self.commands(archive, "state.db"):
                    with self.subTest(what=what, side=side, command=title), self.outside_stays():
                        self.one(what, side, title, self.commands(archive, "state.db")[title])

    def one(self, what, side, title, command):
        shutil.rmtree(self.home)
        hb.write(self.home / "config.yaml", b"a: 1\n")
        path = self.make_database(self.home / "state.db", wal=side != "-journal", rows=3)
        beside = pathlib.Path(f"{path}{side}")
        self.put(what, beside)
        before = beside.lstat().st_ino
        done = self.in_time(*command)
        self.assertEqual(beside.lstat().st_ino, before, "what lay beside it was replaced")
        self.assert_refused_or_right(done, title, "state.db", 3, 7)


class HardLinks(SideFiles):
    """A side file that has a second name belongs to another database, too."""

    def test_each(self):
        archive = self.make_source("c.db")
        for side in SIDES:
            for title in self.commands(archive, "c.db"):
                with self.subTest(side=side, command=title):
                    self.one(side, title, self.commands(archive, "c.db")[title])

    def one(self, side, title, command):
        for path in (self.home, self.outside):
            shutil.rmtree(path)
        hb.write(self.home / "config.yaml", b"a: 1\n")
        self.outside.mkdir()
        foreign = self.foreign()
        if side == "-journal":
            hb.write(f"{foreign}-journal", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504) + b"rolls back")
        self.make_database(self.home / "c.db", wal=side != "-journal", rows=3)
        os.link(f"{foreign}{side}", self.home / f"c.db{side}")
        rows = None if side == "-journal" else self.rows_of_copy(foreign)
        with self.outside_stays():
            done = self.in_time(*command)
        self.assert_refused_or_right(done, title, "c.db", 3, 7)
        if side != "-shm":  # which nobody needs where there is no log
            self.assertEqual(done.returncode, 3, self.describe(done))
        if rows is not None:
            self.assertEqual(self.rows_of_copy(foreign), rows)


class Swapped(SideFiles):
    """The directory of a database becomes a link to another one, for a moment: between two opens of SQLite."""

    def setUp(self):
        super().setUp()
        self.archive = self.make_source("sub/c.db")
        self.state = self.dir / "state"

    def fresh(self):
        for path in (self.home, self.outside):
            shutil.rmtree(path)
        hb.write(self.home / "config.yaml", b"a: 1\n")
        self.make_database(self.home / "sub/c.db", wal=True, rows=3)
        self.make_database(self.outside / "c.db", wal=True, rows=5)
        self.state.unlink(missing_ok=True)

    def there_and_back(self):
        """What the shell does at the first call and undoes at the second; later ones are left alone."""
        sub, real, state = self.home / "sub", self.home / "real", self.state
        return (f"if [ ! -e {state} ]; then mv {sub} {real} && ln -s {self.outside} {sub}; echo there > {state}; "
                f"elif grep -q there {state}; then rm {sub} && mv {real} {sub}; echo back > {state}; fi")

    def back(self):
        subprocess.run(["sh", "-c", f"if [ -e {self.state} ] && grep -q there {self.state}; then "
                        f"{self.there_and_back()}; fi"], check=True)

    def test_at_each_open(self):
        calls = {"calls": "openat,openat2,open,newfstatat,statx,faccessat2,unlink,unlinkat", "path": "*c.db*"}
        commands = {"import": ("import", "--force", self.archive), "backup": ("backup", "-o", self.dir / "b.zip"),
                    "snapshot": ("--set", "snapshot.files=config.yaml sub/", "snapshot", "create")}
        for title, command in commands.items():
            self.fresh()
            line = ("--home", self.home, "--set", "content:sqlite.wait=0", "--set", "backup.workers=1", *command)
            total = self.faulted(*line, expect=None, **calls).count
            self.assertGreater(total, 3)
            for at in fault.some(range(1, total + 1), 20):
                with self.subTest(command=title, at=at):
                    self.fresh()
                    with self.outside_stays():
                        done = self.faulted(*line, at=f"{at}+", run=self.there_and_back(), expect=None, **calls)
                        self.back()
                    self.assertIn(done.returncode, (0, 1, 3), self.describe(done))
                    rows = len(self.database_rows(self.home / "sub/c.db"))
                    self.assertIn(rows, (3, 7) if title == "import" else (3,), self.describe(done))


class Snapshots(SideFiles):
    """A listed directory with a database in use."""

    def setUp(self):
        super().setUp()
        self.path = self.home / "kanban/boards/work/kanban.db"
        self.path.parent.mkdir(parents=True)
        self.program = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(self.program.close)
        self.program.execute("PRAGMA journal_mode=WAL")
        self.program.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
        self.program.execute("INSERT INTO t (text) VALUES ('saved')")

    def rows(self):
        return [text for text, in self.program.execute("SELECT text FROM t ORDER BY id")]

    def inodes(self):
        return {path.name: path.stat().st_ino for path in self.path.parent.iterdir()}

    def assert_restored_in_place(self, before):
        self.assertEqual(self.inodes(), before, "files of a database in use were replaced")
        self.assertEqual(self.rows(), ["saved"])
        self.assertEqual(self.program.execute("PRAGMA integrity_check").fetchall(), [("ok",)])

    def test_they_are_passed_over(self):
        self.hbcore("--home", self.home, "snapshot", "create")
        stored, = (self.home / "state-snapshots").glob("*/kanban/boards/work")
        self.assertEqual(os.listdir(stored), ["kanban.db"])
        self.program.execute("INSERT INTO t (text) VALUES ('later')")
        before = self.inodes()
        self.hbcore("--home", self.home, "snapshot", "restore", "1")
        self.assert_restored_in_place(before)

    def test_those_of_an_older_snapshot_are_not_laid_beside_it(self):
        """The release before has put them in."""
        self.hbcore("--home", self.home, "snapshot", "create")
        stored, = (self.home / "state-snapshots").glob("*/kanban/boards/work")
        manifest = stored.parents[2] / "manifest.json"
        meta = hb.json.loads(manifest.read_bytes())
        for side in ("-wal", "-shm"):
            shutil.copy(f"{self.path}{side}", stored / f"kanban.db{side}")
            meta["files"][f"kanban/boards/work/kanban.db{side}"] = os.stat(f"{self.path}{side}").st_size
        manifest.write_text(hb.json.dumps(meta))
        self.program.execute("INSERT INTO t (text) VALUES ('later')")
        before = self.inodes()
        done = self.hbcore("--home", self.home, "snapshot", "restore", "1", expect=None)
        self.assertIn(done.returncode, (0, 3), self.describe(done))
        self.assert_restored_in_place(before)


if __name__ == "__main__":
    unittest.main()
