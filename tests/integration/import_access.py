# SPDX-License-Identifier: Apache-2.0
"""Nobody can do more with what an import, a snapshot or a hook puts in place than he could before, or than with a file
that open(O_CREAT) had made there. Real users open the files; modes are not looked at.
"""
import contextlib
import os
import pathlib
import pwd
import shutil
import stat
import subprocess
import unittest

import fault
import hb

OWNER, MEMBER, LISTED, STRANGER, TEAM, OTHER_TEAM = 2001, 2002, 2003, 2004, 2100, 2101
PEOPLE = {  # user: his groups
    OWNER: [OWNER], MEMBER: [MEMBER, TEAM], LISTED: [LISTED], STRANGER: [STRANGER],
    2005: [2005, OTHER_TEAM], 2006: [OWNER, 2006],  # the last is in the owner's own group
    2007: [2007, TEAM, OTHER_TEAM]}
FORMATS = {"zip": "zip", "tar-zstd": "tar.zst"}


def in_child(user, groups, work):
    """What `work` returns (a number below 250) in a process of that user's; 250: it raised."""
    child = os.fork()
    if child == 0:
        code = 250
        try:
            os.setgroups(groups)
            os.setresgid(groups[0], groups[0], groups[0])
            os.setresuid(user, user, user)
            code = work()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def what_he_can(path):
    """Bits: 4 he can read it, 2 write to it, 1 search or run it."""
    found, is_directory = 0, os.path.isdir(path)
    for bit, flags in ((4, os.O_RDONLY), (2, os.O_WRONLY)):
        with contextlib.suppress(OSError):
            if is_directory and bit == 2:
                os.close(os.open(path / "probe", os.O_CREAT | os.O_WRONLY | os.O_EXCL))
                os.unlink(path / "probe")
            else:
                os.close(os.open(path, flags | (os.O_DIRECTORY if is_directory else 0)))
            found |= bit
    return found | (1 if os.access(path, os.X_OK) else 0)


def who_can(path):
    return {user: in_child(user, groups, lambda: what_he_can(path)) for user, groups in PEOPLE.items()}


def acl(path, *entries):
    if entries:
        subprocess.run(["setfacl", *(word for entry in entries for word in ("-m", entry)), path],
                       check=True)


class Access(fault.FaultCase):
    """A home of the owner's, and an archive of another with what is to be put there."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skip("only root can become other users")
        self.need("setfacl", "getfacl")
        if not hb.nobody_runs(self.binary):
            self.skip(f"nobody else can run {self.binary}")
        self.dir.chmod(0o755)
        probe = self.dir / "probe"
        probe.touch()
        if subprocess.run(["setfacl", "-m", "u:7:r", probe], capture_output=True, check=False).returncode != 0:
            self.skip("the file system has no access lists")
        self.home = self.dir / "home"
        self.home.mkdir(mode=0o755)
        self.home.chmod(0o755)
        os.chown(self.user, OWNER, OWNER)
        self.count = 0

    def archive(self, form, files, directories=()):
        """An archive with those files: {name: mode}."""
        self.count += 1
        source, path = self.dir / f"source-{self.count}", self.dir / f"a-{self.count}.{FORMATS[form]}"
        hb.write(source / "config.yaml", b"a: 1\n")
        for name, mode in files.items():
            hb.write(source / name, b"new\n", mode)
        for name, mode in dict(directories).items():
            (source / name).chmod(mode)
        self.hbcore("--home", source, "backup", "--format", form, "-o", path)
        path.chmod(0o644)
        return path

    def fresh(self):
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir()
        self.home.chmod(0o755)
        hb.write(self.home / "config.yaml", b"a: 0\n")
        self.give(self.home)

    @staticmethod
    def give(path, user=OWNER, group=None):
        subprocess.run(["chown", "-R", f"{user}:{user if group is None else group}", path], check=True)

    def as_who(self, who):
        login = {"HOME": str(self.dir / "user")}
        if who == "root":
            return {"env": {"HOME": str(self.dir), "XDG_STATE_HOME": str(self.dir / "state")}}
        groups = [OWNER, TEAM] if who == "member" else [OWNER]
        return {"user": OWNER, "group": OWNER, "extra_groups": groups, "env": login, "umask": 0o022}

    def put(self, archive, who, *arguments, expect=0):
        return self.hbcore("--home", self.home, *arguments, "import", "-f", archive, expect=expect,
                           **self.as_who(who))

    def cases(self, *whos):
        for form in FORMATS:
            for who in whos or ("owner", "root"):
                yield form, who

    def assert_no_wider(self, before, after, about=""):
        wider = {user: (before[user], after[user]) for user in before if after[user] & ~before[user]}
        self.assertEqual(wider, {}, f"{about}: what they could before, and can now")


LISTS = {  # how a file that is replaced may have been made: group, mode, list
    "denies its group": (TEAM, 0o600, (f"u:{LISTED}:rw", "g::---", "o::---")),
    "denies one of its group": (TEAM, 0o640, (f"u:{MEMBER}:---",)),
    "denies one whom others may": (OWNER, 0o644, (f"u:{LISTED}:---",)),
    "grants another group": (OWNER, 0o640, (f"g:{OTHER_TEAM}:r", "g::---")),
    "is masked": (TEAM, 0o640, (f"u:{LISTED}:rw", f"g:{OTHER_TEAM}:rw", "m::r")),
    "has no list, but a group that is not the owner's": (TEAM, 0o640, ()),
    "denies a group what others may": (TEAM, 0o604, ()),
    "grants a group to write": (TEAM, 0o664, ()),
}


class Replaced(Access):
    def test_a_replaced_file(self):
        for form, who in self.cases("owner", "member", "root"):
            archive = self.archive(form, {"s/file": 0o666})
            for what, (group, mode, entries) in LISTS.items():
                with self.subTest(what, form=form, who=who):
                    self.fresh()
                    path = self.home / "s/file"
                    hb.write(path, b"old\n")
                    self.give(self.home / "s")
                    os.chown(path, OWNER, group)
                    path.chmod(mode)
                    acl(path, *entries)
                    before = who_can(path)
                    self.put(archive, who)
                    self.assertEqual(path.read_bytes(), b"new\n")
                    after = who_can(path)
                    self.assert_no_wider(before, after, what)
                    if who != "owner" or group == OWNER:
                        self.assertEqual(before, after, f"{what}: what they could before, and can now")

    def test_one_of_another_users(self):
        """Who may write to the directory replaces what is somebody else's; the group is not his."""
        for form, who in self.cases("owner"):
            archive = self.archive(form, {"s/file": 0o666})
            self.fresh()
            path = self.home / "s/file"
            hb.write(path, b"old\n", 0o640)
            self.give(self.home / "s")
            os.chown(path, STRANGER, TEAM)
            acl(path, f"u:{LISTED}:rw", "g::r")
            before = who_can(path)
            before[OWNER] = 7  # it is his now
            self.put(archive, who)
            self.assertEqual(path.read_bytes(), b"new\n")
            self.assert_no_wider(before, who_can(path))
            self.assertEqual(who_can(path)[LISTED], before[LISTED])

    def test_the_new_group_was_denied(self):
        """A file of root's becomes the directory's owner's and gets a group that its list denies, or has members who
        are in one that it denies; another user's becomes his who replaces it."""
        for form in FORMATS:
            archive = self.archive(form, {"s/file": 0o666})
            for who, group, entries in (("root", 0, (f"g:{TEAM}:---",)), ("root", 0, (f"g:{OTHER_TEAM}:---",)),
                                        ("root", 0, (f"g:{TEAM}:---", f"g:{OTHER_TEAM}:r", f"u:{LISTED}:rw")),
                                        ("owner", TEAM, (f"g:{OWNER}:---",))):
                with self.subTest(form=form, who=who, entries=entries):
                    self.fresh()
                    path = self.home / "s/file"
                    hb.write(path, b"old\n", 0o644)
                    self.give(self.home / "s", OWNER, TEAM)
                    os.chown(path, 0 if who == "root" else STRANGER, group)
                    acl(path, *entries)
                    before = who_can(path)
                    before[OWNER] = 7  # it is his now
                    self.put(archive, who)
                    self.assertEqual((path.read_bytes(), path.stat().st_uid), (b"new\n", OWNER))
                    self.assert_no_wider(before, who_can(path))

    def test_a_fixed_mode_wins(self):
        for form, who in self.cases():
            archive = self.archive(form, {".env": 0o600})
            self.fresh()
            path = self.home / ".env"
            hb.write(path, b"old\n", 0o600)
            os.chown(path, OWNER, OWNER)
            acl(path, f"u:{LISTED}:rw")
            done = self.put(archive, who)
            self.assertEqual({user for user, can in who_can(path).items() if can}, {OWNER})
            self.assert_mentions(done, ".env", "access list")
            path.chmod(0o660)  # nothing of the list comes back
            self.assertEqual(who_can(path)[LISTED], 0)

    def test_a_database(self):
        """Over a live one, which stays, and by a rename over one that is none."""
        for form, who in self.cases():
            for junk in (False, True):
                with self.subTest(form=form, who=who, junk=junk):
                    source = self.dir / f"dbs-{self.count}"
                    hb.write(source / "config.yaml", b"a: 1\n")
                    self.make_database(source / "data.db")
                    (source / "data.db").chmod(0o666)
                    self.count += 1
                    archive = self.dir / f"d-{self.count}.{FORMATS[form]}"
                    self.hbcore("--home", source, "backup", "--format", form, "-o", archive)
                    archive.chmod(0o644)
                    self.fresh()
                    path = self.home / "data.db"
                    if junk:
                        hb.write(path, b"junk" * 2048)
                    else:
                        self.make_database(path, rows=3)
                    os.chown(path, OWNER, TEAM)
                    path.chmod(0o600)
                    acl(path, f"u:{LISTED}:rw", "g::---", "o::---")
                    before = who_can(path)
                    self.put(archive, who)
                    self.assertEqual(self.database_rows(path), self.database_rows(source / "data.db"))
                    after = who_can(path)
                    self.assert_no_wider(before, after)
                    self.assertEqual(after[LISTED], before[LISTED])

    def test_the_log_of_a_database(self):
        """What is made beside it while it is written to holds the same rows; a run that is killed leaves it there."""
        fault.need()
        source = self.dir / "wal"
        hb.write(source / "config.yaml", b"a: 1\n")
        self.make_database(source / "data.db")
        self.hbcore("--home", source, "backup", "-o", self.dir / "wal.zip")
        (self.dir / "wal.zip").chmod(0o644)
        seen, self.left_behind_is_fine = set(), True
        for who in ("owner", "root"):
            for point in range(1, 40, 3):
                self.fresh()
                path = self.home / "data.db"
                self.make_database(path, rows=30, wal=True)
                os.chown(path, OWNER, TEAM)
                path.chmod(0o660)
                acl(path, f"u:{LISTED}:rw", "g::---", "o::---")
                before = who_can(path)
                keywords = self.as_who(who)
                keywords["env"] = self.environment(**keywords["env"])
                subprocess.run([fault.TOOL, "--calls", "write,sync,truncate", "--path", "*data.db*", "--at", str(point),
                                "--kill", "--", *self.command("--home", self.home, "import", "-f", self.dir / "wal.zip")],
                               capture_output=True, check=False, stdin=subprocess.DEVNULL, **keywords)
                for side in self.home.glob("data.db-*"):
                    seen.add(side.name)
                    self.assert_no_wider(before, who_can(side), f"{side.name}, {who}, {point}")
        self.assertTrue(seen)

    def test_guard(self):
        for who in ("owner", "root"):
            self.fresh()
            live, saved = self.home / "cron/jobs.json", self.home / "state-snapshots/20260101-000000/cron/jobs.json"
            hb.write(saved, b'{"jobs": [{"id": "a"}]}', 0o664)
            hb.write(live, b'{"jobs": []}', 0o600)
            self.give(self.home)
            os.chown(live, OWNER, TEAM)
            acl(live, f"u:{LISTED}:rw", "g::---", "o::---")
            before = who_can(live)
            self.hbcore("--home", self.home, "guard", "20260101-000000", **self.as_who(who))
            self.assertIn(b'"a"', live.read_bytes())
            after = who_can(live)
            self.assert_no_wider(before, after)
            self.assertEqual(after[LISTED], before[LISTED])

    def test_guard_without_a_list(self):
        self.fresh()
        live, saved = self.home / "cron/jobs.json", self.home / "state-snapshots/20260101-000000/cron/jobs.json"
        hb.write(saved, b'{"jobs": [{"id": "a"}]}', 0o666)
        hb.write(live, b'{"jobs": []}', 0o640)
        self.give(self.home)
        os.chown(live, OWNER, TEAM)
        before = who_can(live)
        self.hbcore("--home", self.home, "guard", "20260101-000000", **self.as_who("owner"))
        self.assertIn(b'"a"', live.read_bytes())
        self.assert_no_wider(before, who_can(live))


DEFAULTS = {  # what a directory bequeaths
    "a user": (f"d:u:{LISTED}:rwx", "d:g::---", "d:o::---"),
    "nothing to others": ("d:u::rwx", "d:g::---", "d:o::---"),
    "less than a group wants": (f"d:g:{TEAM}:rwx", "d:m::r-x", "d:o::r"),
    "a denial": (f"d:u:{LISTED}:---", "d:g::r-x", "d:o::r-x"),
}
NEW = {"top": 0o664, "d/file": 0o666, "d/private": 0o600, "d/run": 0o755, "new/deep/file": 0o664, "new/secret": 0o640}


class New(Access):
    def make_reference(self, path, mode):
        """The same by open(O_CREAT) and mkdir, as the owner, with no umask."""
        path.unlink(missing_ok=True)

        def make():
            os.umask(0)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
            return 0
        self.assertEqual(in_child(OWNER, [OWNER], make), 0)

    def make_directory_reference(self, path, mode):
        def make():
            os.umask(0)
            os.mkdir(path, mode)
            return 0
        self.assertEqual(in_child(OWNER, [OWNER], make), 0)

    def compare(self, names, about):
        """What was put there with what is made there."""
        for name, mode in names.items():
            path = self.home / name
            reference = path.with_name("reference")
            if path.is_dir():
                self.make_directory_reference(reference, mode)
            else:
                self.make_reference(reference, mode)
            allowed, found = who_can(reference), who_can(path)
            self.assert_no_wider(allowed, found, f"{about}, {name}")
            self.assertEqual(found[OWNER], allowed[OWNER], f"{about}, {name}")
            if reference.is_dir():
                reference.rmdir()
            else:
                reference.unlink()
            yield name, allowed, found

    def test_below_a_default_list(self):
        for form, who in self.cases():
            archive = self.archive(form, NEW)
            for what, entries in DEFAULTS.items():
                with self.subTest(what, form=form, who=who):
                    self.fresh()
                    (self.home / "d").mkdir()
                    self.give(self.home)
                    for directory in (self.home, self.home / "d"):
                        acl(directory, *entries)
                    self.put(archive, who)
                    for name, allowed, found in self.compare({**NEW, "new": 0o755, "new/deep": 0o755}, what):
                        self.assertEqual(found, allowed, f"{what}, {name}")

    def test_in_a_directory_that_hands_its_group_down(self):
        names = {name: mode for name, mode in NEW.items() if "/" in name}
        for form, who in self.cases("owner", "member", "root"):
            archive = self.archive(form, names)
            for lists in ((), (f"d:u:{LISTED}:rwx", "d:g::r-x", "d:o::---")):
                with self.subTest(form=form, who=who, lists=lists):
                    self.fresh()
                    for name in ("d", "new"):
                        (self.home / name).mkdir()
                    self.give(self.home)
                    for name in ("d", "new"):
                        os.chown(self.home / name, OWNER, TEAM)
                        (self.home / name).chmod(0o2775)
                        acl(self.home / name, *lists)
                    self.put(archive, who)
                    for name, allowed, found in self.compare({**names, "new/deep": 0o755}, "setgid"):
                        self.assertEqual(found, allowed, name)
                        self.assertEqual((self.home / name).stat().st_gid, TEAM, name)
                    self.assertTrue((self.home / "new/deep").stat().st_mode & stat.S_ISGID)

    def test_the_group_cannot_be_had(self):
        """The file system makes no unnamed files: the group's bits and the others' are what both have."""
        fault.need()
        archive = self.archive("zip", {"d/file": 0o664, "d/group": 0o660, "d/others": 0o604})
        self.fresh()
        (self.home / "d").mkdir()
        self.give(self.home)
        os.chown(self.home / "d", OWNER, TEAM)
        (self.home / "d").chmod(0o2775)
        line = [fault.TOOL, "--calls", "link", "--at", "1+", "--error", "EOPNOTSUPP", "--",
                *self.command("--home", self.home, "import", "-f", archive)]
        keywords = self.as_who("owner")
        done = subprocess.run(line, env=self.environment(**keywords.pop("env")), capture_output=True, check=False,
                              stdin=subprocess.DEVNULL, **keywords)
        self.assertEqual(done.returncode, 0, self.describe(done))
        for name, allowed, found in self.compare({"d/file": 0o664, "d/group": 0o660, "d/others": 0o604}, "setgid"):
            if name == "d/group":
                self.assertEqual(found[2006], 0)  # who is in the owner's group, but not in the directory's
        self.assert_mentions(done, "group cannot be set")

    def test_the_group_of_a_directory_that_hands_nothing_down(self):
        """What root makes has the group that open(2) and mkdir(2) of the directory's owner would give."""
        known = next((entry for entry in pwd.getpwall() if entry.pw_uid not in (0, *PEOPLE)), None)
        owners = [(0, os.getegid()), (OWNER, TEAM)]  # nobody knows the second
        if known is not None:
            owners.append((known.pw_uid, known.pw_gid))
        names = ("d/new", "d/tree", "d/tree/deep", "d/tree/deep/x")
        for form in FORMATS:
            archive = self.archive(form, {"d/new": 0o640, "d/tree/deep/x": 0o640}, {"d/tree": 0o750, "d/tree/deep": 0o750})
            for owner, group in owners:
                for bit in (0, stat.S_ISGID):
                    with self.subTest(form=form, owner=owner, bit=bit):
                        self.fresh()
                        self.give(self.home, 0, 0)
                        (self.home / "d").mkdir()
                        self.give(self.home / "d", owner, TEAM)
                        (self.home / "d").chmod(0o755 | bit)
                        self.put(archive, "root")
                        wanted = TEAM if bit else group
                        found = {name: os.lstat(self.home / name) for name in names}
                        self.assertEqual({name: (row.st_uid, row.st_gid) for name, row in found.items()},
                                         dict.fromkeys(names, (owner, wanted)))
                        self.assertEqual(who_can(self.home / "d/new")[MEMBER], 4 if wanted == TEAM else 0)

    def test_a_new_home(self):
        """A whole tree, moved by one rename, in a directory that bequeaths and in one that does not."""
        names = {"config.yaml": 0o644, "a/b/file": 0o664, "a/secret": 0o640}
        for form, who in self.cases():
            archive = self.archive(form, {name: mode for name, mode in names.items() if name != "config.yaml"})
            for entries in ((), *DEFAULTS.values()):
                with self.subTest(form=form, who=who, entries=entries):
                    above = self.dir / "above"
                    shutil.rmtree(above, ignore_errors=True)
                    above.mkdir()
                    os.chown(above, OWNER, OWNER)
                    above.chmod(0o755)
                    acl(above, *entries)
                    self.home = above / "home"
                    self.put(archive, who)
                    self.home.chmod(0o755) if not entries else acl(self.home, "o::rx")
                    for _ in self.compare({**names, "a": 0o755, "a/b": 0o755}, "a new home"):
                        pass


class Stored(Access):
    def test_what_is_stored_grants_no_more(self):
        """In a home without lists, and by a snapshot over what has none any more."""
        for form, who in self.cases():
            for what, (group, mode, entries) in LISTS.items():
                with self.subTest(what, form=form, who=who):
                    self.fresh()
                    before = {}
                    self.make_database(self.home / "data.db")
                    hb.write(self.home / "d/file", b"old\n")
                    self.give(self.home)
                    for name in ("data.db", "d/file", "d"):
                        path = self.home / name
                        os.chown(path, OWNER, group)
                        path.chmod(mode | (0o111 if path.is_dir() else 0))
                        acl(path, *entries)
                        before[name] = who_can(path)
                    archive = self.dir / f"stored.{FORMATS[form]}"
                    archive.unlink(missing_ok=True)
                    self.hbcore("--home", self.home, "backup", "--format", form, "-o", archive)
                    archive.chmod(0o644)
                    for name in before:
                        os.chown(self.home / name, OWNER, OWNER)
                    self.fresh()
                    self.give(self.home, group=group)
                    keywords = self.as_who("root" if who == "root" else "member")
                    self.hbcore("--home", self.home, "import", "-f", archive, **keywords)
                    for name in before:
                        os.chown(self.home / name, OWNER, group)
                        self.assert_no_wider(before[name], who_can(self.home / name), f"{what}, {name}")

    def test_the_same_backup_is_reused_and_stays_narrow(self):
        self.fresh()
        hb.write(self.home / "d/file", b"old\n")
        path = self.home / "d/file"
        self.give(self.home)
        os.chown(path, OWNER, TEAM)
        acl(path, f"u:{LISTED}:rw", "g::---", "o::---")
        for form in FORMATS:
            for _ in range(3):
                done = self.hbcore("--home", self.home, "backup", "--format", form, "--preset", "pre-update")
            archives = sorted((self.home / "backups").glob(f"*.{FORMATS[form]}"))
            listed = self.hbcore("list", "--long", archives[-1]).stdout if archives else done.stdout
            self.assertNotIn(b"rw-rw", listed)


class FromSnapshot(Access):
    """A snapshot is put back over what has been closed since, or stands open now."""

    def all_that_can(self):
        return {path.name: who_can(path) for path in self.home.rglob("*")
                if path.is_file() and self.home / "state-snapshots" not in path.parents}

    def restored(self, who, change, *options):
        """What they could before and can after; the run."""
        self.fresh()
        self.home.chmod(0o755)
        for name in ("auth.json", "gateway_state.json", "cron/jobs.json", ".env"):
            hb.write(self.home / name, b"old\n", 0o664)
        hb.write(self.home / "processes.json", b"old\n", 0o600)
        self.make_database(self.home / "state.db", wal=True)
        (self.home / "state.db").chmod(0o664)
        self.give(self.home)
        self.hbcore("--home", self.home, "snapshot", "create", **self.as_who(who))
        change()
        before = self.all_that_can()
        done = self.hbcore("--home", self.home, *options, "snapshot", "restore", "1", **self.as_who(who))
        return before, self.all_that_can(), done

    def test_what_was_closed_stays_closed(self):
        def change():
            for name in ("config.yaml", "gateway_state.json"):
                (self.home / name).chmod(0o600)
            os.chown(self.home / "cron/jobs.json", OWNER, TEAM)
            acl(self.home / "cron/jobs.json", f"u:{LISTED}:rw", "g::---", "o::---")
        for who in ("owner", "root"):
            with self.subTest(who=who):
                before, after, done = self.restored(who, change)
                self.assertEqual((self.home / "cron/jobs.json").read_bytes(), b"old\n")
                for name in ("config.yaml", "gateway_state.json", "jobs.json"):
                    self.assert_no_wider(before[name], after[name], name)
                self.assertEqual(after["jobs.json"][LISTED], 6)
                self.assertNotIn(b"configuration fixes", done.stdout + done.stderr)

    def test_private_holds(self):
        def change():
            (self.home / "auth.json").unlink()
            acl(self.home / ".env", f"u:{LISTED}:rw")
        for who in ("owner", "root"):
            with self.subTest(who=who):
                _, after, done = self.restored(who, change)
                for name in (".env", "auth.json", "state.db"):
                    self.assertEqual({user for user, can in after[name].items() if can}, {OWNER}, name)
                self.assert_mentions(done, ".env", "access list")

    def test_the_log_of_a_database_stays_closed(self):
        def change():
            for path in self.home.glob("state.db*"):
                path.chmod(0o600)
        for who in ("owner", "root"):
            for options in ((), ("--set", "filter:import-skip.private=none")):
                with self.subTest(who=who, options=options):
                    self.restored(who, change, *options)
                    for path in self.home.glob("state.db*"):
                        self.assertEqual({user for user, can in who_can(path).items() if can}, {OWNER}, path.name)

    def test_what_was_closed_then_does_not_become_open(self):
        """A program has made the file anew, open to all; a file that is missing becomes like a new one."""
        def change():
            (self.home / "processes.json").chmod(0o644)
            (self.home / "gateway_state.json").unlink()
            acl(self.home, f"d:u:{STRANGER}:---")
        for who in ("owner", "root"):
            with self.subTest(who=who):
                _, after, _ = self.restored(who, change)
                self.assertEqual({user for user, can in after["processes.json"].items() if can}, {OWNER})
                self.assertEqual((after["gateway_state.json"][STRANGER], after["gateway_state.json"][MEMBER]), (0, 4))


class Beside(Access):
    """What the import had for a file that was changed after a kill: nobody can do more with it than with that file."""

    def killed(self, change):
        """Changes while the import waits; then another run completes it."""
        self.left_behind_is_fine = True
        self.fresh()
        names = [f"s/{name}" for name in ("linked", "removed", "listed", "replaced", "directory", "open")]
        archive = self.archive("zip", dict.fromkeys(names, 0o644))
        for name in names:
            hb.write(self.home / name, b"old\n", 0o600)
        (self.home / "real").mkdir()
        (self.home / "s/linked").rename(self.home / "real/linked")
        (self.home / "s/linked").symlink_to("../real/linked")
        (self.home / "s/open").chmod(0o644)
        self.give(self.home)
        for name in ("real/linked", "s/listed"):
            os.chown(self.home / name, OWNER, TEAM)
            acl(self.home / name, f"u:{LISTED}:rw", f"u:{STRANGER}:---", "g::---", "o::---")
        before = {name: who_can(self.home / name) for name in names}
        self.faulted("--home", self.home, "--set", "backup.workers=1", "import", "-f", archive, calls="rename",
                     path=f"{self.home}/s/*", at=1, kill=True, expect=None)
        self.assertTrue(list(self.home.glob(".hbcore-stage-*/journal")))
        change()
        self.hbcore("--home", self.home, "backup", "-o", self.dir / f"b-{self.count}.zip", expect=3)
        return names, before

    def assert_beside_no_wider(self, names, before):
        beside = {name: path for name in names for path in self.home.rglob(f"{pathlib.Path(name).name}.from-import")}
        self.assertGreaterEqual(len(beside), len(names) - 1, sorted(beside))  # one may have been done
        for name, path in beside.items():
            self.assert_no_wider(before[name], who_can(path), name)

    def test_each(self):
        def change():
            for name in ("real/linked", "s/open"):
                with open(self.home / name, "ab") as stream:
                    stream.write(b"edit")
            for name in ("removed", "listed", "replaced", "directory"):
                (self.home / "s" / name).unlink()
            hb.write(self.home / "s/replaced", b"another\n", 0o644)
            (self.home / "s/directory").mkdir()
        names, before = self.killed(change)
        self.assert_beside_no_wider(names, before)
        self.assertEqual(who_can(self.home / "s/open.from-import")[MEMBER], 4)

    def test_the_directory_was_replaced(self):
        def change():
            shutil.rmtree(self.home / "s")
            hb.write(self.home / "s", b"a file\n", 0o644)
        names, before = self.killed(change)
        self.assert_beside_no_wider([name for name in names if name != "s/linked"], before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
