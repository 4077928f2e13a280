# SPDX-License-Identifier: Apache-2.0
"""
A million entries at scale 1: directories of a thousand files with a line or two in each. It shows what an
entry costs, in time and in memory, beside its content.
"""
import os

import making
import shapes
import words

ENTRIES = 1_000_000  # at scale 1
TOGETHER = 1000  # a directory and the files in it
LINES = 400  # from which a directory's files are cut


class Entries(making.Maker):
    def folder(self, number, count):
        lines = self.text.prose(LINES * 80).encode()
        where = self.root / f"queue/{number // 100:02d}/{self.text.word()}-{number}"
        where.mkdir(parents=True)
        for index in range(count - 1):
            start, size = self.text.rng.randrange(len(lines) - 200), self.text.rng.randrange(1, 200)
            descriptor = os.open(where / f"{index:03d}-{self.text.hex(3)}.msg", os.O_WRONLY | os.O_CREAT, 0o644)
            os.write(descriptor, b"%d %s" % (index, lines[start:start + size]))
            os.close(descriptor)


def fill(home, scale, seed, workers=None):
    language = words.language(seed)
    making.Maker(home, language, f"{seed}/root").write("config.yaml", "name: entries\n")
    entries = max(20, round(ENTRIES * scale))

    def make_folder(number, count):
        Entries(home, language, f"{seed}/entries/{number}").folder(number, count)

    making.run_all([(number, min(TOGETHER, entries - first))
                    for number, first in enumerate(range(0, entries, TOGETHER))], make_folder, workers)


SHAPE = shapes.Shape(
    "entries", "1,000,000 entries", 1, fill, rounds=1, sample=50,
    programs=("hbcore *", "floor: *", "cp *", "python*", "unzip", "tar *", "restic"))
