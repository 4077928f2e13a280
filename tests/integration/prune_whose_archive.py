# SPDX-License-Identifier: Apache-2.0
"""Whose archive is it? Several homes with one configuration, and archives that came from elsewhere: each home prunes
and copies from its own alone.
"""
import ctypes
import os
import pathlib
import random
import shutil
import struct
import unittest
import zipfile
import zlib

import hb
import odd_store

REUSE = 3  # the section of the trailer with the index for reuse
PART_BYTES, HASH_AT, HASH_BYTES = 104, 8, 32
UNIT_BYTES, CONTENT_BYTES, CHANGED_AT = 512 << 10, 3_500_000, 1_500_000  # of what a part is about; of the forged file


class OtherHomes(hb.Case):
    def make(self, name, text=None):
        """A home that can be told from another by its config.yaml."""
        home = self.dir / name
        hb.write(home / "config.yaml", f"who: {text or name}\n")
        return home

    def nightly(self, home, *arguments, preset="nightly", **keywords):
        done = self.hbcore("--json", "--home", home, "--set", "preset:nightly.keep=7", "--set",
                           "preset:nightly.keep-daily=0", "backup", "--preset", preset, *arguments, **keywords)
        return self.summary(done)

    def whose(self, directory):
        """The home of each archive there, as its content says, in the order of their names."""
        found = []
        for path in hb.archives(directory):
            with zipfile.ZipFile(path) as opened:
                found.append(opened.read("config.yaml").decode().split()[1])
        return found


class OneDirectory(OtherHomes):
    def setUp(self):
        super().setUp()
        self.archives = self.user / "hermes-backups"

    def test_each_keeps_its_own(self):
        """By the variable, as a service would."""
        for name in ("A", *"BBBBBBBBB", "A"):
            home = self.make(name)
            self.hbcore("--quiet", "--set", "preset:nightly.keep=7", "--set", "preset:nightly.keep-daily=0", "backup", "--preset",
                        "nightly", env={"HERMES_HOME": str(home)})
        self.assertEqual(sorted(self.whose(self.archives)), ["A"] * 2 + ["B"] * 7)

    def test_nothing_is_taken_over_from_another_home(self):
        """The files are the same, but that one cannot know."""
        first, second = self.make("A", "same"), self.make("B", "same")
        for home in (first, second):
            for number in range(3):
                hb.write(home / f"{number}.bin", random.Random(number).randbytes(1_500_000), mtime_ns=10**18)
        self.nightly(first)
        self.assertEqual(self.nightly(second)["reused_bytes"], 0)

    def test_what_goes_is_named(self):
        home = self.make("A")
        for _ in range(3):
            made = self.nightly(home, "--keep", "2")
        gone = pathlib.Path(made["archive"])
        self.assertEqual(made["removed"] if isinstance(made["removed"], int) else len(made["removed"]), 1)
        done = self.hbcore("--home", home, "backup", "--preset", "nightly", "--keep", "1")
        self.assert_mentions(done, gone.name)

    def test_names_that_were_freed_are_not_given_again(self):
        """Who has noted a name finds that archive under it, or none."""
        home = self.make("A")
        names = [self.nightly(home, "--keep", "1")["archive"] for _ in range(6)]
        self.assertEqual(len(set(names)), 6, names)

    def test_a_prefix_that_is_a_path(self):
        home = self.make("A")
        done = self.hbcore("--home", home, "--set", "preset:nightly.prefix=sub/x-", "backup", "--preset", "nightly",
                           expect=2)
        self.assert_mentions(done, "prefix", "/")
        self.assertFalse(self.archives.exists())

    def test_a_copy_of_the_home_is_another(self):
        """cp -a: both go on, and neither prunes what the other has made."""
        home = self.make("A")
        self.nightly(home)
        copy = self.dir / "copy"
        self.tool("cp", "-a", home, copy)
        hb.write(copy / "config.yaml", b"who: copy\n")
        for _ in range(3):
            self.nightly(copy, "--keep", "1")
        self.assertEqual(sorted(self.whose(self.archives)), ["A", "copy"])

    def test_a_home_that_was_moved_is_the_same(self):
        home = self.make("A")
        self.nightly(home)
        moved = home.rename(self.dir / "elsewhere")
        self.nightly(moved, "--keep", "1")
        self.assertEqual(len(hb.archives(self.archives)), 1)

    def test_a_directory_that_is_a_link(self):
        """One home's `backups` leads to another's, where its owner may write: both stay apart."""
        other, home = self.make("other"), self.make("home")
        for _ in range(3):
            self.nightly(other, preset="pre-update")
        (home / "backups").symlink_to(other / "backups")
        for _ in range(2):
            self.nightly(home, "--keep", "1", preset="pre-update")
        self.assertEqual(sorted(self.whose(other / "backups")), ["home", "other", "other", "other"])


class Imported(OtherHomes):
    """An archive may hold archives: none of them becomes one of this home's."""

    def names_of_presets(self):
        return ("backups/pre-update-2099-01-01-000000.zip", "backups/pre-import-2099-01-01-000000-2.zip",
                "backups/pre-migration-2020-01-01-000000.ZIP", "state-snapshots/20990101-000000/manifest.json",
                "state-snapshots/20990101-000000/config.yaml")

    @odd_store.local("archives among the files of the home")
    def test_names_that_a_preset_would_count(self):
        home, gift = self.make("home"), self.dir / "gift.zip"
        others = ("backups/my own.zip", "backups/notes/pre-update-2099-01-01-000000.txt", "sub/config.yaml")
        with zipfile.ZipFile(gift, "w") as made:
            made.writestr("config.yaml", b"who: gift\n")
            for name in (*self.names_of_presets(), *others):
                made.writestr(name, b"{}")
        done = self.hbcore("-v", "--home", home, "import", "--force", gift, expect=3)
        self.assert_mentions(done, *self.names_of_presets())
        there = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}
        self.assertEqual(there & set(self.names_of_presets()), set(), self.describe(done))
        self.assertLessEqual(set(others), there)

    @odd_store.local("archives among the files of the home")
    def test_a_link_into_the_directory(self):
        """By another name it is the same."""
        home, gift = self.make("home"), self.dir / "gift.zip"
        (home / "backups").mkdir()
        (home / "way").symlink_to("backups")
        with zipfile.ZipFile(gift, "w") as made:
            made.writestr("config.yaml", b"who: gift\n")
            made.writestr("way/pre-update-2099-01-01-000000.zip", b"x")
        self.hbcore("--home", home, "import", "--force", gift, expect=3)
        self.assertEqual(os.listdir(home / "backups"), [])


class LostKey(OtherHomes):
    """What makes an index this installation's lies outside the home, with the state of the user's programs."""

    def test_nothing_is_taken_over_once(self):
        home = self.make("A")
        hb.write(home / "large.bin", random.Random(1).randbytes(3_000_000), mtime_ns=10**18)
        self.nightly(home)
        self.assertGreater(self.nightly(home)["reused_bytes"], 0)
        shutil.rmtree(self.user / "state", ignore_errors=True)
        made = self.nightly(home)
        self.assertEqual(made["reused_bytes"], 0, made)
        self.assertNotEqual(made["notes"], [])
        self.assertGreater(self.nightly(home)["reused_bytes"], 0)
        self.assertEqual(len(self.whose(self.user / "hermes-backups")), 4)


class Forged(OtherHomes):
    """An index that says of other bytes that they are these: it was not made here, and nothing is copied by it."""

    def setUp(self):
        super().setUp()
        self.hash = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
        self.hash.restype, self.hash.argtypes = ctypes.c_uint64, [ctypes.c_char_p, ctypes.c_size_t]
        data = bytearray(random.Random(1).randbytes(CONTENT_BYTES))
        for name in ("good", "victim"):
            hb.write(self.make(name) / "public.bin", bytes(data), mtime_ns=1_700_000_000 * 10**9)
        data[CHANGED_AT:CHANGED_AT + 100] = b"EVIL" * 25
        hb.write(self.make("evil") / "public.bin", bytes(data), mtime_ns=1_700_000_000 * 10**9)

    def archive_of(self, name):
        return pathlib.Path(self.nightly(self.dir / name, preset="pre-update")["archive"])

    @staticmethod
    def trailer_of(data):
        """Where it begins and how long it is, and where its checksum stands."""
        mark = data.rindex(b"hbcoreTR")
        length = struct.unpack_from("<Q", data, mark - 8)[0]
        return mark - 12 - length, length, mark - 12

    def parts_of(self, block):
        """Where the parts of the long entry stand in the index, and how many there are."""
        at = 8
        while at < len(block) - 8:
            kind, _, length = struct.unpack_from("<IIQ", block, at)
            at += 16
            if kind == REUSE:
                entries, units, longs, parts = struct.unpack_from("<QQQQ", block, at + 32)
                return at + 64 + entries * 20 + units * 8 + longs * 24, parts
            at += (length + 7) // 8 * 8
        self.fail("there is no index for reuse in the archive: forge it anew, as it is now")

    def forge(self, good, evil):
        """evil, whose changed part claims to be what it is in good."""
        good, evil = (bytearray(hb.first_form(path.read_bytes())) for path in (good, evil))
        start, length, _ = self.trailer_of(good)
        true = bytes(good[start:start + length])
        start, length, checksum = self.trailer_of(evil)
        block = bytearray(evil[start:start + length])
        (from_at, count), (to_at, _) = self.parts_of(true), self.parts_of(block)
        self.assertEqual(count, -(-CONTENT_BYTES // UNIT_BYTES),
                         "parts of another length: the layout of the index has changed")
        from_at, to_at = (at + CHANGED_AT // UNIT_BYTES * PART_BYTES + HASH_AT for at in (from_at, to_at))
        self.assertNotEqual(block[to_at:to_at + HASH_BYTES], true[from_at:from_at + HASH_BYTES])
        block[to_at:to_at + HASH_BYTES] = true[from_at:from_at + HASH_BYTES]
        block[-8:] = struct.pack("<Q", self.hash(bytes(block[:-8]), len(block) - 8))
        evil[start:start + length] = block
        struct.pack_into("<I", evil, checksum, zlib.crc32(bytes(block)))
        return bytes(evil)

    def assert_not_copied_from(self, home):
        made = self.nightly(home, preset="pre-update")
        stored = self.hbcore("cat", made["archive"], "public.bin").stdout
        self.assertFalse(b"EVILEVIL" in stored, f"bytes that never were in the home are in its archive: {made}")
        self.assertTrue(stored == (home / "public.bin").read_bytes(), made)

    def test_imported(self):
        forged = self.forge(self.archive_of("good"), self.archive_of("evil"))
        gift, home = self.dir / "gift.zip", self.dir / "victim"
        with zipfile.ZipFile(gift, "w") as made:
            made.writestr("config.yaml", b"who: gift\n")
            made.writestr("backups/pre-update-2099-01-01-000000.zip", forged)
        self.hbcore("--home", home, "import", "--force", gift, expect=None)
        self.assert_not_copied_from(home)

    def test_lying_there(self):
        """However it came."""
        forged = self.forge(self.archive_of("good"), self.archive_of("evil"))
        home = self.dir / "victim"
        hb.write(home / "backups/pre-update-2099-01-01-000000.zip", forged, 0o600)
        self.assert_not_copied_from(home)

    def test_in_place_of_its_own(self):
        """By somebody who can write there, but does not know this installation's key."""
        home = self.dir / "victim"
        forged = self.forge(self.archive_of("good"), self.archive_of("evil"))
        own = self.archive_of("victim")
        own.write_bytes(forged)
        self.assert_not_copied_from(home)


if __name__ == "__main__":
    unittest.main()
