# SPDX-License-Identifier: Apache-2.0
"""A few large files that do not compress: at scale 1 twenty of 30 MB, and some small ones."""
import check
import making
import shapes
import words

FILES, BYTES = 20, 600_000_000  # at scale 1; their number follows the scale
ENDINGS = (("png", b"\x89PNG\r\n\x1a\n"), ("ogg", b"OggS"))  # nobody changes these as text
SMALL = 8


class Opaque(making.Maker):
    def large(self, number, size):
        ending, head = ENDINGS[number % len(ENDINGS)]
        path = self.root / f"media/{self.text.hex(6)}-{number}.{ending}"
        path.parent.mkdir(exist_ok=True)
        with open(path, "wb") as stream:
            stream.write(head)
            for first in range(0, size, check.BLOCK_BYTES):
                stream.write(self.text.rng.randbytes(min(check.BLOCK_BYTES, size - first)))

    def small(self):
        self.write("config.yaml", "name: opaque\n")
        for number in range(SMALL):
            self.write(f"notes/{self.text.word()}-{number}.md", self.text.prose(2000))


def fill(home, scale, seed, workers=None):
    language = words.language(seed)
    Opaque(home, language, f"{seed}/root").small()
    files = max(3, round(FILES * scale))
    sizes = words.Text(language, f"{seed}/sizes").sizes(files, round(BYTES * scale), 0.3)

    def make_large(number):
        Opaque(home, language, f"{seed}/opaque/{number}").large(number, sizes[number])

    making.run_all([(number,) for number in range(files)], make_large, workers)


SHAPE = shapes.Shape("opaque", "few large files that do not compress", 1, fill)
