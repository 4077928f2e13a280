# SPDX-License-Identifier: Apache-2.0
"""While a run seals, no plain byte of the home reaches a disk: not in the stage, where units wait, nor beside the archive, nor
in any file that the program holds open. Content that does not compress, stored as it is, through a window that is too
small for it. The same run without a seal shows that the search finds what is there."""
import os
import random
import sqlite3
import struct
import subprocess
import time
import unittest

import hb
import sealed

hb.use_memory()
MANY = (64 if hb.FULL else 4) << 20
WORD = 8
STEP = 512 if hb.FULL else 64  # pieces that are two words longer are found, wherever they lie
PATIENCE = 60


def marks(data):
    """Of each step the words at its first eight bytes: of a piece of it one of them lies where aligned words are looked at."""
    found = set()
    for shift in range(WORD):
        found.update(word for word, in struct.iter_unpack(f"<Q{STEP - WORD}x", data[shift:len(data) - STEP + shift]))
    return found


class NoPlain(sealed.Case):
    def setUp(self):
        super().setUp()
        noise, rows = random.Random(3).randbytes(MANY // 2), random.Random(4).randbytes(MANY)
        hb.write(self.home / "noise", noise)
        self.database("a.db", bytes(MANY + (1 << 20)))
        self.database("b.db", rows)
        self.known = marks(noise) | marks(rows)
        self.assertNotIn(0, self.known)
        self.out = self.dir / "out"
        self.out.mkdir()

    def database(self, name, data):
        database = sqlite3.connect(self.home / name)
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text BLOB)")
        database.execute("INSERT INTO t (text) VALUES (?)", (data,))
        database.commit()
        database.close()

    def lock(self):
        """The first database is another program's for now, so that what comes behind it has to wait somewhere."""
        locked = sqlite3.connect(self.home / "a.db", isolation_level=None)
        self.addCleanup(locked.close)
        locked.execute("BEGIN EXCLUSIVE")
        return locked

    def start(self, *arguments):
        return self.start_hbcore("--set", "backup.window=1M", "--set", "content:sqlite-snap.wait=300", "--set",
                                 "format:zip.level=0", "--quiet", "backup", *arguments)

    # ---- the search ----

    def holds(self, data):
        """Has it a piece of what is known? Zeros are no such thing."""
        return not self.known.isdisjoint(memoryview(data)[:len(data) // WORD * WORD].cast("Q"))

    def open_files(self, process):
        """What the program holds open, but for the home's own files: link to content."""
        found = {}
        try:
            names = os.listdir(f"/proc/{process.pid}/fd")
        except FileNotFoundError:
            return found
        for name in names:
            path = f"/proc/{process.pid}/fd/{name}"
            try:
                link = os.readlink(path)
                if link.startswith("/") and (not link.startswith(f"{self.home}/") or ".hbcore" in link):
                    with open(path, "rb") as stream:
                        found[link] = stream.read() if os.path.isfile(path) else b""
            except (FileNotFoundError, PermissionError, IsADirectoryError, OSError):
                pass
        return found

    def with_plain(self, process=None):
        """The files in which a piece was found."""
        found = {link for link, data in (self.open_files(process) if process else {}).items() if self.holds(data)}
        for root, names, files in os.walk(self.dir):
            names[:] = [name for name in names if os.path.join(root, name) != str(self.home)]
            for name in files:
                path = os.path.join(root, name)
                try:
                    with open(path, "rb") as stream:
                        data = stream.read()
                except FileNotFoundError:
                    continue
                if self.holds(data):
                    found.add(path)
        return found

    def spilled(self, process):
        total = 0
        for name in os.listdir(f"/proc/{process.pid}/fd"):
            link = f"/proc/{process.pid}/fd/{name}"
            try:
                total += os.stat(link).st_size if "spill" in os.readlink(link) else 0
            except FileNotFoundError:
                pass
        return total

    def wait_for_spill(self, process):
        until = time.monotonic() + PATIENCE
        while self.spilled(process) < MANY // 4:
            self.assertIsNone(process.poll(), "it ended before the lock was released")
            self.assertLess(time.monotonic(), until, "nothing was encoded while one was locked")
            os.sched_yield()

    def look_throughout(self, process):
        found = set()
        while process.poll() is None:
            found |= self.with_plain(process)
        return found

    # ---- the tests ----

    def run_and_look(self, *arguments):
        locked = self.lock()
        process = self.start(*arguments)
        self.wait_for_spill(process)
        found = self.with_plain(process)
        locked.execute("COMMIT")
        found |= self.look_throughout(process)
        self.finish(process)
        return found | self.with_plain()

    def test_nothing_is_found_of_what_is_sealed(self):
        self.assertEqual(self.run_and_look("--format", "zip", "-o", self.out / "a.zip"), set())
        target = self.import_from(self.out / "a.zip.toy")
        self.assertEqual((target / "noise").read_bytes(), (self.home / "noise").read_bytes())
        for name in ("a.db", "b.db"):
            self.assertTrue(self.database_rows(target / name) == self.database_rows(self.home / name), name)

    def test_nor_on_its_way_into_a_store(self):
        self.assertEqual(self.run_and_look("--format", "zip", "-o", "odd://b/a.zip"), set())
        self.hbcore("verify", "odd://b/a.zip.toy")

    def test_the_control_is_found(self):
        found = self.run_and_look("--format", "zip", "--seal", "none", "-o", self.out / "a.zip")
        self.assertTrue(any("spill" in link for link in found), found)
        self.assertIn(str(self.out / "a.zip"), found)

    def test_a_kill_leaves_nothing_plain(self):
        self.left_behind_is_fine = True
        self.lock()
        process = self.start("-o", self.out / "a.zip")
        self.wait_for_spill(process)
        process.kill()
        process.wait(timeout=PATIENCE)
        self.assertEqual(self.with_plain(), set())

    def test_a_read_from_a_pipe_is_spooled_as_it_is(self):
        """Until it is known to be whole. An import restores plain files, so that one which fails is watched."""
        archive = self.seal("a.zip", "--set", "format:zip.level=0")
        data = archive.read_bytes()
        target = self.dir / "target"
        process = subprocess.Popen(self.command("--home", target, "--quiet", "import", "-", "--force"),
                                   env=self.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        for stream in (process.stdout, process.stderr):
            self.addCleanup(stream.close)
        process.stdin.write(data[:-1])
        process.stdin.flush()
        found = self.with_plain(process)
        process.stdin.write(bytes([data[-1] ^ 1]))
        process.stdin.close()
        found |= self.look_throughout(process)
        process.stdin = None
        self.finish(process, expect=1)
        self.assertEqual(found, set())

    def test_copies_of_databases_are_said_to_be_plain(self):
        where = ("--set", f"backup.directory={self.out}", "--set", "content:sqlite-snap.snapshot=copy")
        done = self.hbcore(*where, "backup")
        self.assert_mentions(done, "copies that are not sealed", str(self.dir / "stage"))
        done = self.hbcore(*where, "--set", "backup.stage-dir=", "backup")
        self.assert_mentions(done, "copies that are not sealed", str(self.home))
        self.assertNotIn("not sealed", self.hbcore("backup", "-o", self.out / "b.zip").stdout.decode())


class Verify(sealed.Case):
    def test_databases_are_not_copied_beside_the_archive(self):
        self.make_database(self.home / "a.db", rows=100)
        archive = self.seal()
        self.assert_mentions(self.hbcore("verify", archive), "a.db: sound")
        done = self.hbcore("--set", "backup.stage-dir=", "verify", archive, expect=3)
        self.assert_mentions(done, "a.db: could not be checked as a database: the archive is sealed", "set backup.stage-dir")


if __name__ == "__main__":
    unittest.main()
