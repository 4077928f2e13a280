# SPDX-License-Identifier: Apache-2.0
"""Links in the home lead two members of an archive to one place: neither is written over the other."""
import os
import unittest
import zipfile

import hb


class SamePlace(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "target"
        self.home.mkdir()

    def archive(self, *members):
        path = self.dir / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.yaml", "")
            for name, data in members:
                archive.writestr(name, data)
        return path

    def bring(self, *members, expect=3, arguments=()):
        done = self.hbcore("--home", self.home, "--json", "import", "--force", *arguments,
                           self.archive(*members), expect=expect)
        return self.summary(done)

    def reasons(self, summary):
        return {row["path"]: row["reason"] for row in summary["skipped"]}

    def read(self, path):
        return (self.home / path).read_text()

    def test_a_link_to_a_file(self):
        """In either order, the member with the place's own name goes there."""
        members = [("real", "REAL"), ("alias", "another"), ("third", "3")]
        for order in (members, members[::-1]):
            with self.subTest(first=order[0][0]):
                hb.write(self.home / "real", "old")
                (self.home / "alias").unlink(missing_ok=True)
                (self.home / "alias").symlink_to("real")
                reasons = self.reasons(self.bring(*order))
                self.assertEqual(list(reasons), ["alias"])
                self.assertIn("is real in this home, through a link there", reasons["alias"])
                self.assertEqual(self.read("real"), "REAL")
                self.assertTrue((self.home / "alias").is_symlink())
                self.assertEqual(self.read("third"), "3")

    def test_of_one_size(self):
        hb.write(self.home / "real", "old")
        (self.home / "alias").symlink_to("real")
        self.assertEqual(list(self.reasons(self.bring(("real", "AAAA"), ("alias", "BBBB")))),
                         ["alias"])
        self.assertEqual(self.read("real"), "AAAA")

    def test_the_same_content(self):
        """As where links were followed when the archive was made: a note, no more."""
        hb.write(self.home / "real", "old")
        (self.home / "alias").symlink_to("real")
        data = "x" * 300_000
        summary = self.bring(("alias", data), ("real", data), expect=0)
        self.assertIn("holds the same", str(summary["notes"]))
        self.assertEqual(self.read("real"), data)

    def test_a_link_to_a_directory(self):
        """Of files that are there and of such in directories that are not."""
        (self.home / "dir").mkdir()
        (self.home / "way").symlink_to("dir")
        reasons = self.reasons(self.bring(
            ("way/x", "through the link"), ("dir/x", "x"), ("way/new/deep/y", "through the link"),
            ("dir/new/deep/y", "y"), ("way/new/deep/only", "1"), ("way/only", "2")))
        self.assertEqual(sorted(reasons), ["way/new/deep/y", "way/x"])
        for path, data in {"dir/x": "x", "dir/new/deep/y": "y", "dir/new/deep/only": "1",
                           "dir/only": "2"}.items():
            self.assertEqual(self.read(path), data)

    def test_two_links_to_what_the_archive_lacks(self):
        """The first goes there; a file of the home is replaced once, not twice."""
        hb.write(self.home / "real", "old")
        for name in ("one", "two", "three"):
            (self.home / name).symlink_to("real")
        reasons = self.reasons(self.bring(("one", "1st"), ("two", "second"), ("three", "third")))
        self.assertEqual(sorted(reasons), ["three", "two"])
        self.assertEqual(self.read("real"), "1st")

    def test_a_dry_run_tells_of_sizes(self):
        hb.write(self.home / "real", "old")
        (self.home / "alias").symlink_to("real")
        done = self.hbcore("--home", self.home, "import", "--dry-run",
                           self.archive(("real", "REAL"), ("alias", "another")), expect=None)
        self.assertRegex(done.stdout, rb"refused +alias")
        self.assertIn(b"is real in this home", done.stdout + done.stderr)
        self.assertEqual(self.read("real"), "old")

    def test_a_snapshot(self):
        """The link leads to another file than when the snapshot was made."""
        hb.write(self.home / "docs/a", "A")
        hb.write(self.home / "docs/b", "B")
        link = self.home / "docs/link"
        link.symlink_to("a")
        options = ("--home", self.home, "--set", "snapshot.files=docs")
        self.hbcore(*options, "snapshot", "create")
        done = self.hbcore(*options, "snapshot", "restore", "1")
        self.assertIn(b"holds the same", done.stdout + done.stderr)
        link.unlink()
        link.symlink_to("b")
        done = self.hbcore(*options, "snapshot", "restore", "1", expect=3)
        self.assertIn(b"is docs/b in this home", done.stdout + done.stderr)
        self.assertEqual(self.read("docs/a"), "A")
        self.assertEqual(self.read("docs/b"), "B")
        self.assertEqual(os.readlink(link), "b")


if __name__ == "__main__":
    unittest.main()
