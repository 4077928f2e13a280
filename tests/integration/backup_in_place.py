# SPDX-License-Identifier: Apache-2.0
"""Databases that are read where they lie, while the archive goes into a pipe that nobody empties."""
import fcntl
import io
import os
import sqlite3
import termios
import time
import unittest
import zipfile

import hb

LARGE = 6_000_000  # more than pipes and windows hold


class InPlace(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.home.mkdir()
        self.stage = self.dir / "stage"
        self.stage.mkdir()

    def database(self, mode, name="state.db", rows=1):
        database = sqlite3.connect(self.home / name, isolation_level=None, timeout=60)
        self.addCleanup(database.close)
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB)")
        for _ in range(rows):
            database.execute("INSERT INTO t (data) VALUES (randomblob(?))", (LARGE // 6,))
        return database

    def start(self, *options):
        """Once it returns, the database is being read, and the pipe is full."""
        process = self.start_hbcore("--set", f"backup.stage-dir={self.stage}", *options, "--home", self.home, "backup",
                                    "--format", "zip", "-o", "-")
        until = time.monotonic() + 60
        while not self.is_full(process):
            self.assertLess(time.monotonic(), until, "it writes nothing")
            self.assertIsNone(process.poll())
        return process

    @staticmethod
    def is_full(process):
        waiting = bytearray(4)
        fcntl.ioctl(process.stdout, termios.FIONREAD, waiting)
        return int.from_bytes(waiting, "little") >= 60_000

    def rows_in(self, process):
        output, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, errors)
        with zipfile.ZipFile(io.BytesIO(output)) as archive:
            (self.dir / "out.db").write_bytes(archive.read("state.db"))
        with sqlite3.connect(f"file:{self.dir}/out.db?immutable=1", uri=True) as out:
            self.assertEqual(out.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            return out.execute("SELECT count(*) FROM t").fetchone()[0]

    def staged(self):
        return sum(os.lstat(os.path.join(path, name)).st_blocks * 512
                   for path, _, names in os.walk(self.stage) for name in names)

    def test_the_summary_says_so(self):
        for mode in ("wal", "delete"):
            name = f"{mode}.db"
            self.database(mode, name)
        self.make_database(self.home / "closed.db", wal=True)
        for way, expected in (("auto", {"wal.db", "delete.db"}), ("copy", set())):
            done = self.hbcore("--json", "--set", f"content:sqlite.snapshot={way}", "--home", self.home, "backup",
                               "-o", self.dir / f"{way}.zip")
            summary = self.summary(done)
            self.assertEqual(set(summary["read_in_place"]), expected)
            self.assertEqual({(row["method"], row["check"]) for row in summary["databases"]}, {("snapshot", "ok")})
        done = self.hbcore("--set", "content:sqlite.snapshot=in-place", "--home", self.home, "backup",
                           "-o", self.dir / "noted.zip")
        self.assert_mentions(done, "closed.db", "copied, not read in place: no program has it open")

    def test_a_log_is_not_held_for_long(self):
        """Nobody reads at that time: it is seen to all the same."""
        database = self.database("wal", rows=6)
        process = self.start("--set", "content:sqlite.hold=0")
        self.assertLess(self.staged(), LARGE // 2)
        database.execute("INSERT INTO t (data) VALUES (zeroblob(10))")
        database.execute("PRAGMA busy_timeout = 30000")
        self.assertEqual(database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], 0)
        self.assertEqual(self.rows_in(process), 6)
        self.assertEqual(self.staged(), 0)

    def test_a_writer_does_not_wait_for_the_pipe(self):
        database = self.database("delete", rows=6)
        process = self.start()
        start = time.monotonic()
        database.execute("INSERT INTO t (data) VALUES (zeroblob(10))")
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(self.rows_in(process), 6)

    def test_killed(self):
        """Nothing is held any more, and nothing lies beside it."""
        database = self.database("wal", rows=6)
        process = self.start("--set", "content:sqlite.hold=3600")
        database.execute("INSERT INTO t (data) VALUES (zeroblob(10))")
        database.execute("PRAGMA busy_timeout = 0")
        process.kill()
        process.wait()
        self.assertEqual(database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], 0)
        self.assertEqual(sorted(name for name in os.listdir(self.home) if name.startswith("state")),
                         ["state.db", "state.db-shm", "state.db-wal"])
        self.hbcore("--set", f"backup.stage-dir={self.stage}", "--home", self.home, "backup", "-o", self.dir / "a.zip")

    def test_a_snapshot_of_it(self):
        self.database("wal", rows=2)
        done = self.hbcore("--json", "--set", "snapshot.files=state.db", "--home", self.home, "snapshot", "create")
        self.assertEqual(self.summary(done)["read_in_place"], ["state.db"])


if __name__ == "__main__":
    unittest.main()
