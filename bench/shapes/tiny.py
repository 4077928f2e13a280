# SPDX-License-Identifier: Apache-2.0
"""Many tiny files: at scale 1, 100,000 notes and records of 1 KB, a hundred to a directory."""
import json

import making
import messages
import shapes
import words

FILES, BYTES = 100_000, 100_000_000  # at scale 1
TOGETHER = 100  # in one directory
EMPTY_SHARE = 0.02


class Tiny(making.Maker):
    def folder(self, number, count):
        """A third each: prose, records, what a program counts."""
        text = self.text
        where = f"notes/{number % 40:02d}/{'-'.join(text.words(2))}-{number}"
        for index, size in enumerate(text.sizes(count, count * BYTES // FILES, 0.9)):
            size = 0 if text.rng.random() < EMPTY_SHARE else size
            ending, made = (("md", self.note), ("json", self.record), ("txt", self.counts))[index % 3]
            self.write(f"{where}/{text.word()}-{index}.{ending}", made(size) if size else b"")

    def note(self, size):
        return self.text.prose(size) + "\n"

    def record(self, size):
        return json.dumps({"id": self.text.uuid(), "path": messages.path(self.text),
                           "time": messages.BASE_TIME + self.text.rng.randint(0, 20_000_000),
                           "body": self.text.prose(max(1, size - 150))})

    def counts(self, size):
        names = self.text.words(max(1, size // 16))
        return "".join(f"{name}: {self.text.rng.randint(0, 99_999)}\n" for name in names)


def fill(home, scale, seed, workers=None):
    language = words.language(seed)
    making.Maker(home, language, f"{seed}/root").write("config.yaml", "name: tiny\n")
    files = max(TOGETHER, round(FILES * scale))

    def make_folder(number, count):
        Tiny(home, language, f"{seed}/tiny/{number}").folder(number, count)

    making.run_all([(number, min(TOGETHER, files - first))
                    for number, first in enumerate(range(0, files, TOGETHER))], make_folder, workers)


SHAPE = shapes.Shape("tiny", "many tiny files", 1, fill)
