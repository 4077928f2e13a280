# SPDX-License-Identifier: Apache-2.0
"""What gets the name of a snapshot: all that was written under it, and nothing else."""
import unittest

import fault
import hb

fault.need()


class Published(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"small")
        hb.write(self.home / ".env", b"x" * (5 << 20))
        self.snapshots = self.home / "state-snapshots"

    def create(self, **keywords):
        done = self.faulted("--home", self.home, "snapshot", "create", **keywords)
        self.assertEqual(done.hits, 1)
        return done

    def names(self):
        return sorted(path.name for path in self.snapshots.glob("*"))

    def test_half_a_file(self):
        done = self.create(calls="read,pread64", path=str(self.home / ".env"), at=3, error="EIO", expect=3)
        self.assert_mentions(done, ".env")
        made, = self.names()
        self.assertEqual(sorted(path.name for path in (self.snapshots / made).iterdir()),
                         ["config.yaml", "hbcore-marks.json", "manifest.json"])

    def test_a_signal_while_its_manifest_is_written(self):
        self.create(calls="write", path="*/manifest.json", at=1, run="kill -TERM $HB_FAULT_THREAD", expect=143)
        self.assertEqual(self.names(), [])

    def test_a_signal_while_it_is_flushed(self):
        self.create(calls="syncfs", path="*", at=1, run="kill -TERM $HB_FAULT_THREAD", expect=143)
        self.assertEqual(self.names(), [])

    def test_something_else_under_the_name_of_the_stage(self):
        swap = "for stage in .hbcore-stage-*; do mv $stage aside && mkdir $stage; done"
        done = self.create(calls="rename", path="*/.hbcore-stage-*", at=1, run=f"cd '{self.snapshots}' && {swap}",
                           expect=1)
        self.assert_mentions(done, "cannot be published")


if __name__ == "__main__":
    unittest.main()
