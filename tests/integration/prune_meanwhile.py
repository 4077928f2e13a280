# SPDX-License-Identifier: Apache-2.0
"""What somebody does to the archives while they are pruned: what is not the file that was looked at stays, and after
a signal nothing more goes.
"""
import json
import pathlib
import unittest

import fault
import hb

fault.need()

LONG_AGO = 10**18  # nanoseconds; so that what is written meanwhile has another time


class Meanwhile(fault.FaultCase):
    """Four archives, of which the newest is to stay; the others go in the order newer, older, oldest."""

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        made = [pathlib.Path(self.summary(self.hbcore("--home", self.home, "--json", "backup", "--preset", "pre-update",
                                                      "--keep", "9"))["archive"]) for _ in range(4)]
        self.oldest, self.older, self.newer, self.newest = made
        self.other = self.dir / "other"  # of the same size
        self.kept = {path: path.read_bytes() for path in made} | {self.other: self.oldest.read_bytes()[::-1]}
        self.reset()

    def reset(self):
        for path in self.newest.parent.iterdir():
            path.unlink()
        for path, data in self.kept.items():
            hb.write(path, data, mtime_ns=LONG_AGO)

    prune = ("--set", "preset:pre-update.keep=1", "prune", "--preset", "pre-update")
    backup = ("backup", "--preset", "pre-update", "--keep", "2")

    def run_with(self, path, calls, change, words=prune, at=1, expect=None):
        done = self.faulted("--home", self.home, "--json", *words, path=path, calls=calls, at=at, run=change,
                            expect=expect)
        self.assertEqual(done.hits, 1, self.describe(done))
        return done, json.loads(done.stdout.splitlines()[-1])

    def test_another_file_has_the_name_now(self):
        """Renamed into its place; written over, with the same inode and size; a link."""
        changes = {"renamed": f"mv '{self.other}' '{self.oldest}'",
                   "written over": f"cat '{self.other}' > '{self.oldest}'",
                   "a link": f"ln -sf '{self.other}' '{self.oldest}'"}
        for words in (self.prune, self.backup):
            for what, change in changes.items():
                with self.subTest(change=what, words=words):
                    self.reset()
                    done, said = self.run_with(self.older, "unlinkat", change, words)
                    self.assertEqual(self.oldest.read_bytes(), self.kept[self.other], self.describe(done))
                    self.assertEqual(self.oldest.is_symlink(), what == "a link")
                    self.assertEqual(said["removed_archives"], [str(path) for path in (self.newer, self.older)])
                    self.assertEqual((done.returncode, said["status"]),
                                     (3, "incomplete") if words is self.prune else (0, "complete"))
                    self.assertIn(f"{self.oldest}: cannot be removed: it was replaced in the meantime",
                                  [note["reason"] for note in said["notes"]])

    def test_another_file_is_opened_than_was_looked_at(self):
        """The newest one is damaged. What takes its name must not answer for it, or the whole one before it goes."""
        data = self.newest.read_bytes()
        for at in (1, 2):  # whose it is; whether it is complete
            with self.subTest(at=at):
                self.newest.unlink()
                self.newest.write_bytes(data[:-30] if at == 1 else data)
                self.other.write_bytes(data)
                done, said = self.run_with(self.newest, "open,openat,openat2", f"mv '{self.other}' '{self.newest}'",
                                           at=at, expect=3)
                self.assertEqual([(row["path"], row["reason"]) for row in said["untold_archives"]],
                                 [(str(self.newest), "it was replaced while it was being examined")],
                                 self.describe(done))
                self.assertTrue(self.newer.exists(), self.describe(done))

    def test_after_a_signal_nothing_more_goes(self):
        # The backup was made before the signal came, and may say so.
        for words, name, codes in ((self.prune, "TERM", {143}), (self.prune, "INT", {130}),
                                   (self.backup, "INT", {0, 130})):
            with self.subTest(words=words, signal=name):
                self.reset()
                done = self.faulted("--home", self.home, "--json", *words, path=self.newer, calls="unlinkat", at=1,
                                    run=f"kill -{name} $HB_FAULT_THREAD", expect=None)
                self.assertEqual(done.hits, 1, self.describe(done))
                self.assertIn(done.returncode, codes, self.describe(done))
                for path in (self.older, self.oldest, self.newest):
                    self.assertTrue(path.exists(), f"{path} is gone: {self.describe(done)}")


if __name__ == "__main__":
    unittest.main()
