# SPDX-License-Identifier: Apache-2.0
"""undo that is killed at any moment can be run again; and an import that was killed, completed and undone."""
import os
import shutil
import subprocess
import unittest

import fault
import hb
import undo

fault.need()

CALLS = ("rename,remove,link", "sync", "create", "write,truncate,allocate")


class KillCase(undo.UndoCase, fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.left_behind_is_fine = True  # until the next run; each test looks itself
        self.before = self.state()
        self.saved = self.dir / "saved"

    def save(self):
        for path in (self.home, self.user):
            shutil.copytree(path, self.saved / path.name, symlinks=True)

    def restore(self):
        """The directories themselves stay: the home is known by its own."""
        for path in (self.home, self.user):
            for child in path.iterdir():
                shutil.rmtree(child) if child.is_dir() and not child.is_symlink() else child.unlink()
            shutil.copytree(self.saved / path.name, path, symlinks=True, dirs_exist_ok=True)

    def line(self, *words):
        return ("--home", self.home, "--set", "backup.workers=1", *words)


class Undo(KillCase):
    def setUp(self):
        super().setUp()
        self.take_in()
        hb.write(self.home / "made/mine", b"mine")
        hb.write(self.home / "read-only.txt.mine", b"mine")
        self.save()
        self.hbcore(*self.line("undo", "--yes"))
        self.undone = self.state()
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"model: large\n")
        self.assertTrue((self.home / "made/mine").exists())

    def sweep(self, calls, most):
        self.restore()
        total = self.faulted(*self.line("undo", "--yes"), calls=calls).count
        self.assert_state(self.undone)
        for at in fault.some(range(1, total + 1), most):
            with self.subTest(calls=calls, at=at):
                self.restore()
                self.faulted(*self.line("undo", "--yes"), calls=calls, at=at, kill=True, expect=None)
                self.hbcore(*self.line("undo", "--yes"))
                self.assert_state(self.undone)
                self.assert_nothing_left(self.home)
                self.hbcore(*self.line("undo", "--yes"))  # and now it is taken back
                self.assertEqual((self.home / "config.yaml").read_bytes(), b"model: small\n")
                self.assertEqual((self.home / "fresh.txt").read_bytes(), b"fresh")
                self.assertEqual(len(self.database_rows(self.home / "state.db")), 11)
        return total

    def test_renames(self):
        self.assertGreater(self.sweep(CALLS[0], 24), 20)

    def test_flushes(self):
        self.assertGreater(self.sweep(CALLS[1], 12), 8)

    def test_new_files(self):
        self.sweep(CALLS[2], 12)

    def test_writes(self):
        self.sweep(CALLS[3], 20)

    def test_with_what_was_changed(self):
        """What is left is named by whoever completes it, and a backup may be that."""
        self.restore()
        undo.add_row(self.home / "state.db")
        hb.write(self.home / "config.yaml", b"mine")
        shutil.rmtree(self.saved)
        self.save()
        total = self.faulted(*self.line("undo", "--yes"), calls="rename", expect=3).count
        wanted = self.state()
        for at in fault.some(range(1, total + 1), 10):
            with self.subTest(at=at):
                self.restore()
                self.faulted(*self.line("undo", "--yes"), calls="rename", at=at, kill=True, expect=None)
                if at % 2:
                    self.hbcore(*self.line("backup", "-o", self.dir / "between.zip"), expect=None)
                done = self.hbcore(*self.line("undo", "--yes"), expect=3)
                self.assert_mentions(done, "config.yaml", "state.db", "it has been changed since")
                self.assert_state(wanted)
                self.hbcore(*self.line("undo", "--force"))
                self.assertEqual((self.home / "config.yaml").read_bytes(), b"model: large\n")
                self.assertEqual(len(self.database_rows(self.home / "state.db")), 10)

    def test_calls_that_fail(self):
        """It says what is not done; what it says it has done is so; and it can be run again."""
        for calls, error, most in (("write,allocate", "ENOSPC", 12), ("rename,link", "EIO", 12), ("sync", "EIO", 8),
                                   ("create", "EMFILE", 12), ("remove", "EACCES", 8)):
            self.restore()
            total = self.faulted(*self.line("undo", "--yes"), calls=calls).count
            for at in fault.some(range(1, total + 1), most):
                with self.subTest(calls=calls, at=at):
                    self.restore()
                    done = self.faulted("--json", *self.line("undo", "--yes"), calls=calls, at=at, error=error, expect=None)
                    self.assertIn(done.returncode, (0, 1, 3), self.describe(done))
                    for stage in self.home.glob(".hbcore-stage-*"):  # that could not be removed, and is named
                        if calls == "remove" and not (stage / "journal").exists():
                            shutil.rmtree(stage)
                    if done.returncode == 0:
                        self.assert_state(self.undone)
                    elif done.returncode == 3:
                        named = {row["path"].encode() for kind in ("skipped", "doubtful") for row in self.summary(done)[kind]}
                        now = self.state()
                        rows = [name for name in self.undone.keys() | now.keys() if self.undone.get(name) != now.get(name)]
                        # With it stay the directories around it, and the journal of a database.
                        wrong = [name for name in rows if not any(
                            name == told or told.startswith(name + b"/") or name.startswith(told + b"-") for told in named)]
                        if b"" not in named:  # a flush
                            self.assertEqual(wrong, [], self.describe(done))
                    else:
                        self.hbcore(*self.line("undo", "--yes"))
                        self.assert_state(self.undone)

    def test_edits_after_the_kill(self):
        self.restore()
        total = self.faulted(*self.line("undo", "--yes"), calls="rename,remove").count
        for at in fault.some(range(1, total + 1), 12):
            with self.subTest(at=at):
                self.restore()
                self.faulted(*self.line("undo", "--yes"), calls="rename,remove", at=at, kill=True, expect=None)
                hb.write(self.home / "fresh.txt", b"after the kill")
                undo.add_row(self.home / "profiles/one/state.db", "after the kill")
                self.hbcore(*self.line("undo", "--yes"), expect=None)
                self.assertEqual((self.home / "fresh.txt").read_bytes(), b"after the kill")
                self.assertEqual(self.database_rows(self.home / "profiles/one/state.db")[-1][1], "after the kill")


class Meanwhile(KillCase):
    STAGED = "*/.hbcore-stage-*/*"

    def setUp(self):
        super().setUp()
        self.take_in()

    def test_while_it_asks(self):
        process = subprocess.Popen(self.command("--home", self.home, "undo"), env=self.environment(),
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.kill)
        seen = b""
        while b"[y/N]" not in seen:
            byte = os.read(process.stdout.fileno(), 1)
            self.assertTrue(byte, seen)
            seen += byte
        undo.add_row(self.home / "state.db")
        hb.write(self.home / "config.yaml", b"mine")
        hb.write(self.home / "fresh.txt", b"mine")
        output, errors = process.communicate(b"y\n", timeout=240)
        self.assertEqual(process.returncode, 3, (output, errors))
        self.assertIn(b"state.db: is left as it is: it has been changed since", errors)
        self.assertEqual(self.database_rows(self.home / "state.db")[-1][1], "mine")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"mine")
        self.assertEqual((self.home / "fresh.txt").read_bytes(), b"mine")
        self.assertEqual(len(self.database_rows(self.home / "profiles/one/state.db")), 20)

    def test_while_the_way_back_is_made(self):
        before = self.state()
        write = self.dir / "write"
        write.write_text(f"#!/bin/sh\necho mine > {self.home}/config.yaml\n")
        write.chmod(0o755)
        done = self.faulted(*self.line("undo", "--yes"), calls="rename", path="*/backups/*", at=1, run=write, expect=1)
        self.assertEqual(done.hits, 1)
        self.assert_mentions(done, "config.yaml: has been changed meanwhile")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"mine\n")
        after = self.state()
        after.pop(b"config.yaml")
        before.pop(b"config.yaml")
        self.assertEqual(hb.differences(before, after), [])
        self.hbcore(*self.line("undo", "--yes"), expect=3)
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"mine\n")
        self.assertEqual(len(self.database_rows(self.home / "state.db")), 10)

    def sweep(self, write, least, still):
        """Somebody writes just before something leaves a stage, each time another one."""
        self.save()
        line = self.line("undo", "--yes")
        total = self.faulted(*line, calls="rename", path=self.STAGED).count
        left = 0
        for at in fault.some(range(1, total + 1), 14):
            with self.subTest(at=at):
                self.restore()
                done = self.faulted("--json", *line, calls="rename", path=self.STAGED, at=at, run=write, expect=None)
                self.assertEqual(done.hits, 1)
                self.assertIn(done.returncode, (0, 1, 3), self.describe(done))
                still()
                if done.returncode == 3:
                    left += 1
                    named = {row["path"].encode() for row in self.summary(done)["skipped"]}
                    self.assertEqual(list(self.home.rglob("*.from-import")), [])
                    self.hbcore(*self.line("undo", "--force"))
                    now = self.state()
                    self.assertEqual({name: now.get(name) for name in named},
                                     {name: self.before.get(name) for name in named})
        self.assertGreaterEqual(left, least)

    def test_while_files_are_put_back(self):
        write = self.dir / "write"
        files = [self.home / name for name in ("config.yaml", "noise.bin", "sub/deep/file.txt", "fresh.txt")]
        write.write_text("#!/bin/sh\n" + "".join(f"echo mine > {path}\n" for path in files))
        write.chmod(0o755)
        modes = {path: path.stat().st_mode & 0o777 for path in files[:3]}

        def still():
            self.assertEqual([path.read_bytes() for path in files], [b"mine\n"] * 4)
            for path, mode in modes.items():
                self.assertEqual(path.stat().st_mode & 0o777, mode)
        self.sweep(write, 3, still)

    def test_a_row_while_files_are_put_back(self):
        write = self.dir / "write"
        write.write_text(f"#!/bin/sh\nexec python3 -c 'import sqlite3\n"
                         f"with sqlite3.connect(\"{self.home}/state.db\") as d:\n"
                         f"    d.execute(\"INSERT INTO t (text) VALUES (?)\", (\"mine\",))'\n")
        write.chmod(0o755)
        self.sweep(write, 1, lambda: self.assertEqual(self.database_rows(self.home / "state.db")[-1][1], "mine"))


class Import(KillCase):
    def test_killed_completed_and_undone(self):
        line = self.line("import", "--force", "--backup-first", self.archive)
        hb.write(self.home / "mine", b"mine")
        before = self.state()
        self.save()
        total = self.faulted(*line, calls="rename,remove,sync").count
        undone = 0
        for at in fault.some(range(1, total + 1), 24):
            with self.subTest(at=at):
                self.restore()
                self.faulted(*line, calls="rename,remove,sync", at=at, kill=True, expect=None)
                journal = list(self.home.glob(".hbcore-stage-*/journal"))
                if journal and at % 2:
                    self.hbcore(*self.line("backup", "-o", self.dir / "between.zip"))
                done = self.hbcore(*self.line("undo", "--yes"), expect=None)
                self.assertIn(done.returncode, (0, 1), self.describe(done))
                self.assert_state(before)
                if done.returncode == 0:  # else nobody has looked into the directory of the archives
                    self.assert_nothing_left(self.home)
                undone += done.returncode == 0
                if journal:
                    self.assertEqual(done.returncode, 0, self.describe(done))
        print(f"{total} moments, {undone} of those tried were undone")
        self.assertGreater(undone, 4)

    def test_rows_between_the_kill_and_the_next_run(self):
        line = self.line("import", "--force", "--backup-first", self.archive)
        self.save()
        total = self.faulted(*line, calls="rename,remove,sync").count
        for at in fault.some(range(1, total + 1), 24):
            with self.subTest(at=at):
                self.restore()
                self.faulted(*line, calls="rename,remove,sync", at=at, kill=True, expect=None)
                undo.add_row(self.home / "state.db", "since")
                hb.write(self.home / "config.yaml", b"since")
                self.hbcore(*self.line("undo", "--yes"), expect=None)
                self.assertEqual(self.database_rows(self.home / "state.db")[-1][1], "since")
                self.assertEqual((self.home / "config.yaml").read_bytes(), b"since")


del undo.Import, undo.Links, undo.Tar, undo.Receipts, undo.Snapshot

if __name__ == "__main__":
    unittest.main()
