# SPDX-License-Identifier: Apache-2.0
"""Databases that are read where they lie, while the archive goes into a pipe that nobody empties."""
import contextlib
import fcntl
import io
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import termios
import time
import unittest
import zipfile

import hb
import mounts
from fault_sweep import Program

LARGE = 6_000_000  # more than pipes hold
SLOW = ("--set", "backup.workers=1", "--set", "backup.window=1M")  # most of it is not read before the pipe is emptied


class Live(hb.Case):
    """A home with databases that programs have open, and a backup into a pipe that nobody empties."""

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

    def way_of(self, home, name="state.db", expect=0, **keywords):
        """None: it was read in place. Else why it was copied. What was stored has all rows that are committed."""
        archive = self.fresh("way").with_suffix(".zip")
        done = self.hbcore("--json", "--set", "content:sqlite.snapshot=in-place", "--set",
                           f"backup.stage-dir={self.stage}", "--home", home, "backup", "-o", archive, expect=expect,
                           **keywords)
        summary = self.summary(done)
        with zipfile.ZipFile(archive) as stored:
            (self.dir / "out.db").write_bytes(stored.read(name))
        why = [match[1] for match in re.finditer("copied, not read in place: ([^\"]*)", done.stdout.decode())]
        self.assertEqual(name in summary["read_in_place"], not why, self.describe(done))
        return why[0] if why else None

    def rows_out(self):
        with contextlib.closing(sqlite3.connect(f"file:{self.dir}/out.db?immutable=1", uri=True)) as out:
            self.assertEqual(out.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            return out.execute("SELECT count(*) FROM t").fetchone()[0]


class InPlace(Live):
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

    def test_the_program_is_killed(self):
        """In the middle of a transaction, while it is read; the next program recovers, writes and leaves."""
        for mode in ("wal", "delete"):
            self.database(mode, rows=6).close()
            program = Program(self, self.home / "state.db")
            self.assertEqual(program.ask("INSERT INTO t (data) VALUES (zeroblob(10))"), [])
            process = self.start(*SLOW, "--set", "content:sqlite.hold=3600")
            program.ask("PRAGMA cache_size = 1")
            program.ask("BEGIN IMMEDIATE")
            program.ask("UPDATE t SET data = zeroblob(10) WHERE id = 1")
            program.kill()
            after = Program(self, self.home / "state.db")
            self.assertEqual(after.ask("PRAGMA busy_timeout = 30000"), [(30000,)])
            self.assertEqual(after.ask("INSERT INTO t (data) VALUES (zeroblob(10))"), [])
            self.assertEqual(after.ask("SELECT count(*) FROM t WHERE length(data) > 10"), [(6,)])
            after.kill()
            self.assertEqual(self.rows_in(process), 7)
            with contextlib.closing(sqlite3.connect(self.home / "state.db")) as last:
                self.assertEqual(last.execute("PRAGMA integrity_check").fetchone(), ("ok",))
                self.assertEqual(last.execute("SELECT count(*) FROM t").fetchone(), (8,))
            (self.home / "state.db").unlink()

    def test_it_is_stopped(self):
        """By a signal, while nobody empties the pipe: at once, and nothing is held."""
        database = self.database("wal", rows=6)
        process = self.start(*SLOW, "--set", "content:sqlite.hold=3600")
        database.execute("INSERT INTO t (data) VALUES (zeroblob(10))")
        database.execute("PRAGMA busy_timeout = 0")
        process.terminate()
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + 15)
        self.assertEqual(database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], 0)
        self.assertEqual(self.staged(), 0)

    def test_it_is_overwritten(self):
        """By cp, which keeps no locks: what was read would be half of the one, half of the other."""
        self.database("delete", rows=12).close()
        other = (self.home / "state.db").read_bytes()
        process = self.start(*SLOW)
        with open(self.home / "state.db", "r+b") as stream:
            stream.write(other[:4096])
        output, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 3, errors)
        self.assertIn(b"by a program that keeps no locks", errors + output)

    def test_what_is_written(self):
        """No more than the archive, of several databases in use: to the staging directory, to the home, or elsewhere."""
        self.need("strace")
        names = ["one.db", "two.db", "three.db", "four.db"]
        for number, name in enumerate(names):  # while the large one is checked, the others would be made already
            self.database("wal" if number < 3 else "delete", name, rows=60 if number == 0 else 12)
        before = {path.name: path.read_bytes() for path in self.home.iterdir() if not path.name.endswith("-shm")}
        log, archive = self.dir / "strace.log", self.dir / "a.zip"
        self.hbcore("--home", self.home, "backup", "-o", self.dir / "first.zip")  # makes the id and the key
        environment = self.environment()
        environment["ASAN_OPTIONS"] += ":detect_leaks=0"
        subprocess.run(["strace", "-f", "-qq", "-y", "-o", log, "-e",
                        "trace=write,pwrite64,writev,pwritev,copy_file_range,sendfile,fallocate",
                        *self.command("--quiet", "--set", f"backup.stage-dir={self.stage}", "--set", "backup.window=1M",
                                      "--home", self.home, "backup", "-o", archive)], check=True, env=environment, timeout=200, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        written = {}
        for line in log.read_text(errors="replace").splitlines():
            match = re.search(r"(\w+)\((\d+)<([^>]*)>.*= (\d+)$", line)
            if match is not None and match[2] not in ("1", "2"):
                written[match[3]] = written.get(match[3], 0) + int(match[4])
        self.assertLess(sum(written.values()), archive.stat().st_size * 1.02, written)
        self.assertEqual({path.name: path.read_bytes() for path in self.home.iterdir()
                          if not path.name.endswith("-shm") and path.name != hb.HOME_ID}, before)

    def test_a_snapshot_of_it(self):
        self.database("wal", rows=2)
        done = self.hbcore("--json", "--set", "snapshot.files=state.db", "--home", self.home, "snapshot", "create")
        self.assertEqual(self.summary(done)["read_in_place"], ["state.db"])


class LittleRoom(Live):
    """The staging directory has no room for a copy: `hold` gives way, and that is told."""

    def setUp(self):
        super().setUp()
        try:  # hbcore leaves 32 MB of it to others
            self.stage = mounts.mount(self, "tmpfs", options="size=36m") / "stage"
        except mounts.Missing as reason:
            self.skip(str(reason))
        self.stage.mkdir()

    def start_and_write(self, *options):
        """Somebody has written, and the time is over."""
        database = self.database("wal", rows=12)
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # what is written next makes the file of the log longer
        process = self.start(*SLOW, "--set", "content:sqlite.hold=0", *options)
        database.execute("INSERT INTO t (data) VALUES (zeroblob(10))")
        return database, process

    def test_it_is_held_for_longer(self):
        database, process = self.start_and_write()
        time.sleep(0.5)  # looks are 0.05 s apart
        self.assertLess(self.staged(), 100_000)
        self.assertNotEqual(database.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone(), (0, 0, 0))
        output, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, errors)
        self.assertRegex(errors.decode(), "state.db was read in place for [0-9]+ s while a program wrote to it, longer "
                                          "than hold: there was no room for a copy of the rest")
        with zipfile.ZipFile(io.BytesIO(output)) as archive:
            (self.dir / "out.db").write_bytes(archive.read("state.db"))
        self.assertEqual(self.rows_out(), 12)

    def test_a_writer_has_waited(self):
        database, process = self.start_and_write("--set", "content:sqlite.wait=1")
        database.execute("PRAGMA busy_timeout = 30000")
        start = time.monotonic()
        self.assertEqual(database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0], 0)
        self.assertLess(time.monotonic() - start, 20)
        self.assert_named(process, "it was needed by a writer before it was read")

    def test_the_log_grows(self):
        database, process = self.start_and_write("--set", "content:sqlite.wal-limit=1M")
        database.execute("PRAGMA busy_timeout = 30000")
        for _ in range(3):
            database.execute("INSERT INTO t (data) VALUES (zeroblob(500000))")
        until = time.monotonic() + 30
        while database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] != 0:
            self.assertLess(time.monotonic(), until)
        self.assert_named(process, "the rest cannot be staged: No space left on device; free space there, set stage-dir, or "
                                   "raise wal-limit")

    def closed(self):
        """In WAL mode, and no program has it open. It has been so for a moment."""
        self.database("wal", rows=12).close()
        os.utime(self.home / "state.db", ns=(10**18, 10**18))
        time.sleep(0.05)

    def test_nobody_has_it_open(self):
        self.closed()
        self.assertIsNone(self.way_of(self.home))
        self.assertEqual(self.rows_out(), 12)
        self.assertEqual([path.name for path in self.home.glob("state.db*")], ["state.db"])

    def test_somebody_opens_it(self):
        """What he writes is in his log: it is stored as it was. Nothing of his is lost when he leaves."""
        self.closed()
        process = self.start(*SLOW)
        program = Program(self, self.home / "state.db")
        self.assertEqual(program.ask("INSERT INTO t (data) VALUES (zeroblob(10))"), [])
        program.leave()
        self.assertEqual(self.rows_in(process), 12)
        with contextlib.closing(sqlite3.connect(self.home / "state.db")) as last:
            self.assertEqual(last.execute("SELECT count(*) FROM t").fetchone(), (13,))

    def test_somebody_opens_it_and_makes_a_checkpoint(self):
        self.closed()
        process = self.start(*SLOW)
        program = Program(self, self.home / "state.db")
        self.assertEqual(program.ask("UPDATE t SET data = zeroblob(10)"), [])
        self.assertEqual(program.ask("PRAGMA wal_checkpoint(TRUNCATE)")[0][0], 0)
        self.assert_named(process, "wrote to it while it was read, and there was no room for a copy")

    def assert_named(self, process, reason):
        output, errors = process.communicate(timeout=120)
        self.assertIn(process.returncode, (1, 3), errors)
        self.assertIn(b"state.db", errors)
        self.assertIn(reason.encode(), errors)
        if process.returncode == 3:
            self.assertRegex(errors.decode().lower(), "incomplete")


class FileSystems(Live):
    """Where a program has it open through the same mount."""

    IN_PLACE = ("tmpfs", "ext4", "xfs", "btrfs", "overlay", "bind")
    COPIED = mounts.BY_FUSE

    def on(self, kind):
        return mounts.trying(self, kind)

    def test_each(self):
        for kind in (*self.IN_PLACE, *self.COPIED):
            with self.on(kind) as root:
                if root is None:
                    continue
                home = root / "home"
                self.make_database(home / "state.db", rows=20, wal=True)
                program = Program(self, home / "state.db")
                self.assertEqual(program.ask("INSERT INTO t (text) VALUES ('in the log')"), [])
                why = self.way_of(home)
                if kind in self.COPIED:
                    self.assertEqual(why, "locks on this file system may not be seen by all")
                else:
                    self.assertIsNone(why)
                self.assertEqual(self.rows_out(), 21)
                self.assertEqual(program.ask("PRAGMA wal_checkpoint(TRUNCATE)")[0][0], 0)
                program.kill()

    def test_from_below_an_overlay(self):
        """The files lie in the lower layer until a program writes to them through the upper one."""
        try:
            below = self.dir / "below"
            self.make_database(below / "home/state.db", rows=20, wal=True)
            home = mounts.mount(self, "overlay", source=below) / "home"
        except mounts.Missing as reason:
            self.skip(str(reason))
        self.assertIn("no program has it open", self.way_of(home))
        program = Program(self, home / "state.db")
        program.ask("SELECT count(*) FROM t")
        self.assertIsNone(self.way_of(home))
        self.assertEqual(self.rows_out(), 20)
        self.assertEqual(program.ask("INSERT INTO t (text) VALUES ('in the log')"), [])
        self.assertIsNone(self.way_of(home))
        self.assertEqual(self.rows_out(), 21)

    def test_a_home_that_is_read_only_to_us(self):
        """Its index can be read, and a program that is alive vouches for it."""
        self.make_database(self.home / "state.db", rows=20, wal=True)
        try:
            home = mounts.mount(self, "bind", source=self.home)
            self.tool("mount", "-o", "remount,bind,ro", home)
        except mounts.Missing as reason:
            self.skip(str(reason))
        self.assertIn("no program has it open", self.way_of(home))
        program = Program(self, self.home / "state.db")
        self.assertEqual(program.ask("INSERT INTO t (text) VALUES ('in the log')"), [])
        self.assertIsNone(self.way_of(home))
        self.assertEqual(self.rows_out(), 21)
        program.kill()
        self.assertIn("the index of its log cannot be relied on", self.way_of(home))
        self.assertEqual(self.rows_out(), 21)


class OtherUsers(Live):
    """Databases of another user's."""

    USER, READER = 1234, 1235

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skip("only root can be several users")
        python = next(filter(hb.nobody_runs, filter(None, (sys.executable, shutil.which("python3", path="/usr/bin")))), None)
        if python is None or not hb.nobody_runs(self.binary):
            self.skip(f"nobody else can run {self.binary} and Python")
        self.dir.chmod(0o755)
        self.make_database(self.home / "state.db", rows=20, wal=True)
        self.tool("chown", "-R", f"{self.USER}:{self.USER}", self.home)
        self.program = Program(self, self.home / "state.db", python, user=self.USER, group=self.USER, extra_groups=[])
        self.assertEqual(self.program.ask("INSERT INTO t (text) VALUES ('in the log')"), [])

    def sides(self):
        return [(path.name, path.stat().st_uid, path.stat().st_mode) for path in sorted(self.home.glob("state.db*"))]

    def test_root_in_his_home(self):
        before = self.sides()
        self.assertIsNone(self.way_of(self.home))
        self.assertEqual(self.rows_out(), 21)
        self.assertEqual(self.sides(), before)
        self.assertEqual(self.program.ask("PRAGMA wal_checkpoint(TRUNCATE)")[0][0], 0)

    def as_reader(self):
        """Somebody who can read it all, and write nothing."""
        for path in (self.stage, self.user):
            self.tool("chown", "-R", str(self.READER), path)
        out = self.dir / "out"
        out.mkdir()
        self.tool("chown", str(self.READER), out)
        self.fresh = lambda kind: out / kind
        return {"user": self.READER, "group": self.READER, "extra_groups": []}

    def test_an_index_that_cannot_be_written(self):
        """In place while the program lives; without it nobody vouches for the index."""
        reader = self.as_reader()
        for path in self.home.iterdir():
            path.chmod(0o644)
        before = self.sides()
        self.assertIsNone(self.way_of(self.home, **reader))
        self.assertEqual(self.rows_out(), 21)
        self.assertEqual(self.program.ask("PRAGMA wal_checkpoint(TRUNCATE)")[0][0], 0)
        self.assertEqual(self.program.ask("INSERT INTO t (text) VALUES ('in the log')"), [])
        self.assertIsNone(self.way_of(self.home, **reader))
        self.assertEqual(self.rows_out(), 22)
        self.program.kill()
        self.assertIn("the index of its log cannot be relied on", self.way_of(self.home, **reader))
        self.assertEqual(self.rows_out(), 22)
        self.assertEqual(self.sides(), before)


if __name__ == "__main__":
    unittest.main()
