# SPDX-License-Identifier: Apache-2.0
"""After any run, good or bad, there is what was asked for and nothing else, anywhere."""
import os
import resource
import shutil
import unittest

import hb


class LeavesNothing(hb.Case):
    def setUp(self):
        super().setUp()
        self.temporary = self.dir / "system-temporary"
        self.temporary.mkdir()
        self.home = self.make_home()
        self.make_database(self.home / "state.db", wal=True)
        self.settle(self.home)

    def run_here(self, *arguments, expect=0, made=(), **keywords):
        """Names below the case's directory are the same afterwards, but for `made`."""
        environment = {"TMPDIR": str(self.temporary), "TEMP": str(self.temporary)}
        before = set(hb.tree(self.dir, times=False))
        done = self.hbcore(*arguments, expect=expect, env=environment, **keywords)
        after = set(hb.tree(self.dir, times=False))
        self.assertEqual({name.decode() for name in after - before}, set(made),
                         self.describe(done))
        self.assertEqual(before - after, set(), self.describe(done))
        self.assertEqual(os.listdir(self.temporary), [])

    RECEIPTS = "user/state/hbcore/checks"  # of verify: archives_verified.py
    SIDE_FILES = ("home/state.db-wal", "home/state.db-shm")

    def side_files(self):
        return [name for name in self.SIDE_FILES if not (self.dir / name).exists()]

    def test_good_runs(self):
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            with self.subTest(format=fmt):
                archive = self.dir / ("a" + suffix)
                home = ("--home", self.home)
                self.run_here(*home, "backup", "--format", fmt, "-o", archive,
                              made=[archive.name])
                self.run_here(*home, "backup", "--format", fmt, "-o", archive)
                self.run_here(*home, "backup", "--format", fmt, "-o", "-")
                # Restored through SQLite and, as its database is somebody's, without a checkpoint.
                self.run_here(*home, "import", archive, "--force", made=self.side_files())
                self.run_here(*home, "import", archive, "--dry-run")
                self.run_here(*home, "import", "-", "--force", input=archive.read_bytes())
                self.assertTrue(all((self.dir / name).exists() for name in self.SIDE_FILES))
                self.run_here("list", archive)
                self.run_here("cat", archive, "noise.bin")
                self.run_here("verify", archive, made=[self.RECEIPTS] if fmt == "zip" else ())
                self.run_here("verify", archive, "--restore")

    def test_bad_runs(self):
        archive = self.backup(self.home)
        damaged = self.dir / "damaged.zip"
        data = bytearray(archive.read_bytes())
        data[len(data) // 3] ^= 1
        damaged.write_bytes(data)
        home = ("--home", self.home)
        self.run_here(*home, "import", damaged, "--force", expect=1)
        self.run_here(*home, "import", archive, input=b"n\n", expect=4)
        self.run_here("verify", damaged, expect=1, made=[self.RECEIPTS])
        self.run_here("verify", damaged, "--restore", expect=1)
        self.run_here("cat", archive, "no such member", expect=1)
        self.run_here(*home, "backup", "-o", self.home / "config.yaml" / "x.zip", expect=1)
        self.run_here(*home, "--set", "backup.formt=x", "backup", "-o", self.dir / "n.zip",
                      expect=2)
        with hb.HeldLock(self.home):
            self.run_here(*home, "backup", "-o", self.dir / "n.zip", expect=5)

    def test_refused_import_makes_no_home(self):
        damaged = self.dir / "damaged.zip"
        damaged.write_bytes(self.backup(self.home).read_bytes()[:-100])
        self.run_here("--home", self.dir / "new" / "home", "import", damaged, expect=1)

    def test_few_descriptors(self):
        """However few there may be: what was begun is taken away again."""
        archives = [self.backup(self.home, f"few{suffix}", "--format", fmt)
                    for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst"))]
        for most in range(4, 16):
            def few(most=most):
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            # The leak checker opens files itself, when all is done.
            self.sanitizer = hb.SANITIZER_OPTIONS["ASAN_OPTIONS"] + (":detect_leaks=0" if most < 8 else "")
            for archive in archives:
                with self.subTest(most=most, archive=archive.name):
                    self.run_few(few, "verify", archive)
                    self.run_few(few, "--home", self.dir / "target", "import", archive)
                    self.run_few(few, "--home", self.home, "--set", "backup.workers=8",
                             "backup", "--format", "zip", "-o", self.dir / "new.zip")

    def run_few(self, few, *arguments):
        done = self.hbcore(*arguments, preexec_fn=few, expect=None, env={"ASAN_OPTIONS": self.sanitizer})
        self.assertIn(done.returncode, (0, 1, 2, 3), self.describe(done))
        self.assert_nothing_left()
        if done.returncode in (1, 2):
            self.assertFalse((self.dir / "target").exists(), self.describe(done))
            self.assertFalse((self.dir / "new.zip").exists(), self.describe(done))
        shutil.rmtree(self.dir / "target", ignore_errors=True)
        (self.dir / "new.zip").unlink(missing_ok=True)

    @staticmethod
    def without(*descriptors):
        def close():
            for descriptor in descriptors:
                os.close(descriptor)
        return close

    def test_closed_standard_descriptors(self):
        """No file of the run gets a number to which messages are written."""
        home = ("--home", self.home, "--progress", "always", "-v")
        whole = hb.timeless(self.backup(self.home).read_bytes())
        new = self.dir / "new.zip"
        for closed in ((0,), (1,), (2,), (0, 1), (0, 1, 2)):
            with self.subTest(closed=closed):
                # The archive is there: what cannot be printed of it is a warning.
                self.hbcore(*home, "backup", "-o", new, expect=0,
                            preexec_fn=self.without(*closed))
                self.assertEqual(hb.timeless(new.read_bytes()), whole)
                new.unlink()
                target = self.dir / "target"
                done = self.hbcore("--home", target, "--progress", "always", "import", "--force",
                                   self.dir / "a.zip", expect=0,
                                   preexec_fn=self.without(*closed))
                self.assertEqual((target / "noise.bin").read_bytes(),
                                 (self.home / "noise.bin").read_bytes(), self.describe(done))
                shutil.rmtree(target)
        done = self.hbcore("--home", self.dir / "target", "import", "-", expect=1,
                           preexec_fn=self.without(0))
        self.assert_mentions(done, "standard input", "Bad file descriptor")
        self.assertFalse((self.dir / "target").exists())

    def test_full_disk(self):
        """A limit on file sizes stands for the disk: the archive cannot be completed."""
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

        hb.write(self.home / "more.bin", os.urandom(500_000))
        old = self.dir / "old.zip"
        old.write_bytes(b"the old one")
        self.run_here("--home", self.home, "backup", "-o", self.dir / "new.zip", expect=1,
                      preexec_fn=limit, restore_signals=False)
        self.run_here("--home", self.home, "backup", "-o", old, expect=1, preexec_fn=limit, restore_signals=False)
        self.assertEqual(old.read_bytes(), b"the old one")


if __name__ == "__main__":
    unittest.main()
