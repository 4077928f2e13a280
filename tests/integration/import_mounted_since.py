# SPDX-License-Identifier: Apache-2.0
"""Between the kill of an import and the run that completes it, file systems are mounted below the home, or are not any
more: nothing is made, changed or kept beside on another one than the import was for, by no kind of row; what waits is
named; and when all is mounted as it was, the import is completed as if nothing had happened."""
import ctypes
import itertools
import os
import shutil
import subprocess
import unittest

import fault
import hb

fault.need()

STAGE = ".hbcore-stage-"
STAGED = f"*/{STAGE}*/*"
OVER = "a file system is mounted there"
TREES = {"nothing": ("rename", 2, STAGED), "a tree": ("rename", 3, STAGED), "all trees": ("rename", 1, f"*/{STAGE}*/m*")}
ONE_BY_ONE = {"nothing": ("mkdirat", 1, "*/home/[df]*"), "some": ("mkdirat", 3, "*/home/[df]*"),
              "all directories": ("rename", 2, f"*/{STAGE}*/m*"), "modes": ("fchmod", 5, "*/home/[df]*")}


class MountedSince(fault.FaultCase):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can mount")
        self.left_behind_is_fine = True  # until the next run; each test looks itself
        self.home, self.new, self.seed = self.dir / "home", self.dir / "new", self.dir / "seed"
        hb.write(self.seed / "config.yaml", b"old")
        hb.write(self.seed / "data/f", b"old f")
        (self.seed / "data/there").mkdir()
        for name in ("config.yaml", "data/f", "data/added", "data/there/g", "fresh/tree/h", "fresh/tree/inner/i"):
            hb.write(self.new / name, b"new " + name.encode())
        for name, mode in (("data/made", 0o750), ("data/there/sub", 0o711), ("data/none/at/all", 0o755),
                           ("fresh/tree/inner/void", 0o755)):
            (self.new / name).mkdir(parents=True)
            (self.new / name).chmod(mode)
        self.make_database(self.new / "data/a.db", rows=40)
        self.make_database(self.new / "data/base/b.db", rows=3)  # its directory is not finished when its tree is there
        self.make_database(self.seed / "data/a.db", rows=5)
        self.archive = self.dir / "in.zip"
        self.hbcore("--home", self.new, "backup", "-o", self.archive)
        self.whole = self.dir / "whole"
        self.tool("cp", "-a", self.seed, self.whole)
        self.hbcore("--home", self.whole, "import", "--force", self.archive)

    def mount(self, *line):
        done = subprocess.run(["mount", *map(str, line)], capture_output=True, check=False)
        if done.returncode != 0:
            self.skip(f"cannot mount here: {done.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", line[-1]], check=False, capture_output=True)

    def fresh(self):
        for path in self.home.glob("*"):
            if not os.path.ismount(path):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in self.home.glob(".hbcore*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.tool("cp", "-a", f"{self.seed}/.", self.home)

    def kill(self, calls, at, path):
        done = self.faulted("--home", self.home, "--set", "backup.workers=1", "import", "--force", self.archive,
                            calls=calls, at=at, path=path, kill=True, expect=None)
        self.assertEqual(done.hits, 1, self.describe(done))
        self.assertEqual(len(list(self.home.glob(STAGE + "*/journal"))), 1)

    def complete(self, expect=3):
        return self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip", expect=expect)

    @staticmethod
    def state(home):
        """Of a home; databases by their names alone."""
        return {name: row[:1] if name.endswith(b".db") else row
                for name, row in hb.tree(home, directory_times=False).items() if name != b"volume"}

    def assert_whole(self):
        self.assertEqual(self.state(self.home), self.state(self.whole))
        self.assertEqual(len(self.database_rows(self.home / "data/a.db")), 40)

    def assert_waits(self, root, *words, runs=2, expect=3):
        """What is mounted there stays as it is, times included."""
        before = hb.tree(root)
        for _ in range(runs):
            self.assert_mentions(self.complete(expect), *words)
            self.assertEqual(hb.tree(root), before)

    def assert_goes_on(self, root):
        self.tool("umount", root)
        self.complete(expect=0)
        self.assert_whole()

    def sweep(self, moments):
        for moment, place in fault.some(itertools.product(moments, ("data", "data/there", "data/made")), 7):
            with self.subTest(moment=moment, place=place):
                self.fresh()
                self.kill(*moments[moment])
                root = self.home / place
                there = root.is_dir()
                root.mkdir(mode=0o700, exist_ok=True)  # somebody makes it to mount something there
                self.mount("-t", "tmpfs", "-o", "mode=0755", "none", root)
                if place == "data":
                    hb.write(root / "f", b"theirs")
                    (root / "made").mkdir(mode=0o700)
                os.utime(root, ns=(10**18, 10**18))
                if moment == "all trees" and place == "data/made":  # it was done with
                    self.assert_waits(root, "ompleted the interrupted import", runs=1, expect=0)
                else:
                    self.assert_waits(root, OVER, runs=1)
                self.tool("umount", root)
                if not there:
                    root.rmdir()
                self.complete(expect=0)
                self.assert_whole()

    def test_at_every_moment(self):
        """Over a directory that was there; over one that the import makes; with what the archive has, or without."""
        self.sweep(TREES)

    def test_where_directories_go_one_by_one(self):
        """Another file system lies below the home all the time: there are no trees."""
        (self.home / "volume").mkdir(parents=True)
        self.mount("-t", "tmpfs", "none", self.home / "volume")
        self.sweep(ONE_BY_ONE)

    def test_its_own_is_not_mounted(self):
        """Directories do not go to the bare one below, nor to what is mounted in its place."""
        volume, self.seed = self.dir / "volume", self.dir / "bare"
        hb.write(self.seed / "config.yaml", b"old")
        self.fresh()
        (self.home / "data").mkdir()
        volume.mkdir()
        self.mount("-t", "tmpfs", "none", volume)
        self.mount("--bind", volume, self.home / "data")
        hb.write(volume / "there/old", b"old")
        self.faulted("--home", self.home, "--set", "backup.workers=1", "import", "--force", self.archive,
                     "--include", "data/made", "--include", "data/none",
                     calls="mkdirat", at=2, path="*/home/data/[mn]*", kill=True, expect=None)
        self.tool("umount", self.home / "data")
        self.assert_waits(self.home / "data", "data/made", "is its file system mounted?")
        self.mount("-t", "tmpfs", "none", self.home / "data")
        self.assert_waits(self.home / "data", "data/made", runs=1)
        self.tool("umount", self.home / "data")
        self.mount("--bind", volume, self.home / "data")
        self.complete(expect=0)
        self.assertEqual({name: row[0] for name, row in hb.tree(volume).items() if name != b"."},
                         {b"there": "drwxr-xr-x", b"there/old": "-rw-r--r--", b"made": "drwxr-x---", b"none": "drwxr-xr-x",
                          b"none/at": "drwxr-xr-x", b"none/at/all": "drwxr-xr-x"})

    def test_inside_a_tree(self):
        """Somebody made the directory of a tree, and mounts something deeper: it goes in pieces, that one waits."""
        for place in ("fresh/tree", "fresh/tree/inner"):
            with self.subTest(place=place):
                self.fresh()
                self.kill(*TREES["nothing"])
                (self.home / place).mkdir(parents=True)
                self.mount("-t", "tmpfs", "none", self.home / place)
                self.assert_waits(self.home / place, "fresh/tree/inner", "file system")
                self.tool("umount", self.home / place)
                self.complete(expect=0)
                self.assertEqual((self.home / "fresh/tree/inner/i").read_bytes(), b"new fresh/tree/inner/i")
                self.assertTrue((self.home / "fresh/tree/inner/void").is_dir())
                self.assert_nothing_left(self.home)

    def test_a_file_there_where_a_directory_is_needed(self):
        """Nothing is kept beside it either."""
        self.fresh()
        self.kill(*TREES["all trees"])
        self.mount("-t", "tmpfs", "none", self.home / "data")
        hb.write(self.home / "data/there", b"theirs")
        self.assert_waits(self.home / "data", "data/there/g", OVER)
        self.tool("umount", self.home / "data")
        self.complete(expect=0)
        self.assert_whole()

    def test_a_file_or_database_is_mounted_over(self):
        """As in a container; also by what has the same content."""
        for name, point in (("data/f", TREES["nothing"]), ("data/added", TREES["all trees"]),
                            ("data/a.db", ("create", 1, "*/begun"))):
            with self.subTest(name=name):
                self.fresh()
                self.kill(*point)
                other, there = self.dir / "other", self.home / name
                self.tool("cp", "-a", self.seed / name if (self.seed / name).exists() else self.new / name, other)
                bytes_before = other.read_bytes()
                if not there.exists():
                    there.touch()
                self.mount("--bind", other, there)
                for _ in range(2):
                    self.assert_mentions(self.complete(), name, OVER)
                    self.assertEqual(other.read_bytes(), bytes_before)
                self.tool("umount", there)
                if name == "data/added":
                    there.unlink()
                self.complete(expect=0)
                self.assert_whole()
                other.unlink()

    def downgrade(self):
        """The journal as releases before wrote it: no directory says on which file system it is."""
        library = ctypes.CDLL("libxxhash.so.0")
        library.XXH3_64bits.restype = ctypes.c_uint64
        library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        journal, = self.home.glob(STAGE + "*/journal")
        when, changed = journal.stat().st_mtime_ns, 0
        records = journal.read_bytes().split(b"\0")[:-1]
        for at in range(1, len(records) - 1, 4):
            kind, flags, *numbers = records[at].split()
            if kind == b"d" and int(flags) & 128:
                numbers[0] = b"0"
                records[at] = b" ".join([kind, b"%d" % (int(flags) & ~128), *numbers])
                changed += 1
        self.assertGreater(changed, 2)
        text = b"\0".join(records[:-1]) + b"\0" + b" ".join(records[-1].split()[:2]) + b" "
        journal.write_bytes(text + b"%016x\0" % library.XXH3_64bits(text, len(text)))
        os.utime(journal, ns=(when, when))

    def test_journals_of_releases_before(self):
        """What they do not know is not guessed: nothing is made on a file system that the journal does not name."""
        for calls, at, path in (TREES["nothing"], TREES["all trees"]):
            self.fresh()
            self.kill(calls, at, path)
            self.downgrade()
            self.mount("-t", "tmpfs", "none", self.home / "data")
            self.assert_waits(self.home / "data", "data/there", OVER)
            self.tool("umount", self.home / "data")
            self.complete(expect=0)
            self.assert_whole()


if __name__ == "__main__":
    unittest.main()
