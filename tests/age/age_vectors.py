#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The test vectors of the age format are accepted or refused as each of them says.

vectors/ is age/testdata of https://github.com/C2SP/CCTV at e9274a7bdbfd, under the Zero-Clause BSD licence, CC0 1.0 or the
Unlicense, to one's choice. Its README says what is in a file: lines of "key: value", an empty one, and an age file.
"""
import hashlib
import pathlib
import unittest
import zlib

from age_files import ARMOR, BLOCKS, Case, NO_MATCH, REFUSED

VECTORS = pathlib.Path(__file__).resolve().parent / "vectors"
CODES = {"success": 0, "no match": NO_MATCH, "HMAC failure": REFUSED, "header failure": REFUSED, "payload failure": BLOCKS,
         "armor failure": ARMOR}
KNOWN = {"expect", "payload", "identity", "passphrase", "armored", "compressed", "file key", "comment"}


class Vector:
    def __init__(self, path):
        head, _, body = path.read_bytes().partition(b"\n\n")
        rows = [line.split(": ", 1) for line in head.decode().split("\n")]
        self.row = dict(rows)
        self.identities = [value for key, value in rows if key == "identity"]
        assert set(self.row) <= KNOWN, path
        self.content = zlib.decompress(body) if self.row.get("compressed") == "zlib" else body
        # Post-quantum keys are not known yet: such a file is refused, whatever is wrong with it.
        self.is_beyond = any(key.startswith("AGE-SECRET-KEY-PQ-") for key in self.identities)


class Vectors(Case):
    def open(self, vector):
        settings, content = {}, vector.content
        if vector.row.get("armored") == "yes":
            code, content, said = self.tool("unarmor", None, content)
            if code != 0:
                return code, None, said
        if vector.identities:
            settings["identity"] = self.file("key", "\n".join(vector.identities))
        if "passphrase" in vector.row:
            settings["passphrase"] = f"file:{self.file('word', vector.row['passphrase'])}"
        return self.tool("open", settings, content)

    def test_all(self):
        paths = sorted(VECTORS.iterdir())
        self.assertEqual(len(paths), 143)
        for path in paths:
            vector = Vector(path)
            with self.subTest(path.name):
                code, out, said = self.open(vector)
                if vector.is_beyond:
                    self.assertNotEqual(code, 0)
                    continue
                self.assertEqual(code, CODES[vector.row["expect"]], said)
                if code == 0:
                    self.assertEqual(hashlib.sha256(out).hexdigest(), vector.row["payload"])


if __name__ == "__main__":
    unittest.main()
