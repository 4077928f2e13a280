# SPDX-License-Identifier: Apache-2.0
"""Time passes between the kill of an import and the run that completes it: no edit and no row made since is lost,
what is left alone is named once, what the import had for it lies beside it, and the next run is clean."""
import itertools
import os
import re
import shutil
import sqlite3
import stat
import struct
import subprocess
import unittest

import fault
import hb

fault.need()

STAGE = ".hbcore-stage-"
FORMATS = {"zip": "zip", "tar-zstd": "tar.zst"}
USER, OTHER = 1234, 2345
STAGED = f"*/{STAGE}*/*"


class SinceTheKill(fault.FaultCase):
    """A home over which an import is killed; `new` is what the import brings."""

    def setUp(self):
        super().setUp()
        self.left_behind_is_fine = True  # until the next run; each test looks itself
        self.new, self.home, self.seed = self.dir / "new", self.dir / "home", self.dir / "seed"
        for where, word, rows in ((self.new, b"new", 40), (self.seed, b"old", 10)):
            for name in ("config.yaml", *(f"sessions/s{number}" for number in range(8))):
                hb.write(where / name, word + b" %s\n" % name.encode(), 0o600)
            self.make_database(where / "rolls.db", rows=rows)
            self.make_database(where / "walled.db", rows=rows, wal=True)
        for number in range(4):
            hb.write(self.new / f"fresh/deep/f{number}", b"new %d" % number)
        hb.write(self.new / "sessions/added", b"new added")
        self.archive = self.dir / "in.zip"
        self.hbcore("--home", self.new, "backup", "-o", self.archive)
        self.archive.chmod(0o644)

    def fresh_home(self):
        shutil.rmtree(self.home, ignore_errors=True)
        self.tool("cp", "-a", self.seed, self.home)
        return self.home

    def line(self, archive=None):
        return ("--home", self.home, "--set", "backup.workers=1", "import", "--force", archive or self.archive)

    def killed(self, calls, at, path=None, **keywords):
        self.fresh_home()
        (self.dir / "fault.log").unlink(missing_ok=True)  # of another user, perhaps
        return self.faulted(*self.line(), calls=calls, at=at, path=path, kill=True, expect=None, **keywords)

    def is_pending(self):
        return bool(list(self.home.glob(STAGE + "*/journal")))

    def rows_of(self, name):
        return [row[1] for row in self.database_rows(self.home / name)]

    @staticmethod
    def insert(path):
        program = sqlite3.connect(path)
        program.execute("INSERT INTO t (text) VALUES ('since then')")
        program.commit()
        program.close()

    # ---- what people and programs do meanwhile; each says what must still be true, and what may be named ----

    def edit(self):
        (self.home / "config.yaml").write_bytes(b"theirs")
        return "config.yaml", lambda: self.assertEqual((self.home / "config.yaml").read_bytes(), b"theirs")

    def edit_in_the_same_size(self):
        path = self.home / "sessions/s0"
        path.write_bytes(path.read_bytes().swapcase())
        text = path.read_bytes()
        return "sessions/s0", lambda: self.assertEqual(path.read_bytes(), text)

    def replace(self):
        path = self.home / "sessions/s1"
        path.with_name("temporary").write_bytes(b"theirs")
        path.with_name("temporary").rename(path)
        return "sessions/s1", lambda: self.assertEqual(path.read_bytes(), b"theirs")

    def replace_by_one_of_old_time(self):
        path = self.home / "sessions/s2"
        hb.write(path.with_name("temporary"), b"theirs", mtime_ns=10**18)
        path.with_name("temporary").rename(path)
        return "sessions/s2", lambda: self.assertEqual(path.read_bytes(), b"theirs")

    def delete(self):
        (self.home / "sessions/s3").unlink()
        return "sessions/s3", lambda: self.assertFalse((self.home / "sessions/s3").exists())

    def become_a_directory(self):
        path = self.home / "sessions/s4"
        path.unlink()
        hb.write(path / "inner", b"theirs")
        return "sessions/s4", lambda: self.assertEqual((path / "inner").read_bytes(), b"theirs")

    def become_a_link(self):
        path = self.home / "sessions/s5"
        path.unlink()
        path.symlink_to("s6")
        return "sessions/s5", lambda: self.assertEqual(os.readlink(path), "s6")

    def insert_row(self, name):
        self.insert(self.home / name)
        return name, lambda: self.assertEqual(self.rows_of(name)[-1], "since then")

    def insert_rolls(self):
        return self.insert_row("rolls.db")

    def insert_walled(self):
        return self.insert_row("walled.db")

    def in_a_new_directory(self):
        hb.write(self.home / "fresh/deep/f1", b"theirs")
        return "fresh/deep/f1", lambda: self.assertEqual((self.home / "fresh/deep/f1").read_bytes(), b"theirs")

    def new_names(self):
        hb.write(self.home / "sessions/added", b"theirs")
        return "sessions/added", lambda: self.assertEqual((self.home / "sessions/added").read_bytes(), b"theirs")

    EDITS = (edit, edit_in_the_same_size, replace, replace_by_one_of_old_time, delete, become_a_directory, become_a_link,
             insert_rolls, insert_walled, in_a_new_directory, new_names)

    def beside(self, name):
        return self.home / (name + ".from-import")

    def assert_beside(self, name):
        """What the import had for it."""
        beside = self.beside(name)
        if name.endswith(".db"):
            self.assertEqual(len(self.database_rows(beside)), 40, name)
        else:
            self.assertEqual(beside.read_bytes(), (self.new / name).read_bytes())

    def judge(self, done, checks, about):
        """After the run that completed the import."""
        about = f"{about}\n{self.describe(done)}"
        left = [name for name, check in checks if self.beside(name).exists()]
        for name, check in checks:
            with self.subTest(name=name, about=about):
                check()
        for name in left:
            self.assert_beside(name)
            self.assertIn(name.encode(), done.stdout + done.stderr, about)
        self.assertEqual(done.returncode, 3 if left else 0, about)
        self.assert_nothing_left(self.home)
        for path in (path for path in self.new.rglob("*") if path.is_file() and path.name != hb.HOME_ID):
            name = str(path.relative_to(self.new))
            if name not in (row[0] for row in checks) and not name.endswith(".db"):
                self.assertEqual((self.home / name).read_bytes(), path.read_bytes(), about)
        return left

    def assert_next_is_clean(self):
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "next.zip")
        for word in (b"interrupted", b"left alone", b"from-import:"):
            self.assertNotIn(word, done.stdout + done.stderr, self.describe(done))


class Completed(SinceTheKill):
    def commands(self):
        hb.write(self.dir / "other/unrelated", b"x")
        hb.write(self.dir / "other/config.yaml", b"x")
        other = self.dir / "other.zip"
        if not other.exists():
            self.hbcore("--home", self.dir / "other", "backup", "-o", other)
        return (("backup", "-o", self.dir / "b.zip"), ("backup", "--preset", "pre-update"), ("backup", "--quick"),
                ("import", "--force", "--include", "unrelated", other),
                ("backup", "-o", self.dir / "b.tar.zst", "--format", "tar-zstd"))

    def sweep(self, fmt):
        self.archive = self.dir / f"in.{FORMATS[fmt]}"
        self.hbcore("--home", self.new, "backup", "--format", fmt, "-o", self.archive)
        self.fresh_home()
        calls = "rename,link,remove"
        total = self.faulted(*self.line(), calls=calls).count
        commands, pending, named = itertools.cycle(self.commands()), 0, 0
        for at in fault.some(range(1, total + 1), 14):
            with self.subTest(at=at):
                self.killed(calls, at)
                if not self.is_pending():
                    continue
                pending += 1
                (self.home / "sessions/s7").chmod(0o640)  # no change of its content
                checks = [edit(self) for edit in self.EDITS]
                done = self.hbcore("--verbose", "--home", self.home, *next(commands), expect=None)
                named += len(self.judge(done, checks, f"killed at {at} of {total}"))
                self.assert_next_is_clean()
        print(f"{fmt}: {total} moments; of those tried {pending} left an import pending, {named} edits were named")
        self.assertGreater(pending, 5)
        self.assertGreater(named, pending)

    def test_zip(self):
        self.sweep("zip")

    def test_tar_zstd(self):
        self.sweep("tar-zstd")

    def test_rows_since_are_in_the_nightly_archive(self):
        """Three databases, killed when the first one is done; on Tuesday people work, at night a backup runs."""
        names = ("aaa.db", "kanban.db", "state.db")
        for name in names:
            self.make_database(self.new / name, rows=40, wal=True)
            self.make_database(self.seed / name, rows=10, wal=True)
        for fmt, suffix in FORMATS.items():
            with self.subTest(fmt=fmt):
                self.archive = self.dir / f"three.{suffix}"
                self.hbcore("--home", self.new, "backup", "--format", fmt, "-o", self.archive)
                self.killed("remove", 1, path=f"*/{STAGE}*/m*[0-9]")
                self.assertTrue(self.is_pending())
                for name in names:
                    self.insert(self.home / name)
                before = {name: self.rows_of(name) for name in names}
                self.assertEqual(sorted(len(rows) for rows in before.values()), [11, 11, 41])
                done = self.hbcore("--home", self.home, "backup", "--format", fmt, "--preset", "pre-update", expect=3)
                self.assert_mentions(done, *names)
                made, = hb.archives(self.home / "backups")
                for name in names:
                    self.assertEqual(self.rows_of(name), before[name])
                    (self.dir / "read.db").write_bytes(self.hbcore("cat", made, name).stdout)
                    self.assertEqual([row[1] for row in self.database_rows(self.dir / "read.db")], before[name])
                self.assert_next_is_clean()

    def test_the_same_import_again(self):
        """What it has just said that it leaves alone it does not replace; the one after it does."""
        for fmt, suffix in FORMATS.items():
            with self.subTest(fmt=fmt):
                self.archive = self.dir / f"again.{suffix}"
                self.hbcore("--home", self.new, "backup", "--format", fmt, "-o", self.archive)
                self.killed("rename", 2, path=STAGED)
                self.assertTrue(self.is_pending())
                checks = [edit(self) for edit in (SinceTheKill.edit, SinceTheKill.replace, SinceTheKill.delete)]
                done = self.hbcore(*self.line(), expect=None)
                left = self.judge(done, checks, "again")
                self.assertGreater(len(left), 2)
                self.assert_mentions(done, *(f"{name}: this import leaves it alone, too" for name in left))
                self.hbcore(*self.line())
                for name in left:
                    self.assertEqual((self.home / name).read_bytes(), (self.new / name).read_bytes())

    def test_without_edits_all_is_completed(self):
        """A mode is no change, and nothing is named."""
        for at in fault.some(range(2, 16), 5):
            self.killed("rename", at, path=STAGED)
            if not self.is_pending():
                continue
            (self.home / "sessions/s7").chmod(0o640)
            for name in ("rolls.db", "walled.db"):
                (self.home / name).chmod(0o640)
            self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip")
            self.assert_nothing_left(self.home)
            self.assertEqual(list(self.home.rglob("*.from-import*")), [])
            self.assertEqual((self.home / "sessions/s7").read_bytes(), b"new sessions/s7\n")
            self.assertEqual([len(self.rows_of(name)) for name in ("rolls.db", "walled.db")], [40, 40])


class Copied(SinceTheKill):
    """The home is copied while an import is pending: inodes have other numbers, and that is no change."""

    def copy(self, at=3, calls="rename", path=STAGED):
        self.killed(calls, at, path=path)
        self.assertTrue(self.is_pending())
        self.home.rename(self.dir / "before")
        self.tool("cp", "-a", self.dir / "before", self.home)
        shutil.rmtree(self.dir / "before")

    def test_it_is_completed(self):
        for point in ({}, {"calls": "write", "at": 2, "path": "*/home/rolls.db*"},
                      {"calls": "write", "at": 2, "path": "*/home/walled.db*"}):
            with self.subTest(point=point):
                self.copy(**point)
                self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip")
                self.assertEqual([len(self.rows_of(name)) for name in ("rolls.db", "walled.db")], [40, 40])
                self.assertEqual((self.home / "config.yaml").read_bytes(), b"new config.yaml\n")
                self.assertEqual(list(self.home.rglob("*.from-import*")), [])

    def test_edits_stay(self):
        self.copy()
        checks = [edit(self) for edit in self.EDITS]
        done = self.hbcore("-v", "--home", self.home, "backup", "-o", self.dir / "b.zip", expect=None)
        self.assertIn("config.yaml", self.judge(done, checks, "copied"))
        self.assert_next_is_clean()


class Databases(SinceTheKill):
    """Killed at each write into a database, and before it is marked as done."""

    def complete(self, **keywords):
        return self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip", **keywords)

    def points(self, name):
        self.fresh_home()
        calls = "write,sync,truncate,remove"
        total = self.faulted(*self.line(), calls=calls, path=f"*/home/{name}*").count
        self.assertGreater(total, 4)
        return [(calls, at, f"*/home/{name}*") for at in fault.some(range(1, total + 1), 6)] + [
            ("remove", 1, f"*/{STAGE}*/m*[0-9]"), ("remove", 2, f"*/{STAGE}*/m*[0-9]"), ("create", 1, f"*/{STAGE}*/begun")]

    def each(self, judge):
        """How many of the points left an import pending, of which judge() was asked."""
        count = 0
        for name in ("rolls.db", "walled.db"):
            for point in self.points(name):
                with self.subTest(name=name, point=point):
                    self.killed(point[0], point[1], path=point[2])
                    if self.is_pending():
                        count += 1
                        judge(name)
        return count

    def test_half_written_by_the_import_alone(self):
        """SQLite undoes it, and it is restored; nothing is named."""
        def judge(name):
            self.complete()
            self.assertEqual(len(self.rows_of(name)), 40, name)
            self.assertEqual(list(self.home.glob("*.from-import*")), [])
        self.assertGreater(self.each(judge), 6)

    def test_with_a_row_of_a_program(self):
        named = []

        def judge(name):
            self.insert(self.home / name)
            before = self.rows_of(name)
            done = self.complete(expect=None)
            self.assertEqual(self.rows_of(name), before, self.describe(done))
            if self.beside(name).exists():
                self.assertEqual(done.returncode, 3, self.describe(done))
                self.assert_beside(name)
                named.append(name)
            self.assert_nothing_left(self.home)
            self.assert_next_is_clean()
        self.assertGreater(self.each(judge), 6)
        self.assertGreater(len(named), 4)

    def test_replaced_by_another_one(self):
        """Made the same way: the headers are alike."""
        def judge(name):
            path, other = self.home / name, self.dir / "other.db"
            self.make_database(other, rows=10, wal=name == "walled.db")
            program = sqlite3.connect(other)
            program.execute("UPDATE t SET text = 'theirs'")
            program.commit()
            program.close()
            for end in ("-wal", "-shm", "-journal"):
                path.with_name(name + end).unlink(missing_ok=True)
            os.replace(other, path)
            self.complete(expect=None)
            self.assertEqual(set(text for text in self.rows_of(name)), {"theirs"})
        self.assertGreater(self.each(judge), 6)

    def test_a_program_has_it_open(self):
        """As soon as its own rows are in there it is left alone, with all that it writes later."""
        self.killed("create", 1, path=f"*/{STAGE}*/begun")
        self.assertTrue(self.is_pending())
        program = sqlite3.connect(self.home / "walled.db", isolation_level=None)
        self.addCleanup(program.close)
        program.execute("INSERT INTO t (text) VALUES ('since then')")
        self.complete(expect=3)
        program.execute("INSERT INTO t (text) VALUES ('and later')")
        self.assertEqual(self.rows_of("walled.db")[-2:], ["since then", "and later"])
        self.assert_beside("walled.db")


class Beside(SinceTheKill):
    def pending(self):
        self.killed("rename", 1, path=f"{self.home}/*/s*")
        if not self.is_pending():
            self.killed("rename", 3, path=STAGED)
        self.assertTrue(self.is_pending())

    def complete(self, expect=3):
        return self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip", expect=expect)

    def test_names_that_are_taken(self):
        self.pending()
        hb.write(self.home / "sessions/s1", b"theirs")
        hb.write(self.home / "sessions/s1.from-import", b"an earlier one")
        (self.home / "sessions/s1.from-import.2").mkdir()
        self.complete()
        self.assertEqual((self.home / "sessions/s1.from-import").read_bytes(), b"an earlier one")
        self.assertEqual((self.home / "sessions/s1.from-import.3").read_bytes(), (self.new / "sessions/s1").read_bytes())

    def test_a_long_name(self):
        name = "z" * 255
        for where in (self.new, self.seed):
            hb.write(where / "sessions" / name, where.name.encode())
        self.hbcore("--home", self.new, "backup", "-o", self.archive)
        self.pending()
        hb.write(self.home / "sessions" / name, b"theirs")
        self.complete()
        self.assertEqual((self.home / "sessions" / name).read_bytes(), b"theirs")
        self.assertEqual((self.home / "sessions" / (name[:243] + ".from-import")).read_bytes(), b"new")

    def test_modes_are_never_wider(self):
        self.pending()
        for mode in (0o600, 0o640, 0o400):
            path = self.home / f"sessions/s{mode & 7 or mode // 64}"
            hb.write(path, b"theirs", mode)
            path.chmod(mode)
        self.complete()
        for path in self.home.rglob("*.from-import"):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & ~stat.S_IMODE(path.with_suffix("").stat().st_mode), 0)

    def test_a_list_is_never_wider(self):
        """The group bits of a file with an access list are its mask."""
        self.pending()
        path = self.home / "sessions/s1"
        hb.write(path, b"theirs", 0o600)
        rows = ((0x01, 6, 0xFFFFFFFF), (0x02, 6, USER), (0x04, 0, 0xFFFFFFFF), (0x10, 6, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF))
        try:
            os.setxattr(path, "system.posix_acl_access",
                        struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows))
        except OSError as error:
            self.skip(f"no access lists here: {error}")
        self.complete()
        beside = self.home / "sessions/s1.from-import"
        entries = struct.iter_unpack("<HHI", os.getxattr(beside, "system.posix_acl_access")[4:])
        self.assertEqual([(kind, may & ~dict((row[0], row[1]) for row in rows)[kind]) for kind, may, _ in entries],
                         [(row[0], 0) for row in rows])

    def test_a_directory_became_a_file(self):
        self.killed("rename", 1, path="*/home/fresh")
        self.assertTrue(self.is_pending())
        shutil.rmtree(self.home / "sessions")
        hb.write(self.home / "sessions", b"theirs")
        hb.write(self.home / "fresh", b"theirs too")
        done = self.complete()
        self.assertEqual((self.home / "sessions").read_bytes(), b"theirs")
        self.assertEqual((self.home / "fresh").read_bytes(), b"theirs too")
        kept = {path.name for path in (self.home / "sessions.from-import").iterdir()}
        self.assertIn("s7.from-import", kept, self.describe(done))
        self.assertIn(b"sessions.from-import/s0.from-import", done.stdout + done.stderr)  # ten are named
        self.assertEqual((self.home / "fresh.from-import/deep/f1").read_bytes(), b"new 1")
        self.assert_nothing_left(self.home)
        self.assert_next_is_clean()

    def test_no_room_beside(self):
        """What the import had stays staged, and the next run puts it there."""
        self.pending()
        hb.write(self.home / "sessions/s1", b"theirs")
        self.faulted("--home", self.home, "--set", "backup.workers=1", "backup", "-o", self.dir / "b.zip",
                     calls="rename", path="*/s1*", at="1+", error="ENOSPC", expect=None)
        self.assertEqual((self.home / "sessions/s1").read_bytes(), b"theirs")
        self.assertTrue(self.is_pending())
        self.complete()
        self.assert_beside("sessions/s1")
        self.assert_next_is_clean()

    def test_a_run_that_completes_it_and_fails(self):
        """What is left alone is named by it: nobody says it later."""
        self.pending()
        hb.write(self.home / "sessions/s1", b"theirs")
        done = self.hbcore("--home", self.home, "backup", "-o", "/proc/no-such-place/b.zip", expect=1)
        self.assert_mentions(done, "sessions/s1: was written to after the import was interrupted")
        self.assert_next_is_clean()

    def test_killed_again_while_it_is_put_beside(self):
        for at in range(1, 8):
            self.pending()
            for number in (1, 2, 3):
                hb.write(self.home / f"sessions/s{number}", b"theirs")
            self.faulted("--home", self.home, "--set", "backup.workers=1", "backup", "-o", self.dir / "b.zip",
                         calls="rename,remove", at=at, kill=True, expect=None)
            pending = self.is_pending()
            done = self.complete(expect=None)
            for number in (1, 2, 3):
                self.assertEqual((self.home / f"sessions/s{number}").read_bytes(), b"theirs")
                self.assert_beside(f"sessions/s{number}")
                if pending:  # the run that was killed could not say so
                    self.assert_mentions(done, f"sessions/s{number}: was ")
                self.assertFalse((self.home / f"sessions/s{number}.from-import.2").exists())
            self.assert_next_is_clean()


class NotPlaced(SinceTheKill):
    """What cannot be put in place by the run that completes the import counts against it, and is not lost."""

    def pending(self):
        self.killed("rename", 3, path=STAGED)
        self.assertTrue(self.is_pending())
        self.assertEqual((self.home / "sessions/s6").read_bytes(), b"old sessions/s6\n")

    def complete(self, expect=3, home=None):
        return self.hbcore("--home", home or self.home, "backup", "-o", self.dir / "b.zip", expect=expect)

    def refused(self, error, *command, expect=3):
        return self.faulted("--home", self.home, "--set", "backup.workers=1", *command, calls="rename",
                            path="*/sessions/s6", at="1+", error=error, expect=expect)

    def assert_completed(self, *names):
        for name in names:
            self.assertEqual((self.home / name).read_bytes(), (self.new / name).read_bytes())
        self.assertEqual(list(self.home.rglob("*.from-import*")), [])
        self.assert_nothing_left(self.home)

    def test_refused_now(self):
        """By every command: nothing is called complete, what is staged stays, and how to end it is said."""
        self.fresh_home()
        self.hbcore("--home", self.home, "backup", "--quick")
        self.tool("cp", "-a", self.home, self.dir / "with-snapshot")
        self.seed = self.dir / "with-snapshot"
        commands = (("backup", "-o", self.dir / "b.zip"), ("backup", "--preset", "pre-update"), ("backup", "--quick"),
                    ("snapshot", "create"), ("import", "--force", self.archive), ("snapshot", "restore", "1"))
        for command, error in zip(commands, itertools.cycle(("EPERM", "EACCES", "EROFS", "ENOSPC", "EBUSY"))):
            with self.subTest(command=command, error=error):
                self.pending()
                stage, = self.home.glob(STAGE + "*")
                done = self.refused(error, *command, expect=1 if "import" in command or "restore" in command else 3)
                self.assertTrue(self.is_pending())
                self.assertEqual((self.home / "sessions/s6").read_bytes(), b"old sessions/s6\n")
                self.assertNotIn(b"Backup complete", done.stdout)
                self.assert_mentions(done, "sessions/s6", f"rm -r {stage}")
                if "-o" in command:
                    self.hbcore("verify", self.dir / "b.zip", expect=3)
                self.complete(expect=0)
                self.assert_completed("sessions/s6")
                self.assert_next_is_clean()

    def test_given_up(self):
        """By the command that is named."""
        self.pending()
        stage, = self.home.glob(STAGE + "*")
        self.refused("EPERM", "backup", "-o", self.dir / "b.zip")
        shutil.rmtree(stage)
        self.complete(expect=0)
        self.assert_next_is_clean()

    def test_never(self):
        """What no later run can put in place is kept beside, and the journal ends."""
        (self.seed / "sessions/s7").unlink()
        (self.seed / "sessions/s7").mkdir()
        self.pending()
        self.assert_mentions(self.complete(), "sessions/s7", "a directory is in the way", "s7.from-import")
        self.assert_beside("sessions/s7")
        self.assertTrue((self.home / "sessions/s7").is_dir())
        self.assert_nothing_left(self.home)
        self.assert_next_is_clean()

    # ---- file systems that are mounted, or are not ----

    def mount(self, *line):
        if os.geteuid() != 0:
            self.skipTest("only root can mount")
        done = subprocess.run(["mount", *map(str, line)], capture_output=True, check=False)
        if done.returncode != 0:
            self.skip(f"cannot mount here: {done.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", line[-1]], check=False, capture_output=True)

    def unmount(self, where):
        subprocess.run(["umount", where], check=True)

    def test_read_only_now(self):
        self.pending()
        bound = self.dir / "bound"
        bound.mkdir()
        self.mount("--bind", self.home, bound)
        self.mount("-o", "remount,ro,bind", bound)
        self.assert_mentions(self.complete(home=bound), "an import was interrupted", "pending", "read-only")
        self.hbcore("verify", self.dir / "b.zip", expect=3)
        self.unmount(bound)
        self.complete(expect=0)
        self.assert_completed("sessions/s6")

    def test_not_mounted_now(self):
        """It is staged there: no run takes it away before it is completed."""
        self.fresh_home()
        volume = self.dir / "volume"
        shutil.move(self.home / "sessions", volume)
        (self.home / "sessions").mkdir()
        self.mount("--bind", volume, self.home / "sessions")
        self.mount("-t", "tmpfs", "none", volume)
        self.tool("cp", "-a", f"{self.seed}/sessions/.", volume)
        self.unmount(self.home / "sessions")
        self.mount("--bind", volume, self.home / "sessions")
        self.faulted(*self.line(), calls="rename", at=3, path=STAGED, kill=True, expect=None)
        self.assertTrue(self.is_pending())
        self.assertEqual((volume / "s6").read_bytes(), b"old sessions/s6\n")
        self.unmount(self.home / "sessions")
        for _ in range(2):
            self.assert_mentions(self.complete(), "sessions/s6", "mounted?")
            self.assertEqual(len(list(volume.glob(STAGE + "*"))), 1)
        self.assertEqual(list((self.home / "sessions").iterdir()), [])
        self.mount("--bind", volume, self.home / "sessions")
        self.complete(expect=0)
        self.assert_completed("config.yaml", "sessions/s6", "sessions/added")
        self.assertEqual(list(volume.glob(STAGE + "*")), [])

    def test_mounted_over_now(self):
        for there in (None, b"theirs"):
            with self.subTest(there=there):
                self.pending()
                self.mount("-t", "tmpfs", "none", self.home / "sessions")
                if there is not None:
                    (self.home / "sessions/s6").write_bytes(there)
                for _ in range(2):
                    done = self.complete()
                    self.assert_mentions(done, "sessions/s6", "a file system is mounted there")
                    self.assertNotIn(b"was removed", done.stdout)
                    self.assertNotIn(b"was written", done.stdout)
                self.assertEqual({path.name: path.read_bytes() for path in (self.home / "sessions").iterdir()},
                                 {} if there is None else {"s6": there})
                self.unmount(self.home / "sessions")
                self.complete(expect=0)
                self.assert_completed("sessions/s6", "sessions/added")

    def test_a_tree_is_mounted_over(self):
        self.killed("rename", 1, path="*/home/fresh")
        self.assertTrue(self.is_pending())
        (self.home / "fresh").mkdir()
        self.mount("-t", "tmpfs", "none", self.home / "fresh")
        self.complete()
        self.assertEqual([path for path in (self.home / "fresh").rglob("*") if path.is_file()], [])
        self.unmount(self.home / "fresh")
        self.complete(expect=0)
        self.assert_completed("fresh/deep/f1")


class SameTime(SinceTheKill):
    """Where file systems count in seconds, an edit may leave a file the time that was noted."""

    WHEN = 4 * 10**18  # as young as can be, and a whole second

    def young(self, *names):
        for name in names:
            os.utime(self.seed / name, ns=(self.WHEN, self.WHEN))

    def complete(self, expect):
        return self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip", expect=expect)

    def test_an_edit_of_the_same_size(self):
        names = [f"sessions/s{number}" for number in range(8)]
        self.young(*names)
        self.killed("rename", 3, path=STAGED)
        self.assertTrue(self.is_pending())
        self.assertEqual((self.home / "sessions/s6").read_bytes(), b"old sessions/s6\n")
        (self.home / "sessions/s6").write_bytes(b"OLD SESSIONS/S6\n")
        os.utime(self.home / "sessions/s6", ns=(self.WHEN, self.WHEN))
        self.assert_mentions(self.complete(3), "sessions/s6: was written to after")
        self.assertEqual((self.home / "sessions/s6").read_bytes(), b"OLD SESSIONS/S6\n")
        self.assert_beside("sessions/s6")
        self.assertEqual([path.name for path in self.home.rglob("*.from-import*")], ["s6.from-import"])
        self.assert_next_is_clean()

    def test_without_an_edit(self):
        self.young(*(f"sessions/s{number}" for number in range(8)), "rolls.db", "walled.db")
        for calls, at, path in (("rename", 3, STAGED), ("create", 1, f"*/{STAGE}*/begun"),
                                ("write", 2, "*/home/rolls.db*"), ("write", 2, "*/home/walled.db*")):
            with self.subTest(calls=calls, path=path):
                self.killed(calls, at, path=path)
                self.assertTrue(self.is_pending())
                self.complete(0)
                self.assertEqual((self.home / "sessions/s6").read_bytes(), b"new sessions/s6\n")
                self.assertEqual([len(self.rows_of(name)) for name in ("rolls.db", "walled.db")], [40, 40])
                self.assertEqual(list(self.home.rglob("*.from-import*")), [])

    def test_a_commit_of_the_same_size(self):
        names = "rolls.db", "walled.db"
        self.young(*names)
        self.killed("create", 1, path=f"*/{STAGE}*/begun")
        self.assertTrue(self.is_pending())
        for name in names:
            program = sqlite3.connect(self.home / name)
            program.execute("UPDATE t SET text = upper(text)")
            program.commit()
            program.close()
            self.assertEqual((self.home / name).stat().st_size, (self.seed / name).stat().st_size)
            os.utime(self.home / name, ns=(self.WHEN, self.WHEN))
        theirs = {name: self.rows_of(name) for name in names}
        for name in names:
            os.utime(self.home / name, ns=(self.WHEN, self.WHEN))
        self.complete(3)
        for name in names:
            self.assertEqual(self.rows_of(name), theirs[name])
            self.assert_beside(name)
        self.assert_next_is_clean()


class WithoutLinks(SinceTheKill):
    def test_one_is_left_out(self):
        """The rest is imported."""
        (self.new / "link").symlink_to("config.yaml")
        self.hbcore("--home", self.new, "--set", "backup.links=store", "backup", "-o", self.archive)
        for error in ("EPERM", "ENOSYS", "EOPNOTSUPP"):
            with self.subTest(error=error):
                self.fresh_home()
                done = self.faulted("--set", "import.links=restore", *self.line(), calls="link", path=STAGED, at=1,
                                    error=error, expect=3)
                self.assertEqual(done.hits, 1)
                self.assert_mentions(done, "link: is a symbolic link, and this file system has no symbolic links")
                self.assertFalse((self.home / "link").is_symlink())
                self.assertEqual((self.home / "sessions/s6").read_bytes(), b"new sessions/s6\n")
                self.assert_nothing_left(self.home)


class OlderJournal(SinceTheKill):
    """Of the release before: no notes. Times decide, and nothing is lost."""

    def downgrade(self):
        """The journal as that release would have written it."""
        library = __import__("ctypes").CDLL("libxxhash.so.0")
        library.XXH3_64bits.restype = __import__("ctypes").c_uint64
        library.XXH3_64bits.argtypes = [__import__("ctypes").c_char_p, __import__("ctypes").c_size_t]
        journal, = self.home.glob(STAGE + "*/journal")
        when = journal.stat().st_mtime_ns
        records = journal.read_bytes().split(b"\0")[:-1]
        self.assertTrue(records[0].startswith(b"hbcore-journal 2 "))
        kept = [re.sub(b"^hbcore-journal 2 [0-9]+ ", b"hbcore-journal 1 ", records[0])]
        rows, at = 0, 1
        while not records[at].startswith(b"end "):
            kept += records[at:at + 3]
            rows, at = rows + 1, at + 4
        text = b"\0".join(kept) + b"\0end %d " % rows
        journal.write_bytes(text + b"%016x\0" % library.XXH3_64bits(text, len(text)))
        os.utime(journal, ns=(when, when))
        (journal.parent / "begun").unlink(missing_ok=True)

    def test_is_completed(self):
        self.killed("rename", 3, path=STAGED)
        self.downgrade()
        self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"new config.yaml\n")
        self.assertEqual([len(self.rows_of(name)) for name in ("rolls.db", "walled.db")], [40, 40])
        self.assert_nothing_left(self.home)

    def test_loses_nothing(self):
        for point in (("rename", 3, STAGED), ("write", 2, "*/home/rolls.db*"), ("write", 2, "*/home/walled.db*")):
            with self.subTest(point=point):
                self.killed(point[0], point[1], path=point[2])
                self.assertTrue(self.is_pending())
                self.downgrade()
                checks = [edit(self) for edit in (SinceTheKill.edit, SinceTheKill.insert_rolls,
                                                  SinceTheKill.insert_walled, SinceTheKill.in_a_new_directory)]
                done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip", expect=None)
                left = self.judge(done, checks, point)
                self.assertIn("config.yaml", left)
                self.assert_next_is_clean()


class Told(SinceTheKill):
    def test_every_command_says_so(self):
        self.fresh_home()
        self.hbcore("--home", self.home, "backup", "--quick")
        self.tool("cp", "-a", self.home, self.dir / "with-snapshot")
        self.seed = self.dir / "with-snapshot"
        self.killed("rename", 2, path=STAGED)
        before = hb.tree(self.home)
        for command in (("list", self.archive), ("verify", self.archive), ("snapshot", "list"),
                        ("snapshot", "prune", "--keep", "5"), ("prune", "--dry-run"), ("backup", "--dry-run"),
                        ("backup", "--quick", "--dry-run"), ("snapshot", "restore", "1", "--dry-run"),
                        ("import", "--dry-run", self.archive)):
            with self.subTest(command=command):
                done = self.hbcore("--home", self.home, *command)
                self.assert_mentions(done, "an import was interrupted", STAGE)
                self.assert_unchanged(before, self.home)
                if command[0] != "import":
                    done = self.hbcore("--json", "--home", self.home, *command)
                    self.assert_mentions(done, "an import was interrupted")

    def test_not_of_one_that_is_under_way(self):
        self.fresh_home()
        said = self.dir / "said"
        line = " ".join(map(str, self.command("--home", self.home, "list", self.archive)))
        done = self.faulted(*self.line(), calls="rename", path=STAGED, at=2, run=f"{line} >'{said}' 2>&1")
        self.assertEqual(done.hits, 1)
        self.assertIn(b"config.yaml", said.read_bytes())
        self.assertNotIn(b"interrupted", said.read_bytes())

    def test_what_changes_while_the_import_runs_is_replaced_and_named(self):
        self.fresh_home()
        done = self.faulted(*self.line(), calls="rename", path="*/journal", at=1,
                            run=f"echo theirs >'{self.home}/config.yaml'")
        self.assertEqual(done.hits, 1)
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"new config.yaml\n")
        self.assert_mentions(done, "config.yaml: was written to while the import ran")


class Users(SinceTheKill):
    """The home is a user's; root and he complete each other's, another user is told whom to ask."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can be somebody else")
        if not hb.nobody_runs(self.binary):
            self.skip(f"nobody else can run {self.binary}")
        self.dir.chmod(0o777)
        self.user.chmod(0o777)
        subprocess.run(["chown", "-hR", f"{USER}:{USER}", self.seed], check=True)
        self.his = self.dir / "his"
        self.his.mkdir()
        self.his.chmod(0o777)

    @staticmethod
    def who(user):
        return {} if user == 0 else {"user": user, "group": user, "extra_groups": []}

    def test_each_by_the_other(self):
        for killed, completes in ((0, USER), (USER, 0), (0, 0), (USER, USER)):
            for at in range(2, 30) if hb.FULL else (2, 4, 9):
                with self.subTest(killed=killed, completes=completes, at=at):
                    self.killed("rename", at, path=STAGED, **self.who(killed))
                    if at > 12 and not self.is_pending():
                        break  # it came to its end before that
                    self.assertTrue(self.is_pending())
                    checks = [edit(self) for edit in self.EDITS]
                    subprocess.run(["chown", "-hR", f"{USER}:{USER}", self.home / "sessions", self.home / "fresh"],
                                   check=True)
                    done = self.hbcore("-v", "--home", self.home, "backup", "-o", self.his / f"{completes}.zip",
                                       expect=None, **self.who(completes))
                    self.judge(done, checks, (killed, completes, at))
                    for path in self.home.rglob("*.from-import"):
                        self.assertEqual(path.lstat().st_uid, USER, path)
                    self.assert_next_is_clean()

    def test_a_third_one_is_told(self):
        self.killed("rename", 4, path=STAGED)
        for path in (self.home, *self.home.rglob("*")):
            if STAGE not in str(path):
                path.chmod(0o777 if path.is_dir() else 0o666)
        before = hb.tree(self.home)
        command = f"as user {USER}: hbcore --home {self.home} backup"
        done = self.hbcore("--home", self.home, "backup", "-o", self.his / "c.zip", expect=3, **self.who(OTHER))
        self.assert_mentions(done, "an import may have been interrupted", command)
        self.hbcore("verify", self.his / "c.zip", expect=3)  # it is not called complete
        done = self.hbcore("--home", self.home, "import", "--force", self.archive, expect=1, **self.who(OTHER))
        self.assert_mentions(done, "must be finished before this one", command)
        found = hb.tree(self.home)
        for rows in (before, found):
            rows.pop(b".")
            rows.pop(b"walled.db-shm", None)  # whoever reads the database notes there how far
        self.assertEqual(hb.differences(before, found), [])


class WithoutModes(SinceTheKill):
    """exFAT by FUSE: a stage is open to others whatever its mode was to be."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can mount")
        self.need("mkfs.exfat", "mount.exfat-fuse", "losetup")
        image, self.mounted = self.dir / "image", self.dir / "mounted"
        self.mounted.mkdir()
        with open(image, "wb") as file:
            file.truncate(64 << 20)
        done = subprocess.run(["losetup", "-f", "--show", image], capture_output=True, check=False)
        if done.returncode != 0:
            self.skip(f"no loop device here: {done.stderr.decode().strip()}")
        device = done.stdout.decode().strip()
        self.addCleanup(subprocess.run, ["losetup", "-d", device], check=False)
        self.tool("mkfs.exfat", device)
        done = subprocess.run(["mount.exfat-fuse", device, self.mounted], capture_output=True, check=False)
        if done.returncode != 0:
            self.skip(f"cannot mount exFAT here: {done.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", self.mounted], check=False)
        for name in ("rolls.db", "walled.db"):  # what SQLite can do there is another matter
            (self.new / name).unlink()
            (self.seed / name).unlink()
        self.hbcore("--home", self.new, "backup", "-o", self.archive)
        self.home = self.mounted / "home"

    def fresh_home(self):
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.seed, self.home, copy_function=shutil.copyfile)

    def pending(self, **keywords):
        done = self.killed("rename", 4, path=STAGED, **keywords)
        self.assertTrue(self.is_pending())
        return done

    def complete(self, **keywords):
        return self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip", **keywords)

    def without_key(self):
        """No place for a key that is this user's alone."""
        return self.environment(XDG_STATE_HOME=str(self.mounted / "state"))

    def test_it_is_completed(self):
        self.pending()
        done = self.complete()
        self.assert_mentions(done, "Completed the interrupted import of")
        for name in ("config.yaml", "sessions/s6", "sessions/added", "fresh/deep/f3"):
            self.assertEqual((self.home / name).read_bytes(), (self.new / name).read_bytes(), name)
        self.assert_nothing_left(self.home)

    def test_names_that_are_one_are_noted_as_they_are(self):
        """The kernel keeps attributes by name: those of the other name are not what is there."""
        for name in ("ADDED", "S1"):
            (self.new / "sessions" / name.lower()).rename(self.new / "sessions" / name)
        upper = self.dir / "upper.zip"
        self.hbcore("--home", self.new, "backup", "-o", upper)
        self.fresh_home()
        for archive in (self.archive, upper, self.archive, upper, upper):
            done = self.hbcore(*self.line(archive))
            self.assertNotIn(b"was written to while", done.stdout)

    def test_a_link_is_left_out(self):
        (self.new / "link").symlink_to("config.yaml")
        self.hbcore("--home", self.new, "--set", "backup.links=store", "backup", "-o", self.archive)
        self.fresh_home()
        done = self.hbcore("--set", "import.links=restore", *self.line(), expect=3)
        self.assert_mentions(done, "link: is a symbolic link, and this file system has no symbolic links")
        self.assertEqual((self.home / "sessions/s6").read_bytes(), b"new sessions/s6\n")

    def test_edits_stay(self):
        self.pending()
        hb.write(self.home / "config.yaml", b"theirs, and longer than before")
        hb.write(self.home / "sessions/added", b"theirs")
        self.complete(expect=3)
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"theirs, and longer than before")
        self.assertEqual((self.home / "sessions/added").read_bytes(), b"theirs")
        self.assert_next_is_clean()

    def test_a_journal_that_others_have_written(self):
        """Another seal, none, or a journal that was changed: nothing of it is done, and the backup is incomplete."""
        def change(stage):
            journal = stage / "journal"
            journal.write_bytes(journal.read_bytes().replace(b"config.yaml", b"config.yamm"))
        for harm in (change, lambda stage: (stage / "seal").unlink(), lambda stage: hb.write(stage / "seal", bytes(32)),
                     lambda stage: stage.rename(stage.with_name(STAGE + "0123456789abcdef"))):
            with self.subTest():
                self.pending()
                (self.dir / "b.zip").unlink(missing_ok=True)
                stage, = self.home.glob(STAGE + "*")
                harm(stage)
                stage, = self.home.glob(STAGE + "*")
                before = {path: path.read_bytes() for path in self.home.rglob("*")
                          if path.is_file() and path != stage / "owner"}  # which says who has it now
                done = self.complete(expect=3)
                self.assert_mentions(done, "cannot complete the import", f"rm -r {self.home}/{stage.name}")
                for path, data in before.items():
                    self.assertEqual(path.read_bytes(), data)
                self.hbcore("verify", self.dir / "b.zip", expect=3)
                shutil.rmtree(stage)
                self.complete()

    def test_without_a_key(self):
        """It is said before anything is replaced, and the home is not called complete until it is imported again."""
        done = self.pending(env=self.without_key())
        self.assertIn(b"this file system has no modes", done.stderr)
        self.assertIn(b"cannot be completed and must be repeated", done.stderr)
        for _ in range(2):
            self.assert_mentions(self.complete(expect=3), "an import was interrupted", "import the archive again")
        self.assert_mentions(self.hbcore(*self.line()), "cannot be completed: this import takes its place")
        self.assert_nothing_left(self.home)
        self.complete()

    def test_killed_again_it_is_still_told(self):
        self.pending(env=self.without_key())
        self.faulted(*self.line(), calls="rename", path=STAGED, at=4, kill=True, expect=None, env=self.without_key())
        self.complete(expect=3)
        self.hbcore(*self.line())
        self.complete()
        self.assert_nothing_left(self.home)


if __name__ == "__main__":
    unittest.main()
