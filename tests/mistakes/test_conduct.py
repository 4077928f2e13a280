# SPDX-License-Identifier: Apache-2.0
"""Plugins that end the process or change it: they are named, and it is never a success."""
import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import time
import unittest

import hb

PLUGINS = pathlib.Path(os.environ["HBCORE_MISTAKES"] + "-conduct")
# A sanitizer ends the process in its own way after a crash.
SANITIZED = os.environ.get("HBCORE_SANITIZE", "") != ""
KINDS = {"verdict": "filter", "create": "filter", "before": "hook", "after": "hook", "claim": "content",
         "open": "content", "read_at": "content", "close": "content", "destroy": "filter"}


class Conduct(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "a.mine", b"a" * 13)
        hb.write(self.home / "b", b"b" * 1000)
        self.archive = self.dir / "out.zip"

    def configure(self, where, what, at=1):
        kind = KINDS[where]
        on = "" if kind == "content" else "on = backup\n"
        self.config = self.write_config(
            f"[plugins]\npath = {PLUGINS}\n[backup]\nformat = zip\n[format:zip]\n"
            f"[{kind}:conduct-{kind}]\n{on}what = {what}\nwhere = {where}\nat = {at}\n")

    def backup(self, *arguments, **keywords):
        return subprocess.run(self.command("--home", self.home, *arguments, "backup", "-o", self.archive),
                              env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              check=False, **keywords)

    def named(self, done, where, *words):
        self.assert_mentions(done, f"conduct-{KINDS[where]}", f"{where}()", *words)


class Ends(Conduct):
    def tearDown(self):
        """What was staged is left, as kill -9 would leave it, for the next run to remove."""
        self.configure("verdict", "")
        self.assertEqual(self.backup().returncode, 0)
        super().tearDown()

    def ends(self, where, what, *words, at=1, arguments=()):
        with self.subTest(where=where, what=what):
            self.configure(where, what, at)
            done = self.backup(*arguments)
            self.named(done, where, *words)
            published = where in ("after", "destroy")
            self.assertEqual(self.archive.exists(), published, self.describe(done))
            self.archive.unlink(missing_ok=True)
            return done.returncode
        return None

    def test_crashes(self):
        for where, what, number in (
                ("create", "crash", signal.SIGSEGV), ("verdict", "abort", signal.SIGABRT),
                ("before", "divide", signal.SIGFPE), ("claim", "crash", signal.SIGSEGV),
                ("open", "crash", signal.SIGSEGV), ("read_at", "abort", signal.SIGABRT),
                ("close", "crash", signal.SIGSEGV), ("after", "abort", signal.SIGABRT)):
            code = self.ends(where, what, number.name)
            self.assertIn(code, (1, 99, -number) if SANITIZED else (-number,), where)

    @unittest.skipIf(SANITIZED, "a sanitizer looks at the stack itself")
    def test_a_full_stack(self):
        """Of the main thread, and of a worker."""
        for where in ("verdict", "open"):
            self.assertEqual(self.ends(where, "overflow", "SIGSEGV"), -signal.SIGSEGV)

    def test_exit_is_no_success(self):
        for where, arguments in (("create", ()), ("verdict", ()), ("before", ("--json",)), ("open", ()),
                                 ("read_at", ()), ("after", ()), ("destroy", ())):
            self.assertEqual(self.ends(where, "exit", "exit()", arguments=arguments), 1, where)
            self.assertEqual(self.ends(where, "exit-at-once", "_exit()", arguments=arguments), 1, where)
        self.assertEqual(self.ends("open", "exit-by-standard", "_exit()"), 1)
        for where in ("create", "verdict", "before", "open"):
            self.assertEqual(self.ends(where, "daemon", "daemon()"), 1, where)

    def test_the_end_of_a_thread(self):
        for where in ("verdict", "open"):
            self.assertEqual(self.ends(where, "exit-thread", "thread"), 1, where)

    def test_forks(self):
        """A child that comes back ends, and the run goes on; what becomes of the plugin's own is its own matter."""
        self.configure("before", "fork-and-stay")
        done = self.backup()
        self.assertEqual(done.returncode, 0, self.describe(done))
        self.named(done, "before", "fork()")
        self.assertEqual(done.stdout.count(b"Restore with"), 1)
        self.configure("before", "fork-and-go")
        done = self.backup()
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_threads_of_its_own(self):
        self.configure("before", "run-away")
        self.assertEqual(self.backup().returncode, 0)

    def test_the_second_signal_ends_one_that_hangs(self):
        self.configure("verdict", "hang")
        process = self.start_hbcore("--home", self.home, "backup", "-o", self.archive)
        self.assertEqual(process.stderr.readline(), b"hangs\n")
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)  # the same signal within 100 ms counts once
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 130)
        process.communicate()


class Changes(Conduct):
    PARTS = {"umask": "umask", "directory": "working directory", "locale": "locale", "handler": "signals",
             "block": "signals", "close": "standard"}

    def test_put_back_and_named(self):
        for where in ("create", "verdict", "before"):
            for what, word in self.PARTS.items():
                with self.subTest(where=where, what=what):
                    self.configure(where, what)
                    done = self.backup(cwd=self.dir)
                    self.assertEqual(done.returncode, 1, self.describe(done))
                    self.named(done, where, word)
                    self.assertFalse(self.archive.exists())

    def test_after_the_fact(self):
        """The archive is there, and whoever looks at the exit code learns that something was wrong."""
        self.configure("after", "umask")
        done = self.backup()
        self.assertEqual(done.returncode, 1, self.describe(done))
        self.named(done, "after", "umask")
        self.assertTrue(self.archive.exists())

    def test_a_later_call(self):
        for number in range(20):
            hb.write(self.home / f"c{number}", b"c")
        for at in (2, 7, 20):
            with self.subTest(at=at):
                self.configure("verdict", "umask", at)
                done = self.backup()
                self.assertEqual(done.returncode, 1, self.describe(done))
                self.assert_mentions(done, "conduct-filter", "umask")
                self.assertFalse(self.archive.exists())

    def test_in_a_worker(self):
        """Beside other threads, whose calls end before or after: whoever did it is named, alone or among others."""
        for number in range(20):
            hb.write(self.home / f"c{number}.mine", b"c" * 100)
        for where, at in (("open", 1), ("open", 2), ("open", 8), ("read_at", 1), ("read_at", 4), ("close", 2)):
            with self.subTest(where=where, at=at):
                self.configure(where, "directory", at)
                done = self.backup()
                self.assertEqual(done.returncode, 1, self.describe(done))
                self.assert_mentions(done, "conduct-content", "working directory")
                if where != "close":  # the last of them may be told of once the archive is there
                    self.assertFalse(self.archive.exists())


class Words(Conduct):
    def test_nothing_is_printed_among_results(self):
        for where in ("create", "before", "open"):
            with self.subTest(where=where):
                self.configure(where, "print")
                done = self.backup("--json")
                self.assertEqual(done.returncode, 0, self.describe(done))
                for line in done.stdout.splitlines():
                    json.loads(line)
                self.assertEqual(done.stderr.count(b"by a plugin\n"), 2)
                self.archive = "-"
                done = self.backup()
                self.archive = self.dir / "out.zip"
                self.assertEqual(done.stdout[:2], b"PK")
                self.assertNotIn(b"by a plugin", done.stdout)

    def test_standard_output_by_its_name(self):
        self.configure("verdict", "")
        self.archive = "/dev/stdout"
        self.assertEqual(self.backup("--quiet").stdout[:2], b"PK")

    def test_escapes_are_shown(self):
        for where, expected in (("before", 1), ("after", 3)):
            for arguments in ((), ("--json",), ("-v",)):
                with self.subTest(where=where, arguments=arguments):
                    self.configure(where, "escapes")
                    done = self.backup(*arguments)
                    self.assertEqual(done.returncode, expected, self.describe(done))
                    self.assert_mentions(done, "\\x1B[2J")
                    for text in (done.stdout, done.stderr):
                        self.assertFalse({*text} & {0x1b, 7, 8, 13}, self.describe(done))

    def test_in_descriptors(self):
        for command in (("plugins", "list"), ("plugins", "show", "conduct-filter"),
                        ("plugins", "check", PLUGINS / "conduct-filter.so"), ("config", "show")):
            self.configure("verdict", "")
            done = self.hbcore(*command, expect=None)
            self.assertNotIn(0x1b, done.stdout + done.stderr, command)

    def test_answers_that_are_none(self):
        for where in ("create", "verdict", "before", "claim", "open"):
            for answer in (77, -77, 2147483647):
                with self.subTest(where=where, answer=answer):
                    self.configure(where, f"answer:{answer}")
                    done = self.backup()
                    self.assertIn(done.returncode, (1, 2, 3), self.describe(done))
                    self.named(done, where, str(answer))


class Files(Conduct):
    """What lies on the path and is not selected."""

    def setUp(self):
        super().setUp()
        self.plugins = self.dir / "plugins"
        self.plugins.mkdir(mode=0o755)
        self.whole = (PLUGINS / "conduct-filter.so").read_bytes()
        self.config = self.write_config(f"[plugins]\npath = {self.plugins}\n[backup]\nformat = zip\n[format:zip]\n")
        self.hbcore("--home", self.home, "backup", "-o", self.archive)

    def put(self, data, name="conduct-filter.so"):
        path = self.plugins / name
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        path.chmod(0o755)
        return path

    def survives(self):
        """Commands that look at all plugins work; the list names what is wrong."""
        self.assertEqual(sorted(self.hbcore("list", self.archive).stdout.split()), [b"a.mine", b"b"])
        return self.hbcore("plugins", "list", expect=None)

    def test_cut_short(self):
        """With section headers, which stand at the end, and without."""
        bare = bytearray(self.whole)
        bare[40:48], bare[58:64] = bytes(8), bytes(6)
        ends = range(0, len(self.whole), 256)
        code = max(struct.unpack_from("<Q24xQ", self.whole, at + 8)[0] + struct.unpack_from("<Q", self.whole, at + 32)[0]
                   for at in range(64, 64 + 56 * 4, 56))  # where the loaded part ends
        for end in ends:
            self.put(self.whole[:end], f"cut-{end}.so")
            self.put(bare[:end], f"bare-{end}.so")
        done = self.survives()
        self.assertEqual(done.returncode, 3)
        told = {line.split(".so: ")[0].rsplit("/", 1)[1]: line for line in done.stderr.decode().splitlines()
                if ".so: " in line}
        for name in (*(f"cut-{end}" for end in ends), *(f"bare-{end}" for end in ends if end < code)):
            self.assertRegex(told.get(name, name), "cut short|too short", name)

    @unittest.skipIf(SANITIZED, "with a sanitizer what plugins have left to be done at the end is done, and crashes")
    def test_flipped_bytes(self):
        """Of the headers, and of the dynamic section."""
        headers, = struct.unpack_from("<H", self.whole, 56)
        rows = [struct.unpack_from("<IIQ8xQQ", self.whole, 64 + 56 * i) for i in range(headers)]
        (dynamic, _, length), = [(at, flags, size) for kind, flags, at, _, size in rows if kind == 2]
        for number, at in enumerate([*range(0, 64 + 56 * headers, 3), *range(dynamic, dynamic + length, 8)]):
            data = bytearray(self.whole)
            data[at] ^= 0xff
            self.put(data, f"flipped-{number}.so")
        self.survives()

    def test_other_kinds_of_files(self):
        self.put(b"text\n", "text.so")
        self.put(b"", "empty.so")
        (self.plugins / "directory.so").mkdir()
        os.mkfifo(self.plugins / "fifo.so")
        self.put(pathlib.Path("/bin/true").read_bytes(), "program.so")
        done = self.survives()
        for name in ("text", "empty", "directory", "fifo", "program"):
            self.assertIn(f"{name}.so: ".encode(), done.stderr)
        self.assertNotIn(b"conduct-filter", done.stderr)

    def test_the_wrong_architecture(self):
        def changed(*bytes_at):
            data = bytearray(self.whole)
            for at, value in bytes_at:
                data[at] = value
            return data
        for name, data, word in (("arm", changed((18, 0xb7)), "aarch64"), ("half", changed((4, 1), (18, 3)), "32-bit"),
                                 ("other", changed((18, 0x67), (19, 0x12)), "machine 4711"),
                                 ("big", changed((5, 2), (18, 0), (19, 22)), "s390x")):
            self.put(data, f"{name}.so")
            done = self.survives()
            line, = [line for line in done.stderr.decode().splitlines() if f"{name}.so: " in line]
            self.assertIn("architecture", line)
            self.assertIn(word, line)

    def test_damage_while_it_is_loaded(self):
        """Nobody has selected them, so that all else works; who selects one is told who it was."""
        for what in ("abort", "crash", "exit", "umask"):
            with self.subTest(what=what):
                name = f"load-{what}.so"
                shutil.copy(PLUGINS / "load" / name, self.plugins / name)
                done = self.survives()
                self.assertEqual(done.returncode, 3, self.describe(done))
                self.assertIn(f"{name}: ".encode(), done.stderr)
                done = self.hbcore("plugins", "check", self.plugins / name, expect=1)
                self.assert_mentions(done, f"{name}: ")
                chosen = subprocess.run(
                    self.command("--home", self.home, "--set", f"filter:x.plugin=load-{what}", "backup", "-o",
                                 self.dir / "no.zip"), env=self.environment(), capture_output=True, check=False)
                self.assertNotEqual(chosen.returncode, 0)
                self.assert_mentions(chosen, name)
                (self.plugins / name).unlink()


if __name__ == "__main__":
    unittest.main()
