# SPDX-License-Identifier: Apache-2.0
"""
A deep and wide tree of directories: at scale 1 about 36,000 directories and 49,000 small files. A third of
them each: chains a hundred deep, one directory with thousands in it, and bushes that branch six ways.
"""
import making
import shapes
import words

CHAINS, DEPTH = 120, 100  # at scale 1; how deep
WIDE = 12_000  # directories in one
BUSHES, BRANCHES, LEVELS = 8, 6, 5  # each with 1,555 directories
TOGETHER = 500  # of the wide ones, made in one go


class Tree(making.Maker):
    def leaf(self, where, index):
        size = min(20_000, int(self.text.rng.lognormvariate(6.5, 1.2)))
        self.write(f"{where}/{self.text.word()}-{index}.txt", self.text.prose(size))

    def chain(self, number, depth):
        """A file in every second directory."""
        where = f"deep/{number}"
        for level in range(depth):
            where += "/" + self.text.hex(2)
            if level % 2 == 0 or level + 1 == depth:
                self.leaf(where, level)

    def wide(self, first, count):
        """None, one or more files in each."""
        for number in range(first, first + count):
            where = f"wide/{self.text.word()}-{number}"
            (self.root / where).mkdir(parents=True)
            for index in range(number % 4):
                self.leaf(where, index)

    def bush(self, number, levels):
        def grow(where, left):
            for index in range(2):
                self.leaf(where, index)
            for branch in range(BRANCHES if left > 1 else 0):
                grow(f"{where}/{self.text.hex(1)}{branch}", left - 1)
        grow(f"bush/{number}", levels)


def fill(home, scale, seed, workers=None):
    language = words.language(seed)
    making.Maker(home, language, f"{seed}/root").write("config.yaml", "name: tree\n")
    wide = max(8, round(WIDE * scale))
    tasks = [("bush", number, LEVELS if scale * BUSHES >= 1 else 2)
             for number in range(max(1, round(BUSHES * scale)))]
    tasks += [("chain", number, DEPTH) for number in range(max(1, round(CHAINS * scale)))]
    tasks += [("wide", first, min(TOGETHER, wide - first)) for first in range(0, wide, TOGETHER)]

    def make_part(kind, number, count):
        getattr(Tree(home, language, f"{seed}/{kind}/{number}"), kind)(number, count)

    making.run_all(tasks, make_part, workers)


SHAPE = shapes.Shape("tree", "a deep and wide tree of directories", 1, fill)
