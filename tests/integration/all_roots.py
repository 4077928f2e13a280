# SPDX-License-Identifier: Apache-2.0
"""Further roots of a home: directories elsewhere that an archive has below a name of their own. Each command treats them
as if they lay there, and nothing outside of them and of the home is ever touched."""
import fcntl
import os
import pathlib
import shutil
import sqlite3
import stat
import unittest
import zipfile

import fault
import hb

OWNER = 1234


class Roots(fault.FaultCase):
    """A login directory with a home in it, and what belongs to the home beside it."""

    def setUp(self):
        super().setUp()
        self.login = self.dir / "login"
        self.home = self.login / ".hermes"
        self.archive = self.dir / "a.zip"
        self.fill()

    def environment(self, **changes):
        return super().environment(**{"HOME": str(self.login), **changes})

    def fill(self, text="first"):
        for name in ("config.yaml", "sessions/s", "_externals/x"):
            hb.write(self.home / name, text)
        for name in (".honcho/config.json", ".honcho/deep/er/.env", ".honcho/deep/notes", ".mem0/a.conf", ".mem0/b.txt"):
            hb.write(self.login / name, text, 0o644)
        hb.write(self.login / ".ssh/id", "a secret", 0o600)
        hb.write(self.login / "letters/x", "private")
        (self.login / ".hindsight").unlink(missing_ok=True)
        for name in (".honcho/m.db", ".mem0/w.db"):
            (self.login / name).unlink(missing_ok=True)
            self.make_database(self.login / name, rows=7, wal=name.endswith("w.db"))

    EXTERNAL = {f"_external/{name}" for name in (".honcho/config.json", ".honcho/deep/er/.env", ".honcho/deep/notes",
                                                 ".honcho/m.db", ".mem0/a.conf", ".mem0/b.txt", ".mem0/w.db")}

    def stored(self, archive=None):
        with zipfile.ZipFile(archive or self.archive) as opened:
            return {name for name in opened.namelist() if not name.endswith("/")}

    def external(self):
        return {name for name in self.stored() if name.startswith("_external/")}

    def make(self, *options, expect=0):
        return self.summary(self.hbcore(*options, "--json", "backup", "-o", self.archive, expect=expect))

    def load(self, *options, expect=0, **keywords):
        return self.hbcore(*options, "--json", "import", "--force", self.archive, expect=expect, **keywords)

    def outside(self):
        """All of the login directory but the home and what belongs to it."""
        return {name: row for name, row in hb.tree(self.login, directory_times=False).items()
                if name.split(b"/")[0] not in (b".hermes", b".honcho", b".mem0", b".", b".local")}

    def of_november(self, names, text=b"of the archive"):
        """An archive as November makes it: no directories, everything open to all."""
        with zipfile.ZipFile(self.archive, "w") as opened:
            for name in ("config.yaml", *names):
                member = zipfile.ZipInfo(name)
                member.create_system, member.external_attr = 3, 0o100644 << 16
                opened.writestr(member, text)


class Backup(Roots):
    def test_what_is_in_it(self):
        os.mkfifo(self.login / "letters/pipe")
        summary = self.make()
        self.assertEqual(summary["special"], [], "nothing else is looked at")
        self.assertEqual(self.external(), self.EXTERNAL)
        self.assertEqual(summary["status"], "complete")
        self.assertEqual(summary["files"], 3 + len(self.EXTERNAL))
        self.assertEqual(len(self.stored()), 3 + len(self.EXTERNAL), "nothing else of the login directory")

    def test_nothing_where_nothing_is(self):
        for name in (".honcho", ".mem0"):
            shutil.rmtree(self.login / name)
        self.assertEqual(self.make()["status"], "complete")
        with zipfile.ZipFile(self.archive) as opened:
            self.assertFalse([name for name in opened.namelist() if name.startswith("_external/")])

    def test_by_both_formats_and_back(self):
        for fmt, suffix in (("zip", "zip"), ("tar-zstd", "tar.zst")):
            with self.subTest(fmt=fmt):
                self.fill()
                before = {name: hb.tree(self.login / name) for name in (".honcho", ".mem0")}
                archive = self.dir / f"b.{suffix}"
                self.hbcore("backup", "--format", fmt, "-o", archive)
                for name in (".honcho", ".mem0"):
                    shutil.rmtree(self.login / name)
                self.hbcore("import", "--force", archive)
                for name in (".honcho", ".mem0"):
                    rows = hb.tree(self.login / name)
                    for path, row in before[name].items():
                        if path.endswith((b".db", b"-wal", b"-shm")) or stat.S_ISDIR(os.lstat(
                                os.path.join(os.fsencode(self.login / name), path)).st_mode):
                            continue
                        closed = path.endswith((b".json", b".env", b".conf"))
                        self.assertEqual(rows[path][1:], row[1:], path)
                        self.assertEqual(rows[path][0], "-rw-------" if closed else row[0], path)
                self.assertEqual(len(self.database_rows(self.login / ".honcho/m.db")), 7)
                self.assertEqual(len(self.database_rows(self.login / ".mem0/w.db")), 7)

    def test_the_database_of_a_program_that_writes(self):
        program = sqlite3.connect(self.login / ".mem0/w.db")
        program.execute("INSERT INTO t (text) VALUES ('in the log')")
        program.commit()
        self.make()
        program.close()
        (self.dir / "out.db").write_bytes(self.hbcore("cat", self.archive, "_external/.mem0/w.db").stdout)
        self.assertEqual(len(self.database_rows(self.dir / "out.db")), 8)

    def test_a_name_of_its_own_in_the_home(self):
        """What is hidden by it would be lost."""
        hb.write(self.home / "_external/.honcho/config.json", b"the home's own")
        summary = self.make(expect=3)
        self.assertEqual([row["path"] for row in summary["skipped"]], ["_external"])
        self.assertIn("bears the name below which [root:external] is stored", summary["skipped"][0]["reason"])
        self.assertEqual(self.external(), self.EXTERNAL)
        self.hbcore("--set", "root:external.prefix=others", "backup", "-o", self.archive)
        self.assertIn("_external/.honcho/config.json", self.stored())
        self.assertIn("others/.honcho/config.json", self.stored())

    def test_links_are_not_followed(self):
        os.symlink(self.login / "letters", self.login / ".hindsight")
        summary = self.make(expect=3)
        self.assertEqual([row["path"] for row in summary["skipped"]], ["_external/.hindsight"])
        self.assertEqual(self.external(), self.EXTERNAL)
        (self.login / ".hindsight").unlink()
        os.symlink("../../letters/x", self.login / ".honcho/deep/l")
        summary = self.make()
        self.assertEqual(summary["links"], ["_external/.honcho/deep/l"])

    def test_one_that_is_not_there(self):
        summary = self.make("--set", f"root:external.directory={self.dir / 'missing'}", expect=3)
        self.assertEqual([row["path"] for row in summary["skipped"]], ["_external"])
        self.assertIn("No such file", summary["skipped"][0]["reason"])
        self.assertEqual(self.summary(self.hbcore("--home", self.home, "--json", "backup", "-o", self.archive,
                                                  env={"HOME": "/nonexistent"}))["status"], "complete")

    def test_in_the_home_it_is_stored_with_the_home(self):
        for directory in (self.home, self.home / "sessions", self.login):
            summary = self.make("--home", self.login if directory == self.login else self.home,
                                "--set", f"root:external.directory={directory}")
            self.assertEqual((summary["status"], self.external()), ("complete", set()))
        self.assertIn(".honcho/config.json", self.stored())

    def test_paths_around_the_home_and_in_it(self):
        for path in (".hermes", ".hermes/sessions"):
            summary = self.make("--set", f"root:external.paths={path}", expect=3)
            self.assertIn("has to do with the home itself", summary["skipped"][0]["reason"])

    def test_mistakes_are_told(self):
        for setting in ("prefix=a/b", "prefix=..", "paths=../x", "paths=/x", "paths=~/x", "directory=relative"):
            done = self.hbcore("--set", f"root:external.{setting}", "backup", "-o", self.archive, expect=2)
            self.assert_mentions(done, "root:external")

    def test_more_than_one(self):
        hb.write(self.dir / "srv/data/x", b"x")
        self.make("--set", f"root:srv.directory={self.dir / 'srv'}", "--set", "root:srv.paths=data")
        self.assertEqual(self.external() | {"srv/data/x"}, self.stored() - {"config.yaml", "sessions/s", "_externals/x"})

    def test_patterns_go_by_the_name_in_the_archive(self):
        self.make("--set", "filter:exclusions.patterns=/_external/.honcho/deep")
        self.assertEqual(self.external(), {name for name in self.EXTERNAL if "/deep/" not in name})
        self.hbcore("backup", "-o", self.archive, "--include", "_external/.mem0/*.txt")
        self.assertEqual(self.stored(), {"_external/.mem0/b.txt"})

    def test_reuse_by_a_preset(self):
        hb.write(self.login / ".mem0/large", os.urandom(1 << 20))
        first, second = (self.summary(self.hbcore("--json", "backup", "--preset", "nightly")) for _ in range(2))
        self.assertEqual(first["reused_bytes"], 0)
        self.assertGreater(second["reused_bytes"], 1 << 20)


class Import(Roots):
    def test_as_november_made_it(self):
        for name in (".honcho", ".mem0"):
            shutil.rmtree(self.login / name)
        names = ["_external/.honcho/config.json", "_external/.other/deep/.env", "_external/.other/x.conf",
                 "_external/notes.txt", "_external/.config/tool/settings"]
        self.of_november(names)
        before = self.outside()
        self.assertEqual(self.summary(self.load())["status"], "complete")
        for name in names:
            path = self.login / name.removeprefix("_external/")
            self.assertEqual(path.read_bytes(), b"of the archive", name)
            closed = name.endswith((".json", ".env", ".conf"))
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600 if closed else 0o644, name)
        self.assertFalse((self.home / "_external").exists())
        after = {name: row for name, row in self.outside().items()
                 if name.split(b"/")[0] not in (b".other", b"notes.txt", b".config")}
        self.assertEqual(after, before)

    def test_into_a_home_that_is_not_there(self):
        self.make()
        shutil.rmtree(self.login)
        self.login.mkdir()
        self.assertEqual(self.summary(self.load())["status"], "complete")
        self.assertEqual((self.login / ".honcho/config.json").read_text(), "first")

    def test_what_runs_at_login_is_named(self):
        names = [f"_external/{name}" for name in (".ssh/authorized_keys", ".bashrc", ".profile", ".config/autostart/x",
                                                  ".config/systemd/user/x.service", ".local/bin/ls", ".gitconfig",
                                                  ".cargo/env", ".local/lib/python3.11/site-packages/usercustomize.py")]
        self.of_november(names)
        before = self.outside()
        summary = self.summary(self.load(expect=3))
        self.assertEqual(sorted(row["path"] for row in summary["skipped"]), sorted(names))
        self.assertEqual(self.outside(), before)

    def test_nor_through_a_link(self):
        """The place where it leads is what counts."""
        os.symlink("../.ssh", self.login / ".honcho/s")
        self.of_november(["_external/.honcho/s/id", "_external/.honcho/s/new/x"])
        before = self.outside()
        summary = self.summary(self.load(expect=3))
        self.assertEqual(len(summary["skipped"]), 2)
        self.assertEqual(self.outside(), before)

    def test_nothing_of_this_program(self):
        """Its configuration would run commands, its receipts put files anywhere: whoever's they are."""
        names = [f"_external/{name}" for name in (".config/hbcore/hbcore.ini", ".local/state/hbcore/undo-1",
                                                  "elsewhere/hbcore/x")]
        self.of_november(names)
        summary = self.summary(self.load(expect=3))
        self.assertEqual(sorted(row["path"] for row in summary["skipped"]), sorted(names))
        self.assertFalse((self.login / ".config").exists() or (self.login / ".local").exists())

    def test_a_link_of_the_home_to_the_name(self):
        """What the name hides in the home is not reached by another one."""
        hb.write(self.home / "_external/.honcho/zz", b"of the home")
        os.symlink("_external", self.home / "lnk")
        self.of_november(["lnk/.honcho/zz"])
        self.load(expect=3)
        self.assertEqual((self.home / "_external/.honcho/zz").read_bytes(), b"of the home")
        self.assertFalse((self.login / ".honcho/zz").exists())

    def test_without_a_directory_it_is_named(self):
        self.make()
        self.fill("second")
        before = hb.tree(self.dir)
        summary = self.summary(self.load("--set", "root:external.directory=", expect=3))
        self.assertEqual({row["path"] for row in summary["skipped"]}, self.EXTERNAL)
        self.assertEqual(hb.differences({name: row for name, row in before.items() if b".hermes" not in name},
                                        {name: row for name, row in hb.tree(self.dir).items() if b".hermes" not in name}), [])
        self.assertFalse((self.home / "_external").exists())

    def test_another_home_leaves_it_alone(self):
        self.make()
        self.fill("second")
        before = self.outside(), hb.tree(self.login / ".honcho"), hb.tree(self.login / ".mem0")
        done = self.load("--home", self.dir / "other", expect=3)
        summary = self.summary(done)
        self.assertEqual({row["path"] for row in summary["skipped"]}, self.EXTERNAL)
        self.assertEqual((self.outside(), hb.tree(self.login / ".honcho"), hb.tree(self.login / ".mem0")), before)
        self.assertEqual(sorted(os.listdir(self.dir / "other")), ["_externals", "config.yaml", "sessions"])
        (self.dir / "there").mkdir()
        self.load("--home", self.dir / "other", "--set", f"root:external.directory={self.dir / 'there'}")
        self.assertEqual((self.dir / "there/.honcho/config.json").read_text(), "first")

    def test_another_home_gets_what_is_not_there(self):
        self.make()
        self.fill("second")
        (self.login / ".mem0/b.txt").unlink()
        shutil.rmtree(self.login / ".honcho/deep")
        summary = self.summary(self.load("--home", self.dir / "other", expect=3))
        self.assertEqual({row["path"] for row in summary["skipped"]},
                         {name for name in self.EXTERNAL if "/deep/" not in name and "b.txt" not in name})
        self.assertEqual((self.login / ".mem0/b.txt").read_text(), "first")
        self.assertEqual((self.login / ".honcho/deep/notes").read_text(), "first")
        self.assertEqual((self.login / ".honcho/config.json").read_text(), "second")

    def test_the_question(self):
        """It says where things go, names what would be replaced there, and comes though the home is new."""
        self.make()
        shutil.rmtree(self.home)
        hb.write(self.login / ".honcho/deep/notes", b"and more since then")
        done = self.hbcore("import", self.archive, expect=4, input=b"n\n")
        self.assert_mentions(done, f"Target: {self.home}", f"{self.login}, for 7 files below _external/",
                             "  _external/.honcho/deep/notes", "Continue?")
        self.assertEqual((self.login / ".honcho/deep/notes").read_text(), "and more since then")
        done = self.hbcore("import", "--dry-run", self.archive)
        self.assert_mentions(done, "replaced", "for 7 files below _external/")
        self.assertFalse(self.home.exists())

    def test_a_drill_leaves_it_alone(self):
        self.make()
        self.fill("second")
        before = hb.tree(self.login)
        self.hbcore("verify", "--restore", self.archive)
        self.assertEqual(hb.differences(before, hb.tree(self.login)), [])

    def test_links_lead_no_further_than_its_own(self):
        self.make()
        self.fill("second")
        os.rename(self.login / ".honcho/deep", self.login / ".mem0/deep")
        os.symlink("../.mem0/deep", self.login / ".honcho/deep")  # in the root: written through
        (self.login / ".mem0/b.txt").unlink()
        os.symlink("/etc/hostname", self.login / ".mem0/b.txt")
        (self.login / ".honcho/config.json").unlink()
        os.symlink("../.hermes/config.yaml", self.login / ".honcho/config.json")  # into the home
        hb.write(self.home / "config.yaml", "second")
        refused = ["_external/.honcho/config.json", "_external/.mem0/b.txt"]
        for words in (["--dry-run"], []):
            summary = self.summary(self.hbcore("--json", "import", "--force", *words, self.archive, expect=3))
            self.assertEqual(sorted(row["path"] for row in summary["skipped"]), refused)
        self.assertEqual((self.login / ".mem0/deep/notes").read_text(), "first")
        self.assertEqual((self.home / "config.yaml").read_text(), "first")  # by its own name

    def test_a_link_into_the_home_makes_nothing_there(self):
        self.of_november(["_external/.way/new/deep/x"])
        os.symlink(".hermes", self.login / ".way")
        before = hb.tree(self.home, directory_times=False)
        before.pop(b"config.yaml")
        self.load(expect=3)
        after = hb.tree(self.home, directory_times=False)
        after.pop(b"config.yaml")
        self.assertEqual(hb.differences(before, after), [])

    def test_the_home_has_one_name(self):
        self.of_november(["_external/.hermes/sessions/s", "_external/.hermes", "_external"])
        summary = self.summary(self.load(expect=3))
        self.assertEqual(len(summary["skipped"]), 3, summary["skipped"])
        self.assertEqual((self.home / "sessions/s").read_text(), "first")

    def test_archives_of_the_home_are_no_memory(self):
        """Those that [backup] or a preset puts into the login directory are never replaced by what an archive has."""
        self.hbcore("backup", "--preset", "manual")
        made, = [name for name in os.listdir(self.login) if name.startswith("hermes-backup-") and name.endswith(".zip")]
        before = (self.login / made).read_bytes()
        self.of_november([f"_external/{made}", "_external/.local/state/hbcore/key"])
        key = self.login / ".local/state/hbcore/key"
        self.load(expect=3, env={"XDG_STATE_HOME": str(self.login / ".local/state")})
        self.assertEqual((self.login / made).read_bytes(), before)
        self.assertFalse(key.exists() and key.read_bytes() == b"of the archive")

    def test_only_changed(self):
        self.make()
        self.load()
        inode = (self.login / ".honcho/deep/notes").stat().st_ino
        hb.write(self.login / ".mem0/b.txt", b"edited")
        summary = self.summary(self.hbcore("--json", "import", "--force", "--only-changed", self.archive))
        self.assertEqual(summary["files"], 1)
        self.assertEqual((self.login / ".mem0/b.txt").read_text(), "first")
        self.assertEqual((self.login / ".honcho/deep/notes").stat().st_ino, inode)

    def test_backup_first_has_it(self):
        self.make()
        self.fill("second")
        summary = self.summary(self.hbcore("--json", "import", "--force", "--backup-first", self.archive))
        self.assertLessEqual(self.EXTERNAL, self.stored(summary["way_back"]))


class Undone(Roots):
    def test_what_is_elsewhere_is_put_back_with_the_home(self):
        self.make()
        self.fill("second")
        (self.login / ".mem0/b.txt").unlink()
        before = {name: hb.tree(self.login / name, directory_times=False) for name in (".honcho", ".mem0")}
        self.hbcore("import", "--force", "--backup-first", self.archive)
        self.assertEqual((self.login / ".honcho/deep/notes").read_text(), "first")
        self.assertEqual((self.login / ".mem0/b.txt").read_text(), "first")
        hb.write(self.login / ".honcho/deep/er/.env", "since then")
        done = self.hbcore("--json", "undo", "--yes", expect=3)
        self.assertIn("_external/.honcho/deep/er/.env", {row["path"] for row in self.summary(done)["skipped"]})
        self.assertFalse((self.login / ".mem0/b.txt").exists())
        self.assertEqual((self.login / ".honcho/deep/er/.env").read_text(), "since then")
        for name, rows in before.items():
            now = hb.tree(self.login / name, directory_times=False)
            for path, row in rows.items():
                if not path.endswith((b"/.env", b".db", b"-wal", b"-shm", b".json", b".conf")):
                    self.assertEqual(now[path], row, path)
        self.assertEqual((self.login / ".honcho/config.json").read_text(), "second")
        self.assertFalse((self.home / "_external").exists())

    def other_directory(self):
        """In which what the import has brought lies, too."""
        other = self.dir / "other"
        for name in (".honcho/deep/notes", ".mem0/b.txt"):
            hb.write(other / name, "first")
        return other

    def test_of_another_directory(self):
        self.make()
        self.fill("second")
        (self.login / ".mem0/b.txt").unlink()
        self.hbcore("import", "--force", "--backup-first", self.archive)
        other = self.other_directory()
        content = self.content(other)
        (self.dir / "away").mkdir()
        for directory, text in ((other, "was another directory then"), (self.dir / "none", "cannot be opened now"),
                                ("", "cannot be opened now")):
            done = self.hbcore("--set", f"root:external.directory={directory}", "undo", "--force", expect=3)
            self.assert_mentions(done, "_external/.honcho/deep/notes: is left as it is", "_external/.mem0/b.txt", text)
            self.assertEqual(self.content(other), content)
            self.assertEqual((self.login / ".honcho/deep/notes").read_text(), "first")
        self.assertEqual((self.home / "config.yaml").read_text(), "second")
        self.hbcore("undo", "--yes")
        self.assertEqual((self.login / ".honcho/deep/notes").read_text(), "second")
        self.assertFalse((self.login / ".mem0/b.txt").exists())
        self.assertEqual((self.home / "config.yaml").read_text(), "second")

    def test_what_comes_while_another_home_gets_it(self):
        self.make()
        shutil.rmtree(self.login / ".honcho")
        other = self.dir / "other"
        write = self.dir / "write"
        write.write_text(f"#!/bin/sh\nmkdir -p {self.login}/.honcho/deep\n"
                         f"echo mine > {self.login}/.honcho/deep/notes\n")
        write.chmod(0o755)
        line = ("--home", other, "import", "--force", self.archive)
        done = self.faulted(*line, calls="rename", path="*/journal", at=1, run=write, expect=3)
        self.assertEqual(done.hits, 1)
        self.assert_mentions(done, "_external/.honcho/deep/notes: is left as it is")
        self.assertEqual((self.login / ".honcho/deep/notes").read_text(), "mine\n")
        self.assertEqual((self.login / ".honcho/config.json").read_text(), "first")


class Together(Roots):
    """Two runs, two homes, one directory."""

    def held(self, operation):
        descriptor = os.open(self.login, os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
        return descriptor

    def test_an_import_has_it_alone(self):
        self.make()
        held = self.held(fcntl.LOCK_SH)
        before = hb.tree(self.login, directory_times=False)
        done = self.hbcore("import", "--force", self.archive, expect=5)
        self.assert_mentions(done, "another run is working on this directory", str(self.login))
        self.assertEqual(hb.differences(before, hb.tree(self.login, directory_times=False)), [])
        fcntl.flock(held, fcntl.LOCK_UN)
        self.load()

    def test_backups_read_it_together(self):
        held = self.held(fcntl.LOCK_SH)
        self.make()
        fcntl.flock(held, fcntl.LOCK_EX)
        self.hbcore("backup", "-o", self.archive, expect=5)

    def test_nobody_waits_for_what_he_does_not_touch(self):
        self.held(fcntl.LOCK_EX)
        hb.write(self.dir / "other/config.yaml", b"x")
        for name in (".honcho", ".mem0"):
            shutil.rmtree(self.login / name)
        self.hbcore("--home", self.dir / "other", "backup", "-o", self.archive)
        self.hbcore("--home", self.dir / "third", "import", "--force", self.archive)
        (self.dir / "free/data").mkdir(parents=True)
        self.of_november(["free/x"])
        self.hbcore("--set", f"root:free.directory={self.dir / 'free'}", "import", "--force", self.archive)


class Killed(Roots):
    """One journal: what was begun is completed in both, by whoever comes next, or by nobody."""

    def setUp(self):
        super().setUp()
        fault.need()
        self.left_behind_is_fine = True
        self.make()
        self.seed = self.dir / "seed"

    def begin(self):
        shutil.rmtree(self.login)
        self.login.mkdir()
        self.fill("second")

    def state(self):
        rows = {name: (self.login / name).read_text() for name in (".hermes/config.yaml", ".hermes/sessions/s", ".honcho/config.json",
                                                                  ".honcho/deep/notes", ".mem0/b.txt")}
        return set(rows.values())

    def kill(self, at, **keywords):
        self.begin()
        return self.faulted("--set", "backup.workers=1", "import", "--force", self.archive,
                            calls="renameat,renameat2,linkat,unlinkat", at=str(at), kill=True, expect=None, **keywords)

    def pending(self):
        return bool(list(self.home.glob(".hbcore-stage-*/journal")))

    def left(self):
        return [path for path in self.login.rglob(".hbcore-stage*")]

    def test_at_each_moment(self):
        at, completed = 0, 0
        while True:
            at += 1
            done = self.kill(at)
            if done.hits == 0:
                break
            was_pending = self.pending()
            self.hbcore("backup", "-o", self.dir / "b.zip", expect=None)
            self.assertEqual(len(self.state()), 1, f"killed at {at}: half old, half new")
            if was_pending:
                self.assertEqual(self.state(), {"first"}, f"killed at {at}")
                completed += 1
            self.hbcore("import", "--force", self.archive)
            self.assertEqual(self.left(), [], f"killed at {at}")
            self.assertFalse((self.home / "_external").exists())
        self.assertGreater(completed, 3)

    def first_pending(self):
        for at in range(1, 60):
            self.kill(at)
            if self.pending() and list(self.login.glob(".honcho/.hbcore-stage*")) + list(self.login.glob(".hbcore-stage*")):
                return
        self.fail("no kill left both a journal and a stage of the root")

    def test_without_the_root_it_waits(self):
        """Somebody has changed the configuration since: nothing goes anywhere else."""
        for setting in ("directory=", f"directory={self.dir / 'there'}", "prefix=others"):
            with self.subTest(setting=setting):
                self.first_pending()
                (self.dir / "there/.honcho").mkdir(parents=True, exist_ok=True)
                self.hbcore("--set", f"root:external.{setting}", "backup", "-o", self.dir / "b.zip", expect=3)
                self.assertEqual((self.login / ".honcho/deep/notes").read_text(), "second")
                self.assertFalse((self.home / "_external").exists())
                self.assertEqual([path for path in (self.dir / "there").rglob("*") if path.is_file()], [])
                self.hbcore("backup", "-o", self.dir / "b.zip")
                self.assertEqual(self.state(), {"first"})
                self.assertEqual(self.left(), [])


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Owners(Roots):
    """Root works on a user's home: what belongs to it is the user's, and done with his rights."""

    def setUp(self):
        super().setUp()
        self.dir.chmod(0o755)
        self.tool("chown", "-hR", f"{OWNER}:{OWNER}", self.login)
        self.options = ("--home", self.home, "--set", f"root:external.directory={self.login}")

    def test_what_is_made_is_his(self):
        self.make(*self.options)
        for name in (".honcho", ".mem0"):
            shutil.rmtree(self.login / name)
        self.load(*self.options)
        for name in (".honcho", ".mem0"):
            for path in [self.login / name, *(self.login / name).rglob("*")]:
                self.assertEqual((path.stat().st_uid, path.stat().st_gid), (OWNER, OWNER), path)

    def test_the_login_directory_is_the_owners(self):
        """Not root's, whatever HOME is; nobody knows that of a user without an entry."""
        self.assertEqual(self.make("--home", self.home)["status"], "complete")
        self.assertEqual(self.external(), set())
        self.make(*self.options)
        before = self.outside(), hb.tree(self.login / ".honcho")
        summary = self.summary(self.load("--home", self.home, expect=3))
        self.assertIn("has no login directory", summary["skipped"][0]["reason"])
        self.assertEqual((self.outside(), hb.tree(self.login / ".honcho")), before)

    def test_a_link_of_his_leads_root_nowhere(self):
        secret = self.dir / "roots"
        hb.write(secret / "config.json", b"of root", 0o600)
        self.make(*self.options)
        shutil.rmtree(self.login / ".honcho")
        os.symlink(secret, self.login / ".honcho")
        os.lchown(self.login / ".honcho", OWNER, OWNER)
        before = hb.tree(secret)
        self.load(*self.options, expect=3)
        self.assertEqual(hb.differences(before, hb.tree(secret)), [])
        self.make(*self.options, expect=3)
        self.assertNotIn(b"of root", self.archive.read_bytes())

    def test_of_another_owner_than_the_home(self):
        other = self.dir / "of another"
        hb.write(other / "data/x", b"first")
        self.tool("chown", "-R", "2345:2345", other)
        options = ("--home", self.home, "--set", f"root:srv.directory={other}", "--set", "root:srv.paths=data")
        self.make(*options)
        self.assertIn("srv/data/x", self.stored())
        shutil.rmtree(other / "data")
        self.load(*options, "--set", f"root:external.directory={self.login}")
        self.assertEqual((other / "data/x").read_bytes(), b"first")
        self.assertEqual((other / "data/x").stat().st_uid, 2345)
        self.assertEqual((self.login / ".honcho/config.json").stat().st_uid, OWNER)

    def test_archives_and_state_of_the_owner(self):
        """Root's import spares what the user's own would."""
        owner = "games"
        login = pathlib.Path(os.path.expanduser(f"~{owner}"))
        self.assertEqual(login.stat().st_uid, 0, "its login directory is root's")
        self.of_november(["_external/x"])
        self.tool("chown", "-hR", owner, self.login)
        summary = self.summary(self.load("--home", self.home, expect=3))
        self.assertIn("belongs to root", summary["skipped"][0]["reason"])
        self.assertFalse((login / "x").exists())

    def test_the_home_by_another_name(self):
        """A mount in the root, of the home."""
        self.make(*self.options)
        (self.login / "other").mkdir()
        self.of_november(["_external/other/config.yaml", "_external/other/sessions/new"])
        script = 'mount --bind "$0" "$1" && shift && exec "$@"'
        line = self.command("--json", *self.options, "import", "--force", self.archive)
        done = self.tool("unshare", "-m", "sh", "-c", script, self.home, self.login / "other", *line, expect=3)
        self.assertEqual(len(self.summary(done)["skipped"]), 2)
        self.assertFalse((self.home / "sessions/new").exists())

    def test_on_another_file_system(self):
        """With a stage of its own there, and read-only: named, and nothing is half done."""
        script = ('mount -t tmpfs none "$0" && mkdir "$0/.honcho" && {hbcore} && cat "$0/.honcho/config.json" && '
                  'mount -o remount,ro "$0" && {hbcore}; echo " $?"')
        self.make(*self.options)
        there = self.dir / "there"
        there.mkdir()
        line = self.command("--quiet", "--set", f"root:external.directory={there}", "import", "--force", self.archive)
        words = " ".join(f"'{word}'" for word in line)
        done = self.tool("unshare", "-m", "sh", "-c", script.replace("{hbcore}", words), there)
        self.assertEqual(done.stdout, b"first 3\n", self.describe(done))


if __name__ == "__main__":
    unittest.main()
