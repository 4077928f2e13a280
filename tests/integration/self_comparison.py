# SPDX-License-Identifier: Apache-2.0
"""The comparison that all other tests rest on can fail."""
import os
import struct
import unittest

import hb


class Helper(hb.Case):
    def pair(self):
        return self.make_home("home"), self.make_copy()

    def make_copy(self):
        self.tool("cp", "-a", self.dir / "home", self.dir / "copy")
        return self.dir / "copy"

    def assert_differ(self, left, right):
        with self.assertRaises(AssertionError):
            self.assert_same_tree(left, right)

    def test_equal(self):
        self.assert_same_tree(*self.pair())

    def test_content_mode_time_and_absence(self):
        changes = {
            "content": lambda copy: hb.write(copy / "sub/deep/file.txt", b"SOME text\n" * 50),
            "mode": lambda copy: (copy / "bin/run.sh").chmod(0o644),
            "directory mode": lambda copy: (copy / "shared").chmod(0o700),
            "time": lambda copy: os.utime(copy / "noise.bin", ns=(0, 1)),
            "directory time": lambda copy: os.utime(copy / "hollow", ns=(0, 1)),
            "absence": lambda copy: (copy / "hollow").rmdir(),
            "extra": lambda copy: (copy / "sub" / "more").mkdir(),
        }
        for name, change in changes.items():
            with self.subTest(change=name):
                home, copy = self.pair()
                change(copy)
                self.assert_differ(home, copy)
                self.tool("rm", "-r", home, copy)

    def test_both_forms_of_a_trailer(self):
        """By chance a trailer of a zip is of the second form; the program reads it, and tests see the first."""
        self.make_home("home")
        archive = self.dir / "a.zip"
        self.hbcore("--home", self.dir / "home", "backup", "-o", archive)
        first = hb.first_form(archive.read_bytes())
        end = first.rindex(b"PK\5\6")
        start = struct.unpack_from("<L", first, end + 16)[0]
        check, length, mark = struct.unpack("<4sQ8s", first[start - 20:start])
        self.assertEqual(mark, b"hbcoreTR")
        spaced = (check + first[start - 20 - length:start - 20]).replace(b"P", b"P\0")
        plain = first[:start - 20 - length] + spaced + b"%012xhbcoreTS" % len(spaced)
        second = plain + first[start:end + 16] + struct.pack("<L", len(plain)) + first[end + 20:]
        self.assertEqual(hb.first_form(second), first)
        archive.write_bytes(second)
        self.hbcore("verify", archive)
        self.assertEqual(hb.Trailer(second).said, hb.Trailer(first).said)
        archive.write_bytes(second[:len(plain) - 30] + b"?" + second[len(plain) - 29:])
        self.hbcore("verify", archive, expect=1)

    def test_left_behind_is_seen(self):
        hb.write(self.dir / "home/.hbcore-stage-1/file", b"x")
        self.assertEqual(len(self.left_behind()), 1)
        self.tool("rm", "-r", self.dir / "home")

    def test_exit_code_is_seen(self):
        self.binary, self.config = "/bin/false", None
        self.hbcore(expect=1)
        with self.assertRaises(AssertionError):
            self.hbcore()


if __name__ == "__main__":
    unittest.main()
