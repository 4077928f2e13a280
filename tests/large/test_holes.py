# SPDX-License-Identifier: Apache-2.0
"""Large files that are mostly holes come back the same, and without the blocks of their zeros."""
import os
import unittest

import hb
import large

MIB = 1 << 20


class Holes(large.Case):
    """The content decides where holes are: where the islands lie must not matter."""

    def make(self, home):
        home.mkdir()
        layouts = {
            "islands.img": (48 * MIB, (0, 20 * MIB - 3, 48 * MIB - 7)),
            "aligned.img": (16 * MIB, (4 * MIB, 8 * MIB)),
            "only-zeros.img": (24 * MIB, ()),
            "zeros-last.img": (24 * MIB, (0,)),
            "short-zeros.bin": (60_000, ()),
            "one-block.bin": (65_536, ()),
            "block-and-one.bin": (65_537, ()),
        }
        for name, (size, islands) in layouts.items():
            with open(home / name, "wb") as stream:
                for offset in islands:
                    stream.seek(offset)
                    stream.write(b"island!")
                stream.truncate(size)
        # No holes here: zeros that were written, between bytes that were not zero.
        dense = bytearray(os.urandom(4 * MIB))
        dense[MIB + 5:3 * MIB + 11] = bytes(2 * MIB + 6)
        hb.write(home / "dense.bin", bytes(dense))
        return home

    def check_blocks(self, target):
        for name, most in (("islands.img", 3), ("aligned.img", 2), ("only-zeros.img", 0),
                           ("zeros-last.img", 1)):
            used = os.stat(target / name).st_blocks * 512
            # An island's block of zeros is written with it: 64 KiB, or two where it lies across.
            self.assertLessEqual(used, most * (2 << 16), f"{name} takes {used} bytes on disk")
        used = os.stat(target / "dense.bin").st_blocks * 512
        self.assertLessEqual(used, 2 * MIB + (4 << 16), f"dense.bin takes {used} bytes on disk")

    def test_come_back_as_holes(self):
        home = self.make(self.dir / "home")
        if os.stat(home / "only-zeros.img").st_blocks != 0:
            self.skipTest("this file system has no holes")
        for name, suffix in large.FORMATS.items():
            archive = self.backup(home, "a" + suffix, "--format", name)
            for how in "file", "pipe":
                with self.subTest(format=name, how=how):
                    target = self.dir / f"{name}-{how}"
                    if how == "file":
                        self.hbcore("--home", target, "import", archive)
                    else:
                        self.hbcore("--home", target, "import", "-", input=archive.read_bytes())
                    self.assert_same_tree(home, target)
                    self.check_blocks(target)

    def test_cat_writes_all_zeros(self):
        home = self.make(self.dir / "home")
        for name, suffix in large.FORMATS.items():
            archive = self.backup(home, "a" + suffix, "--format", name)
            for member in "islands.img", "zeros-last.img":
                with self.subTest(format=name, member=member):
                    self.assertTrue(self.hbcore("cat", archive, member).stdout
                                    == (home / member).read_bytes(), "the bytes differ")


if __name__ == "__main__":
    unittest.main()
