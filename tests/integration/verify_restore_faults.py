# SPDX-License-Identifier: Apache-2.0
"""verify --restore where there is no room, where calls fail, and where it is killed: a clear error, never a verdict
about the archive, and nothing is left."""
import json
import os
import unittest

import fault
import hb
import mounts

fault.need()


class Drill(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home, self.place = self.dir / "home", self.dir / "place"
        for number in range(6):
            hb.write(self.home / f"d{number % 2}/file-{number}", os.urandom(3000 + number))
        hb.write(self.home / "large", os.urandom(3 << 20))
        self.make_database(self.home / "rows.db", rows=200)
        self.place.mkdir()
        self.config = self.write_config(f"[home]\npath = {self.home}\n[backup]\nformat = zip\n[content:sqlite-snap]\n"
                                        f"[preset:kept]\ndirectory = {self.dir}/kept\n")
        self.hbcore("backup", "--preset", "kept")
        (self.archive,) = hb.archives(self.dir / "kept")

    def environment(self, **changes):
        return super().environment(**{"TMPDIR": str(self.place), **changes})

    line = ("--set", "backup.workers=1", "verify", "latest", "--restore")

    def verdict(self):
        done = self.hbcore("--json", "archives", "kept")
        return json.loads(done.stdout.splitlines()[0])["verified_result"]

    def left(self):
        return sorted(os.listdir(self.place))

    def small(self, size):
        try:
            self.place = mounts.mount(self, "tmpfs", options=f"size={size}")
        except mounts.Missing as reason:
            self.skip(str(reason))

    def test_a_small_disk(self):
        """Found before anything is unpacked: how much is missing, and what to do about it."""
        for size in ("64k", "1m", "3m"):
            with self.subTest(size=size):
                self.small(size)
                done = self.hbcore(*self.line, expect=1)
                self.assert_mentions(done, "space", str(self.place))
                self.assertNotIn(b"damaged", done.stdout + done.stderr)
                self.assertEqual(self.left(), [])
                self.assertIsNone(self.verdict())
        self.small("24m")
        self.hbcore(*self.line)
        self.assertEqual((self.left(), self.verdict()), ([], "ok"))

    def test_no_inodes(self):
        self.small("24m,nr_inodes=6")
        done = self.hbcore(*self.line, expect=1)
        self.assert_mentions(done, "No space left")
        self.assertEqual((self.left(), self.verdict()), ([], None))

    def points(self, calls):
        count = self.faulted(*self.line, calls=calls, path=f"{self.place}/*").count
        (self.user / "state/hbcore/checks").unlink()
        self.assertGreater(count, 3)
        return range(1, count + 1)

    def test_the_disk_gets_full_meanwhile(self):
        """And stays full: it ends with an error, or with what could not be restored named, never with a damaged archive."""
        codes = set()
        for calls in ("write", "create", "truncate,allocate,rename"):
            for at in fault.some(self.points(calls), 8):
                with self.subTest(calls=calls, at=at):
                    done = self.faulted(*self.line, calls=calls, path=f"{self.place}/*", at=f"{at}+", error="ENOSPC",
                                        expect=None)
                    codes.add(done.returncode)
                    self.assertIn(done.returncode, (0, 1, 3), self.describe(done))
                    self.assertEqual(self.left(), [], self.describe(done))
                    self.assertNotEqual(self.verdict(), "damaged", self.describe(done))
                    if done.returncode != 0:
                        self.assertIn(b"space", (done.stdout + done.stderr).lower(), self.describe(done))
                        self.assertNotEqual(self.verdict(), "ok", self.describe(done))
                    (self.user / "state/hbcore/checks").unlink(missing_ok=True)
        self.assertIn(1, codes)

    def test_killed_at_any_moment(self):
        """What is left is closed to others, and the next drill removes it."""
        for at in fault.some(self.points("create,write,rename,link,remove"), 12):
            with self.subTest(at=at):
                self.faulted(*self.line, calls="create,write,rename,link,remove", path=f"{self.place}/*", at=at, kill=True,
                             expect=None)
                for name in self.left():
                    self.assertEqual((self.place / name).stat().st_mode & 0o077, 0, name)
                self.assertIsNone(self.verdict())
                self.hbcore(*self.line)
                self.assertEqual((self.left(), self.verdict()), ([], "ok"))
                (self.user / "state/hbcore/checks").unlink()


if __name__ == "__main__":
    unittest.main()
