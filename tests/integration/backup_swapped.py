# SPDX-License-Identifier: Apache-2.0
"""While a backup runs, somebody who may write to the directory of the archive puts other things under its names."""
import os
import unittest

import fault
import hb

fault.need()

STAGED = "*/.hbcore-stage-*/*archive"


class Swapped(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home, self.out = self.dir / "home", self.dir / "out"
        self.out.mkdir()
        hb.write(self.home / "config.yaml", b"model: x\n")
        self.target, self.whole = self.out / "h.zip", self.dir / "whole.zip"

    def test_a_complete_one_comes_while_an_incomplete_one_is_flushed(self):
        """It stays: by a rename, written over, or where the name has become free and was taken."""
        self.hbcore("--home", self.home, "backup", "-o", self.whole)
        hb.write(self.home / "state.db", b"SQLite format 3\0" + b"\xff" * 8192)
        for at in (1, 2):  # before it is asked what may be replaced, and after that
            for how in (f"cp '{self.whole}' '{self.out}/new' && mv '{self.out}/new' '{self.target}'",
                        f"cat '{self.whole}' >'{self.target}'",
                        f"rm '{self.target}'; cp '{self.whole}' '{self.target}'"):
                with self.subTest(at=at, how=how):
                    for path in self.out.iterdir():
                        path.unlink()
                    self.hbcore("--home", self.home, "backup", "-o", self.target, expect=3)
                    done = self.faulted("--home", self.home, "--json", "backup", "-o", self.target, calls="fsync",
                                        path=STAGED, at=at, run=how, expect=3)
                    self.assertEqual(done.hits, 1)
                    self.assertEqual(self.target.read_bytes(), self.whole.read_bytes())
                    made = self.summary(done)["archive"]
                    self.assertEqual(made, str(self.out / ("h.incomplete.zip" if at == 1 else "h-2.zip")))
                    self.hbcore("verify", made, expect=3)

    def test_what_was_replaced_before_is_replaced_again(self):
        hb.write(self.home / "state.db", b"SQLite format 3\0" + b"\xff" * 8192)
        for _ in range(2):
            done = self.hbcore("--home", self.home, "--json", "backup", "-o", self.target, expect=3)
            self.assertEqual(self.summary(done)["archive"], str(self.target))
        self.assertEqual(os.listdir(self.out), ["h.zip"])

    def test_directories_that_were_made_are_taken_back_where_they_are(self):
        """And not what a link in their place leads to."""
        (self.dir / "other/b").mkdir(parents=True)
        done = self.faulted("--home", self.home, "backup", "-o", self.out / "a/b/h.zip", calls="create", path=STAGED,
                            at=1, run=f"mv '{self.out}/a' '{self.out}/aside'; ln -s '{self.dir}/other' '{self.out}/a'; "
                            "kill -TERM $HB_FAULT_THREAD", expect=128 + 15)
        self.assertEqual(done.hits, 1)
        self.assertTrue((self.dir / "other/b").is_dir())
        self.assertEqual(os.listdir(self.out / "aside"), [])
        for path in (self.out / "a", self.out / "aside"):
            path.rename(self.dir / path.name)
        for how, left in (("true", []), (f"mv '{self.out}/a/b' '{self.out}/a/c'; mkdir '{self.out}/a/b'", ["a", "b", "c"])):
            self.faulted("--home", self.home, "backup", "-o", self.out / "a/b/h.zip", calls="create", path=STAGED, at=1,
                         run=f"{how}; kill -TERM $HB_FAULT_THREAD", expect=128 + 15)
            self.assertEqual(sorted(path.name for path in self.out.rglob("*")), left)


if __name__ == "__main__":
    unittest.main()
