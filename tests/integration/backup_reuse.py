# SPDX-License-Identifier: Apache-2.0
"""
The second backup: what did not change is copied from the archive before, and nothing else is. Every
archive made that way is compared, byte for byte, with one that was made without.
"""
import json
import os
import pathlib
import random
import shutil
import sqlite3
import struct
import subprocess
import tarfile
import tempfile
import time
import unittest

import hb
import odd_store

# Under ThreadSanitizer what workers do is of interest, not what an archive must not be believed.
elsewhere = unittest.skipIf(os.environ.get("HBCORE_REUSE") == "threads",
                            "has nothing to do with threads: runs in the other presets")
RACY_SECONDS = 2  # a file is not trusted that changed so shortly before it was read


class Reuse(hb.Case):
    form, suffix = "zip", "zip"

    @classmethod
    def setUpClass(cls):
        """A home for each test, so that they grow old together: one is filled, the others are its copies."""
        cls.pool = pathlib.Path(tempfile.mkdtemp(prefix="hbcore-test-", dir=hb.scratch()))
        cls.addClassCleanup(shutil.rmtree, cls.pool)
        first, *others = unittest.TestLoader().getTestCaseNames(cls)
        cls.fill(cls.pool / first)
        for name in others:
            subprocess.run(["cp", "-a", cls.pool / first, cls.pool / name], check=True)
        cls.old_enough(cls.pool)

    @classmethod
    def fill(cls, home):
        source = random.Random(5)
        for number in range(120):
            hb.write(home / f"sessions/{number // 30}/{number}.json",
                     f'{{"number": {number}, "text": "{"word " * (number % 7)}"}}'.encode())
        hb.write(home / "logs/agent.log", b"".join(
            b"%08d something happened %d\n" % (i, i * i % 977) for i in range(180_000)))
        hb.write(home / "noise/large.bin", source.randbytes(9_000_000))
        hb.write(home / "exactly.bin", source.randbytes(1 << 20) * 4)
        hb.write(home / "bin/run.sh", b"#!/bin/sh\n", 0o755)
        hb.write(home / "config.yaml", b"model: large\n")
        (home / "hollow/inner").mkdir(parents=True)
        cls.make_database(home / "state.db", rows=40_000, wal=True)
        cls.make_database(home / "small.db")

    def setUp(self):
        super().setUp()
        self.random = random.Random(7)
        self.home = self.dir / "home"
        (self.pool / self._testMethodName).rename(self.home)
        self.archive = self.dir / f"a.{self.suffix}"

    # ---- what all do ----

    @staticmethod
    def old_enough(folder):
        """Waits until the file system's clock has left the times of all files behind."""
        newest = max(os.stat(path).st_ctime for path in folder.rglob("*"))
        while time.time() < newest + RACY_SECONDS + 1.1:
            time.sleep(0.05)

    def make(self, archive=None, *options, reuse="yes", env=None, expect=0):
        done = self.hbcore("--home", self.home, "--json", "--set", f"backup.reuse={reuse}", *options,
                           "backup", "--format", self.form, "-o", archive or self.archive,
                           env=env, expect=expect)
        return self.summary(done)

    def bytes(self, path=None):
        """Those that are the same for the same tree, whenever it is archived."""
        return hb.timeless(pathlib.Path(path or self.archive).read_bytes())

    def fresh(self, *options, **keywords):
        """The bytes of an archive that nothing was copied into."""
        path = self.dir / f"fresh.{self.suffix}"
        path.unlink(missing_ok=True)
        self.assertEqual(self.make(path, *options, **keywords)["reused_bytes"], 0)
        return self.bytes(path)

    def assert_same_as_fresh(self, made):
        self.assertTrue(self.bytes() == self.fresh(), f"other bytes; {made}")

    def assert_restores(self):
        target = self.dir / "target"
        shutil.rmtree(target, ignore_errors=True)
        self.hbcore("verify", self.archive)
        self.hbcore("--home", target, "import", self.archive, "--force")
        there, here = hb.tree(target), hb.tree(self.home)
        for name in list(here):
            if name == b"." or name.endswith((b".db", b"-wal", b"-shm")):
                here.pop(name)
                there.pop(name, None)
        self.assertEqual(hb.differences(here, there), [])
        for name in ("state.db", "small.db"):
            self.assertEqual(self.database_rows(target / name),
                             self.database_rows(self.home / name))

    def without_trailer(self, data):
        """What other readers see of an archive: all but the host's block and the places behind it."""
        if self.form == "zip":
            data = hb.first_form(data)
            end = data.rindex(b"PK\5\6")
            size, start = struct.unpack_from("<LL", data, end + 12)
            length = struct.unpack_from("<Q", data, start - 16)[0]
            self.assertEqual(data[start - 8:start], b"hbcoreTR")
            return data[:start - 20 - length] + data[start:start + size]
        at = data.rindex(b"\x5c\x2a\x4d\x18", 0, data.rindex(b"hbtrail1"))
        return data[:at]

    # ---- what is said of a database ----

    @elsewhere
    def test_rows_that_are_counted(self):
        """Shown by all commands; taken over with the copy; where other tables are named, counted anew."""
        for tables, there in (("t no-such", {"t": 40_000}), ("T", {"T": 40_000}), ("", None), ("t", {"t": 40_000})):
            count = ("--set", f"content:sqlite.count={tables}")
            self.make(None, *count)
            made = self.make(None, *count)
            listed = self.hbcore("--json", "list", self.archive).stdout.splitlines()
            rows = made["databases"] + self.summary(self.hbcore("--json", "verify", self.archive))["databases"]
            found = [row.get("facts") for row in (*rows, *map(json.loads, listed)) if row.get("path") == "state.db"]
            self.assertEqual((found, made["reused_bytes"] > made["bytes"] - 100), ([there] * 3, True), made)

    # ---- nothing changed ----

    def test_nothing_changed(self):
        first = self.make()
        self.assertEqual(first["reused_bytes"], 0)
        before = self.bytes()
        for workers in (1, 2, 3, 8):
            again = self.make(None, "--set", f"backup.workers={workers}",
                              env={"HBCORE_TEST_SHUFFLE": str(workers)})
            self.assertEqual(again["reused_bytes"], again["bytes"], again)
            self.assertEqual(again["databases"], first["databases"])
            self.assertTrue(self.bytes() == before, f"{workers} workers")
        self.assert_restores()
        plain = self.dir / f"plain.{self.suffix}"
        self.make(plain, reuse="no")
        self.assertTrue(self.without_trailer(plain.read_bytes()) ==
                        self.without_trailer(self.archive.read_bytes()))

    # ---- everything that can change ----

    def change(self):
        home = self.home
        with open(home / "logs/agent.log", "ab") as stream:
            stream.write(b"one more line\n" * 1000)
        with open(home / "exactly.bin", "r+b") as stream:  # one unit of four
            stream.seek((2 << 20) + 5)
            stream.write(b"other")
        hb.write(home / "sessions/0/new.json", b"{}")
        (home / "sessions/1/40.json").unlink()
        (home / "sessions/2").rename(home / "sessions/20")
        (home / "bin/run.sh").chmod(0o700)
        path = home / "sessions/3/95.json"  # the same size and time
        status = path.stat()
        path.write_bytes(b"x" * status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        other = home / "sessions/3/replaced"  # another file under the name, the same size and time
        shutil.copy2(home / "sessions/3/96.json", other)
        status = other.stat()
        other.write_bytes(b"y" * status.st_size)
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.rename(home / "sessions/3/96.json")

    def test_changes(self):
        self.make()
        self.change()
        with sqlite3.connect(self.home / "state.db") as database:
            database.execute("UPDATE t SET text = 'changed' WHERE id = 17")
            database.execute("INSERT INTO t (text) VALUES ('new')")
        database.close()
        self.old_enough(self.home)
        made = self.make()
        self.assertGreater(made["reused_bytes"], made["bytes"] // 3, made)
        self.assertLess(made["reused_bytes"], made["bytes"])
        self.assert_same_as_fresh(made)
        self.assert_restores()

    def test_a_database_that_grew(self):
        """It comes last, so that nothing lies behind what it was in the archive before."""
        shutil.rmtree(self.home)
        self.home.mkdir()
        database = sqlite3.connect(self.home / "state.db", isolation_level=None)
        self.addCleanup(database.close)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE large (data BLOB)")
        for _ in range(20):
            database.execute("INSERT INTO large VALUES (randomblob(1000000))")
        self.make()
        for _ in range(6):
            database.execute("INSERT INTO large VALUES (randomblob(1000000))")
        made = self.make()
        self.assertGreater(made["reused_bytes"], made["bytes"] // 3, made)
        self.assert_same_as_fresh(made)

    @elsewhere
    def test_a_change_within_the_clocks_tick(self):
        path = self.home / "racy.txt"
        for number in range(12):
            hb.write(path, b"old %03d" % number, mtime_ns=1_700_000_000_000_000_000)
            self.make()
            hb.write(path, b"new %03d" % number, mtime_ns=1_700_000_000_000_000_000)
            self.make()
            shown = self.hbcore("cat", self.archive, "racy.txt").stdout
            self.assertEqual(shown, b"new %03d" % number)

    @elsewhere
    def test_commits_that_touch_the_log_only(self):
        database = sqlite3.connect(self.home / "state.db", isolation_level=None)
        self.addCleanup(database.close)
        database.execute("PRAGMA wal_autocheckpoint=0")
        for number in range(15):
            database.execute("INSERT INTO t (text) VALUES (?)", (f"commit {number}",))
            rows = database.execute("SELECT count(*) FROM t").fetchone()
            self.make()
            if number % 3 == 0:
                self.make()  # once more, unchanged
            copy = self.dir / "copy.db"
            copy.write_bytes(self.hbcore("cat", self.archive, "state.db").stdout)
            stored = sqlite3.connect(copy)
            self.assertEqual(stored.execute("SELECT count(*) FROM t").fetchone(), rows)
            self.assertEqual(stored.execute("PRAGMA integrity_check").fetchone(), ("ok",))
            stored.close()

    @elsewhere
    def test_a_log_that_is_rewritten_in_place(self):
        """With size and time put back: it is read again. Unchanged it is not, whoever has it open."""
        database = sqlite3.connect(self.home / "state.db")
        database.execute("PRAGMA wal_autocheckpoint=0")
        database.execute("CREATE TABLE words(word)")
        database.execute("INSERT INTO words VALUES('before it')")
        database.commit()
        log = self.home / "state.db-wal"
        self.old_enough(self.home)
        changed = log.stat().st_ctime_ns
        self.make()
        self.assertEqual(log.stat().st_ctime_ns, changed)  # nor does the backup do anything to it
        made = self.make()
        whole = made["reused_bytes"]
        self.assertEqual(whole, made["bytes"])
        status, data = log.stat(), log.read_bytes()
        with open(log, "r+b") as stream:
            stream.seek(data.rindex(b"before it"))
            stream.write(b"after all")
        os.utime(log, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.assertEqual((log.stat().st_size, log.stat().st_mtime_ns), (status.st_size, status.st_mtime_ns))
        self.old_enough(self.home)
        self.assertLess(self.make()["reused_bytes"], whole)
        self.hbcore("--home", self.dir / "target", "import", self.archive, "--force")
        restored = sqlite3.connect(self.dir / "target" / "state.db")
        self.assertEqual(restored.execute("SELECT word FROM words").fetchall(), [("after all",)])
        restored.close()
        database.close()

    @elsewhere
    def test_what_changed_just_before_it_was_read(self):
        """It may change once more within the same tick of the clock: it is read again."""
        shutil.rmtree(self.home)
        for seconds in (0, 3600):  # a time in the future says as little
            path = hb.write(self.home / f"{seconds}.txt", b"text" * 1000)
            os.utime(path, (time.time() + seconds,) * 2)
        for _ in range(2):
            made = self.make()
            self.assertEqual(made["reused_bytes"], 0, made)

    # ---- what must not be copied from ----

    @elsewhere
    def test_a_damaged_archive_is_never_copied_from(self):
        shutil.rmtree(self.home / "noise")
        (self.home / "exactly.bin").write_bytes(self.random.randbytes(1 << 20) + b"tail" * 50_000)
        self.old_enough(self.home)
        self.make()
        good = self.archive.read_bytes()
        fresh = self.fresh()
        places = [self.random.randrange(len(good)) for _ in range(200 if hb.FULL else 24)]
        places += [len(good) - 1 - self.random.randrange(20_000) for _ in range(100 if hb.FULL else 10)]
        copied = 0
        for place in places:
            damaged = bytearray(good)
            damaged[place] ^= 1 << self.random.randrange(8)
            self.archive.write_bytes(damaged)
            made = self.make()
            copied += made["reused_bytes"] > 0
            self.assertTrue(self.bytes() == fresh, f"a bit of byte {place}: {made}")
        self.assertGreater(copied, len(places) // 4, "damage to one unit costs more than that one")
        for cut in (0, 1, len(good) // 2, len(good) - 1):
            self.archive.write_bytes(good[:cut])
            self.assertEqual(self.make()["reused_bytes"], 0)
            self.assertTrue(self.bytes() == fresh, f"cut at {cut}")

    @elsewhere
    def test_other_settings(self):
        self.make()
        kept = self.archive.read_bytes()
        level = {"zip": "1", "tar-zstd": "1"}[self.form]
        made = self.make(None, "--set", f"format:{self.form}.level={level}")
        self.assertEqual(made["reused_bytes"], 0)
        if self.form == "tar-zstd":
            self.archive.write_bytes(kept)
            self.assertEqual(self.make(None, "--set", "format:tar-zstd.frame-size=1M")
                             ["reused_bytes"], 0)
        self.archive.write_bytes(kept)
        self.assertEqual(self.make(reuse="no")["reused_bytes"], 0)
        self.assertEqual(self.make()["reused_bytes"], 0, "it was made without an index")

    @elsewhere
    def test_an_archive_that_others_can_write_to(self):
        """Modes and owners prove nothing, and many file systems have none: the seal does."""
        self.make()
        self.archive.chmod(0o666)
        made = self.make()
        self.assertEqual(made["reused_bytes"], made["bytes"])

    def assert_taken_over_once_more(self, *words):
        """Nothing is, with a note; what is made then is sealed again."""
        made = self.make()
        self.assertEqual(made["reused_bytes"], 0)
        self.assertEqual(len(made["notes"]), 1)
        for word in ("nothing is reused", *words):
            self.assertIn(word, made["notes"][0]["reason"])
        made = self.make()
        self.assertEqual((made["reused_bytes"], made["notes"]), (made["bytes"], []))

    @elsewhere
    def test_the_key_is_lost(self):
        self.make()
        key = self.user / "state/hbcore/reuse.key"
        self.assertEqual((key.stat().st_mode & 0o777, key.stat().st_size), (0o600, 32))
        self.assertEqual(key.parent.stat().st_mode & 0o777, 0o700)
        key.unlink()
        self.assert_taken_over_once_more("is gone")
        key.write_bytes(b"half of it")
        self.assert_taken_over_once_more("is gone")
        self.assertEqual(key.stat().st_size, 32)
        self.assertEqual(os.listdir(key.parent), ["reuse.key"])

    @elsewhere
    def test_the_key_of_another_installation(self):
        self.make()
        (self.user / "state").rename(self.user / "other")
        hb.write(self.user / "state/hbcore/reuse.key", bytes(range(32)), 0o600)
        (self.user / "state/hbcore").chmod(0o700)
        self.assert_taken_over_once_more("not sealed with the key")

    @elsewhere
    def test_a_key_that_others_could_have_made(self):
        self.make()
        key = self.user / "state/hbcore/reuse.key"
        for path, mode in ((key, 0o644), (key.parent, 0o777)):
            before = path.stat().st_mode & 0o777
            path.chmod(mode)
            made = self.make()
            self.assertEqual(made["reused_bytes"], 0)
            self.assertIn("others can", made["notes"][0]["reason"])
            path.chmod(before)

    @elsewhere
    def test_an_index_that_was_changed(self):
        """Every byte in front of the seal is sealed: here with checksums as they have to be."""
        self.make()
        good = hb.first_form(self.archive.read_bytes())
        trailer = hb.Trailer(good)
        end = trailer.at - trailer.start
        for offset in (end - 1, end - 200, end + 60):
            self.archive.write_bytes(hb.forged(good, {offset: 1}))
            made = self.make()
            self.assertEqual(made["reused_bytes"], 0, offset)

    @elsewhere
    def test_of_another_home(self):
        self.make()
        copy = self.dir / "copy"
        self.tool("cp", "-a", self.home, copy)
        self.home = copy
        made = self.make()
        self.assertEqual(made["reused_bytes"], 0)
        self.assertIn("belongs to this home", " ".join(note["reason"] for note in made["notes"]))

    @elsewhere
    @odd_store.local("an incomplete archive beside the one it must not replace")
    def test_what_is_doubtful_is_looked_at_each_time(self):
        path = self.home / "broken.db"
        self.make_database(path, rows=2000)
        data = bytearray(path.read_bytes())
        data[4096:12288] = b"\xff" * 8192
        path.write_bytes(data)
        self.old_enough(self.home)
        for _ in range(2):
            made = self.make(expect=3)
            self.assertEqual([row["path"] for row in made["doubtful"]], ["broken.db"])
        self.assertGreater(made["reused_bytes"], 0)

    # ---- names and times ----

    @elsewhere
    def test_the_newest_of_the_preset(self):
        options = ("--set", f"preset:pre-update.format={self.form}")
        made = [self.summary(self.hbcore("--home", self.home, "--json", *options, "backup",
                                         "--preset", "pre-update")) for _ in range(3)]
        self.assertEqual([row["reused_bytes"] for row in made],
                         [0, made[0]["bytes"], made[0]["bytes"]])
        self.assertEqual(len({row["archive"] for row in made}), 3)
        contents = {self.bytes(row["archive"]) for row in made}
        self.assertEqual(len(contents), 1)
        last = self.summary(self.hbcore("--home", self.home, "--json", *options, "--set",
                                        "preset:pre-update.reuse=no", "backup", "--preset",
                                        "pre-update"))
        self.assertEqual(last["reused_bytes"], 0)

    def test_reproducible(self):
        """No inode and no time of change is in an archive that is to be reproducible."""
        env = {"SOURCE_DATE_EPOCH": "1800000000"}
        self.make(env=env)
        first = self.archive.read_bytes()
        copy = self.dir / "copy"
        self.tool("cp", "-a", self.home, copy)
        self.home = copy
        self.old_enough(self.home)
        made = self.make(self.dir / f"b.{self.suffix}", env=env)
        self.assertTrue((self.dir / f"b.{self.suffix}").read_bytes() == first, made)
        # Nothing in it says who made it, so that nothing is reused from it.
        made = self.make(self.dir / f"b.{self.suffix}", env=env)
        self.assertEqual(made["reused_bytes"], 0)
        self.assertTrue((self.dir / f"b.{self.suffix}").read_bytes() == first, made)


class ReuseTar(Reuse):
    form, suffix = "tar-zstd", "tar.zst"


class Groups(hb.Case):
    """Small files share a unit, which is taken over for just these files, or not at all."""

    FRAME = 1 << 20
    HOMES = {"test_the_last_of_a_group_is_gone": (9, 2048), "test_another_one_moves_up": (24, FRAME // 2 - 4096)}

    @classmethod
    def setUpClass(cls):
        cls.pool = pathlib.Path(tempfile.mkdtemp(prefix="hbcore-test-", dir=hb.scratch()))
        cls.addClassCleanup(shutil.rmtree, cls.pool)
        for name, (count, size) in cls.HOMES.items():
            for number in range(count):
                hb.write(cls.pool / name / f"{number:03}", b"%03d " % number * (size // 4),
                         mtime_ns=1_700_000_000 * 10**9)
        Reuse.old_enough(cls.pool)

    def setUp(self):
        super().setUp()
        self.home, self.archive = self.dir / "home", self.dir / "a.tar.zst"
        (self.pool / self._testMethodName).rename(self.home)

    def make_and_judge(self):
        """By a reader that is not ours, and by ours."""
        done = self.hbcore("--home", self.home, "--json", "--set", "backup.reuse=yes", "--set",
                           f"format:tar-zstd.frame-size={self.FRAME}", "backup", "--format", "tar-zstd", "-o",
                           self.archive)
        self.hbcore("--set", "import.markers=", "verify", self.archive)
        plain = self.dir / "plain.tar"
        self.tool("zstd", "-dqf", self.archive, "-o", plain)
        with tarfile.open(plain) as opened:
            stored = {row.name: opened.extractfile(row).read() for row in opened}
        here = {path.name: path.read_bytes() for path in self.home.iterdir() if path.name != hb.HOME_ID}
        self.assertEqual(stored.keys(), here.keys())
        self.assertEqual([name for name in here if stored[name] != here[name]], [])
        for name in sorted(here)[::7]:
            self.assertEqual(self.hbcore("cat", self.archive, name).stdout, here[name])
        return self.summary(done)["reused_bytes"]

    def test_the_last_of_a_group_is_gone(self):
        self.make_and_judge()
        self.assertGreater(self.make_and_judge(), 0)
        for name in ("008", "007", "000"):
            (self.home / name).unlink()
            self.make_and_judge()

    def test_another_one_moves_up(self):
        """All of one length, and as many in a unit as there is room for: the next one takes the place."""
        self.make_and_judge()
        self.assertGreater(self.make_and_judge(), 0)
        for name in ("001", "006", "013", "018"):
            (self.home / name).unlink()
            self.make_and_judge()


if __name__ == "__main__":
    unittest.main()
