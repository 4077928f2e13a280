# SPDX-License-Identifier: Apache-2.0
"""import --only-changed: what the home holds already is left alone, and nothing else is."""
import io
import os
import sqlite3
import tarfile
import unittest

import hb

class OnlyChanged(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.make_database(self.home / "state.db", rows=10)
        (self.home / "state.db").chmod(0o600)  # as the filters would have it
        self.archive = self.backup(self.home)

    def take(self, *arguments, expect=0, archive=None, **options):
        return self.summary(self.hbcore("--json", "--home", self.home, "import", "--only-changed",
                                        "--force", *arguments, archive or self.archive,
                                        expect=expect, **options))

    def inodes(self):
        return {path: (path.lstat().st_ino, path.lstat().st_mtime_ns)
                for path in self.home.rglob("*") if not path.is_dir() or path.is_symlink()}

    def test_nothing_has_changed(self):
        before, done = self.inodes(), self.take()
        self.assertEqual((done["files"], done["bytes"]), (0, 0))
        self.assertEqual(done["left_unchanged"], done["members"])
        self.assertEqual(self.inodes(), before)

    def test_what_has_changed_is_restored_and_only_that(self):
        """Never by size and time, which are forged here."""
        noise = self.home / "noise.bin"
        stat, data = noise.stat(), bytearray(noise.read_bytes())
        right = bytes(data)
        data[len(data) // 2] ^= 1
        noise.write_bytes(data)
        os.utime(noise, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        hb.write(self.home / "config.yaml", b"model: larger\n")
        (self.home / "sub/empty").unlink()
        before = self.inodes()
        done = self.take()
        self.assertEqual(noise.read_bytes(), right)
        self.assertTrue((self.home / "sub/empty").exists())
        after = self.inodes()
        changed = {path.name for path in after
                   if after[path] != before.get(path)}
        self.assertEqual(changed, {"noise.bin", "config.yaml", "empty"})
        self.assertEqual(done["left_unchanged"], done["members"] - 3)

    def test_a_touched_one_keeps_its_time(self):
        os.utime(self.home / "noise.bin", (1, 1))
        done = self.take()
        self.assertEqual(done["left_unchanged"], done["members"])
        self.assertEqual((self.home / "noise.bin").stat().st_mtime, 1)

    def test_a_mode(self):
        """What the filters want to have another mode is restored."""
        (self.home / ".env").chmod(0o644)
        done = self.take()
        self.assertEqual(done["left_unchanged"], done["members"] - 1)
        self.assertEqual((self.home / ".env").stat().st_mode & 0o777, 0o600)

    def make_tar(self, *links):
        """Two files, and links: each a kind, a name and a target."""
        path = self.dir / "links.tar"
        with tarfile.open(path, "w") as tar:
            for name, text in (("config.yaml", b"model: one\n"), ("first", b"the same\n")):
                member = tarfile.TarInfo(name)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text))
            for kind, name, target in links:
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, target
                tar.addfile(member)
        self.home = self.dir / "linked"
        return path

    def test_links(self):
        """By their targets; a file of the same content is no link."""
        path = self.make_tar((tarfile.SYMTYPE, "link", "first"))
        link = self.home / "link"
        self.assertEqual(self.take("--config", hb.GENERIC, archive=path)["left_unchanged"], 0)
        self.assertEqual(self.take("--config", hb.GENERIC, archive=path)["left_unchanged"], 3)
        for change in (lambda: link.symlink_to("config.yaml"), lambda: link.symlink_to("firs"),
                       lambda: link.symlink_to("first1"), lambda: hb.write(link, b"the same\n")):
            link.unlink()
            change()
            self.assertEqual(self.take("--config", hb.GENERIC, archive=path)["left_unchanged"], 2)
            self.assertEqual(os.readlink(link), "first")

    def test_rows_in_the_log_of_a_database(self):
        """The file is as it was; the row is in the log beside it, held open by a program."""
        database = sqlite3.connect(self.home / "state.db", isolation_level=None)
        self.addCleanup(database.close)
        self.assertEqual(database.execute("PRAGMA journal_mode=WAL").fetchone(), ("wal",))
        database.execute("PRAGMA wal_autocheckpoint=0")
        self.archive = self.backup(self.home, "wal.zip")
        done = self.take()
        self.assertEqual(done["left_unchanged"], done["members"])
        table = database.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchone()[0]
        count = database.execute(f"SELECT count(*) FROM {table}").fetchone()
        database.execute(f"DELETE FROM {table}")
        done = self.take()
        self.assertEqual(done["left_unchanged"], done["members"] - 1)
        self.assertEqual(database.execute(f"SELECT count(*) FROM {table}").fetchone(), count)

    def test_a_fresh_home_gets_everything(self):
        before, self.home = self.home, self.dir / "fresh"
        done = self.take()
        self.assertEqual(done["left_unchanged"], 0)
        self.assertEqual((self.home / "noise.bin").read_bytes(),
                         (before / "noise.bin").read_bytes())

    def test_a_stream(self):
        archive = self.backup(self.home, "a.tar.zst", "--format", "tar-zstd")
        hb.write(self.home / "config.yaml", b"model: larger\n")
        done = self.take(archive="-", input=archive.read_bytes())
        self.assertEqual(done["left_unchanged"], done["members"] - 1)

    def test_a_hard_link_of_the_archive(self):
        path = self.make_tar((tarfile.LNKTYPE, "second", "first"))
        self.assertEqual(self.take(archive=path)["left_unchanged"], 0)
        self.assertEqual(self.take(archive=path)["left_unchanged"], 3)
        hb.write(self.home / "first", b"by hand\n")
        self.assertEqual(self.take(archive=path)["left_unchanged"], 2)
        self.assertEqual((self.home / "first").read_bytes(), b"the same\n")
        self.assertEqual((self.home / "second").read_bytes(), b"the same\n")

    def test_through_a_link_of_the_home(self):
        """What the file of the archive would be written through is what is compared."""
        (self.home / "elsewhere").mkdir()
        (self.home / "noise.bin").rename(self.home / "elsewhere/noise")
        (self.home / "noise.bin").symlink_to("elsewhere/noise")
        done = self.take()
        self.assertEqual(done["left_unchanged"], done["members"])
        right = (self.home / "elsewhere/noise").read_bytes()
        hb.write(self.home / "elsewhere/noise", b"changed")
        done = self.take()
        self.assertEqual(done["left_unchanged"], done["members"] - 1)
        self.assertEqual((self.home / "elsewhere/noise").read_bytes(), right)
        self.assertTrue((self.home / "noise.bin").is_symlink())

    def test_for_people(self):
        done = self.hbcore("--home", self.home, "import", "--only-changed", "--force", self.archive)
        self.assertRegex(done.stdout.decode(), r"\n  Unchanged: [1-9][0-9]*\n")
        done = self.hbcore("--home", self.home, "import", "--only-changed", "--dry-run",
                           self.archive, expect=2)
        self.assert_mentions(done, "--only-changed", "--dry-run")

    def test_without_the_option_nothing_is_said(self):
        done = self.summary(self.hbcore("--json", "--home", self.home, "import", "--force",
                                        self.archive))
        self.assertIsNone(done["left_unchanged"])
        self.assertEqual(done["files"], done["members"])


if __name__ == "__main__":
    unittest.main()
