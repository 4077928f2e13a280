# SPDX-License-Identifier: Apache-2.0
"""Sealed archives there and back: both formats, one worker and eight, into a file, a pipe and a store, of every length
around the ends of blocks; and what they are called."""
import json
import pathlib
import subprocess
import unittest

import hb
import sealed
from sealed import EXTRA, FORMATS, HEADER


class RoundTrip(sealed.Case):
    def setUp(self):
        super().setUp()
        hb.write(self.home / "large.bin", bytes(range(256)) * 20_000)
        (self.home / "link").symlink_to("config.yaml")
        self.set_directory_times(self.home)

    def judge(self, archive):
        self.hbcore("verify", archive)
        self.assert_same_tree(self.home, self.import_from(archive), directory_times=False)
        self.assertEqual(self.hbcore("cat", archive, "sub/deep/file.txt").stdout,
                         (self.home / "sub/deep/file.txt").read_bytes())

    def test_into_a_file(self):
        for form, suffix in FORMATS.items():
            for workers in (1, 8):
                with self.subTest(form=form, workers=workers):
                    archive = self.seal(f"{workers}.{suffix}", "--format", form, "--set", f"backup.workers={workers}")
                    self.assertTrue(archive.read_bytes().startswith(b"toy-sealed 1\n"))
                    self.judge(archive)

    def test_through_pipes(self):
        for form, suffix in FORMATS.items():
            with self.subTest(form=form):
                archive = self.copy(self.dir / f"p.{suffix}.toy",
                                    self.hbcore("backup", "--format", form, "-o", "-").stdout)
                self.judge(archive)
                target = self.fresh("target")
                self.hbcore("--home", target, "import", "-", "--force", input=archive.read_bytes())
                self.assert_same_tree(self.home, target, directory_times=False)

    def test_into_a_store(self):
        for form, suffix in FORMATS.items():
            with self.subTest(form=form):
                self.hbcore("backup", "--format", form, "-o", f"odd://b/x.{suffix}")
                self.judge(f"odd://b/x.{suffix}.toy")

    def test_blocks_of_other_lengths(self):
        for self.block in (4096, 5000, 65536, 1 << 20):
            with self.subTest(block=self.block):
                self.config = self.configure(sealed.KEY, f"{self.block}.ini")
                self.judge(self.seal(f"{self.block}.zip"))

    def test_what_is_inside_is_as_it_always_was(self):
        """To the byte what a pipe gets that is not sealed: the format sees the same sink."""
        for form in FORMATS:
            arguments = ("backup", "--format", form, "-o", "-")
            known = {"SOURCE_DATE_EPOCH": "1700000000"}
            plain = self.hbcore(*arguments, "--seal", "none", env=known).stdout
            both = self.hbcore(*arguments, env=known).stdout
            blocks = (len(plain) + self.block - 1) // self.block
            self.assertEqual(len(both), HEADER + len(plain) + blocks * EXTRA)

    def test_two_are_never_the_same(self):
        known = {"SOURCE_DATE_EPOCH": "1700000000"}
        one, other = (self.seal(f"{number}.zip", env=known).read_bytes() for number in range(2))
        self.assertEqual(len(one), len(other))
        self.assertNotEqual(one[HEADER:HEADER + 64], other[HEADER:HEADER + 64])


class Lengths(sealed.Case):
    def test_around_the_ends_of_blocks(self):
        """The archive grows by one byte a time, over the end of a block and of two, where the last block is held back."""
        seen, length, step = set(), 0, 0
        self.home = self.dir / "small"
        while len(seen) < 6:
            hb.write(self.home / "file", bytes(length))
            arguments = ("--home", self.home, "--set", "format:zip.level=0", "backup", "--format", "zip", "-o", "-")
            data = self.hbcore(*arguments, env={"SOURCE_DATE_EPOCH": "1700000000"}).stdout
            body = len(data) - HEADER
            blocks, rest = divmod(body, self.block + EXTRA)
            self.assertTrue(rest == 0 or rest > EXTRA, (body, rest))
            plain = blocks * self.block + (rest - EXTRA if rest else 0)
            beside = plain % self.block
            if beside in (0, 1, self.block - 1) and blocks + (rest > 0) <= 3:
                seen.add(plain)
                archive = self.copy(self.dir / "l.zip.toy", data)
                self.hbcore("verify", archive)
                self.assertEqual(self.hbcore("cat", archive, "file").stdout, bytes(length))
            step += 1
            length += max(1, self.block - 1 - beside) if 1 < beside < self.block - 1 else 1
            self.assertLess(step, 40)


class Names(sealed.Case):
    def test_the_suffix_stands_behind_that_of_the_format(self):
        for given, made in (("a", "a.zip.toy"), ("b.zip", "b.zip.toy"), ("c.ZIP", "c.ZIP.toy"), ("d.zip.toy", "d.zip.toy"),
                            ("e.toy", "e.toy.zip.toy")):
            done = self.summary(self.hbcore("--json", "backup", "-o", self.dir / given))
            self.assertEqual(done["archive"], str(self.dir / made))
        self.assertEqual(self.summary(self.hbcore("--json", "backup", "--seal", "none", "-o", self.dir / "f"))["archive"],
                         str(self.dir / "f.zip"))

    def test_summaries_say_what_it_is_sealed_with(self):
        done = self.summary(self.hbcore("--json", "backup", "-o", self.dir / "a.zip"))
        self.assertEqual(done["sealed"], "toy")
        self.assertEqual(done["archive_bytes"], (self.dir / "a.zip.toy").stat().st_size)
        for command in (("list",), ("verify",), ("--home", self.dir / "other", "import", "--force")):
            found = self.summary(self.hbcore("--json", *command, self.dir / "a.zip.toy"))
            self.assertEqual((found["sealed"], found["format"]), ("toy", "zip"))
        done = self.summary(self.hbcore("--json", "backup", "--seal", "none", "-o", self.dir / "a.zip"))
        self.assertIsNone(done["sealed"])

    def test_presets_know_them(self):
        """A preset that was not sealed before goes on with its archives; whatever their suffix, old ones go."""
        for how in ("none", "toy", "none", "toy"):
            self.hbcore("backup", "--preset", "kept", "--seal", how)
        there = [path.name for path in hb.archives(self.dir / "kept")]
        self.assertEqual(len(there), 2)
        self.assertEqual(len([name for name in there if name.endswith(".zip.toy")]), 1, there)

    def test_a_preset_has_the_last_word(self):
        more = f"[preset:open]\ndirectory = {self.dir}/open\nseal = none\n"
        config = self.configure(sealed.KEY, "open.ini", more)
        self.run_with(config, "backup", "--preset", "open")
        self.assertTrue(hb.archives(self.dir / "open")[0].name.endswith(".zip"))

    def test_archives_in_the_home_are_not_stored(self):
        inside = self.home / "backups"
        config = self.configure(sealed.KEY, "in.ini", "[preset:in]\n")
        for _ in range(2):
            self.run_with(config, "backup", "--preset", "in")
        self.assertEqual(len(hb.archives(inside)), 2)
        rows = self.run_with(config, "list", hb.archives(inside)[-1]).stdout.decode()
        self.assertNotIn(".toy", rows)

    def test_the_way_back_is_sealed_too(self):
        archive = self.seal()
        target = self.make_home("target")
        done = self.summary(self.hbcore("--json", "--home", target, "--set", f"backup.directory={self.dir}", "import",
                                        "--backup-first", "--force", archive))
        self.assertTrue(done["way_back"].endswith(".zip.toy"), done)
        self.assertTrue(pathlib.Path(done["way_back"]).read_bytes().startswith(b"toy-sealed"))

    def test_a_way_back_that_is_not_sealed_is_named(self):
        archive = self.seal()
        for seal, told in (("none", True), ("toy", False)):
            target = self.make_home("target-" + seal)
            done = self.summary(self.hbcore("--json", "--home", target, "--set", f"backup.directory={self.dir}", "--set",
                                            f"backup.seal={seal}", "import", "--backup-first", "--force", archive))
            self.assertEqual("the safety backup is not sealed" in str(done["notes"]), told, done["notes"])

    def test_copies_for_a_sealed_way_back_are_said_to_be_plain(self):
        archive = self.seal()
        target = self.make_home("target")
        self.make_database(target / "own.db", rows=10)
        done = self.summary(self.hbcore("--json", "--home", target, "--set", f"backup.directory={self.dir}", "--set",
                                        "content:sqlite-snap.snapshot=copy", "import", "--backup-first", "--force", archive))
        self.assertIn("copies that are not sealed", str(done["notes"]))

    def test_a_transform_that_is_not_there(self):
        self.assert_mentions(self.hbcore("backup", "--seal", "tey", "-o", self.dir / "x", expect=2), "tey", "did you mean 'toy'")
        self.assert_mentions(self.hbcore("--set", "backup.seal=tey", "config", "check", expect=2), "[backup] seal")
        self.assert_mentions(self.hbcore("backup", "--seal", "", expect=2), "the name is empty")

    def test_without_a_key_to_seal_with_nothing_is_begun(self):
        done = self.hbcore("--set", "transform:toy.key=", "backup", "-o", self.dir / "sub" / "x", expect=1)
        self.assert_mentions(done, "cannot be sealed by toy: there is no key to seal with", "set key in its section")
        self.assertFalse((self.dir / "sub").exists())


class Faults(sealed.Case):
    def test_each_callback_fails_once(self):
        archive = self.dir / "a.zip.toy"
        blocks = (self.seal().stat().st_size - HEADER) // (self.block + EXTRA) + 1
        archive.unlink()
        self.assertGreater(blocks, 9)
        for where in (archive, "odd://a.zip"):
            for fault, said in (("seal_begin:1:fail", "struck"), ("seal:1:fail", "struck"), ("seal:3:fail", "struck"),
                                (f"seal:{blocks}:fail", "struck"), ("unseal:1:fail", "read back"),
                                (f"seal:{blocks}:flip", "read back"), ("seal_begin:1:layout", "extra_bytes")):
                with self.subTest(where=where, fault=fault):
                    done = self.hbcore("--set", "backup.workers=1", "backup", "-o", where, env={"TOY_FAULT": fault},
                                       expect=1)
                    self.assert_mentions(done, said)
                    self.assertFalse(archive.exists())
        done = self.hbcore("backup", "-o", "-", env={"TOY_FAULT": "seal:9:fail"}, expect=1)
        self.assert_mentions(done, "cannot be sealed by toy: struck")

    def test_a_part_that_fails_is_sent_again_from_what_was_sealed(self):
        """The toy refuses to seal a number twice."""
        hb.write(self.home / "large.bin", bytes(range(256)) * 2_000)
        for fault in ("put_part:2:busy", "put_part:1:network", "put_commit:1:lost"):
            with self.subTest(fault=fault):
                name = fault.replace(":", "-")
                self.hbcore("backup", "-o", f"odd://{name}", env={"ODD_FAULT": fault})
                self.hbcore("verify", f"odd://{name}.zip.toy")

    def test_a_kill_leaves_nothing(self):
        for number in (1, 2, 9, 17):
            process = subprocess.run(self.command("backup", "-o", self.dir / "k.zip"), stdin=subprocess.DEVNULL,
                                     env=self.environment(TOY_FAULT=f"seal:{number}:kill"), capture_output=True,
                                     check=False)
            self.assertEqual(process.returncode, -9)
            self.assertFalse((self.dir / "k.zip.toy").exists())
            self.hbcore("verify", self.seal("k.zip"))
            (self.dir / "k.zip.toy").unlink()

    def test_json_of_a_failure(self):
        done = self.hbcore("--json", "backup", "-o", self.dir / "x", env={"TOY_FAULT": "seal:1:fail"}, expect=1)
        self.assertEqual(json.loads(done.stdout.splitlines()[-1])["type"], "error")


if __name__ == "__main__":
    unittest.main()
