# SPDX-License-Identifier: Apache-2.0
"""Archives on, and homes on, file systems that differ from what most have: real ones, that root mounts here."""
import hashlib
import os
import pathlib
import shutil
import sqlite3
import stat
import subprocess
import unicodedata
import unittest

import fault
import hb
import mounts

FORMATS = {"zip": "zip", "tar-zstd": "tar.zst"}
BINDFS = {f"bindfs {' '.join(options)}": options for options in (
    ["--chmod-deny"], ["--chown-deny"], ["--chmod-ignore"], ["--chmod-deny", "--chown-deny"], ["--xattr-none"])}
KINDS = [*mounts.IMAGES, "tmpfs", "overlay", "bind", *BINDFS]
REFUSES = [kind for kind in KINDS if kind in mounts.HAS_NO_MODES or kind.startswith("bindfs --ch")]
FOLDING = [*mounts.FOLDS_NAMES]


def digest(data):
    return hashlib.sha256(data).hexdigest()[:16]


class FileSystems(hb.Case):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skip("only root can mount file systems")
        self.dir.chmod(0o755)

    def on(self, kind):
        """A subtest with such a file system: its root, or None where it cannot be had."""
        if kind in BINDFS:
            return mounts.trying(self, "bindfs", options=BINDFS[kind])
        return mounts.trying(self, kind)

    def make_home_at(self, home):
        """What may lie on any of them: no names that one of them folds, no modes to be compared."""
        for name, data in {"config.yaml": b"model: large\n", ".env": b"KEY=1\n", "sessions/one": b"1" * 5000,
                           "sessions/empty": b"", "sub/deep/er/file.txt": b"some text\n" * 50,
                           "cron/jobs.json": b'{"jobs": [1]}', "noise.bin": os.urandom(70_000)}.items():
            hb.write(home / name, data)
        (home / "hollow").mkdir()
        self.make_database(home / "state.db", rows=20, wal=True)
        self.make_database(home / "other.db", rows=5)
        return home

    def what_is_in(self, home):
        """Relative path to content; of a database, its rows."""
        found = {}
        for path in home.rglob("*"):
            name = str(path.relative_to(home))
            if path.name in (hb.HOME_ID, "lost+found") or name.startswith(("state-snapshots", "backups", ".Trash")):
                continue
            if name.endswith(("-wal", "-shm", "-journal")):
                continue
            if path.suffix == ".db":
                found[name] = self.database_rows(path)
            else:
                found[name] = "directory" if path.is_dir() else digest(path.read_bytes())
        return found

    def notes(self, done):
        """Lines that tell of what was refused; they are one a kind at most."""
        lines = done.stdout.decode().splitlines() + done.stderr.decode().splitlines()
        for words in ("mode cannot be set", "owner or group cannot be set"):
            self.assertLessEqual(sum(words in line for line in lines), 1, self.describe(done))
        return lines


class Killed(FileSystems, fault.FaultCase):
    def test_what_it_staged_goes(self):
        """With the next run, also where every directory is open to all; what is no stage stays whatever it is called."""
        home = self.make_home_at(self.dir / "home")
        for kind in ("vfat", "exfat", "ntfs", "ntfs-windows", "ntfs-permissions", "ext4", "tmpfs"):
            with self.on(kind) as root:
                if root is None:
                    continue
                self.left_behind_is_fine = True  # the directory that is none
                other = root / "sticks" / ".hbcore-stage-0123456789abcdef"
                hb.write(other / "deep" / "file", b"whole")
                if kind not in mounts.HAS_NO_MODES:
                    other.parent.chmod(0o777)  # then its name says nothing either
                archive = root / "sticks" / "a.zip"
                self.hbcore("--home", home, "backup", "-o", archive)
                for _ in range(2):
                    self.faulted("--home", home, "backup", "-o", archive, calls="rename", at=1, kill=True, expect=None)
                self.assertGreater(len(self.left_behind(root)), 1)
                done = self.hbcore("--home", home, "backup", "-o", archive)
                self.assert_mentions(done, "the leftovers of 1 earlier run.")
                self.assertEqual([path.name for path in archive.parent.iterdir() if path.name.startswith(".hbcore")],
                                 [other.name])
                self.assertEqual((other / "deep" / "file").read_bytes(), b"whole")


class PutBack(FileSystems):
    """A file that is overwritten in place, and whose size and time of modification are put back (cp -p, rsync, tar)."""

    def test_what_is_there_is_stored(self):
        """Also where no time of change tells of it, as on exFAT."""
        with sqlite3.connect(self.dir / "a.db") as database:
            database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
            database.execute("INSERT INTO t (text) VALUES ('AAAA')")
        database.close()
        first = {"f": b"AAAA", "s.db": (self.dir / "a.db").read_bytes()}
        second = {name: data.replace(b"AAAA", b"BBBB") for name, data in first.items()}
        for kind in KINDS:
            with self.on(kind) as root:
                if root is None:
                    continue
                home = root / "put-back"
                hb.write(home / "config.yaml", b"model: large\n")
                for form, suffix in FORMATS.items():
                    archive = self.dir / f"a.{suffix}"
                    for contents in (first, second):
                        for name, data in contents.items():
                            hb.write(home / name, data, mtime_ns=1_700_000_000 * 10**9)  # in place
                        self.hbcore("--home", home, "--set", "backup.reuse=yes", "backup", "--format", form,
                                    "-o", archive)
                    self.assertEqual(self.hbcore("cat", archive, "f").stdout, b"BBBB", form)
                    self.assertIn(b"BBBB", self.hbcore("cat", archive, "s.db").stdout, form)


class Space(FileSystems):
    """Where there is little."""

    def setUp(self):
        super().setUp()
        self.small = self.dir / "small"
        self.small.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16M", "hbcore", self.small], check=False).returncode != 0:
            self.skip("no tmpfs can be mounted")
        self.addCleanup(subprocess.run, ["umount", self.small], check=False)

    def archives(self, home):
        for form, suffix in FORMATS.items():
            archive = self.dir / f"{home.name}.{suffix}"
            self.hbcore("--home", home, "backup", "--format", form, "-o", archive)
            yield form, archive

    def test_holes_need_none(self):
        """What is larger than the file system by its size, and fits all the same."""
        home = self.dir / "sparse"
        hb.write(home / "config.yaml", b"model: large\n")
        for name, words in (("one.bin", {}), ("two.bin", {5_000_000: b"x" * 70_000, 299_000_000: os.urandom(500)})):
            with open(home / name, "wb") as file:
                for at, word in words.items():
                    file.seek(at)
                    file.write(word)
                file.truncate(300_000_000)
        for form, archive in self.archives(home):
            with self.subTest(form):
                target = self.small / form
                self.hbcore("--home", target, "import", archive)
                self.assertLess(sum(path.stat().st_blocks * 512 for path in target.iterdir()), 4_000_000)
                for name in ("one.bin", "two.bin"):
                    subprocess.run(["cmp", home / name, target / name], check=True)
                shutil.rmtree(target)

    def test_what_cannot_fit(self):
        """It is told before anything is staged; or else while it is. Nothing is changed in either case."""
        for name, data, words in (("noise", [os.urandom(9_000_000)] * 2, ("not enough space: at least",)),
                                  ("words", [b"all work and no play " * 450_000] * 2, ("No space left",))):
            home = self.dir / name
            hb.write(home / "config.yaml", b"model: large\n")
            for number, content in enumerate(data):
                hb.write(home / f"f{number}", content)
            for form, archive in self.archives(home):
                with self.subTest(form, of=name):
                    target = self.small / "target"
                    done = self.hbcore("--home", target, "import", archive, expect=1)
                    self.assert_mentions(done, *words, "free some space", "nothing was changed")
                    self.assertFalse(target.exists())
                    self.assertEqual(self.left_behind(self.small), [])

    def test_where_nothing_can_be_staged(self):
        """What helps a backup is no help to an import."""
        home = self.dir / "base"
        hb.write(home / "config.yaml", b"model: large\n")
        for form, archive in self.archives(home):
            target = self.small / "target"
            if not target.exists():
                self.make_database(target / "state.db")
            subprocess.run(["mount", "-o", "remount,ro", self.small], check=True)
            done = self.hbcore("--home", target, "import", archive, expect=1)
            self.assert_mentions(done, "target")
            self.assertNotIn(b"stage-dir", done.stderr, form)
            done = self.hbcore("--home", target, "backup", "--format", form, "-o", "-", expect=1)
            self.assert_mentions(done, "stage-dir")
            subprocess.run(["mount", "-o", "remount,rw", self.small], check=True)

    def test_a_log_that_cannot_grow(self):
        """A database is staged and there is space for that, but not for the log of the one that it goes into."""
        home, target = self.dir / "base", self.small / "target"
        hb.write(home / "config.yaml", b"new\n")
        self.make_database(home / "state.db", rows=45_000, wal=True)
        hb.write(target / "config.yaml", b"old\n")
        self.make_database(target / "state.db", rows=3, wal=True)
        self.assertGreater((home / "state.db").stat().st_size, 8_500_000)
        before = self.what_is_in(target)
        for form, archive in self.archives(home):
            with self.subTest(form):
                done = self.hbcore("--home", target, "import", "--force", archive, expect=1)
                self.assert_mentions(done, "not enough space: for the databases", "nothing was changed")
                self.assertEqual(self.what_is_in(target), before)


class EachOfThem(FileSystems):
    def test_archives_lie_on_it(self):
        home = self.make_home_at(self.dir / "home")
        expected = self.what_is_in(home)
        for kind in KINDS:
            with self.on(kind) as root:
                for form, suffix in FORMATS.items() if root else ():
                    archive = root / "out" / f"a.{suffix}"
                    for _ in range(2):  # a new one, and over one that is there
                        done = self.hbcore("--home", home, "backup", "--format", form, "-o", archive)
                        self.assertEqual(sum("mode cannot be set" in line for line in self.notes(done)),
                                         1 if kind in mounts.HAS_NO_MODES else 0, self.describe(done))
                    self.hbcore("verify", archive)
                    self.hbcore("--home", home, "--set", f"preset:pre-update.directory={root}/presets", "backup",
                                "--preset", "pre-update", "--format", form)
                    target = self.dir / "target"
                    self.hbcore("--home", target, "import", archive)
                    self.assertEqual(self.what_is_in(target), expected)
                    shutil.rmtree(target)
                    self.assertEqual(self.left_behind(root), [])

    def test_a_home_lies_on_it(self):
        for kind in KINDS:
            with self.on(kind) as root:
                if root is None:
                    continue
                home = self.make_home_at(root / "home")
                expected = self.what_is_in(home)
                for form, suffix in FORMATS.items():
                    archive = self.dir / f"h.{suffix}"
                    self.notes(self.hbcore("--home", home, "backup", "--format", form, "-o", archive))
                    target = self.dir / "target"
                    self.hbcore("--home", target, "import", archive)
                    self.assertEqual(self.what_is_in(target), expected)
                    shutil.rmtree(target)

    def test_an_import_goes_to_it(self):
        """Into a new home, over what is there, and over what is there but differs."""
        home = self.make_home_at(self.dir / "home")
        expected = self.what_is_in(home)
        for form, suffix in FORMATS.items():
            self.hbcore("--home", home, "backup", "--format", form, "-o", self.dir / f"i.{suffix}")
        for kind in KINDS:
            with self.on(kind) as root:
                for form, suffix in FORMATS.items() if root else ():
                    target = root / f"target-{form}"
                    for again in (False, True, True):
                        done = self.hbcore("--home", target, "import", "-f", self.dir / f"i.{suffix}")
                        lines = self.notes(done)
                        if kind in REFUSES and kind in mounts.HAS_NO_MODES:
                            self.assertEqual(sum("mode cannot be set" in line for line in lines), 1,
                                             self.describe(done))
                        self.assertEqual(self.what_is_in(target), expected)
                        self.assertEqual(self.left_behind(target), [])
                        if again:
                            hb.write(target / "sessions/one", b"changed")
                            (target / "sub/deep/er/file.txt").unlink()

    def test_snapshots_on_it(self):
        for kind in KINDS:
            with self.on(kind) as root:
                if root is None:
                    continue
                home = self.make_home_at(root / "home")
                expected = self.what_is_in(home)
                done = self.hbcore("--home", home, "snapshot", "create")
                lines = self.notes(done)
                if kind in mounts.HAS_NO_MODES:
                    self.assertEqual(sum("mode cannot be set" in line for line in lines), 1, self.describe(done))
                hb.write(home / "config.yaml", b"changed")
                (home / "cron/jobs.json").unlink()
                with sqlite3.connect(home / "state.db") as database:
                    database.execute("DELETE FROM t")
                database.close()
                self.notes(self.hbcore("--home", home, "snapshot", "restore", "1"))
                self.assertEqual(self.what_is_in(home), expected)
                self.assertEqual(self.left_behind(home), [])


NFC, NFD = (unicodedata.normalize(form, "né") for form in ("NFC", "NFD"))
TWINS = (("sessions/Note", "sessions/note"), ("Dir/file", "dir/file"), ("Dir/deep/Er/a", "Dir/deep/er/a"),
         ("a/Data.db", "a/data.db"), ("README", "Readme", "readme"), ("sessions/É", "sessions/é"))


class NamesThatAreOne(FileSystems):
    def make_twins(self, home, twins=TWINS):
        content = {}
        hb.write(home / "config.yaml", b"a: 1\n")
        for names in twins:
            for name in names:
                if name.endswith(".db"):
                    self.make_database(home / name, rows=len(content) + 2, wal=True)
                    content[name] = self.database_rows(home / name)
                else:
                    hb.write(home / name, name.encode() * 3)
                    content[name] = name.encode() * 3
        return content

    def read(self, path):
        """By the name that is listed: another one may be cached."""
        if path.parent.is_dir():
            path = next((found for found in path.parent.iterdir() if found.name == path.name),
                        next((found for found in path.parent.iterdir() if found.name.lower() == path.name.lower()),
                             path))
        return self.database_rows(path) if path.suffix.lower() == ".db" else path.read_bytes()

    def assert_none_lost_in_silence(self, done, target, content):
        """Each is there, or named; and of those that are one, one is there."""
        said = done.stderr.decode() + done.stdout.decode()
        there = [self.read(path) for path in target.rglob("*")
                 if path.is_file() and not path.name.endswith(("-wal", "-shm"))]
        for name, data in content.items():
            if data in there:
                continue
            self.assertIn(name, said)
        return there

    def archives(self, home):
        for form, suffix in FORMATS.items():
            path = self.dir / f"t.{suffix}"
            self.hbcore("--home", home, "backup", "--format", form, "-o", path)
            yield path

    def test_two_of_one_archive(self):
        home = self.dir / "home"
        content = self.make_twins(home)
        for kind in FOLDING:
            with self.on(kind) as root:
                for archive in self.archives(home) if root else ():
                    target = root / "target"
                    for _ in range(2):  # a new home, and once more
                        done = self.hbcore("--home", target, "import", "-f", archive, expect=3)
                        there = self.assert_none_lost_in_silence(done, target, content)
                        for names in TWINS:
                            self.assertEqual(sum(content[name] in there for name in names), 1 + (
                                # what does not fold is two (a letter that only some fold)
                                len(list((target / names[0]).parent.glob("[éÉ]"))) == 2), names)
                    shutil.rmtree(target)

    def test_nothing_is_two_where_names_are_kept_apart(self):
        home = self.dir / "home"
        content = self.make_twins(home, (*TWINS, (f"sessions/{NFC}", f"sessions/{NFD}")))
        for kind in ("tmpfs", "xfs", "btrfs", "overlay"):
            with self.on(kind) as root:
                for archive in self.archives(home) if root else ():
                    target = root / "target"
                    for _ in range(2):
                        self.hbcore("--home", target, "import", "-f", archive)
                        for name, data in content.items():
                            self.assertEqual(self.read(target / name), data, name)
                    shutil.rmtree(target)

    def test_what_is_never_touched(self):
        """By whatever name it comes."""
        home = self.dir / "home"
        self.make_twins(home, (("GATEWAY_STATE.JSON", "Gateway.Pid"),))
        for kind in FOLDING:
            with self.on(kind) as root:
                for archive in self.archives(home) if root else ():
                    target = root / "target"
                    hb.write(target / "gateway_state.json", b"live")
                    hb.write(target / "gateway.pid", b"42")
                    done = self.hbcore("--home", target, "import", "-f", archive, expect=3)
                    self.assert_mentions(done, "GATEWAY_STATE.JSON", "Gateway.Pid")
                    self.assertEqual((target / "gateway_state.json").read_bytes(), b"live")
                    self.assertEqual((target / "gateway.pid").read_bytes(), b"42")
                    shutil.rmtree(target)

    def test_a_live_file_by_another_name(self):
        """It is the same file to this file system: it is replaced, and a note says so. A database keeps its readers."""
        home = self.dir / "home"
        content = self.make_twins(home, (("sessions/Note",), ("Dir/file",), ("a/Data.db",)))
        for kind in FOLDING:
            with self.on(kind) as root:
                for archive in self.archives(home) if root else ():
                    target = root / "target"
                    hb.write(target / "sessions/note", b"old")
                    hb.write(target / "dir/FILE", b"old")
                    self.make_database(target / "a/data.db", rows=1, wal=True)
                    done = self.hbcore("--home", target, "import", "-f", archive)
                    self.assert_mentions(done, "sessions/Note", "sessions/note", "Dir/file", "a/Data.db")
                    for name, data in content.items():
                        self.assertEqual(self.read(target / name), data, name)
                    self.assertEqual(len(list((target / "sessions").iterdir())), 1)
                    shutil.rmtree(target)

    def test_a_live_file_and_both_in_the_archive(self):
        home = self.dir / "home"
        content = self.make_twins(home, (("sessions/Note", "sessions/NOTE"), ("x/one", "x/ONE")))
        for kind in FOLDING:
            with self.on(kind) as root:
                for archive in self.archives(home) if root else ():
                    target = root / "target"
                    hb.write(target / "sessions/note", b"old")
                    hb.write(target / "x/one", b"old")
                    done = self.hbcore("--home", target, "import", "-f", archive, expect=3)
                    there = self.assert_none_lost_in_silence(done, target, content)
                    self.assertEqual(sum(data in there for data in content.values()), 2)
                    self.assertEqual((target / "x/one").read_bytes(), content["x/one"])
                    shutil.rmtree(target)


class PartsOfFileSystems(FileSystems):
    def test_a_subvolume_is_no_mount(self):
        home = self.make_home_at(self.dir / "home")
        hb.write(home / "sub/new/deep/file", b"n")
        self.make_database(home / "sub/in.db", rows=7)
        expected = self.what_is_in(home)
        for user in (0, 1234):
            for form, suffix in FORMATS.items():
                with self.subTest(user=user, form=form), self.on("btrfs") as root:
                    if root is None:
                        continue
                    self.need("btrfs")
                    archive = self.dir / f"s.{suffix}"
                    self.hbcore("--home", home, "backup", "--format", form, "-o", archive)
                    archive.chmod(0o644)
                    target = root / "target"
                    target.mkdir()
                    for name in ("sub", "sessions", "state-snapshots"):
                        subprocess.run(["btrfs", "-q", "subvolume", "create", target / name], check=True,
                                       capture_output=True)
                    hb.write(target / "sub/deep/er/file.txt", b"old")
                    subprocess.run(["chown", "-R", f"{user}:{user}", target, self.user], check=True)
                    for keywords in ({"user": user, "group": user, "extra_groups": []}, {}):
                        self.hbcore("--home", target, "import", "-f", archive, **keywords)
                        self.assertEqual(self.what_is_in(target), expected)
                        self.assertEqual(self.left_behind(target), [])
                    self.hbcore("--home", target, "snapshot", "create")
                    hb.write(target / "config.yaml", b"changed")
                    self.hbcore("--home", target, "snapshot", "restore", "1")
                    self.assertEqual(self.what_is_in(target), expected)

    def test_lost_and_found(self):
        with self.on("ext4") as root:
            if root is None:
                return
            self.assertTrue((root / "lost+found").is_dir())
            self.make_home_at(root)
            hb.write(root / "sub/lost+found/mine", b"m")
            for form, suffix in FORMATS.items():
                for user in (0, 1234):
                    subprocess.run(["chown", "-R", f"{user}:{user}", root], check=True)
                    os.chown(root / "lost+found", 0, 0)
                    archive = self.dir / f"{user}.{suffix}"
                    self.hbcore("--home", root, "backup", "--format", form, "-o", archive)
                    listed = self.hbcore("list", archive).stdout.decode()
                    self.assertNotIn("\nlost+found", listed)
                    self.assertNotIn(" lost+found", listed)
                    self.assertIn("sub/lost+found/mine", listed)


class RootWithoutRights(FileSystems):
    """root in a container that has lost what lets it give files away."""

    def run_without(self, what, *arguments, expect=0):
        line = ["setpriv", f"--bounding-set={what}", f"--inh-caps={what}", "--", *self.command(*arguments)]
        done = subprocess.run(line, env=self.environment(), capture_output=True, check=False, stdin=subprocess.DEVNULL)
        self.assert_clean(done)
        self.assertEqual(done.returncode, expect, self.describe(done))
        return done

    def test_snapshots_and_imports(self):
        self.need("setpriv")
        source = self.make_home_at(self.dir / "source")
        expected = self.what_is_in(source)
        for form, suffix in FORMATS.items():
            archive = self.dir / f"c.{suffix}"
            self.hbcore("--home", source, "backup", "--format", form, "-o", archive)
            for what, owner, group in (("-chown", 0, 0), ("-chown", 0, 1234), ("-chown", 1234, 1234),
                                       ("-chown", 1234, 50), ("-all", 0, 0), ("-all", 0, 1234)):
                with self.subTest(form=form, without=what, owner=owner, group=group):
                    home = self.make_home_at(self.dir / "home")
                    (home / "sessions/one").chmod(0o640)
                    subprocess.run(["chown", "-R", f"{owner}:{group}", home], check=True)
                    self.notes(self.run_without(what, "--home", home, "snapshot", "create"))
                    self.run_without(what, "--home", home, "import", "-f", archive)
                    self.assertEqual(self.what_is_in(home), expected)
                    self.run_without(what, "--home", home, "snapshot", "restore", "1")
                    self.assertEqual(self.left_behind(home), [])
                    status = (home / "sessions/one").stat()
                    if status.st_gid != group:
                        self.assertEqual(stat.S_IMODE(status.st_mode) & 0o077, 0)
                    shutil.rmtree(home)


if __name__ == "__main__":
    unittest.main(verbosity=2)
