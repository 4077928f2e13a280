# SPDX-License-Identifier: Apache-2.0
"""The core knows no product, format, suffix or file name of those that plugins and conf/ bring."""
import os
import pathlib
import re
import unittest

SOURCE = pathlib.Path(os.environ["HBCORE_SOURCE"])
PUBLIC = SOURCE / "core/include"
WORDS = re.compile(
    r"hermes|sqlite|zstd|deflate|cpio|isa-?l\b"
    r"|\bzip(?:64)?\b|\btar\b|\bpax\b"
    r"|\.(?:zip|tar|zst|db|db-wal|pyc|pid|env|yaml)\b"
    r"|guard(?!ed)|gateway|state-snapshots|auth\.json|__pycache__|node_modules",
    re.IGNORECASE)


# The library that keeps the history of find (docs/architecture.md): its functions and constants, in its files alone.
LIBRARY = re.compile(r"core/history/database(?:_rows)?\.[ch]")
CALLS = re.compile(r"\bsqlite3(?:_[a-z0-9_]+|\.h)?\b|\bSQLITE_[A-Z_]+\b|\bsqlite_schema\b")


def words(name, line):
    return WORDS.finditer(CALLS.sub("", line) if LIBRARY.fullmatch(name) else line)


class CoreWords(unittest.TestCase):
    def test_sources(self):
        files = sorted(path for place in ("core", "cli") for path in (SOURCE / place).rglob("*.[ch]")
                       if PUBLIC not in path.parents)
        self.assertGreater(len(files), 4, f"sources in {SOURCE}: {files}")
        found = []
        for path in files:
            for number, line in enumerate(path.read_text().splitlines(), 1):
                for match in words(str(path.relative_to(SOURCE)), line):
                    found.append(f"{path.relative_to(SOURCE)}:{number}: {match.group()}: {line.strip()}")
        self.assertEqual(found, [], "the core names what belongs to a plugin or to conf/:\n"
                         + "\n".join(found))

    def test_the_check_can_fail(self):
        for text in ('"zip"', "a .ZIP file", "state.db", "libzstd", "Hermes", "tar.c"):
            self.assertIsNotNone(WORDS.search(text), text)
        for text in ("start", "unzipped", "target", "database", "zipper"):
            self.assertIsNone(WORDS.search(text), text)
        database = "core/history/database_rows.c"
        for name, line, count in ((database, "sqlite3_open(SQLITE_OK);", 0), ("core/base/io.c", "sqlite3_open();", 1),
                                  ("core/history/strand.c", "sqlite3_open();", 1),
                                  (database, '"sqlite"', 1), (database, "a .zip", 1), (database, "sqlite-snap", 1)):
            self.assertEqual(len(list(words(name, line))), count, line)


if __name__ == "__main__":
    unittest.main()
