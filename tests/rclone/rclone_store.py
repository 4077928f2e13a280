#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives where rclone puts them: a directory here, by its remote "local" (s3_swift.py has one that is far away). Each call of
rclone in turn fails, or is killed, before it has done something and after. Without HBCORE_FULL some of them, by chance:
HBCORE_SEED gives the same again."""
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import unittest
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
import hb  # noqa: E402

hb.need("rclone")
hb.use_memory()
MARK = ".hbcore-part-"
FIXED = {"SOURCE_DATE_EPOCH": "1800000000"}
# Counts its calls, and does at one of them what the environment says.
WRAPPER = """#!/bin/sh
echo "$*" >> {log}
at=$(wc -l < {log})
case "$RCLONE_STRIKES" in
"$at fail") echo "told to fail" >&2; exit 1;;
"$at done") rclone "$@"; echo "told to fail" >&2; exit 1;;
"$at killed") rclone "$@" & sleep 0.0$(($$ % 10)); kill -9 $! 2>/dev/null; kill -9 $$;;
"$at cut") rclone "$@" | head -c 20; exit 0;;
*" nothing") case " $* " in *" features "*) exit 3;; esac;;
*" nomoves") case " $* " in *" features "*) echo '{{"Features": {{"PutStream": true}}}}'; exit 0;; esac;;
"$at wrong") echo '{{"Path": 1'; exit 0;;
esac
exec rclone "$@"
"""


def is_whole(path):
    try:
        return zipfile.ZipFile(path).testzip() is None
    except (zipfile.BadZipFile, EOFError):
        return False


class Store(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.seed = int(os.environ.get("HBCORE_SEED", random.randrange(1 << 32)))
        self.random = random.Random(self.seed)
        self.home, self.there, self.log = self.make_home(), self.dir / "there", self.dir / "calls"
        self.there.mkdir()
        hb.write(self.dir / "rclone.conf", "[far]\ntype = local\n", 0o600)
        hb.write(self.dir / "wrapper", WRAPPER.format(log=self.log), 0o755)
        self.ini = self.write_config(
            f"[home]\npath = {self.home}\n[store:rclone]\nprogram = {self.dir}/wrapper\nconfig = {self.dir}/rclone.conf\n"
            "[format:zip]\n[format:tar-zstd]\n[content:sqlite-snap]\n"
            f"[preset:nightly]\ndirectory = rclone://far/{self.there}/n/\nkeep = 2\n")

    def run_it(self, *words, strikes="", **keywords):
        self.log.write_text("")
        return self.hbcore("--config", self.ini, *words, env={"RCLONE_STRIKES": strikes}, **keywords)

    def calls(self):
        skipped = ("--ask-password=false", "--log-format=", "--config", str(self.dir / "rclone.conf"))
        return [[word for word in row.split() if word not in skipped] for row in self.log.read_text().splitlines()]

    def url(self, name):
        return f"rclone://far/{self.there}/{name}"

    def archives(self):
        return {path for path in self.there.rglob("*.zip") if path.is_file()}

    def marks(self):
        return [path for path in self.there.rglob("*" + MARK + "*")]

    # ---- what it does ----

    def test_as_a_pipe_gets_it_and_back(self):
        hb.write(self.home / "large.bin", random.Random(1).randbytes(11 << 20), mtime_ns=10**18)
        for format_, suffix in (("zip", ".zip"), ("tar-zstd", ".tar.zst")):
            words = ("--config", self.ini, "backup", "--format", format_)
            self.hbcore(*words, "-o", self.url("a" + suffix), env=FIXED)
            piped = self.hbcore(*words, "-o", "-", env=FIXED).stdout
            self.assertEqual((self.there / ("a" + suffix)).read_bytes(), piped)
            target = self.fresh("target")
            self.run_it("--home", target, "import", self.url("a" + suffix), "--force")
            self.assert_same_tree(self.home, target)
            self.assertEqual(self.run_it("cat", self.url("a" + suffix), "config.yaml").stdout, (self.home / "config.yaml").read_bytes())
            # What is read in order comes in large pieces.
            self.assertLessEqual(len([row for row in self.calls() if row[0] == "cat"]), 8, self.calls())
        self.assertEqual(self.marks(), [])

    def test_presets(self):
        for _ in range(3):
            self.run_it("backup", "--preset", "nightly")
        self.assertEqual((len(self.archives()), len(list(self.there.rglob("*.facts"))), self.marks()), (2, 2, []))
        self.run_it("--set", "preset:nightly.keep=1", "prune", "--preset", "nightly")
        self.assertEqual(len(self.archives()), 1)

    def test_names(self):
        for name in ("a b/ä/ü+%41&=;#'?.zip", "-rf.zip", "back\\sl\"ash *?[x].zip"):
            with self.subTest(name=name):
                self.run_it("backup", "-o", self.url(name))
                self.assertIn(self.there / name, self.archives())
        self.run_it("verify", self.url(name))
        self.assertIn(b"in one step", self.run_it("backup", "--replace", "-o", self.url(name), expect=1).stderr)
        before = self.archives()
        for name, said in (("a\n.zip", b"control"), ("\x7f.zip", b"control"), (b"\xff.zip", b"UTF-8"), (b"\xed\xa0\x80.zip", b"UTF-8"), ("\u2400.zip", b"UTF-8"), ("\u201b.zip", b"UTF-8"),
                           ("a//b.zip", b"empty part"), ("../b.zip", b"empty part"), ("x/./b.zip", b"empty part"), ("n" * 950 + ".zip", b"too long")):
            url = os.fsencode(self.url("")) + (name if isinstance(name, bytes) else name.encode())
            for words in (("backup", "-o", url), ("list", url)):
                self.assertIn(said, self.run_it(*words, expect=1).stderr, name)
        for url, said in (("rclone://-x/a.zip", b"no remote"), ("rclone://far", b"no remote"), ("rclone://:local/a.zip", b"no remote"),
                          ("rclone://none/a.zip", b"config file"), ("rclone://far//x/none.zip", b"nothing of that name")):
            self.assertIn(said, self.run_it("list", url, expect=None).stderr, url)
        self.assertIn(b"can neither rename nor copy", self.run_it("backup", "-o", self.url("b.zip"), strikes="0 nomoves", expect=1).stderr)
        self.assertIn(b"does not find far:", self.run_it("backup", "-o", self.url("b.zip"), strikes="0 nothing", expect=1).stderr)
        self.assertEqual(self.archives(), before)

    def test_an_archive_of_another_name_is_not_shown(self):
        """Prefixes are those of names, not of directories; and what is on its way is nobody's."""
        self.run_it("backup", "--preset", "nightly")
        hb.write(self.there / "n/other/nightly-x.zip", b"x")
        hb.write(self.there / f"n/nightly-2.zip{MARK}0123456789abcdef-0123456789abcdef", b"x")
        done = self.run_it("--json", "prune", "--preset", "nightly")
        self.assertNotIn(MARK.encode(), done.stdout + done.stderr)

    def test_replaced_while_it_is_read(self):
        self.run_it("backup", "-o", self.url("a.zip"))
        self.run_it("verify", self.url("a.zip"))
        total = len(self.calls())
        hb.write(self.dir / "swap", f"#!/bin/sh\necho x >> {self.log}\nif [ $(wc -l < {self.log}) = $SWAP ]; then echo >> {self.there}/a.zip; fi\n"
                 "exec rclone \"$@\"\n", 0o755)
        for at in self.picked(range(2, total + 1), 2):
            data = (self.there / "a.zip").read_bytes()
            self.log.write_text("")
            done = self.hbcore("--config", self.ini, "--set", f"store:rclone.program={self.dir}/swap", "verify", self.url("a.zip"),
                               env={"SWAP": str(at)}, expect=1)
            self.assertIn(b"it was replaced or removed while it was read", done.stderr, at)
            (self.there / "a.zip").write_bytes(data)

    def test_no_such_program(self):
        done = self.run_it("--set", "store:rclone.program=no-such-program", "list", self.url("a.zip"), expect=1)
        self.assertIn(b"no-such-program", done.stderr)

    def test_what_it_says(self):
        """Its last line, and what that goes on from."""
        hb.write(self.dir / "failing", "#!/bin/sh\nprintf 'first\\nthe reason\\ncaused by: one\\ncaused by: another\\n' >&2; exit 1\n", 0o755)
        done = self.run_it("--set", f"store:rclone.program={self.dir}/failing", "list", self.url("a.zip"), expect=1)
        self.assertIn(b"exit status 1: the reason caused by: one caused by: another\n", done.stderr)

    def test_flags(self):
        self.run_it("--set", "store:rclone.flags=--bwlimit 100M", "backup", "-o", self.url("a.zip"))
        self.assertTrue(all(row[:2] == ["--bwlimit", "100M"] for row in self.calls()), self.calls())

    # ---- what may happen ----

    def picked(self, rows, most):
        rows = list(rows)
        return rows if hb.FULL else self.random.sample(rows, min(most, len(rows)))

    def test_each_call_fails(self):
        words = ("--set", "preset:nightly.keep=1", "backup", "--preset", "nightly")
        self.run_it(*words)
        self.run_it(*words)
        total = len(self.calls())
        rows = [(at, kind) for at in range(1, total + 1) for kind in ("fail", "done", "killed", "cut", "wrong")]
        for at, kind in self.picked(rows, 3):
            with self.subTest(at=at, kind=kind, seed=self.seed):
                before = self.archives()
                done = self.run_it(*words, strikes=f"{at} {kind}", expect=None)
                self.assertIn(done.returncode, (0, 1, 3), self.describe(done))
                self.assertTrue(all(is_whole(path) for path in self.archives()), self.describe(done))
                new = self.archives() - before
                if done.returncode in (0, 3):
                    self.assertEqual(len(new), 1, self.describe(done))
                if done.returncode == 1:
                    self.assertIn(b"rclone", done.stderr)
                    self.assertLessEqual(before, self.archives(), self.describe(done))
                if new and done.returncode == 1:
                    self.assertIn(b"it is unknown whether the archive is there", done.stderr)
        self.left_behind_is_fine = True

    def test_each_call_fails_when_reading(self):
        self.run_it("backup", "-o", self.url("a.zip"))
        for words in self.picked((("list",), ("cat", "config.yaml"), ("verify",)), 2):
            words = (words[0], self.url("a.zip"), *words[1:])
            right = self.run_it(*words).stdout
            rows = [(at, kind) for at in range(1, len(self.calls()) + 1) for kind in ("fail", "killed", "cut", "wrong")]
            for at, kind in self.picked(rows, 1):
                with self.subTest(words=words, at=at, kind=kind, seed=self.seed):
                    done = self.run_it(*words, strikes=f"{at} {kind}", expect=None)
                    if done.returncode == 0:
                        if words[0] != "verify":
                            self.assertEqual(done.stdout, right)
                    else:
                        self.assertIn(b"rclone", done.stderr, self.describe(done))

    def test_killed(self):
        """At any moment: nothing under a name that is not whole, and the next run removes what is a day old."""
        hb.write(self.home / "large.bin", random.Random(1).randbytes(8 << 20), mtime_ns=10**18)
        words = ("backup", "--preset", "nightly")
        self.run_it(*words)
        start = time.monotonic()
        self.run_it(*words)
        took = time.monotonic() - start
        self.left_behind_is_fine = True
        for _ in range(100 if hb.FULL else 2):
            process = subprocess.Popen(self.command("--config", self.ini, *words), env=self.environment(), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
            # A moment of its life; there is nothing to be waited for.
            try:
                process.wait(self.random.random() * took)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            process.wait()
            self.settle_rclone(process.pid)
            self.assertTrue(all(is_whole(path) for path in self.archives()), self.seed)
        self.assertTrue(self.archives())
        for path in self.marks():
            os.utime(path, (1_700_000_000, 1_700_000_000))
        hb.write(self.there / f"n/nightly-1.zip{MARK}{0:016x}-{0:016x}", b"of another home", mtime_ns=10**18)
        self.run_it(*words)
        self.assertEqual([path.read_bytes() for path in self.marks()], [b"of another home"])
        self.assertEqual(len(self.archives()), 2)

    @staticmethod
    def settle_rclone(session):
        """What it had started goes on for a moment."""
        def runs(entry):
            try:
                return int((entry / "stat").read_text().rpartition(")")[2].split()[3]) == session
            except (OSError, IndexError):
                return False
        while any(runs(entry) for entry in pathlib.Path("/proc").iterdir() if entry.name.isdigit()):
            time.sleep(0.01)

    def test_a_signal(self):
        """Nothing of it is under the name, nor does rclone go on."""
        hb.write(self.home / "large.bin", random.Random(1).randbytes(64 << 20), mtime_ns=10**18)
        self.log.write_text("")
        process = self.start_hbcore("--config", self.ini, "--set", "store:rclone.flags=--bwlimit 8M", "backup", "-o", self.url("a.zip"))
        while "rcat" not in self.log.read_text():
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 128 + signal.SIGTERM)
        self.assertEqual(self.archives(), set())
        self.left_behind_is_fine = True


if __name__ == "__main__":
    unittest.main()
