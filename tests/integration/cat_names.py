# SPDX-License-Identifier: Apache-2.0
"""`cat` takes a name as `list` prints it, and `list` prints nothing that a terminal would obey."""
import io
import tarfile
import unittest
import zipfile

import hb

NAMES = ["plain", "tab\there", "line\nbreak", "\x1b[31mred", "gpj.\u202eexe.txt", "\u2067turned\u2069", "mark\u200e\u200f", "\u061cmark",
         "back\\slash", "back\\x09slash", "d/\u202ein", "grüße", "family \U0001f468\u200d\U0001f469"]
TURNING = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c"


class Names(hb.Case):
    def tar(self, *names):
        path = self.dir / "made.tar"
        with tarfile.open(path, "w") as made:
            for name in names:
                info = tarfile.TarInfo(name)
                data = name.encode("utf-8", "surrogateescape")
                info.size = len(data)
                made.addfile(info, io.BytesIO(data))
        return path

    def zip(self, *names):
        path = self.dir / "made.zip"
        with zipfile.ZipFile(path, "w") as made:
            for name in names:
                made.writestr(name, name)
        return path

    def test_as_listed(self):
        for archive in (self.tar(*NAMES, "caf\udce9"), self.zip(*NAMES)):
            lines = self.hbcore("list", archive).stdout.decode()
            for turning in TURNING + "\x1b\t":
                self.assertNotIn(turning, lines)
            names = lines.splitlines()
            self.assertIn("gpj.\\xE2\\x80\\xAEexe.txt", names)
            contents = {self.hbcore("cat", archive, name).stdout for name in names}
            self.assertEqual(len(contents), len(names))
            for name in NAMES:  # byte for byte as well, and JSON has the characters
                self.assertEqual(self.hbcore("cat", archive, name).stdout, name.encode())
            self.assertIn("\u202e".encode(), self.hbcore("--json", "list", archive).stdout.replace(b"\\u202e", "\u202e".encode()))

    def test_its_own_name_comes_first(self):
        archive = self.tar("a\\x09b", "a\tb")
        self.assertEqual(self.hbcore("cat", archive, "a\\x09b").stdout, b"a\\x09b")
        self.assertEqual(self.hbcore("cat", archive, "a\tb").stdout, b"a\tb")

    def test_two_that_look_alike(self):
        archive = self.tar("a\\x09\t", "a\t\\x09")
        done = self.hbcore("cat", archive, "a\\x09\\x09", expect=1)
        self.assert_mentions(done, "several members", "--json list")
        self.assertEqual(self.hbcore("cat", self.tar("a\tb", "c", "a\tb"), "a\\x09b").stdout, b"a\tb")  # one name twice

    def test_a_slash_behind(self):
        archive = self.tar("d/file")
        for name in ("d/file/", "d/file//"):
            self.assert_mentions(self.hbcore("cat", archive, name, expect=1), "no member", "leave the / out")
        for name in ("d", "d/"):
            self.assert_mentions(self.hbcore("cat", archive, name, expect=1), "not a file but a directory")
        self.assert_mentions(self.hbcore("cat", archive, "e/", expect=1), "no member", "shows the members")


if __name__ == "__main__":
    unittest.main()
