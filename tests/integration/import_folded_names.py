# SPDX-License-Identifier: Apache-2.0
"""Where two names that differ in case are one: somebody takes the other one while the import runs."""
import unittest

import fault
import hb
import mounts

fault.need()


class FoldedNames(fault.FaultCase):
    def test_a_name_that_is_taken_meanwhile(self):
        """What has it stays, and it is told which that is: nobody was asked whether it may be replaced."""
        source = self.dir / "source"
        for name in ("config.yaml", "sessions/Note", "sessions/other"):
            hb.write(source / name, b"new")
        archive = self.backup(source)
        for kind in mounts.FOLDS_NAMES:
            with mounts.trying(self, kind) as root:
                if root is None:
                    continue
                home = root / "home"
                hb.write(home / "sessions/here", b"old")
                done = self.faulted("--home", home, "--set", "backup.workers=1", "import", "-f", archive, expect=3,
                                    calls="rename", path="*/journal", at=1,
                                    run=f"printf theirs >'{home}/sessions/note'")
                self.assertEqual(done.hits, 1)
                self.assert_mentions(done, "sessions/Note", "treats its name as note, which exists and stays")
                self.assertEqual(sorted(path.name for path in (home / "sessions").iterdir()), ["here", "note", "other"])
                self.assertEqual((home / "sessions/note").read_bytes(), b"theirs")
                self.assertEqual((home / "sessions/other").read_bytes(), b"new")
                self.assertEqual(self.left_behind(home), [])


if __name__ == "__main__":
    unittest.main()
