# SPDX-License-Identifier: Apache-2.0
"""What stays: the last complete archive, whatever goes wrong when another one is made or pruned; and a complete one
whose name an incomplete one would take.
"""
import os
import pathlib
import subprocess
import unittest
import zipfile

import fault
import hb
import odd_store

fault.need()

FORMATS = {"zip": "zip", "tar-zstd": "tar.zst"}


class Retention(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        hb.write(self.home / "kept.txt", b"text\n" * 100)

    def break_a_database(self):
        hb.write(self.home / "zero.db", bytes(65536))

    def mend(self):
        (self.home / "zero.db").unlink(missing_ok=True)


class CannotTell(Retention):
    """The older archive cannot be read at that moment: it may be complete, so it stays, and is named."""

    def setUp(self):
        super().setUp()
        self.hbcore("--home", self.home, "backup", "--preset", "pre-update")
        made, = hb.archives(self.home / "backups")
        self.good = made.rename(made.with_name("pre-update-2024-01-01-000000.zip"))
        self.content = self.good.read_bytes()
        self.break_a_database()

    def prune(self, **what):
        for path in hb.archives(self.good.parent):
            path.unlink()
        self.good.write_bytes(self.content)
        done = self.faulted("--home", self.home, "backup", "--keep", "1", "--preset", "pre-update",
                            calls="openat,openat2", path=self.good, at=what.pop("at", "1+"), expect=None, **what)
        self.assertGreater(done.hits, 0, "the archive was not opened")
        self.assertTrue(self.good.exists(), f"exit {done.returncode}: {os.listdir(self.good.parent)}")
        self.assertEqual(self.good.read_bytes(), self.content)
        return done

    def test_errors(self):
        for error in ("EMFILE", "ENFILE", "EIO", "EACCES", "ENOMEM", "EPERM", "ESTALE"):
            with self.subTest(error=error):
                done = self.prune(error=error)
                self.assertEqual(done.returncode, 3, self.describe(done))
                self.assert_mentions(done, self.good.name)

    def test_signals(self):
        for name in ("INT", "TERM", "HUP"):
            with self.subTest(signal=name):
                self.prune(at=1, run=f"kill -{name} $HB_FAULT_THREAD")

    @odd_store.local("calls on its files fail")
    def test_it_takes_no_place(self):
        """Of those that can be read as many stay as were asked for."""
        (self.home / "zero.db").unlink()
        for day in (2, 3):
            self.hbcore("--home", self.home, "backup", "--preset", "pre-update", "--keep", "9")
            newest = max(hb.archives(self.good.parent), key=lambda path: path.stat().st_mtime_ns)
            newest.rename(self.good.with_name(f"pre-update-2024-01-0{day}-000000.zip"))
        done = self.faulted("--home", self.home, "backup", "--keep", "2", "--preset", "pre-update",
                            calls="openat,openat2", path="*/pre-update-2024-01-03-*", at="1+", error="EIO",
                            expect=None)
        self.assertIn(done.returncode, (0, 3), self.describe(done))
        self.assert_mentions(done, "pre-update-2024-01-03-000000.zip")
        left = [path.name for path in hb.archives(self.good.parent)]
        self.assertEqual(left[:2], [f"pre-update-2024-01-0{day}-000000.zip" for day in (2, 3)], left)
        self.assertEqual(len(left), 3)


@odd_store.local("what has the name is replaced")
class Replaced(Retention):
    """-o NAME, and what comes is not complete."""

    def make(self, path, *arguments, form="zip", **keywords):
        done = self.hbcore("--home", self.home, "--json", *arguments, "backup", "--format", form, "-o", path,
                           **keywords)
        return done if done.returncode not in (0, 3) else self.summary(done)

    def beside(self, path):
        stem, _, suffix = path.name.partition(".")
        return path.with_name(f"{stem}.incomplete.{suffix}")

    def test_a_complete_one_stays(self):
        for form, suffix in FORMATS.items():
            with self.subTest(format=form):
                path = self.dir / f"out-{form}" / f"hermes.{suffix}"
                self.mend()
                self.make(path, form=form)
                good = path.read_bytes()
                for _ in range(2):  # the second replaces the first incomplete one
                    self.break_a_database()
                    made = self.make(path, form=form, expect=3)
                    self.assertEqual(made["archive"], str(self.beside(path)))
                    self.assertTrue(path.read_bytes() == good, "the complete one was replaced")
                    self.assertEqual(sorted(os.listdir(path.parent)), sorted([path.name, self.beside(path).name]))
                    self.hbcore("verify", self.beside(path), expect=3)
                done = self.hbcore("--home", self.home, "backup", "--format", form, "-o", path, expect=3)
                self.assert_mentions(done, self.beside(path), f"{path}")
                self.mend()
                self.assertEqual(self.make(path, form=form)["archive"], str(path))
                self.hbcore("verify", path)

    def test_an_incomplete_one_is_replaced(self):
        path = self.dir / "hermes.zip"
        self.break_a_database()
        self.assertEqual(self.make(path, expect=3)["archive"], str(path))
        hb.write(self.home / "new.txt", b"new")
        self.assertEqual(self.make(path, expect=3)["archive"], str(path))
        with zipfile.ZipFile(path) as opened:
            self.assertIn("new.txt", opened.namelist())
        self.assertFalse(self.beside(path).exists())

    def test_what_is_foreign_or_cannot_be_told_stays(self):
        """Somebody's own file; an archive of another home; one that cannot be read now."""
        other = self.dir / "other"
        hb.write(other / "config.yaml", b"other\n")
        self.hbcore("--home", other, "backup", "-o", self.dir / "of-another.zip")
        with zipfile.ZipFile(self.dir / "of-a-tool.zip", "w") as made:
            made.writestr("config.yaml", b"x")
        hb.write(self.dir / "text.zip", b"no archive at all\n" * 50)
        self.break_a_database()
        for name in ("of-another.zip", "of-a-tool.zip", "text.zip"):
            with self.subTest(name=name):
                path = self.dir / name
                before = path.read_bytes()
                self.assertEqual(self.make(path, expect=3)["archive"], str(self.beside(path)))
                self.assertTrue(path.read_bytes() == before, "it was replaced")

    def test_one_that_cannot_be_read_now(self):
        path = self.dir / "hermes.zip"
        self.make(path)
        good = path.read_bytes()
        self.break_a_database()
        done = self.faulted("--home", self.home, "backup", "-o", path, calls="openat,openat2", path=path, at="1+",
                            error="EIO", expect=None)
        self.assertIn(done.returncode, (1, 3), self.describe(done))
        self.assertTrue(path.read_bytes() == good, "it was replaced")

    def test_a_full_disk(self):
        """The database finds no room, and the archive without it is not put over the one that has it."""
        if os.geteuid() != 0:
            self.skip("only root can mount a small file system")
        small = self.dir / "small"
        small.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", small], capture_output=True,
                              check=False)
        if done.returncode != 0:
            self.skip(f"cannot mount here: {done.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=False)
        self.make_database(self.home / "state.db", wal=True)
        path = small / "hermes.zip"
        self.make(path)
        good = path.read_bytes()
        self.grow(self.home / "state.db")
        done = self.hbcore("--home", self.home, "--set", "content:sqlite.snapshot=copy", "backup", "-o", path, expect=None)
        self.assertIn(done.returncode, (1, 3), self.describe(done))
        self.assertTrue(path.read_bytes() == good, f"it was replaced\n{self.describe(done)}")
        self.assertIn(b"state.db", self.hbcore("list", path).stdout.split())

    @staticmethod
    def grow(path):
        database = hb.sqlite3.connect(path)
        database.executemany("INSERT INTO t (text) VALUES (?)", [(os.urandom(30).hex(),) for _ in range(60000)])
        database.commit()
        database.close()


class Readable(Retention):
    """What is published can be read: else nothing is replaced, and nothing pruned."""

    def test_a_name_with_the_signature_of_a_locator(self):
        """It lies in front of the end record of a zip, where readers look for one of zip64."""
        kept = self.dir / "kept"
        hb.write(self.home / "zzPK\x06\x07ab", b"x", mtime_ns=1_700_000_000 * 10**9)
        done = self.hbcore("--home", self.home, "backup", "-o", kept / "a.zip", expect=None)
        if done.returncode == 1:
            self.assertEqual(os.listdir(kept) if kept.exists() else [], [])
            return
        self.assertEqual(done.returncode, 0, self.describe(done))
        self.hbcore("verify", kept / "a.zip")
        with zipfile.ZipFile(kept / "a.zip") as opened:
            self.assertIsNone(opened.testzip())
            self.assertIn("zzPK\x06\x07ab", opened.namelist())

    def test_the_good_ones_are_not_pruned_for_it(self):
        self.hbcore("--home", self.home, "backup", "--preset", "pre-update")
        made, = hb.archives(self.home / "backups")
        good = made.rename(made.with_name("pre-update-2024-01-01-000000.zip"))
        hb.write(self.home / "zzPK\x06\x07ab", b"x", mtime_ns=1_700_000_000 * 10**9)
        self.hbcore("--home", self.home, "backup", "--preset", "pre-update", "--keep", "1", expect=None)
        whole = []
        for path in hb.archives(self.home / "backups"):
            if self.hbcore("verify", path, expect=None).returncode == 0 and zipfile.is_zipfile(path):
                whole.append(pathlib.Path(path).name)
        self.assertTrue(whole, f"none that can be read is left, {good.name} is gone: {os.listdir(good.parent)}")


if __name__ == "__main__":
    unittest.main()
