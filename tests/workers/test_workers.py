# SPDX-License-Identifier: Apache-2.0
"""The same bytes with any number of workers and in any order of completion; nobody waits for one
slow database; nothing is locked while a format encodes or decodes."""
import hashlib
import os
import pathlib
import random
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import time
import unittest

import hb

hb.use_memory()
FORMATS = (("zip", "zip"), ("tar-zstd", "tar.zst"))
CODECS = (*FORMATS, ("zip", "zip", "--set", "format:zip.level=fast"))
WORKERS = (1, 2, 3, 8)
SEEDS = range(1, 21) if hb.FULL else range(1, 2)
HELD_BACK = 4  # units of each worker, when the order of completion is shuffled
PATIENCE = 60


def words(seed, size):
    draw = random.Random(seed)
    vocabulary = [f"word{number:x}" for number in range(500)]
    text = " ".join(draw.choices(vocabulary, k=size // 6))
    return text.encode()[:size]


class Shuffling(hb.Case):
    def need_shuffle(self):
        if os.environ.get("HBCORE_SHUFFLES") != "ON":
            self.skip("built without HBCORE_TEST_SHUFFLE: units finish as they come")


class Wide(Shuffling):
    @classmethod
    def setUpClass(cls):
        cls.pool = pathlib.Path(tempfile.mkdtemp(prefix="hbcore-test-", dir=hb.scratch()))
        cls.addClassCleanup(shutil.rmtree, cls.pool)

    def make_wide_home(self):
        """A copy of one that the first test has filled."""
        if not (self.pool / "home").exists():
            self.fill_wide_home().rename(self.pool / "home")
        subprocess.run(["cp", "-a", self.pool / "home", self.dir / "home"], check=True)
        return self.dir / "home"

    def fill_wide_home(self):
        """Entries of many units, many entries in one unit, empty ones, links, databases."""
        home = self.make_home(whole_seconds=True)
        draw = random.Random(7)
        hb.write(home / "big/text.log", words(1, 6_500_000))
        hb.write(home / "big/noise.bin", draw.randbytes(5_000_000))
        hb.write(home / "big/half", words(2, 2_300_000) + draw.randbytes(2_300_000))
        hb.write(home / "big/exactly", words(3, 4 << 20))
        with open(hb.write(home / "big/sparse"), "r+b") as stream:
            stream.truncate(9_000_000)
        for number in range(1500):
            hb.write(home / f"small/{number % 30:02}/{number:05}.json",
                     words(number, draw.randrange(0, 4000)))
        for number in range(40):
            (home / f"empty/{number}").mkdir(parents=True)
            hb.write(home / f"zero/{number}")
        for number in range(3):
            self.make_database(home / f"db/{number}.db", rows=20_000 * number + 5,
                               wal=number == 1)
        return home

    def digest(self, home, form, suffix, workers, seed, *settings):
        archive = self.dir / f"{workers}-{seed}.{suffix}"
        self.hbcore("--home", home, "--set", f"backup.workers={workers}", *settings,
                    "backup", "--format", form, "-o", archive,
                    env={"HBCORE_TEST_SHUFFLE": str(seed)})
        with open(archive, "rb") as stream:
            digest = hashlib.sha256(hb.timeless(stream.read())).hexdigest()
        self.last = archive
        return digest

    def test_same_bytes(self):
        self.check_same_bytes((0,))

    def test_same_bytes_in_any_order(self):
        self.need_shuffle()
        self.check_same_bytes(SEEDS)

    def check_same_bytes(self, seeds):
        home = self.make_wide_home()
        for form, suffix, *settings in CODECS:
            wanted = self.digest(home, form, suffix, 1, 0, *settings)
            self.hbcore("verify", self.last)
            for workers in WORKERS:
                for seed in seeds:
                    with self.subTest(format=form, settings=settings, workers=workers, seed=seed):
                        self.assertEqual(
                            self.digest(home, form, suffix, workers, seed, *settings), wanted)
                        os.remove(self.last)

    def test_same_bytes_through_a_narrow_window(self):
        """1 MiB, so that workers wait for each other at every turn."""
        self.check_narrow_window(0)

    def test_same_bytes_through_a_narrow_window_in_any_order(self):
        self.need_shuffle()
        self.check_narrow_window(1)

    def check_narrow_window(self, seed):
        home = self.make_wide_home()
        for form, suffix in FORMATS:
            wanted = self.digest(home, form, suffix, 1, 0)
            one = self.last
            found = self.digest(home, form, suffix, 8, seed, "--set", "backup.window=1M")
            if found != wanted:
                self.fail(self.what_differs(one, self.last))

    def what_differs(self, one, other):
        """In which members, or else at which bytes."""
        trees = []
        for archive in (one, other):
            self.hbcore("--home", self.dir / f"tree-{len(trees)}", "import", archive)
            trees.append({name: row for name, row in hb.tree(self.dir / f"tree-{len(trees)}").items() if name != b"."})
        one, other = (hb.timeless(archive.read_bytes()) for archive in (one, other))
        at = next((i for i, (a, b) in enumerate(zip(one, other)) if a != b), None)
        return f"{len(one)} and {len(other)} bytes, from {at} on; {hb.differences(*trees)[:20]}"

    def test_same_tree_by_any_number_of_readers(self):
        home = self.make_wide_home()
        expected = self.without_databases(home)
        for form, suffix in FORMATS:
            archive = self.backup(home, f"a.{suffix}", "--format", form)
            for workers in WORKERS:
                with self.subTest(format=form, workers=workers):
                    setting = ("--set", f"backup.workers={workers}")
                    self.hbcore(*setting, "verify", archive)
                    self.check_restored(expected, *setting, "import", archive)
            self.check_restored(expected, *setting, "import", "-", input=archive.read_bytes())

    def check_restored(self, expected, *arguments, **keywords):
        target = self.dir / "back"
        self.hbcore("--home", target, *arguments, **keywords)
        found = self.without_databases(target)
        for number in range(3):
            self.assertEqual(len(self.database_rows(target / f"db/{number}.db")),
                             20_000 * number + 5)
        shutil.rmtree(target)
        self.assertEqual(hb.differences(expected, found)[:20], [])

    @staticmethod
    def without_databases(root):
        """A snapshot of a database holds the same rows, but not the same bytes."""
        rows = hb.tree(root)
        rows.pop(b".")
        return {name: row for name, row in rows.items() if not name.endswith(b".db")}


class SlowDatabase(hb.Case):
    """The first database, the largest, is locked; all else is encoded meanwhile, beyond the window."""

    MANY = 24 << 20

    def make_locked_home(self, name="home"):
        home = self.dir / name
        hb.write(home / "config.yaml", b"a: 1\n")
        for name, size in (("a.db", self.MANY + (1 << 20)), ("b.db", self.MANY)):
            database = sqlite3.connect(home / name)
            database.execute("CREATE TABLE t (data BLOB)")
            database.execute("INSERT INTO t VALUES (?)", (os.urandom(size),))
            database.commit()
            database.close()
        locked = sqlite3.connect(home / "a.db", isolation_level=None)
        locked.execute("BEGIN EXCLUSIVE")
        self.addCleanup(locked.close)
        return home, locked

    @staticmethod
    def spilled(process):
        """Bytes in files of the stage that the program holds open and that have no name."""
        total = 0
        for name in os.listdir(f"/proc/{process.pid}/fd"):
            link = f"/proc/{process.pid}/fd/{name}"
            try:
                if "spill" in os.readlink(link):
                    total += os.stat(link).st_size
            except FileNotFoundError:
                pass
        return total

    @staticmethod
    def dump(path):
        database = sqlite3.connect(path)
        try:
            return database.execute("SELECT * FROM t").fetchall()
        finally:
            database.close()

    def start(self, home, archive, form="zip"):
        return self.start_hbcore("--home", home, "--set", "backup.window=1M",
                                 "--set", "content:sqlite.wait=300",
                                 "backup", "--format", form, "-o", archive)

    def wait_for_spill(self, process):
        until = time.monotonic() + PATIENCE
        while self.spilled(process) < self.MANY // 2:
            self.assertIsNone(process.poll(), "it ended before the lock was released")
            self.assertLess(time.monotonic(), until, "nothing was encoded while one was locked")
            os.sched_yield()

    def test_others_are_encoded_meanwhile(self):
        for form, suffix in FORMATS:
            home, locked = self.make_locked_home(f"home-{form}")
            archive = self.dir / f"a.{suffix}"
            process = self.start(home, archive, form)
            self.wait_for_spill(process)
            locked.execute("COMMIT")
            self.finish(process)
            undisturbed = self.backup(home, f"undisturbed.{suffix}", "--format", form)
            self.assertTrue(hb.timeless(archive.read_bytes()) ==
                            hb.timeless(undisturbed.read_bytes()), "other bytes")
            self.hbcore("--home", self.dir / form, "import", archive)
            locked.close()
            for name in ("a.db", "b.db"):
                self.assertEqual(self.dump(home / name), self.dump(self.dir / form / name))

    def test_interrupted_with_spilled_units(self):
        home, _ = self.make_locked_home()
        process = self.start(home, self.dir / "a.zip")
        self.wait_for_spill(process)
        process.send_signal(15)
        self.finish(process, expect=143)
        self.assertFalse((self.dir / "a.zip").exists())


class SlowReader(hb.Case):
    """Nobody takes the archive out of a pipe: what waits in memory is bounded by the window."""

    @staticmethod
    def bytes_read(process):
        with open(f"/proc/{process.pid}/io", encoding="ascii") as stream:
            return int(stream.readline().split()[1])

    @staticmethod
    def all_wait(process):
        for task in os.listdir(f"/proc/{process.pid}/task"):
            try:
                with open(f"/proc/{process.pid}/task/{task}/stat", encoding="ascii") as stream:
                    state = stream.read().rsplit(")", 1)[1].split()[0]
            except (FileNotFoundError, ProcessLookupError):  # a thread that has just ended
                return False
            if state != "S":
                return False
        return True

    def wait_for_standstill(self, process):
        """Returns the bytes that were read until then."""
        still, before, until = 0, -1, time.monotonic() + PATIENCE
        while still < 200:
            self.assertIsNone(process.poll(), "it ended before the archive was taken")
            self.assertLess(time.monotonic(), until, "it never waited")
            now = self.bytes_read(process)
            still = still + 1 if now == before and self.all_wait(process) else 0
            before = now
            os.sched_yield()
        return before

    def test_a_big_file_waits_for_the_reader(self):
        home, size = self.dir / "home", 96 << 20
        hb.write(home / "big", random.Random(1).randbytes(size))
        for form, _ in FORMATS:
            pipe = self.dir / f"{form}.pipe"
            os.mkfifo(pipe)
            process = self.start_hbcore("--home", home, "--set", "backup.window=1M",
                                        "--set", "backup.workers=4",
                                        "backup", "--format", form, "-o", pipe)
            with open(pipe, "rb") as stream:
                read = self.wait_for_standstill(process)
                taken = 0
                while block := stream.read(1 << 20):
                    taken += len(block)
            self.finish(process)
            self.assertGreater(taken, size)
            self.assertLess(read, size // 4, f"{form}: {read >> 20} MiB were read ahead")

    def threads(self, home, *settings, processors=None):
        """How many there are in a run whose workers all have something to do."""
        pipe = self.dir / f"{len(settings)}-{processors}.pipe"
        os.mkfifo(pipe)
        here = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, list(here)[:processors])
            process = self.start_hbcore("--home", home, "--set", "backup.window=1M", *settings,
                                        "backup", "--format", "zip", "-o", pipe)
        finally:
            os.sched_setaffinity(0, here)
        with open(pipe, "rb") as stream:
            self.wait_for_standstill(process)
            count = len(os.listdir(f"/proc/{process.pid}/task"))
            stream.read()
        self.finish(process)
        return count

    def test_one_worker_for_each_processor_that_may_be_used(self):
        """A container that was given one of many processors is no reason for many threads."""
        home = self.dir / "home"
        hb.write(home / "big", random.Random(3).randbytes(8 << 20))
        one = self.threads(home, "--set", "backup.workers=1")
        all_processors = self.threads(home)
        self.assertEqual(all_processors - one, len(os.sched_getaffinity(0)) - 1)
        self.assertEqual(self.threads(home, processors=1), one)
        auto = self.threads(home, "--set", "backup.workers=auto", "--set", "backup.window=1M")
        self.assertEqual(auto, all_processors)

    def test_snapshots_do_not_wait_for_their_turn(self):
        """Databases come last, but the largest one's state is that of the start, whoever is slow."""
        home, pipe = self.dir / "home", self.dir / "a.pipe"
        for number in range(32):
            hb.write(home / f"{number}", random.Random(number).randbytes(1 << 20))
        for number in range(20):
            self.make_database(home / f"profiles/{number}/state.db")
        database = self.make_database(home / "state.db", rows=3000)
        rows = self.database_rows(database)
        os.mkfifo(pipe)
        process = self.start_hbcore("--home", home, "--set", "backup.window=1M", "backup",
                                    "--format", "zip", "-o", pipe)
        with open(pipe, "rb") as stream:
            self.wait_for_standstill(process)
            with sqlite3.connect(database) as later:
                later.execute("DELETE FROM t")
            later.close()
            archive = self.dir / "a.zip"
            archive.write_bytes(stream.read())
        self.finish(process)
        stored = self.dir / "stored.db"
        stored.write_bytes(self.hbcore("cat", archive, "state.db").stdout)
        self.assertEqual(self.database_rows(stored), rows)
        names = self.hbcore("list", archive).stdout.split()
        self.assertEqual(names[-21:-19], [b"state.db", b"profiles/0/state.db"])


class Meeting(Shuffling):
    config = None

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.archive = self.dir / "a.meeting"
        self.config = self.write_config(
            f"[plugins]\npath = {os.environ['HBCORE_MEETING']}\n"
            "[backup]\nformat = meeting\n[format:meeting]\n")

    def make_files(self, count=64):
        for number in range(count):
            hb.write(self.home / f"{number:03}", b"x" * number)

    def meet(self, workers, *settings, **environment):
        self.hbcore("--home", self.home, "--set", f"backup.workers={workers}", *settings,
                    "backup", "-o", self.archive, env=environment)

    def encoded_before(self):
        """For each entry, how many calls of encode() had begun when it was written."""
        data, at, found = self.archive.read_bytes(), 0, []
        while at < len(data):
            magic, path_bytes, size, encoded = struct.unpack_from("<4sIQQ", data, at)
            self.assertEqual(magic, b"meet")
            at += 24 + path_bytes + size
            found.append(encoded)
        return found

    def test_as_many_encode_as_there_are_workers(self):
        self.make_files()
        self.meet(8, "--set", "format:meeting.threads=8")

    def test_all_workers_encode_one_big_file(self):
        hb.write(self.home / "big", words(1, 16 << 20))
        self.meet(8, "--set", "format:meeting.threads=8")

    def test_appending_goes_on_beside_encode(self):
        self.make_files()
        self.meet(2, "--set", "format:meeting.waits-for-append=040")

    def test_the_order_of_completion_is_shuffled(self):
        """One worker: what it has encoded is written at once, or with others, as the seed says."""
        self.need_shuffle()
        self.make_files()
        self.meet(1, "--set", "format:meeting.waits-for-append=001")
        self.assertLess(self.encoded_before()[0], HELD_BACK)
        for seed in SEEDS:
            self.meet(1, HBCORE_TEST_SHUFFLE=str(seed))
            self.assertGreaterEqual(self.encoded_before()[0], HELD_BACK)

    def test_as_many_decode_as_there_are_workers(self):
        self.make_files()
        self.meet(2)
        settings = ("--set", "backup.workers=8", "--set", "format:meeting.readers=8")
        self.hbcore(*settings, "verify", self.archive)
        self.hbcore("--home", self.dir / "back", *settings, "import", self.archive)
        for number in range(64):
            self.assertEqual((self.dir / f"back/{number:03}").read_bytes(), b"x" * number)


if __name__ == "__main__":
    unittest.main()
