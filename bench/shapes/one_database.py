# SPDX-License-Identifier: Apache-2.0
"""One large database with full text search, open in another process, and the few files of a young home."""
import corpus
import database
import making
import shapes
import words

BYTES = 450_000_000  # at scale 1


def fill(home, scale, seed, workers=None):
    language = words.language(seed)
    corpus.Shard(home, language, f"{seed}/root").home_files("", "default")
    path = home / shapes.HOLDER_NAME
    making.run_all((), None, workers, [(database.make_in_use, (
        path, round(BYTES * scale), language, f"{seed}/one-database"))])
    path.chmod(0o600)


SHAPE = shapes.Shape(
    "database", "one large database", 1, fill, database=True,
    limits={"tar-zstd: time": 0.95, "import of zip:": 0.65, "import of tar.zst:": 0.90})
