# SPDX-License-Identifier: Apache-2.0
"""A home whose config.yaml is a link into a dotfiles directory outside of it."""
import os
import unittest

import hb

FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}


class Dotfiles(hb.Case):
    def setUp(self):
        super().setUp()
        self.outside = self.dir / "dotfiles" / "config.yaml"
        hb.write(self.outside, b"from: dotfiles\n", 0o644, 1_500_000_000_000_000_000)
        self.home = self.make_home()
        (self.home / "config.yaml").unlink()
        os.symlink(self.outside, self.home / "config.yaml")

    def test_backup_says_so(self):
        for name, suffix in FORMATS.items():
            with self.subTest(format=name):
                archive = self.dir / ("d" + suffix)
                done = self.hbcore("--home", self.home, "backup", "--format", name, "-o", archive,
                                   expect=3)
                self.assert_mentions(done, "config.yaml", "link")
                listed = self.tool("bsdtar", "-tf", archive).stdout.splitlines()
                self.assertNotIn(b"config.yaml", listed)
                self.assertIn(b"sub/deep/file.txt", listed)

    def test_backup_says_so_in_json(self):
        done = self.hbcore("--home", self.home, "--json", "backup", "-o", self.dir / "j.zip",
                           expect=3)
        summary = self.summary(done)
        self.assertEqual(summary["status"], "incomplete", summary)
        self.assertEqual([row["path"] for row in summary["skipped"]], ["config.yaml"], summary)

    def test_import_neither_replaces_nor_writes_through(self):
        source = self.make_home("source")
        hb.write(source / "config.yaml", b"from: archive\n")
        for name, suffix in FORMATS.items():
            with self.subTest(format=name):
                archive = self.backup(source, "s" + suffix, "--format", name)
                outside = hb.tree(self.outside.parent)
                done = self.hbcore("--home", self.home, "import", archive, "--force", expect=3)
                self.assert_mentions(done, "config.yaml")
                self.assert_unchanged(outside, self.outside.parent)
                self.assertEqual(os.readlink(self.home / "config.yaml"), str(self.outside))
                # The rest went on.
                self.assertEqual((self.home / "noise.bin").read_bytes(),
                                 (source / "noise.bin").read_bytes())

    def test_linked_directory_outside(self):
        away = self.dir / "away"
        hb.write(away / "kept.txt", b"old")
        os.symlink(away, self.home / "linked")
        source = self.make_home("source")
        hb.write(source / "linked/kept.txt", b"new")
        archive = self.backup(source)
        before = hb.tree(away)
        done = self.hbcore("--home", self.home, "import", archive, "--force", expect=3)
        self.assert_mentions(done, "linked/kept.txt")
        self.assert_unchanged(before, away)
        self.assertTrue((self.home / "linked").is_symlink())

    def test_home_itself_may_be_a_link(self):
        real = self.make_home("real")
        os.symlink(real, self.dir / "alias")
        archive = self.backup(self.dir / "alias")
        os.symlink(self.dir / "elsewhere", self.dir / "new-alias")
        (self.dir / "elsewhere").mkdir()
        self.hbcore("--home", self.dir / "new-alias", "import", archive)
        self.assertTrue((self.dir / "new-alias").is_symlink())
        self.assert_same_tree(real, self.dir / "elsewhere")


if __name__ == "__main__":
    unittest.main()
