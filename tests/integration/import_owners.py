# SPDX-License-Identifier: Apache-2.0
"""import.owners = keep: what root restores belongs to whom it belonged; in whose home, and what else stays as it was."""
import io
import os
import stat
import tarfile
import unittest

import fault
import hb

CONFIG = "[backup]\nformat = tar-zstd\n[import]\nlinks = restore\n[format:zip]\n[format:tar-zstd]\n"
KEEP = ("--set", "import.owners=keep")
ALICE, BOB, STAFF = 1201, 1202, 1300


class Owners(fault.FaultCase):
    config = None

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skip("only root gives files away")
        self.config = self.write_config(CONFIG)
        self.dir.chmod(0o755)
        self.home = self.dir / "home"
        self.archive = self.dir / "a.tar"

    def make(self, *rows):
        """rows: kind, name, user, group, mode, target"""
        with tarfile.open(self.archive, "w") as made:
            for kind, name, user, group, mode, *target in rows:
                info = tarfile.TarInfo(name)
                info.type = {"f": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE, "h": tarfile.LNKTYPE}[kind]
                info.uid, info.gid, info.mode, info.mtime = user, group, mode, 1_600_000_000
                info.linkname = "".join(target)
                info.size = len(name) if kind == "f" else 0
                made.addfile(info, io.BytesIO(name.encode()))

    def many(self):
        self.make(("d", "a", ALICE, STAFF, 0o750), ("f", "a/f", ALICE, STAFF, 0o640), ("d", "a/b", BOB, BOB, 0o700),
                  ("f", "a/b/f", BOB, STAFF, 0o604), ("f", "top", 0, 0, 0o600), ("l", "a/l", BOB, BOB, 0o777, "f"),
                  ("h", "hard", 0, 0, 0o600, "a/b/f"), ("d", "a/b/c", 0, 0, 0o755), ("f", "a/b/c/x", BOB, 0, 0o600))

    def owners(self):
        return {os.path.relpath(os.path.join(at, name), self.home): self.look(os.path.join(at, name))
                for at, folders, files in os.walk(self.home) for name in folders + files if not name.startswith(".hbcore")}

    @staticmethod
    def look(path):
        status = os.lstat(path)
        return status.st_uid, status.st_gid, "l" if stat.S_ISLNK(status.st_mode) else oct(stat.S_IMODE(status.st_mode))

    KEPT = {"a": (ALICE, STAFF, "0o750"), "a/f": (ALICE, STAFF, "0o640"), "a/b": (BOB, BOB, "0o700"),
            "a/b/f": (BOB, STAFF, "0o604"), "top": (0, 0, "0o600"), "a/l": (BOB, BOB, "l"),
            "hard": (BOB, STAFF, "0o604"), "a/b/c": (0, 0, "0o755"), "a/b/c/x": (BOB, 0, "0o600")}

    def take(self, *options, expect=0, archive=None, **keywords):
        return self.hbcore("--home", self.home, *options, "import", "--force", archive or self.archive, expect=expect,
                           **keywords)

    def test_as_in_the_archive(self):
        self.many()
        self.take(*KEEP)
        self.assertEqual(self.owners(), self.KEPT)
        self.take(*KEEP)  # over what is there
        self.assertEqual(self.owners(), self.KEPT)

    def test_a_stream(self):
        self.many()
        with open(self.archive, "rb") as stream:
            self.take(*KEEP, archive="-", stdin=stream)
        self.assertEqual(self.owners(), self.KEPT)

    def test_there_and_back(self):
        """What this program has archived."""
        self.many()
        self.take(*KEEP)
        self.hbcore("--home", self.home, "--set", "backup.links=store", "backup", "-o", self.dir / "b.tar.zst")
        self.tool("rm", "-rf", self.home)
        self.take(*KEEP, archive=self.dir / "b.tar.zst")
        self.assertEqual(self.owners(), self.KEPT)

    def test_not_unless_asked_for(self):
        self.many()
        self.take()
        self.assertEqual({owner[:2] for owner in self.owners().values()}, {(0, 0)})

    def test_what_is_there(self):
        """A file keeps its mode; a directory all that it has."""
        self.many()
        hb.write(self.home / "a/f", b"old", mode=0o600)
        self.take(*KEEP)
        self.assertEqual(self.owners()["a/f"], (ALICE, STAFF, "0o600"))
        self.assertEqual(self.owners()["a"][:2], (0, 0))

    def test_a_directory_of_somebody_else(self):
        """His rights count there, and what is in the archive still is given to whom it belonged."""
        self.many()
        (self.home / "a").mkdir(parents=True)
        (self.home / "a").chmod(0o755)
        os.chown(self.home / "a", ALICE, ALICE)
        self.take(*KEEP, expect=None)
        found = self.owners()
        self.assertEqual(found["a"], (ALICE, ALICE, "0o755"))
        self.assertEqual(found["a/f"], (ALICE, STAFF, "0o640"))
        self.assertEqual(found["a/b/f"], (BOB, STAFF, "0o604"))

    def test_a_directory_that_hands_its_group_down(self):
        self.make(("f", "s/f", ALICE, STAFF, 0o664))
        (self.home / "s").mkdir(parents=True)
        os.chown(self.home / "s", 0, BOB)
        (self.home / "s").chmod(0o2775)
        self.take(*KEEP)
        self.assertEqual(self.owners()["s/f"], (ALICE, STAFF, "0o664"))

    def test_whose_home(self):
        self.many()
        for there in (True, False):
            self.tool("rm", "-rf", self.dir / "his")
            (self.dir / "his").mkdir()
            os.chown(self.dir / "his", ALICE, ALICE)
            home = self.dir / "his" if there else self.dir / "his/home"
            done = self.hbcore("--home", home, *KEEP, "import", self.archive, expect=2)
            self.assert_mentions(done, "import.owners", str(ALICE))
            self.assertEqual(os.listdir(self.dir / "his"), [])
            for spelled in (f"{home}/", f"{home}/."):
                done = self.hbcore("--home", spelled, *KEEP, "import", self.archive, expect=2)
                self.assert_mentions(done, "import.owners", "root")
                self.assertEqual(os.listdir(self.dir / "his"), [], spelled)

    def test_somebody_else(self):
        self.many()
        self.archive.chmod(0o644)
        if not self.home.exists():
            self.home.mkdir()
        os.chown(self.home, ALICE, ALICE)
        user = self.somebody_else(self.dir)
        done = self.take(*KEEP, expect=2, **user)
        self.assert_mentions(done, "import.owners", "only root")

    def test_an_archive_that_does_not_know(self):
        """A zip has no owners that are read, and a tar may say none."""
        hb.write(self.dir / "other/f", b"1")
        self.hbcore("--home", self.dir / "other", "backup", "--format", "zip", "-o", self.dir / "a.zip")
        done = self.take(*KEEP, archive=self.dir / "a.zip")
        self.assert_mentions(done, "does not say to whom")
        self.assertEqual(self.owners()["f"][:2], (0, 0))

    def test_killed(self):
        """The journal says whose it is; the run that completes it is not asked for it."""
        self.many()
        self.home.mkdir(mode=0o755)
        count = self.faulted("--home", self.home, *KEEP, "import", "--force", self.archive, calls="renameat,rename",
                             path=f"{self.home}/*").count
        self.assertGreater(count, 3)
        for number in range(2, count + 1):
            self.tool("rm", "-rf", self.home)
            self.home.mkdir(mode=0o755)
            self.faulted("--home", self.home, *KEEP, "import", "--force", self.archive, calls="renameat,rename",
                         path=f"{self.home}/*", at=number, kill=True, expect=None)
            done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "after.tar.zst", expect=None)
            self.assertIn(done.returncode, (0, 3), self.describe(done))
            found = self.owners()
            if found:
                self.assertEqual(found, self.KEPT, number)

    def test_what_a_journal_of_somebody_else_says(self):
        """He could write into it that his files are to be given away: root does that in root's homes alone."""
        self.many()
        self.home.mkdir(mode=0o755)
        self.faulted("--home", self.home, *KEEP, "import", "--force", self.archive, calls="renameat,rename",
                     path=f"{self.home}/*", at=3, kill=True, expect=None)
        self.tool("chown", "-R", "-h", f"{ALICE}:{ALICE}", self.home)
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "after.tar.zst", expect=None)
        self.assert_mentions(done, "ompleted")
        found = self.owners()
        self.assertEqual(set(found), set(self.KEPT))
        self.assertEqual({row[:2] for row in found.values()}, {(ALICE, ALICE)})


if __name__ == "__main__":
    unittest.main()
