# SPDX-License-Identifier: Apache-2.0
"""The history of find is a cache: filled by the command that asks, it spares reading the archives again; lost, locked,
torn, wrong or out of date, no command fails or answers otherwise."""
import concurrent.futures
import json
import os
import pathlib
import random
import shutil
import sqlite3
import stat
import subprocess
import tempfile
import time
import unittest

import fault
import hb
import mounts
import sealed

FLIPS = 200
RACY_SECONDS = 2  # what is younger is read each time
OPENS = "open,openat,openat2"


class Base:
    """Some nights of a home, and questions about them."""

    formats = ("zip", "tar-zstd")

    def set_up(self):
        self.kept = self.dir / "kept"
        self.state = self.user / "state/hbcore/find.history"

    def preset(self, name="mine", *more):
        return ("--set", f"preset:{name}.directory={self.kept}", "--set", f"preset:{name}.keep=90", *more)

    def nightly(self, home=None, *options, format="tar-zstd", expect=0):
        done = self.hbcore("--home", home or self.home, *self.preset("mine", "--set", f"preset:mine.format={format}"),
                           *options, "--json", "backup", "--preset", "mine", expect=expect)
        return pathlib.Path(self.summary(done)["archive"])

    def nights(self, count=4):
        """The last one changes a file, and one comes and goes."""
        made = []
        for night in range(count):
            hb.write(self.home / "same", b"same")
            hb.write(self.home / "sub/often", f"night {night}".encode())
            if night == 1:
                hb.write(self.home / "sub/once", b"once")
            made.append(self.nightly(format=self.formats[night % 2]))
            (self.home / "sub/once").unlink(missing_ok=True)
        self.old_enough()
        return made

    def old_enough(self):
        """Waits until the file system's clock has left the times of the archives behind."""
        newest = max(os.stat(path).st_ctime for path in self.kept.iterdir())
        while time.time() < newest + RACY_SECONDS + 1.1:
            time.sleep(0.05)

    def ask(self, *words, expect=0, state=None, home=None, more=(), **keywords):
        """All that is printed, but for how long it took."""
        env = None if state is None else {"XDG_STATE_HOME": str(state)}
        shown = []
        for way in ((), ("--json",)):
            done = self.hbcore("--home", home or self.home, *self.preset(), *more, *way, "find", *words, expect=expect,
                               env=env, **keywords)
            lines = done.stdout.splitlines()
            if way:
                rows = [json.loads(line) for line in lines]
                for key in ("seconds", "started", "started_text"):
                    rows[-1].pop(key, None)
                lines = [json.dumps(row).encode() for row in rows]
            shown.append((done.returncode, lines, done.stderr.splitlines()))
        return shown

    def without(self, *words, **keywords):
        """The same where a directory has the name of the history."""
        other = self.dir / "other-state"
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(self.user / "state", other, ignore=shutil.ignore_patterns("find.history*"))
        (other / "hbcore/find.history").mkdir()
        return self.ask(*words, state=other, **keywords)

    def rows(self, question, path=None):
        database = sqlite3.connect(f"file:{path or self.state}?mode=ro", uri=True)
        try:
            return database.execute(question).fetchall()
        finally:
            database.close()

    def stored(self):
        return self.rows("SELECT count(*) FROM archive")[0][0]


class History(Base, fault.FaultCase):
    config = hb.GENERIC

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.home.mkdir()
        self.set_up()

    def opened(self, *words, expect=0):
        """How often an archive is opened for a question."""
        run = self.faulted("--home", self.home, *self.preset(), "find", *words, calls=OPENS, path=f"{self.kept}/mine-*",
                           list_calls=True, expect=expect)
        return len([call for call in run.calls if not any(word.endswith(".facts") for word in call)])

    def test_it_is_filled_and_answers(self):
        self.nights()
        truth = self.without("*", "mine")
        self.assertFalse(self.state.exists())
        self.assertGreaterEqual(self.opened("*", "mine"), 4)
        self.assertEqual(stat.S_IMODE(self.state.stat().st_mode), 0o600)
        self.assertEqual(self.stored(), 4)
        self.assertEqual(self.opened("*", "mine"), 0)
        for pattern in ("*", "often", "sub/", "o*", "none", "/same"):
            self.assertEqual(self.ask(pattern, "mine"), self.without(pattern, "mine"), pattern)
        self.assertEqual(self.ask("*", "mine"), truth)
        self.assertEqual(sorted(os.listdir(self.state.parent)), ["find.history", "reuse.key"])

    def test_a_night_costs_its_own_archive(self):
        self.nights()
        self.ask("*", "mine")
        before = self.rows("SELECT count(*) FROM span")[0][0]
        hb.write(self.home / "sub/often", b"once more")
        made = self.nightly()
        self.old_enough()
        run = self.faulted("--home", self.home, *self.preset(), "find", "*", "mine", calls=OPENS,
                           path=f"{self.kept}/mine-*", list_calls=True)
        self.assertEqual({name for call in run.calls for name in call if name.endswith((".zip", ".zst"))}, {str(made)})
        self.assertLessEqual(self.rows("SELECT count(*) FROM span")[0][0], before + 4)
        self.assertEqual(self.ask("*", "mine"), self.without("*", "mine"))

    def test_no_backup_fills_it(self):
        self.nights(2)
        self.hbcore("--home", self.home, *self.preset(), "archives", "mine")
        self.assertFalse(self.state.exists())

    def test_replaced_archives(self):
        """Another one under the name, one that was changed where it lies, and two that have changed their names."""
        made = self.nights()
        self.ask("*", "mine")
        shutil.copy(made[2], self.dir / "copy")
        os.replace(self.dir / "copy", made[0])
        self.assertEqual(self.ask("*", "mine"), self.without("*", "mine"))
        status = made[1].stat()
        with open(made[1], "r+b") as stream:
            stream.truncate(status.st_size // 2)
            stream.truncate(status.st_size)
        os.utime(made[1], ns=(status.st_atime_ns, status.st_mtime_ns))
        self.assertEqual(self.ask("*", "mine", expect=3), self.without("*", "mine", expect=3))
        made[3].rename(self.dir / "held")
        made[2].rename(self.kept / made[3].name.replace(".tar.zst", ".zip"))
        (self.dir / "held").rename(self.kept / made[2].name)
        self.assertEqual(self.ask("*", "mine", expect=3), self.without("*", "mine", expect=3))

    def test_what_is_young_is_read_again(self):
        self.nights(2)
        self.ask("*", "mine")
        made = self.nightly()
        self.ask("*", "mine")
        if time.time() < made.stat().st_ctime + RACY_SECONDS:
            self.assertEqual(self.stored(), 2)

    def test_an_archive_that_cannot_be_read_cuts(self):
        """Nobody can tell whether the file was in it."""
        made = self.nights(3)
        self.ask("same", "mine")
        size = os.path.getsize(made[1])
        for left in (size, size // 2):  # the facts are of that length, or not
            with open(made[1], "r+b") as stream:
                stream.truncate(size // 2)
                stream.truncate(left)
            shown = self.ask("same", "mine", expect=3)
            self.assertEqual(shown, self.without("same", "mine", expect=3))
            found = [json.loads(line) for line in shown[1][1][:-1]]
            self.assertEqual([(row["first"], row["last"], row["archives"]) for row in found],
                             [(str(made[2]), str(made[2]), 1), (str(made[0]), str(made[0]), 1)])

    def test_what_is_gone_goes(self):
        made = self.nights()
        self.ask("*", "mine")
        for path in made[:3]:
            path.unlink()
        self.assertEqual(self.ask("*", "mine"), self.without("*", "mine"))
        self.assertEqual(self.stored(), 1)
        self.assertEqual(self.rows("SELECT path FROM name WHERE path LIKE '%once'"), [])
        self.assertEqual(self.ask("*", "mine"), self.without("*", "mine"))

    def test_another_reader_reads(self):
        """What may be read decides what can be told."""
        self.nights(2)
        self.ask("*", "mine")
        more = ("--set", "import.max-entries=1")
        self.assertEqual(self.ask("*", "mine", more=more, expect=3), self.without("*", "mine", more=more, expect=3))
        self.assertEqual(self.ask("*", "mine"), self.without("*", "mine"))

    def test_names_twice_in_an_archive(self):
        self.nights(1)
        shutil.copy(next(self.kept.glob("*.zip")), self.kept / "twice.zip")
        self.need("zip")
        script = ("import sys,zipfile,warnings\nwarnings.simplefilter('ignore')\nwith zipfile.ZipFile(sys.argv[1],'w') as z:\n"
                  " z.writestr('twice','a')\n z.writestr('twice','bcd')\n z.writestr('twice','a')\n")
        subprocess.run(["python3", "-c", script, self.kept / "twice.zip"], check=True)
        self.old_enough()
        for _ in range(2):
            self.assertEqual(self.ask("*", f"{self.kept}/"), self.without("*", f"{self.kept}/"))
        self.assertEqual(self.stored(), 1)

    def test_it_is_in_no_archive(self):
        inside = self.home / ".local/state"
        self.nights(1)
        self.ask("*", "mine", state=inside)
        self.ask("*", "mine", state=inside)
        hb.write(inside / "hbcore/find.history-journal", b"left by a kill")
        hb.write(self.home / "history/hbcore/find.history.txt", b"a file like others")
        self.assertTrue((inside / "hbcore/find.history").exists())
        for user in (inside, self.user / "state"):
            for form in self.formats:
                made = self.hbcore("--home", self.home, *self.preset("mine", "--set", f"preset:mine.format={form}"), "--json",
                                   "backup", "--preset", "mine", env={"XDG_STATE_HOME": str(user)})
                listed = self.hbcore("list", self.summary(made)["archive"]).stdout.decode()
                self.assertNotIn("find.history\n", listed)
                self.assertNotIn("find.history-journal", listed)
                self.assertIn("find.history.txt", listed)

    def test_it_comes_out_of_no_archive(self):
        """Somebody could put a history into a home that way."""
        source = self.dir / "source"
        hb.write(source / "state/hbcore/find.history", b"told")
        hb.write(source / "file", b"text")
        archive = self.dir / "a.zip"
        subprocess.run(["python3", "-m", "zipfile", "-c", archive, "state", "file"], cwd=source, check=True)
        self.hbcore("--home", self.home, "import", archive, "--force", expect=3)
        self.assertFalse((self.home / "state/hbcore/find.history").exists())
        self.assertTrue((self.home / "file").exists())

    def test_two_places(self):
        """A preset, its directory, and another home's archives in it."""
        self.nights(2)
        theirs = self.dir / "theirs"
        hb.write(theirs / "same", b"of theirs")
        self.nightly(theirs)
        self.old_enough()
        for _ in range(2):
            for words in (("*", "mine"), ("*", f"{self.kept}/"), ("same", "mine", f"{self.kept}/")):
                self.assertEqual(self.ask(*words), self.without(*words), words)
                self.assertEqual(self.ask(*words, home=theirs), self.without(*words, home=theirs), words)
        self.assertEqual(self.rows("SELECT count(*) FROM strand"), [(4,)])  # each home's in the preset, and all in the directory
        before = self.state.read_bytes()
        self.ask("*", "mine")
        self.ask("*", "mine", home=theirs)
        self.assertTrue(self.state.read_bytes() == before)


class Trouble(Base, fault.FaultCase):
    """With the file, or with who else wants it. Archives are old enough once, for all of these tests."""

    config = hb.GENERIC
    shared = None

    def setUp(self):
        super().setUp()
        self.set_up()
        if self.shared is None:
            top = pathlib.Path(tempfile.mkdtemp(prefix="hbcore-test-", dir=hb.scratch()))
            self.addClassCleanup(shutil.rmtree, top)
            self.use(top)
            self.home.mkdir()
            self.nights()
            shutil.copytree(self.user / "state", top / "state")
            type(self).shared = top
        else:
            self.use(self.shared)
            shutil.copytree(self.shared / "state", self.user / "state")
        self.fill()

    def use(self, top):
        self.home, self.kept = top / "home", top / "kept"

    def fill(self):
        self.state.unlink(missing_ok=True)
        self.truth = self.without("*", "mine")
        self.assertEqual(self.ask("*", "mine"), self.truth)
        self.good = self.state.read_bytes()

    def one_more(self):
        """Archives of this test's own; what is in `good` lacks the last one."""
        self.use(self.dir)
        self.home.mkdir()
        self.nights()
        self.fill()
        hb.write(self.home / "sub/often", b"one more")
        self.nightly()
        self.old_enough()
        self.truth = self.without("*", "mine")

    def put(self, data):
        for name in os.listdir(self.state.parent):
            if name.startswith("find.history"):
                (self.state.parent / name).unlink()
        if data is None:
            return
        self.state.write_bytes(data)
        self.state.chmod(0o600)

    def assert_made_anew(self, about=None, count=4):
        self.assertEqual(self.ask("*", "mine"), self.truth, about)
        self.assertEqual(self.stored(), count, about)
        self.assertEqual(self.rows("PRAGMA integrity_check"), [("ok",)], about)

    def test_lost_cut_or_nonsense(self):
        self.state.unlink()
        self.assert_made_anew()
        draw = random.Random(3)
        for data in (b"", b"x", bytes(5000), draw.randbytes(40000), self.good[:100], self.good[:4096], self.good[:-4096],
                     self.good[:-1], self.good + b"more", self.good[4096:], b"\0" * (80 << 20)):
            self.put(data)
            self.assert_made_anew((len(data), data[:20]))

    def test_flipped_bytes(self):
        """Wherever; what the library does not notice, too: sizes, hashes, times, names."""
        draw = random.Random(5)
        pages = len(self.good) // 4096
        seen = 0
        for number in range(FLIPS):
            data = bytearray(self.good)
            for _ in range(draw.choice((1, 1, 1, 2, 16))):
                at = draw.randrange(pages) * 4096 + draw.choice((draw.randrange(4096), draw.randrange(3500, 4096), draw.randrange(120)))
                data[at] ^= 1 << draw.randrange(8)
            self.put(bytes(data))
            done = self.hbcore("--home", self.home, *self.preset(), "find", "*", "mine")
            self.assertEqual(done.stdout.splitlines(), self.truth[0][1], number)
            seen += self.state.read_bytes() != bytes(data)
        self.assertGreater(seen, FLIPS // 4)  # most of them are noticed: the rest are in free space

    def test_values_that_only_the_checksum_notices(self):
        for change in ("UPDATE span SET bytes = bytes + 1 WHERE rowid IS NOT NULL", "UPDATE span SET mtime = mtime + 60",
                       "UPDATE span SET last = first WHERE last IS NULL", "UPDATE span SET hash = hash + 1",
                       "UPDATE name SET path = 'another' WHERE path = 'same'", "DELETE FROM span WHERE last IS NULL",
                       "DELETE FROM archive WHERE number = 1", "UPDATE archive SET incomplete = 1",
                       "UPDATE span SET type = 2", "UPDATE span SET name = name + 1 WHERE name = (SELECT max(name) FROM span)"):
            self.put(self.good)
            change = change.replace(" WHERE rowid IS NOT NULL", "")
            with sqlite3.connect(self.state) as database:
                self.assertGreater(database.execute(change).rowcount, 0, change)
            database.close()
            self.assert_made_anew(change)

    def test_a_later_version_is_left_alone(self):
        with sqlite3.connect(self.state) as database:
            database.execute("PRAGMA user_version = 2")
            database.execute("UPDATE span SET bytes = bytes + 1")  # whatever that means there
        database.close()
        later = self.state.read_bytes()
        self.assertEqual(self.ask("*", "mine"), self.truth)
        self.assertTrue(self.state.read_bytes() == later)

    def test_other_tables_are_made_anew(self):
        for change in ("DROP TABLE span", "ALTER TABLE span RENAME COLUMN bytes TO size", "PRAGMA application_id = 7",
                       "PRAGMA user_version = 0"):
            self.put(self.good)
            with sqlite3.connect(self.state) as database:
                database.execute(change)
            database.close()
            self.assert_made_anew(change)

    def test_one_that_is_full_is_made_anew(self):
        """Of what nobody asks for any more."""
        self.one_more()
        for number in range(400):
            hb.write(self.home / f"another/{number}-{'x' * 50}")
        self.nightly()
        self.old_enough()
        self.truth = self.without("*", "mine")
        with sqlite3.connect(self.state) as database:
            database.execute("UPDATE strand SET place = 'elsewhere'")
            database.execute("CREATE TABLE filler (data BLOB)")
            room = (64 << 20) - self.state.stat().st_size
            database.execute("INSERT INTO filler VALUES (zeroblob(?))", (room,))
        database.close()
        self.assert_made_anew(count=6)
        self.assertLess(self.state.stat().st_size, 1 << 20)

    def test_what_is_not_its_own_is_left_alone(self):
        elsewhere = self.dir / "elsewhere"
        elsewhere.write_bytes(self.good)
        elsewhere.chmod(0o600)

        def link():
            self.state.symlink_to(elsewhere)

        def hard_link():
            os.link(elsewhere, self.state)

        def open_to_all():
            self.state.write_bytes(b"told by somebody else")
            self.state.chmod(0o666)

        def dangling():
            self.state.symlink_to(self.dir / "nowhere")

        for make in (link, hard_link, open_to_all, dangling, lambda: os.mkfifo(self.state), self.state.mkdir):
            self.state.unlink(missing_ok=True)
            make()
            before = self.state.lstat()
            self.assertEqual(self.ask("*", "mine"), self.truth, make)
            now = self.state.lstat()
            self.assertEqual((now.st_ino, now.st_size, now.st_mtime_ns), (before.st_ino, before.st_size, before.st_mtime_ns))
        self.assertTrue(elsewhere.read_bytes() == self.good)
        self.assertFalse((self.dir / "nowhere").exists())

    def test_another_users(self):
        if os.geteuid() != 0:
            self.skip("for root alone")
        for made in (self.good, b""):
            self.put(made)
            os.chown(self.state, hb.NOBODY, hb.NOBODY)
            self.assertEqual(self.ask("*", "mine"), self.truth)
            self.assertTrue(self.state.read_bytes() == made)
            self.assertEqual(self.state.stat().st_uid, hb.NOBODY)
        self.put(self.good)
        os.chown(self.state.parent, hb.NOBODY, hb.NOBODY)
        self.ask("*", "mine")
        self.assertTrue(self.state.read_bytes() == self.good)

    def test_not_to_be_read_or_written(self):
        self.one_more()
        whose = self.somebody_else(self.dir)
        self.old_enough()
        self.truth = self.without("*", "mine", **whose)
        if whose:
            os.chown(self.dir / "other-state", hb.NOBODY, hb.NOBODY)
        folder = self.state.parent
        for path, mode in ((self.state, 0o000), (self.state, 0o400), (folder, 0o500), (folder, 0o000)):
            before = path.stat().st_mode
            path.chmod(mode)
            shown = self.ask("*", "mine", **whose)
            path.chmod(before)
            self.assertEqual(shown, self.truth, (path, mode))
            self.assertTrue(self.state.read_bytes() == self.good)
        self.assertEqual(self.ask("*", "mine", **whose), self.truth)
        self.assertFalse(self.state.read_bytes() == self.good)

    def test_locked(self):
        """Nobody waits longer than a moment, whoever holds it, and however."""
        self.one_more()
        for lock in ("BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"):
            self.put(self.good)
            holder = sqlite3.connect(self.state, isolation_level=None)
            holder.execute(lock)
            begun = time.monotonic()
            shown = self.ask("*", "mine")
            took = time.monotonic() - begun
            holder.execute("ROLLBACK")
            holder.close()
            self.assertEqual(shown, self.truth)
            self.assertLess(took, 20)
            self.assertTrue(self.state.read_bytes() == self.good)
            self.assertEqual(self.ask("*", "mine"), self.truth)
            self.assertEqual(self.stored(), 5)

    def test_two_at_a_time(self):
        for _ in range(4):
            self.state.unlink()
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                for shown in pool.map(lambda _: self.ask("*", "mine"), range(4)):
                    self.assertEqual(shown, self.truth)
            self.assert_made_anew()

    def find_faulted(self, **keywords):
        return self.faulted("--home", self.home, *self.preset(), "find", "*", "mine", calls=fault.CHANGING,
                            path=f"{self.state}*", **keywords)

    def test_killed_while_it_is_written(self):
        """At any write, sync or removal of it: what is left is right, or made anew."""
        self.one_more()
        for start in (None, self.good):
            self.put(start)
            points = self.find_faulted().count
            self.assertGreater(points, 10)
            for at in fault.some(range(1, points + 1), 14):
                self.put(start)
                self.assertNotEqual(self.find_faulted(at=at, kill=True, expect=None).returncode, 0, at)
                self.assertEqual(self.ask("*", "mine"), self.truth, (start is None, at))
                self.assertEqual(self.rows("PRAGMA integrity_check"), [("ok",)])
                self.assertEqual(self.stored(), 5)

    def test_each_write_fails(self):
        self.state.unlink()
        points = self.find_faulted().count
        for error in ("ENOSPC", "EIO", "EROFS"):
            for at in fault.some(range(1, points + 1), 6):
                for more in ("", "+"):
                    self.state.unlink(missing_ok=True)
                    run = self.find_faulted(at=f"{at}{more}", error=error)
                    self.assertEqual(run.stdout.splitlines(), self.truth[0][1], (error, at))
                    self.assertEqual(self.ask("*", "mine"), self.truth, (error, at))

    def test_a_full_disk(self):
        try:
            small = mounts.mount(self, "tmpfs", options="size=64k,mode=700")
        except mounts.Missing as reason:
            self.skip(str(reason))
        shutil.copytree(self.state.parent, small / "hbcore", ignore=shutil.ignore_patterns("find.history*"))
        with open(small / "filler", "wb", buffering=0) as stream:
            try:
                while True:
                    stream.write(bytes(4096))
            except OSError:
                pass
        for room in (0, 4096, 12288, 32768):
            os.truncate(small / "filler", max(0, os.path.getsize(small / "filler") - room))
            self.assertEqual(self.ask("*", "mine", state=small), self.truth, room)


class Random(Base, hb.Case):
    """Whatever was done to the archives: the same answer with the history, without, and with a torn one."""

    config = hb.GENERIC
    rounds = 6

    def change(self, draw, home):
        for _ in range(draw.randrange(4)):
            path = home / draw.choice(("a", "b", "c/d", "c/e", "f/g/h"))
            if path.exists() and draw.random() < 0.4:
                path.unlink()
            else:
                hb.write(path, draw.choice((b"one", b"two", b"three")), mtime_ns=draw.randrange(1, 5) * 10**18 // 4)
        link = home / "linked"
        if (home / "a").exists() and not link.exists() and draw.random() < 0.3:
            os.link(home / "a", link)

    def step(self, draw, homes):
        there = [path for path in self.kept.glob("mine-*") if path.suffix != ".facts"] if self.kept.exists() else []
        what = draw.random()
        if what < 0.6 or len(there) < 3:
            home = draw.choice(homes)
            self.change(draw, home)
            if draw.random() < 0.2:  # what cannot be read as a database leaves the archive incomplete
                hb.write(home / "torn.db", b"SQLite format 3\0" + bytes(4096))
            else:
                (home / "torn.db").unlink(missing_ok=True)
            self.nightly(home, format=draw.choice(self.formats), expect=None)
        elif what < 0.75:
            draw.choice(there).unlink()
        elif what < 0.9:
            shutil.copy(draw.choice(there), self.dir / "copy")
            os.replace(self.dir / "copy", draw.choice(there))
        else:
            with open(draw.choice(there), "r+b") as stream:
                stream.truncate(draw.randrange(1, 3000))

    def run_with(self, seed):
        draw = random.Random(seed)
        homes = [self.dir / "home", self.dir / "theirs"]
        for home in homes:
            hb.write(home / "a", b"one")
        self.home = homes[0]
        for _ in range(self.rounds):
            for _ in range(draw.randrange(1, 6)):
                self.step(draw, homes)
            self.old_enough()
            for words in (("*", "mine"), ("c/", f"{self.kept}/"), ("[a-d]", "mine", f"{self.kept}/")):
                truth = self.without(*words, expect=None)
                for _ in range(2):
                    self.assertEqual(self.ask(*words, expect=None), truth, (seed, words))
                if draw.random() < 0.3 and self.state.exists():
                    data = bytearray(self.state.read_bytes())
                    for _ in range(20):
                        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
                    self.state.write_bytes(data)
                    self.assertEqual(self.ask(*words, expect=None), truth, (seed, words))

    def test_random_archives(self):
        self.set_up()
        self.run_with(int(os.environ.get("HBCORE_SEED", "1")))

    def test_random_archives_otherwise(self):
        self.set_up()
        self.run_with(2)


class Sealed(Base, sealed.Case):
    def test_names_of_sealed_archives(self):
        """Not at all, but where the preset says so; and no longer than it does."""
        self.set_up()
        hb.write(self.home / "a-name-to-hide", b"text")
        self.nightly()
        self.old_enough()
        names = ("--set", "preset:mine.history=names")
        truth = self.without("*", "mine")
        self.assertEqual(self.ask("*", "mine"), truth)
        self.assertNotIn(b"a-name-to-hide", self.state.read_bytes() if self.state.exists() else b"")
        for _ in range(2):
            self.assertEqual(self.ask("*", "mine", more=names), truth)
        self.assertIn(b"a-name-to-hide", self.state.read_bytes())
        self.assertEqual(self.ask("*", f"{self.kept}/")[1][0], 0)
        self.config = self.public  # and the key is not there
        self.assertEqual(self.ask("*", "mine", more=names, expect=3), self.without("*", "mine", more=names, expect=3))
        self.config = self.configure(sealed.KEY, "with.ini")
        self.assertEqual(self.ask("*", "mine", more=names), truth)
        self.assertEqual(self.ask("*", "mine"), truth)
        self.assertNotIn(b"a-name-to-hide", self.state.read_bytes())

    def test_in_a_store(self):
        """Known by the version of an object."""
        self.set_up()
        for _ in range(2):
            self.hbcore("backup", "--preset", "far", "--set", "backup.seal=none")
        first = self.ask("*", "far")
        self.assertEqual(first, self.without("*", "far"))
        self.assertEqual(self.stored(), 2)
        self.assertEqual(self.ask("*", "far"), first)
        for path in self.store.rglob("*"):  # what lies there now is not read
            if path.is_file() and path.stat().st_size > 3000 and not path.name.endswith(".facts"):
                data = bytearray(path.read_bytes())
                data[2000:] = bytes(len(data) - 2000)
                path.write_bytes(data)
        self.ask("*", "far", expect=None)


if __name__ == "__main__":
    fault.need()
    unittest.main()
