# SPDX-License-Identifier: Apache-2.0
"""A store plugin with odd limits, built against the installed headers: backups, lists, reads, imports and prunes go
through it; whatever fails, no part of an archive is under a name, and the newest complete one stays."""
import hashlib
import io
import json
import os
import pathlib
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import hb  # noqa: E402

hb.use_memory()
HEAD_BYTES = 128
# A file that has just been made is taken over by its parts alone.
SMALL_FRAMES = ("--set", "format:tar-zstd.frame-size=256K")
OLD_ENOUGH = 3.1  # seconds; then the clock of the file system has left its time behind
FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-Wno-format-truncation"]
built = {}


def setUpModule():
    root = pathlib.Path(tempfile.mkdtemp(prefix="hbcore-odd-", dir=hb.scratch()))
    unittest.addModuleCleanup(shutil.rmtree, root)
    prefix = root / "prefix"
    subprocess.run(["cmake", "--install", os.environ["HBCORE_BUILD"], "--prefix", str(prefix)], check=True,
                   stdout=subprocess.DEVNULL)
    built["binary"] = str(prefix / "bin" / "hbcore")
    built["plugins"] = root / "plugins"
    built["plugins"].mkdir()
    subprocess.run([os.environ["HBCORE_CC"], "-std=c11", "-D_GNU_SOURCE", "-O1", "-fPIC", "-shared",
                    "-fvisibility=hidden", *WARNINGS, f"-I{prefix / 'include'}",
                    str(HERE / "plugin" / "odd_store.c"), "-o", str(built["plugins"] / "odd.so")], check=True)


class Odd(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.binary = built["binary"]
        self.root = self.dir / "objects"
        self.root.mkdir()
        self.home = self.make_home()
        self.ini = self.write_config(
            f"[plugins]\npath = {built['plugins']}\n[home]\npath = {self.home}\n[backup]\nworkers = 1\n"
            f"[store:off]\nplugin = odd\nroot = {self.root}\n[format:zip]\n[format:tar-zstd]\n"
            "[preset:nightly]\ndirectory = off://bucket/n\nkeep = 2\n")

    def run_it(self, *arguments, fault="", **keywords):
        environment = {"ODD_FAULT": fault} if fault else {}
        return self.hbcore("--config", self.ini, *arguments, env=environment, **keywords)

    def archives(self):
        return [path for path in self.root.glob("=*") if path.suffix != ".facts"]

    def objects(self):
        """URL to content, of all archives that have a name."""
        return {"off://" + path.name[1:].replace("+", "/"): path.read_bytes()[HEAD_BYTES:] for path in self.archives()}

    def nightly(self, fault="", expect=0):
        return self.run_it("backup", "--preset", "nightly", fault=fault, expect=expect)

    def killed(self, fault):
        words = self.command("--config", self.ini, "backup", "--preset", "nightly")
        return subprocess.run(words, env=self.environment(ODD_FAULT=fault), stdin=subprocess.DEVNULL,
                              capture_output=True, check=False)

    def run_killed(self, fault, *words):
        return subprocess.run(self.command("--config", self.ini, *words), env=self.environment(ODD_FAULT=fault),
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)

    # ---- one that waits in a call of the store, until it is let go ----

    def start(self, fault, *words):
        process = subprocess.Popen(self.command("--config", self.ini, *words), env=self.environment(ODD_FAULT=fault),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        return process

    def arrives(self, process):
        """True: it waits at the gate. False: it has ended, and did not come there."""
        here, end = os.open(self.root / "here", os.O_RDONLY | os.O_NONBLOCK), os.pidfd_open(process.pid)
        try:
            waiting = select.poll()
            waiting.register(here, select.POLLHUP)
            waiting.register(end, select.POLLIN)
            return here in dict(waiting.poll())
        finally:
            os.close(here)
            os.close(end)

    def let_go(self, process):
        """Whether it waits or not."""
        gate, end = os.open(self.root / "gate", os.O_RDONLY | os.O_NONBLOCK), os.pidfd_open(process.pid)
        try:
            waiting = select.poll()
            waiting.register(gate, select.POLLHUP)
            waiting.register(end, select.POLLIN)
            waiting.poll()
        finally:
            os.close(gate)
            os.close(end)

    def struck(self, call, number, kind):
        fault = f"{call}:{number}:{kind}"
        return self.killed(fault) if kind in ("kill", "killed") else self.nightly(fault, expect=None)

    def newest(self):
        return max(self.archives(), key=lambda path: path.stat().st_mtime_ns)

    def check_all(self):
        """Whatever has a name is a whole archive."""
        for url in self.objects():
            self.run_it("verify", url)


class Whole(Odd):
    def test_as_a_pipe_gets_it_and_back(self):
        hb.write(self.home / "large.bin", os.urandom(3 * 65536 + 77))
        for format_, suffix in FORMATS.items():
            for workers in ("1", "8"):
                with self.subTest(format=format_, workers=workers):
                    url = f"off://bucket/{format_}-{workers}{suffix}"
                    fixed = {"SOURCE_DATE_EPOCH": "1800000000"}
                    words = ("--config", self.ini, "--set", f"backup.workers={workers}", "backup", "--format", format_)
                    self.hbcore(*words, "-o", url, env=fixed)
                    piped = self.hbcore(*words, "-o", "-", env=fixed).stdout
                    self.assertEqual(self.objects()[url], piped)
                    self.assertEqual(list(self.root.glob(".upload-*")), [])
                    listed = self.run_it("--json", "list", url).stdout
                    self.assertIn(b"sub/deep/file.txt", listed)
                    self.run_it("--set", f"backup.workers={workers}", "verify", url)
                    self.assertEqual(self.run_it("cat", url, "large.bin").stdout,
                                     (self.home / "large.bin").read_bytes())
                    target = self.dir / f"target-{format_}-{workers}"
                    self.run_it("--home", target, "import", url, "--force")
                    self.assert_same_tree(self.home, target)

    def test_what_has_a_name_is_not_replaced(self):
        self.run_it("backup", "-o", "off://bucket/once.zip")
        before = self.objects()
        done = self.run_it("backup", "-o", "off://bucket/once", expect=1)
        self.assertIn(b"off://bucket/once.zip: something has this name already", done.stderr)
        self.assertEqual(self.objects(), before)

    def test_replace(self):
        """Only where it is asked for, and never a complete one by one that is not."""
        url, fixed = "off://bucket/once.tar.zst", ("--format", "tar-zstd", "-o")
        large, small = os.urandom(700_000), SMALL_FRAMES
        hb.write(self.home / "large.bin", large, mtime_ns=10**18)
        self.run_it("backup", "--replace", *fixed, url)
        hb.write(self.home / "config.yaml", b"model: small\n")
        made = json.loads(self.run_it("--json", *small, "--set", "backup.reuse=yes", "backup", "--replace", *fixed, url).stdout)
        self.assertEqual(self.run_it("cat", url, "config.yaml").stdout, b"model: small\n")
        self.assertEqual(made["archive"], url)
        made = json.loads(self.run_it("--json", *small, "--set", "backup.reuse=yes", "backup", "--replace", *fixed, url).stdout)
        self.assertGreaterEqual(made["reused_bytes"], len(large))
        self.assertEqual(self.run_it("cat", url, "large.bin").stdout, large)
        before = self.objects()
        (self.home / "outside").symlink_to("/etc")
        done = self.run_it("backup", "--replace", *fixed, url, expect=1)
        self.assertIn(b"was not replaced: the new archive is incomplete", done.stderr)
        self.assertEqual(self.objects(), before)
        self.run_it("backup", *fixed, "off://bucket/other.tar.zst", expect=3)
        (self.home / "outside").unlink()
        for kind in ("fail", "kill", "killed", "lost"):  # the old one or the new one, whole
            self.run_killed("put_commit:1:" + kind, "backup", "--replace", *fixed, url)
            self.run_it("verify", url)
        self.run_it("backup", "--replace", expect=2)

    def test_room_on_this_machine(self):
        """Content does not lie here until the commit, however much there is."""
        hb.write(self.home / "large.bin", os.urandom(9_000_000))
        stage = self.dir / "stage"
        stage.mkdir()
        for name in ("here", "gate"):
            os.mkfifo(self.root / name)
        for format_ in FORMATS:
            process = self.start("put_commit:2:wait", "--set", f"backup.stage-dir={stage}", "backup", "--format", format_,
                                 "--preset", "nightly")
            self.assertTrue(self.arrives(process))
            taken = sum(path.stat().st_blocks * 512 for path in stage.rglob("*") if path.is_file())
            for path in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():  # files without a name
                if os.readlink(path).startswith(str(stage)):
                    taken += path.stat().st_blocks * 512 if path.stat().st_nlink == 0 else 0
            self.let_go(process)
            self.finish(process)
            self.assertLess(taken, 1 << 20, format_)
        self.check_all()

    def test_links_beyond_the_start(self):
        """Of a zip, where a link leads stands in the middle. In new entries, and in those that are taken over."""
        links = {"a-first": "b-large.bin", "c-link": "z" * 200, "sub/deep/link": "../file.txt", "sub/deep/twin": "link", "zz": "nowhere"}
        for name, target in links.items():
            (self.home / name).symlink_to(target)
        hb.write(self.home / "b-large.bin", os.urandom(300_000), mtime_ns=10**18)
        hb.write(self.home / "sub/a-large.bin", os.urandom(2_000_000), mtime_ns=10**18)
        while time.time() < (self.home / "sub/a-large.bin").stat().st_ctime + OLD_ENOUGH:
            time.sleep(0.05)
        settings = ("--set", "backup.links=store", "--set", "import.links=restore", "--set", "format:zip.level=0", *SMALL_FRAMES)
        for format_ in FORMATS:
            for copies in ("no", "yes"):
                words = ("--json", *settings, "--set", f"store:off.copies={copies}", "backup", "--format", format_, "--preset", "nightly")
                for step in ("whole", "reused", "changed"):
                    with self.subTest(format=format_, copies=copies, step=step):
                        if step == "changed":
                            (self.home / "sub/deep/twin").unlink()
                            (self.home / "sub/deep/twin").symlink_to(f"{format_}-{copies}")
                        made = json.loads(self.run_it(*words).stdout)
                        self.assertEqual(made["reused_bytes"] > 0, step != "whole" or copies == "yes", made)
                        self.run_it(*settings, "verify", made["archive"])
                target = self.dir / f"links-{format_}-{copies}"
                self.run_it(*settings, "--home", target, "import", made["archive"], "--force")
                for name in links:
                    self.assertEqual(os.readlink(target / name), os.readlink(self.home / name))

    def test_parts_at_once_and_copies(self):
        """The same bytes as one after the other, and what is copied is not sent."""
        hb.write(self.home / "large.bin", os.urandom(3_000_000), mtime_ns=10**18)
        fixed = {"SOURCE_DATE_EPOCH": "1800000000"}
        several = ("--set", "store:off.parallel=4", "--set", "store:off.copies=yes")
        for format_, suffix in FORMATS.items():
            words = ("backup", "--format", format_, "-o")
            self.hbcore("--config", self.ini, *several, *words, f"off://several{suffix}", env=fixed)
            self.hbcore("--config", self.ini, *words, f"off://one{suffix}", env=fixed)
            objects = self.objects()
            self.assertEqual(objects[f"off://several{suffix}"], objects[f"off://one{suffix}"])
        while time.time() < (self.home / "large.bin").stat().st_ctime + OLD_ENOUGH:
            time.sleep(0.05)
        words = ("--json", *several, *SMALL_FRAMES, "backup", "--format", "tar-zstd", "--preset", "nightly")
        for fault, left in (("", 0), ("", 3_000_000), ("put_part:8:fail", 3_000_000), ("put_copy:3:fail", 3_000_000),
                            ("put_copy:2:network", 3_000_000)):
            made = json.loads(self.run_it(*words, fault=fault).stdout)
            self.assertGreaterEqual(made["reused_bytes"], left, fault)
            self.assertEqual(self.run_it("cat", made["archive"], "large.bin").stdout, (self.home / "large.bin").read_bytes())
        self.check_all()
        for number in range(1, 8):
            for kind in ("fail", "killed"):
                self.run_killed(f"put_part:{number}:{kind}", *words, "--set", "preset:nightly.reuse=no")
        self.nightly()  # what the killed ones left here goes
        self.check_all()

    def test_urls(self):
        done = self.run_it("backup", "-o", "gs://bucket/x.zip", expect=2)
        self.assertIn(b"no store is called 'gs'", done.stderr)
        self.assertIn(b"off://, odd://", done.stderr)
        done = self.run_it("list", "nowhere://x", expect=2)
        self.assertIn(b"no store is called 'nowhere'", done.stderr)
        done = self.run_it("list", "off://bucket/missing.zip", expect=1)
        self.assertIn(b"off://bucket/missing.zip: cannot be opened: there is nothing of that name", done.stderr)
        self.run_it("list", "off://", expect=2)
        done = self.run_it("--set", "preset:nightly.directory=s4://x", "config", "check", expect=2)
        self.assertIn(b"[preset:nightly] directory: s4://x: no store is called 's4'", done.stderr + done.stdout)
        done = self.run_it("--set", "store:off.root=", "config", "check", expect=2)
        self.assertIn(b"names no directory", done.stderr + done.stdout)
        self.run_it("config", "check")
        done = self.run_it("backup", "-o", "file://elsewhere/x.zip", expect=2)
        self.assertIn(b"file:///DIRECTORY/NAME", done.stderr)
        self.run_it("backup", "-o", f"file://{self.dir}/a%20b.zip")
        self.run_it("verify", f"file:{self.dir}/a%20b.zip")
        self.assertTrue((self.dir / "a b.zip").exists())
        (self.dir / "odd:").mkdir()
        self.run_it("backup", "-o", "./odd://x.zip", cwd=self.dir)
        self.assertTrue((self.dir / "odd:" / "x.zip").exists())

    def test_schemes(self):
        """RFC 3986: case does not count, and '_' is in none; nothing that looks like a URL becomes a path."""
        for far in ("Far", "FAR", "far"):
            self.ini.write_text(self.ini.read_text().replace("[store:off]", f"[store:{far}.Box+2]").replace("= off://", "= OFF.box+2://")
                                .replace("OFF.box", f"{far}.Box"))
            made = json.loads(self.run_it("--json", "backup", "--preset", "nightly", cwd=self.dir).stdout)["archive"]
            self.assertTrue(made.startswith("far.box+2://bucket/n/"), made)
            self.run_it("verify", made.replace("far.box", "Far.BOX"))
            self.run_it("--set", f"store:{far.upper()}.BOX+2.root={self.root}", "verify", made)
            self.run_it("backup", "-o", f"{far.swapcase()}.box+2://y-{far}.zip", cwd=self.dir)
            self.ini.write_text(self.ini.read_text().replace(f"[store:{far}.Box+2]", "[store:off]").replace(f"= {far}.Box+2:", "= off:"))
        for slip in ("My_Box://x", "2box://x.zip", "my box://x"):
            for words in (("-o", slip), ("--preset", "nightly", "-o", slip)):
                done = self.run_it("backup", *words, cwd=self.dir, expect=2)
                self.assertIn(f"{slip}: is no URL".encode(), done.stderr)
                self.assertIn(b"write ./ in front of it", done.stderr)
            done = self.run_it("--set", f"preset:nightly.directory={slip}", "backup", "--preset", "nightly", cwd=self.dir, expect=2)
            self.assertIn(b"is no URL", done.stderr)
        self.assertIn(b"no store is called 'nowhere'", self.run_it("backup", "-o", "NoWhere://x.zip", cwd=self.dir, expect=2).stderr)
        (self.dir / "My_Box:").mkdir()
        self.run_it("backup", "-o", "./My_Box://x.zip", cwd=self.dir)
        self.run_it("verify", self.dir / "My_Box:" / "x.zip")
        (self.dir / "into").mkdir()
        for place in (f"file://{self.dir}/into", f"FILE://LocalHost{self.dir}/into/", f"file:{self.dir}/into/"):
            made = json.loads(self.run_it("--json", "backup", "-o", place).stdout)["archive"]
            self.assertEqual(os.path.dirname(made), f"{self.dir}/into")
        self.assertIn(b"file:///DIRECTORY/NAME", self.run_it("backup", "-o", "File://elsewhere/x.zip", cwd=self.dir, expect=2).stderr)
        self.assertFalse([path.name for path in self.dir.iterdir() if ":" in path.name and path.name != "My_Box:"])

    def test_listed_twice(self):
        """Page after page a listing may name an object again: it is one all the same."""
        for _ in range(3):
            self.run_it("--set", "preset:nightly.keep=9", "backup", "--preset", "nightly")
        made, newest = set(self.archives()), self.newest()
        done = self.run_it("--set", "preset:nightly.keep=1", "prune", fault="list:1+:other", expect=3)
        self.assertRegex(done.stderr, rb"cannot be listed: plugin odd: its list\(\) gave 'bucket/n/nightly-\S+' twice, with different lengths or versions")
        self.assertEqual(set(self.archives()), made)
        for keep in (2, 1):
            done = self.run_it("--json", "--set", f"preset:nightly.keep={keep}", "prune", fault="list:1+:twice")
            self.assertEqual(len(self.archives()), keep, done.stdout)
            self.assertIn(newest, self.archives())
        self.run_it("--set", "preset:nightly.keep=1", "backup", "--preset", "nightly", fault="list:1+:twice")
        self.assertEqual(len(self.archives()), 1)
        self.check_all()

    def test_answers_that_cannot_be(self):
        """The plugin is named, with what it said."""
        self.run_it("backup", "-o", "off://bucket/x.zip")
        for fault, words, said in (
                ("open:1:nameless", ("list", "off://bucket/x.zip"), b"plugin odd: its open() gave an object without a name"),
                ("open:1:unversioned", ("list", "off://bucket/x.zip"), b"plugin odd: its open() does not say what version 'bucket/x.zip' has"),
                ("limits:1:flags", ("backup", "-o", "off://y.zip"), b"plugin odd: its limits() gave unknown flags (0x4000)"),
                ("limits:1:parts", ("backup", "-o", "off://y.zip"),
                 b"plugin odd: its limits() gave 65537 for part_least, which is more than part_most, 65536")):
            self.assertIn(said, self.run_it(*words, fault=fault, expect=1).stderr)

    def test_preset_keeps_its_own(self):
        made = []
        for _ in range(3):
            made.append(json.loads(self.run_it("--json", "backup", "--preset", "nightly").stdout)["archive"])
        self.assertEqual(self.objects().keys(), set(made[1:]))
        for url in made:
            self.assertRegex(url, r"^off://bucket/n/nightly-\d{4}-\d\d-\d\d-\d{6}Z-[0-9a-f]{6}\.zip$")
        other = self.make_home("other")
        self.run_it("--home", other, "backup", "--preset", "nightly")
        self.assertEqual(len(self.objects()), 3)
        self.nightly()
        self.assertEqual(len(self.objects()), 3)
        shutil.copy(self.archives()[0], self.root / "=bucket+n+not-an-archive.txt")
        done = self.run_it("--set", "preset:nightly.keep=1", "prune")
        self.assertIn(b"Removed 1 archive", done.stdout)
        self.check_all_but("off://bucket/n/not-an-archive.txt")

    def check_all_but(self, url):
        for other in self.objects().keys() - {url}:
            self.run_it("verify", other)


class Together(Odd):
    """Others write there at the same time."""

    def pass_gate(self, name):
        with open(self.root / name, "rb"):
            pass

    def test_two_machines(self):
        """One is about to commit while the other makes archives and prunes, and the other way round."""
        other = self.make_home("other")
        one = ("--set", "preset:nightly.keep=1", "--home", self.home, "backup", "--preset", "nightly")
        two = ("--set", "preset:nightly.keep=1", "--home", other, "backup", "--preset", "nightly")
        for name in ("here", "gate"):
            os.mkfifo(self.root / name)
        for call, number in (("put_part", 1), ("put_commit", 1), ("put_commit", 2), ("list", 2), ("remove", 1)):
            for waits, works in ((one, two), (two, one)):
                with self.subTest(call=call, number=number):
                    self.run_it(*waits)
                    words = self.command("--config", self.ini, *waits)
                    process = subprocess.Popen(words, env=self.environment(ODD_FAULT=f"{call}:{number}:wait"),
                                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                               stderr=subprocess.PIPE)
                    self.pass_gate("here")
                    for _ in range(2):
                        self.run_it(*works)
                    self.pass_gate("gate")
                    done = self.finish(process)
                    self.check_all()
                    facts = sorted(path.name[:-len(".facts")] for path in self.root.glob("=*.facts"))
                    self.assertEqual(facts, sorted(path.name for path in self.archives()))
                    self.assertEqual(len(facts), 2, (facts, done.stdout))

    def test_retention_whatever_happens(self):
        """Two homes, complete and incomplete archives, faults, kills: the newest complete one of each is there after
        every step, and whatever has a name is whole."""
        chance = random.Random(18)
        homes = [self.home, self.make_home("other")]
        calls = ("limits", "put_begin", "put_part", "put_commit", "open", "list", "read_at", "remove")
        newest = {}
        for step in range(40):
            home = chance.choice(homes)
            incomplete = chance.random() < 0.4
            if incomplete:
                (home / "outside").symlink_to("/etc")
            fault = chance.random() < 0.6 and (f"{chance.choice(calls)}:{chance.randint(1, 4)}:"
                                               f"{chance.choice(('fail', 'lost', 'unsure', 'kill', 'killed'))}")
            before = self.objects().keys()
            words = self.command("--config", self.ini, "--home", home, "backup", "--preset", "nightly")
            done = subprocess.run(words, env=self.environment(**({"ODD_FAULT": fault} if fault else {})),
                                  stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if incomplete:
                (home / "outside").unlink()
            with self.subTest(step=step, fault=fault, incomplete=incomplete):
                self.assertIn(done.returncode, (0, 1, 3, -signal.SIGKILL), self.describe(done))
                for url in self.objects().keys() - before:
                    if not incomplete:
                        newest[home] = url
                self.assertLessEqual(set(newest.values()), self.objects().keys(), self.describe(done))
                for content in self.objects().values():
                    with zipfile.ZipFile(io.BytesIO(content)) as archive:
                        self.assertIsNone(archive.testzip())
        self.assertEqual(len(newest), 2)
        for home in homes:  # what killed runs left there
            self.run_it("--home", home, "backup", "--preset", "nightly")

    def test_two_writers(self):
        """Two homes share a prefix; one waits in any call of the store while the other makes archives, prunes, fails or
        is killed, and is let go then. What has a name is whole, and of each home the newest complete one is there."""
        chance = random.Random(24)
        homes = [self.home, self.make_home("other")]
        for name in ("here", "gate"):
            os.mkfifo(self.root / name)
        calls = ("limits", "put_begin", "put_part", "put_commit", "open", "list", "read_at", "remove")
        keep = ("--set", "preset:nightly.keep=1")
        newest = {}
        for home in homes:
            (newest[home],) = self.made(lambda home=home: self.run_it(*keep, "--home", home, "backup", "--preset", "nightly"))
        for step in range(14):
            one, other = chance.sample(homes, 2)
            fault = f"{chance.choice(calls)}:{chance.randint(1, 3)}"
            strikes = f"{chance.choice(calls)}:{chance.randint(1, 4)}:{chance.choice(('fail', 'lost', 'kill', 'killed', 'busy'))}"
            process = self.start(f"{fault}:wait", *keep, "--home", one, "backup", "--preset", "nightly")
            waits = self.arrives(process)
            theirs = self.made(lambda: self.run_killed(strikes, *keep, "--home", other, "backup", "--preset", "nightly"))
            if waits:
                self.let_go(process)
            done = self.finish(process)
            with self.subTest(step=step, fault=fault, strikes=strikes, waits=waits):
                (newest[one],) = re.findall(rb"import (off://\S+)", done.stdout)[:1] or [b""]
                newest[one] = newest[one].decode()
                if theirs:
                    newest[other] = max(theirs - {newest[one]}, default=newest[other])
                self.assertLessEqual(set(newest.values()), self.objects().keys(), self.describe(done))
                for content in self.objects().values():
                    with zipfile.ZipFile(io.BytesIO(content)) as archive:
                        self.assertIsNone(archive.testzip())
        for home in homes:
            self.run_it(*keep, "--home", home, "backup", "--preset", "nightly")
        self.assertEqual(len(self.objects()), 2)

    def made(self, action):
        """The archives that are there after it, and were not before."""
        before = self.objects().keys()
        action()
        return self.objects().keys() - before

    def test_names_that_begin_alike(self):
        """A preset whose prefix is the start of another's, and a directory below: each keeps its own alone."""
        self.ini = self.write_config(self.ini.read_text() +
                                     "[preset:longer]\ndirectory = off://bucket/n\nprefix = nightly-x-\nkeep = 1\n"
                                     "[preset:below]\ndirectory = off://bucket/n/nightly-\nprefix = nightly-\nkeep = 1\n")
        presets = {"nightly": 2, "longer": 1, "below": 1}
        for _ in range(3):
            for preset in presets:
                self.run_it("backup", "--preset", preset)
        names = sorted(self.objects())
        for preset, start in (("nightly", r"nightly-\d"), ("longer", "nightly-x-"), ("below", "nightly-/")):
            self.assertEqual(len([name for name in names if re.match("off://bucket/n/" + start, name)]), presets[preset], names)
        self.run_it("prune")
        self.assertEqual(sorted(self.objects()), names)
        self.check_all()

    def test_the_way_back(self):
        """The archive that an import makes first goes there as well."""
        self.run_it("backup", "-o", self.dir / "first.zip")
        hb.write(self.home / "config.yaml", b"model: small\n")
        self.run_it("--set", "import.backup-preset=nightly", "import", self.dir / "first.zip", "--backup-first",
                    "--force")
        (url,) = self.objects()
        self.assertEqual(self.run_it("cat", url, "config.yaml").stdout, b"model: small\n")

    def test_directories(self):
        """Of [backup], and where -o says to put it: a name is made, and nothing is removed."""
        for _ in range(2):
            self.run_it("backup", "-o", "off://")
            self.run_it("--set", "backup.directory=off://plain/", "backup")
        names = sorted(self.objects())
        self.assertEqual(len(names), 4)
        for url in names:
            self.assertRegex(url, r"^off://(plain/)?backup-[0-9-]{17}Z-[0-9a-f]{6}\.zip$")
        self.check_all()


class Facts(Odd):
    """What stands beside each archive of a preset."""

    def facts(self):
        return sorted(self.root.glob("=*.facts"))

    def read(self, path):
        return json.loads(path.read_bytes()[HEAD_BYTES:])

    def damage(self, path):
        data = path.read_bytes()
        path.write_bytes(data[:HEAD_BYTES] + bytes(len(data) - HEAD_BYTES))

    def test_what_they_say(self):
        self.make_database(self.home / "state.db")
        self.run_it("--set", "content:sqlite-snap.plugin=sqlite-snap", "backup", "--preset", "nightly")
        (path,), (archive,) = self.facts(), self.archives()
        self.assertEqual(path.name, archive.name + ".facts")
        facts = self.read(path)
        content = archive.read_bytes()[HEAD_BYTES:]
        self.assertEqual(facts["length"], len(content))
        self.assertEqual(facts["head"], hashlib.sha256(content[:4096]).hexdigest())
        self.assertEqual((facts["reasons"], facts["databases"], facts["sequence"]), (0, 1, 1))
        self.assertRegex(facts["mac"], "^[0-9a-f]{64}$")
        self.assertEqual(facts["run"][:6], archive.name[:-4][-6:])
        for secret in (str(self.home), os.uname().nodename, "state.db", "config.yaml"):
            self.assertNotIn(secret, path.read_text())
        self.hbcore("--config", self.ini, "backup", "--preset", "nightly", env={"SOURCE_DATE_EPOCH": "1800000000"})
        self.assertEqual(len(self.facts()), 1, "one that is to be the same anywhere has none")

    def test_archives_are_not_read_for_retention(self):
        for _ in range(3):
            self.nightly()
        self.assertEqual([path.name + ".facts" for path in sorted(self.archives())],
                         [path.name for path in self.facts()])
        newest = self.newest()
        for path in self.archives():
            if path != newest:
                self.damage(path)
        done = self.run_it("--set", "preset:nightly.keep=1", "prune")
        self.assertIn(b"Removed 1 archive", done.stdout)
        self.assertEqual(len(self.facts()), 1)

    def test_the_one_that_lets_others_go_is_asked(self):
        """Overwritten since, put under a name of tomorrow, or cut into: what was complete before it stays."""
        for lie in ("overwritten", "renamed", "damaged"):
            for path in self.root.glob("=*"):
                path.unlink()
            for _ in range(3):
                self.run_it("--set", "preset:nightly.keep=9", "backup", "--preset", "nightly")
            newest = self.newest()
            made, data = self.archives(), newest.read_bytes()
            good = max((path for path in made if path != newest), key=lambda path: path.stat().st_mtime_ns)
            if lie == "renamed":
                good, fake = newest, self.root / re.sub(r"\d{4}(-\d\d-\d\d-\d{6}Z)", r"2099\1", newest.name)
                fake.write_bytes(data[:HEAD_BYTES] + bytes(len(data) - HEAD_BYTES))
                shutil.copy(f"{newest}.facts", f"{fake}.facts")
            elif lie == "overwritten":
                head = b"another another %d" % (len(data) - HEAD_BYTES)
                newest.write_bytes(head.ljust(HEAD_BYTES - 1) + b"\n" + bytes(len(data) - HEAD_BYTES))
            else:
                newest.write_bytes(data[:-100] + bytes(100))
            done = self.run_it("--set", "preset:nightly.keep=1", "prune")
            self.assertTrue(good.exists(), f"{lie}: {done.stdout}")
            self.assertEqual(b"it is this home's, but damaged: " in done.stdout, lie == "damaged", done.stdout)

    def test_facts_of_others_and_of_something_else(self):
        """Those of another home, those that do not fit, and what is none."""
        other = self.make_home("other")
        for _ in range(2):
            self.run_it("--home", other, "backup", "--preset", "nightly")
        self.nightly()
        for path in self.facts():
            if path.name != self.newest().name + ".facts":
                self.damage(self.root / path.name[:-len(".facts")])
        self.run_it("--set", "preset:nightly.keep=1", "prune")
        self.assertEqual(len(self.archives()), 3, "another home's stay")
        kept = self.newest()
        self.nightly()
        mine = self.root / (self.newest().name + ".facts")
        mine.write_bytes(mine.read_bytes()[:HEAD_BYTES] + b"{}")
        with open(self.newest(), "r+b") as archive:  # the trailer decides: it is not whole any more
            archive.seek(-30, os.SEEK_END)
            archive.write(bytes(30))
        self.run_it("--set", "preset:nightly.keep=1", "prune")
        self.assertTrue(kept.exists(), "the newest complete one stays")

    def test_facts_that_lie(self):
        """Of another archive of the same length, or not sealed by this installation: the archive is asked."""
        for lie in ("another", "unsealed", "foreign"):
            for path in self.root.glob("=*"):
                path.unlink()
            made = []
            for _ in range(3):
                self.run_it("--set", "preset:nightly.keep=9", "backup", "--preset", "nightly")
                made += set(self.archives()) - set(made)
            self.assertEqual(len({path.stat().st_size for path in made}), 1)
            mine = self.root / (made[2].name + ".facts")
            facts = self.read(self.root / (made[0].name + ".facts")) if lie == "another" else self.read(mine)
            if lie != "another":
                facts = {**facts, "sequence": 0, "mac": "0" * 64}
                if lie == "unsealed":
                    del facts["mac"]
            there, text = mine.read_bytes(), json.dumps(facts, separators=(",", ":")).encode()
            mine.write_bytes(there[:HEAD_BYTES] + text.ljust(len(there) - HEAD_BYTES))
            done = self.run_it("--set", "preset:nightly.keep=1", "prune")
            self.assertEqual(self.archives(), [made[2]], f"{lie}: {done.stdout}")
            self.assertEqual(b"(of another installation)" in done.stdout, lie == "foreign")

    def test_incomplete_ones_say_so(self):
        self.nightly()
        complete = self.newest()
        (self.home / "outside").symlink_to("/etc")
        for _ in range(4):
            self.nightly(expect=3)
            facts = self.read(self.root / (self.newest().name + ".facts"))
            self.assertEqual(facts["reasons"], 1)
        self.assertTrue(complete.exists())
        self.assertEqual(len(self.archives()), 3)

    def test_left_overs_go_after_a_day(self):
        self.nightly()
        (facts,) = self.facts()
        stale, fresh = (self.root / f"=bucket+n+nightly-2026-01-01-00000{number}Z-012345.zip.facts" for number in (1, 2))
        upload = self.root / ".upload-old"
        for path in (stale, fresh, upload):
            shutil.copy(facts, path)
        for path in (stale, upload):
            os.utime(path, (1_700_000_000, 1_700_000_000))
        self.nightly()
        self.assertEqual((stale.exists(), fresh.exists(), upload.exists()), (False, True, False))


class Faults(Odd):
    """Each call in turn."""

    def setUp(self):
        super().setUp()
        self.nightly()
        self.nightly()
        self.kept = self.newest()

    def check(self, done, kind):
        """No part of an archive has a name, and what was the newest complete one is there."""
        self.assertTrue(self.kept.exists(), "the newest complete archive is gone")
        self.check_all()
        if kind in ("kill", "killed"):
            self.assertEqual(done.returncode, -signal.SIGKILL)
        else:
            self.assertIn(done.returncode, (0, 1, 3), self.describe(done))
        if done.returncode == 1:
            self.assertIn(b"hbcore: ", done.stderr)
        if done.returncode == 3:  # it is there, but nobody could ask for its end
            self.assertIn(b"its end cannot be read back: the store was told to fail", done.stderr)
            self.assertIn(b"no older archive was removed", done.stdout)

    def test_writing(self):
        rows = [("limits", 1), ("put_begin", 1), ("put_part", 1), ("put_part", 2),
                ("put_begin", 2), ("put_commit", 1),  # of the facts
                ("put_commit", 2)]
        for call, number in rows:
            for kind in ("fail", "kill", "killed", "lost"):
                if call == "limits" and kind in ("killed", "lost"):
                    continue
                with self.subTest(call=call, number=number, kind=kind):
                    before = self.objects()
                    done = self.struck(call, number, kind)
                    self.check(done, kind)
                    new = self.objects().keys() - before.keys()
                    there = (call, kind) == ("put_commit", "lost") or (call, number, kind) == ("put_commit", 2, "killed")
                    self.assertEqual(len(new), int(there))
                    if kind not in ("kill", "killed"):
                        self.assertEqual(done.returncode, 0 if there else 1, self.describe(done))
                    if not there:
                        self.assertEqual(self.objects(), before)
                    self.kept = self.newest()
        self.sweep_stages()

    def sweep_stages(self):
        """What killed runs left in the home, the next one removes."""
        self.nightly()
        self.check_all()

    def test_a_commit_that_nobody_can_tell_of(self):
        before = self.objects()
        done = self.nightly("put_commit:2:unsure", expect=1)
        self.assertIn(b"it is unknown whether the archive is there: no answer came", done.stderr)
        self.assertEqual(self.objects(), before, "nothing is removed when it is not known what was made")

    def test_worth_another_try(self):
        """What fails for the network, or because somebody is busy, is tried again, each call of it."""
        rows = [(call, number) for call in ("limits", "put_begin", "put_part", "list", "open", "read_at", "remove")
                for number in (1, 2)]
        for call, number in (*rows, ("put_commit", 1)):  # of the facts, which can be put once more
            for kind in ("network", "busy"):
                with self.subTest(call=call, number=number, kind=kind):
                    done = self.nightly(f"{call}:{number}:{kind}")
                    self.assertNotIn(b"told to fail", done.stdout + done.stderr)
                    self.assertEqual(len(self.archives()), 2)
        self.check_all()
        before = self.objects()
        done = self.nightly("put_commit:2:network", expect=1)  # of the archive: it will never be there
        self.assertIn(b"told to fail", done.stderr)
        self.assertEqual(self.objects(), before)
        url = sorted(before)[0]
        for call in ("open", "read_at"):
            for number in (1, 2):
                self.run_it("verify", url, fault=f"{call}:{number}:network")

    def test_stopped_while_it_is_tried_again(self):
        """A signal ends the waiting, and nothing of an archive stays."""
        for call in ("limits", "put_begin", "put_part", "open", "list", "read_at"):
            before = self.objects()
            with self.subTest(call=call):
                done = self.nightly(f"{call}:1+:stop", expect=None)
                self.assertEqual(done.returncode, 128 + signal.SIGTERM, self.describe(done))
                self.assertEqual(self.objects(), before)
                self.assertEqual(list(self.root.glob(".upload-*")), [])

    def test_between_the_last_part_and_the_commit(self):
        """What had all its parts is not there, and the next run is not disturbed."""
        for number in (1, 2):
            for kind in ("kill", "fail", "network"):
                with self.subTest(number=number, kind=kind):
                    before = self.objects().keys()
                    self.struck("put_commit", number, kind)
                    self.assertLessEqual(self.objects().keys() - before, set() if number == 2 else self.objects().keys())
                    self.nightly()
                    self.check_all()
        self.assertEqual(len(self.archives()), 2)

    def test_reading_and_listing(self):
        for call in ("list", "open", "read_at"):
            for number in range(1, 9):
                with self.subTest(call=call, number=number):
                    done = self.struck(call, number, "fail")
                    self.check(done, "fail")
                    self.kept = self.newest()
        url = sorted(self.objects())[0]
        for command in (("list",), ("verify",), ("cat",), ("import",)):
            for call, number in (("open", 1), *(("read_at", number) for number in range(1, 6))):
                with self.subTest(command=command[0], call=call, number=number):
                    self.read(command[0], url, call, number)

    def read(self, command, url, call, number):
        """The second read may be a question for another format, which need not be answered."""
        target = self.dir / f"{call}-{number}"
        words = {"list": ("list", url), "verify": ("verify", url), "cat": ("cat", url, "config.yaml"),
                 "import": ("--home", target, "import", url, "--force")}[command]
        done = self.run_it(*words, fault=f"{call}:{number}:fail", expect=None)
        if done.returncode == 0 and number > 1:
            return
        self.assertEqual(done.returncode, 1, self.describe(done))
        self.assertIn(b"the store was told to fail", done.stderr)
        self.assertEqual(hb.tree(target).keys() - {b"."} if target.exists() else set(), set())

    def test_few_reads(self):
        """Two are enough to list an archive, of whichever format: its start, and its end."""
        for kind, suffix in FORMATS.items():
            url = f"off://bucket/few{suffix}"
            self.run_it("backup", "--format", kind, "-o", url)
            for command in ("list", "verify"):
                right = self.run_it(command, url).stdout
                self.run_it(command, url, fault="read_at:1:fail", expect=1)
                # That of the end is tried again, and what comes first then fails where it must not.
                self.run_it(command, url, fault="read_at:2:fail")
                if command == "list":
                    self.assertEqual(self.run_it(command, url, fault="read_at:3:fail").stdout, right)

    def test_removing(self):
        for kind in ("fail", "lost", "kill", "killed"):
            with self.subTest(kind=kind):
                done = self.struck("remove", 1, kind)
                self.check(done, kind)
                if kind in ("fail", "lost"):
                    self.assertEqual(done.returncode, 0)
                    self.assertIn(b"cannot be removed", done.stdout + done.stderr)
                self.kept = self.newest()
        self.sweep_stages()


if __name__ == "__main__":
    unittest.main()
