# SPDX-License-Identifier: Apache-2.0
"""Many files, and many in one directory: each command in bounded memory, and in linear time."""
import filecmp
import itertools
import os
import unittest

import hb
import large

FILES, IN_ONE = (330_000, 70_000) if large.FULL else (14_000, 7_000)
large.start(8 if large.FULL else 1)

# The way back is a file of its own for each member, so it is not taken with each number of workers.
IMPORTS = (("import", 2), ("import", 8), ("pipe", 2)) if large.FULL else (("import", 8), ("pipe", 2))


class Breadth(large.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.files = large.many_files(self.home, FILES, IN_ONE)
        self.entries = self.files + sum(len(names) for _, names, _ in os.walk(self.home))

    def compare(self, target):
        """Same names, sizes and times everywhere, the same bytes in every seventh file."""
        ours, theirs = os.walk(self.home), os.walk(target)
        for left, right in itertools.zip_longest(ours, theirs):
            left[1].sort()
            right[1].sort()
            self.assertEqual(left[1], right[1], left[0])
            left[2][:] = [name for name in left[2] if name != hb.HOME_ID]
            self.assertEqual(sorted(left[2]), sorted(right[2]), left[0])
            for number, name in enumerate(left[2]):
                one, other = os.path.join(left[0], name), os.path.join(right[0], name)
                mine, found = os.stat(one), os.stat(other)
                self.assertEqual((mine.st_size, mine.st_mtime_ns, mine.st_mode),
                                 (found.st_size, found.st_mtime_ns, found.st_mode), one)
                if number % 7 == 0:
                    self.assertTrue(filecmp.cmp(one, other, shallow=False), one)

    def read_back(self, archive):
        self.run_measured("list", archive)
        self.run_measured("list", "--long", archive)
        self.run_measured("--json", "list", archive)
        for workers in (1, 2, 8):
            self.run_measured("verify", archive, workers=workers)
        member = f"cache/{IN_ONE - 1:06}-entry.bin"
        with open(self.dir / "member", "w+b") as stream:
            self.run_measured("cat", archive, member, stdout=stream)
            stream.seek(0)
            self.assertEqual(stream.read(), (self.home / member).read_bytes())

    def restore(self, archive):
        for number, (how, workers) in enumerate(IMPORTS):
            target = self.dir / f"back-{number}"
            if how == "pipe":
                self.import_from_pipe(archive, target, workers)
            else:
                self.run_measured("--home", target, "import", archive, workers=workers)
            self.compare(target)

    def check(self, format_name):
        suffix = large.FORMATS[format_name]
        archives = [self.measured_backup(self.home, self.dir / f"a{workers}{suffix}", format_name,
                                         workers) for workers in (1, 2, 8)]
        piped = self.measured_pipe(self.home, self.dir / f"piped{suffix}", format_name)
        for other in archives[1:]:
            self.assertTrue(hb.timeless(archives[0].read_bytes()) == hb.timeless(other.read_bytes()),
                            f"{other} differs")
        self.judge(archives[0], self.entries)
        self.judge(piped, self.entries, python=False)
        self.read_back(archives[0])
        self.run_measured("verify", piped)
        self.restore(piped)

    def test_zip(self):
        self.check("zip")

    def test_tar_zstd(self):
        self.check("tar-zstd")


if __name__ == "__main__":
    unittest.main()
