# SPDX-License-Identifier: Apache-2.0
"""Whose files are they afterwards? Root over a user's files, a user over root's, and archives that
claim owners of their own."""
import os
import pwd
import sqlite3
import stat

import hb
from build import LINK, Member, tar_file, tar_of, zip_of

USER, OTHER, GROUP = 65534, 1234, 4321
# What the user makes in a directory that does not hand its group down; of one who is not known: the directory's.
FIRST = next((entry.pw_gid for entry in pwd.getpwall() if entry.pw_uid == USER), GROUP)


def owned(path, uid, gid=None):
    os.chown(path, uid, uid if gid is None else gid, follow_symlinks=False)


class Owners(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.home.mkdir()
        self.wrap = []

    def command(self, *arguments):
        return self.wrap + super().command(*arguments)

    def as_user(self):
        self.somebody_else()
        self.wrap = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        owned(self.dir, USER)
        owned(self.user, USER)

    def take(self, data, expect=0, name="a.zip", config=hb.HERMES):
        (self.dir / name).write_bytes(data)
        return self.hbcore("--config", config, "--home", self.home, "import", self.dir / name,
                           "--force", expect=expect)

    def owner(self, name):
        status = os.lstat(self.home / name)
        return status.st_uid, status.st_gid

    def assert_owners(self, expected):
        self.assertEqual({name: self.owner(name) for name in expected}, expected)

    def database(self, path, text):
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE t (text TEXT)")
        database.execute("INSERT INTO t VALUES (?)", (text,))
        database.commit()
        database.close()
        return path.read_bytes()

    def root_over_files_of_users(self, archive_of, suffix):
        rows = {"config.yaml": "x", ".env": "x", "theirs/old": "x", "theirs/new": "x", "new": "x",
                "theirs/deep/er/new": "x", "made/new": "x"}
        for name in ("config.yaml", "theirs/old", ".env"):
            hb.write(self.home / name, b"old", 0o640)
        for name, uid, gid in ((".", USER, GROUP), ("config.yaml", OTHER, USER), ("theirs", OTHER, 7),
                               ("theirs/old", USER, 8), (".env", USER, USER)):
            owned(self.home / name, uid, gid)
        self.take(archive_of(rows), name="a" + suffix)
        self.assert_owners({
            "config.yaml": (OTHER, USER), ".env": (USER, USER), "theirs/old": (USER, 8),
            "theirs/new": (OTHER, 7), "new": (USER, FIRST), "theirs/deep": (OTHER, 7),
            "theirs/deep/er": (OTHER, 7), "theirs/deep/er/new": (OTHER, 7),
            "made": (USER, FIRST), "made/new": (USER, FIRST)})
        self.assertEqual((self.home / "theirs/old").read_bytes(), b"x")

    def test_root_over_files_of_users(self):
        """Each existing file keeps its owner; what is new belongs to its directory's, and to that one's first group."""
        self.root_over_files_of_users(
            lambda rows: zip_of(*(Member(*row) for row in rows.items())), ".zip")

    def test_root_over_files_of_users_by_tar(self):
        self.root_over_files_of_users(
            lambda rows: tar_of(*(tar_file(*row) for row in rows.items())), ".tar")

    def test_owners_in_the_archive_do_not_count(self):
        """Not even root gives files to whom a tar says."""
        owned(self.home, USER)
        block = bytearray(tar_file("claimed", "x"))
        block[108:124] = b"%07o\0%07o\0" % (OTHER, OTHER)
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block[:512])
        self.take(tar_of(tar_file("config.yaml", "x"), bytes(block)), name="a.tar")
        self.assert_owners({"claimed": (USER, USER)})

    def test_root_restores_links(self):
        owned(self.home, USER)
        self.take(zip_of(Member("config.yaml", "x"), Member("link", "config.yaml", mode=LINK)),
                  config=hb.GENERIC)
        self.assert_owners({"link": (USER, USER)})

    def test_root_restores_databases(self):
        """Into the live file, and where there is none; nothing of root's stays beside them."""
        new = self.database(self.dir / "new.db", "new")
        self.database(self.home / "state.db", "old")
        for name in (".", "state.db"):
            owned(self.home / name, USER)
        (self.home / "state.db").chmod(0o640)
        self.take(zip_of(Member("state.db", new), Member("sub/other.db", new)))
        self.assert_owners({name: (USER, USER) for name in
                                 ("state.db", "sub", "sub/other.db")})
        for root, directories, files in os.walk(self.home):
            for name in directories + files:
                self.assertEqual(os.lstat(os.path.join(root, name)).st_uid, USER, name)
        with sqlite3.connect(self.home / "state.db") as database:
            self.assertEqual(database.execute("SELECT text FROM t").fetchall(), [("new",)])
        database.close()

    def test_root_makes_the_home(self):
        owned(self.dir, USER)
        self.home.rmdir()
        self.take(zip_of(Member("config.yaml", "x"), Member("sub/x", "x")))
        self.assert_owners({name: (USER, USER) for name in
                                 (".", "config.yaml", "sub", "sub/x")})

    def test_a_refused_archive_gives_nothing_away(self):
        hb.write(self.home / "config.yaml", b"old", 0o640)
        owned(self.home, USER)
        owned(self.home / "config.yaml", OTHER)
        self.take(zip_of(Member("config.yaml", "x", central={"crc": 1})), 1)
        self.assert_owners({".": (USER, USER), "config.yaml": (OTHER, OTHER)})

    def test_user_in_a_home_of_root(self):
        """Nothing can be staged: nothing is changed."""
        hb.write(self.home / "config.yaml", b"old", 0o644)
        self.as_user()
        before = hb.tree(self.home)
        self.take(zip_of(Member("config.yaml", "x")), 1)
        self.assert_unchanged(before, self.home)
        self.assert_owners({".": (0, 0), "config.yaml": (0, 0)})

    def test_user_over_files_of_root(self):
        """In a directory of root: left alone and reported, the rest goes on. In the user's own, a
        file of root is replaced as any editor would, by one of the user's."""
        hb.write(self.home / "config.yaml", b"old", 0o644)
        hb.write(self.home / "theirs/old", b"old", 0o644)
        owned(self.home, USER)
        self.as_user()
        done = self.take(zip_of(Member("config.yaml", "new"), Member("theirs/old", "new"),
                                Member("theirs/new", "new"), Member("theirs/deep/new", "new"),
                                Member("mine/new", "new")), 3)
        self.assert_mentions(done, "theirs/old", "theirs/new", "theirs/deep/new")
        self.assertEqual((self.home / "theirs/old").read_bytes(), b"old")
        self.assertEqual(os.listdir(self.home / "theirs"), ["old"])
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"new")
        self.assert_owners({"theirs": (0, 0), "theirs/old": (0, 0), "config.yaml": (USER, USER),
                                 "mine": (USER, USER), "mine/new": (USER, USER)})

    def test_user_over_a_database_of_root(self):
        """It cannot be written through SQLite, and is not swapped instead; nothing is laid beside it."""
        for mode in ("delete", "wal"):
            with self.subTest(journal_mode=mode):
                self.over_a_database_of_root(mode)

    def over_a_database_of_root(self, mode):
        self.home = self.dir / mode
        self.home.mkdir()
        self.wrap = []
        new = self.database(self.dir / f"{mode}.db", "new")
        self.database(self.home / "state.db", "old")
        with sqlite3.connect(self.home / "state.db") as database:
            database.execute(f"PRAGMA journal_mode = {mode}")
        database.close()
        old = (self.home / "state.db").read_bytes()
        (self.home / "state.db").chmod(0o644)
        owned(self.home, USER)
        self.as_user()
        inode = (self.home / "state.db").stat().st_ino
        done = self.take(zip_of(Member("config.yaml", "x"), Member("state.db", new)), 3)
        self.assert_mentions(done, "state.db", "cannot be written")
        self.assertEqual((self.home / "state.db").read_bytes(), old)
        self.assertEqual((self.home / "state.db").stat().st_ino, inode)
        self.assertEqual(sorted(os.listdir(self.home)), ["config.yaml", "state.db"])
        self.assert_owners({"state.db": (0, 0), "config.yaml": (USER, USER)})
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"x")

    def test_sticky_directory_of_root(self):
        """Where others' files must not be replaced, though one may write there."""
        hb.write(self.home / "shared/old", b"old", 0o644)
        (self.home / "shared").chmod(stat.S_ISVTX | 0o777)
        owned(self.home, USER)
        self.as_user()
        done = self.take(zip_of(Member("config.yaml", "x"), Member("shared/old", "new"),
                                Member("shared/new", "new")), 3)
        self.assert_mentions(done, "shared/old")
        self.assertEqual((self.home / "shared/old").read_bytes(), b"old")
        self.assert_owners({"shared/old": (0, 0), "shared/new": (USER, USER)})


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: only root can give files away")
        raise SystemExit(hb.SKIPPED)
    hb.need("setpriv")
    hb.unittest.main()
