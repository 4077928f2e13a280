# SPDX-License-Identifier: Apache-2.0
"""import --only-changed that is killed, and that meets another user: what was the same is never touched, by whichever
run, and what was not is as in the archive in the end."""
import os
import shutil
import unittest

import fault
import hb

fault.need()

USER = 1234
STAGE = ".hbcore-stage-"


class OnlyChanged(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.left_behind_is_fine = True  # until the next run; each test looks itself
        self.seed, self.home = self.dir / "seed", self.dir / "home"
        for number in range(8):
            hb.write(self.seed / f"d/same-{number}", b"same %d\n" % number, 0o600)
            hb.write(self.seed / f"d/other-{number}", b"as archived %d\n" % number, 0o600)
        for name in ("same.db", "other.db"):
            self.make_database(self.seed / name, rows=20, wal=True)
            (self.seed / name).chmod(0o600)
        (self.seed / "d/link").symlink_to("same-1")
        self.config = self.write_config(f"[home]\npath = {self.home}\n[backup]\nformat = zip\nlinks = store\n"
                                        f"[import]\nlinks = restore\n[content:sqlite-snap]\n")
        self.archive = self.dir / "in.zip"
        self.hbcore("--home", self.seed, "backup", "-o", self.archive)
        self.archive.chmod(0o644)
        self.config.chmod(0o644)

    def fresh(self, owner=None):
        """The home, of which the half has changed since."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.tool("cp", "-a", self.seed, self.home)
        (self.home / ".hbcore-id").unlink(missing_ok=True)
        for number in range(8):
            (self.home / f"d/other-{number}").write_bytes(b"since then %d\n" % number)
        database = hb.sqlite3.connect(self.home / "other.db")
        database.execute("DELETE FROM t WHERE id > 5")
        database.commit()
        database.close()
        if owner is not None:
            self.tool("chown", "-hR", f"{owner}:{owner}", self.home)
        return self.same()

    def same(self):
        """What must never be touched: inode, owner, times but that of reading."""
        rows = {}
        for path in [*self.home.glob("d/same-*"), self.home / "same.db", self.home / "d/link"]:
            status = path.lstat()
            rows[path.name] = (status.st_ino, status.st_uid, status.st_mode, status.st_mtime_ns, status.st_ctime_ns)
        return rows

    line = ("--set", "backup.workers=1", "import", "--only-changed", "--force")

    def assert_each_is_old_or_new(self):
        for number in range(8):
            self.assertIn((self.home / f"d/other-{number}").read_bytes(),
                          (b"as archived %d\n" % number, b"since then %d\n" % number))

    def assert_as_archived(self):
        for number in range(8):
            self.assertEqual((self.home / f"d/other-{number}").read_bytes(), b"as archived %d\n" % number)
            self.assertEqual((self.home / f"d/same-{number}").read_bytes(), b"same %d\n" % number)
        for name in ("same.db", "other.db"):
            self.assertEqual(len(self.database_rows(self.home / name)), 20, name)

    def stages(self):
        return [name for name in os.listdir(self.home) if name.startswith(STAGE)]

    def test_killed_at_any_moment(self):
        self.fresh()
        count = self.faulted(*self.line, self.archive, calls=fault.CHANGING, path=f"{self.home}/*").count
        self.assert_as_archived()
        self.assertGreater(count, 20)
        for at in fault.some(range(1, count + 1), 24):
            for then in (("import", "--only-changed", "--force", self.archive), ("backup", "-o", self.dir / "after.zip")):
                with self.subTest(at=at, then=then[0]):
                    before = self.fresh()
                    self.faulted(*self.line, self.archive, calls=fault.CHANGING, path=f"{self.home}/*", at=at, kill=True,
                                 expect=None)
                    self.assertEqual(self.same(), before)
                    self.assert_each_is_old_or_new()
                    self.hbcore(*then)
                    self.assertEqual(self.same(), before)
                    if then[0] == "import":
                        self.assert_as_archived()
                    self.assertEqual(self.stages(), [])

    def test_each_read_that_fails(self):
        """What cannot be compared is replaced; it never counts as the same."""
        self.fresh()
        words = {"calls": "read,pread64", "path": f"{self.home}/d/*"}
        count = self.faulted(*self.line, self.archive, **words).count
        self.assertGreater(count, 8)
        for at in fault.some(range(1, count + 1), 10):
            self.fresh()
            done = self.faulted(*self.line, self.archive, at=at, error="EIO", expect=None, **words)
            with self.subTest(at=at):
                self.assertIn(done.returncode, (0, 3), self.describe(done))
                if done.returncode == 0:
                    self.assert_as_archived()

    # ---- another user ----

    def need_root(self):
        if os.geteuid() != 0 or not hb.nobody_runs(self.binary):
            self.skip("only root has other users")
        self.dir.chmod(0o755)

    def as_user(self, *arguments, **keywords):
        self.tool("chown", "-R", f"{USER}:{USER}", self.user)
        return self.hbcore(*arguments, user=USER, group=USER, extra_groups=[], **keywords)

    def test_root_in_the_home_of_a_user(self):
        self.need_root()
        before = self.fresh(USER)
        said = self.summary(self.hbcore("--json", *self.line, self.archive))
        self.assertEqual(self.same(), before)
        self.assert_as_archived()
        self.assertEqual(said["left_unchanged"], len(before))
        for path in self.home.rglob("*"):
            self.assertEqual(path.lstat().st_uid, USER, path)

    def test_a_user_after_root(self):
        """What root has put there, and the user cannot read, cannot be compared: it is replaced, in his directory."""
        self.need_root()
        self.fresh(USER)
        for name in ("d/same-3", "d/other-3"):
            os.chown(self.home / name, 0, 0)
            (self.home / name).chmod(0o600)
        before = self.same()
        del before["same-3"]
        self.as_user(*self.line, self.archive)
        self.assertEqual({name: row for name, row in self.same().items() if name in before}, before)
        self.assertEqual((self.home / "d/same-3").stat().st_uid, USER)
        self.assert_as_archived()

    def test_a_link_to_what_root_alone_reads(self):
        """Whether it is the same as in the archive is not found out for the user, and nothing is written there."""
        self.need_root()
        for number, text in enumerate((b"same 2\n", b"another\n")):
            secret = hb.write(self.dir / f"root/secret-{number}", text, 0o600)
            (self.dir / "root").chmod(0o700)
            self.fresh(USER)
            (self.home / "d/same-2").unlink()
            (self.home / "d/same-2").symlink_to(self.dir / f"root/secret-{number}")
            os.chown(self.home / "d/same-2", USER, USER, follow_symlinks=False)
            status = (self.dir / f"root/secret-{number}").stat()
            done = self.hbcore("--json", *self.line, self.archive, expect=None)
            self.assertIn(done.returncode, (0, 3), self.describe(done))
            said = self.summary(done)
            after = (self.dir / f"root/secret-{number}").stat()
            self.assertEqual((after.st_ino, after.st_mtime_ns, after.st_uid), (status.st_ino, status.st_mtime_ns, 0))
            self.assertEqual((self.dir / f"root/secret-{number}").read_bytes(), text)
            self.assertEqual(said["left_unchanged"], 9, (secret, said))

    def test_killed_as_another_user(self):
        """Root's import in the user's home is killed: what the user finds is his, and his next run completes nothing of root's."""
        self.need_root()
        self.fresh(USER)
        count = self.faulted(*self.line, self.archive, calls="rename", path=f"{self.home}/*").count
        self.assertGreater(count, 3)
        for at in fault.some(range(1, count + 1), 5):
            with self.subTest(at=at):
                before = self.fresh(USER)
                self.faulted(*self.line, self.archive, calls="rename", path=f"{self.home}/*", at=at, kill=True, expect=None)
                self.assertEqual(self.same(), before)
                self.assert_each_is_old_or_new()
                self.as_user(*self.line, self.archive, expect=None)
                self.hbcore(*self.line, self.archive)
                self.assertEqual(self.same(), before)
                self.assert_as_archived()
                self.assertEqual(self.stages(), [])
                for path in self.home.rglob("*"):
                    self.assertEqual(path.lstat().st_uid, USER, path)


if __name__ == "__main__":
    unittest.main()
