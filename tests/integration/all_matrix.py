# SPDX-License-Identifier: Apache-2.0
"""Each cause of lost trust, with each command, in each format, for each party: see tests/matrix.md.

The files named there look deeper into one cause each; here the same question is put to every combination, and costs
a few runs. Parties: whoever runs this in a home of the same user; root in a user's home; root's home with a directory
that is a user's.
"""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import unittest

import fault
import hb

fault.need()

FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}
PARTIES = ("the user", "root in a user's home", "root's home, a user's directory")
USER = 12347
OPENS = "open,openat,openat2"
ERRORS = ("EIO", "EMFILE", "EACCES")
SUB = "kanban/boards"  # the directory that is a user's
DATABASE = f"{SUB}/x/kanban.db"


class Matrix(fault.FaultCase):
    def cells(self, formats=FORMATS):
        """(party, format, fresh home) of each; the home has a database, and a directory for archives."""
        for party in PARTIES:
            if party != PARTIES[0] and os.geteuid() != 0:
                continue
            for kind in formats:
                self.party, self.kind = party, kind
                place = PARTIES.index(party) + list(formats).index(kind)
                self.errors = ERRORS if hb.FULL else ERRORS[place % len(ERRORS):][:1]  # each has its turn
                self.base = self.dir / f"{PARTIES.index(party)}-{kind}"
                self.home, self.backups = self.base / "home", self.base / "home/backups"
                self.outside = self.base / "outside"
                hb.write(self.home / "config.yaml", b"a: 1\n")
                self.make_database(self.home / DATABASE, rows=20)
                self.make_database(self.home / "state.db", rows=20)
                self.backups.mkdir()
                (self.home / "state-snapshots").mkdir()
                self.outside.mkdir()
                self.give()
                print(f"{self.id()}: {party}, {kind}", flush=True)  # the last one is the one that fails
                yield kind

    def give(self):
        """To whom what is there belongs."""
        self.dir.chmod(0o755)
        self.base.chmod(0o755)
        if self.party == PARTIES[1]:
            subprocess.run(["chown", "-R", f"{USER}:{USER}", self.home], check=True)
        elif self.party == PARTIES[2]:
            for path in (self.home / SUB, self.backups, self.home / "state-snapshots"):
                subprocess.run(["chown", "-R", f"{USER}:{USER}", path], check=True)

    def owner(self):
        """Of what is made in the directories that are a user's."""
        return os.geteuid() if self.party == PARTIES[0] else USER

    def words(self, *words):
        return ("--home", self.home, "--json", "--set", "backup.workers=1", "--set", f"preset:pre-update.format={self.kind}",
                "--set", "preset:pre-update.keep=1", *words)

    def run_here(self, *words, **keywords):
        return self.summary(self.hbcore(*self.words(*words), **keywords))

    def archive(self, name="a", **keywords):
        path = self.base / f"{name}{FORMATS[self.kind]}"
        self.run_here("backup", "--format", self.kind, "-o", path, **keywords)
        return path

    def preset(self, *words, **keywords):
        return self.run_here("backup", "--preset", "pre-update", *words, **keywords)

    def rows(self, path):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            return len(database.execute("SELECT id FROM t").fetchall())

    def make_incomplete(self):
        """Something that is not stored."""
        link = self.home / "leads-out"
        link.symlink_to(self.outside)
        os.chown(link, self.home.stat().st_uid, -1, follow_symlinks=False)


class CannotTell(Matrix):
    """1: an error is no answer."""

    def test_preset_and_prune(self):
        for _ in self.cells():
            old = pathlib.Path(self.preset()["archive"])
            self.make_incomplete()
            for error in self.errors:
                done = self.faulted(*self.words("backup", "--preset", "pre-update"), calls=OPENS, path=old, at="1+", error=error,
                                    expect=None)
                self.assertTrue(old.exists(), error)
                made = json.loads(done.stdout.splitlines()[-1])
                self.assertEqual([row["path"] for row in made["untold_archives"]], [str(old)], error)
                done = self.faulted(*self.words("prune", "--preset", "pre-update"), calls=OPENS, path=old, at="1+", error=error,
                                    expect=3)
                self.assertTrue(old.exists(), error)

    def test_backup(self):
        """-o: what is there stays unless it was read as incomplete."""
        for kind in self.cells():
            old = self.archive()
            before = old.read_bytes()
            self.make_incomplete()
            for error in self.errors:
                self.faulted(*self.words("backup", "--format", kind, "-o", old), calls="openat", path=old, at="1+", error=error,
                             expect=3)
                self.assertEqual(old.read_bytes(), before, error)

    def test_import(self):
        """A journal that cannot be read may be all there is of an import."""
        for _ in self.cells():
            archive = self.archive()
            (self.home / "config.yaml").unlink()
            self.faulted(*self.words("import", "--force", archive), calls="rename", path="*/m[0-9]*", at=1, kill=True,
                         expect=128 + 9)
            journals = list(self.home.glob(".hbcore-stage-*/journal"))
            self.assertEqual(len(journals), 1)
            for calls in ("openat", "read"):
                self.faulted(*self.words("import", "--force", archive), calls=calls, path=journals[0], at="1+", error="EIO",
                             expect=1)
                self.assertTrue(journals[0].exists(), calls)
            self.run_here("import", "--force", archive)
            self.assertEqual((self.home / "config.yaml").read_bytes(), b"a: 1\n")

    def test_snapshot(self):
        for _ in self.cells(["zip"]):
            old = self.home / "state-snapshots" / self.run_here("snapshot", "create")["id"]
            hb.write(self.home / "projects.db", b"SQLite format 3\0" + bytes(8176))
            self.give()
            for words in (("snapshot", "create", "--keep", "1"), ("snapshot", "prune", "--keep", "1")):
                for error in self.errors:
                    self.faulted(*self.words(*words), calls="openat", path=old / "manifest.json", at="1+", error=error,
                                 expect=None)
                    self.assertTrue((old / "manifest.json").exists(), (words, error))


class SideFiles(Matrix):
    """2: what SQLite opens lies in the directory that we hold."""

    def planted(self):
        """A FIFO as journal, and somebody else's log by a hard link; (path outside, what it was)."""
        database = self.home / DATABASE
        os.mkfifo(f"{database}-journal")
        foreign = self.make_database(self.outside / "f.db", wal=True)
        log = pathlib.Path(f"{foreign}-wal")
        log.write_bytes(b"rows of somebody else" * 200)
        os.link(log, self.home / "state.db-wal")
        return foreign, log, log.read_bytes()

    def test_each_command(self):
        for kind in self.cells():
            archive = self.archive()
            _, log, content = self.planted()
            status = log.stat()
            for words in (("backup", "--format", kind, "-o", self.base / f"b{FORMATS[kind]}"),
                          ("backup", "--preset", "pre-update"), ("import", "--force", archive), ("snapshot", "create")):
                done = self.supervise(self.command(*self.words("--set", "content:sqlite.wait=1", *words)), calls="rename",
                                      seconds=60, expect=None)
                self.assertNotEqual(done.returncode, 124, (words, "hangs"))
                self.assertIn(done.returncode, (0, 1, 3), words)
                now = log.stat()
                self.assertEqual(log.read_bytes(), content, words)
                self.assertEqual((now.st_uid, now.st_mode), (status.st_uid, status.st_mode), words)


class Rights(Matrix):
    """3: what is made in a user's directory is his."""

    def test_preset_and_prune(self):
        for _ in self.cells():
            made = [pathlib.Path(self.preset("--keep", "9")["archive"]) for _ in range(2)]
            self.assertEqual([path.stat().st_uid for path in made], [self.owner()] * 2)
            self.run_here("prune", "--preset", "pre-update")
            self.assertEqual(hb.archives(self.backups), made[1:])

    def test_backup(self):
        for kind in self.cells():
            path = self.backups / f"mine{FORMATS[kind]}"
            self.run_here("backup", "--format", kind, "-o", path)
            self.assertEqual(path.stat().st_uid, self.owner())

    def test_import(self):
        for _ in self.cells():
            archive = self.archive()
            shutil.rmtree(self.home / SUB / "x")
            (self.home / "config.yaml").unlink()
            self.run_here("import", "--force", archive)
            self.assertEqual((self.home / DATABASE).stat().st_uid, self.owner())
            self.assertEqual((self.home / DATABASE).parent.stat().st_uid, self.owner())
            self.assertEqual((self.home / "config.yaml").stat().st_uid, self.home.stat().st_uid)

    def test_snapshot(self):
        for _ in self.cells(["zip"]):
            made = self.home / "state-snapshots" / self.run_here("snapshot", "create")["id"]
            self.assertEqual({path.stat().st_uid for path in (made, made / "manifest.json")}, {self.owner()})
            self.run_here("snapshot", "restore", "1")
            self.assertEqual((self.home / "state.db").stat().st_uid, self.home.stat().st_uid)


class Whose(Matrix):
    """4: each home prunes its own alone, and no import writes a name that it would count."""

    def test_preset_and_prune(self):
        for _ in self.cells():
            first, home = pathlib.Path(self.preset()["archive"]), self.home
            kept = self.base / "kept"
            shutil.copytree(self.backups, kept)
            self.home = self.base / "second"
            hb.write(self.home / "config.yaml", b"b: 1\n")
            if self.party == PARTIES[1]:
                os.chown(self.home, USER, USER)
            options = ("--set", f"preset:pre-update.directory={self.backups}")
            for words in (("backup",), ("backup",), ("prune",)):
                made = self.run_here(*options, *words, "--preset", "pre-update")
                self.assertEqual([row["path"] for row in made["other_archives"]], [str(first)])
            self.assertTrue(first.exists())
            self.assertEqual(first.read_bytes(), (kept / first.name).read_bytes())
            self.home = home

    def test_backup(self):
        """Archives of this home that lie in it are in none of its archives."""
        for _ in self.cells():
            made = pathlib.Path(self.preset()["archive"])
            listed = self.hbcore("list", self.archive()).stdout.decode()
            self.assertNotIn(made.name, listed)
            self.assertNotIn(hb.HOME_ID, listed)

    def test_import(self):
        for kind in self.cells():
            other = self.base / "other"
            name = f"backups/pre-update-2099-01-01-000000{FORMATS[kind]}"
            hb.write(other / name, b"x")
            hb.write(other / "config.yaml", b"a: 1\n")
            gift = self.base / f"gift{FORMATS[kind]}"
            self.hbcore("--config", hb.GENERIC, "--home", other, "backup", "--format", kind, "-o", gift)
            self.run_here("import", "--force", gift, expect=3)
            self.assertFalse((self.home / name).exists())


class ReadBack(Matrix):
    """5: a name with the signature of a zip's record, as the last of all."""

    def test_backup_and_preset(self):
        for _ in self.cells():
            for path in (self.home / SUB / "x", self.home / "state.db"):  # databases come after it
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            for name in ("zzPK\x06\x07ab", "zzPK\x05\x06", "zz\x28\xb5\x2f")[:None if hb.FULL else 1]:
                hb.write(self.home / name, b"x", mtime_ns=1_700_000_000 * 10**9)
                self.give()
                for path in (self.archive(), pathlib.Path(self.preset()["archive"])):
                    self.hbcore("verify", path)
                (self.home / name).unlink()


class Incomplete(Matrix):
    """6: an incomplete archive does not replace a complete one."""

    def test_backup(self):
        for kind in self.cells():
            path = self.backups / f"mine{FORMATS[kind]}"
            self.run_here("backup", "--format", kind, "-o", path)
            before = path.read_bytes()
            self.make_incomplete()
            made = self.run_here("backup", "--format", kind, "-o", path, expect=3)
            self.assertEqual(path.read_bytes(), before)
            self.assertEqual(pathlib.Path(made["archive"]).name, f"mine.incomplete{FORMATS[kind]}")
            self.assertEqual(made["kept"], str(path))

    def test_preset_and_prune(self):
        """The newest complete one stays beside as many incomplete ones as are to be kept."""
        for _ in self.cells():
            good = pathlib.Path(self.preset()["archive"])
            self.make_incomplete()
            for _ in range(2):
                self.preset(expect=3)
            self.assertTrue(good.exists())
            self.run_here("prune", "--preset", "pre-update")
            self.assertTrue(good.exists())

    def test_snapshot(self):
        for _ in self.cells(["zip"]):
            good = self.home / "state-snapshots" / self.run_here("snapshot", "create")["id"]
            hb.write(self.home / "projects.db", b"SQLite format 3\0" + bytes(8176))
            self.give()
            for _ in range(2):
                self.run_here("snapshot", "create", "--keep", "1", expect=3)
            self.assertTrue((good / "manifest.json").exists())


class LiveDatabases(Matrix):
    """7: a snapshot neither copies nor restores what lies beside a database."""

    def test_snapshot(self):
        for _ in self.cells(["zip"]):
            side = [self.home / f"{DATABASE}{end}" for end in ("-wal", "-shm", "-journal")]
            live = sqlite3.connect(self.home / DATABASE)
            live.execute("PRAGMA journal_mode=WAL")
            live.execute("UPDATE t SET text = 'in the log'")
            live.commit()
            self.give()
            self.assertTrue(side[0].exists())
            self.run_here("snapshot", "create")
            live.close()
            snapshot, = (self.home / "state-snapshots").iterdir()
            for path in side:
                self.assertEqual([found for found in snapshot.rglob("*") if found.name == path.name], [])
            self.assertEqual(self.rows(self.home / DATABASE), 20)
            hb.write(snapshot / f"{DATABASE}-wal", b"old rows")
            self.give()
            self.run_here("snapshot", "restore", "1", expect=None)
            self.assertNotEqual(side[0].read_bytes() if side[0].exists() else b"", b"old rows")
            self.assertEqual(self.rows(self.home / DATABASE), 20)


class Held(Matrix):
    """8: a deleted database that a program has open is not restored beside it."""

    def test_import(self):
        for _ in self.cells():
            archive = self.archive()
            with sqlite3.connect(self.home / DATABASE) as holder:
                holder.execute("SELECT count(*) FROM t").fetchone()
                (self.home / DATABASE).unlink()
                done = self.hbcore(*self.words("import", "--force", archive), expect=3)
                self.assert_mentions(done, DATABASE, f"({os.getpid()})")
                self.assertFalse((self.home / DATABASE).exists())
            holder.close()
            self.run_here("import", "--force", archive)
            self.assertEqual(self.rows(self.home / DATABASE), 20)

    def test_snapshot(self):
        for _ in self.cells(["zip"]):
            self.run_here("snapshot", "create")
            with sqlite3.connect(self.home / "state.db") as holder:
                holder.execute("SELECT count(*) FROM t").fetchone()
                (self.home / "state.db").unlink()
                done = self.hbcore(*self.words("snapshot", "restore", "1"), expect=3)
                self.assert_mentions(done, "state.db", f"({os.getpid()})")
            holder.close()
            self.run_here("snapshot", "restore", "1")
            self.assertEqual(self.rows(self.home / "state.db"), 20)


if __name__ == "__main__":
    unittest.main()
