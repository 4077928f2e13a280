# SPDX-License-Identifier: Apache-2.0
"""A directory that the user closes, or makes anew, after an import was killed stays closed and is named once; one that
the import left closed gets its mode."""
import itertools
import shutil
import unittest

import fault
import hb

fault.need()
NEW = ("profiles", "profiles/p1", "profiles/p1/deep")


class ClosedSince(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.left_behind_is_fine = True  # until the next run
        self.new, self.home, self.seed = self.dir / "new", self.dir / "home", self.dir / "seed"
        for where in (self.new, self.seed):
            hb.write(where / "config.yaml", b"a: 1\n")
        for name in NEW:
            hb.write(self.new / name / "config.yaml", b"new")
            hb.write(self.new / name / ".env", b"new")
            (self.new / name).chmod(0o755)
        self.archive = self.dir / "in.zip"
        self.hbcore("--home", self.new, "backup", "-o", self.archive)
        self.tool("sh", "-c", f"umask 022; cp -r '{self.seed}' '{self.home}'")

    def killed(self, calls, at):
        shutil.rmtree(self.home)
        self.tool("cp", "-a", self.seed, self.home)
        return self.faulted("--home", self.home, "--set", "backup.workers=1", "import", "--force", self.archive, calls=calls,
                            path="*/made" if calls == "write" else None, at=at, kill=True, expect=None)

    def points(self):
        """Each at which a journal is left; the calls that make directories, publish and give modes."""
        for calls in ("create", "rename", "fchmod,utimensat", "sync", "write"):
            for at in itertools.count(1):
                done = self.killed(calls, at)
                if done.returncode == 0:
                    break
                if list(self.home.glob(".hbcore-stage-*/journal")):
                    yield f"{calls} {at}"
            self.assertGreater(at, 1, calls)

    def mode(self, name):
        return (self.home / name).stat().st_mode & 0o777

    def complete(self):
        done = self.hbcore("--json", "--home", self.home, "backup", "-o", self.dir / "out.zip", expect=None)
        self.assertIn(done.returncode, (0, 3), self.describe(done))
        told = [found["path"] for found in self.summary(done)["doubtful"]]
        self.assertEqual(done.returncode, 3 if told else 0)
        done = self.hbcore("--json", "--home", self.home, "backup", "-o", self.dir / "out.zip")
        self.assertEqual(self.summary(done)["doubtful"], [])
        return told

    def test_untouched(self):
        for about in self.points():
            with self.subTest(about):
                self.assertEqual(self.complete(), [])
                self.assertEqual([self.mode(name) for name in NEW], [0o755] * 3)

    def test_closed(self):
        closed = 0
        for about in self.points():
            with self.subTest(about):
                mine = [name for name in NEW if (self.home / name).exists() and self.mode(name) == 0o755]
                for name in mine:
                    (self.home / name).chmod(0o700)
                told = self.complete()
                self.assertEqual([self.mode(name) for name in mine], [0o700] * len(mine))
                self.assertLessEqual(set(mine) - set(told), set(NEW) if not told else set())
                closed += len(told)
        self.assertGreater(closed, 0)

    def test_made_anew(self):
        made = 0
        for about in self.points():
            with self.subTest(about):
                path = self.home / NEW[1]
                if not path.exists():
                    continue
                shutil.rmtree(path)
                path.mkdir(0o700)
                hb.write(path / "mine", b"secret")
                told = self.complete()
                self.assertEqual(self.mode(NEW[1]), 0o700)
                made += NEW[1] in told
        self.assertGreater(made, 0)


if __name__ == "__main__":
    unittest.main()
