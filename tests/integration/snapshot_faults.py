# SPDX-License-Identifier: Apache-2.0
"""The fault sweep for snapshots: one that is made is whole or not there, one that is restored is
restored like an archive.
"""
import json
import shutil
import unittest

import fault
from fault_sweep import ImportSweep, Sweep

fault.need()

SNAPSHOTS = "state-snapshots"


class Create(Sweep):
    """Directories of snapshots hold all that their manifest says, or are not there."""

    databases = ("state.db",)

    def prepare(self, fmt):
        for path in (self.source / SNAPSHOTS, *self.source.glob(".hbcore-*")):
            shutil.rmtree(path, ignore_errors=True)

    def arguments(self, fmt):
        return ("--home", self.source, "--json", "snapshot", "create")

    def test_each(self):
        self.hbcore(*self.arguments(""))
        self.assertEqual(self.whole_ones(), 1)
        self.sweep("")

    def whole_ones(self):
        """How many there are; each is whole."""
        count = 0
        for manifest in (self.source / SNAPSHOTS).glob("[0-9]*/manifest.json"):
            files = json.loads(manifest.read_text())["files"]
            self.assertEqual(files.keys(), {"state.db", "config.yaml", ".env"}, self.point)
            for name, size in files.items():
                self.assertEqual((manifest.parent / name).stat().st_size, size, f"{self.point}: {name}")
            self.assertEqual(self.rows_of(manifest.parent / "state.db"), 80)
            count += 1
        return count

    def judge(self, fmt, point, done, about):
        if done.returncode == 0:
            self.assertEqual(self.whole_ones(), 1, about)
        elif done.returncode != 3:  # with 3 a file that could not be copied is named
            self.assertIn(self.whole_ones(), (0, 1), about)
        else:
            self.assertTrue(self.skipped(done), about)
        shutil.rmtree(self.source / SNAPSHOTS, ignore_errors=True)
        self.hbcore(*self.arguments(fmt))
        self.assertEqual(self.whole_ones(), 1, about)
        self.assertEqual(self.left(), [], about)


class Restore(ImportSweep):
    """Each file is old or new; killed, the next run completes it."""

    databases = ("state.db",)

    def setUp(self):
        super().setUp()
        self.hbcore("--home", self.source, "snapshot", "create")
        self.target = self.dir / "target"
        self.fill(self.target, b"old", 30)
        self.tool("cp", "-a", self.source / SNAPSHOTS, self.target)

    def arguments(self, fmt):
        return ("--home", self.home, "--json", "--set", "backup.workers=1", "snapshot", "restore", "1")

    def make_archive(self, fmt):
        return None

    def state(self, home):
        return {name: row for name, row in (super().state(home) or {}).items()
                if not name.startswith(SNAPSHOTS.encode())}

    def test_each(self):
        self.begin("")
        self.sweep("")


class LookedAt(fault.FaultCase):
    """One that cannot be looked at now stays, and takes no place of others."""

    def test_it_takes_no_place(self):
        home = self.make_home()
        for _ in range(3):
            self.hbcore("--home", home, "snapshot", "create")
        names = sorted(path.name for path in (home / SNAPSHOTS).iterdir())
        done = self.faulted("--home", home, "snapshot", "prune", "--keep", "2", calls="newfstatat",
                            path=f"{home / SNAPSHOTS / names[-1]}/config.yaml", at="1+", error="EIO", expect=3)
        self.assert_mentions(done, names[-1], "unknown whether it is complete")
        self.assertEqual(sorted(path.name for path in (home / SNAPSHOTS).iterdir()), names)


if __name__ == "__main__":
    unittest.main()
