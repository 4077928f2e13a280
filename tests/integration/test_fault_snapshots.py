# SPDX-License-Identifier: Apache-2.0
"""The fault sweep for snapshots that are restored: each file is old or new, as from an archive."""
import unittest

import fault
from fault_sweep import ImportSweep

fault.need()

SNAPSHOTS = "state-snapshots"


class Restore(ImportSweep):
    """Killed, the next run completes it."""

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


if __name__ == "__main__":
    unittest.main()
