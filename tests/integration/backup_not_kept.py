# SPDX-License-Identifier: Apache-2.0
"""What no archive keeps, or no import brings back by itself, is counted and said by a backup."""
import json
import os
import struct
import unittest

import hb

NOBODY = 65534


def acl(*entries):
    """The bytes of an access list: (tag, permission, id)."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


LIST = acl((1, 6, 0xFFFFFFFF), (2, 4, 12345), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))


class NotKept(hb.Case):
    config = hb.GENERIC

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for name in ("a", "b", "c", "sub/d"):
            hb.write(self.home / name, name.encode())

    def backup(self, *options, form="zip"):
        done = self.hbcore("--home", self.home, *options, "--json", "backup", "--format", form, "-o",
                           self.dir / f"out.{form}")
        summary = self.summary(done)
        said = self.hbcore("--home", self.home, *options, "backup", "--format", form, "-o", self.dir / f"again.{form}")
        lines = [line for line in said.stdout.decode().splitlines() if "Not kept" in line]
        return summary["not_kept"], "".join(lines)

    def set(self, name, attribute, value):
        try:
            os.setxattr(self.home / name, attribute, value)
        except OSError as error:
            self.skip(f"no {attribute} here: {error}")

    def test_nothing(self):
        for form in ("zip", "tar-zstd"):
            found, line = self.backup(form=form)
            self.assertEqual((set(found.values()), line), ({0}, ""))

    def test_hard_links(self):
        os.link(self.home / "a", self.home / "sub/other")
        os.link(self.home / "a", self.home / "sub/third")
        found, line = self.backup()
        self.assertEqual(found["hard_links"], 3)
        self.assertIn("hard links of 3 files", line)
        self.assertNotIn("owners", line)

    def test_attributes(self):
        self.set("a", "user.one", b"1")
        self.set("b", "user.one", b"1")
        self.set("b", "user.two", b"2" * 500)
        for number in range(60):
            self.set("c", f"user.many-{number:030}", b"")
        found, line = self.backup()
        self.assertEqual((found["attributes"], found["access_lists"]), (3, 0))
        self.assertIn("extended attributes of 3 files", line)

    def test_access_lists(self):
        self.set("a", "system.posix_acl_access", LIST)
        (self.home / "b").chmod(0o600)
        self.set("b", "system.posix_acl_access", LIST)
        found, line = self.backup()
        self.assertEqual((found["attributes"], found["access_lists"]), (0, 2))
        self.assertIn("access lists of 2 files", line)

    def test_owners(self):
        if os.geteuid() != 0:
            self.skip("only root gives files away")
        os.chown(self.home / "a", NOBODY, -1)
        os.chown(self.home / "b", -1, NOBODY)
        os.chown(self.home / "sub", NOBODY, NOBODY)
        found, line = self.backup("--set", "home.read-as=root")
        self.assertEqual(found["owners"], 3)
        self.assertIn("other owners of 3 entries", line)
        found, line = self.backup("--set", "home.read-as=root", form="tar-zstd")  # which keeps them
        self.assertEqual((found["owners"], line), (0, ""))

    def test_what_is_left_out(self):
        """Only what is stored counts."""
        os.link(self.home / "a", self.dir / "outside")
        found, _ = self.backup("--set", "filter:exclusions.plugin=runtime-filter", "--set", "filter:exclusions.globs=a")
        self.assertEqual(found["hard_links"], 0)

    def test_a_dry_run(self):
        os.link(self.home / "a", self.home / "sub/other")
        done = self.hbcore("--home", self.home, "--json", "backup", "--dry-run", "-o", self.dir / "x.zip")
        self.assertEqual(json.loads(done.stdout.splitlines()[-1])["not_kept"]["hard_links"], 2)


if __name__ == "__main__":
    unittest.main()
