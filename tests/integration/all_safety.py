# SPDX-License-Identifier: Apache-2.0
"""What could cost data without a word: each of these once went wrong."""
import os
import resource
import sqlite3
import subprocess
import unittest
import zipfile

import hb


class Import(hb.Case):
    def setUp(self):
        super().setUp()
        self.target = self.dir / "target"
        self.target.mkdir()

    def make_zip(self, rows):
        path = self.dir / "made.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            for name, data in rows:
                made.writestr(name, data)
        return path

    def take(self, archive, expect):
        return self.hbcore("--home", self.target, "import", archive, "--force", expect=expect)

    def test_a_log_is_never_laid_beside_a_live_database(self):
        live = sqlite3.connect(self.target / "state.db")
        live.execute("pragma journal_mode=wal")
        live.execute("create table t(a)")
        live.executemany("insert into t values(?)", [(i,) for i in range(100)])
        live.commit()
        other = sqlite3.connect(self.dir / "other.db")
        other.execute("create table t(a)")
        other.execute("insert into t values('new')")
        other.commit()
        other.close()
        archive = self.make_zip([("config.yaml", b"a: 1\n"),
                                 ("state.db", (self.dir / "other.db").read_bytes()),
                                 ("state.db-wal", b"junk" * 2000), ("sub/x.db-shm", b"junk")])
        done = self.take(archive, 3)
        self.assert_mentions(done, "state.db-wal", "sub/x.db-shm")
        self.assertEqual(live.execute("select a from t").fetchall(), [("new",)])
        self.assertEqual(live.execute("pragma integrity_check").fetchall(), [("ok",)])
        live.close()
        self.assertFalse((self.target / "sub/x.db-shm").exists())

    def refused_unchanged(self, archive, old, new, at):
        data = bytearray(archive.read_bytes())
        for _ in range(at + 1):
            place = data.index(old, 0 if _ == 0 else place + 1)
        data[place:place + len(old)] = new
        archive.write_bytes(data)
        hb.write(self.target / "kept", b"old")
        before = hb.tree(self.target)
        self.take(archive, 1)
        self.assertEqual(self.hbcore("verify", archive, expect=1).returncode, 1)
        self.assert_unchanged(before, self.target)

    def test_an_unsound_database_is_not_restored_in_silence(self):
        archive = self.make_zip([("config.yaml", b"a"),
                                 ("state.db", b"SQLite format 3\0" + b"junk" * 3000)])
        self.assert_mentions(self.take(archive, 3), "state.db")
        self.assertTrue((self.target / "state.db").exists())

    def test_verify_names_what_an_import_would_refuse(self):
        archive = self.make_zip([("config.yaml", b"a"), ("../out", b"x")])
        self.assert_mentions(self.hbcore("verify", archive, expect=3), "../out")

    def test_rows_that_are_in_a_log_only(self):
        """An archive of another tool, made while a program had the database open."""
        live = self.make_database(self.dir / "live/state.db", wal=True)
        program = sqlite3.connect(live)
        program.execute("insert into t (text) values ('in the log')")
        program.commit()
        archive = self.make_zip([("config.yaml", b"a"), *(
            (path.name, path.read_bytes()) for path in sorted(live.parent.iterdir()))])
        program.close()
        for done in (self.hbcore("verify", archive, expect=3), self.take(archive, 3)):
            self.assert_mentions(done, "state.db-wal", "data that is only in it")
        self.assertEqual(len(self.database_rows(self.target / "state.db")), 50)
        self.assertEqual([path.name for path in self.target.glob("state.db*")], ["state.db"])

    def test_directories_are_verified_too(self):
        archive = self.make_zip([("config.yaml", b"a"), ("zz/", b"")])
        self.refused_unchanged(archive, b"zz/", b"yy/", 0)

    def test_members_that_are_kept_back_are_verified_too(self):
        archive = self.dir / "made.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as made:
            made.writestr("config.yaml", b"a")
            made.writestr("gateway.pid", b"the number of a process")
        self.refused_unchanged(archive, b"number", b"NUMBER", 0)

    def test_a_neighbour_whose_name_begins_like_the_homes(self):
        """A link to it leads outside, and what stands in it is not read as a path of the home."""
        beside = self.dir / "target2"
        hb.write(beside / "f", b"beside")
        hb.write(self.target / "2/f", b"inside")
        for name, to in (("file", beside / "f"), ("folder", beside)):
            (self.target / name).symlink_to(to)
        world = hb.tree(beside)
        archive = self.make_zip([("config.yaml", b"a"), ("file", b"new"), ("folder/f", b"new")])
        done = self.take(archive, 3)
        self.assert_mentions(done, "file", "folder/f", "outside the home")
        self.assertEqual((self.target / "2/f").read_bytes(), b"inside")
        self.assert_unchanged(world, beside)

    def test_a_directory_below_a_link_inside_gets_its_mode(self):
        (self.target / "real").mkdir()
        os.symlink("real", self.target / "skills")
        source = self.dir / "source"
        hb.write(source / "config.yaml", b"a")
        hb.write(source / "skills/new/x", b"x")
        (source / "skills/new").chmod(0o750)
        self.take(self.backup(source), 0)
        self.assertEqual(oct((self.target / "real/new").stat().st_mode & 0o777), oct(0o750))


class Backup(hb.Case):
    def test_many_databases_with_few_descriptors(self):
        home = self.dir / "home"
        hb.write(home / "config.yaml", b"a")
        self.make_database(home / "one.db")
        data = (home / "one.db").read_bytes()
        for i in range(200):
            hb.write(home / f"db/{i}.db", data)
        hb.write(home / "big", os.urandom(1 << 20) * 64)

        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
        done = self.hbcore("--home", home, "--json", "backup", "-o", self.dir / "m.zip",
                           preexec_fn=few)
        summary = self.summary(done)
        self.assertEqual((len(summary["databases"]), summary["skipped"]), (201, []))

    def test_two_archives_in_one_second_both_survive(self):
        home, out = self.make_home(), self.dir / "out"
        out.mkdir()
        for _ in range(3):
            self.hbcore("--home", home, "backup", "-o", out)
        self.assertEqual(len(list(out.iterdir())), 3, list(out.iterdir()))

    def test_a_file_size_limit_is_an_error_with_a_message(self):
        home, out = self.make_home(), self.dir / "out"
        out.mkdir()
        hb.write(home / "random", os.urandom(1 << 20))

        def small():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))
        done = self.hbcore("--home", home, "backup", "-o", out / "x.zip", expect=1,
                           preexec_fn=small)
        self.assert_mentions(done, "x.zip", "too large")
        self.assertEqual(os.listdir(out), [])

    def test_what_the_format_cannot_store_costs_that_file_alone(self):
        """zip has room for 65,535 bytes of name."""
        home = self.dir / "home"
        hb.write(home / "config.yaml", b"a")
        self.addCleanup(subprocess.run, ["rm", "-rf", home], check=True)
        here = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
        for _ in range(262):
            os.mkdir("d" * 250, dir_fd=here)
            inner = os.open("d" * 250, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = inner
        for name, size in (("x.db", 100), ("small", 10), ("big", 3 << 20)):
            fd = os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=here)
            os.write(fd, b"x" * size)
            os.close(fd)
        os.close(here)
        done = self.hbcore("--home", home, "--json", "backup", "-o", self.dir / "l.zip", expect=3)
        summary = self.summary(done)
        names = {row["path"].rpartition("/")[2] for row in summary["skipped"]}
        self.assertLessEqual({"x.db", "small", "big"}, names)
        with zipfile.ZipFile(self.dir / "l.zip") as made:
            self.assertIsNone(made.testzip())
            self.assertEqual(made.read("config.yaml"), b"a")


if __name__ == "__main__":
    unittest.main()
