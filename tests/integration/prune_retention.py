# SPDX-License-Identifier: Apache-2.0
"""Pruning while something fails: the newest complete archive and snapshot are there, every time.

A question about a file that cannot be answered now, because of an error, a limit, a missing right or
a signal, is no answer: the file stays, takes no place of `keep`, and is named.
"""
import json
import os
import pathlib
import shutil
import unittest

import fault
import hb

fault.need()

LOOKS = "openat,openat2,getdents64,newfstatat,fstat,read,pread64"
ERRORS = ("EIO", "EMFILE", "EACCES", "EINTR", "ENOMEM")
SIGNALS = ("INT", "TERM")
# A signal to the process itself: the tool shows the thread.
SEND = "kill -{} $HB_FAULT_THREAD"


class Case(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        hb.write(self.home / "sessions/1.json", b"{}")
        hb.write(self.dir / "outside", b"x")
        self.backups = self.home / "backups"

    def incomplete_from_now_on(self):
        (self.home / "link").symlink_to(self.dir / "outside")

    def make(self, *arguments, home=None, options=(), **keywords):
        done = self.hbcore("--home", home or self.home, "--json", *options, "backup", "--preset",
                           "pre-update", *arguments, **keywords)
        return self.summary(done)

    def sweep(self, words, path, reset, judge, most=24):
        """The command once with each call on the path failing in each way, and with each signal."""
        reset()
        count = self.faulted(*words, calls=LOOKS, path=path, expect=None).count
        self.assertGreater(count, 5)
        for number in fault.some(range(1, count + 1), most):
            for error in ERRORS:
                reset()
                done = self.faulted(*words, calls=LOOKS, path=path, at=number, error=error, expect=None)
                judge(done, f"call {number}, {error}: {done.hit}\n{self.describe(done)}")
            for name in SIGNALS:
                reset()
                done = self.faulted(*words, calls=LOOKS, path=path, at=number, run=SEND.format(name),
                                    expect=None)
                judge(done, f"call {number}, SIG{name}: {done.hit}\n{self.describe(done)}")


class Archives(Case):
    def setUp(self):
        super().setUp()
        other = self.dir / "other"
        hb.write(other / "config.yaml", b"b: 1\n")
        options = ("--set", f"preset:pre-update.directory={self.backups}")
        self.others = [pathlib.Path(self.make(home=other, options=options)["archive"])
                       for _ in range(2)]
        self.older = pathlib.Path(self.make()["archive"])
        self.good = pathlib.Path(self.make()["archive"])
        self.incomplete_from_now_on()
        self.bad = pathlib.Path(self.make(expect=3)["archive"])
        self.kept = self.dir / "kept"
        shutil.copytree(self.backups, self.kept)
        self.bytes = {path: path.read_bytes() for path in (*self.others, self.good)}

    def reset(self):
        shutil.rmtree(self.backups)
        shutil.copytree(self.kept, self.backups)

    def judge(self, done, about):
        for path, data in self.bytes.items():
            self.assertTrue(path.exists(), f"{path.name} is gone: {about}")
            self.assertEqual(path.read_bytes(), data, about)
        self.assertIn(done.returncode, (0, 1, 3, 130, 143), about)
        if self.left_behind() and done.hit[0] == "getdents64" and ".hbcore-stage-" in done.hit[1]:
            self.make(expect=3)  # what could not be listed could not be emptied: the next run does it
        self.assert_nothing_left()

    def test_backup(self):
        """A complete one, then incomplete ones alone: it must be spared, whatever is asked in vain."""
        self.sweep(("--home", self.home, "--json", "backup", "--preset", "pre-update", "--keep", "1"),
                   f"{self.backups}*", self.reset, self.judge)

    def test_prune(self):
        self.sweep(("--home", self.home, "--json", "--set", "preset:pre-update.keep=1", "prune"),
                   f"{self.backups}*", self.reset, self.judge)

    def test_what_can_be_removed_is(self):
        """The same without a fault."""
        made = self.make("--keep", "1", expect=3)
        self.assertEqual(sorted(made["removed_archives"]), sorted(map(str, (self.older, self.bad))))
        self.assertTrue(self.good.exists())

    def test_a_limit(self):
        made = self.make("--keep", "1", options=("--set", "import.max-entries=1"), expect=3)
        self.assertEqual(made["removed"], 0)
        named = {row["path"]: row["reason"] for row in made["untold_archives"]}
        self.assertEqual(set(named), {str(self.good), str(self.older)})
        self.assertIn("more than 1 entries", named[str(self.good)])
        self.assertIn("unknown whether", " ".join(row["reason"] for row in made["notes"]))

    def test_it_takes_no_place(self):
        """Two are to stay: one that cannot be read is a third."""
        (self.home / "link").unlink()
        options = {"calls": "openat", "path": self.bad, "at": "1+", "error": "EIO"}
        arguments = ("--home", self.home, "--json", "backup", "--preset", "pre-update", "--keep", "2")
        made = json.loads(self.faulted(*arguments, **options).stdout.splitlines()[-1])
        self.assertEqual((made["untold_archives"], made["removed_archives"]), ([], [str(self.good), str(self.older)]),
                         "the facts beside it tell enough: it is the second")
        self.reset()
        self.bad.with_name(self.bad.name + ".facts").unlink()
        made = json.loads(self.faulted(*arguments, **options).stdout.splitlines()[-1])
        self.assertEqual([row["path"] for row in made["untold_archives"]], [str(self.bad)])
        self.assertEqual(made["removed_archives"], [str(self.older)])
        self.assertTrue(self.good.exists())

    def test_a_damaged_one_is_not_complete(self):
        data = self.good.read_bytes()
        name = data.rindex(b"config.yaml")  # in the central directory
        for damage in (data[:-30], b"", data[:name] + b"C" + data[name + 1:]):
            self.reset()
            self.good.write_bytes(damage)
            self.make("--keep", "1", expect=3)
            self.assertTrue(self.older.exists(), "the one before is the newest that is whole")

    def test_of_another_user(self):
        """Root's archive in a user's home: he cannot read it, so his own do not push it out."""
        keywords = self.somebody_else(self.home)
        if not keywords:
            self.skip("needs root, and another user")
        for path in (self.good, self.older):
            os.chown(path, 0, 0)
            path.chmod(0o600)
        for _ in range(3):
            made = self.make("--keep", "1", expect=3, **keywords)
        self.assertEqual({row["path"] for row in made["untold_archives"]},
                         {str(self.good), str(self.older)})
        self.assertTrue(self.good.exists() and self.older.exists())

    def test_the_one_just_made_stays(self):
        """Whatever the order says: here another one claims to be newer than all."""
        (self.home / "link").unlink()
        self.good.write_bytes(hb.forged(self.good.read_bytes(), said={"sequence": 2**53}))
        for _ in range(2):
            made = self.make("--keep", "1")
            self.assertTrue(pathlib.Path(made["archive"]).exists())
            self.assertNotIn(made["archive"], made["removed_archives"])

    def test_nothing_is_pruned_beside_an_archive_of_the_users_own_name(self):
        """--preset with -o names a place, not the preset's."""
        count = len(hb.archives(self.backups))
        self.hbcore("--home", self.home, "--set", "preset:pre-update.keep=1", "backup", "--preset",
                    "pre-update", "-o", f"{self.backups}/", expect=3)
        self.assertEqual(len(hb.archives(self.backups)), count + 1)

    def test_a_link_is_none(self):
        link = self.backups / "pre-update-2024-01-01-000000.zip"
        link.symlink_to(self.good)
        self.make("--keep", "1", expect=3)
        self.assertTrue(link.is_symlink())


class Snapshots(Case):
    def setUp(self):
        super().setUp()
        self.snapshots = self.home / "state-snapshots"
        self.good = self.snapshots / self.create()
        hb.write(self.home / "projects.db", bytes(65536))
        self.bad = self.snapshots / self.create(expect=3)
        self.kept = self.dir / "kept"
        shutil.copytree(self.snapshots, self.kept)

    def create(self, *arguments, **keywords):
        return self.summary(self.hbcore("--home", self.home, "--json", "snapshot", "create", *arguments,
                                        **keywords))["id"]

    def reset(self):
        shutil.rmtree(self.snapshots)
        shutil.copytree(self.kept, self.snapshots)

    def judge(self, done, about):
        self.assertTrue((self.good / "manifest.json").exists(), about)
        self.assertTrue((self.good / "config.yaml").exists(), about)
        self.assertIn(done.returncode, (0, 1, 3, 130, 143), about)

    def test_create(self):
        self.sweep(("--home", self.home, "--json", "snapshot", "create", "--keep", "1"),
                   f"{self.snapshots}/{self.good.name}*", self.reset, self.judge)

    def test_prune(self):
        self.sweep(("--home", self.home, "--json", "snapshot", "prune", "--keep", "1"),
                   f"{self.snapshots}*", self.reset, self.judge)

    def test_what_cannot_be_told_is_named(self):
        for name in ("manifest.json", "hbcore-marks.json", ""):
            self.reset()
            calls = "openat" if name != "hbcore-marks.json" else "newfstatat"
            done = self.faulted("--home", self.home, "--json", "snapshot", "create", "--keep", "1",
                                calls=calls, path=self.good / name if name else self.good, at="1+",
                                error="EIO", expect=3)
            made = json.loads(done.stdout.splitlines()[-1])
            self.assertEqual((made["removed"], made["removed_snapshots"]), (0, []), name)
            self.assertEqual([row["path"] for row in made["notes"]], [self.good.name], name)

    def test_the_one_just_made_stays(self):
        """Also when a clock that was wrong has made others of the future."""
        (self.home / "projects.db").unlink()
        self.good.rename(self.snapshots / "20990101-000000")
        name = self.create("--keep", "1")
        self.assertTrue((self.snapshots / name / "manifest.json").exists())

    def test_what_is_removed_is_named(self):
        (self.home / "projects.db").unlink()
        done = self.hbcore("--home", self.home, "--json", "snapshot", "create", "--keep", "1")
        self.assertEqual(set(self.summary(done)["removed_snapshots"]), {self.good.name, self.bad.name})
        done = self.hbcore("--home", self.home, "snapshot", "prune", "--keep", "0")
        self.assert_mentions(done, "Removed 1 older snapshot:")

    def test_of_another_user(self):
        keywords = self.somebody_else(self.home)
        if not keywords:
            self.skip("needs root, and another user")
        os.chown(self.good / "manifest.json", 0, 0)
        (self.good / "manifest.json").chmod(0o600)
        for _ in range(2):
            self.create("--keep", "1", expect=3, **keywords)
        self.assertTrue((self.good / "manifest.json").exists())


if __name__ == "__main__":
    unittest.main()
