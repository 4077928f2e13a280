#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What networks and services do, at each request in turn: the right result, or a clear error with nothing under the name;
the newest complete archive stays. Without HBCORE_FULL one request of each kind, by chance: HBCORE_SEED gives the same again."""
import os
import random
import re
import signal
import subprocess
import time
import unittest

import front
import s3case
from bucket import Upload
from s3case import hb

EACH = 10_000 if hb.FULL else 1  # so many requests of each kind, at most
# After these the request is sent again, and all is as if nothing had been.
HARMLESS = ("500", "500-done", "slow", "lost", "reset", "stall", "cut", "digest")
READING = ("500", "slow", "lost", "reset", "stall", "cut")
REFUSING = ("skew", "expired", "region", "404", "412", "aborted", "error-in-200", "old-list")
TOLD = {"skew": b"RequestTimeTooSkewed", "expired": b"ExpiredToken", "region": b"PermanentRedirect",
        "aborted": b"somebody has given up the upload"}


class Faults(s3case.Case):
    options = "part-size = 5M\nparallel-parts = 2\n"

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("HBCORE_SEED", random.randrange(1 << 32)))
        self.random = random.Random(self.seed)

    def picked(self, total):
        """Which of the requests it strikes."""
        return sorted(self.random.sample(range(1, total + 1), min(total, EACH)))

    def strike(self, kind, at, *words):
        """What the run came to, and the request that it struck; None: it has fewer."""
        self.front.arm(kind, at)
        done = self.run_it(*words, expect=None)
        struck, self.front.at = self.front.struck, 0
        self.assertIn(done.returncode, (0, 1, 3), self.describe(done))
        self.assertTrue(done.returncode == 0 or done.stderr or b"Notes" in done.stdout or b"not" in done.stdout, self.describe(done))
        return done, struck

    def count(self, *words):
        self.front.arm()
        self.run_it(*words)
        return len(self.requests())

    # ---- writing ----

    def sweep_writing(self, kinds, prepare, words):
        total = self.count(*words)
        for kind in kinds:
            for at in self.picked(total):
                before = prepare()
                with self.subTest(kind=kind, at=at, seed=self.seed):
                    done, struck = self.strike(kind, at, *words)
                    self.assert_all_whole()
                    new = self.archives().keys() - before.keys()
                    if done.returncode == 0:
                        self.assertEqual(len(new), 1, struck)
                    if kind in HARMLESS:
                        self.assertEqual(done.returncode, 0, f"{struck}\n{self.describe(done)}")
                        self.assertEqual(self.service.uploads, {}, struck)
                    if done.returncode == 1 and kind in TOLD and kind != "aborted":
                        self.assertIn(TOLD[kind], done.stderr, struck)
                    self.assertTrue(self.archives(), struck)

    def restore(self):
        self.service.objects = dict(self.kept)
        self.service.uploads.clear()
        return self.archives()

    def test_a_preset(self):
        """With the archive before, of which parts are copied, and one that is to go."""
        self.make_large(s3case.COPIED)
        self.make_old()
        words = ("--set", "preset:nightly.keep=1", "backup", "--preset", "nightly")
        self.run_it(*words)
        self.kept = dict(self.service.objects)
        self.sweep_writing(HARMLESS + REFUSING, self.restore, words)

    def test_to_a_name(self):
        self.make_large(6)
        self.kept = {}
        self.run_it("backup", "-o", "s3://bucket/first.zip")
        self.kept = dict(self.service.objects)
        words = ("backup", "--replace", "-o", "s3://bucket/second.zip")
        self.sweep_writing(HARMLESS + REFUSING, self.restore, words)

    def test_a_commit_that_is_lost(self):
        """The answer to it is lost, and somebody else is quicker than the look."""
        self.make_large(6)
        for kind, words in (("lost", ("--exclude", "large.bin")), ("500-done", ()), ("lost", ())):
            self.front.arm()
            self.restore_nothing()
            self.run_it("backup", *words, "-o", "s3://bucket/a.zip")
            at = max(number for number, row in enumerate(self.requests(), 1) if row.startswith(("POST", "PUT")))
            self.restore_nothing()
            done, struck = self.strike(kind, at, "backup", *words, "-o", "s3://bucket/a.zip")
            self.assertEqual(done.returncode, 0, struck)
            self.assertIn(b"it is there" if not words else b"sent again", done.stdout)
        # Nobody can tell: what has the name is of another run.
        self.restore_nothing()
        self.front.arm("lost", at)
        count = [0]

        def steal(request):
            count[0] += 1
            if count[0] > at and request.method == "GET" and ("bucket", s3case.named("a.zip")) in self.service.objects:
                self.service.objects["bucket", s3case.named("a.zip")].meta = {}
        self.front.before = steal
        done = self.run_it("backup", "-o", "s3://bucket/a.zip", expect=1)
        self.assertIn(b"it is unknown whether the archive is there", done.stderr)

    def restore_nothing(self):
        self.service.objects.clear()
        self.service.uploads.clear()

    def test_that_lasts(self):
        """However long it lasts: an error that says it, and nothing under the name."""
        self.make_large(6)
        kinds = {"slow": b"SlowDown", "500": b"InternalError", "lost": b"no answer", "reset": b"no answer"}
        for kind, said in kinds.items() if hb.FULL else [self.random.choice(list(kinds.items()))]:
            self.front.next = lambda request, kind=kind: kind if request.method in ("PUT", "POST") else ""
            done = self.run_it("--set", "store:s3.retry-time=1s", "backup", "-o", "s3://bucket/a.zip", expect=1)
            self.assertIn(said, done.stderr)
            self.assertEqual(self.archives(), {})

    def test_what_people_hear_meanwhile(self):
        """Once, whatever is asked; not with --quiet, not of a moment, and programs read on standard output what they always did."""
        down = ("--set", "store:s3.endpoint=http://127.0.0.1:1", "--set", "store:s3.retry-time=6s")
        said = b"[store:s3]: no answer: "
        for words in (("--json", "archives"), ("verify", "s3://bucket/a.zip")):
            done = self.run_it(*down, *words, expect=1)
            lines = [line for line in done.stderr.splitlines() if b"tried again" in line]
            self.assertEqual(len(lines), 1, self.describe(done))
            self.assertIn(said, lines[0])
            self.assertTrue(lines[0].endswith(b"; it is tried again for up to 6 s"), lines[0])
            self.assertNotIn(b"tried again", done.stdout)
        self.assertNotIn(b"tried again", self.run_it(*down, "--quiet", "archives", expect=1).stderr)
        self.front.arm("500", 1)
        self.assertEqual(self.run_it("archives").stderr, b"")
        self.assertIsNotNone(self.front.struck)

    def test_one_attempt(self):
        """Without a retry-time: the host does not try it for half a minute either."""
        self.front.next = lambda request: self.front.log.append(str(request)) or "500"
        done = self.run_it("--set", "store:s3.retry-time=0", "archives", expect=1)
        self.assertIn(b"InternalError", done.stderr)
        self.assertEqual(len(self.requests()), 1, self.requests())

    @staticmethod
    def second_of_the_newest(names):
        """Behind it are digits of the run, which do not count."""
        return max(name.rpartition("-")[0] for name in names)

    def test_the_newest_is_not_listed(self):
        """A list that is behind: nothing is lost by it."""
        words = ("--set", "preset:nightly.keep=1", "backup", "--preset", "nightly")
        for _ in range(2):
            self.run_it(*words)
        newest = set(self.archives())
        total = self.count(*words)
        for at in range(1, total + 1) if hb.FULL else [1, total]:
            before = set(self.archives())
            self.front.arm("old-list", at)
            self.run_it(*words, expect=None)
            self.assertGreaterEqual(self.second_of_the_newest(self.archives()),
                                    self.second_of_the_newest(before | newest))
            self.assert_all_whole()

    # ---- reading ----

    def test_reading(self):
        self.make_large(6)
        self.run_it("backup", "-o", "s3://bucket/a.zip")
        self.run_it("backup", "--format", "tar-zstd", "-o", "s3://bucket/a.tar.zst")
        content = (self.home / "config.yaml").read_bytes()
        for name in ("a.zip", "a.tar.zst"):
            for command in (("list",), ("verify",), ("cat", "config.yaml"), ("import", "--force")):
                words = (command[0], f"s3://bucket/{name}", *command[1:])
                target = self.fresh("target")
                total = self.count("--home", target, *words)
                for kind in READING + ("404", "412", "expired"):
                    for at in self.picked(total) if hb.FULL or self.random.random() < 0.4 else []:
                        with self.subTest(name=name, command=command[0], kind=kind, at=at, seed=self.seed):
                            target = self.fresh("target")
                            done, struck = self.strike(kind, at, "--home", target, *words)
                            if kind in READING:
                                self.assertEqual(done.returncode, 0, f"{struck}\n{self.describe(done)}")
                            if done.returncode == 0 and command[0] == "cat":
                                self.assertEqual(done.stdout, content)
                            if done.returncode == 0 and command[0] == "import":
                                self.assert_same_tree(self.home, target)
                            elif command[0] == "import":
                                self.assertFalse([path for path in target.rglob("*") if path.is_file() and path.name != hb.HOME_ID])

    # ---- what is mended ----

    def test_another_clock(self):
        for ahead in (7200, -86400):
            self.service.ahead = ahead
            self.run_it("backup", "--preset", "nightly")
        self.assertEqual(len(self.archives()), 2)

    def test_another_region(self):
        self.service.region = front.ELSEWHERE
        self.run_it("backup", "--preset", "nightly")
        self.front.arm()
        self.run_it("--set", f"store:s3.region={front.ELSEWHERE}", "list", "s3://bucket/" + min(self.archives()))
        self.assertLessEqual(len(self.requests()), 3)


class Killed(s3case.Case):
    """kill -9 at any moment of an upload: no archive that is not whole, and the next run gives up what is left."""
    options = "part-size = 5M\nparallel-parts = 2\n"

    def age(self, days=2):
        """All that is there has lain there for so long."""
        for found in [*self.service.objects.values(), *self.service.uploads.values()]:
            found.when -= days * 86400

    def test_killed(self):
        self.make_large(16)
        self.left_behind_is_fine = True
        words = ("backup", "--preset", "nightly")
        self.run_it(*words)
        self.front.arm()
        self.run_it(*words)
        total = len(self.requests())
        for _ in range(100 if hb.FULL else 6):
            at = random.randrange(1, total + 1)
            self.kill_at(at, words)
            self.assert_all_whole()
        self.assertTrue(self.archives())
        self.service.uploads["other"] = Upload("bucket", min(self.archives()), {}, time.time())
        self.age()
        self.run_it(*words)
        self.assertEqual(list(self.service.uploads), ["other"])
        self.assertFalse([key for key in self.objects() if s3case.MARK in key])
        self.assertEqual(len(self.archives()), 2)

    def kill_at(self, at, words, wanted=lambda _: True):
        process = subprocess.Popen(self.command("--config", self.ini, *words), env=self.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        count = [0]

        def kill(request):
            count[0] += wanted(request)
            if count[0] == at:
                process.send_signal(signal.SIGKILL)
        self.front.before = kill
        process.wait()
        self.front.before = None

    def test_of_another_home(self):
        """Its uploads may be on their way."""
        self.make_large(6)
        other = self.make_home("other")
        words = ("backup", "--preset", "nightly")
        self.left_behind_is_fine = True
        self.run_it("--home", other, *words)
        self.kill_at(1, words, lambda request: "partNumber" in request.query)
        self.assertEqual(len(self.service.uploads), 1)
        self.age()
        self.run_it("--home", other, *words)
        self.assertEqual(len(self.service.uploads), 1)
        self.run_it(*words)
        self.assertEqual(self.service.uploads, {})
        self.left_behind_is_fine = True

    def test_a_signal(self):
        """What was begun is given up at once."""
        self.make_large(16)
        words = ("backup", "--preset", "nightly")
        process = self.start_hbcore("--config", self.ini, *words)

        def stop(request):
            if "partNumber" in request.query:
                process.send_signal(signal.SIGTERM)
        self.front.before = stop
        process.communicate(timeout=60)
        self.assertNotEqual(process.returncode, 0)
        self.assertEqual((self.service.uploads, self.archives()), ({}, {}))
        self.assertFalse(re.findall(s3case.MARK, " ".join(self.objects())))


if __name__ == "__main__":
    unittest.main()
