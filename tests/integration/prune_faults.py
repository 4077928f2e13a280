# SPDX-License-Identifier: Apache-2.0
"""Pruning, and each call of it fails in turn, or a signal comes: the newest complete archive or snapshot is there.

What cannot be read at that moment may be complete, so it stays. From the call that gives the new archive its name to
the end of the run each system call fails, once or from then on, or the process is interrupted or killed before it.
"""
import collections
import json
import os
import pathlib
import shutil
import unittest
import zipfile

import fault
import hb

fault.need()

# All that hb-fault knows, reads included.
EVERYTHING = ("create,write,sync,rename,link,truncate,allocate,remove,read,open,openat,openat2,fchmod,fchmodat,fchown,"
              "fchownat,utimensat,newfstatat,statx,faccessat2,fstat,getdents64,flock,lseek,readlink,readlinkat,close")
ERRORS = ("EIO", "EMFILE", "EACCES", "EINTR")
LASTING = ("EIO+", "EMFILE+", "EACCES+")
SIGNALS = ("INT", "TERM")
KILL = "KILL"
ACTIONS = (*ERRORS, *LASTING, *SIGNALS, KILL)
POINTS = 20  # of a scenario, without --full
TELLING = ("openat", "openat2", "read", "pread64", "newfstatat", "statx", "faccessat2", "getdents64", "lseek", "close")


class Point(collections.namedtuple("Point", "number call action")):
    def options(self):
        if self.action == KILL:
            return {"at": self.number, "kill": True}
        if self.action in SIGNALS:
            return {"at": self.number, "run": f"kill -{self.action} $HB_FAULT_THREAD"}
        if self.action.endswith("+"):
            return {"at": f"{self.number}+", "error": self.action[:-1]}
        return {"at": self.number, "error": self.action}


class Prune(fault.FaultCase):
    """One home; prepare() puts things as they were, arguments() prune, judge() looks at what is left."""

    def setUp(self):
        super().setUp()
        self.left_behind_is_fine = True  # by those that are killed
        self.home = self.dir / "home"
        for name in ("config.yaml", ".env", "cron/jobs.json"):
            hb.write(self.home / name, name.encode() * 20)
        self.make_database(self.home / "state.db", rows=5)

    def environment(self, **changes):
        environment = super().environment(**changes)
        environment["ASAN_OPTIONS"] += ":detect_leaks=0"  # the leak checker opens and reads files, which fail, too
        return environment

    def make_incomplete(self):
        """A database that is none: what is made from now on is not complete."""
        hb.write(self.home / "memory_store.db", b"SQLite format 3\0" + bytes(8176))

    def published(self, calls):
        """The place of the call that gave the new one its name."""
        raise NotImplementedError

    def points(self):
        self.prepare()
        calls = self.faulted(*self.arguments(), calls=EVERYTHING, list_calls=True, expect=None).calls
        self.judge("as it is")
        start = self.published(calls) + 1
        self.assertGreater(len(calls) - start, 5, calls)
        numbered = list(enumerate(calls[start:], start + 1))
        if hb.FULL:
            return [Point(number, call, action) for number, call in numbered for action in ACTIONS]
        # What reads is what decides: once each at most, with one thing after the other that can happen to it.
        telling = [row for row in numbered if row[1][0] in TELLING and str(self.dir) in row[1][1]]
        return [Point(number, call, ACTIONS[place % len(ACTIONS)])
                for place, (number, call) in enumerate(fault.some(telling, POINTS) + fault.some(numbered, POINTS // 4))]

    def sweep(self):
        lost, points = [], self.points()
        for point in points:
            self.prepare()
            done = self.faulted(*self.arguments(), calls=EVERYTHING, expect=None, **point.options())
            try:
                self.judge(point)
            except AssertionError as error:
                lost.append(f"{point.action} at {' '.join(done.hit or point.call)}: exit {done.returncode}: {error}")
        if lost:
            self.fail(f"lost at {len(lost)} of {len(points)} points:\n" + "\n".join(lost[:40]))


class Archives(Prune):
    """Which archive is the newest complete one is known by its bytes, or by its content where it is the new one."""

    def setUp(self):
        super().setUp()
        self.backups = self.home / "backups"
        self.kept = self.dir / "kept"
        self.kept.mkdir()

    preset = "pre-update"

    def arguments(self):
        return ("--home", self.home, "--set", "backup.workers=1", "backup", "--preset", self.preset, "--keep", "1")

    def prefix(self):
        return f"{self.preset}-"

    def make_of(self, stamp, home=None):
        self.hbcore("--home", home or self.home, "backup", "--preset", self.preset, "--keep", "9", expect=None)
        made = max(hb.archives(self.backups), key=lambda path: path.stat().st_mtime_ns)
        return made.rename(self.backups / f"{self.prefix()}{stamp}-000000.zip")

    def keep(self, best):
        """What is there now is what each run begins with, and `best` is what must be left."""
        self.best, self.content = best, best.read_bytes()
        self.tool("cp", "-a", self.backups, self.kept)

    def prepare(self):
        shutil.rmtree(self.backups)
        self.tool("cp", "-a", self.kept / self.backups.name, self.backups.parent)

    def published(self, calls):
        directory = f"{self.backups}/"
        return max(place for place, (call, first, second) in enumerate(calls)
                   if call.startswith(("rename", "link")) and second.startswith(directory)
                   and pathlib.Path(second).parent == self.backups)

    def is_whole(self, path):
        """By another reader: all files of the home, as they are."""
        try:
            with zipfile.ZipFile(path) as opened:
                names = set(opened.namelist())
                return opened.testzip() is None and {"config.yaml", ".env", "cron/jobs.json", "state.db"} <= names
        except (OSError, zipfile.BadZipFile):
            return False

    def is_complete(self, path):
        done = self.hbcore("--json", "list", path, expect=None)
        return done.returncode == 0 and self.summary(done)["status"] == "complete"

    def judge(self, about):
        if self.best.exists():
            self.assertEqual(self.best.read_bytes(), self.content, about)
            return
        newer = [path for path in self.backups.glob(f"{self.prefix()}2[0-9]*.zip")
                 if path.name > self.best.name and self.is_whole(path) and self.is_complete(path)]
        self.assertTrue(newer, f"no complete archive is left: {os.listdir(self.backups)}")

    def test_the_new_one_is_incomplete(self):
        self.make_of("2024-01-01")
        best = self.make_of("2024-01-02")
        self.make_incomplete()
        self.keep(best)
        self.sweep()

    def test_incomplete_ones_in_between(self):
        best = self.make_of("2024-01-01")
        self.make_incomplete()
        self.make_of("2024-01-02")
        self.make_of("2024-01-03")
        self.keep(best)
        self.sweep()

    def test_a_damaged_one_in_between(self):
        best = self.make_of("2024-01-01")
        damaged = self.make_of("2024-01-02")
        damaged.write_bytes(damaged.read_bytes()[:-40])
        self.make_incomplete()
        self.keep(best)
        self.sweep()

    def test_the_new_one_is_complete(self):
        self.make_of("2024-01-01")
        self.keep(self.make_of("2024-01-02"))
        self.sweep()


class TwoHomes(Archives):
    """With one configuration they put their archives into one directory, and each has its own newest."""

    preset = "nightly"

    def setUp(self):
        super().setUp()
        self.backups = self.user / "hermes-backups"
        self.other = self.dir / "other"
        hb.write(self.other / "config.yaml", b"of the other home")

    def keep(self, best):
        theirs = self.backups / f"{self.prefix()}2023-12-31-000000.zip"
        self.theirs = theirs, theirs.read_bytes()
        super().keep(best)

    def judge(self, about):
        path, content = self.theirs
        self.assertTrue(path.exists(), f"that of the other home is gone: {os.listdir(self.backups)}")
        self.assertEqual(path.read_bytes(), content, about)
        super().judge(about)

    def make_of(self, stamp, home=None):
        if not self.backups.exists():
            super().make_of("2023-12-31", self.other)
        return super().make_of(stamp, home)

    test_a_damaged_one_in_between = test_incomplete_ones_in_between = None  # like those of one home


class Snapshots(Prune):
    def setUp(self):
        super().setUp()
        self.snapshots = self.home / "state-snapshots"
        self.kept = self.dir / "kept"
        self.kept.mkdir()

    def arguments(self):
        return ("--home", self.home, "snapshot", "create", "--keep", "1")

    def make_of(self, stamp):
        before = set(os.listdir(self.snapshots)) if self.snapshots.exists() else set()
        self.hbcore("--home", self.home, "snapshot", "create", "--keep", "9", expect=None)
        made, = set(os.listdir(self.snapshots)) - before
        return (self.snapshots / made).rename(self.snapshots / f"{stamp}-000000")

    def keep(self, best):
        self.best, self.content = best, hb.tree(best)
        self.tool("cp", "-a", self.snapshots, self.kept)

    def prepare(self):
        shutil.rmtree(self.snapshots)
        self.tool("cp", "-a", self.kept / "state-snapshots", self.home)

    def published(self, calls):
        return max(place for place, (call, first, second) in enumerate(calls)
                   if call.startswith("rename") and pathlib.Path(second).parent == self.snapshots)

    def is_complete(self, path):
        try:
            files = json.loads((path / "manifest.json").read_bytes())["files"]
        except FileNotFoundError:
            return False
        self.assertLessEqual({"config.yaml", ".env", "cron/jobs.json", "state.db"}, set(files))
        return not (path / "hbcore-marks.json").exists() and all(
            (path / name).stat().st_size == size for name, size in files.items())

    def judge(self, about):
        if self.best.exists():
            self.assertEqual(hb.differences(self.content, hb.tree(self.best)), [], about)
            return
        newer = [path for path in self.snapshots.glob("2*")
                 if path.name > self.best.name and self.is_complete(path)]
        self.assertTrue(newer, f"no complete snapshot is left: {os.listdir(self.snapshots)}")

    def test_the_new_one_is_incomplete(self):
        self.make_of("20240101")
        best = self.make_of("20240102")
        self.make_incomplete()
        self.keep(best)
        self.sweep()

    def test_incomplete_ones_in_between(self):
        best = self.make_of("20240101")
        self.make_incomplete()
        self.make_of("20240102")
        self.make_of("20240103")
        self.keep(best)
        self.sweep()

    def test_the_new_one_is_complete(self):
        self.make_of("20240101")
        self.keep(self.make_of("20240102"))
        self.sweep()


class SnapshotPrune(Snapshots):
    """Without a new one: all of the run counts."""

    def arguments(self):
        return ("--home", self.home, "snapshot", "prune", "--keep", "1")

    def published(self, calls):
        return max(place for place, (call, first, _) in enumerate(calls) if first.endswith("hermes.ini"))

    def test_the_new_one_is_incomplete(self):
        """The newest that is there is the incomplete one."""
        best = self.make_of("20240102")
        self.make_incomplete()
        self.make_of("20240103")
        self.keep(best)
        self.sweep()


if __name__ == "__main__":
    unittest.main()
