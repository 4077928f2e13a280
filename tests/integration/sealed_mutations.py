# SPDX-License-Identifier: Apache-2.0
"""What was done to a sealed archive is noticed, whatever it was: no bit of it, no cut, no block in another's place is
accepted, and nothing is handed out where the last block does not open as the last."""
import random
import unittest

import hb
import sealed
from sealed import EXTRA, HEADER

COUNT = 2000 if hb.FULL else 240


class Mutations(sealed.Case):
    def setUp(self):
        super().setUp()
        hb.write(self.home / "large.bin", random.Random(1).randbytes(40_000))
        self.whole = self.seal().read_bytes()
        self.other = self.seal("other.zip").read_bytes()
        self.each = self.block + EXTRA
        self.blocks = -(-(len(self.whole) - HEADER) // self.each)
        self.assertGreater(self.blocks, 8)
        self.changed = self.dir / "changed.zip.toy"

    def at(self, number):
        return HEADER + number * self.each

    def piece(self, number, data=None):
        return (self.whole if data is None else data)[self.at(number):self.at(number + 1)]

    def refuse(self, data, *words, nothing=True):
        """verify and import fail, and nothing is restored; `nothing`: cat has not one byte, either."""
        self.assertNotEqual(data, self.whole)
        self.changed.write_bytes(data)
        done = self.hbcore("verify", self.changed, expect=1)
        self.assert_mentions(done, *words)
        done = self.hbcore("cat", self.changed, "large.bin", expect=1 if nothing else None)
        if nothing:
            self.assertEqual(done.stdout, b"")
        else:
            self.assertTrue((self.home / "large.bin").read_bytes().startswith(done.stdout))

    def refuse_import(self, data, piped):
        self.changed.write_bytes(data)
        target = self.fresh("target")
        if piped:
            self.hbcore("--home", target, "import", "-", "--force", input=data, expect=1)
        else:
            self.hbcore("--home", target, "import", self.changed, "--force", expect=1)
        self.assertFalse(target.exists() and any(target.iterdir()), list(target.rglob("*")))

    def test_cuts(self):
        end = len(self.whole)
        for number in range(self.blocks):
            self.refuse(self.whole[:self.at(number)], "sealed by toy",
                        "cut off at the end" if number else "cut off")
            for beside in (-1, 1, EXTRA - 1, EXTRA, EXTRA + 1):
                if HEADER <= self.at(number) + beside < end:
                    self.refuse(self.whole[:self.at(number) + beside], "sealed by toy", "cut off")
        for bytes_left in (end - 1, end - EXTRA, end - EXTRA - 1):
            self.refuse(self.whole[:bytes_left], "cut off")
        for longer in (b"\0", bytes(EXTRA), bytes(self.each), self.piece(0), self.piece(self.blocks - 1)):
            self.refuse(self.whole + longer)

    def test_a_cut_through_a_pipe_hands_out_nothing(self):
        for number in (1, self.blocks // 2, self.blocks - 1):
            self.refuse_import(self.whole[:self.at(number)], piped=True)
            self.refuse_import(self.whole[:self.at(number) + 7], piped=True)

    def test_headers(self):
        for length in range(HEADER):
            changed = bytearray(self.whole)
            changed[length] ^= 1 << length % 8
            self.refuse(bytes(changed))
            self.refuse(self.whole[:length], "") if length else None
        self.refuse(self.other[:HEADER] + self.whole[HEADER:])

    def test_blocks_in_other_places(self):
        last = self.blocks - 1
        for one, other in ((0, 1), (1, 2), (2, last - 1), (3, 4)):
            order = list(range(self.blocks))
            order[one], order[other] = order[other], order[one]
            self.refuse(self.whole[:HEADER] + b"".join(map(self.piece, order)), "damaged", nothing=False)
        for number in (0, 2, last):
            order = [*range(number), number, number, *range(number + 1, self.blocks)]
            self.refuse(self.whole[:HEADER] + b"".join(map(self.piece, order)))
            order = [*range(number), *range(number + 1, self.blocks)]
            self.refuse(self.whole[:HEADER] + b"".join(map(self.piece, order)))
        self.refuse(self.whole[:HEADER] + b"".join(self.piece(i) for i in range(last)) + self.piece(last, self.other))

    def test_blocks_of_another_archive(self):
        for number in (0, 1, self.blocks // 2):
            data = (self.whole[:self.at(number)] + self.piece(number, self.other) + self.whole[self.at(number + 1):])
            self.refuse(data, f"block {number + 1} of {self.blocks} does not open", nothing=False)

    def test_bits(self):
        chance = random.Random(21)
        for _ in range(COUNT):
            changed = bytearray(self.whole)
            place = chance.randrange(len(changed))
            changed[place] ^= 1 << chance.randrange(8)
            in_the_last = place >= self.at(self.blocks - 1) or place < HEADER
            with self.subTest(place=place):
                self.refuse(bytes(changed), nothing=in_the_last)

    def test_an_import_of_what_was_changed_restores_nothing(self):
        chance = random.Random(22)
        for number in range(COUNT // 10):
            changed = bytearray(self.whole)
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
            self.refuse_import(bytes(changed), piped=number % 2 == 0)

    def test_it_says_which_block(self):
        changed = bytearray(self.whole)
        changed[self.at(3) + 5] ^= 1
        self.refuse(bytes(changed), f"block 4 of {self.blocks} does not open", "its checksum is wrong", nothing=False)

    def test_the_whole_is_accepted(self):
        self.changed.write_bytes(self.whole)
        self.hbcore("verify", self.changed)
        self.assertEqual(self.hbcore("cat", self.changed, "large.bin").stdout, (self.home / "large.bin").read_bytes())


if __name__ == "__main__":
    unittest.main()
