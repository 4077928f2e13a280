# SPDX-License-Identifier: Apache-2.0
"""Imports that end in the middle: the next run carries them through, and says so; and homes in which
other file systems are mounted."""
import io
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tarfile
import unittest

import fault
import hb

fault.need()

STAGE = ".hbcore-stage-"


class Interrupted(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.left_behind_is_fine = True  # until the next run; each test looks itself
        self.new = self.dir / "new"
        for number in range(60):
            hb.write(self.new / f"d{number % 5}/f{number:02}", b"new %d\n" % number * 50,
                     0o640 if number % 2 else 0o600, 1_700_000_000 * 10**9 + number)
        hb.write(self.new / "config.yaml", b"new\n")
        (self.new / "made/below").mkdir(parents=True)
        hb.write(self.new / "made/below/x", b"x")
        os.chmod(self.new / "made/below", 0o550)
        self.make_database(self.new / "state.db", rows=300)
        self.set_directory_times(self.new)
        self.archive = self.backup(self.new, "new.zip")

    def make_target(self):
        home = self.dir / "home"
        if home.exists():
            os.chmod(home / "made/below", 0o700) if (home / "made/below").exists() else None
            shutil.rmtree(home)
        for number in range(0, 60, 3):
            hb.write(home / f"d{number % 5}/f{number:02}", b"old")
        hb.write(home / "only-here", b"keep")
        hb.write(home / "config.yaml", b"old\n")
        self.make_database(home / "state.db", rows=10)
        return home

    def import_line(self, home):
        return ("--home", home, "--set", "backup.workers=1", "import", "--force", self.archive)

    def each_is_old_or_new(self, home, before):
        wanted = hb.tree(self.new)
        for name, row in hb.tree(home).items():
            # A killed transaction leaves its journal, with which whoever opens the database rolls it back.
            if name.startswith(os.fsencode(STAGE)) or name in (b"state.db", b"state.db-journal") or row[0][0] == "d":
                continue
            self.assertIn(row[-1], {rows[name][-1] for rows in (wanted, before) if name in rows},
                          f"{name} is neither the old nor the new one")

    def assert_carried_through(self, home):
        self.assert_nothing_left(home)
        wanted, found = hb.tree(self.new), hb.tree(home)
        self.assertEqual(found.pop(b"only-here")[-1][0], 4)
        for rows in (wanted, found):
            rows.pop(b".")
            rows.pop(b"state.db")
        for name in list(found):
            if found[name][0][0] == "d" and name.startswith(b"d"):  # was there before
                found[name] = wanted[name]
            if name.startswith(b"d") and b"/f" in name and int(name[-2:]) % 3 == 0:
                found[name] = (wanted[name][0], *found[name][1:])  # those keep their mode
        found[b"config.yaml"] = (wanted[b"config.yaml"][0], *found[b"config.yaml"][1:])
        rows = hb.differences(wanted, found)
        self.assertFalse(rows, "\n".join(rows[:20]))
        self.assertEqual(len(self.database_rows(home / "state.db")), 300)

    def killed_at(self, home, calls, at):
        return self.faulted(*self.import_line(home), calls=calls, at=at, kill=True, expect=None)

    def test_every_kill_while_publishing(self):
        home = self.make_target()
        total = self.faulted(*self.import_line(home), calls="rename,remove").count
        self.assert_carried_through(home)
        completed = 0
        for at in fault.some(range(1, total + 1), 15):
            with self.subTest(at=at):
                home = self.make_target()
                before = hb.tree(home)
                self.killed_at(home, "rename,remove", at)
                self.each_is_old_or_new(home, before)
                journal = [stage for stage in home.glob(STAGE + "*")
                           if (stage / "journal").exists()]
                if not journal:
                    continue
                done = self.hbcore("--home", home, "backup", "-o", self.dir / "next.zip")
                self.assert_mentions(done, "completed the interrupted import of", self.archive)
                self.assert_carried_through(home)
                completed += 1
        print(f"{total} moments, {completed} of those tried were completed by the next run")
        self.assertGreater(completed, 8)

    def interrupted_home(self):
        """As a kill in the middle of the renames leaves it."""
        home = self.make_target()
        self.killed_at(home, "rename", 20)
        self.assertEqual(len(list(home.glob(STAGE + "*/journal"))), 1)
        return home

    def test_by_another_import(self):
        home = self.interrupted_home()
        hb.write(self.dir / "other/config.yaml", b"other\n")
        other = self.backup(self.dir / "other", "other.zip")
        done = self.summary(self.hbcore("--json", "--home", home, "import", "--force", other))
        self.assertGreater(done["completed_import_files"], 20)
        self.assertEqual((home / "config.yaml").read_bytes(), b"other\n")
        shutil.copy2(self.new / "config.yaml", home / "config.yaml")
        self.assert_carried_through(home)

    def test_twice(self):
        home = self.interrupted_home()
        self.faulted("--home", home, "--set", "backup.workers=1", "backup", "-o",
                     self.dir / "a.zip", calls="rename", at=10, kill=True, expect=None)
        self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip")
        self.assert_carried_through(home)

    def test_dry_run_only_tells(self):
        home = self.interrupted_home()
        before = hb.tree(home)
        for command in (("backup",), ("import", self.archive)):
            done = self.hbcore("--home", home, *command, "--dry-run")
            self.assert_mentions(done, "an import was interrupted")
            self.assert_unchanged(before, home)

    def test_signal(self):
        home = self.make_target()
        done = self.faulted(*self.import_line(home), calls="rename", at=20,
                            run='kill -TERM "$HB_FAULT_THREAD"', expect=143)
        self.assertIn(b"the next import or backup of this home completes it", done.stderr)
        self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip")
        self.assert_carried_through(home)

    def test_damaged_journal(self):
        home = self.interrupted_home()
        journal, = home.glob(STAGE + "*/journal")
        data = bytearray(journal.read_bytes())
        data[len(data) // 2] ^= 1
        journal.write_bytes(data)
        done = self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip", expect=3)
        self.assert_mentions(done, "journal", "damaged", "import the archive again")
        self.assert_nothing_left(home)
        self.hbcore(*self.import_line(home))
        for path in self.new.rglob("*"):
            if path.is_file() and path.name not in ("state.db", hb.HOME_ID):
                self.assertEqual((home / path.relative_to(self.new)).read_bytes(),
                                 path.read_bytes())

    def test_a_stage_that_others_can_write_to(self):
        """Somebody may have put it there: what it says is not done."""
        home = self.interrupted_home()
        stage, = home.glob(STAGE + "*")
        os.chmod(stage, 0o777)
        before = hb.tree(home)
        self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip")
        self.assertEqual({name for name in hb.tree(home)}, {name for name in before})

    def assert_import_refused(self, home, done):
        self.assertIn(b"must be finished before this one", done.stderr)
        self.assertEqual(len(list(home.glob(STAGE + "*/journal"))), 1)

    def another_import(self, home):
        hb.write(self.dir / "other/config.yaml", b"other\n")
        other = self.backup(self.dir / "other", "other.zip")
        return ("--home", home, "import", "--force", other)

    def test_of_another_user(self):
        """Completed later, it would put its older files over those of the import that comes now."""
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        home = self.interrupted_home()
        stage, = home.glob(STAGE + "*")
        for path in (stage, *stage.iterdir()):
            os.chown(path, 65534, 65534)
        before = hb.tree(home)
        line = self.another_import(home)
        self.assert_import_refused(home, self.hbcore(*line, expect=1))
        self.assert_unchanged(before, home)
        done = self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip", expect=3)
        self.assert_mentions(done, "another user", f"as user 65534: hbcore --home {home} backup")
        self.assert_unchanged(before, home)
        shutil.rmtree(stage)
        self.hbcore(*line)

    def test_an_import_that_cannot_be_looked_at_is_not_forgotten(self):
        home = self.interrupted_home()
        stage, = home.glob(STAGE + "*")
        line, before = self.another_import(home), hb.tree(home)
        for calls, path, error in (
                ("newfstatat,faccessat2", stage / "journal", "EPERM"),
                ("openat", stage, "EMFILE"), ("getdents64", home, "EIO")):
            with self.subTest(calls=calls):
                done = self.faulted(*line, calls=calls, path=path, at="1+", error=error, expect=1)
                self.assertGreater(done.hits, 0)
                self.assert_unchanged(before, home)
        done = self.faulted("--home", home, "backup", "-o", self.dir / "a.zip",
                            calls="newfstatat,faccessat2", path=stage / "journal", at="1+",
                            error="EPERM", expect=3)
        self.assert_unchanged(before, home)
        self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip")
        self.assert_carried_through(home)

    def test_a_journal_that_cannot_be_read_now(self):
        """It may be all that there is of the import: it stays, and the next run that can read it completes it."""
        home = self.interrupted_home()
        stage, = home.glob(STAGE + "*")
        line, before = ("--home", home, "backup", "-o", self.dir / "a.zip"), hb.tree(home)
        reads = "read,pread64"
        kept = self.dir / "kept"
        self.tool("cp", "-a", home, kept)
        count = self.faulted(*line, calls=reads, path=stage / "journal").count
        self.assertGreater(count, 1)
        for at in range(1, count + 1):
            for error in ("EIO", "ENOMEM"):
                shutil.rmtree(home)
                self.tool("cp", "-a", kept, home)
                done = self.faulted(*line, calls=reads, path=stage / "journal", at=f"{at}+", error=error,
                                    expect=3)
                self.assert_mentions(done, "an import was interrupted", "cannot be read")
                self.assertTrue((stage / "journal").exists(), (at, error))
                done = self.faulted(*self.another_import(home), calls=reads, path=stage / "journal", at=f"{at}+",
                                    error=error, expect=1)
                self.assert_mentions(done, "must be finished before this one")
                self.hbcore(*line)
                self.assert_carried_through(home)

    def test_a_copy_with_the_number_of_the_original(self):
        """File systems give a number again: the directory of the copy is not the one of the import for that."""
        home = self.interrupted_home()
        kept = self.dir / "kept"
        stage, = home.glob(STAGE + "*")
        number = stage.stat().st_ino
        self.tool("cp", "-a", home, kept)
        aside = self.dir / "aside"  # so that no number but that one is given again
        for directory in (stage, home):
            (aside / directory.name).mkdir(parents=True)
            for path in directory.iterdir():
                if path != stage:
                    os.rename(path, aside / directory.name / path.name)
        stage.rmdir()
        others = []  # they hold the numbers that are given before that one
        for other in range(5000):
            stage.mkdir()
            if stage.stat().st_ino == number:
                break
            os.rename(stage, self.dir / f"other{other}")
            others.append(self.dir / f"other{other}")
        else:
            self.skipTest("the file system does not give a number again")
        for path in others:
            path.rmdir()
        self.tool("cp", "-a", f"{kept}/.", home)
        self.assertEqual(stage.stat().st_ino, number)
        self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip")
        self.assert_carried_through(home)

    def test_a_file_that_cannot_be_put_back_later(self):
        home = self.interrupted_home()
        os.mkdir(home / "config.yaml.d")
        os.rename(home / "config.yaml", home / "config.yaml.d/old")
        os.mkdir(home / "config.yaml")
        done = self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip", expect=None)
        self.assertEqual(done.returncode, 0, self.describe(done))
        if b"config.yaml: by the import" in done.stdout + done.stderr:
            self.assert_mentions(done, "a directory is in the way")
        self.assert_nothing_left(home)

    def interrupted_over(self, data):
        """An import of such a database, killed when it had been refused and some files renamed."""
        hb.write(self.new / "state.db", data)
        self.archive.unlink()  # a complete one, which stays beside one that lacks a database
        self.hbcore("--home", self.new, "backup", "-o", self.archive, expect=None)
        return self.interrupted_home()

    def test_a_database_that_can_never_be_put_back(self):
        """It is kept beside, and said; it does not stand in the way of all imports to come."""
        home = self.interrupted_over(b"SQLite format 3\0" + b"junk" * 3000)
        done = self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip", expect=3)
        self.assert_mentions(done, "completed the interrupted import", "beside it: state.db.from-import", "unsound")
        self.assert_nothing_left(home)
        self.assertEqual(len(self.database_rows(home / "state.db")), 10)
        self.hbcore(*self.import_line(home), expect=3)

    def test_a_database_that_is_locked(self):
        """The next run tries again, and an import waits for it."""
        home = self.make_target()
        holder = sqlite3.connect(home / "state.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        quick = ("--set", "content:sqlite.wait=0")
        self.faulted(*quick, *self.import_line(home), calls="rename", at=20, kill=True, expect=128 + 9)
        done = self.hbcore("--home", home, *quick, "backup", "-o", self.dir / "a.zip", expect=3)
        self.assert_mentions(done, "went on with the interrupted import", "1 could not be; the next run tries again", "locked")
        line = self.another_import(home)
        self.assert_import_refused(home, self.hbcore(*quick, *line, expect=1))
        holder.execute("ROLLBACK")
        holder.close()
        self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip")
        self.assert_carried_through(home)

    def test_a_database_is_restored_once(self):
        """Killed between two databases: the first one is in use again, and stays as it is."""
        for name in ("first.db", "second.db"):
            self.make_database(self.new / name, rows=20)
        self.hbcore("--home", self.new, "backup", "-o", self.archive)
        home = self.make_target()
        for name in ("first.db", "second.db"):
            self.make_database(home / name, rows=5)
        done = self.faulted(*self.import_line(home), calls="write", path="*/home/second.db*", at=1, kill=True,
                            expect=128 + 9)
        self.assertEqual(done.hits, 1)
        self.assertEqual(len(self.database_rows(home / "first.db")), 20, "it was to be restored before the kill")
        program = sqlite3.connect(home / "first.db")
        program.execute("INSERT INTO t (text) VALUES ('since then')")
        program.commit()
        program.close()
        done = self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip", expect=None)
        self.assertIn(done.returncode, (0, 3), self.describe(done))
        rows = self.database_rows(home / "first.db")
        self.assertEqual((len(rows), rows[-1][1]), (21, "since then"), self.describe(done))
        self.assert_nothing_left(home)

    def test_without_the_plugin_of_the_database(self):
        """By another configuration: a database is never replaced as a file would be, whether writing has begun or not."""
        config = self.write_config("[backup]\nformat = zip\n[format:zip]\n")
        for calls, path in (("write", "*/home/state.db*"), ("create", "*/begun")):
            with self.subTest(calls=calls):
                home = self.make_target()
                done = self.faulted(*self.import_line(home), calls=calls, path=path, at=1, kill=True, expect=128 + 9)
                self.assertEqual(done.hits, 1)
                program = sqlite3.connect(home / "state.db", isolation_level=None)
                self.addCleanup(program.close)
                self.assertEqual(program.execute("SELECT count(*) FROM t").fetchone(), (10,))
                inode = (home / "state.db").stat().st_ino
                done = self.hbcore("--config", config, "--home", home, "backup", "-o", self.dir / "a.zip", expect=None)
                self.assertIn(done.returncode, (0, 3), self.describe(done))
                self.assert_mentions(done, "state.db")
                self.assertEqual((home / "state.db").stat().st_ino, inode, self.describe(done))
                self.assertEqual(program.execute("SELECT count(*) FROM t").fetchone(), (10,))
                program.close()

    # ---- recovery that fails for a reason that passes ----

    def test_no_space_while_it_is_carried_through(self):
        home = self.interrupted_home()
        done = self.faulted("--home", home, "--set", "backup.workers=1", "backup", "-o",
                            self.dir / "a.zip", calls="rename", path="*/home/.hbcore-stage-*", at="1+",
                            error="ENOSPC", expect=None)
        self.assertEqual(len(list(home.glob(STAGE + "*/journal"))), 1, self.describe(done))
        self.assert_mentions(done, "went on with the interrupted import of", "the next run tries again")
        self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip")
        self.assert_carried_through(home)

    def test_another_import_does_not_overtake_it(self):
        home = self.interrupted_home()
        other = self.backup(self.new, "other.zip")
        done = self.faulted("--home", home, "--set", "backup.workers=1", "import", "--force", other,
                            calls="rename", path="*/home/.hbcore-stage-*", at="1+", error="EIO", expect=1)
        self.assert_mentions(done, "interrupted", "must be finished before this one")
        self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip")
        self.assert_carried_through(home)


class Planted(hb.Case):
    config = hb.GENERIC

    def test_no_journal_through_a_link(self):
        """A link of one archive leads where another one then puts a journal of its own making."""
        link, file = self.dir / "link.tar", self.dir / "file.tar"
        home = self.dir / "home"
        home.mkdir()
        with tarfile.open(link, "w") as archive:
            member = tarfile.TarInfo("way")
            member.type, member.linkname = tarfile.SYMTYPE, STAGE + "a" * 16
            archive.addfile(member)
        with tarfile.open(file, "w") as archive:
            member = tarfile.TarInfo("way")
            member.type, member.mode = tarfile.DIRTYPE, 0o700
            archive.addfile(member)
            member = tarfile.TarInfo("way/journal")
            member.size = 3
            archive.addfile(member, io.BytesIO(b"abc"))
        line = ("--home", home, "--set", "import.links=restore", "import", "--force")
        self.hbcore(*line, link)
        done = self.hbcore(*line, file, expect=3)
        self.assert_mentions(done, "staging directory")
        self.assertEqual(list(home.glob(STAGE + "*/*")), [])
        self.hbcore("--home", home, "--set", "backup.links=store", "backup",
                    "-o", self.dir / "a.tar.zst", "--format", "tar-zstd")
        self.assertEqual({path.name for path in home.iterdir()}, {"way", hb.HOME_ID})


class Mounted(fault.FaultCase):
    """Below the home lie other file systems, one of them the same one bound twice."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can mount")

    def mount(self, *arguments):
        done = subprocess.run(["mount", *map(os.fspath, arguments)], capture_output=True,
                              check=False)
        if done.returncode != 0:
            self.skipTest(f"cannot mount here: {done.stderr.decode().strip()}")
        self.unmount_later(arguments[-1])

    def unmount_later(self, path):
        self.addCleanup(subprocess.run, ["umount", "-l", os.fspath(path)], check=False, capture_output=True)

    def test_import_reaches_them(self):
        new = self.make_home("new", whole_seconds=True)
        for number in range(20):
            hb.write(new / f"tmp/deep/{number}", b"on tmpfs %d" % number)
            hb.write(new / f"bound/{number}", b"bound %d" % number)
        self.make_database(new / "tmp/a.db", rows=40)
        archive = self.backup(new, "a.tar.zst", "--format", "tar-zstd")
        home, elsewhere = self.dir / "home", self.dir / "elsewhere"
        for path in (home / "tmp", home / "bound", elsewhere):
            path.mkdir(parents=True)
        self.mount("-t", "tmpfs", "none", home / "tmp")
        self.mount("--bind", elsewhere, home / "bound")
        hb.write(home / "tmp/deep/3", b"old")
        done = self.hbcore("--home", home, "import", "--force", archive)
        self.assertEqual(done.returncode, 0)
        self.assertEqual((home / "tmp/deep/3").read_bytes(), b"on tmpfs 3")
        self.assertEqual((elsewhere / "7").read_bytes(), b"bound 7")
        self.assertEqual(len(self.database_rows(home / "tmp/a.db")), 40)
        self.assert_nothing_left(home)
        self.assert_nothing_left(elsewhere)

    def test_a_home_that_is_read_only_meanwhile(self):
        """Nothing is completed then, and the backup, which finds the home half old, half new, is not called complete."""
        for number in range(30):
            hb.write(self.dir / f"new/{number}", b"new")
        hb.write(self.dir / "new/config.yaml", b"new")
        archive = self.backup(self.dir / "new", "a.zip")
        home = self.dir / "home"
        hb.write(home / "only-here", b"keep")
        self.faulted("--home", home, "--set", "backup.workers=1", "import", "--force", archive,
                     calls="rename", at=10, kill=True, expect=None)
        self.mount("--bind", home, home)
        self.tool("mount", "-o", "remount,ro,bind", home)
        before = hb.tree(home)
        done = self.hbcore("--home", home, "backup", "-o", self.dir / "b.zip", expect=3)
        self.assert_mentions(done, "an import was interrupted", "read-only")
        self.assertNotIn(b"ompleted the interrupted import", done.stdout)
        self.assert_unchanged(before, home)
        self.tool("umount", home)
        done = self.hbcore("--home", home, "backup", "-o", self.dir / "b.zip")
        self.assert_mentions(done, "completed the interrupted import")
        self.assertEqual((home / "29").read_bytes(), b"new")

    def left_in(self, home):
        return [str(path.relative_to(home)) for path in home.glob("**/" + STAGE + "*")]

    def test_a_kill_at_any_moment_leaves_nothing_behind_for_ever(self):
        for name in ("a", "b", "tmp/c", "tmp/d", "config.yaml"):
            hb.write(self.dir / "new" / name, name)
        archive = self.backup(self.dir / "new", "a.zip")
        home = self.dir / "home"
        (home / "tmp").mkdir(parents=True)
        self.mount("-t", "tmpfs", "none", home / "tmp")
        line = ("--home", home, "--set", "backup.workers=1", "import", "--force", archive)
        total = self.faulted(*line, calls=fault.CHANGING).count
        self.assertGreater(total, 30)
        commands = (("backup", "-o", self.dir / "next.zip"), ("import", "--force", archive))
        for at in range(1, total + 1):
            for command in commands if hb.FULL else commands[at % 2:][:1]:
                with self.subTest(at=at, command=command[0]):
                    self.faulted(*line, calls=fault.CHANGING, at=at, kill=True, expect=None)
                    done = self.hbcore("--home", home, *command)
                    self.assertNotIn(b"is gone", done.stdout + done.stderr)
                    self.assertEqual(self.left_in(home), [])
                    for name in ("a", "tmp/c", "tmp/d") if b"ompleted" in done.stdout else ():
                        self.assertEqual((home / name).read_bytes(), name.encode())

    def interrupted_over_two(self, name="home"):
        """A home with a stage on each of two file systems, the journal that needs both in one of them."""
        for path in ("config.yaml", "a", "tmp/c", "tmp/d"):
            hb.write(self.dir / "new" / path, path)
        archive = self.backup(self.dir / "new", "a.zip")
        home = self.dir / name
        (home / "tmp").mkdir(parents=True)
        self.mount("-t", "tmpfs", "none", home / "tmp")
        self.faulted("--home", home, "--set", "backup.workers=1", "import", "--force", archive, calls="rename",
                     path=f"*/{STAGE}*/m*", at=1, kill=True, expect=128 + 9)
        self.assertEqual(len(self.left_in(home)), 2, "a stage on each file system")
        return home

    def assert_all_restored(self, home, done):
        self.assertNotIn(b"is gone", done.stdout + done.stderr)
        for name in ("config.yaml", "a", "tmp/c", "tmp/d"):
            self.assertEqual((home / name).read_bytes(), name.encode(), self.describe(done))
        self.assertEqual(self.left_in(home), [])

    def test_a_stage_elsewhere_that_cannot_be_opened_now(self):
        """What waits in it is not gone."""
        home = self.interrupted_over_two()
        inner, = home.glob(f"tmp/{STAGE}*")
        line = ("--home", home, "backup", "-o", self.dir / "next.zip")
        for path, error in ((inner, "EIO"), (inner, "EMFILE"), (inner, "EACCES"), (home / "tmp", "EIO")):
            done = self.faulted(*line, calls="openat,openat2", path=path, at="1+", error=error, expect=None)
            self.assertGreater(done.hits, 0)
            self.assert_mentions(done, "an import was interrupted", "its staged files in", "cannot be opened")
            self.assertEqual(len(self.left_in(home)), 2, error)
        done = self.faulted(*line, calls="openat", path=inner, at="1+", error="EIO", expect=None)
        self.assert_mentions(done, inner.name, "cannot be opened: Input/output error")
        done = self.faulted("--home", home, "import", "--force", self.dir / "a.zip", calls="openat", path=inner, at="1+",
                            error="EIO", expect=1)
        self.assert_mentions(done, "must be finished before this one")
        self.assert_all_restored(home, self.hbcore(*line))

    def test_a_file_system_that_was_mounted_since(self):
        """What was staged for the one below it does not go to it, and is not lost: not even what it holds already."""
        for number in range(5):
            hb.write(self.dir / f"new/data/deep/{number}", b"new")
        hb.write(self.dir / "new/config.yaml", b"new")
        self.make_database(self.dir / "new/data/a.db", rows=40)
        archive = self.backup(self.dir / "new", "a.zip")
        home = self.dir / "home"
        hb.write(home / "data/deep/1", b"old")
        self.make_database(home / "data/a.db", rows=5)
        self.faulted("--home", home, "--set", "backup.workers=1", "import", "--force", archive, calls="create",
                     path="*/begun", at=1, kill=True, expect=128 + 9)
        self.mount("-t", "tmpfs", "none", home / "data")
        shutil.copy2(self.dir / "new/data/a.db", home / "data/a.db")
        done = self.hbcore("--home", home, "backup", "-o", self.dir / "b.zip", expect=3)
        for name in ("data/a.db", "data/deep/1"):
            self.assert_mentions(done, f"{name}: not restored by the interrupted import: a file system is mounted there")
        self.assertEqual([path.name for path in (home / "data").rglob("*") if path.is_file()], ["a.db"])
        self.tool("umount", home / "data")
        self.assert_mentions(self.hbcore("--home", home, "backup", "-o", self.dir / "b.zip"), "completed the interrupted")
        self.assertEqual(len(self.database_rows(home / "data/a.db")), 40)
        self.assertEqual((home / "data/deep/1").read_bytes(), b"new")
        self.assertEqual(self.left_in(home), [])

    def test_killed_while_it_tidies_up_after_completing(self):
        """The journal goes first: what it names is needed as long as it is there."""
        for at in range(1, 20):
            home = self.interrupted_over_two(f"home-{at}")
            done = self.faulted("--home", home, "--set", "backup.workers=1", "backup", "-o", self.dir / "next.zip",
                                calls="remove", path=f"{home}/*{STAGE}*", at=at, kill=True, expect=None)
            if done.hits == 0:
                break
            with self.subTest(at=at, call=done.hit):
                self.assert_all_restored(home, self.hbcore("--home", home, "backup", "-o", self.dir / "next.zip"))
        self.assertGreater(at, 3, "nothing was removed")

    def test_a_home_that_was_moved(self):
        """Another directory is called as the home was; what waits in the moved one is not swept."""
        home, moved = self.interrupted_over_two(), self.dir / "moved"
        home.rename(moved)
        self.unmount_later(moved / "tmp")
        home.mkdir()
        other = self.make_home("other")
        self.hbcore("--home", other, "backup", "-o", moved / "tmp/other.zip")
        self.assertEqual(len(self.left_in(moved)), 2, "a stage was swept that a journal needs")
        self.assert_all_restored(moved, self.hbcore("--home", moved, "backup", "-o", self.dir / "next.zip"))

    def test_a_mark_that_was_not_written_any_more(self):
        """What says to which import a stage belongs is empty: that import never began to publish."""
        for name in ("config.yaml", "tmp/c"):
            hb.write(self.dir / "new" / name, name)
        archive = self.backup(self.dir / "new", "a.zip")
        home = self.dir / "home"
        (home / "tmp").mkdir(parents=True)
        self.mount("-t", "tmpfs", "none", home / "tmp")
        self.faulted("--home", home, "import", "--force", archive, calls="write", path=f"*/tmp/{STAGE}*/journal",
                     at=1, kill=True, expect=128 + 9)
        self.assertEqual(len(self.left_in(home)), 2)
        self.hbcore("--home", home, "backup", "-o", self.dir / "next.zip")
        self.assertEqual(self.left_in(home), [])

    def test_a_file_that_is_mounted(self):
        """As in a container: it cannot be replaced, and that costs this one."""
        for name in ("config.yaml", "other"):
            hb.write(self.dir / "new" / name, b"new")
        archive = self.backup(self.dir / "new", "a.zip")
        home = self.dir / "home"
        hb.write(home / "config.yaml", b"old")
        hb.write(self.dir / "mounted", b"mounted")
        self.mount("--bind", self.dir / "mounted", home / "config.yaml")
        done = self.hbcore("--home", home, "import", "--force", archive, expect=3)
        self.assert_mentions(done, "config.yaml", "something is mounted in its place")
        self.assertEqual((home / "config.yaml").read_bytes(), b"mounted")
        self.assertEqual((home / "other").read_bytes(), b"new")

    def test_a_full_one_changes_nothing(self):
        hb.write(self.dir / "new/config.yaml", b"new")
        hb.write(self.dir / "new/small/big", os.urandom(3 << 20))
        archive = self.backup(self.dir / "new", "a.zip")
        home = self.dir / "home"
        (home / "small").mkdir(parents=True)
        hb.write(home / "config.yaml", b"old")
        self.mount("-t", "tmpfs", "-o", "size=1M", "none", home / "small")
        done = self.hbcore("--home", home, "import", "--force", archive, expect=1)
        self.assert_mentions(done, "small/big", "space")
        self.assertEqual((home / "config.yaml").read_bytes(), b"old")
        self.assertEqual(os.listdir(home / "small"), [])


if __name__ == "__main__":
    unittest.main()
