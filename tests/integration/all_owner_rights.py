# SPDX-License-Identifier: Apache-2.0
"""Root in directories that other users own: it reads, makes and removes there what their owner could, and what it
makes is his; [home] read-as; where it cannot be so, it refuses."""
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import unittest

import fault
import hb

USER, OTHER = 1234, 2345
STAGE = ".hbcore-stage-0123456789abcdef"
TO_READ = "read-as = root in [home]"


class OwnerRights(fault.FaultCase):
    """A home of the user's below a directory that both can enter; `root` is root's alone."""

    def setUp(self):
        super().setUp()
        self.dir.chmod(0o755)
        self.user.chmod(0o777)
        self.home, self.root = self.dir / "home", self.dir / "root"
        self.root.mkdir(mode=0o700)
        hb.write(self.root / "secret", b"SECRET", 0o600)
        self.fill(self.home)
        self.give(self.home)

    @staticmethod
    def fill(home):
        for name, mode in (("config.yaml", 0o644), (".env", 0o600), ("sub/deep/file", 0o640)):
            hb.write(home / name, b"of " + name.encode(), mode)

    @staticmethod
    def give(path, user=USER):
        subprocess.run(["chown", "-hR", f"{user}:{user}", path], check=True)

    def as_user(self, *arguments, user=USER, **keywords):
        return self.hbcore("--home", self.home, *arguments, user=user, group=user, extra_groups=[], **keywords)

    def as_root(self, *arguments, **keywords):
        return self.hbcore("--home", self.home, *arguments, **keywords)

    def who(self, path):
        return os.lstat(self.home / path).st_uid

    def assert_his(self, top, user=USER):
        for path, directories, files in os.walk(self.home / top):
            for name in [".", *directories, *files]:
                full = os.path.join(path, name)
                self.assertEqual(os.lstat(full).st_uid, user, full)

    def archive(self, rows, name="in.zip"):
        source = self.dir / f"source-{name}"
        for path, data in rows.items():
            hb.write(source / path, data)
        made = self.dir / name
        fmt = "zip" if name.endswith(".zip") else "tar-zstd"
        self.hbcore("--config", hb.GENERIC, "--home", source, "backup", "--format", fmt, "-o", made)
        made.chmod(0o644)
        return made


class Reading(OwnerRights):
    def setUp(self):
        super().setUp()
        hb.write(self.home / "left", b"by root", 0o600)
        hb.write(self.home / "lefts/inner", b"by root", 0o600)
        hb.write(self.home / "closed/inner", b"by root", 0o644)
        (self.home / "closed").chmod(0o700)

    def stored(self, archive):
        return {name: self.hbcore("cat", archive, name, expect=None).returncode == 0
                for name in ("config.yaml", "left", "lefts/inner", "closed/inner")}

    def test_files_of_root_are_named(self):
        for fmt in ("zip", "tar-zstd"):
            with self.subTest(fmt):
                made = self.dir / f"a-{fmt}"
                done = self.as_root("backup", "--format", fmt, "-o", self.dir / f"a-{fmt}", expect=3)
                made = next(path for path in self.dir.iterdir() if path.name.startswith(made.name))
                self.assert_mentions(done, "left", "lefts/inner", "closed", "belongs to root", f"user {USER}", TO_READ)
                self.assertEqual(self.stored(made), {"config.yaml": True, "left": False, "lefts/inner": False,
                                                     "closed/inner": False})

    def test_a_database_of_root_in_a_directory_of_root(self):
        """What a content plugin opens is held to the same rule."""
        self.make_database(self.home / "lefts/state.db", rows=10)
        (self.home / "lefts/state.db").chmod(0o600)
        self.assertEqual(self.who("lefts"), 0)
        for fmt in ("zip", "tar-zstd"):
            with self.subTest(fmt):
                made = self.dir / ("d.zip" if fmt == "zip" else "d.tar.zst")
                done = self.as_root("backup", "--format", fmt, "-o", made, expect=3)
                self.assert_mentions(done, "lefts/state.db")
                self.hbcore("cat", made, "lefts/state.db", expect=1)
        (self.home / "lefts/state.db").chmod(0o644)
        self.as_root("backup", "-o", self.dir / "read.zip", expect=3)
        self.hbcore("cat", self.dir / "read.zip", "lefts/state.db")

    def test_read_as_root_keeps_what_is_made_to_root(self):
        said = ("--set", "home.read-as=root")
        self.as_root(*said, "backup", "--preset", "pre-update")
        made, = hb.archives(self.home / "backups")
        self.assertEqual((made.stat().st_uid, stat.S_IMODE(made.stat().st_mode)), (0, 0o600))
        self.assertEqual(self.who("backups"), USER)
        self.assertEqual(set(self.stored(made).values()), {True})
        self.as_root(*said, "--set", "snapshot.files=config.yaml left lefts", "snapshot", "create")
        snapshot, = (self.home / "state-snapshots").iterdir()
        self.assertEqual((snapshot.stat().st_uid, stat.S_IMODE(snapshot.stat().st_mode)), (0, 0o700))
        self.assertEqual((snapshot / "lefts/inner").read_bytes(), b"by root")
        self.as_root(*said, "snapshot", "restore", "1")
        self.assertEqual((self.who("left"), (self.home / "left").read_bytes()), (0, b"by root"))
        done = self.as_user("backup", "--preset", "pre-update", expect=None)
        self.assertIn(done.returncode, (0, 3), self.describe(done))

    def test_read_as_root_follows_links_as_their_owner(self):
        said = ("--set", "home.read-as=root", "--set", "snapshot.files=config.yaml linked")
        for target in (self.root / "secret", "../root/secret"):
            with self.subTest(target):
                (self.home / "linked").symlink_to(target)
                os.lchown(self.home / "linked", USER, USER)
                self.as_root(*said, "snapshot", "create", expect=3)
                for path in (self.home / "state-snapshots").rglob("linked"):
                    self.fail(f"{path} holds {path.read_bytes()}")
                (self.home / "linked").unlink()

    def test_an_incomplete_archive_that_he_may_not_read(self):
        """It is asked as he could; what he cannot read is not replaced in his directory."""
        made, beside = self.home / "out/a.zip", self.home / "out/a.incomplete.zip"
        self.as_root("backup", "-o", made, expect=3)
        self.assertEqual(self.who("out/a.zip"), USER)
        self.as_root("backup", "-o", made, expect=3)
        self.assertFalse(beside.exists())  # his own is replaced
        os.chown(made, 0, 0)
        made.chmod(0o600)
        before = made.read_bytes()
        for _ in range(2):
            done = self.as_root("backup", "-o", made, expect=3)
            self.assert_mentions(done, "was not replaced", "whether it is complete: Permission denied", beside.name)
            self.assertEqual((made.read_bytes(), self.who("out/a.incomplete.zip")), (before, USER))
        names = self.hbcore("list", beside).stdout
        self.assertNotIn(beside.name.encode(), names)
        self.as_root("--set", "home.read-as=root", "backup", "-o", made, expect=0)
        self.assertEqual(os.stat(made).st_uid, 0)

    def test_no_such_word(self):
        self.as_root("--set", "home.read-as=me", "backup", "-o", self.dir / "a.zip", expect=2)

    def test_a_home_of_root_with_a_directory_of_the_user(self):
        """In it his rights count; outside, root's own."""
        self.give(self.home, 0)
        hb.write(self.home / "theirs/his", b"x", 0o600)
        self.give(self.home / "theirs")
        hb.write(self.home / "theirs/roots", b"by root", 0o600)
        made = self.dir / "a.zip"
        done = self.as_root("backup", "-o", made, expect=3)
        self.assert_mentions(done, "theirs/roots", f"user {USER}", TO_READ)
        for name, there in (("left", 0), ("closed/inner", 0), ("theirs/his", 0), ("theirs/roots", 1)):
            self.assertEqual(self.hbcore("cat", made, name, expect=None).returncode != 0, bool(there), name)

    def test_a_directory_of_another_user(self):
        """Private to him: with his rights, since root's run has those there."""
        for name in ("left", "lefts", "closed"):
            subprocess.run(["rm", "-r", self.home / name], check=True)
        hb.write(self.home / "theirs/private", b"of the other", 0o600)
        self.give(self.home / "theirs", OTHER)
        (self.home / "theirs").chmod(0o700)
        made = self.dir / "a.zip"
        self.as_root("backup", "-o", made)
        self.assertEqual(self.hbcore("cat", made, "theirs/private").stdout, b"of the other")


class Places(OwnerRights):
    """Where archives go."""

    def test_what_is_made_is_his(self):
        for arguments in (("backup", "--preset", "pre-update"), ("backup", "-o", self.home / "new/dir/a.zip"),
                          ("snapshot", "create"), ("backup", "-o", f"{self.home}/")):
            with self.subTest(arguments):
                self.as_root(*arguments)
                self.assert_his(".")

    def test_links_of_the_user(self):
        """As a directory, and as the file itself, also one that points nowhere yet."""
        self.root.chmod(0o755)
        before = hb.tree(self.root)
        for name, target, output in (("d", self.root, "d/a.zip"), ("f.zip", self.root / "new.zip", "f.zip"),
                                     ("g.zip", self.root / "secret", "g.zip"), ("backups", "../root", None)):
            with self.subTest(name):
                (self.home / name).symlink_to(target)
                os.lchown(self.home / name, USER, USER)
                line = ("--preset", "pre-update") if output is None else ("-o", self.home / output)
                done = self.as_root("backup", *line, expect=1)
                self.assert_mentions(done, "Permission denied")
                self.assert_unchanged(before, self.root)
                (self.home / name).unlink()

    def test_a_link_to_where_he_may_write(self):
        elsewhere = self.dir / "elsewhere"
        elsewhere.mkdir()
        self.give(elsewhere)
        (self.home / "backups").symlink_to(elsewhere)
        os.lchown(self.home / "backups", USER, USER)
        self.as_root("backup", "--preset", "pre-update")
        made, = hb.archives(elsewhere)
        self.assertEqual(made.stat().st_uid, USER)

    def test_a_link_of_roots_own(self):
        (self.dir / "mine").symlink_to(self.root)
        self.as_root("backup", "-o", self.dir / "mine/a.zip")
        self.assertEqual((self.root / "a.zip").stat().st_uid, 0)

    def test_a_link_in_a_sticky_directory_of_roots(self):
        shared = self.dir / "shared"
        shared.mkdir()
        shared.chmod(0o1777)
        (shared / "link").symlink_to(self.root)
        os.lchown(shared / "link", USER, USER)
        self.as_root("backup", "-o", shared / "link/a.zip", expect=1)
        self.assertEqual(os.listdir(self.root), ["secret"])

    def test_a_pipe_that_becomes_a_link(self):
        os.mkfifo(self.home / "pipe")
        self.give(self.home / "pipe")
        hb.write(self.root / "target", b"whole", 0o600)
        done = self.faulted("--home", self.home, "backup", "-o", self.home / "pipe", calls="openat",
                            path=self.home / "pipe", at=1, expect=1,
                            run=f"rm '{self.home}/pipe' && ln -s '{self.root}/target' '{self.home}/pipe'")
        self.assertEqual(done.hits, 1)
        self.assertEqual((self.root / "target").read_bytes(), b"whole")

    def test_a_home_that_a_link_of_the_users_leads_to(self):
        """Not with root's rights: the user could not read there."""
        target = self.dir / "target"
        self.fill(target)
        (target / ".env").chmod(0o600)
        (self.home / "link").symlink_to(target)
        os.lchown(self.home / "link", USER, USER)
        self.home = self.home / "link"
        self.as_root("backup", "-o", self.dir / "a.zip", expect=3)
        self.assertNotEqual(self.hbcore("cat", self.dir / "a.zip", ".env", expect=None).returncode, 0)
        self.as_root("snapshot", "create", expect=1)
        self.as_root("import", "--force", self.archive({"config.yaml": b"new"}), expect=1)
        self.assertEqual((target / "config.yaml").read_bytes(), b"of config.yaml")


class Importing(OwnerRights):
    def test_directories_of_several_users(self):
        """Each gets what goes into its own, also into new directories below, and databases."""
        for name, user in (("theirs", OTHER), ("roots", 0)):
            hb.write(self.home / name / "old", b"old", 0o644)
            self.give(self.home / name, user)
        (self.home / "theirs").chmod(0o700)
        source = self.dir / "source"
        for path in ("config.yaml", "theirs/old", "theirs/new/deep/file", "roots/new", "made/file", "sub/deep/file"):
            hb.write(source / path, b"new")
        self.make_database(source / "theirs/t.db")
        self.make_database(source / "own.db")
        for suffix, fmt in ((".zip", "zip"), (".tar.zst", "tar-zstd")):
            archive = self.backup(source, "in" + suffix, "--format", fmt)
            with self.subTest(format=fmt):
                self.as_root("import", "--force", archive)
                self.assert_his("theirs", OTHER)
                self.assert_his("roots", 0)
                for name in ("made", "sub"):
                    self.assert_his(name)
                self.assertEqual((self.who("config.yaml"), self.who("own.db")), (USER, USER))
                self.assertEqual((self.home / "theirs/new/deep/file").read_bytes(), b"new")
                self.assertEqual(len(self.database_rows(self.home / "theirs/t.db")), 50)

    def test_by_a_pipe(self):
        hb.write(self.home / "theirs/old", b"old", 0o644)
        self.give(self.home / "theirs", OTHER)
        archive = self.archive({"config.yaml": b"new", "theirs/new": b"new", "made/x": b"new"}, "in.tar.zst")
        self.as_root("import", "--force", "-", input=archive.read_bytes())
        self.assert_his("theirs", OTHER)
        self.assert_his("made")

    def test_a_sticky_directory_of_roots(self):
        """In a home of root's: root replaces what lies there, and leaves it to whom it belonged."""
        self.give(self.home, 0)
        hb.write(self.home / "shared/his", b"old", 0o600)
        os.chown(self.home / "shared/his", USER, USER)
        (self.home / "shared").chmod(0o1777)
        self.as_root("import", "--force", self.archive({"config.yaml": b"new", "shared/his": b"new",
                                                        "shared/new": b"new"}))
        self.assertEqual((self.who("shared/his"), self.who("shared/new")), (USER, 0))
        self.assertEqual((self.home / "shared/his").read_bytes(), b"new")

    def test_a_file_of_root_becomes_his(self):
        """As if he had replaced it; with read-as = root it stays root's."""
        archive = self.archive({"config.yaml": b"new", "left": b"new"})
        for said, owner in (((), USER), (("--set", "home.read-as=root"), 0)):
            with self.subTest(said):
                hb.write(self.home / "left", b"by root", 0o600)
                os.chown(self.home / "left", 0, 0)
                self.as_root(*said, "import", "--force", archive)
                status = (self.home / "left").stat()
                self.assertEqual((status.st_uid, stat.S_IMODE(status.st_mode)), (owner, 0o600))
                self.assertEqual((self.home / "left").read_bytes(), b"new")

    def test_a_mode_or_owner_that_cannot_be_set(self):
        """By an error it does not get into its place; where it is refused, it is open to nobody more, and a note says so."""
        archive = self.archive({"config.yaml": b"new", "shared": b"new"})
        for calls in ("fchmodat", "fchownat"):
            hb.write(self.home / "shared", b"old", 0o640)
            os.chown(self.home / "shared", USER, OTHER)
            with self.subTest(calls):
                done = self.faulted("--home", self.home, "--set", "backup.workers=1", "import", "--force", archive,
                                    calls=calls, at="1+", error="EIO", expect=3)
                self.assertGreater(done.hits, 0)
                self.assertEqual((self.home / "shared").read_bytes(), b"old")
            with self.subTest(calls, refused=True):
                done = self.faulted("--home", self.home, "--set", "backup.workers=1", "import", "--force", archive,
                                    calls=calls, at="1+", error="EPERM")
                self.assertGreater(done.hits, 0)
                self.assert_mentions(done, "mode cannot be set" if calls == "fchmodat" else "owner or group cannot be")
                status = (self.home / "shared").stat()
                self.assertEqual((self.home / "shared").read_bytes(), b"new")
                self.assertEqual(status.st_uid, USER)
                self.assertEqual(stat.S_IMODE(status.st_mode), 0o600)
        hb.write(self.home / "shared", b"old", 0o640)
        os.chown(self.home / "shared", USER, OTHER)
        self.as_root("import", "--force", archive)
        status = (self.home / "shared").stat()
        self.assertEqual((status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)), (USER, OTHER, 0o640))

    def test_an_archive_that_a_link_of_the_users_leads_to(self):
        """What root alone can read is not brought into his home."""
        shutil.copy(self.archive({"config.yaml": b"of root"}), self.root / "secret.zip")
        (self.home / "in.zip").symlink_to(self.root / "secret.zip")
        os.lchown(self.home / "in.zip", USER, USER)
        for line in (("import", "--force", self.home / "in.zip"), ("verify", self.home / "in.zip")):
            self.assert_mentions(self.as_root(*line, expect=1), "Permission denied")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"of config.yaml")

    def test_a_snapshot_of_several_users(self):
        for name, user in (("theirs", OTHER), ("roots", 0)):
            hb.write(self.home / name / "file", b"old", 0o644)
            self.give(self.home / name, user)
        (self.home / "theirs").chmod(0o700)
        said = ("--set", "snapshot.files=config.yaml theirs roots/file")
        self.as_root(*said, "snapshot", "create")
        self.assert_his("state-snapshots")
        for name in ("config.yaml", "theirs/file", "roots/file"):
            (self.home / name).unlink()
        self.as_root(*said, "snapshot", "restore", "1")
        owners = {name: self.who(name) for name in ("config.yaml", "theirs/file", "roots/file")}
        self.assertEqual(owners, {"config.yaml": USER, "theirs/file": OTHER, "roots/file": 0})

    def test_makes_the_home(self):
        above = self.dir / "above"
        above.mkdir()
        self.give(above)
        self.home = above / "new/home"
        self.as_root("import", self.archive({"config.yaml": b"new", "made/x": b"x"}))
        self.assert_his("../../new")


class Stages(OwnerRights):
    """What bears a stage's name."""

    def commands(self):
        yield "backup", ("backup", "-o", self.dir / "a.zip")
        yield "preset", ("backup", "--preset", "pre-update")
        yield "snapshot", ("snapshot", "create")
        yield "prune", ("snapshot", "prune", "--keep", "1")

    def test_a_directory_of_roots_with_that_name(self):
        """The user renames one of root's that lies in his home: nothing in it is lost."""
        self.left_behind_is_fine = True
        for where in (".", "backups", "state-snapshots", "sub"):
            (self.home / where).mkdir(exist_ok=True)
            hb.write(self.home / where / STAGE / "m1", b"whole")
            hb.write(self.home / where / STAGE / "deep/1", b"whole")
        for name in ("backups", "state-snapshots"):
            os.chown(self.home / name, USER, USER)
        for name, arguments in self.commands():
            with self.subTest(name):
                self.as_root(*arguments, expect=None)
                for where in (".", "backups", "state-snapshots", "sub"):
                    self.assertEqual(sorted(path.name for path in (self.home / where / STAGE).iterdir()),
                                     ["deep", "m1"], where)

    def test_of_a_run_that_was_killed(self):
        """Root's, as root reads: it bears a mark and goes; the user's goes, too."""
        for name, said in (("his", ()), ("roots", ("--set", "home.read-as=root"))):
            with self.subTest(name):
                self.as_root(*said, "backup", "--preset", "pre-update")  # the home has its id
                self.faulted("--home", self.home, *said, "backup", "--preset", "pre-update", calls="rename", at=1,
                             kill=True, expect=None)
                left = self.left_behind(self.home)
                self.assertTrue(left)
                self.as_root(*said, "backup", "--preset", "pre-update")
                self.assert_nothing_left(self.home)

    def interrupted(self):
        archive = self.archive({f"many/{i}": b"new" for i in range(5)} | {"config.yaml": b"new"})
        self.faulted("--home", self.home, "import", "--force", archive, calls="rename", path=self.home / "config.yaml",
                     at=1, kill=True, expect=None)
        stage, = self.home.glob(".hbcore-stage-*")
        return stage, archive

    def test_the_user_completes_an_import_of_roots(self):
        stage, _ = self.interrupted()
        self.assertEqual(stage.stat().st_uid, USER)
        done = self.as_user("backup", "-o", self.user / "a.zip")
        self.assert_mentions(done, "Completed the interrupted import")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"new")
        self.assert_his(".")

    def test_what_was_written_to_since_is_left_alone(self):
        self.interrupted()
        hb.write(self.home / "config.yaml", b"newer")
        os.chown(self.home / "config.yaml", USER, USER)
        done = self.as_root("backup", "-o", self.dir / "a.zip", expect=3)
        self.assert_mentions(done, "config.yaml", "written to after the import was interrupted")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"newer")
        self.assertEqual((self.home / "config.yaml.from-import").read_bytes(), b"new")
        self.assertEqual((self.home / "config.yaml.from-import").stat().st_uid, USER)

    def test_one_that_cannot_be_looked_into(self):
        """Nobody can tell: a backup says so, an import does not begin."""
        self.left_behind_is_fine = True
        for user in (0, OTHER):
            with self.subTest(user=user):
                stage, archive = self.interrupted()
                self.give(stage, user)
                for run in (self.as_user, self.as_root) if user != 0 else (self.as_user,):
                    done = run("backup", "-o", self.user / "a.zip", expect=None)
                    self.assert_mentions(done, stage.name, "may have been interrupted", "belongs to")
                    done = run("import", "--force", archive, expect=1)
                    self.assert_mentions(done, stage.name, "must be finished before this one")
                    (self.user / "a.zip").unlink()
                self.assertTrue((stage / "journal").exists())
                shutil.rmtree(stage)

    def test_no_journal_on_an_error(self):
        self.left_behind_is_fine = True
        stage, archive = self.interrupted()
        for errno in ("EIO", "EACCES"):
            with self.subTest(errno):
                self.faulted("--home", self.home, "import", "--force", archive, calls="newfstatat",
                             path=stage / "journal", at=1, error=errno, expect=1)
                self.assertTrue((stage / "journal").exists())

    def test_verify_of_roots_archive_in_the_users_directory(self):
        """Copies of its databases are not for him to see."""
        self.make_database(self.home / "state.db")
        self.give(self.home / "state.db")
        self.as_root("--set", "home.read-as=root", "backup", "-o", self.home / "a.zip")
        seen = self.dir / "seen"
        done = self.faulted("verify", self.home / "a.zip", calls="unlinkat", path=f"{self.home}/.hbcore-stage-*/m*",
                            at=1, run=f"stat -c '%u %a' '{self.home}'/.hbcore-stage-* >'{seen}'", expect=0)
        self.assertEqual(done.hits, 1)
        self.assertEqual(seen.read_text(), "0 700\n")
        self.assert_nothing_left(self.home)


class Powers(OwnerRights):
    """Root that cannot become the user."""

    def without(self, *capabilities):
        gone = ",".join(f"-{name}" for name in capabilities)
        return ["setpriv", f"--bounding-set={gone}", f"--inh-caps={gone}"]

    def run_without(self, capabilities, *arguments, expect):
        line = self.without(*capabilities) + self.command("--home", self.home, *arguments)
        done = subprocess.run(line, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=240,
                              check=False)
        self.assert_clean(done)
        self.assertEqual(done.returncode, expect, self.describe(done))
        return done

    def test_it_refuses(self):
        before = hb.tree(self.home)
        archive = self.archive({"config.yaml": b"new"})
        for arguments in (("backup", "-o", self.dir / "a.zip"), ("backup", "--preset", "pre-update"),
                          ("snapshot", "create"), ("import", "--force", archive)):
            for capability in ("setuid", "setgid"):
                with self.subTest(arguments=arguments, without=capability):
                    done = self.run_without((capability,), *arguments, expect=1)
                    self.assert_mentions(done, "belongs to another user", "run hbcore as that user")
                    self.assert_unchanged(before, self.home)
        self.give(self.home, 0)
        self.run_without(("setuid", "setgid"), "backup", "-o", self.dir / "a.zip", expect=0)  # its own

    def test_one_without_power_goes_on(self):
        powers = ("setuid", "setgid", "chown", "dac_override", "dac_read_search", "fowner")
        self.home.chmod(0o755)
        done = self.run_without(powers, "backup", "-o", self.dir / "a.zip", expect=3)  # .env is not for it
        self.assert_mentions(done, ".env")

    def test_databases_without_power_over_files(self):
        """It can become the user, and can do nothing by itself with what is his alone: as in a hardened container."""
        self.make_database(self.home / "state.db", rows=20, wal=True)
        self.make_database(self.home / "plain.db", rows=20)
        self.give(self.home)
        (self.home / "out").mkdir(mode=0o700)
        os.chown(self.home / "out", USER, USER)
        self.home.chmod(0o755)
        for where in ("state.db", "plain.db"):
            with self.subTest(over=where):
                archive = self.home / "out" / "a.zip"
                self.run_without(("dac_override",), "backup", "-o", archive, expect=0)
                self.run_without(("dac_override",), "verify", archive, expect=0)
                with sqlite3.connect(self.home / where) as database:
                    database.execute("DELETE FROM t")
                database.close()
                self.give(self.home)
                self.run_without(("dac_override",), "import", "--force", archive, expect=0)
                self.assertEqual(len(self.database_rows(self.home / where)), 20)
                self.give(self.home)
                self.run_without(("dac_override",), "snapshot", "create", expect=0)
        (self.home / "out").chmod(0o755)
        self.run_without(("dac_override", "dac_read_search"), "backup", "-o", self.home / "out" / "b.zip", expect=0)

    def test_opening_an_archive(self):
        """It may lie anywhere. What the rights of the owner of a link are needed for is refused, not done with root's;
        one that has no power over files follows links like anybody."""
        archive = self.archive({"config.yaml": b"of root"})
        for path in (self.root / "a.zip", self.home / "a.zip"):
            shutil.copy(archive, path)
        os.chown(self.home / "a.zip", USER, USER)
        shutil.copy(archive, self.dir / "open.zip")
        for name, target in (("secret.zip", self.root / "a.zip"), ("open.zip", self.dir / "open.zip")):
            (self.home / name).symlink_to(target)
            os.lchown(self.home / name, USER, USER)
        (self.root / "link.zip").symlink_to(self.root / "a.zip")
        self.home.chmod(0o755)
        (self.home / "a.zip").chmod(0o600)
        setuid, powers = ("setuid", "setgid"), ("dac_override", "dac_read_search", "chown", "fowner")
        refused, denied = "run hbcore as that user", "Permission denied"
        for without, path, problem in (
                (setuid, self.root / "a.zip", None),
                (setuid, self.root / "link.zip", None),
                (setuid, self.home / "a.zip", refused),
                (setuid, self.home / "secret.zip", refused),
                (setuid, self.home / "open.zip", refused),
                (setuid + powers, self.root / "a.zip", None),
                (setuid + powers, self.home / "a.zip", denied),  # his alone, and this root is nobody special
                (setuid + powers, self.home / "open.zip", None),
                (powers, self.home / "open.zip", None),
                (powers, self.home / "secret.zip", denied)):
            with self.subTest(without=without, path=path.relative_to(self.dir)):
                done = self.run_without(without, "list", path, expect=0 if problem is None else 1)
                if problem is not None:
                    self.assert_mentions(done, path.name, problem)

    def test_an_archive_by_a_descriptor(self):
        """Links in /proc only open; they lead nowhere that could be walked to."""
        archive = self.archive({"config.yaml": b"of root"})
        for without in (("setuid", "setgid"), ("setuid", "setgid", "dac_override", "dac_read_search", "chown", "fowner")):
            with open(archive, "rb") as file:
                line = self.without(*without) + self.command("list", f"/proc/self/fd/{file.fileno()}")
                done = subprocess.run(line, env=self.environment(), pass_fds=[file.fileno()], capture_output=True,
                                      timeout=240, check=False)
            self.assertEqual(done.returncode, 0, self.describe(done))
            self.assertIn(b"config.yaml", done.stdout)


class SideFiles(OwnerRights):
    """What lies beside a database is not for a snapshot, in either direction."""

    def setUp(self):
        super().setUp()
        self.files = ("--set", "snapshot.files=config.yaml data s.db s.db-wal notes.db-wal")
        for path in (self.home / "data/deep/d.db", self.home / "s.db"):
            path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(path, isolation_level=None)
            self.addCleanup(database.close)
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE t (a)")
            database.execute("INSERT INTO t VALUES (1)")
        hb.write(self.home / "notes.db-wal", b"no database beside it")
        self.give(self.home)

    def test_they_are_passed_over(self):
        for run in (self.as_user, self.as_root):
            with self.subTest(run.__name__):
                run(*self.files, "snapshot", "create")
                snapshot = max((self.home / "state-snapshots").iterdir())
                found = {str(path.relative_to(snapshot)) for path in snapshot.rglob("*") if path.is_file()}
                self.assertEqual(found, {"config.yaml", "data/deep/d.db", "s.db", "notes.db-wal", "manifest.json"})

    def test_of_an_older_snapshot(self):
        """One that has them lays nothing beside the database in use."""
        self.as_root(*self.files, "snapshot", "create")
        snapshot, = (self.home / "state-snapshots").iterdir()
        manifest = snapshot / "manifest.json"
        text = manifest.read_text()
        for name in ("data/deep/d.db-wal", "s.db-shm", "s.db-journal"):
            hb.write(snapshot / name, b"garbage")
            text = text.replace('"files": {', f'"files": {{\n    "{name}": 7,')
        manifest.write_text(text)
        self.give(snapshot)
        inodes = {path: path.stat().st_ino for path in self.home.rglob("*.db*") if snapshot not in path.parents}
        done = self.as_root("--json", "snapshot", "restore", "1")
        self.assertEqual(self.summary(done)["skipped"], [])
        for path, inode in inodes.items():
            if path.name != "notes.db-wal":
                self.assertEqual(path.stat().st_ino, inode, path)
        self.assertFalse((self.home / "s.db-journal").exists())


class Pruning(OwnerRights):
    def test_an_archive_of_roots_behind_a_link_of_his(self):
        """Pruning after a backup has the rights that the archive was made with, not those of what the link leads to."""
        public = self.dir / "public"
        public.mkdir()
        public.chmod(0o1777)
        (self.home / "backups").symlink_to(public)
        os.lchown(self.home / "backups", USER, USER)
        keep = ("--set", "preset:pre-update.keep=1")
        self.as_root(*keep, "--set", f"preset:pre-update.directory={public}", "backup", "--preset", "pre-update")
        old, = hb.archives(public)
        self.assertEqual(old.stat().st_uid, 0)
        done = self.as_root(*keep, "backup", "--preset", "pre-update")
        self.assert_mentions(done, old, "cannot be removed")
        self.assertTrue(old.exists())
        new, = set(hb.archives(public)) - {old}
        self.assertEqual(new.stat().st_uid, USER)

    def test_what_he_says_is_his(self):
        """The list of adopted archives lies in his home: root believes it of his own files alone."""
        shared = self.dir / "shared"
        shared.mkdir()
        self.archive({"config.yaml": b"of another home"})
        other = shared / "pre-update-2024-01-01-000000.zip"
        self.hbcore("--config", hb.GENERIC, "--home", self.dir / "source-in.zip", "backup", "--format", "zip", "-o", other,
                    env={"SOURCE_DATE_EPOCH": "1700000000"})
        keep = ("--set", "preset:pre-update.keep=1", "--set", f"preset:pre-update.directory={shared}")
        self.as_root(*keep, "prune", "--preset", "pre-update", "--adopt")
        self.assertIn(str(other), (self.home / hb.HOME_ID).read_text())
        self.as_root(*keep, "backup", "--preset", "pre-update")
        self.assertTrue(other.exists())

    def test_an_id_that_he_has_seen(self):
        """He writes the id of another home into his own, with all that belongs to it: root takes his word for his own
        archives alone."""
        shared, other = self.dir / "shared", self.dir / "other"
        keep = ("--set", "preset:pre-update.keep=1", "--set", f"preset:pre-update.directory={shared}")
        hb.write(other / "config.yaml", b"of another home")
        made = [self.summary(self.hbcore("--home", other, "--json", *keep[2:], "backup", "--preset", "pre-update"))["archive"]
                for _ in range(2)]
        self.as_root(*keep, "backup", "--preset", "pre-update")
        his = json.loads((self.home / hb.HOME_ID).read_text())
        his["id"] = json.loads((other / hb.HOME_ID).read_text())["id"]
        (self.home / hb.HOME_ID).write_text(json.dumps(his, separators=(",", ":")))
        for gone in (False, True):
            if gone:
                shutil.rmtree(other)
            for _ in range(2):
                self.as_root(*keep, "backup", "--preset", "pre-update")
            self.as_root(*keep, "prune", "--preset", "pre-update")
            for path in made:
                self.assertTrue(os.path.exists(path), path)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: only root can work in directories of others")
        raise SystemExit(hb.SKIPPED)
    hb.need("setpriv")
    unittest.main()
