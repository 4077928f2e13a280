# SPDX-License-Identifier: Apache-2.0
"""Content plugins are asked twice at most for a file, by all commands, and their sources judged alike."""
import collections
import json
import os
import re
import shutil
import unittest

import fault
import hb

FORMATS = ("zip", "tar-zstd")
SIDES = ("-one", "-two", "-three")


class Contents(hb.Case):
    plugin = "counted"

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.log = self.dir / "calls"
        for name in ("a.cnt", "deep/down/b.cnt", "deep/c.txt", "listed/d.cnt"):
            hb.write(self.home / name, name.encode() * 1000)
        for side in SIDES:
            hb.write(self.home / f"a.cnt{side}", b"of a.cnt")
            hb.write(self.home / f"gone.cnt{side}", b"of a file that is not there")
        self.configure()

    def configure(self, **options):
        options = {"log": self.log, **options}
        self.config = self.write_config(
            f"[plugins]\npath = {os.environ['HBCORE_CONTENTS']}\n[backup]\nformat = zip\n"
            "[snapshot]\ndirectory = kept\nfiles = a.cnt deep/c.txt listed\n"
            f"[format:zip]\n[format:tar-zstd]\n[content:{self.plugin}]\n"
            + "".join(f"{key} = {value}\n" for key, value in options.items()))

    def run_in(self, home, *arguments, expect=0, **more):
        """The calls that one command makes: (kind, what) to the paths, in their order."""
        self.log.unlink(missing_ok=True)
        self.done = self.hbcore("--home", home, "--json", *arguments, expect=expect, **more)
        calls = collections.defaultdict(list)
        for line in self.log.read_text().splitlines() if self.log.exists() else []:
            kind, path = line.rsplit(" ", 1)
            calls[kind].append(path)
        asked = collections.Counter(path for kind, paths in calls.items() if kind.startswith("claim")
                                    for path in paths)
        self.assertEqual({path: count for path, count in asked.items() if count > 2}, {},
                         f"{arguments}: claim() is called more than twice: {dict(calls)}")
        for kind, paths in calls.items():
            if kind.startswith("claim"):
                self.assertEqual(len(paths), len(set(paths)), f"{arguments}: the same question twice")
        return calls

    def summary(self):
        return json.loads(self.done.stdout.splitlines()[-1])

    def snapshot_id(self):
        return [path.name for path in (self.home / "kept").iterdir()][0]


class Counted(Contents):
    def heads(self, calls):
        return sorted(path for kind, paths in calls.items() if re.fullmatch(r"claim \d+", kind) for path in paths)

    def expect_heads(self, calls, *paths):
        self.assertEqual(self.heads(calls), sorted(paths))

    def test_backup_verify_import(self):
        for form in FORMATS:
            archive = self.dir / f"a.{form}"
            calls = self.run_in(self.home, "backup", "--format", form, "-o", archive)
            claimed = ("a.cnt", "deep/down/b.cnt", "listed/d.cnt")
            self.expect_heads(calls, *claimed)
            self.assertEqual(sorted(calls["open"]), sorted(claimed))
            self.assertEqual(sorted(calls["judge"]), sorted(claimed))
            self.assertIn("deep/c.txt", calls["claim name"])
            made = next(path for path in self.dir.iterdir() if path.name.startswith(f"a.{form}"))
            calls = self.run_in(self.home, "verify", made, expect=3)  # the sidecars of gone.cnt
            self.expect_heads(calls, *claimed)
            self.assertEqual(sorted(calls["check"]), sorted(claimed))
            self.assertEqual(calls["left"], [])
            for home in (self.dir / f"new-{form}", self.home):
                calls = self.run_in(home, "import", "--force", made, expect=3)
                self.expect_heads(calls, *claimed)
                self.assertEqual(sorted(calls["restore"]), sorted(claimed))
                calls = self.run_in(home, "import", "--force", "--dry-run", made, expect=3)
                self.expect_heads(calls)
            with open(made, "rb") as stream:
                self.run_in(self.dir / f"piped-{form}", "import", "--force", "-", stdin=stream, expect=3)
            made.unlink()

    def test_backup_first(self):
        """Two files of one name, that of the archive and that of the home: each is asked about twice."""
        self.run_in(self.home, "backup", "-o", self.dir / "a.zip")
        self.log.unlink()
        self.hbcore("--home", self.home, "--set", f"backup.directory={self.dir}/back", "import", "--force",
                    "--backup-first", self.dir / "a.zip", expect=3)
        asked = collections.Counter(self.log.read_text().splitlines())
        self.assertEqual({line: count for line, count in asked.items()
                          if line.startswith("claim") and count > 2}, {})

    def test_snapshots(self):
        calls = self.run_in(self.home, "snapshot", "create")
        self.expect_heads(calls, "a.cnt", "listed/d.cnt")
        self.assertEqual((sorted(calls["open"]), sorted(calls["judge"])), (["a.cnt", "listed/d.cnt"],) * 2)
        for more in (("--dry-run",), ()):
            calls = self.run_in(self.home, "snapshot", "restore", "1", *more)
            self.expect_heads(calls, *(() if more else ("a.cnt", "listed/d.cnt")))
        self.run_in(self.home, "guard", self.snapshot_id(), expect=2)  # no hook compares anything here
        self.run_in(self.home, "snapshot", "list")

    def test_duplicates_in_an_archive(self):
        """Members of one name, and sidecars of a file that is not in the archive."""
        import zipfile
        archive = self.dir / "foreign.zip"
        with zipfile.ZipFile(archive, "w") as made:
            for name in ("x.cnt", "x.cnt-one", "x.cnt-two", "y.cnt-one", "y.cnt-two", "y.cnt-three"):
                made.writestr(name, name * 100)
        self.run_in(self.dir / "new", "import", "--force", archive, expect=3)
        self.run_in(self.dir / "new", "verify", archive, expect=3)


class Named(Contents):
    """head_bytes is 0: it decides by the name, and is never shown a first byte."""

    plugin = "named"

    def run_in(self, *arguments, **options):
        calls = super().run_in(*arguments, **options)
        self.assertEqual([kind for kind in calls if re.fullmatch(r"claim \d+", kind)], [])
        return calls

    def test_all_commands(self):
        for form in FORMATS:
            archive = self.dir / ("a.zip" if form == "zip" else "a.tar.zst")
            self.assertEqual(len(self.run_in(self.home, "backup", "--format", form, "-o", archive)["open"]), 3)
            self.assertEqual(len(self.run_in(self.home, "verify", archive, expect=3)["check"]), 3)
            calls = self.run_in(self.dir / f"new-{form}", "import", "--force", archive, expect=3)
            self.assertEqual(len(calls["restore"]), 3)
        self.assertEqual(len(self.run_in(self.home, "snapshot", "create")["open"]), 2)
        self.assertEqual(len(self.run_in(self.home, "snapshot", "restore", "1")["restore"]), 2)


class Sources(Contents):
    """What backup tells of a source, a snapshot tells, too; nothing of it is stored in silence."""

    def stored(self):
        found = self.home / "kept" / self.snapshot_id()
        return {str(path.relative_to(found)) for path in found.rglob("*") if path.is_file()}

    def told(self, kind):
        return {row["path"] for row in self.summary()[kind]}

    def test_no_read_at(self):
        self.configure(source="unreadable")
        self.run_in(self.home, "backup", "-o", self.dir / "a.zip", expect=3)
        self.assertEqual(self.told("skipped"), {"a.cnt", "deep/down/b.cnt", "listed/d.cnt"})
        self.run_in(self.home, "snapshot", "create", expect=3)
        self.assertEqual(self.told("skipped"), {"a.cnt", "listed/d.cnt"})
        self.assertNotIn("a.cnt", self.stored())

    def test_unsound(self):
        self.configure(source="unsound")
        self.run_in(self.home, "backup", "-o", self.dir / "a.zip", expect=3)
        self.assertEqual(self.told("doubtful"), {"a.cnt", "deep/down/b.cnt", "listed/d.cnt"})
        self.run_in(self.home, "snapshot", "create", expect=3)
        self.assertEqual(self.told("doubtful"), {"a.cnt", "listed/d.cnt"})
        self.run_in(self.home, "snapshot", "list")
        self.assertFalse(json.loads(self.done.stdout.splitlines()[0])["complete"])

    def test_one_that_breaks_off(self):
        """No half file lies in the snapshot that is published."""
        hb.write(self.home / "a.cnt", os.urandom(3 << 20))
        self.configure(source="broken")
        self.run_in(self.home, "snapshot", "create", expect=3)
        self.assertEqual(self.told("skipped"), {"a.cnt"})
        self.assertEqual(self.stored() - {"manifest.json", "hbcore-marks.json"}, {"deep/c.txt", "listed/d.cnt"})
        self.run_in(self.home, "backup", "-o", self.dir / "a.zip", expect=3)
        self.assertIn("a.cnt", self.told("skipped") | self.told("doubtful"))

    def test_side_files_of_staged_files(self):
        """stage_release() removes whatever begins with the name of the staged file."""
        self.run_in(self.home, "backup", "-o", self.dir / "a.zip")
        calls = self.run_in(self.home, "verify", self.dir / "a.zip", expect=3)
        self.assertEqual((len(calls["check"]), calls["left"]), (3, []))


class Plain(hb.Case):
    """A plugin with nothing but claim() and open(): backup, verify, import and snapshot say the same of its source."""

    FILE = "data/made-up"

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / self.FILE, b"on the disk")
        hb.write(self.home / "data/beside", b"beside")

    def run_all(self, source, code):
        """What backup and snapshot create say, and then the members of the archive and of the snapshot."""
        self.config = self.write_config(
            f"[plugins]\npath = {os.environ['HBCORE_CONTENTS']}\n[backup]\nformat = zip\n[format:zip]\n"
            f"[format:tar-zstd]\n[snapshot]\ndirectory = kept\nfiles = data\n[content:plain]\nsource = {source}\n")
        said = []
        shutil.rmtree(self.home / "kept", ignore_errors=True)
        for form in FORMATS:
            archive = self.dir / f"{source}.{'zip' if form == 'zip' else 'tar.zst'}"
            done = self.hbcore("--home", self.home, "--json", "backup", "--format", form, "-o", archive, expect=code)
            said.append(json.loads(done.stdout.splitlines()[-1]))
            self.hbcore("--json", "verify", archive, expect=code)
            target = self.dir / f"target-{source}-{form}"
            self.hbcore("--home", target, "--json", "import", "--dry-run", archive, expect=code)
            done = self.hbcore("--home", target, "--json", "import", archive, expect=code)  # all that there is
            self.assertEqual(b"marked as incomplete" in done.stderr, code == 3)
            said[-1]["imported"] = self.files(target)
        done = self.hbcore("--home", self.home, "--json", "snapshot", "create", expect=code)
        said.append(json.loads(done.stdout.splitlines()[-1]))
        where = self.home / "kept" / said[-1]["id"]
        said[-1]["imported"] = self.files(where)
        self.assertEqual((where / "hbcore-marks.json").exists(), code == 3)
        done = self.hbcore("--home", self.home, "--json", "snapshot", "list")
        self.assertEqual(json.loads(done.stdout.splitlines()[0])["complete"], code == 0)
        return said

    @staticmethod
    def files(root):
        return {str(path.relative_to(root)): path.stat().st_size for path in root.glob("data/*")}

    def told(self, summary):
        return {row["path"] for kind in ("skipped", "doubtful") for row in summary[kind]}

    def test_good(self):
        for summary in self.run_all("good", 0):
            self.assertEqual((self.told(summary), summary["imported"]),
                             (set(), {self.FILE: 3 << 20, "data/beside": 6}))

    def test_unsound(self):
        """Or it could not be told whether it is sound."""
        for source in ("unsound", "unknown"):
            for summary in self.run_all(source, 3):
                self.assertEqual(({row["path"] for row in summary["doubtful"]}, summary["imported"]),
                                 ({self.FILE}, {self.FILE: 3 << 20, "data/beside": 6}), source)

    def test_no_read_at(self):
        for summary in self.run_all("unreadable", 3):
            self.assertEqual(({row["path"] for row in summary["skipped"]}, summary["imported"]),
                             ({self.FILE}, {"data/beside": 6}))

    def test_one_that_breaks_off(self):
        """An archive keeps what there is, for it may be the only copy, and says so; a snapshot has the file itself."""
        for source in ("broken", "short"):
            with self.subTest(source=source):
                *archives, snapshot = self.run_all(source, 3)
                for summary in archives:
                    self.assertEqual(self.told(summary), {self.FILE})
                self.assertEqual(({row["path"] for row in snapshot["skipped"]}, snapshot["imported"]),
                                 ({self.FILE}, {"data/beside": 6}))


class Reused(Contents, fault.FaultCase):
    def test_what_changed_while_it_was_opened(self):
        """It was read while it was another, and is what it was again: what was read then is not taken for it."""
        fault.need()
        path, archive = self.home / "a.cnt", self.dir / "a.zip"
        arguments = ("--home", self.home, "--set", "backup.workers=1", "--set", "backup.reuse=yes", "backup", "-o", archive)
        kept, other = self.dir / "kept.cnt", self.dir / "other.cnt"
        shutil.copy2(path, kept)
        hb.write(other, b"other" * 1000)
        calls = {"calls": "openat,openat2", "path": str(path)}
        total = self.faulted(*arguments, **calls).count
        seen = set()
        for at in range(1, total + 1):
            archive.unlink()
            shutil.copy2(kept, path)
            self.faulted(*arguments, **calls, at=at, run=f"cat '{other}' >'{path}'", expect=None)
            seen.add(self.hbcore("cat", archive, "a.cnt").stdout == other.read_bytes())
            shutil.copy2(kept, path)
            self.hbcore(*arguments)
            self.assertEqual(self.hbcore("cat", archive, "a.cnt").stdout, kept.read_bytes(), at)
        self.assertIn(True, seen)


class CannotTell(Contents, fault.FaultCase):
    """Its first bytes cannot be read: whose it is cannot be told, and that is not "nobody's"."""

    def each_point(self, arguments, calls, path, most=100):
        done = self.faulted(*arguments, calls=calls, path=path, list_calls=True, expect=None)
        self.assertGreater(done.count, 0)
        for number in range(1, min(done.count, most) + 1):
            for error in ("EIO", "EMFILE", "EACCES"):
                with self.subTest(number=number, error=error):
                    yield {"calls": calls, "path": path, "at": number, "error": error, "expect": None}

    def told(self, done):
        summary = json.loads(done.stdout.splitlines()[-1])
        return {row["path"] for kind in ("skipped", "doubtful") for row in summary[kind]}

    def test_backup(self):
        fault.need()
        for form in FORMATS:
            archive = self.dir / f"a.{form}"
            arguments = ("--home", self.home, "--json", "--set", "backup.workers=1", "backup", "--format", form,
                         "-o", archive)
            path = f"{self.home}/a.cnt"
            for options in self.each_point(arguments, "openat,openat2,read,pread64", path, 2):  # what follows is the plugin's
                self.log.unlink(missing_ok=True)
                archive.unlink(missing_ok=True)
                done = self.faulted(*arguments, **options)
                if done.returncode == 3:
                    self.assertEqual(self.told(done), {"a.cnt"}, self.describe(done))
                    self.assertNotIn("a.cnt", self.members(archive), "called skipped, and copied raw")
                else:
                    self.assertEqual(done.returncode, 0, self.describe(done))
                    self.assertIn("open a.cnt\n", self.log.read_text(), "copied raw, and called complete")

    def members(self, archive):
        done = self.hbcore("--json", "list", archive, expect=None)
        return {row["path"] for row in map(json.loads, done.stdout.splitlines()) if row["type"] == "entry"}

    def test_snapshot(self):
        fault.need()
        arguments = ("--home", self.home, "--json", "snapshot", "create")
        for options in self.each_point(arguments, "openat,openat2,read,pread64", f"{self.home}/a.cnt", 2):
            shutil.rmtree(self.home / "kept", ignore_errors=True)
            self.log.unlink(missing_ok=True)
            done = self.faulted(*arguments, **options)
            if done.returncode == 3:
                self.assertEqual(self.told(done), {"a.cnt"}, self.describe(done))
                self.assertEqual(list((self.home / "kept").glob("*/a.cnt")), [], "called skipped, and copied raw")
            else:
                self.assertEqual(done.returncode, 0, self.describe(done))
                self.assertIn("open a.cnt\n", self.log.read_text(), "copied raw, and called complete")

    def test_import(self):
        fault.need()
        archive, target = self.dir / "a.zip", self.dir / "target"
        self.run_in(self.home, "backup", "-o", archive)
        arguments = ("--home", target, "--json", "--set", "backup.workers=1", "import", archive, "--force")
        hb.write(target / "a.cnt", b"in use")
        for options in self.each_point(arguments, "openat,read,pread64", "*/.hbcore-stage-*"):
            self.log.unlink(missing_ok=True)
            hb.write(target / "a.cnt", b"in use")
            done = self.faulted(*arguments, **options)
            if (target / "a.cnt").read_bytes() != b"in use":
                self.assertIn("restore a.cnt\n", self.log.read_text(), "renamed over it")
            elif done.returncode != 1:
                self.assertEqual((done.returncode, "a.cnt" in self.told(done)), (3, True), self.describe(done))

    def test_what_a_killed_import_left(self):
        """It waits for the run that can read it: it is neither renamed nor put beside."""
        fault.need()
        self.left_behind_is_fine = True  # until the last run
        archive, target = self.dir / "a.zip", self.dir / "target"
        self.run_in(self.home, "backup", "-o", archive)
        hb.write(target / "a.cnt", b"in use")
        options = ("--home", target, "--set", "backup.workers=1")
        self.faulted(*options, "import", archive, "--force", calls="create", path="*/begun", at=1, kill=True,
                     expect=128 + 9)
        staged, = target.glob(".hbcore-stage-*")
        for error in ("EIO", "EMFILE", "EACCES"):
            self.log.unlink()
            done = self.faulted(*options, "backup", "-o", self.dir / "b.zip", calls="openat",
                                path=f"{staged}/m[0-9]*", at=1, error=error, expect=3)
            self.assert_mentions(done, "its staged copy cannot be read, so it is unknown", "the next run tries again")
            self.assertNotIn("restore a.cnt\n", self.log.read_text())
            self.assertEqual((target / "a.cnt").read_bytes(), b"in use")
            self.assertEqual(list(target.glob("*.from-import*")), [])
        self.hbcore(*options, "backup", "-o", self.dir / "b.zip")
        self.assertIn("restore a.cnt\n", self.log.read_text())
        self.assertEqual((target / "a.cnt").read_bytes(), (self.home / "a.cnt").read_bytes())
        self.assert_nothing_left(target)


if __name__ == "__main__":
    unittest.main()
