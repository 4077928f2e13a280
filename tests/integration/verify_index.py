# SPDX-License-Identifier: Apache-2.0
"""The index of a tar-zstd archive only saves time: when it is damaged, nothing is lost, but that is said."""
import io
import json
import struct
import tarfile
import unittest

import hb

INDEX, TRAILER, SEEK = 0x184D2A5B, 0x184D2A5C, 0x184D2A5E
NOTE = "its index is damaged, and nothing else"


class Index(hb.Case):
    def setUp(self):
        super().setUp()
        self.home, self.archive, self.target = self.dir / "home", self.dir / "made.tar.zst", self.dir / "target"
        for name in ("a", "d/b", "d/c"):
            hb.write(self.home / name, name.encode() * 100)
        self.hbcore("--config", hb.GENERIC, "--home", self.home, "backup", "--format", "tar-zstd", "-o", self.archive)
        self.whole = self.archive.read_bytes()

    def frames(self):
        """Place and length of the content of each skippable frame, by its magic."""
        found = {}
        for magic in (INDEX, TRAILER, SEEK):
            at = self.whole.index(struct.pack("<I", magic))
            found[magic] = (at + 8, struct.unpack_from("<I", self.whole, at + 4)[0])
        return found

    def told(self, *words, **more):
        done = self.hbcore("--config", hb.GENERIC, "--json", "--home", self.target, *words, expect=None, **more)
        notes = [row["reason"] for row in json.loads(done.stdout.splitlines()[-1]).get("notes", [])]
        return done.returncode, sum(NOTE in note for note in notes)

    def everywhere(self, data):
        """Exit code and notes, the same by file and by pipe, in verify, dry run and import; and all that was restored."""
        self.archive.write_bytes(data)
        found = [self.told("verify", self.archive), self.told("import", "--dry-run", self.archive)]
        for archive, more in ((self.archive, {}), ("-", {"input": bytes(data)})):
            found.append(self.told("import", archive, **more))
            if found[-1][0] == 0:
                self.assert_same_tree(self.home, self.target)
            self.tool("rm", "-rf", self.target)
        return found

    def test_damage_that_costs_nothing(self):
        frames = self.frames()
        index, seek = frames[INDEX][0], frames[SEEK][0]
        records, rows = index + 72, (frames[SEEK][1] - 9) // 12
        end = len(self.whole)
        places = {"magic of the index": index - 8, "its signature": index, "its version": index + 9, "members": index + 16,
                  "bytes": index + 30, "checksum of the rows": index + 50, "of the records": index + 56, "of the head": index + 71,
                  "the records": records, "their end": index + frames[INDEX][1] - 1, "magic of the trailer": frames[TRAILER][0] - 8,
                  "checksum of a frame": seek + 8, "of the last one": seek + rows * 12 - 1, "that of the index": seek + 12 + 8,
                  "stored bytes of a frame": seek + 1, "its bytes": seek + 6, "stored bytes of the index": seek + 12,
                  "number of rows": end - 9, "what rows have": end - 5, "magic of the seek table": end - 1}
        for name, magic in (("index", INDEX), ("trailer", TRAILER), ("seek table", SEEK)):
            at = frames[magic][0] - 8
            places |= {f"kind of the frame of the {name}": at, f"what makes that skippable, {name}": at + 3,
                       f"length of the {name}": at + 4, f"length of the {name}, by far": at + 7}
        for name, at in places.items():
            with self.subTest(name):
                data = bytearray(self.whole)
                data[at] ^= 1
                found = self.everywhere(data)
                version = name == "its version"  # a later one is no damage; that of the head shows it
                self.assertEqual(found, [(0, 0 if version else 1)] * 4)
        data = bytearray(self.whole)  # two rows that make up for each other
        struct.pack_into("<I", data, seek + 12, struct.unpack_from("<I", data, seek + 12)[0] + 1)
        struct.pack_into("<I", data, seek + 24, struct.unpack_from("<I", data, seek + 24)[0] - 1)
        self.assertEqual(self.everywhere(data), [(0, 1)] * 4)

    def test_end_of_the_tar(self):
        """No file needs it; but from a pipe nothing else tells that all has come."""
        seek = self.frames()[SEEK][0]
        for at in (seek - 8 - 1, seek - 8 - 6, seek - 8 - 12):
            data = bytearray(self.whole)
            data[at] ^= 2
            self.archive.write_bytes(data)
            done = self.hbcore("--config", hb.GENERIC, "verify", self.archive)
            self.assertEqual(done.stdout.count(b"the end of the tar, is damaged") + done.stderr.count(b"the end of the tar, is damaged"), 1)
            codes = [code for code, _ in self.everywhere(data)]
            self.assertEqual(codes, [0, 0, 0, 1])

    def test_a_member_behind_the_index(self):
        """In the frame that ends the tar. Every tar restores it, the index does not know it, and the trailer does not count it."""
        with tarfile.open(self.dir / "more.tar", mode="w") as tar:
            tar.addfile(tarfile.TarInfo("hidden"))
        frame = self.tool("zstd", "-cq", "--check", self.dir / "more.tar").stdout
        seek, length = self.frames()[SEEK]
        last = seek + length - 9 - 12  # its row
        before = seek - 8 - struct.unpack_from("<I", self.whole, last)[0]
        data = bytearray(self.whole[:before] + frame + self.whole[seek - 8:])
        struct.pack_into("<I", data, len(data) - 9 - 12, len(frame))
        self.archive.write_bytes(data)
        with tarfile.open(fileobj=io.BytesIO(self.tool("zstd", "-dcq", self.archive).stdout)) as tar:
            self.assertEqual(tar.getnames(), ["a", "d", "d/b", "d/c", "hidden"])
        self.assertEqual([code for code, _ in self.everywhere(data)], [1] * 4)
        self.archive.write_bytes(data)
        for word in ("list", "verify"):
            done = self.hbcore("--config", hb.GENERIC, word, self.archive, expect=1)
            self.assertIn(b"5 entries, but 4 were stored", done.stderr)

    def test_other_damage_is_damage(self):
        self.assertEqual(self.everywhere(self.whole), [(0, 0)] * 4)
        for at in (20, self.frames()[TRAILER][0] + 20, self.frames()[TRAILER][0]):
            with self.subTest(at=at):
                data = bytearray(self.whole)
                data[at] ^= 1
                codes = [code for code, _ in self.everywhere(data)]
                self.assertEqual([codes[0], *codes[2:]], [1, 1, 1])


if __name__ == "__main__":
    unittest.main()
