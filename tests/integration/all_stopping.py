# SPDX-License-Identifier: Apache-2.0
"""Starting and stopping: signals, standard output, threads, deep trees, directories that move."""
import os
import resource
import select
import shutil
import signal
import subprocess
import time
import unittest

import fault
import hb

fault.need()

# A content plugin that never comes back, from open() or from restore(), as the environment says.
HANGING = r"""
#define _POSIX_C_SOURCE 200809L
#include <hbcore/content.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void hang(const char *where)
{
    const char *wanted = getenv("HANG_IN");
    if (wanted == NULL || strcmp(wanted, where) != 0)
        return;
    if (write(2, "hanging\n", 8) == 8)
        for (;;)
            pause();
}
static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    (void)settings;
    *self = (void *)(uintptr_t)host;
    return HB_OK;
}
static void destroy(void *self) { (void)self; }
static int claim(void *self, const struct hb_entry *entry, const void *head, size_t bytes)
{
    (void)self; (void)head; (void)bytes;
    return entry->path_bytes > 5 && strcmp(entry->path + entry->path_bytes - 5, ".hang") == 0
               ? HB_OK : HB_STATUS_NOMATCH;
}
static int64_t read_at(const struct hb_source *source, void *buffer, size_t bytes, uint64_t offset)
{
    ssize_t got = pread(source->fd, buffer, bytes, (off_t)offset);
    return got < 0 ? HB_STATUS_ENTRY : got;
}
static void close_source(struct hb_source *source) { close(source->fd); }
static int open_source(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    const struct hb_host *host = self;
    hang("open");
    source->fd = host->open_beneath(host, entry->path, 0, 0);
    source->bytes = entry->bytes;
    source->soundness = HB_SOUNDNESS_SOUND;
    source->method = "raw";
    source->read_at = read_at;
    source->close = close_source;
    return HB_OK;
}
static int restore(void *self, const struct hb_entry *entry, struct hb_file *file,
                   const struct hb_target *target)
{
    (void)self; (void)entry; (void)file; (void)target;
    hang("restore");
    return HB_RESTORE_RENAME;
}
static const struct hb_content_ops ops = {
    .size = sizeof ops, .claim = claim, .open = open_source, .restore = restore};
static const struct hb_plugin plugin = {
    .size = sizeof plugin, .abi = HB_ABI, .kind = HB_KIND_CONTENT, .host_size = sizeof(struct hb_host),
    .name = "hanging", .version = "1", .summary = "Never comes back", .create = create,
    .destroy = destroy, .ops = &ops};
HB_EXPORT const struct hb_plugin *hb_plugin_v1(void) { return &plugin; }
"""

SOON = 0.25  # later than what counts as the same signal once more


class Stopping(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()

    def start(self, *arguments, before=None, **changes):
        process = subprocess.Popen(self.command(*arguments), env=self.environment(**changes), preexec_fn=before,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for stream in (process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(process.kill)
        return process


class Signals(Stopping):
    def setUp(self):
        super().setUp()
        plugins = self.dir / "plugins"
        plugins.mkdir(mode=0o755)
        done = subprocess.run(
            [os.environ["HBCORE_CC"], "-std=c11", "-fPIC", "-shared", "-fvisibility=hidden", "-I",
             str(hb.SOURCE / "core/include"), "-x", "c", "-", "-o", str(plugins / "hanging.so")],
            input=HANGING, text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.config = self.write_config(f"[plugins]\npath = {plugins}\n[content:h]\nplugin = hanging\n[format:zip]\n")
        hb.write(self.home / "a.hang", b"content")

    def hanging(self, where, *arguments, before=None):
        # A process that ends at once joins no threads.
        options = hb.SANITIZER_OPTIONS["TSAN_OPTIONS"] + ":report_thread_leaks=0"
        process = self.start("--quiet", *arguments, HANG_IN=where, TSAN_OPTIONS=options, before=before)
        self.assertEqual(process.stderr.readline(), b"hanging\n")
        return process

    # ---- what is ignored stays so ----

    def writing(self, before=None):
        """A backup to a pipe that is full, and the other end of it."""
        hb.write(self.home / "large", os.urandom(4 << 20))
        pipe = self.dir / f"pipe-{len(list(self.dir.glob('pipe-*')))}"
        os.mkfifo(pipe)
        reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        process = self.start("--home", self.home, "backup", "-o", pipe, before=before)
        poll = select.poll()
        poll.register(reading, select.POLLIN)
        self.assertTrue(poll.poll(60_000), "it does not write")
        os.set_blocking(reading, True)
        self.assertNotEqual(os.read(reading, 1), b"", "it has written nothing")
        return process, reading

    def test_ignored(self):
        """nohup, and what a shell runs in the background."""
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                process, reading = self.writing(lambda number=number: signal.signal(number, signal.SIG_IGN))
                process.send_signal(number)
                process.send_signal(number)
                while os.read(reading, 1 << 20):
                    pass
                self.assertEqual(process.wait(60), 0, process.stderr.read())

    # ---- the second one ----

    def test_second(self):
        """It ends the process wherever that is, here in a plugin that does not come back."""
        for first, second, code in ((signal.SIGINT, signal.SIGINT, 130), (signal.SIGTERM, signal.SIGTERM, 143),
                                    (signal.SIGHUP, signal.SIGTERM, 143), (signal.SIGTERM, signal.SIGINT, 130)):
            with self.subTest(first=first, second=second):
                process = self.hanging("open", "--home", self.home, "backup", "-o", self.dir / "x.zip")
                process.send_signal(first)
                time.sleep(SOON)
                self.assertIsNone(process.poll())
                process.send_signal(second)
                self.assertEqual(process.wait(20), code, process.stderr.read())
                self.assertEqual(process.stderr.read(), b"")
                self.assertFalse((self.dir / "x.zip").exists())
        self.hbcore("--home", self.home, "backup", "-o", self.dir / "x.zip")

    def test_second_while_an_import_is_pending(self):
        archive = self.backup(self.home)
        target = self.dir / "target"
        process = self.hanging("restore", "--home", target, "import", archive)
        process.send_signal(signal.SIGTERM)
        time.sleep(SOON)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(20), 143)
        self.assertRegex(process.stderr.read(), rb"^hbcore: \S*/target: the import is not complete; [^\n]*\n$")
        done = self.hbcore("--home", target, "backup", "-o", self.dir / "b.zip")
        self.assert_mentions(done, "completed the interrupted import")
        self.assertEqual((target / "a.hang").read_bytes(), b"content")

    def test_nobody_reads_the_last_words(self):
        """A full pipe on standard error does not keep the process."""
        archive = self.backup(self.home)
        process = self.hanging("restore", "--home", self.dir / "target", "import", archive)
        with open(f"/proc/{process.pid}/fd/2", "wb", buffering=0, opener=lambda path, flags: os.open(
                path, flags | os.O_NONBLOCK)) as pipe:
            while pipe.write(bytes(1 << 16)):
                pass
        process.send_signal(signal.SIGINT)
        time.sleep(SOON)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), 130)
        self.hbcore("--home", self.dir / "target", "backup", "-o", self.dir / "b.zip")

    def test_several_at_once_are_one(self):
        """timeout(1) signals the process and its group; a terminal that goes away sends several SIGHUP."""
        for number, count in ((signal.SIGTERM, 2), (signal.SIGHUP, 5)):
            process = self.hanging("open", "--home", self.home, "backup", "-o", self.dir / "x.zip")
            for _ in range(count):
                process.send_signal(number)
                if number == signal.SIGHUP:
                    time.sleep(SOON / 2)
            with self.assertRaises(subprocess.TimeoutExpired):
                process.wait(0.5)
            process.kill()
            process.wait()
        self.hbcore("--home", self.home, "backup", "-o", self.dir / "x.zip")

    def test_first_ends_in_order(self):
        for number, code in ((signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)):
            with self.subTest(signal=number):
                process, _ = self.writing()
                process.send_signal(number)
                self.assertEqual(process.wait(60), code)


class Output(Stopping):
    """Where results are printed: closed, full, or a pipe whose reader has gone."""

    def outputs(self):
        """What standard output is: arguments of subprocess.run()."""
        reading, writing = os.pipe()
        os.close(reading)
        full = os.open("/dev/full", os.O_WRONLY)
        for descriptor in (writing, full):
            self.addCleanup(os.close, descriptor)
        return {"closed": {"preexec_fn": lambda: os.close(1)}, "full": {"stdout": full}, "pipe": {"stdout": writing}}

    def run_with(self, keywords, *arguments, expect):
        keywords = {"stdout": subprocess.DEVNULL, **keywords}
        done = subprocess.run(self.command(*arguments), env=self.environment(), stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, check=False, timeout=240, **keywords)
        done.stdout = b""
        self.assert_clean(done)
        self.assertEqual(done.returncode, expect, self.describe(done))
        return done

    def test_where_it_is_not_the_work(self):
        """It is done, and a warning says that it cannot be told."""
        archive = self.backup(self.home)
        self.hbcore("--home", self.home, "snapshot", "create")
        name = next(path.name for path in (self.home / "state-snapshots").iterdir())
        odd = self.make_home("odd")
        os.symlink("/etc/passwd", odd / "outside")
        for kind, keywords in self.outputs().items():
            for arguments, expect in (
                    (("--home", self.home, "backup", "-o", self.dir / "b.zip"), 0),
                    (("--home", odd, "backup", "-o", self.dir / "c.zip"), 3),
                    (("--home", self.home, "import", "-f", archive), 0),
                    (("--home", self.home, "backup", "--quick"), 0),
                    (("--home", self.home, "snapshot", "create"), 0),
                    (("--home", self.home, "snapshot", "restore", "1"), 0),
                    (("--home", self.home, "snapshot", "prune", "--keep", "99"), 0),
                    (("--home", self.home, "guard", name), 0),
                    (("--home", self.home, "prune"), 0)):
                with self.subTest(output=kind, arguments=arguments):
                    done = self.run_with(keywords, *arguments, expect=expect)
                    self.assertIn(b"standard output cannot be written", done.stderr)
                    self.run_with(keywords, "--quiet", *arguments, expect=expect)

    def test_where_it_is_the_work(self):
        archive = self.backup(self.home)
        self.hbcore("--home", self.home, "snapshot", "create")
        for kind, keywords in self.outputs().items():
            for arguments in (
                    ("list", archive), ("list", archive, "--long"), ("cat", archive, "config.yaml"), ("verify", archive),
                    ("config", "show"), ("config", "check"), ("plugins", "list"), ("plugins", "show", "zip"),
                    ("completion", "bash"), ("schedule", "nightly"), ("--help",), ("--version",), ("backup", "--help"), ("list", "--help"),
                    ("snapshot", "--help"), ("prune", "--help"), ("guard", "--help"), ("plugins", "--help"),
                    ("--home", self.home, "snapshot", "list"),
                    ("--home", self.home, "backup", "-o", "-"),
                    ("--home", self.home, "backup", "-o", self.dir / "b.zip", "--dry-run"),
                    ("--home", self.home, "import", "-f", archive, "--dry-run"),
                    ("--home", self.home, "snapshot", "create", "--dry-run"),
                    ("--home", self.home, "snapshot", "restore", "1", "--dry-run"),
                    ("--home", self.home, "prune", "--dry-run"),
                    ("--json", "--home", self.home, "backup", "-o", self.dir / "b.zip"),
                    ("--json", "--home", self.home, "import", "-f", archive),
                    ("--json", "--home", self.home, "snapshot", "create"),
                    ("--json", "--home", self.home, "prune"), ("--json", "list", archive)):
                with self.subTest(output=kind, arguments=arguments):
                    done = self.run_with(keywords, *arguments, expect=1)
                    if kind != "pipe":  # whoever read that has seen enough
                        self.assertIn(b"cannot be written", done.stderr)

    def test_question(self):
        """What nobody could read is not taken as answered."""
        archive = self.backup(self.home)
        before = self.content(self.home)
        done = subprocess.run(self.command("--home", self.home, "import", archive), env=self.environment(), input=b"y\n",
                              stderr=subprocess.PIPE, preexec_fn=lambda: os.close(1), check=False, timeout=240)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(self.content(self.home), before)


class Threads(Stopping):
    def test_one_suffices(self):
        """No second one can be made."""
        user = self.somebody_else(self.home)
        for name in ("state.db", "log.db", "other.db"):
            self.make_database(self.home / name, rows=3000, wal=name == "log.db")
        hb.write(self.home / "large", os.urandom(9 << 20))
        for number in range(300):
            hb.write(self.home / f"many/{number}", b"x" * number)
        if user:
            self.somebody_else(self.dir)

        def limit():
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

        def run(*arguments, **changes):  # the sanitizer of leaks needs a thread of its own
            return self.hbcore("--set", "backup.workers=4", "--set", "backup.window=1M", *arguments, preexec_fn=limit,
                               env={"ASAN_OPTIONS": hb.SANITIZER_OPTIONS["ASAN_OPTIONS"] + ":detect_leaks=0", **changes}, **user)
        for fmt, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            with self.subTest(format=fmt):
                archive, target = self.dir / f"x{suffix}", self.dir / f"target-{fmt}"
                run("--home", self.home, "backup", "--format", fmt, "-o", archive)
                run("verify", archive)
                run("--home", target, "import", archive)
                self.assertEqual((target / "large").read_bytes(), (self.home / "large").read_bytes())
                self.assertEqual(len(self.database_rows(target / "log.db")), 3000)
                # Byte by byte what more threads make.
                stamp, many = {"SOURCE_DATE_EPOCH": "1800000000"}, self.dir / f"many{suffix}"
                self.hbcore("--home", self.home, "backup", "--format", fmt, "-o", many, env=stamp, **user)
                run("--home", self.home, "backup", "--format", fmt, "-o", archive, **stamp)
                self.assertEqual(many.read_bytes(), archive.read_bytes())


class Deep(Stopping):
    """Deeper than the stack: what is stored is bounded by memory and descriptors alone."""

    # What that costs grows with its square, and is ten times as much with sanitizers: 3/8 there, and of the stack.
    STACK = (8 if hb.FULL or not os.environ.get("HBCORE_SANITIZE") else 3) << 20
    DEPTH = 1500 * (STACK >> 20)

    def limit(self):
        hard = resource.getrlimit(resource.RLIMIT_STACK)[1]
        resource.setrlimit(resource.RLIMIT_STACK, (self.STACK, hard))

    def dig(self, root, depth, name="d"):
        at = os.open(root, os.O_RDONLY)
        for _ in range(depth):
            os.mkdir(name, dir_fd=at)
            inner = os.open(name, os.O_RDONLY, dir_fd=at)
            os.close(at)
            at = inner
        return at

    def tearDown(self):
        for path in (self.home, self.dir / "target"):  # what judges next is in Python
            subprocess.run(["rm", "-rf", path / "d"], check=True)
        super().tearDown()

    def test_backup(self):
        os.close(self.dig(self.home, self.DEPTH))
        for arguments in (("backup", "-o", self.dir / "x.zip"),
                          ("backup", "-o", self.dir / "x.tar.zst", "--format", "tar-zstd"), ("backup", "--dry-run"),
                          ("snapshot", "create")):
            with self.subTest(arguments=arguments):
                done = self.hbcore("--quiet", "--home", self.home, *arguments, expect=None, preexec_fn=self.limit)
                self.assertIn(done.returncode, (0, 3), self.describe(done))

    def test_few_descriptors(self):
        """A limit that cannot be raised is told, and ends nothing."""
        os.close(self.dig(self.home, 3_000))
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "x.zip", expect=3, preexec_fn=lambda:
                           resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200)))
        self.assert_mentions(done, "too many open files")

    def test_small_stack(self):
        """There and back with as little stack as a thread of a small system has."""
        if os.environ.get("HBCORE_SANITIZE") == "thread":
            self.skip("ThreadSanitizer itself needs more stack")
        def limit():
            resource.setrlimit(resource.RLIMIT_STACK, (512 << 10, 512 << 10))
        at = self.dig(self.home, 1500)
        with open(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=at), "wb") as stream:
            stream.write(b"deep down")
        os.close(at)
        archive, target = self.dir / "x.zip", self.dir / "target"
        self.hbcore("--home", self.home, "backup", "-o", archive, preexec_fn=limit)
        for before in ((), ("d",), ("d/d/d/d/d",)):  # as a whole, and in pieces
            with self.subTest(there=before):
                subprocess.run(["rm", "-rf", target / "d"], check=True)
                for name in before:
                    (target / name).mkdir(parents=True)
                self.hbcore("--home", target, "--set", "import.max-depth=2000", "import", "-f", archive, preexec_fn=limit)
                path = target / ("d/" * 1500 + "file")
                self.assertEqual(path.read_bytes(), b"deep down")

    def test_deep_stage_is_removed(self):
        """What a killed run left, however deep."""
        stage = self.home / ".hbcore-stage-0123456789abcdef"
        stage.mkdir(mode=0o700)
        os.close(self.dig(stage, self.DEPTH))
        (stage / "beside").write_bytes(b"x")
        self.hbcore("--home", self.home, "backup", "-o", self.dir / "x.zip", preexec_fn=self.limit)
        self.assertFalse(stage.exists())


class Places(Stopping):
    def test_directory_is_renamed(self):
        """The message names where the archive is."""
        for arguments in ((), ("--json",)):
            out, moved = self.dir / "out", self.dir / "moved"
            out.mkdir()
            done = self.faulted(*arguments, "--home", self.home, "backup", "-o", out / "x.zip", calls="sync",
                                path=f"{self.dir}/*/0-archive", at=1, run=f"mv {out} {moved}; mkdir {out}")
            self.assertEqual(list(out.iterdir()), [])
            self.assertTrue((moved / "x.zip").exists())
            self.assert_mentions(done, moved / "x.zip", "renamed")
            if arguments:
                self.assertEqual(self.summary(done)["archive"], str(moved / "x.zip"))
            shutil.rmtree(out)
            shutil.rmtree(moved)

    def test_directory_is_removed(self):
        out, stage = self.dir / "out", self.dir / "stage"
        out.mkdir()
        stage.mkdir()
        done = self.faulted("--home", self.home, "backup", "-o", out / "x.zip", calls="sync",
                            path=f"{self.dir}/*/0-archive", at=1, run=f"rm -r {out}", expect=1)
        self.assertNotIn(b"complete:", done.stdout)
        self.assertFalse(out.exists())

    def test_append_only(self):
        """An archive can be made there; what could not be removed is named, with what to do."""
        if os.geteuid() != 0:
            self.skip("only root can make a directory append-only")
        out = self.dir / "out"
        out.mkdir()
        if subprocess.run(["chattr", "+a", out], capture_output=True, check=False).returncode != 0:
            self.skip("this file system has no append-only directories")
        try:
            done = self.hbcore("--home", self.home, "backup", "-o", out / "x.zip")
            left = list(out.glob(".hbcore-stage-*"))
            self.assertTrue((out / "x.zip").exists())
            for stage in left:
                self.assert_mentions(done, stage, f"chattr -a {out}", "append-only")
            done = self.hbcore("--json", "--home", self.home, "backup", "-o", out / "y.zip")
            self.assertIn("append-only", str(self.summary(done)["notes"]))
            # One that fails tells, too.
            done = self.hbcore("--home", self.home, "backup", "-o", out / "x.zip", expect=1)
            self.assert_mentions(done, "cannot be given its name", "append-only")
        finally:
            subprocess.run(["chattr", "-a", out], check=True)
        self.hbcore("--home", self.home, "backup", "-o", out / "x.zip")

    def test_immutable(self):
        if os.geteuid() != 0:
            self.skip("only root can make a directory immutable")
        out = self.dir / "out"
        out.mkdir()
        if subprocess.run(["chattr", "+i", out], capture_output=True, check=False).returncode != 0:
            self.skip("this file system has no immutable directories")
        try:
            done = self.hbcore("--home", self.home, "backup", "-o", out / "x.zip", expect=1)
            self.assert_mentions(done, out, "staging directory")
        finally:
            subprocess.run(["chattr", "-i", out], check=True)


if __name__ == "__main__":
    unittest.main()
