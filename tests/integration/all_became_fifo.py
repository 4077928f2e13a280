# SPDX-License-Identifier: Apache-2.0
"""What was a file when its directory was listed, and is a FIFO when it is opened: nobody waits for it.

An archive that the user names may be a FIFO from the beginning; that one is read.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import threading
import time
import unittest

import fault
import hb

fault.need()

FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}
OPENS = "open,openat,openat2"
USER = 12345
HANGS = 124  # the exit code of hb-fault


class BecameFifo(fault.FaultCase):
    owner = None
    points = 4

    def setUp(self):
        super().setUp()
        self.home, self.directory = self.dir / "home", self.dir / "home/backups"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        hb.write(self.home / "large.bin", random.Random(1).randbytes(9_000_000), mtime_ns=10**18)

    def give(self):
        """The home and all in it are the other user's."""
        if self.owner is not None:
            subprocess.run(["chown", "-R", f"{self.owner}:{self.owner}", self.home], check=True)
            self.dir.chmod(0o755)

    def words(self, kind, *words):
        return ("--home", self.home, "--json", "--set", "preset:pre-update.keep=1", "--set", "preset:pre-update.format=" + kind,
                "--set", f"preset:pre-update.directory={self.directory}", *words, "--preset", "pre-update")

    def swap(self, path):
        return f"rm -f '{path}'; mkfifo '{path}'"

    def made(self, kind):
        """Two archives; the older one would go now."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.give()
        return [pathlib.Path(self.summary(self.hbcore(*self.words(kind, "backup"), "--keep", "5"))["archive"])
                for _ in range(2)]

    def sweep(self, kind, *words):
        """Before each of the times that one of them is opened."""
        names = set()
        for which in (0, 1):
            paths = self.made(kind)
            count = self.faulted(*self.words(kind, *words), calls=OPENS, path=paths[which], expect=None).count
            self.assertGreater(count, 0)
            for at in fault.some(range(1, count + 1), self.points):
                paths = self.made(kind)
                done = self.faulted(*self.words(kind, *words), calls=OPENS, path=paths[which], at=at,
                                    run=self.swap(paths[which]), seconds=20, expect=None)
                about = (kind, words, which, at, self.describe(done))
                self.assertNotEqual(done.returncode, HANGS, about)
                self.assertIn(done.returncode, (0, 3), about)
                self.assertEqual(done.hits, 1, about)
                self.assertTrue(paths[which].is_fifo(), about)
                if words[0] == "prune":  # the other one is the only one that was read as complete
                    self.assertTrue(paths[1 - which].exists(), about)
                untold = json.loads(done.stdout.splitlines()[-1])["untold_archives"]
                names |= {pathlib.Path(row["path"]).name for row in untold}
        self.assertGreater(len(names), 0)

    def test_prune_zip(self):
        self.sweep("zip", "prune")

    def test_prune_tar_zstd(self):
        self.sweep("tar-zstd", "prune")

    def test_preset_backup_zip(self):
        self.sweep("zip", "backup")

    def test_preset_backup_tar_zstd(self):
        self.sweep("tar-zstd", "backup")


@unittest.skipIf(os.geteuid() != 0, "only root can work in the homes of others")
class BecameFifoAsRoot(BecameFifo):
    """The archives lie in another user's home, and he swaps them."""
    owner = USER
    points = 2


@unittest.skipIf(os.geteuid() != 0, "only root can work in the homes of others")
class BecameFifoInHisDirectory(BecameFifo):
    """The home is root's, the directory of its archives another user's."""
    points = 2

    def give(self):
        self.directory.mkdir(exist_ok=True)
        os.chown(self.directory, USER, USER)
        for path in self.directory.iterdir():
            os.chown(path, USER, USER)
        self.dir.chmod(0o755)


class Staged(fault.FaultCase):
    """The stage of another user's home is his, and so is what root stages in it."""

    def setUp(self):
        super().setUp()
        self.home, self.archive = self.dir / "home", self.dir / "a.zip"
        self.make_database(self.home / "state.db", rows=20)
        hb.write(self.home / "config.yaml", b"a: 1\n")
        self.hbcore("--home", self.home, "backup", "-o", self.archive)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{USER}:{USER}", self.home], check=True)
            self.dir.chmod(0o755)

    def sweep(self, *words, path):
        line = ("--home", self.home, "--set", "backup.workers=1", *words)
        listed = self.faulted(*line, calls=OPENS, path=path, list_calls=True, expect=None).calls
        self.assertGreater(len(listed), 0)
        for at in fault.some(range(1, len(listed) + 1), 12):
            # The name of the stage is another each time.
            swap = (f"for s in '{self.home}'/.hbcore-stage-*/; do for f in $(find $s -type f ! -name '.hbcore*'); do "
                    "rm -f $f; mkfifo -m 666 $f; done; done")
            done = self.faulted(*line, calls=OPENS, path=path, at=at, run=swap, seconds=20, expect=None)
            self.assertNotEqual(done.returncode, HANGS, (at, listed[at - 1], self.describe(done)))
            self.left_behind_is_fine = True
            for stage in self.home.glob(".hbcore-stage-*"):
                shutil.rmtree(stage)

    def test_import(self):
        self.sweep("import", "--force", self.archive, path=f"{self.home}/.hbcore-stage-*/*")

    def test_snapshot(self):
        self.sweep("snapshot", "create", path=f"{self.home}*/.hbcore-stage-*/*")


class Destination(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home, self.output = self.dir / "home", self.dir / "out.zip"
        hb.write(self.home / "config.yaml", b"a: 1\n")

    def test_an_output_that_becomes_one(self):
        """It was to be replaced as a file; the archive goes neither into the pipe nor to standard output."""
        line = ("--home", self.home, "backup", "-o", self.output)
        self.hbcore(*line)
        looks = "newfstatat,openat,openat2,rename"
        count = self.faulted(*line, calls=looks, path=self.output).count
        self.assertGreater(count, 1)
        for at in range(2, count + 1):  # before that, it is a pipe from the beginning
            self.output.unlink()
            self.hbcore(*line)
            done = self.faulted(*line, calls=looks, path=self.output, at=at, run=f"rm -f {self.output}; mkfifo {self.output}",
                                seconds=20, expect=None)
            self.assertNotIn(b"PK", done.stdout, at)
            self.assertIn(done.returncode, (0, 1), (at, self.describe(done)))
            if done.returncode == 0:  # it has replaced what was there at the end
                self.hbcore("verify", self.output)

    def test_a_name_that_is_taken_by_one(self):
        """The program makes that name up: it takes another."""
        directory = self.home / "backups"
        directory.mkdir()
        now = time.time()
        for second in range(30):
            os.mkfifo(directory / time.strftime("pre-update-%Y-%m-%d-%H%M%S.zip", time.gmtime(now + second)))
        made = self.supervise(self.command("--home", self.home, "--json", "backup", "--preset", "pre-update"), calls=OPENS,
                              seconds=20, expect=0)
        archive = pathlib.Path(json.loads(made.stdout.splitlines()[-1])["archive"])
        self.assertTrue(archive.is_file())
        self.hbcore("verify", archive)


class Named(hb.Case):
    """By the user, on the command line."""

    def test_import_reads_it(self):
        home = self.dir / "home"
        hb.write(home / "config.yaml", b"a: 1\n")
        for kind, suffix in FORMATS.items():
            archive, pipe = self.dir / f"a{suffix}", self.dir / f"pipe{suffix}"
            self.hbcore("--home", home, "backup", "--format", kind, "-o", archive)
            for words, expect in ((("--home", self.dir / f"by-{kind}", "import", pipe), 0), (("list", pipe), 1),
                                  (("verify", pipe), 1)):
                os.mkfifo(pipe)
                writer = threading.Thread(target=self.feed, args=(pipe, archive.read_bytes()))
                writer.start()
                done = self.hbcore(*words, expect=expect)
                writer.join()
                pipe.unlink()
                if expect != 0:
                    self.assert_mentions(done, "only import reads from a pipe")
            self.assertEqual((self.dir / f"by-{kind}/config.yaml").read_bytes(), b"a: 1\n")

    @staticmethod
    def feed(pipe, data):
        try:
            with open(pipe, "wb") as stream:
                stream.write(data)
        except BrokenPipeError:
            pass


if __name__ == "__main__":
    unittest.main()
