# SPDX-License-Identifier: Apache-2.0
"""Sweeps: something happens to each system call of a run in turn, and what comes of it is judged.

After each the table "Import, fault by fault" of the design holds, no success is reported that was
none, and the next run is clean.
"""
import ast
import collections
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys

import fault
import hb

KILL = "kill"
ACTIONS = ("ENOSPC", "EIO", "EDQUOT", "EINTR", KILL)
# The disk stays full, or broken, from that call on.
FILLING = "create,write,allocate"
LASTING = ("ENOSPC+", "EIO+")
READING = "read"
SIGNAL = "TERM"
FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}
POINTS = 10  # of a scenario and format, without --full
SIDE_FILES = (b"-wal", b"-shm", b"-journal")
STRACE = re.compile(r"^\d+ +(\w+)\((.*)")
JOURNAL = "journal"


class Point(collections.namedtuple("Point", "number call action")):
    """The call at which something happens, and what."""

    def is_removal(self):
        return self.call[0] in ("unlink", "unlinkat", "rmdir")

    def options(self):
        """For FaultCase.faulted()."""
        if self.action == KILL:
            return {"at": self.number, "kill": True}
        if self.action == SIGNAL:
            return {"at": self.number, "run": "kill -TERM $HB_FAULT_THREAD"}
        if self.action.endswith("+"):
            return {"at": f"{self.number}+", "error": self.action[:-1]}
        return {"at": self.number, "error": self.action}

    def is_output(self):
        """It is what tells the user; the work is not touched."""
        return self.call[0] == "write" and self.call[1].startswith(("pipe:", "/dev/"))

    def __str__(self):
        return f"{self.action} at {self.number}: {' '.join(self.call)}"


class Sweep(fault.FaultCase):
    """What a scenario needs: prepare(), arguments(), judge(), and the sweep over its points."""

    def setUp(self):
        super().setUp()
        self.source = self.dir / "source"
        self.fill(self.source, b"new", 80)
        self.home = self.dir / "home"
        self.out = self.dir / "out"
        self.out.mkdir()
        self.point = None

    databases = ("state.db", "log.db")
    workers = 1  # with more, calls come in another order each time, and sometimes one more or less
    watched = False  # by a thread that looks at files now and then: the same
    many = 0     # small files

    def fill(self, home, word, rows):
        for name, size, mode in (("config.yaml", 400, 0o644), (".env", 90, 0o600), ("bin/run.sh", 300, 0o755),
                                 ("sub/deep/text.txt", 9000, 0o640), ("sub/empty", 0, 0o644)):
            hb.write(home / name, (word + b" %s\n" % name.encode()) * (size // 10), mode)
        hb.write(home / "noise.bin", os.urandom(40_000), 0o600)
        for number in range(self.many):
            hb.write(home / f"many/{number % 7}/file-{number}", word * (number + 1))
        for name in self.databases:
            self.make_database(home / name, rows=rows, wal=name == "log.db")
        self.set_directory_times(home)

    def make_archive(self, fmt):
        archive = self.dir / ("made" + FORMATS[fmt])
        self.hbcore("--home", self.source, "backup", "--format", fmt, "-o", archive)
        return archive

    # ---- states ----

    def rows_of(self, path):
        """How many rows, read from a copy: reading a database that was left in the middle mends it."""
        copies = self.dir / "copies"
        shutil.rmtree(copies, ignore_errors=True)
        copies.mkdir()
        for end in (b"", *SIDE_FILES):
            side = os.fsencode(path) + end
            if os.path.exists(side):
                shutil.copy(side, os.path.join(os.fsencode(copies), b"copy.db" + end))
        try:
            return len(self.database_rows(copies / "copy.db"))
        except sqlite3.DatabaseError as error:
            self.fail(f"{self.point}: {path} is no sound database: {error}")

    def state(self, home):
        """Relative name to content, mode and time; a database to its rows; None where there is no home."""
        if not home.exists():
            return None
        found = {}
        for name, row in hb.tree(home, directory_times=False).items():
            if name.endswith(SIDE_FILES) or b".hbcore-" in name or not row[0].startswith("-"):
                continue
            if name.endswith(b".db"):
                row = (row[0], self.rows_of(os.fsencode(home) + b"/" + name))
            found[name] = row
        return found

    def left(self):
        return self.left_behind(self.dir)

    # ---- points ----

    def points(self, fmt, calls=fault.CHANGING, path=None, least=5):
        """All calls of one run that nothing happens to."""
        self.prepare(fmt)
        done = self.faulted(*self.arguments(fmt), calls=calls, path=path, list_calls=True)
        self.assertGreaterEqual(done.count, least)
        return done.calls

    def count_with_strace(self, fmt):
        self.prepare(fmt)
        log = self.dir / "strace.log"
        help_text = self.tool(fault.TOOL, "--help").stdout.decode()
        names = re.search(r"^Calls: (.*)$", help_text, re.M).group(1).split()
        unclassed = names.index("read")  # those that change something come before
        environment = self.environment()
        # The leak checker wants to trace the process itself.
        environment["ASAN_OPTIONS"] += ":detect_leaks=0"
        trace = ",".join("?" + name for name in names[:unclassed])
        subprocess.run(["strace", "-f", "-qq", "-o", log, "-e", "trace=" + trace,
                        *self.command(*self.arguments(fmt))], check=True, env=environment, timeout=120,
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        count = 0
        for line in log.read_text(errors="replace").splitlines():
            match = STRACE.match(line)
            if match is not None:
                count += (not match.group(1).startswith("open") or
                          re.search("O_CREAT|O_TRUNC|O_TMPFILE", match.group(2)) is not None)
        return count

    attempts = 1  # until the call comes up: more than one where threads share what was read, so that there may be fewer calls

    def chosen(self, calls, actions):
        """All points and actions; in the suite some points, each with the next action."""
        everything = [Point(number, call, action) for number, call in enumerate(calls, 1) for action in actions]
        if hb.FULL:
            return everything
        return [everything[number * len(actions) + turn % len(actions)]
                for turn, number in enumerate(fault.some(range(len(calls)), POINTS))]

    def sweep(self, fmt):
        """Each call that changes something; strace says how many there are."""
        self.need("strace")
        calls = self.points(fmt)
        self.assertEqual(len(calls), self.count_with_strace(fmt), "\n".join(map(" ".join, calls)))
        self.run_points(fmt, calls, ACTIONS)

    def sweep_lasting(self, fmt):
        """From some call on none succeeds that needs space."""
        self.run_points(fmt, self.points(fmt, FILLING, self.here()), LASTING, calls=FILLING, path=self.here())

    def sweep_reading(self, fmt, path, calls=READING):
        self.run_points(fmt, self.points(fmt, calls, path), ("EIO", "EINTR"), calls=calls, path=path)

    def sweep_workers(self, fmt):
        """Each call, as far as that can be told with several threads."""
        self.run_points(fmt, self.points(fmt), ACTIONS)

    def sweep_signals(self, fmt):
        """Each call is preceded by SIGTERM."""
        calls = fault.CHANGING + "," + READING
        self.run_points(fmt, self.points(fmt, calls, self.here()), (SIGNAL,), calls=calls, path=self.here())

    def here(self):
        """Files of this test, and not what the program says."""
        return f"{self.dir}/*"

    def run_points(self, fmt, made, actions, **keywords):
        codes = collections.Counter()
        for point in self.chosen(made, actions):
            with self.subTest(point=str(point)):
                codes[self.fault_at(fmt, point, **keywords)] += 1
        print(f"{'.'.join(self.id().split('.')[-2:])} {fmt}: {len(made)} points, {sum(codes.values())} runs, "
              "exit codes " + ", ".join(f"{code}: {count}" for code, count in sorted(codes.items())))

    def fault_at(self, fmt, point, calls=fault.CHANGING, path=None):
        self.point = point
        for _ in range(self.attempts):
            self.prepare(fmt)
            done = self.faulted(*self.arguments(fmt), calls=calls, path=path, expect=None, **point.options())
            if done.hits > 0:
                break
        if self.workers == 1 and not self.watched:
            self.assertGreaterEqual(done.hits, 1, self.describe(done))
        if done.hit is not None:  # with several threads not the one that was expected
            point = point._replace(call=done.hit)
        about = f"{point}\n{self.describe(done)}"
        if point.action == KILL and done.hits > 0:
            self.assertEqual(done.returncode, 128 + 9, about)
        else:
            self.assertIn(done.returncode, (0, 3, 128 + 15) if point.action == SIGNAL else (0, 1, 3), about)
            if not point.is_removal() and not self.may_leave(done):
                self.assertEqual(self.left(), [], about)
            if done.returncode == 1 and not point.is_output():
                self.assertIn(b"hbcore: ", done.stderr, about)
        if done.returncode not in (0, 3):
            self.assertNotIn(b'"status":"complete"', done.stdout, about)
        self.judge(fmt, point, done, about)
        return done.returncode

    def may_leave(self, done):
        """May a journal, for the next run?"""
        return False

    def skipped(self, done):
        """The names that the summary calls skipped or doubtful."""
        summary = json.loads(done.stdout.splitlines()[-1])
        return {row["path"].encode() for kind in ("skipped", "doubtful") for row in summary[kind]}


def leave_log(path):
    """The last commit is in the log only, as after a crash of the program that wrote it."""
    database = sqlite3.connect(path)
    database.execute("INSERT INTO t (text) VALUES ('in the log')")
    database.commit()
    kept = {path.with_name(path.name + end): path.with_name(path.name + end).read_bytes()
            for end in ("", "-wal", "-shm")}
    database.close()
    for name, data in kept.items():
        name.write_bytes(data)


class Program:
    """Another program that has a database open. It waits for nobody."""

    CODE = ("import sqlite3, sys\n"
            "db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=0)\n"
            "for line in sys.stdin:\n"
            "    try:\n"
            "        print(repr(db.execute(line).fetchall()), flush=True)\n"
            "    except sqlite3.Error as error:\n"
            "        print(repr(str(error)), flush=True)\n")

    def __init__(self, case, path, python=sys.executable, **keywords):
        self.process = subprocess.Popen([python, "-c", self.CODE, path], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, **keywords)
        case.addCleanup(self.kill)

    def ask(self, sql):
        """The rows, or what is wrong as text."""
        self.tell(sql)
        return self.answer()

    def tell(self, sql):
        self.process.stdin.write(sql + "\n")
        self.process.stdin.flush()

    def answer(self):
        return ast.literal_eval(self.process.stdout.readline())

    def leave(self):
        """It closes the database and ends."""
        self.process.communicate()

    def kill(self):
        self.process.kill()
        self.process.communicate()


class BackupSweep(Sweep):
    """The archive is there and whole, or not there; an older one stays until then."""

    databases = ("state.db",)  # one, so that the calls are always made in one order
    OLD = b"the archive of yesterday" * 1000

    def prepare(self, fmt):
        self.final = self.out / ("final" + FORMATS[fmt])
        self.beside = self.out / ("final.incomplete" + FORMATS[fmt])
        for path in self.left() + [self.final, self.beside]:
            if os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.exists(path):
                os.unlink(path)
        if self.point is not None and self.point.number % 2:
            self.final.write_bytes(self.OLD)

    def arguments(self, fmt):
        return ("--home", self.source, "--json", "--set", f"backup.workers={self.workers}", "backup", "--format", fmt, "-o",
                self.final)

    def each_format(self):
        before = self.state(self.source)
        for fmt in FORMATS:
            self.point = None
            self.prepare(fmt)
            self.hbcore(*self.arguments(fmt))
            self.whole = hb.timeless(self.final.read_bytes())
            shutil.rmtree(self.home, ignore_errors=True)
            self.hbcore("--home", self.home, "import", self.final)
            self.restored = self.state(self.home)
            yield fmt
        self.assertEqual(self.state(self.source), before)

    def judge(self, fmt, point, done, about):
        old = self.OLD if point.number % 2 else None
        now = hb.timeless(self.final.read_bytes()) if self.final.exists() else None
        if done.returncode == 0:
            if now != self.whole:  # a database was copied in another way
                self.assert_holds_everything(about)
        elif done.returncode == 3:  # a database that could not be staged, and it is said
            self.assertTrue(self.skipped(done) and self.skipped(done) <= set(map(str.encode, self.databases)), about)
            self.hbcore("verify", self.incomplete(done, old, about), expect=3)
        else:
            self.assertIn(now, (old, self.whole), about)
            if point.action not in (KILL, SIGNAL) and now == self.whole:
                # Only what comes after its name was given can still fail.
                self.assertTrue(point.is_output() or point.call[0] == "fsync", about)
        self.hbcore(*self.arguments(fmt))
        self.assertEqual(hb.timeless(self.final.read_bytes()), self.whole, about)
        self.assertEqual(self.left(), [], about)

    def incomplete(self, done, old, about):
        """The archive that was made. An older one, of which nobody knows whether it is complete, stays."""
        summary = json.loads(done.stdout.splitlines()[-1])
        if old is not None:
            self.assertEqual(self.final.read_bytes(), old, about)
            self.assertEqual((summary["archive"], summary["kept"]), (str(self.beside), str(self.final)), about)
        return pathlib.Path(summary["archive"])

    def assert_holds_everything(self, about):
        shutil.rmtree(self.home, ignore_errors=True)
        self.hbcore("--home", self.home, "import", self.final)
        self.assertEqual(self.state(self.home), self.restored, about)


class BackupInPlaceSweep(BackupSweep):
    """A program has the database open in WAL mode: it is read where it lies. Nothing is held afterwards."""

    databases = ("log.db",)
    # Two commits that leave every byte as it was.
    COMMITS = ("UPDATE t SET text = 'aa' WHERE id = 1", "UPDATE t SET text = 'ab' WHERE id = 1")

    def setUp(self):
        super().setUp()
        self.live = self.source / "log.db"
        self.program = Program(self, self.live)
        self.stamp = os.stat(self.live).st_mtime_ns
        self.write_on()

    def write_on(self):
        for sql in self.COMMITS:
            self.assertEqual(self.program.ask(sql), [], self.point)
        os.utime(self.live, ns=(self.stamp, self.stamp))

    def each_format(self):
        for fmt in super().each_format():
            self.assertEqual(self.summary(self.hbcore(*self.arguments(fmt)))["read_in_place"], ["log.db"])
            yield fmt

    def skipped(self, done):
        """The walk names also a log that it cannot look at, before a rule leaves that out."""
        return {re.sub(rb"-(wal|shm)$", b"", name) for name in super().skipped(done)}

    def judge(self, fmt, point, done, about):
        self.assertEqual(sorted(path.name for path in self.source.glob("log.db*")), ["log.db", "log.db-shm", "log.db-wal"], about)
        self.assertEqual(self.program.ask("PRAGMA wal_checkpoint(TRUNCATE)")[0][0], 0, about)
        self.assertEqual(self.program.ask("PRAGMA integrity_check"), [("ok",)], about)
        self.write_on()
        super().judge(fmt, point, done, about)


class ImportSweep(Sweep):
    """Each file is old or new, and by the exit code which; killed, the next run completes it."""

    def make_target(self):
        """The one database has a log that nobody has open."""
        target = self.dir / "target"
        self.fill(target, b"old", 30)
        hb.write(target / "stays.txt", b"stays\n")
        leave_log(target / "log.db")
        for path in target.rglob("*"):  # what was just written is looked at more closely: other calls
            if path.is_file():
                os.utime(path, (1_700_000_000, 1_700_000_000))
        return target

    def prepare(self, fmt):
        for path in (self.home, self.dir / "side.zip"):
            if path.is_dir():
                shutil.rmtree(path)
            elif path.exists():
                path.unlink()
        if self.target is not None:
            self.tool("cp", "-a", self.target, self.home)

    def arguments(self, fmt):
        return ("--home", self.home, "--json", "--set", f"backup.workers={self.workers}", "import", self.archive, "--force")

    def begin(self, fmt):
        self.point = None
        self.archive = self.make_archive(fmt)
        self.prepare(fmt)
        self.old = self.state(self.home)
        self.hbcore(*self.arguments(fmt))
        self.new = self.state(self.home)
        self.assertNotEqual(self.old, self.new)

    @staticmethod
    def is_whole(name, row, old, new):
        """A database that stays in its place is closed to others before its content changes."""
        if name.endswith(b".db") and old is not None and new is not None:
            return row == new or (row[1] == old[1] and row[0] in (old[0], new[0]))
        return row in (old, new)

    def sides(self, state):
        """Which names are as they were, and which are as they are to be; nothing else may be there."""
        old, new = self.old or {}, self.new
        torn = [name for name, row in (state or {}).items()
                if not self.is_whole(name, row, old.get(name), new.get(name))]
        self.assertEqual(torn, [], f"{self.point}: torn, or from nowhere: "
                         f"{[((state or {})[name], old.get(name), new.get(name)) for name in torn]}")
        lost = [name for name in old if name not in (state or {})]
        self.assertEqual(lost, [], f"{self.point}: lost")
        return {name for name in new if (state or {}).get(name) != new[name]}

    def judge(self, fmt, point, done, about):
        journal = self.journal_is_there()
        state = self.state(self.home)
        missing = self.sides(state)
        everything = self.sides(self.old)
        if done.returncode == 0:
            self.assertEqual(missing, set(), about)
        elif done.returncode == 3:
            self.assertEqual(missing - self.skipped(done), set(), about)
            self.assertTrue(self.skipped(done), about)
        elif point.action == SIGNAL:
            self.assertTrue(journal or missing in (everything, set()), about)
            self.completed_by_any_command(journal, about)
        elif done.returncode == 1:
            self.assertIn(missing, (everything, set()), about)
            if missing == set():
                self.assertTrue(point.is_output(), about)
            elif self.old is None:
                self.assertTrue(not self.home.exists() or os.listdir(self.home) == [] or point.is_removal(), about)
        else:
            self.completed_by_any_command(journal, about)
        self.hbcore(*self.arguments(fmt))
        self.assertEqual(self.sides(self.state(self.home)), set(), about)
        self.assertEqual(self.left(), [], about)

    def journal_is_there(self):
        return any(os.path.exists(os.path.join(path, os.fsencode(JOURNAL))) for path in self.left())

    def completed_by_any_command(self, journal, about):
        """Killed: the next run, here a backup, leaves all old or all new; new if there was a journal."""
        if not self.home.exists():
            return
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "side.zip", expect=None)
        missing = self.sides(self.state(self.home))
        self.assertEqual(self.left(), [], about)
        if journal:
            self.assertEqual((done.returncode, missing), (0, set()), f"{about}\n{self.describe(done)}")
            self.assertIn("Completed the interrupted import", done.stdout.decode(), about)
        else:
            self.assertIn(missing, (set(), self.sides(self.old)), f"{about}\n{self.describe(done)}")
