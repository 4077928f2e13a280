# SPDX-License-Identifier: Apache-2.0
"""Small entries share a frame, big ones have some of their own, and a change of one file changes
the frames about it, not those that follow."""
import hashlib
import os
import random
import struct
import unittest

import hb

hb.use_memory()
SEEK_TABLE_MAGIC, FOOTER_MAGIC, SKIPPABLE = 0x184D2A5E, 0x8F92EAB1, 0x184D2A50
FILES, AREAS = 6000, 40
MOST_NEW = 4  # its own frame and the next, that of the directory, and one that was cut anew


class Grouping(hb.Case):
    config = hb.GENERIC

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        draw = random.Random(11)
        for number in range(FILES):
            hb.write(self.path(number), draw.randbytes(draw.randrange(0, 5000)))
        hb.write(self.home / "big", draw.randbytes(5_000_000))

    def path(self, number):
        return self.home / f"area-{number % AREAS:02}/file-{number:05}.json"

    def frames(self, size):
        """Hash and content bytes of each data frame, as the seek table has them."""
        archive = self.dir / "a.tar.zst"
        self.hbcore("--home", self.home, "--set", f"format:tar-zstd.frame-size={size}", "backup",
                    "--format", "tar-zstd", "-o", archive)
        data = archive.read_bytes()
        count, flags, magic = struct.unpack("<IBI", data[-9:])
        self.assertEqual(magic, FOOTER_MAGIC)
        row = 12 if flags & 0x80 else 8
        start = len(data) - 9 - row * count
        self.assertEqual(struct.unpack_from("<I", data, start - 8)[0], SEEK_TABLE_MAGIC)
        found, at = [], 0
        for i in range(count):
            packed, content = struct.unpack_from("<II", data, start + i * row)
            if struct.unpack_from("<I", data, at)[0] & ~0xF != SKIPPABLE:
                found.append((hashlib.sha256(data[at:at + packed]).digest(), content))
            at += packed
        self.assertEqual(at, start - 8, "the table lists all frames before it")
        return found

    def changes(self, number):
        path = self.path(number)
        yield "other content", lambda: hb.write(path, os.urandom(path.stat().st_size))
        yield "longer", lambda: hb.write(path, os.urandom(path.stat().st_size + 700))
        yield "much longer", lambda: hb.write(path, os.urandom(200_000))
        yield "empty", lambda: hb.write(path)
        yield "touched", lambda: os.utime(path, (1_500_000_000, 1_500_000_000))
        yield "one more", lambda: hb.write(f"{path}-more", b"more")
        yield "one less", path.unlink

    def test_one_changed_file_changes_few_frames(self):
        for size, number in (("1M", 5), ("4M", FILES // 2), ("1M", FILES - 1)):
            before = self.frames(size)
            self.assertGreater(len(before), 10)
            self.assertLess(len(before), FILES // 20, "small entries share frames")
            for what, change in self.changes(number):
                change()
                after = self.frames(size)
                new = [row for row in after if row not in before]
                with self.subTest(size=size, number=number, what=what):
                    self.assertGreater(len(new), 0)
                    self.assertLessEqual(len(new), MOST_NEW, f"of {len(after)}")
                before = after

    def test_a_big_file_has_frames_of_its_own(self):
        os.utime(self.home / "big", (1_600_000_000, 1_600_000_000))
        before = self.frames("1M")
        with open(self.home / "big", "r+b") as stream:
            stream.seek(3_300_000)
            stream.write(b"changed")
        os.utime(self.home / "big", (1_600_000_000, 1_600_000_000))
        after = self.frames("1M")
        self.assertEqual(len(after), len(before))
        self.assertEqual(len([row for row in after if row not in before]), 1)


if __name__ == "__main__":
    unittest.main()
