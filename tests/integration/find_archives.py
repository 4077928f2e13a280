# SPDX-License-Identifier: Apache-2.0
"""hbcore find: in which archives a file is, and since when. An archive that cannot be read never means that it is not in it."""
import json
import os
import unittest

import hb
import sealed


class Base:
    """With a preset and a run of find."""

    def set_up(self):
        self.kept = self.dir / "kept"
        self.preset = ("--set", f"preset:mine.directory={self.kept}", "--set", "preset:mine.keep=50")

    def nightly(self, home=None, *options):
        done = self.hbcore("--home", home or self.home, *self.preset, *options, "--json", "backup", "--preset", "mine")
        return self.summary(done)["archive"]

    def find(self, *words, expect=0, home=None):
        done = self.hbcore("--home", home or self.home, *self.preset, "--json", "find", *words, expect=expect)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [row for row in rows if row["type"] == "found"], rows[-1]


class Find(Base, hb.Case):
    config = hb.GENERIC

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "sub/file.txt", b"one")
        hb.write(self.home / "other", b"other")
        self.set_up()

    def test_each_content_and_its_archives(self):
        """There, changed, as it was before, gone, and there again."""
        made = [self.nightly(), self.nightly()]
        hb.write(self.home / "sub/file.txt", b"two")
        made.append(self.nightly())
        hb.write(self.home / "sub/file.txt", b"one")
        made += [self.nightly(), self.nightly()]
        (self.home / "sub/file.txt").unlink()
        made.append(self.nightly())
        hb.write(self.home / "sub/file.txt", b"one")
        made.append(self.nightly())
        found, summary = self.find("file.txt", "mine")
        self.assertEqual([(row["archives"], row["first"], row["last"]) for row in found],
                         [(1, made[6], made[6]), (2, made[3], made[4]), (1, made[2], made[2]), (2, made[0], made[1])])
        self.assertEqual([row["hash"] for row in found[:2]], [found[3]["hash"]] * 2)
        self.assertNotEqual(found[2]["hash"], found[3]["hash"])
        self.assertEqual((summary["found"], summary["archives"], summary["status"]), (1, 7, "complete"))
        shown = self.hbcore("--home", self.home, *self.preset, "find", "sub/file.txt").stdout.decode()
        self.assertEqual(shown.count("sub/file.txt\n"), 1)
        self.assertEqual(shown.count(" 3 B"), 4)

    def test_patterns(self):
        self.nightly()
        for pattern, paths in (("*.txt", ["sub/file.txt"]), ("/file.txt", []), ("other", ["other"]), ("none", []),
                               ("sub/", ["sub", "sub/file.txt"])):
            found, summary = self.find(pattern)
            self.assertEqual([row["path"] for row in found], paths, pattern)
            self.assertEqual(summary["found"], len(paths))
        self.hbcore("find", expect=2)
        self.hbcore("--home", self.home, "find", "x", "no-such-preset", expect=2)

    def test_places(self):
        made = self.nightly()
        found, _ = self.find("other", str(self.kept) + "/")
        self.assertEqual([row["last"] for row in found], [made])
        self.find("other", str(self.dir / "nowhere") + "/", expect=None)

    def test_other_homes_are_passed_over(self):
        self.nightly()
        theirs = self.dir / "theirs"
        hb.write(theirs / "other", b"of theirs")
        self.nightly(theirs)
        found, summary = self.find("other", "mine")
        self.assertEqual([(row["bytes"], row["archives"]) for row in found], [(5, 1)])
        self.assertTrue(any("other homes" in note["reason"] for note in summary["notes"]), summary)

    def test_one_that_is_damaged(self):
        made = [self.nightly(), self.nightly()]
        with open(made[0], "r+b") as stream:
            stream.truncate(os.path.getsize(made[0]) // 2)
        found, summary = self.find("other", "mine", expect=3)
        self.assertEqual([row["last"] for row in found], [made[1]])
        self.assertEqual(summary["status"], "incomplete")
        self.assertTrue(any(os.path.basename(made[0]) in row["reason"] for row in summary["doubtful"]), summary)

    def test_names_are_shown_harmless(self):
        hb.write(self.home / "a\x1b[31m\nb", b"x")
        self.nightly()
        shown = self.hbcore("--home", self.home, *self.preset, "find", "a*").stdout
        self.assertNotIn(b"\x1b", shown)


class Sealed(Base, sealed.Case):
    def test_without_the_key(self):
        self.set_up()
        hb.write(self.home / "file", b"text")
        self.nightly()
        self.assertEqual(len(self.find("file", "mine")[0]), 1)
        for config in (self.public, self.wrong):
            self.config = config
            found, summary = self.find("file", f"{self.kept}/", expect=3)
            self.assertEqual((found, summary["status"], summary["archives"]), ([], "incomplete", 0))


if __name__ == "__main__":
    unittest.main()
