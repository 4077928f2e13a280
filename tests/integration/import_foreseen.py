# SPDX-License-Identifier: Apache-2.0
"""The dry run of an import says what the import will: exit code and names, of whatever is in the home.

What cannot be known before stands at the end, with the reason.
"""
import json
import os
import socket
import sqlite3
import unittest

import hb

CONFIG = """[backup]
format = zip
[import]
links = restore
[snapshot]
files = a
[format:zip]
[format:tar-zstd]
[content:sqlite]
plugin = sqlite-snap
wait = 0
"""
OTHER = 4711
LONG = "n" * 255


def database(path, *, journal="delete"):
    made = sqlite3.connect(path)
    made.execute(f"pragma journal_mode = {journal}")
    made.execute("create table t (a)")
    made.execute("insert into t values (1)")
    made.commit()
    return made


# ---- what is in the home: name of the maker, path, more ----------------------------------------


def make(home, row):
    kind, name, *more = row.split(" ")
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "f":
        path.write_bytes("".join(more).encode() or b"old")
    elif kind == "0":
        path.write_bytes(b"")
    elif kind == "d":
        path.mkdir(parents=True, exist_ok=True)
    elif kind == "l":
        path.symlink_to(more[0])
    elif kind == "p":
        os.mkfifo(path)
    elif kind == "s":
        with socket.socket(socket.AF_UNIX) as bound:
            here = os.getcwd()
            os.chdir(path.parent)
            bound.bind(path.name)
            os.chdir(here)
    elif kind == "D":
        database(path).close()
    elif kind == "link":
        os.link(home / more[0], path)
    elif kind == "mode":
        path.chmod(int(more[0], 8))
    elif kind == "owner":
        os.chown(path, int(more[0]), int(more[0]))
    else:
        raise AssertionError(row)


# name: (what is in the home, members of the archive, what is not restored). "+": only as root
PLACES = {
    "nothing": ((), ("f a", "d d", "f d/b", "l l a"), ()),
    "files": (("f a", "f d/b"), ("f a", "d d", "f d/b"), ()),
    "directory for a file": (("d a",), ("f a", "f b"), ("a",)),
    "full directory for a file": (("f a/b",), ("f a", "f b"), ("a",)),
    "directory for a link": (("d a",), ("l a b", "f b"), ("a",)),
    "file for a directory": (("f a",), ("d a", "f b"), ("a",)),
    "file above a directory": (("f a",), ("d a/b", "f b"), ("a/b",)),
    "file above two directories": (("f a",), ("d a/b/c", "f b"), ("a/b/c",)),
    "file above a file": (("f a",), ("f a/b", "f b"), ("a/b",)),
    "file above a link": (("f a",), ("l a/b c", "f b"), ("a/b",)),
    "file above all": (("f a",), ("d a", "d a/b", "f a/b/c", "l a/l c", "h a/h a/b/c"), ("a", "a/b", "a/b/c", "a/l", "a/h")),
    "pipe for a file": (("p a",), ("f a", "f b"), ("a",)),
    "pipe for a directory": (("p a",), ("d a", "f a/b"), ("a", "a/b")),
    "pipe for a link": (("p a",), ("l a b",), ("a",)),
    "socket for a file": (("s a",), ("f a", "f b"), ("a",)),
    "socket for a directory": (("s a",), ("d a",), ("a",)),
    "link inside for a file": (("l a b",), ("f a",), ()),
    "link to a directory for a file": (("l a b", "d b"), ("f a",), ("a",)),
    "link inside for a directory": (("l a b", "d b"), ("d a", "f a/c"), ()),
    "link to a file for a directory": (("l a b", "f b"), ("d a", "f a/c"), ("a", "a/c")),
    "link to a pipe for a directory": (("l a b", "p b"), ("d a", "f c"), ("a",)),
    "link to the home": (("l a .",), ("d a", "f a/b"), ()),
    "link to the home for a file": (("l a .",), ("f a", "f b"), ("a",)),
    "link outside for a file": (("l a /etc/none",), ("f a", "f b"), ("a",)),
    "link outside for a directory": (("l a /etc",), ("d a", "f b"), ("a",)),
    "link outside above a directory": (("l a /etc",), ("d a/b", "f a/c"), ("a/b", "a/c")),
    "link up for a directory": (("l d/a ../../x",), ("d d", "d d/a", "f d/b"), ("d/a",)),
    "link outside for a link": (("l a /etc",), ("l a b",), ()),
    "dangling link for a file": (("l a none",), ("f a",), ()),
    "dangling link for a directory": (("l a none/two",), ("d a", "f a/b"), ()),
    "dangling link that leads on": (("l a none/../d/x", "d d"), ("f a", "d d"), ()),
    "dangling link that leads out": (("l a none/../../x",), ("d a", "f b"), ("a",)),
    "dangling link to the missing": (("l a none/two/..",), ("f a/c",), ()),
    "dangling link to a missing directory": (("l a none/",), ("f a",), ()),
    "dangling link, too long": (("l a none/" + "x" * 256,), ("d a", "f a/b", "f c"), ("a", "a/b")),
    "ring of links": (("l a b", "l b a"), ("d a", "f a/c", "f d"), ("a", "a/c")),
    "link into a stage": (("l a .hbcore-stage-0123456789abcdef/x",), ("d a", "f b"), ("a",)),
    "link to snapshots": (("l a snapshots/x/y", "d snapshots/x"), ("d a", "f a/z", "f b"), ("a", "a/z")),
    "long names": ((), (f"f {LONG}", f"d d/{LONG}", f"f d/{LONG}/{LONG}"), ()),
    "read-only directory": (("d d", "mode d 0555"), ("f d/a", "d d", "f b"), ("d/a",)),
    "read-only directory, below": (("d d", "mode d 0555"), ("d d/a", "f d/a/b", "l d/l b", "f c"), ("d/a", "d/a/b", "d/l")),
    "read-only directory, replaced": (("f d/a", "mode d 0555"), ("f d/a", "f b"), ("d/a",)),
    "closed directory": (("f d/a", "mode d 0000"), ("f d/a", "d d/b", "f b"), ("d/a", "d/b")),
    "read-only file": (("f a", "mode a 0000"), ("f a",), ()),
    "+root's file in it": (("f d/a", "owner d/a 0"), ("f d/a",), ()),
    "+root's directory in it": (("d d", "owner d 0"), ("f d/a",), ()),
}

DATABASES = {
    "database": (("D x.db",), ("D x.db",), ()),
    "no database": (("f x.db",), ("D x.db",), ()),
    "empty": (("0 x.db",), ("D x.db",), ()),
    "missing": ((), ("D x.db", "D d/y.db"), ()),
    "journal beside no database": (("f x.db", "f x.db-journal"), ("D x.db", "f a"), ("x.db",)),
    "log beside no database": (("f x.db", "f x.db-wal"), ("D x.db",), ("x.db",)),
    "empty log beside no database": (("f x.db", "0 x.db-wal"), ("D x.db",), ()),
    "log without a database": (("f x.db-wal",), ("D x.db",), ()),
    "directory for a journal": (("D x.db", "d x.db-journal"), ("D x.db",), ("x.db",)),
    "directory for the journal of none": (("d x.db-journal",), ("D x.db",), ("x.db",)),
    "pipe for a log": (("D x.db", "p x.db-wal"), ("D x.db",), ("x.db",)),
    "link for a log": (("D x.db", "l x.db-wal a"), ("D x.db",), ("x.db",)),
    "log with two names": (("D x.db", "0 x.db-wal", "link b x.db-wal"), ("D x.db",), ("x.db",)),
    "database with two names": (("D x.db", "link b x.db"), ("D x.db",), ()),
    "two names and a log": (("D x.db", "link b x.db", "f x.db-wal"), ("D x.db",), ("x.db",)),
    "no database for a database": (("D x.db",), ("f x.db",), ("x.db",)),
    "directory for a database": (("d x.db",), ("D x.db",), ("x.db",)),
    "pipe for a database": (("p x.db",), ("D x.db",), ("x.db",)),
    "link to a database": (("l x.db y", "D y"), ("D x.db",), ()),
    "link to no database": (("l x.db y", "f y", "f y-journal"), ("D x.db",), ("x.db",)),
    "in a read-only directory": (("d d", "mode d 0555"), ("D d/x.db",), ("d/x.db",)),
    "read-only database": (("D x.db", "mode x.db 0444"), ("D x.db",), ("x.db",)),
}


class Foreseen(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.config = self.write_config(CONFIG)
        self.count, self.archive = 0, self.dir / "made.tar"
        self.owner = OTHER if os.geteuid() == 0 else None
        database(self.dir / "rows.db").close()
        self.rows = (self.dir / "rows.db").read_bytes()

    def home_of(self, rows):
        """Another user's, where we are root: a home of root's has no closed directory."""
        self.count += 1
        home = self.dir / f"home{self.count}"
        home.mkdir()
        for row in rows:
            if not row.startswith(("mode", "owner")):
                make(home, row)
        if self.owner is not None:
            for path in [home, *home.rglob("*")]:
                os.chown(path, self.owner, self.owner, follow_symlinks=False)
        for row in rows:
            if row.startswith(("mode", "owner")):
                make(home, row)
        return home

    def told(self, home, *words):
        """Exit code, and what is said of which path."""
        done = self.hbcore("--json", "--home", home, "import", "-f", *words, self.archive, expect=None)
        last = json.loads(done.stdout.splitlines()[-1])
        self.assertNotEqual(last.get("type"), "error", self.describe(done))
        return done.returncode, {row["path"]: row["reason"] for row in last.get("skipped", []) + last.get("doubtful", [])}

    def look(self, home):
        # As root: what is closed to its owner is listed, too. Of a closed directory nothing else can be told.
        return hb.tree(home) if os.geteuid() == 0 else None

    def compare(self, home, refused, same_words=True):
        before = self.look(home)
        dry = self.told(home, "--dry-run")
        self.assertEqual(self.look(home), before)
        done = self.told(home)
        self.assertEqual((dry[0], set(dry[1])), (done[0], set(done[1])), (dry, done))
        self.assertEqual((done[0], set(done[1])), (3 if refused else 0, set(refused)), done)
        if same_words:
            self.assertEqual(dry[1], done[1])

    def each(self, table):
        for name, (there, members, refused) in table.items():
            if name.startswith("+") and os.geteuid() != 0:
                continue
            with self.subTest(name):
                hb.tar_of(self.archive, members, self.rows)
                self.compare(self.home_of(there), refused)

    def test_places(self):
        self.each(PLACES)

    def test_databases(self):
        self.each(DATABASES)

    def test_what_cannot_be_known(self):
        """A lock may be gone by then; a dry run does not unpack, so that it does not see what the bytes of a copy are."""
        for name, rows, lock in (("locked", self.rows, True), ("no database", b"these are no rows", False),
                                 ("unsound", self.rows[:4096], False)):
            with self.subTest(name):
                hb.tar_of(self.archive, ("D x.db",), rows)
                home = self.home_of(("D x.db",))
                held = sqlite3.connect(home / "x.db", isolation_level=None)
                if lock:
                    held.execute("begin exclusive")
                self.assertEqual(self.told(home, "--dry-run"), (0, {}))
                code, said = self.told(home)
                held.close()
                self.assertEqual((code, set(said)), (3, {"x.db"}))


if __name__ == "__main__":
    unittest.main()
