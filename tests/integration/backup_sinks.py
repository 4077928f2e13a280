# SPDX-License-Identifier: Apache-2.0
"""A sink that stops at any unit: clean stop, exit 1, nothing left, and the message says what and why.

Pipes that are closed, disks that are full, limits that are reached: first each call that the sink
makes is failed in turn, then the real things, at each boundary of a unit.
"""
import ctypes
import hashlib
import os
import resource
import signal
import subprocess
import unittest

import fault
import hb

fault.need()

MIB = 1 << 20
BIG, MORE = 2 * MIB + 300_000, 70_000
FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}
WORKERS = (1, 3)
SINK_CALLS = "write,sync,rename"
ERRORS = {"ENOSPC": "No space left on device", "EIO": "Input/output error", "EDQUOT": "Disk quota exceeded",
          "EPIPE": "Broken pipe"}
OLD = b"the archive of yesterday" * 1000
PIPE = 1 << 16  # what a pipe takes without a reader
CLONE_NEWNS = 0x20000


class Sinks(fault.FaultCase):
    """One home that does not compress, so that the archive is as long as its units."""

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"x\n")
        hb.write(self.home / "big.bin", hashlib.shake_256(b"big").digest(BIG))
        for number in range(10):
            hb.write(self.home / f"d/few-{number}", hashlib.shake_256(b"%d" % number).digest(MORE))
        self.make_database(self.home / "state.db", rows=500)
        self.before = self.content(self.home)
        self.out = self.dir / "out"
        self.out.mkdir()

    def arguments(self, fmt, workers, output):
        return ("--home", self.home, "--set", f"backup.workers={workers}", "--set",
                "format:tar-zstd.frame-size=1M", "backup", "--format", fmt, "-o", output)

    def combinations(self):
        for fmt, suffix in FORMATS.items():
            for workers in WORKERS:
                archive = self.out / ("final" + suffix)
                yield fmt, workers, archive
                self.place(archive, False)

    def place(self, archive, old):
        if old:
            archive.write_bytes(OLD)
        elif archive.exists():
            archive.unlink()

    def assert_stopped(self, done, archive, old, reason, name=None):
        """Exit 1, nothing there but what was, and both name and reason said."""
        about = self.describe(done)
        self.assertEqual(done.returncode, 1, about)
        self.assertEqual(os.listdir(self.out), [archive.name] if old else [], about)
        if old:
            self.assertEqual(archive.read_bytes(), OLD, about)
        self.assert_nothing_left()
        self.assert_unchanged_home()
        said = done.stderr.decode()
        self.assertIn(name or str(archive), said, about)
        self.assertIn(reason, said, about)
        for word in ("complete", "Restore with"):
            self.assertNotIn(word, done.stdout.decode(errors="replace") + said, about)

    def assert_unchanged_home(self):
        rows = hb.differences(self.before, self.content(self.home))
        self.assertEqual([row for row in rows if not row.startswith("b'.'")], [])


class EachCall(Sinks):
    """Every call that the sink makes fails in turn."""

    def calls_on(self, command, path):
        done = self.faulted(*command, calls=SINK_CALLS, path=path, list_calls=True)
        self.assertGreaterEqual(done.count, 3)
        return done.calls

    def test_file(self):
        for fmt, workers, archive in self.combinations():
            command = self.arguments(fmt, workers, archive)
            self.place(archive, False)
            calls = self.calls_on(command, "*-archive")
            self.assertGreaterEqual(sum("write" in name for name, _, _ in calls), 3, calls)
            for number in fault.some(range(1, len(calls) + 1), 4 if workers == 1 else 2):
                for error in fault.some(ERRORS, 2):
                    self.fail_file(command, archive, number, calls[number - 1][0], error)

    def fail_file(self, command, archive, number, call, error):
        old = number % 2 == 0
        with self.subTest(archive=archive.name, number=number, call=call, error=error):
            self.place(archive, old)
            done = self.faulted(*command, calls=SINK_CALLS, path="*-archive", at=number, error=error,
                                  expect=None)
            self.assertEqual(done.hits, 1)
            if call == "sync_file_range":  # a hint that nothing depends on
                self.assertEqual(done.returncode, 0, self.describe(done))
            else:
                self.assert_stopped(done, archive, old, ERRORS[error])

    def test_somebody_shortens_it(self):
        """When all is written and before it is looked at: no archive that is not whole gets the name."""
        archive = self.out / "final.zip"
        command = self.arguments("zip", 1, archive)
        watched = {"calls": "write,fstat,newfstatat", "path": "*-archive"}
        calls = [call for call, _, _ in self.faulted(*command, list_calls=True, **watched).calls]
        written = max(place for place, call in enumerate(calls) if "write" in call)
        looks = [place + 1 for place in range(written, len(calls)) if calls[place].endswith(("stat", "statat"))]
        self.assertTrue(looks, f"nobody looks at it: {calls}")
        for look in looks:  # the last one is that of the sink, when it has been read back
            archive.unlink(missing_ok=True)
            done = self.faulted(*command, at=look, expect=None, **watched,
                                run=f"for f in {self.out}/.hbcore-stage-*/*-archive; do truncate -s -7 $f; done")
            self.assertEqual(done.hits, 1)
            self.assert_stopped(done, archive, False, "archive")

    def test_directory_cannot_be_flushed(self):
        """The one failure after the rename: the archive is there and whole, but no success is said."""
        archive = self.out / "final.zip"
        done = self.faulted(*self.arguments("zip", 1, archive), calls="fsync", path=str(self.out), at=1,
                              error="EIO", expect=1)
        self.assertEqual(done.hits, 1)
        self.assert_mentions(done, archive, "Input/output error")
        self.assertNotIn("complete", done.stdout.decode())
        self.hbcore("verify", archive)

    def test_interrupted_calls_are_made_again(self):
        for fmt, suffix in FORMATS.items():
            archive = self.out / ("final" + suffix)
            command = self.arguments(fmt, 1, archive)
            calls = self.calls_on(command, "*-archive")
            whole = hb.timeless(archive.read_bytes())
            writes = [number for number, row in enumerate(calls, 1) if "write" in row[0]]
            for number in fault.some(writes, 4):
                with self.subTest(format=fmt, number=number):
                    self.place(archive, False)
                    self.faulted(*command, calls=SINK_CALLS, path="*-archive", at=number, error="EINTR")
                    self.assertEqual(hb.timeless(archive.read_bytes()), whole)

    def test_standard_output(self):
        for fmt, workers, archive in self.combinations():
            command = self.arguments(fmt, workers, "-")
            calls = self.to_pipe(command, list_calls=True).calls
            self.assertGreaterEqual(len(calls), 3)
            for number in fault.some(range(1, len(calls) + 1), 3 if workers == 1 else 1):
                for error in fault.some(ERRORS, 2):
                    with self.subTest(format=fmt, workers=workers, number=number, error=error):
                        done = self.to_pipe(command, at=number, error=error, expect=None)
                        self.assertEqual(done.hits, 1)
                        self.assert_stopped(done, archive, False, ERRORS[error], "standard output")
            for number in fault.some(range(1, len(calls) + 1), 1):
                self.to_pipe(command, at=number, error="EINTR")

    def to_pipe(self, command, **keywords):
        """Standard output is a fifo of ours, so that its writes can be told from those to standard error."""
        fifo = self.dir / "fifo"
        os.mkfifo(fifo)
        try:
            with subprocess.Popen(["cat", fifo], stdout=subprocess.DEVNULL) as reader:
                with open(fifo, "wb") as stdout:
                    done = self.faulted(*command, calls="write", path=str(fifo), stdout=stdout, **keywords)
                reader.wait(60)
            return done
        finally:
            fifo.unlink()


class ClosedPipe(Sinks):
    def read_some(self, fmt, workers, count):
        """The reader takes so many bytes and goes."""
        with subprocess.Popen(self.command(*self.arguments(fmt, workers, "-")), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=self.environment()) as process:
            got = process.stdout.read(count)
            process.stdout.close()
            stderr = process.stderr.read()
            process.wait(120)
        done = subprocess.CompletedProcess(process.args, process.returncode, b"", stderr)
        self.assert_clean(done)
        return got, done

    def test_reader_goes(self):
        for fmt, workers, archive in self.combinations():
            whole, done = self.read_some(fmt, workers, -1)
            self.assertEqual(done.returncode, 0, self.describe(done))
            last = len(whole) - 2 * PIPE
            counts = [0, 1, PIPE, *range(MIB, last, MIB), MIB - 1, MIB + 1, last]
            for count in fault.some(sorted(counts), 4):
                with self.subTest(format=fmt, workers=workers, count=count):
                    got, done = self.read_some(fmt, workers, count)
                    self.assertEqual(got, whole[:count])
                    self.assert_stopped(done, archive, False, "Broken pipe", "standard output")

    def test_named_pipe(self):
        fifo = self.dir / "fifo.zip"
        os.mkfifo(fifo)
        with subprocess.Popen(["head", "-c", str(MIB), fifo], stdout=subprocess.DEVNULL) as reader:
            done = self.hbcore(*self.arguments("zip", 1, fifo), expect=1)
            reader.wait(60)
        self.assert_stopped(done, self.out / "none", False, "Broken pipe", fifo.name)
        self.assertTrue(fifo.is_fifo())

    def test_device_that_is_full(self):
        for output, name in (("/dev/full", "/dev/full"), ("-", "standard output")):
            with self.subTest(output=output), open("/dev/full", "wb") as full:
                done = subprocess.run(self.command(*self.arguments("zip", 1, output)), stdout=full, stderr=subprocess.PIPE,
                                      stdin=subprocess.DEVNULL, env=self.environment(), check=False, timeout=120)
                done.stdout = b""
                self.assert_clean(done)
                if output == "-":
                    self.assert_stopped(done, self.out / "none", False, "No space left", name)
                else:
                    self.assertEqual(done.returncode, 1, self.describe(done))
                    self.assert_mentions(done, name, "No space left")


class FullDisk(Sinks):
    """A file system of so many bytes, in a mount namespace of the test's own."""

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("only root can mount a file system of its own")
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
            self.skipTest(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
        done = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skip(f"no mounts of its own: {done.stderr.strip()}")

    def mount(self, size):
        self.tool("mount", "-t", "tmpfs", "-o", f"size={size}", "none", self.out)
        self.addCleanup(subprocess.run, ["umount", "-q", self.out], check=False)

    def test_full_at_each_unit(self):
        for fmt, workers, archive in self.combinations():
            command = self.arguments(fmt, workers, archive)
            self.hbcore(*command)
            whole = archive.stat().st_size
            archive.unlink()
            sizes = [PIPE, *range(MIB // 2, whole - PIPE, MIB // 2), whole - PIPE]
            for number, size in enumerate(fault.some(sizes, 3)):
                with self.subTest(format=fmt, workers=workers, size=size):
                    old = number % 2 == 1
                    self.mount(size + (len(OLD) if old else 0))
                    self.place(archive, old)
                    done = self.hbcore(*command, expect=None)
                    self.assert_stopped(done, archive, old, "No space left")
                    self.tool("umount", self.out)
            self.mount(whole + 2 * MIB)
            self.hbcore(*command)
            self.hbcore("verify", archive)
            self.tool("umount", self.out)


class FileSizeLimit(Sinks):
    def test_limit_at_each_unit(self):
        for fmt, workers, archive in self.combinations():
            command = self.arguments(fmt, workers, archive)
            self.hbcore(*command)
            whole = archive.stat().st_size
            archive.unlink()
            limits = [300_000, *range(MIB // 2, whole, MIB // 2), whole - 1]
            for number, limit in enumerate(fault.some(limits, 3)):
                with self.subTest(format=fmt, workers=workers, limit=limit):
                    self.place(archive, number % 2 == 1)
                    done = self.hbcore(*command, expect=None, restore_signals=False,
                                       preexec_fn=lambda limit=limit: self.limit(limit))
                    self.assert_stopped(done, archive, number % 2 == 1, "File too large")
            self.place(archive, False)
            self.hbcore(*command, preexec_fn=lambda: self.limit(whole), restore_signals=False)

    @staticmethod
    def limit(size):
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


if __name__ == "__main__":
    unittest.main()
