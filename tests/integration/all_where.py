# SPDX-License-Identifier: Apache-2.0
"""Where copies are staged: beside what is made of them, and never where there may be no room."""
import os
import unittest

import fault
import hb

fault.need()


class Where(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.make_database(self.home / "state.db")
        self.make_database(self.home / "memory_store.db")
        self.settle(self.home)
        self.out = self.dir / "out"
        self.out.mkdir()
        self.temporary = self.dir / "system-temporary"
        self.temporary.mkdir()

    def created(self, *arguments, **keywords):
        """The directories, below the case's own, in which a run created files; and the files."""
        done = self.faulted(*arguments, calls="create", list_calls=True,
                            env=self.environment(TMPDIR=str(self.temporary)), **keywords)
        paths = [path for call, path, _ in done.calls if not call.startswith("mkdir")
                 and not os.path.basename(path).startswith("tsan.")]  # the sanitizer's own
        self.assertTrue(paths)
        tops = set()
        for path in paths:
            self.assertTrue(path.startswith(f"{self.dir}/"), path)
            below = os.path.relpath(path, self.dir).split("/")
            tops.add("/".join(below[:2] if below[1] in ("backups", "state-snapshots") else below[:1]))
        return tops, paths

    def test_an_archive(self):
        for fmt in ("zip", "tar-zstd"):
            tops, paths = self.created("--home", self.home, "backup", "--format", fmt,
                                       "-o", self.out / "a")
            self.assertEqual(tops, {"out"}, paths)
            self.assertGreater(len(paths), 2)  # two databases, and the archive

    def test_of_a_preset(self):
        tops, paths = self.created("--home", self.home, "backup", "--preset", "pre-update")
        self.assertEqual(tops, {"home/backups"}, paths)

    def test_a_snapshot(self):
        tops, paths = self.created("--home", self.home, "snapshot", "create")
        self.assertEqual(tops, {"home/state-snapshots"}, paths)

    def test_a_pipe(self):
        tops, paths = self.created("--home", self.home, "backup", "-o", "-")
        self.assertEqual(tops, {"home"}, paths)

    def test_a_directory_of_ones_choice(self):
        (self.dir / "stage").mkdir()
        tops, paths = self.created("--home", self.home, "--set", f"backup.stage-dir={self.dir}/stage",
                                   "backup", "-o", "-")
        self.assertEqual(tops, {"stage"}, paths)

    def test_an_import(self):
        archive = self.backup(self.home)
        tops, paths = self.created("--home", self.home, "import", archive, "-f")
        self.assertEqual(tops, {"home"}, paths)


if __name__ == "__main__":
    unittest.main()
