# SPDX-License-Identifier: Apache-2.0
"""A home that lives while it is backed up: 2,000 files and a database under constant commits."""
import json
import mmap
import multiprocessing
import os
import pathlib
import shutil
import sqlite3
import struct
import time
import unittest
import zipfile

import hb

hb.need("unzip", "7z", "bsdtar", "tar", "zstd")

FILES = 2000  # and the database
ACCOUNTS = 100
TOTAL = 1000 * ACCOUNTS
ROWS = 7  # that one transaction writes together
NEEDED_COMMITS = 100
STAMPS = 4_000_000  # more commits than any run can see; sparse


class Stamps:
    """When each commit returned, written by one process and read by another."""

    def __init__(self, path):
        self.file = open(path, "w+b")
        self.file.truncate(8 * (STAMPS + 1))
        self.map = mmap.mmap(self.file.fileno(), 0)

    def count(self):
        return struct.unpack_from("<q", self.map, 0)[0]

    def add(self, number):
        struct.pack_into("<q", self.map, 8 * number, time.monotonic_ns())
        struct.pack_into("<q", self.map, 0, number)

    def close(self):
        self.map.close()
        self.file.close()

    def between(self, start, end):
        """Numbers of the commits that returned in this time."""
        stamps = struct.unpack_from(f"<{self.count()}q", self.map, 8)
        return [number for number, at in enumerate(stamps, 1) if start <= at <= end]


def keep_writing(path, stamps, ready, stop):
    """Moves money between accounts and logs each move as ROWS rows, all in one transaction."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA synchronous=OFF")
    number = 0
    while not stop.is_set() and number < STAMPS:
        number += 1
        source, target = number % ACCOUNTS, (number * 7 + 1) % ACCOUNTS
        database.execute("BEGIN IMMEDIATE")
        database.execute("UPDATE account SET balance = balance - 1 WHERE id = ?", (source,))
        database.executemany("INSERT INTO log (txn, part, text) VALUES (?, ?, ?)",
                             [(number, part, "x" * 40) for part in range(ROWS)])
        database.execute("UPDATE account SET balance = balance + 1 WHERE id = ?", (target,))
        database.execute("COMMIT")
        stamps.add(number)
        if number == 20:
            ready.set()
    database.close()


class LiveHome(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.make_files()
        self.make_accounts()

    def make_files(self):
        for number in range(FILES - 1):
            text = json.dumps({"session": number, "said": ["word %d" % (number * i) for i in
                                                           range(number % 60)]})
            hb.write(self.home / f"sessions/{number % 40:02}/s-{number:05}.json", text,
                     0o600 if number % 3 else 0o644, (1_650_000_000 + number) * 10**9)
        hb.write(self.home / "config.yaml", b"model: x\n", 0o644, 1_650_000_000 * 10**9)

    def make_accounts(self):
        database = sqlite3.connect(self.home / "state.db")
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER)")
        database.execute("CREATE TABLE log (txn INTEGER, part INTEGER, text TEXT,"
                         " PRIMARY KEY (txn, part))")
        database.execute("CREATE TABLE ballast (data BLOB)")
        database.executemany("INSERT INTO account VALUES (?, ?)",
                             [(i, TOTAL // ACCOUNTS) for i in range(ACCOUNTS)])
        database.executemany("INSERT INTO ballast VALUES (?)",
                             [(os.urandom(500_000),) for _ in range(40)])
        database.commit()
        database.close()

    def backup_while_writing(self, archive):
        """Returns the numbers of the first and last commit within the run."""
        stamps = Stamps(self.dir / "stamps")
        ready, stop = multiprocessing.Event(), multiprocessing.Event()
        writer = multiprocessing.Process(
            target=keep_writing, args=(self.home / "state.db", stamps, ready, stop))
        writer.start()
        try:
            self.assertTrue(ready.wait(60), "the writer never began")
            start = time.monotonic_ns()
            done = self.hbcore("--home", self.home, "--json", "backup", "-o", archive)
            end = time.monotonic_ns()
        finally:
            stop.set()
            writer.join(60)
        self.assertEqual(writer.exitcode, 0, "the writer was disturbed")
        overlapped = stamps.between(start, end)
        stamps.close()
        print(f"{len(overlapped)} commits overlapped the backup")
        self.assertGreaterEqual(len(overlapped), NEEDED_COMMITS, "commits during the backup")
        self.check_summary(self.summary(done))
        return overlapped[0], overlapped[-1]

    def check_summary(self, summary):
        self.assertEqual(summary["status"], "complete", summary)
        self.assertEqual(summary["files"], FILES + 1, summary)
        self.assertEqual(summary["databases"],
                         [{"path": "state.db", "method": "snapshot", "check": "ok"}], summary)

    def check_database(self, path, first, last):
        # A copy that needs its journal would be none.
        self.assertEqual([p.name for p in path.parent.glob(path.name + "*")], [path.name])
        database = sqlite3.connect(path)
        self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        self.assertEqual(database.execute("SELECT sum(balance) FROM account").fetchone(), (TOTAL,))
        torn = database.execute("SELECT txn, count(*) FROM log GROUP BY txn HAVING count(*) <> ?",
                                (ROWS,)).fetchall()
        self.assertEqual(torn, [], "half transactions")
        newest, count = database.execute("SELECT max(txn), count(DISTINCT txn) FROM log").fetchone()
        database.close()
        self.assertEqual(count, newest, "a transaction in the middle is missing")
        # The snapshot was taken within the run: nothing older, nothing from the future.
        self.assertGreaterEqual(newest, first - 1)
        self.assertLessEqual(newest, last + 1)

    def check_files(self, out):
        stored, source = hb.tree(out, directory_times=False), hb.tree(self.home,
                                                                      directory_times=False)
        for rows in (stored, source):
            for name in (b".", b"state.db", b"state.db-wal", b"state.db-shm"):
                rows.pop(name, None)
        self.assertEqual(hb.differences(source, stored)[:20], [])

    def check_extracted(self, out, first, last):
        self.check_files(out)
        self.check_database(pathlib.Path(out) / "state.db", first, last)
        shutil.rmtree(out)

    def extracted(self, *command):
        out = self.dir / "out"
        out.mkdir()
        self.tool(*command, cwd=out)
        return out

    def test_zip(self):
        archive = self.dir / "live.zip"
        first, last = self.backup_while_writing(archive)
        self.tool("unzip", "-tq", archive)
        self.tool("7z", "t", archive)
        listed = self.tool("bsdtar", "-tf", archive).stdout.splitlines()
        self.assertEqual(len([row for row in listed if not row.endswith(b"/")]), FILES + 1)
        with zipfile.ZipFile(archive) as opened:
            self.assertIsNone(opened.testzip())
        self.check_extracted(self.extracted("bsdtar", "-xpf", archive), first, last)
        self.hbcore("verify", archive)

    def test_zip_with_unzip(self):
        archive = self.dir / "live.zip"
        first, last = self.backup_while_writing(archive)
        out = self.extracted("unzip", "-q", archive)
        # unzip restores whole seconds only.
        stored, source = hb.tree(out, times=False), hb.tree(self.home, times=False)
        for rows in (stored, source):
            for name in [name for name in rows if not name.startswith(b"sessions")]:
                del rows[name]
        self.assertEqual(hb.differences(source, stored)[:20], [])
        self.check_database(out / "state.db", first, last)

    def test_tar_zstd(self):
        archive = self.dir / "live.tar.zst"
        first, last = self.backup_while_writing_as("tar-zstd", archive)
        for command in (("tar", "--zstd", "-tf", archive), ("bsdtar", "-tf", archive)):
            listed = self.tool(*command).stdout.splitlines()
            self.assertEqual(len([row for row in listed if not row.endswith(b"/")]), FILES + 1,
                             command)
        self.tool("zstd", "-tq", archive)
        self.check_extracted(self.extracted("tar", "--zstd", "-xpf", archive), first, last)
        self.check_extracted(self.extracted("bsdtar", "-xpf", archive), first, last)
        self.hbcore("verify", archive)

    def backup_while_writing_as(self, name, archive):
        self.config = self.write_config(
            hb.HERMES.read_text().replace("\nformat = zip\n", f"\nformat = {name}\n"))
        return self.backup_while_writing(archive)


if __name__ == "__main__":
    unittest.main()
