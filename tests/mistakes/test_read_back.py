# SPDX-License-Identifier: Apache-2.0
"""What is published can be read: an archive that its own format lists otherwise than it was stored is not published."""
import json
import os
import time
import unittest

import hb

# What finish() writes, and what list() tells.
WRITTEN = ("garbage", "hide-failure", "other-trailer", "short-trailer", "no-trailer")
LISTED = ("leave-out-first", "leave-out-last", "other-name", "no-name", "other-size", "other-mode",
          "other-time", "twice", "list-fails", "cannot-list-but-garbage")
# Without a trailer of the host there is none to compare, and a format may round modes and times.
OF_TRAILERS = {"other-trailer", "short-trailer", "no-trailer", "other-mode", "other-time"}


class Rows(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for number in range(5):
            hb.write(self.home / "sub" / f"file-{number}", b"content " * number)
        self.configure()

    def configure(self, keep=1):
        self.config = self.write_config(
            f"[plugins]\npath = {os.environ['HBCORE_MISTAKES']}\n"
            "[backup]\nformat = rows\n[format:rows]\n[format:bare-rows]\n"
            f"[preset:daily]\ndirectory = {self.dir}/kept\nkeep = {keep}\n")

    def files(self, directory):
        return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}

    def backup(self, form, mistake, *arguments, expect=0, **keywords):
        return self.hbcore("--home", self.home, "--set", f"format:{form}.mistake={mistake}", "--json",
                           "backup", "--format", form, *arguments, expect=expect, **keywords)


class ReadBack(Rows):
    def test_right(self):
        """What the others are compared with; also where it cannot be listed, but walked through."""
        for form in ("rows", "bare-rows"):
            for mistake in ("none", "cannot-list"):
                archive = self.dir / f"{form}-{mistake}.rows"
                self.backup(form, mistake, "-o", archive)
                names = self.hbcore("list", "--format", form, archive).stdout.split()
                self.assertEqual(sum(name.startswith(b"sub/file-") for name in names), 5)

    def test_a_want_of_memory_is_no_damage(self):
        """Whether such an archive is complete cannot be told: it stays, and takes no place of those that do."""
        self.config.write_text(self.config.read_text().replace(f"directory = {self.dir}/kept", f"directory = {self.home}/kept"))
        daily = ("--home", self.home, "--json", "--set", "preset:daily.keep=9", "backup", "--preset", "daily")
        small = [self.summary(self.hbcore(*daily))["archive"] for _ in range(2)]
        hb.write(self.home / "much", os.urandom(1 << 18))
        much = self.summary(self.hbcore(*daily))["archive"]
        for mistake, fates, code in (("no-memory-for-much", ["kept", "kept", "untold"], 3), ("none", ["removed", "kept", "kept"], 0)):
            done = self.hbcore("--home", self.home, "--json", "--set", "preset:daily.keep=2", "--set",
                               f"format:rows.mistake={mistake}", "--set", f"format:bare-rows.mistake={mistake}", "prune", "--preset", "daily", expect=code)
            found = {row["path"]: row["fate"] for row in map(json.loads, done.stdout.splitlines()) if "fate" in row}
            self.assertEqual([found[path] for path in (*small, much)], fates)

    def test_wrong(self):
        archive = self.dir / "out.rows"
        self.backup("rows", "none", "-o", archive)
        before = self.files(self.dir)
        for form in ("rows", "bare-rows"):
            for mistake in WRITTEN + LISTED:
                with self.subTest(form=form, mistake=mistake):
                    if form == "bare-rows" and mistake in OF_TRAILERS:
                        continue
                    done = self.backup(form, mistake, "-o", archive, expect=1)
                    error = json.loads(done.stdout.splitlines()[-1])
                    self.assertEqual((error["type"], error["exit_status"]), ("error", 1))
                    self.assertIn("cannot be read back", error["message"])
                    self.assertIn(str(archive), error["message"])
                    self.assertEqual(before, self.files(self.dir))

    def test_a_new_name_does_not_appear(self):
        self.backup("rows", "other-name", "-o", self.dir / "new.rows", expect=1)
        self.assertEqual(set(os.listdir(self.dir / "home")) - {hb.HOME_ID}, {"sub"})
        self.assertFalse([name for name in os.listdir(self.dir) if "rows" in name or "hbcore" in name])

    def test_nothing_is_pruned(self):
        """The archive before it is the only one that can be read."""
        self.backup("rows", "none", "--preset", "daily")
        before = self.files(self.dir / "kept")
        for mistake in ("garbage", "other-name", "no-trailer"):
            self.backup("rows", mistake, "--preset", "daily", expect=1)
            self.assertEqual(before, self.files(self.dir / "kept"))
        self.backup("rows", "none", "--preset", "daily")
        kept = list(self.files(self.dir / "kept"))
        self.assertEqual(sorted(path.suffix for path in kept), [".facts", ".rows"], kept)

    def test_a_stream_is_not_read_back(self):
        """Its reader has it already; nothing is published."""
        done = self.hbcore("--home", self.home, "--set", "format:rows.mistake=other-name", "backup",
                           "--format", "rows", "-o", "-")
        self.assertTrue(done.stdout.startswith(b"rows 1\n"))


class Formats(hb.Case):
    """What stands in the archive of one format is not taken for the mark of another."""

    def test_content_like_a_tar(self):
        home = self.dir / "home"
        noise = os.urandom(257 - 40)  # behind the local header and the name, with its time
        hb.write(home / "a", noise + b"ustar\x0000" + os.urandom(400))
        os.utime(home / "a", (1700000000, 1700000000))
        self.config = self.write_config("[backup]\nformat = zip\n[format:tar-zstd]\n[format:zip]\n")
        archive = self.dir / "out.zip"
        self.hbcore("--home", home, "backup", "-o", archive)
        self.assertEqual(archive.read_bytes()[257:262], b"ustar")
        self.assertEqual(self.hbcore("list", archive).stdout, b"a\n")
        self.hbcore("verify", archive)

    def test_a_tar_whose_first_name_is_like_a_zip(self):
        home = self.dir / "home"
        hb.write(home / os.fsdecode(b"PK\3\4.txt"), b"text")
        self.tool("tar", "-cf", self.dir / "out.tar", "-C", home, os.fsdecode(b"PK\3\4.txt"))
        self.config = self.write_config("[backup]\nformat = zip\n[format:zip]\n[format:tar-zstd]\n")
        self.hbcore("verify", self.dir / "out.tar")


class Locator(hb.Case):
    """Of the last entry's name nothing comes to lie where a zip64 locator is looked for."""

    def test_names_that_imitate_a_locator(self):
        home = self.dir / "home"
        hb.write(home / "a", b"1")
        hb.write(home / "config.yaml", b"1")
        for behind in range(0, 24):
            name = home / os.fsdecode(b"zz" + b"PK\6\7" + b"b" * behind)
            hb.write(name, b"2")
            os.utime(name, (1700000000, 1700000000))
            archive = self.dir / "out.zip"
            self.hbcore("--home", home, "backup", "-o", archive)
            self.hbcore("verify", archive)
            name.unlink()



class TakenOver(Rows):
    """How a format can lie about what is taken over: nothing wrong is stored, whatever it says."""

    # What is not proved is read anew.
    HARMLESS = ("no-codec", "span-behind", "span-shorter", "span-longer", "span-huge", "span-nothing", "span-the-first",
                "span-wrong-status", "other-note", "head-huge", "unit-huge", "unit-shorter", "all-is-head",
                "tail-refused", "tail-agreed", "tail-huge", "tail-longer")
    REFUSED = {"copy-nothing": b"without copying", "copy-another": b"not given", "copy-twice": b"not given",
               "write-more": b"cannot be read back"}

    def test_lies(self):
        hb.write(self.home / "large", os.urandom(5 << 20))
        newest = max(os.lstat(path).st_ctime for path in self.home.rglob("*"))
        while time.time() < newest + 3.1:
            time.sleep(0.05)
        archive = self.dir / "a.rows"
        reuse = ("-o", archive)
        self.config.write_text(self.config.read_text().replace("format = rows\n", "format = rows\nreuse = yes\n", 1))
        self.backup("rows", "none", *reuse)
        made = self.summary(self.backup("rows", "none", *reuse))
        self.assertEqual(made["reused_bytes"], made["bytes"])
        good = archive.read_bytes()
        stored = good[:good.rindex(b"HBTRAIL")]
        for mistake in self.HARMLESS:
            archive.write_bytes(good)
            made = self.summary(self.backup("rows", mistake, *reuse))
            self.assertLess(made["reused_bytes"], made["bytes"], mistake)
            self.assertTrue(archive.read_bytes().startswith(stored), mistake)
        for mistake, why in self.REFUSED.items():
            archive.write_bytes(good)
            done = self.backup("rows", mistake, *reuse, expect=1)
            self.assertIn(why, done.stdout + done.stderr, mistake)
            self.assertTrue(archive.read_bytes() == good, mistake)


if __name__ == "__main__":
    unittest.main()
