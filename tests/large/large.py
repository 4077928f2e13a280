# SPDX-License-Identifier: Apache-2.0
"""What the tests of breadth and size share: large homes made fast, and measured runs.

A measured run is one process of the program, under a limit on its address space that loading or
mapping a whole large file would break, whose peak resident memory is read when it ends. With
`full` as the argument a test takes the sizes of HBCORE_FULL=1, else reduced ones.
"""
import hashlib
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time

import hb

MIB = 1 << 20
PEAK = 128 * MIB  # what the program may have resident, whatever it is given
FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}
FULL = "full" in sys.argv[1:]


def start(free_gigabytes):
    """Ends the test as skipped where it cannot run. Takes its own argument off the list."""
    if FULL:
        sys.argv.remove("full")
        if not hb.FULL:
            print("skipped: large; it runs with HBCORE_FULL=1 (tools/test.sh --full)")
            raise SystemExit(hb.SKIPPED)
    hb.need("unzip", "zipinfo", "7z", "bsdtar", "tar", "zstd")
    place = hb.scratch() or "/tmp"
    free = shutil.disk_usage(place).free
    if free < free_gigabytes << 30:
        print(f"skipped: {place} has {free >> 30} GiB free, {free_gigabytes} GiB are needed for a time")
        raise SystemExit(hb.SKIPPED)


# ---- what there is to back up -------------------------------------------------------------------

def many_files(home, files, in_one):
    """`files` small ones in directories of 200, and `in_one` more in one directory. Returns all."""
    for number in range(files // 200):
        below = f"{home}/sessions/project-{number % 40:02}/2026-{number:05}"
        os.makedirs(below)
        for i in range(200):
            with open(f"{below}/session-{i:03}-note.json", "wb", buffering=0) as stream:
                stream.write(b'{"role": "user", "content": "%d %d"}\n' % (number, i) * (i % 13))
    os.makedirs(f"{home}/cache")
    for i in range(in_one):  # not in the order of their names
        with open(f"{home}/cache/{i * 7919 % in_one:06}-entry.bin", "wb", buffering=0) as stream:
            stream.write(b"entry %d\n" % i)
    return files // 200 * 200 + in_one


def sparse_file(path, size):
    """Three islands of data, one of them at the very end, and holes."""
    with open(path, "wb") as stream:
        stream.write(b"first island")
        stream.seek(size // 2 - 700)
        stream.write(bytes(range(256)) * 40)
        stream.seek(size - 5)
        stream.write(b"last!")


def noise_file(path, size):
    """Does not compress: the same 32 MiB again and again, farther apart than a format looks back."""
    block = random.Random(size).randbytes(32 * MIB)
    with open(path, "wb", buffering=0) as stream:
        for at in range(0, size, len(block)):
            stream.write(memoryview(block)[:min(len(block), size - at)])


def database(path, size):
    """Of about `size` bytes, half of which compress; with rows to find again."""
    with sqlite3.connect(path) as made:
        made.execute("PRAGMA page_size=65536")
        made.execute("PRAGMA journal_mode=OFF")
        made.execute("PRAGMA synchronous=OFF")
        made.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, head BLOB, filler BLOB)")
        noise = random.Random(7).randbytes(256 << 10)
        for i in range(size // (4 * MIB)):
            made.execute("INSERT INTO t (head, filler) VALUES (?, zeroblob(?))",
                         (noise[i % 1000:], 4 * MIB - len(noise)))
    made.close()


def digest(path):
    found = hashlib.blake2b()
    with open(path, "rb") as stream:
        while piece := stream.read(4 * MIB):
            found.update(piece)
    return found.hexdigest()


# ---- measured runs ------------------------------------------------------------------------------

class Case(hb.Case):
    config = hb.GENERIC

    def address_space(self, workers):
        """For each thread malloc takes 64 MiB of address space, and a stack takes 8."""
        return (384 + 112 * (workers + 2)) * MIB

    def run_measured(self, *arguments, workers=2, stdin=None, stdout=None, expect=0, peak=PEAK):
        """One run; standard input and output are files, descriptors or None. Checks its memory."""
        command = self.command("--progress", "never", "--set", f"backup.workers={workers}",
                               *arguments)
        limit = self.address_space(workers)
        began = time.monotonic()
        with open(self.dir / "stderr", "w+b") as errors, open(os.devnull, "r+b") as nothing:
            child = subprocess.Popen(
                command, stdin=stdin or nothing, stdout=stdout or nothing, stderr=errors,
                env=self.environment(),
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            text = errors.read()[-3000:].decode(errors="backslashreplace")
        words = " ".join(os.path.basename(os.fspath(word)) for word in arguments)
        resident = usage.ru_maxrss << 10
        print(f"{resident / MIB:6.1f} MiB {time.monotonic() - began:6.1f} s "
              f"(user {usage.ru_utime:.1f}, system {usage.ru_stime:.1f}) workers {workers}: {words}",
              flush=True)
        self.assertEqual(child.returncode, expect, f"{words}\n{text}")
        self.assertLess(resident, peak, f"{words}: {resident / MIB:.1f} MiB resident")
        return usage

    def measured_backup(self, home, archive, format_name, workers=2, **keywords):
        self.run_measured("--home", home, "backup", "--format", format_name, "-o", archive,
                          workers=workers, **keywords)
        return archive

    def measured_pipe(self, home, archive, format_name, workers=2):
        """Through a pipe, which another process reads into `archive`."""
        with open(archive, "wb") as stream:
            with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=stream) as reader:
                self.run_measured("--home", home, "backup", "--format", format_name, "-o", "-",
                                  workers=workers, stdout=reader.stdin)
                reader.stdin.close()
        return archive

    def import_from_pipe(self, archive, target, workers=2):
        with subprocess.Popen(["cat", archive], stdout=subprocess.PIPE) as writer:
            self.run_measured("--home", target, "import", "-", workers=workers,
                              stdin=writer.stdout)
            writer.stdout.close()

    # ---- judges ----

    def judge(self, archive, count, python=True):
        """Every other reader tests the archive; it holds `count` entries, directories included."""
        if archive.suffix == ".zip":
            self.tool("unzip", "-tqq", archive, timeout=1200)
            self.tool("7z", "t", "-bso0", "-bsp0", archive, timeout=1200)
            names = self.tool("zipinfo", "-1", archive).stdout.count(b"\n")
            self.assertEqual(names, count, "zipinfo")
            if python:
                # In a process of its own, so that this one stays small: a child begins as large.
                self.tool(sys.executable, "-c", PYTHON_JUDGE, archive, str(count), timeout=1200)
        else:
            self.tool("zstd", "-tq", archive, timeout=1200)
            names = self.tool("tar", "--zstd", "-tf", archive, timeout=1200).stdout.count(b"\n")
            self.assertEqual(names, count, "tar --zstd -t")
        names = self.tool("bsdtar", "-tf", archive, timeout=1200).stdout.count(b"\n")
        self.assertEqual(names, count, "bsdtar -t")

    def tool(self, *command, timeout=240):
        done = subprocess.run([os.fspath(word) for word in command], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=timeout, check=False,
                              env=self.environment())
        self.assertEqual(done.returncode, 0, self.describe(done))
        return done


PYTHON_JUDGE = """
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as archive:
    bad = archive.testzip()
    if bad is not None or len(archive.infolist()) != int(sys.argv[2]):
        sys.exit(f"zipfile: {bad}, {len(archive.infolist())} entries, not {sys.argv[2]}")
"""
