# SPDX-License-Identifier: Apache-2.0
"""Owner and mode come before the name: a file that cannot be given them does not get into its place."""
import os
import shutil
import unittest

import fault
import hb

fault.need()

MODES = {".env": 0o600, "new": 0o640, "sub/deep/secret": 0o400, "config.yaml": 0o644}
CALLS = ("fchmodat,fchmodat2", "fchmod") + (("fchownat", "fchown") if os.geteuid() == 0 else ())


class Modes(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for name, mode in MODES.items():
            hb.write(self.dir / "source" / name, b"new " + name.encode(), mode)
        self.archive = self.backup(self.dir / "source")

    def make_target(self):
        """Two files are there, in a home whose owner is not who runs the import, if that can be."""
        shutil.rmtree(self.home, ignore_errors=True)
        for name in ("config.yaml", "sub/deep/secret"):
            hb.write(self.home / name, b"old", 0o600)
        if os.geteuid() == 0:
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, 1234, 1234)

    def judge(self, about):
        """Old ones as they were; new ones with the mode and the owner that they should have. How many of these?"""
        count = 0
        for name, mode in MODES.items():
            path = self.home / name
            if not path.exists():
                continue
            status, content = path.lstat(), path.read_bytes()
            wanted = 0o600 if content == b"old" or name in ("config.yaml", "sub/deep/secret") else mode
            self.assertIn(content, (b"old", b"new " + name.encode()), about)
            self.assertEqual((name, oct(status.st_mode & 0o7777)), (name, oct(wanted)), about)
            if os.geteuid() == 0:
                self.assertEqual((name, status.st_uid, status.st_gid), (name, 1234, 1234), about)
            count += content != b"old"
        return count

    def test_each(self):
        line = ("--home", self.home, "--set", "backup.workers=1", "import", "--force", self.archive)
        self.make_target()
        self.hbcore(*line)
        self.assertEqual(self.judge("as it is"), len(MODES))
        hits = 0
        for calls in CALLS:
            self.make_target()
            total = self.faulted(*line, calls=calls, path=f"{self.home}*").count
            for at in [*range(1, total + 1), *(["1+"] if total else [])]:
                with self.subTest(calls=calls, at=at):
                    self.make_target()
                    done = self.faulted(*line, calls=calls, path=f"{self.home}*", at=at, error="EIO", expect=None)
                    hits += done.hits
                    about = self.describe(done)
                    if self.judge(about) < len(MODES):
                        self.assertIn(done.returncode, (1, 3), about)
                    self.assert_nothing_left()
        self.assertGreater(hits, len(MODES))


if __name__ == "__main__":
    unittest.main()
