# SPDX-License-Identifier: Apache-2.0
"""Large files: one that does not compress, one that is mostly a hole, and a database to a pipe."""
import os
import sqlite3
import subprocess
import unittest

import large

GIB = 1 << 30
NOISE, SPARSE, DATABASE = ((3 * GIB, 6 * GIB, 8 * GIB) if large.FULL
                           else (192 << 20, 400 << 20, 200 << 20))
large.start(30 if large.FULL else 3)


class Content(large.Case):
    def one_file(self, name, make, size):
        home = self.dir / "home"
        home.mkdir()
        make(home / name, size)
        return home

    def check(self, home, name, format_name, workers, imports=True):
        """To a file, to a pipe, and back; `name` is the one file in the home."""
        suffix = large.FORMATS[format_name]
        archive = self.measured_backup(home, self.dir / f"a{suffix}", format_name, workers)
        self.judge(archive, 1, python=not large.FULL)
        self.run_measured("list", archive, workers=workers)
        self.run_measured("verify", archive, workers=workers)
        with open(self.dir / "cat", "w+b") as stream:
            with subprocess.Popen(["cmp", "-", home / name], stdin=subprocess.PIPE,
                                  stdout=stream) as reader:
                self.run_measured("cat", archive, name, stdout=reader.stdin, workers=workers)
                reader.stdin.close()
            self.assertEqual(reader.returncode, 0, "cat gives other bytes")
        if imports:
            self.run_measured("--home", self.dir / "back", "import", archive, workers=workers)
            self.tool("cmp", home / name, self.dir / "back" / name, timeout=1200)
            os.unlink(self.dir / "back" / name)
        os.unlink(archive)
        piped = self.measured_pipe(home, self.dir / f"piped{suffix}", format_name, workers)
        self.judge(piped, 1, python=False)
        if imports:
            self.import_from_pipe(piped, self.dir / "piped", workers)
            self.tool("cmp", home / name, self.dir / "piped" / name, timeout=1200)
            os.unlink(self.dir / "piped" / name)
        os.unlink(piped)

    def test_noise_zip(self):
        home = self.one_file("noise.bin", large.noise_file, NOISE)
        for workers in (1, 2, 8) if large.FULL else (8,):
            self.check(home, "noise.bin", "zip", workers, imports=workers == 8)

    def test_noise_tar_zstd(self):
        home = self.one_file("noise.bin", large.noise_file, NOISE)
        for workers in (1, 2, 8) if large.FULL else (8,):
            self.check(home, "noise.bin", "tar-zstd", workers, imports=workers == 8)

    def test_sparse(self):
        home = self.one_file("sparse.img", large.sparse_file, SPARSE)
        self.check(home, "sparse.img", "tar-zstd", 8)
        self.check(home, "sparse.img", "zip", 2, imports=large.FULL)

    def rows(self, path):
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return database.execute("SELECT count(*), sum(length(head)), min(substr(head, 1, 9)), "
                                    "sum(length(filler)) FROM t").fetchone()
        finally:
            database.close()

    def check_database(self, home, format_name, workers):
        piped = self.dir / f"piped{large.FORMATS[format_name]}"
        self.measured_pipe(home, piped, format_name, workers)
        self.judge(piped, 1, python=not large.FULL)
        self.run_measured("verify", piped, workers=workers)
        self.import_from_pipe(piped, self.dir / "back", workers)
        self.assertEqual(self.rows(self.dir / "back" / "state.db"), self.rows(home / "state.db"))
        os.unlink(self.dir / "back" / "state.db")
        os.unlink(piped)

    def test_database_to_a_pipe(self):
        home = self.one_file("state.db", large.database, DATABASE)
        self.check_database(home, "zip", 8)
        self.check_database(home, "tar-zstd", 8)


if __name__ == "__main__":
    unittest.main()
