# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: homes, runs of the program, trees to compare.

Every test case has a directory of its own below $TMPDIR, with a HOME in it, so that tests run side
by side and never see the user's files. When a case ends, it fails if the program left a staging
directory, a journal or a temporary file anywhere in it.
"""
import ctypes
import fcntl
import hashlib
import io
import itertools
import json
import os
import pathlib
import re
import shutil
import sqlite3
import stat
import struct
import subprocess
import tarfile
import tempfile
import unittest
import zlib

import odd_store
import schemas

SOURCE = pathlib.Path(os.environ["HBCORE_SOURCE"])
HERMES = SOURCE / "conf" / "hermes.ini"
GENERIC = SOURCE / "conf" / "generic.ini"
FULL = os.environ.get("HBCORE_FULL", "") == "1"
SKIPPED = 77

# System calls that the kernel of these runs is to lack, as in an old one, or in a sandbox.
LACKING = os.environ.get("HBCORE_LACKING", "")
LACK = [str(pathlib.Path(os.environ["HBCORE_BUILD"]) / "tests/hb-fault")]

# Of how many runs one looks for leaks: to look takes a quarter of the time of a short one.
LEAKS_IN_ONE_OF = 1 if FULL else 3
# Of the tests of a file those whose number, divided by OF, leaves one of SHARE: "0/3", "1,2/3". A build with sanitizers,
# which take long, does one part, and the one without the rest. HBCORE_WHOLE=1: all, whatever it says.
WHOLE = FULL or os.environ.get("HBCORE_WHOLE", "") == "1"
SHARE, OF = ("0/1" if WHOLE else os.environ.get("HBCORE_PART", "0/1")).split("/")
PART = {int(number) for number in SHARE.split(",")}
RUNS = itertools.count()

# A finding of a sanitizer must never look like an exit code that a test expects.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "exitcode=99:abort_on_error=0:handle_sigill=1",  # it: undefined behaviour
    "LSAN_OPTIONS": "exitcode=99",
    "UBSAN_OPTIONS": "exitcode=99:print_stacktrace=1",
    "TSAN_OPTIONS": "exitcode=99:halt_on_error=1",
}
# For commands that load every plugin: GCC 12's leak checker crashes now and then in the thread-local memory of what
# libcurl loads. (Without it, it writes to a pipe, which would be counted as a call.)
WITHOUT_TLS = {"LSAN_OPTIONS": SANITIZER_OPTIONS["LSAN_OPTIONS"] + ":use_tls=0:print_suppressions=0"}
every_name = unittest.defaultTestLoader.getTestCaseNames
unittest.defaultTestLoader.getTestCaseNames = lambda case: [
    name for number, name in enumerate(every_name(case)) if number % int(OF) in PART]
SANITIZER_WORDS = re.compile(
    rb"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:", re.ASCII)

# What the program calls the things that it must take away again.
LEFT_BEHIND = re.compile(rb"^\.hbcore[-.](?!id$)")
# The one that stays: which home it is. It is the home's own, and no part of what is backed up.
HOME_ID = ".hbcore-id"

if LACKING and subprocess.run([*LACK, "--calls", LACKING, "--", "true"], check=False).returncode != 0:
    raise SystemExit(SKIPPED)  # it says why


def scratch():
    return os.environ.get("TMPDIR") or None


MEMORY, MEMORY_BYTES = "/dev/shm", 2 << 30


def use_memory():
    """For tests that are about no disk: what a run publishes it flushes, and disks are slow at that."""
    if not scratch() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_BYTES:
        os.environ["TMPDIR"] = MEMORY


NOBODY = 65534


def archives(directory):
    """What lies in a directory of a preset, sorted: the archives, and whatever else is there. Facts stand beside
    archives, and are not told of here."""
    return [path for path in sorted(pathlib.Path(directory).iterdir()) if not path.name.endswith(".facts")]


def need(*programs):
    """Ends the whole program as skipped, saying why, where another program is missing."""
    for program in programs:
        if shutil.which(program) is None:
            print(f"skipped: {program} is not installed")
            raise SystemExit(SKIPPED)


def nobody_runs(binary):
    """Can a user whom modes bind run it? Not where root alone enters a directory above it."""
    try:
        return subprocess.run([binary, "--version"], capture_output=True, check=False, cwd="/", user=NOBODY,
                              group=NOBODY, extra_groups=[]).returncode == 0
    except PermissionError:
        return False


def tree(root, times=True, directory_times=True):
    """Relative name (bytes) to what is there: type, mode, time in ns, content."""
    found = {}
    root = os.fsencode(root)

    def look(path, name):
        status = os.lstat(path)
        kind = stat.S_IFMT(status.st_mode)
        row = [stat.filemode(status.st_mode)]
        if times and kind != stat.S_IFLNK and (directory_times or kind != stat.S_IFDIR):
            row.append(status.st_mtime_ns)
        if kind == stat.S_IFREG:
            with open(path, "rb") as stream:
                row.append((status.st_size, hashlib.sha256(stream.read()).hexdigest()[:16]))
        elif kind == stat.S_IFLNK:
            row.append(os.readlink(path))
        found[name] = tuple(row)
        if kind == stat.S_IFDIR:
            for child in os.listdir(path):
                if name == b"." and child == HOME_ID.encode():
                    continue
                look(os.path.join(path, child),
                     child if name == b"." else os.path.join(name, child))

    look(root, b".")
    return found


def differences(expected, actual):
    rows = []
    for name in sorted(expected.keys() | actual.keys()):
        if expected.get(name) != actual.get(name):
            rows.append(f"{name!r}: expected {expected.get(name)}, got {actual.get(name)}")
    return rows


TAR_KINDS = {"f": tarfile.REGTYPE, "D": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE,
             "h": tarfile.LNKTYPE, "p": tarfile.FIFOTYPE, "c": tarfile.CHRTYPE, "b": tarfile.BLKTYPE}


def tar_of(path, members, database=b""):
    """Members are "KIND NAME [TARGET OF A LINK]"; a file holds the end of its name, that of kind D the database."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as made:
        for member in members:
            kind, name, *target = member.split(" ")
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.mtime = TAR_KINDS[kind], 0o755 if kind == "d" else 0o644, 1_600_000_000
            info.linkname = "".join(target)
            data = {"f": name[-8:].encode(), "D": database}.get(kind, b"")
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))


def first_form(data):
    """A zip whose trailer is of the second form (plugins/zip/README.md: by chance "PK" and two control characters came up in
    it), with the first. Anything else stays as it is, so that what compares or changes archives knows one form alone."""
    end = data.rfind(b"PK\5\6")
    if end < 0 or len(data) - end < 22:
        return data
    size, start = struct.unpack_from("<LL", data, end + 12)
    if data[start - 8:start] != b"hbcoreTS":
        return data
    begin = start - 20 - int(data[start - 20:start - 8], 16)
    spaced = data[begin:start - 20].replace(b"P\0", b"P")
    frame = spaced[:4] + struct.pack("<Q", len(spaced) - 4) + b"hbcoreTR"
    plain = data[:begin] + spaced[4:] + frame
    return plain + data[start:end + 16] + struct.pack("<L", len(plain)) + data[end + 20:]


class Trailer:
    """Our block in an archive, as far as it says where the archive comes from (core/archive/origin.h).

    `before` is all of the archive that is the same for the same tree, whoever makes it and when.
    """

    def __init__(self, data):
        data = first_form(data)
        self.start = data.rindex(b"HBTRAIL\x01")
        at, self.length = self.start + 8, None
        while True:
            kind, zero, length = struct.unpack_from("<IIQ", data, at)
            if kind == 4 or kind not in range(1, 64) or zero != 0:  # else the checksum at the end
                break
            at += 16 + (length + 7) // 8 * 8
        if kind == 4 and zero == 0:
            self.length = (length + 7) // 8 * 8
            self.said = json.loads(data[at + 48:at + 16 + length])
        self.at, self.before = at, data[:at]
        if data[self.start - 16:self.start - 8] == b"hbtrail1":  # in front of it: size and checksum
            self.before = data[:self.start - 20] + data[self.start:at]


def timeless(data):
    """An archive of ours with zeros for what differs by run and place, and for checksums over it.

    Anything else stays as it is.
    """
    data = first_form(data)
    try:
        trailer, data = Trailer(data), bytearray(data)
    except (ValueError, struct.error):
        return data
    if trailer.length is None:
        return bytes(data)
    end = trailer.at + 16 + trailer.length + 8
    data[trailer.at + 16:end] = bytes(trailer.length + 8)
    if data[end + 12:end + 20] == b"hbcoreTR":  # CRC-32 and length
        data[end:end + 4] = bytes(4)
    elif data[trailer.start - 16:trailer.start - 8] == b"hbtrail1":
        data[trailer.start - 8:trailer.start] = bytes(8)
    else:
        raise ValueError("a trailer in an unknown place")
    return bytes(data)


def forged(data, flips=None, said=None):
    """The archive with bits of our block changed (offset: mask), or with other words about where it
    comes from; all checksums are right, which is all that somebody without the key can do."""
    library = ctypes.CDLL("libxxhash.so.0")
    for name in ("XXH3_64bits", "XXH64"):
        getattr(library, name).restype = ctypes.c_uint64
    library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    library.XXH64.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    data = first_form(data)
    trailer, data = Trailer(data), bytearray(data)
    end = trailer.at + (0 if trailer.length is None else 16 + trailer.length)
    for offset, mask in (flips or {}).items():
        data[trailer.start + offset] ^= mask
    if said is not None:
        text = json.dumps({**trailer.said, **said}).encode()
        data[trailer.at + 48:end] = text.ljust(end - trailer.at - 48)
    block = bytes(data[trailer.start:end])
    block += struct.pack("<Q", library.XXH3_64bits(block, len(block)))
    data[trailer.start:end + 8] = block
    if data[end + 20:end + 28] == b"hbcoreTR":
        data[end + 8:end + 12] = struct.pack("<I", zlib.crc32(block))
    else:
        data[trailer.start - 8:trailer.start] = struct.pack("<Q", library.XXH64(block, len(block), 0))
    return bytes(data)


def origin(path):
    """What an archive says about where it comes from; None: nothing."""
    trailer = Trailer(pathlib.Path(path).read_bytes())
    return None if trailer.length is None else trailer.said


def write(path, data=b"", mode=None, mtime_ns=None):
    """A file with its parents. Takes str, bytes and Path."""
    path = os.fsencode(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as stream:
        stream.write(data if isinstance(data, bytes) else data.encode())
    if mode is not None:
        os.chmod(path, mode)
    if mtime_ns is not None:
        os.utime(path, ns=(mtime_ns, mtime_ns))
    return path


class Case(unittest.TestCase):
    """One test with its directory, its HOME and its runs of the program."""

    maxDiff = None
    fresh_count = 0
    config = HERMES  # what hbcore() passes as --config; None: nothing

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hbcore-test-", dir=scratch()))
        self.addCleanup(self.remove)
        self.user = self.dir / "user"
        self.user.mkdir()
        self.binary = os.environ["HBCORE_BIN"]
        self.left_behind_is_fine = False

    def tearDown(self):
        if not self.left_behind_is_fine:
            self.assert_nothing_left()

    def remove(self):
        for root, names, _ in os.walk(os.fsencode(self.dir)):
            for name in names:
                path = os.path.join(root, name)
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        shutil.rmtree(self.dir)
        shutil.rmtree(odd_store.beside(self.user), ignore_errors=True)

    def skip(self, reason):
        print(f"skipped: {self.id()}: {reason}")
        self.skipTest(reason)

    def need(self, *programs):
        """Skips one test where another program is missing."""
        for program in programs:
            if shutil.which(program) is None:
                self.skip(f"{program} is not installed")

    def somebody_else(self, *folders):
        """Keywords to run the program as a user whom modes bind, and who owns `folders`."""
        if os.geteuid() != 0:
            return {}
        if not nobody_runs(self.binary):
            self.skip(f"as root, and nobody else can run {self.binary}")
        self.dir.chmod(0o755)
        for folder in folders:
            subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", folder], check=True)
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []}

    # ---- running ----

    def environment(self, **changes):
        keep = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        keep.update(SANITIZER_OPTIONS, HOME=str(self.user), LANG="C.UTF-8", TZ="UTC",
                    XDG_STATE_HOME=str(self.user / "state"))
        if next(RUNS) % LEAKS_IN_ONE_OF != 0:
            keep["ASAN_OPTIONS"] += ":detect_leaks=0"
        keep.update(changes)
        return {name: value for name, value in keep.items() if value is not None}

    def command(self, *arguments):
        line = [self.binary]
        if LACKING:
            line = [*LACK, "--calls", LACKING, "--at", "1+", "--error", "ENOSYS", "--", *line]
        if self.config is not None and "--config" not in arguments:
            line += ["--config", str(self.config)]
        if odd_store.PLUGINS:
            return line + odd_store.translate(arguments, self.config == HERMES and "--config" not in arguments, self.user)
        return line + [os.fspath(argument) for argument in arguments]

    def hbcore(self, *arguments, expect=0, input=None, env=None, **keywords):
        """Runs the program to its end; the test fails unless the exit code is `expect`."""
        command = self.command(*arguments)
        if input is None and "stdin" not in keywords:
            keywords["stdin"] = subprocess.DEVNULL
        changes = {**(WITHOUT_TLS if arguments[:1] == ("plugins",) else {}), **(env or {})}
        done = subprocess.run(command, input=input, env=self.environment(**changes),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=240, check=False, **keywords)
        self.assert_clean(done)
        if odd_store.PLUGINS:
            done.stdout, done.stderr = odd_store.paths(done.stdout), odd_store.paths(done.stderr)
        if expect is not None and done.returncode != expect:
            self.fail(f"exit {done.returncode}, expected {expect}\n{self.describe(done)}")
        return done

    def start_hbcore(self, *arguments):
        """Starts the program; finish() waits for it."""
        process = subprocess.Popen(self.command(*arguments), env=self.environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process

    def finish(self, process, expect=0):
        output, errors = process.communicate(timeout=240)
        if odd_store.PLUGINS:
            output, errors = odd_store.paths(output), odd_store.paths(errors)
        done = subprocess.CompletedProcess(process.args, process.returncode, output, errors)
        self.assert_clean(done)
        if done.returncode != expect:
            self.fail(f"exit {done.returncode}, expected {expect}\n{self.describe(done)}")
        return done

    def describe(self, done):
        return (f"command: {' '.join(map(repr, done.args))}\n"
                f"stdout: {done.stdout[-3000:]!r}\n"
                f"stderr: {done.stderr.decode(errors='backslashreplace')[-4000:]}")

    def assert_clean(self, done):
        if done.returncode == 99 or SANITIZER_WORDS.search(done.stderr):
            self.fail(f"a sanitizer spoke\n{self.describe(done)}")
        if done.returncode < 0:
            self.fail(f"died of signal {-done.returncode}\n{self.describe(done)}")
        wrong = schemas.check(done.args, done)
        if wrong:
            self.fail(f"--json: {wrong}\n{self.describe(done)}")

    def summary(self, done):
        """The last line of JSON; everything on standard output must be JSON."""
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertTrue(rows, self.describe(done))
        for row in rows:
            self.assertEqual(next(iter(row)), "type", row)
        self.assertEqual(rows[-1].get("type"), "summary", rows[-1])
        return rows[-1]

    def tool(self, *command, expect=0, **keywords):
        """Another program, as a judge."""
        done = subprocess.run([os.fspath(word) for word in command], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=240, check=False,
                              env=self.environment(), **keywords)
        if done.returncode != expect:
            self.fail(f"exit {done.returncode}, expected {expect}\n{self.describe(done)}")
        return done

    def fresh(self, kind):
        """A path in the directory of the test that no other call has got."""
        self.fresh_count += 1
        return self.dir / f"{kind}{self.fresh_count}"

    # ---- what there is to back up ----

    def write_config(self, text, name="test.ini"):
        path = self.dir / name
        path.write_text(odd_store.configuration(text))
        path.chmod(0o600)
        return path

    def make_home(self, name="home", whole_seconds=False):
        """A small home with what tends to get lost: empty things, modes, times."""
        home = self.dir / name
        fraction = 0 if whole_seconds else 123456700
        second = 1_700_000_000
        files = {
            "config.yaml": (b"model: large\n", 0o644), ".env": (b"KEY=secret\n", 0o600),
            "sub/deep/file.txt": (b"some text\n" * 50, 0o640), "sub/empty": (b"", 0o644),
            "bin/run.sh": (b"#!/bin/sh\nexit 0\n", 0o755),
            "noise.bin": (hashlib.shake_256(name.encode()).digest(70_000), 0o600),
            "zeros.bin": (bytes(300_000), 0o644), "read-only.txt": (b"fixed", 0o444),
        }
        for count, (path, (data, mode)) in enumerate(files.items()):
            write(home / path, data, mode, (second + count) * 10**9 + fraction)
        for path, mode in (("hollow", 0o755), ("hollow2/inner", 0o700), ("shared", 0o750)):
            (home / path).mkdir(parents=True)
            (home / path).chmod(mode)
        self.set_directory_times(home, second, fraction)
        return home

    @staticmethod
    def set_directory_times(home, second=1_600_000_000, fraction=0):
        for number, (root, _, _) in enumerate(sorted(os.walk(home), reverse=True)):
            stamp = (second + 1000 + number) * 10**9 + fraction
            os.utime(root, ns=(stamp, stamp))

    @staticmethod
    def make_database(path, rows=50, wal=False):
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(path) as database:
            if wal:
                database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)")
            database.executemany("INSERT INTO t (text) VALUES (?)",
                                 [(f"row {i} " * 20,) for i in range(rows)])
        database.close()
        return path

    def database_rows(self, path):
        database = sqlite3.connect(path)
        try:
            self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            return database.execute("SELECT id, text FROM t ORDER BY id").fetchall()
        finally:
            database.close()

    def settle(self, home):
        """Makes what the first backup of a home makes once: the id in it, and the user's key."""
        self.hbcore("--home", home, "--set", f"preset:pre-update.directory={self.dir}/settled",
                    "backup", "--preset", "pre-update")
        shutil.rmtree(self.dir / "settled")

    def backup(self, home, name="a.zip", *arguments, **keywords):
        archive = self.dir / name
        self.hbcore("--home", home, "backup", "-o", archive, *arguments, **keywords)
        return archive

    # ---- judging ----

    def assert_same_tree(self, expected, actual, root=False, **keywords):
        """The root itself is the user's, so its mode and time count only with `root`."""
        left, right = tree(expected, **keywords), tree(actual, **keywords)
        if not root:
            left.pop(b".")
            right.pop(b".")
        rows = differences(left, right)
        self.assertFalse(rows, f"{expected} and {actual} differ:\n" + "\n".join(rows[:40]))

    def assert_unchanged(self, before, root):
        rows = differences(before, tree(root))
        self.assertFalse(rows, f"{root} was changed:\n" + "\n".join(rows[:40]))

    @staticmethod
    def content(root):
        """The tree but for the time of its root, in which a staging directory came and went."""
        rows = tree(root)
        rows[b"."] = rows[b"."][:1]
        return rows

    def left_behind(self, root=None):
        found = []
        for path, directories, files in os.walk(os.fsencode(root or self.dir)):
            found += [os.path.join(path, name) for name in directories + files
                      if LEFT_BEHIND.match(name)]
        return found

    def assert_nothing_left(self, root=None):
        self.assertEqual(self.left_behind(root), [], "the program left this behind")

    def assert_mentions(self, done, *words):
        text = (done.stdout + b"\n" + done.stderr).decode(errors="replace")
        for word in words:
            word = os.fspath(word)
            self.assertIn(word.lower(), text.lower(), self.describe(done))


class HeldLock:
    """Holds the run lock of a home, as another run would."""

    def __init__(self, home):
        self.descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)

    def __enter__(self):
        fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self

    def __exit__(self, *_):
        self.release()

    def release(self):
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
