# SPDX-License-Identifier: Apache-2.0
"""Root in a home that is a user's: what he can do there root does for him, and nothing that he cannot; and what the run
leaves there is his.
"""
import hashlib
import json
import os
import pathlib
import shutil
import sqlite3
import stat
import subprocess
import unittest

import fault
import hb

USER = 1234
SECRET = b"TOP SECRET of root\n"
SIDES = ("-wal", "-shm", "-journal")
FORMATS = {"zip": "zip", "tar-zstd": "tar.zst"}


class OtherUsers(fault.FaultCase):
    """A small home of the user's, and a directory of root's that he cannot enter."""

    def setUp(self):
        super().setUp()
        self.dir.chmod(0o755)
        self.home, self.out = self.dir / "home", self.dir / "out"
        self.out.mkdir(mode=0o700)
        (self.dir / "root").mkdir(mode=0o700)
        hb.write(self.home / "config.yaml", b"a: 1\n")
        hb.write(self.home / ".env", b"KEY=1\n", 0o600)
        hb.write(self.home / "auth.json", b'{"jobs": [1]}', 0o600)
        self.give(self.home)
        self.give(self.user)

    def give(self, path, uid=USER):
        subprocess.run(["chown", "-hR", f"{uid}:{uid}", path], check=True)

    def as_user(self, *arguments, **keywords):
        return self.hbcore("--home", self.home, *arguments, user=USER, group=USER, extra_groups=[], **keywords)

    def as_root(self, *arguments, **keywords):
        login = self.dir / "root"
        return self.hbcore("--home", self.home, *arguments, env={
            "HOME": str(login), "XDG_STATE_HOME": str(login / ".local/state")}, **keywords)

    def user_reads(self, path):
        """What the user finds there, or None."""
        done = subprocess.run(["cat", path], user=USER, group=USER, extra_groups=[], capture_output=True, check=False)
        return done.stdout if done.returncode == 0 else None

    def break_a_database(self):
        """What is made from now on is not complete."""
        hb.write(self.home / "projects.db", bytes(65536))
        self.give(self.home / "projects.db")

    def plant(self, path, content=SECRET, size=0):
        """A file of root's: the user has renamed it to where it lies. Returns what must still be true of it."""
        hb.write(path, content + bytes(max(size - len(content), 0)), 0o600)
        os.chown(path, 0, 0)
        descriptor = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        return descriptor, self.state_of(descriptor)

    @staticmethod
    def state_of(descriptor):
        status, content = os.fstat(descriptor), os.pread(descriptor, 1 << 20, 0)
        return (stat.filemode(status.st_mode), status.st_uid, status.st_gid, len(content), content[:40],
                hashlib.sha256(content).hexdigest()[:16])

    def assert_still_roots(self, planted, about):
        descriptor, before = planted
        self.assertEqual(self.state_of(descriptor), before, about)

    def assert_all_the_users(self, *roots):
        """Nothing in the home, or below these, is root's."""
        for root in roots or (self.home,):
            for path in [root, *root.rglob("*")]:
                self.assertEqual((str(path), path.lstat().st_uid, path.lstat().st_gid), (str(path), USER, USER))

    def assert_secret_stays(self, planted):
        """In no file of the home but the one that it has always been in."""
        inode = os.fstat(planted[0]).st_ino
        for path in self.home.rglob("*"):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_ino != inode:
                self.assertFalse(SECRET.strip() in path.read_bytes(), f"{path}, {stat.filemode(status.st_mode)} of "
                                 f"user {status.st_uid}, holds what only root can read")


class PlantedSideFiles(OtherUsers):
    """A file of root's, renamed to what SQLite will open beside a database: no race."""

    def database(self, side):
        """A database that has no such side file, but would make or look for one."""
        path = self.home / f"s{side}.db"
        if side == "-shm":
            source = self.dir / "source.db"
            source.unlink(missing_ok=True)
            keeper = sqlite3.connect(source, isolation_level=None)
            keeper.execute("PRAGMA journal_mode=WAL")
            keeper.execute("CREATE TABLE t (a)")
            keeper.execute("INSERT INTO t VALUES ('in the log')")
            shutil.copy(source, path)
            shutil.copy(f"{source}-wal", f"{path}-wal")
            keeper.close()
        else:
            self.make_database(path, wal=side == "-wal", rows=3)
        if side == "-wal":
            hb.write(f"{path}-shm")
        self.give(self.home)
        return path

    def commands(self):
        for form, suffix in FORMATS.items():
            yield ("backup", "--format", form, "-o", self.out / f"b.{suffix}")
        yield ("backup", "--preset", "pre-update")
        yield ("snapshot", "create")
        yield ("import", "--force", self.archive)

    def make_archive(self):
        source = self.dir / "other"
        hb.write(source / "config.yaml", b"imported\n")
        for side in SIDES:
            self.make_database(source / f"s{side}.db", rows=7)
        self.archive = self.backup(source, "import.zip")

    def test_each(self):
        self.make_archive()
        for side in SIDES:
            for command in self.commands():
                with self.subTest(side=side, command=command[:3]):
                    shutil.rmtree(self.home)
                    hb.write(self.home / "config.yaml", b"a: 1\n")
                    path = self.database(side)
                    planted = self.plant(f"{path}{side}", size=100_000 if side == "-shm" else 0)
                    listed = ("--set", f"snapshot.files=config.yaml {path.name}")
                    done = self.as_root(*listed, "--set", "content:sqlite.wait=0", *command, expect=None)
                    self.assert_still_roots(planted, self.describe(done))
                    self.assertEqual(self.user_reads(f"{path}{side}") or b"", b"", "the user can read it now")
                    self.assertEqual(done.returncode, 3, self.describe(done))
                    self.assert_mentions(done, path.name)


class Snapshots(OtherUsers):
    def snapshots(self, who, *arguments):
        done = who("--json", "snapshot", "list", *arguments)
        return [row for row in map(json.loads, done.stdout.splitlines()) if row["type"] == "snapshot"]

    def test_what_root_made_the_user_can_use(self):
        self.as_root("snapshot", "create")
        self.assert_all_the_users()
        self.assertEqual([row["complete"] for row in self.snapshots(self.as_user)], [True])
        hb.write(self.home / "config.yaml", b"changed\n")
        self.give(self.home / "config.yaml")
        self.as_user("snapshot", "restore", "1")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"a: 1\n")

    def test_the_users_incomplete_one_does_not_push_it_out(self):
        self.as_root("snapshot", "create")
        good, = (self.home / "state-snapshots").iterdir()
        self.break_a_database()
        self.as_user("snapshot", "create", "--keep", "1", expect=3)
        self.assertTrue((good / "manifest.json").exists(), os.listdir(self.home / "state-snapshots"))
        self.assertEqual(sum(row["complete"] for row in self.snapshots(self.as_root)), 1)

    def test_the_directory_is_swapped_when_it_was_made(self):
        """At each call that names it: a file of root's gets the name. It is not given to the user."""
        self.left_behind_is_fine = True  # in the directory that was moved away
        calls = "mkdir,mkdirat,openat,openat2,newfstatat,statx,fchownat,fchown,fchmodat,fchmod,unlinkat,renameat"
        line = ("--home", self.home, "snapshot", "create")
        watched = {"calls": calls, "path": f"{self.home}/state-snapshots*"}
        total = self.faulted(*line, **watched).count
        self.assertGreater(total, 4)
        for at in range(1, min(total, 30) + 1):
            with self.subTest(at=at):
                for name in ("state-snapshots", "away"):
                    subprocess.run(["rm", "-rf", self.home / name], check=True)
                planted = self.plant(self.home / "rootfile")
                done = self.faulted(*line, **watched, at=at, expect=None, run=(
                    f"cd {self.home} && [ -d state-snapshots ] && mv state-snapshots away && "
                    "mv rootfile state-snapshots || true"))
                self.assert_still_roots(planted, self.describe(done))

    def test_links_are_followed_as_the_user_could(self):
        """What only root can read does not come into the user's hands, by a snapshot and back."""
        shadow = self.dir / "shadow"
        planted = self.plant(shadow)
        (self.home / "config.yaml").unlink()
        (self.home / "config.yaml").symlink_to(shadow)
        done = self.as_root("snapshot", "create", expect=3)
        self.assert_mentions(done, "config.yaml")
        self.assert_secret_stays(planted)
        (self.home / "config.yaml").unlink()
        self.as_root("snapshot", "restore", "1", expect=None)
        self.assert_secret_stays(planted)
        self.assert_still_roots(planted, "the file outside")

    def test_directories_that_are_links_are_followed_as_the_user_could(self):
        """A listed file below a directory that leads where only root may go."""
        planted = self.plant(self.out / "jobs.json")
        (self.home / "cron").symlink_to(self.out)
        self.as_root("snapshot", "create", expect=None)
        self.assert_secret_stays(planted)
        self.assert_still_roots(planted, "the file outside")

    def test_files_of_root_in_the_home(self):
        """docker exec leaves them: named, with whose they are, and not given to the user."""
        planted = self.plant(self.home / "auth.json")
        done = self.as_root("snapshot", "create", expect=3)
        self.assert_mentions(done, "auth.json")
        self.as_root("snapshot", "restore", "1", expect=None)
        self.assert_secret_stays(planted)
        self.assert_still_roots(planted, "the file in the home")


class Archives(OtherUsers):
    def test_where_root_made_a_preset_the_user_can(self):
        self.as_root("backup", "--preset", "pre-update")
        self.assert_all_the_users()
        self.as_user("backup", "--preset", "pre-update")
        made = hb.archives(self.home / "backups")
        self.assertEqual(len(made), 2)
        for path in made:
            self.as_user("verify", path)

    def test_the_directory_is_a_link_to_anothers_archives(self):
        """Of root: the user could not write there, so nothing is made there for him, and nothing pruned."""
        other = self.dir / "other"
        hb.write(other / "config.yaml", b"other: 1\n")
        for _ in range(3):
            self.hbcore("--home", other, "backup", "--preset", "pre-update")
        before = hb.tree(other)
        (self.home / "backups").symlink_to(other / "backups")
        done = self.as_root("backup", "--keep", "1", "--preset", "pre-update", expect=None)
        self.assertEqual(hb.differences(before, hb.tree(other)), [], self.describe(done))
        self.assertEqual(done.returncode, 1, self.describe(done))

    def test_incomplete_ones_of_the_user_do_not_push_out_a_complete_one_of_root(self):
        (self.home / "backups").mkdir()
        self.give(self.home)
        self.as_root("backup", "--preset", "pre-update")
        good, = hb.archives(self.home / "backups")
        content = good.read_bytes()
        good = good.rename(good.with_name("pre-update-2024-01-01-000000.zip"))
        self.break_a_database()
        for _ in range(5):
            self.as_user("backup", "--preset", "pre-update", "--keep", "2", expect=3)
        self.assertTrue(good.exists(), os.listdir(self.home / "backups"))
        self.assertEqual(good.read_bytes(), content)

    def test_files_of_root_in_the_home(self):
        """Not in an archive that the user can read."""
        planted = self.plant(self.home / "rootfile")
        done = self.as_root("--set", "format:zip.level=0", "backup", "--preset", "pre-update", expect=3)
        self.assert_mentions(done, "rootfile")
        self.assert_secret_stays(planted)
        self.assert_still_roots(planted, "the file in the home")


class Leftovers(OtherUsers):
    """A run of root, by sudo or docker exec: afterwards the user does what he always did."""

    def test_each_command_after_each(self):
        self.make_database(self.home / "state.db", wal=True)
        self.give(self.home)
        self.as_root("snapshot", "create")
        self.as_root("backup", "--preset", "pre-update")
        self.assert_all_the_users()
        self.as_user("snapshot", "restore", "1")
        self.as_user("backup", "--preset", "pre-update")
        archive = self.home / "kept.zip"
        self.as_root("backup", "-o", archive)
        self.assert_all_the_users()
        self.as_user("verify", archive)
        self.as_root("import", "--force", archive)
        self.assert_all_the_users()
        self.as_user("import", "--force", archive)


class InterruptedImport(OtherUsers):
    """Root's import is killed while it publishes; the user works on. What is completed later is not put over that."""

    FILES = 60

    def write_all(self, text):
        for number in range(self.FILES):
            hb.write(self.home / f"sessions/f{number:02}", text)
        self.give(self.home)

    def count(self, text, suffix=""):
        return sum(path.read_bytes() == text for path in (self.home / "sessions").iterdir()
                   if path.suffix == suffix)

    def test_the_user_works_on(self):
        self.left_behind_is_fine = True
        self.write_all(b"old")
        archive = self.dir / "a.zip"
        self.as_root("backup", "-o", archive)
        archive.chmod(0o644)
        self.write_all(b"live")
        done = self.faulted("--home", self.home, "--set", "backup.workers=1", "import", "--force", archive,
                            calls="rename", path=f"{self.home}/sessions/f*", at=20, kill=True, expect=128 + 9)
        self.assertEqual(done.hits, 1)
        self.assertGreater(self.count(b"old"), 0, "the import was killed before it began")
        self.write_all(b"newer")
        done = self.as_user("backup", "-o", self.user / "u.zip", expect=None)
        self.assert_mentions(done, "import")
        self.assertIn(b"interrupted", done.stdout + done.stderr, self.describe(done))
        self.as_user("import", "--force", self.user / "u.zip", expect=None)
        self.assertEqual((self.count(b"newer"), self.count(b"old")), (self.FILES, 0))
        self.as_root("backup", "-o", self.dir / "b.zip", expect=None)
        self.assertEqual((self.count(b"newer"), self.count(b"old")), (self.FILES, 0))
        self.assertGreater(self.count(b"old", ".from-import"), 0, "what the import had is beside")


class HomeOfRoot(OtherUsers):
    """The home is root's, but a directory in it is the user's: there his rights count, not the home's owner's."""

    def setUp(self):
        super().setUp()
        self.give(self.home, 0)
        self.theirs = self.home / "kanban/boards"
        self.theirs.mkdir(parents=True)

    def test_planted_side_files(self):
        self.make_database(self.theirs / "k.db", wal=True, rows=3)
        self.give(self.theirs)
        for side in ("-wal", "-shm"):
            for command in (("backup", "-o", self.out / "a.zip"), ("snapshot", "create")):
                with self.subTest(side=side, command=command):
                    for name in SIDES:
                        pathlib.Path(f"{self.theirs / 'k.db'}{name}").unlink(missing_ok=True)
                    if side == "-wal":
                        hb.write(f"{self.theirs / 'k.db'}-shm")
                        self.give(self.theirs)
                    planted = self.plant(f"{self.theirs / 'k.db'}{side}", size=100_000 if side == "-shm" else 0)
                    done = self.as_root(*command, expect=None)
                    self.assert_still_roots(planted, self.describe(done))

    def test_links(self):
        """What he links to from there is read as he could."""
        planted = self.plant(self.out / "shadow")
        self.give(self.theirs)
        (self.theirs / "board.json").symlink_to(self.out / "shadow")
        self.as_root("snapshot", "create", expect=None)
        for path in (self.home / "state-snapshots").rglob("board.json"):
            self.assertNotIn(SECRET.strip(), path.read_bytes())
        self.assert_still_roots(planted, "the file outside")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: only root can work in the home of another user")
        raise SystemExit(hb.SKIPPED)
    if not hb.nobody_runs(os.environ["HBCORE_BIN"]):
        print("skipped: as root, and nobody else can run the program here")
        raise SystemExit(hb.SKIPPED)
    fault.need()
    unittest.main()
