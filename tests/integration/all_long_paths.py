# SPDX-License-Identifier: Apache-2.0
"""What a backup writes an import takes: paths to 64 KiB, 10,000 directories; what lies beyond is told by the backup."""
import os
import resource
import subprocess
import unittest

import hb

FORMATS = {"zip": "zip", "tar-zstd": "tar.zst"}


def lift_limits():
    for what in (resource.RLIMIT_NOFILE, resource.RLIMIT_STACK):
        resource.setrlimit(what, (resource.getrlimit(what)[1],) * 2)


def few_descriptors():
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))


class LongPaths(hb.Case):
    def make_deep(self, name, depth, directory):
        """A home with one file below so many directories, which no path leads to at once."""
        home = self.dir / name
        hb.write(home / "config.yaml", b"a: 1\n")
        at = os.open(home, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(directory, dir_fd=at)
            inner = os.open(directory, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = inner
        leaf = os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=at)
        os.write(leaf, b"deep")
        os.close(leaf)
        os.close(at)
        self.addCleanup(self.remove_deep, home)
        return home

    @staticmethod
    def remove_deep(home):
        if home.exists():
            subprocess.run(["find", home, "-depth", "-delete"], check=True)

    def walk_down(self, home, directory):
        """How deep it goes, and what is in the file at the end."""
        at, depth = os.open(home, os.O_RDONLY), 0
        while directory in os.listdir(at):
            inner = os.open(directory, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at, depth = inner, depth + 1
        content = None
        if "leaf" in os.listdir(at):
            leaf = os.open("leaf", os.O_RDONLY, dir_fd=at)
            content = os.read(leaf, 100)
            os.close(leaf)
        os.close(at)
        return depth, content

    def test_there_and_back(self):
        """60 * 80: more than the kernel takes at once. 256 * 250: as long as may be."""
        for depth, directory in ((60, "d" * 79), (256, "d" * 250), (400, "d")):
            home = self.make_deep(f"deep-{depth}", depth, directory)
            for form, suffix in FORMATS.items():
                with self.subTest(depth=depth, form=form):
                    archive, target = self.dir / f"{depth}.{suffix}", self.dir / "target"
                    self.hbcore("--home", home, "backup", "--format", form, "-o", archive)
                    self.hbcore("verify", archive)
                    self.hbcore("cat", archive, "config.yaml")
                    self.hbcore("cat", archive, "/".join([directory] * depth + ["leaf"]))
                    for _ in range(2):
                        self.hbcore("--home", target, "import", "-f", archive, preexec_fn=few_descriptors)
                        self.assertEqual(self.walk_down(target, directory), (depth, b"deep"))
                    self.remove_deep(target)

    def test_longer_than_an_archive_can_hold(self):
        home = self.make_deep("long", 265, "d" * 250)
        for form, suffix in FORMATS.items():
            with self.subTest(form=form):
                archive = self.dir / f"long.{suffix}"
                done = self.hbcore("--home", home, "backup", "--format", form, "-o", archive, expect=3)
                self.assert_mentions(done, "no archive can hold")
                self.hbcore("verify", archive, expect=3)  # sound, but it says of itself that it is not complete
                self.hbcore("cat", archive, "config.yaml")

    def test_deeper_than_an_import_goes(self):
        home = self.make_deep("deep", 10_001, "d")
        archive = self.dir / "deep.tar.zst"
        done = self.hbcore("--home", home, "backup", "-o", archive, expect=3, preexec_fn=lift_limits)
        self.assert_mentions(done, "import.max-depth")
        self.assertEqual(done.stderr.count(b"import.max-depth"), 1)
        self.remove_deep(home)


if __name__ == "__main__":
    unittest.main(verbosity=2)
