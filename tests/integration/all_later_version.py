# SPDX-License-Identifier: Apache-2.0
"""Archives of a later version of this program: they can be read as far as their format goes, and nothing is
decided on a trailer that cannot be read.
"""
import json
import pathlib
import random
import shutil
import struct
import unittest

import hb
import odd_store

VERSION_AT = 7  # in the trailer
FORMATS = ("zip", "tar-zstd")


def later(path):
    """The version is 2; all checksums are right."""
    data = path.read_bytes()
    changed = hb.forged(data, flips={VERSION_AT: 1 ^ 2})
    assert changed != data
    path.write_bytes(changed)


class Later(hb.Case):
    def setUp(self):
        super().setUp()
        self.home, self.directory = self.dir / "home", self.dir / "archives"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        hb.write(self.home / "large.bin", random.Random(1).randbytes(9_000_000), mtime_ns=10**18)

    def run_preset(self, kind, *words, options=(), **keywords):
        return self.hbcore("--home", self.home, "--json", "--set", f"preset:nightly.directory={self.directory}", "--set",
                           "preset:nightly.keep=1", "--set", f"preset:nightly.format={kind}", *options, *words,
                           "--preset", "nightly", **keywords)

    def backup(self, kind, **keywords):
        return self.summary(self.run_preset(kind, "backup", **keywords))

    def one(self, kind):
        """An archive of a preset, of a later version."""
        shutil.rmtree(self.directory, ignore_errors=True)
        path = pathlib.Path(self.backup(kind)["archive"])
        later(path)
        return path

    def test_it_can_be_read(self):
        for kind in FORMATS:
            path = self.one(kind)
            done = self.hbcore("list", path)
            self.assertEqual(done.stdout.split(), [b"config.yaml", b"large.bin"])
            self.assertIn(b"later version", done.stderr)
            self.assertEqual(self.summary(self.hbcore("--json", "list", path))["status"], "unknown")
            self.assertEqual(self.hbcore("cat", path, "config.yaml").stdout, b"a: 1\n")
            done = self.hbcore("--json", "verify", path, expect=3)
            self.assertIn("later version", self.summary(done)["doubtful"][0]["reason"])
            for target, source in (("by-name", {"stdin": None}), ("by-pipe", {"input": path.read_bytes()})):
                name = path if target == "by-name" else "-"
                done = self.hbcore("--json", "--home", self.dir / f"{kind}-{target}", "import", name, **source)
                self.assertIn("later version", self.summary(done)["notes"][0]["reason"])
                self.assertEqual((self.dir / f"{kind}-{target}" / "config.yaml").read_bytes(), b"a: 1\n")

    @odd_store.local("facts stand beside what was forged")
    def test_it_stays_and_takes_no_place(self):
        for kind in FORMATS:
            path = self.one(kind)
            for _ in range(2):
                made = self.backup(kind)
                untold, = made["untold_archives"]
                self.assertEqual(untold["path"], str(path))
                self.assertIn("later version", untold["reason"])
                self.assertIn("later version", made["notes"][0]["reason"])
            self.assertEqual(made["removed"], 1)
            self.assertEqual({file.name for file in hb.archives(self.directory)}, {path.name, pathlib.Path(made["archive"]).name})
            done = self.run_preset(kind, "prune", "--adopt", expect=3)
            rows = {row["path"]: row["fate"] for row in map(json.loads, done.stdout.splitlines()) if row["type"] == "archive"}
            self.assertEqual(rows, {str(path): "untold", made["archive"]: "kept"})
            self.assertEqual(self.summary(done)["adopted"], 0)

    @odd_store.local("archives among the files of the home")
    def test_in_the_home_too(self):
        """There, what says nothing is this home's."""
        for kind in FORMATS:
            self.directory = self.home / "backups"
            path = self.one(kind)
            for _ in range(2):
                self.backup(kind)
            self.assertTrue(path.exists(), kind)

    def test_nothing_is_taken_over_from_it(self):
        for kind in FORMATS:
            path = self.one(kind)
            self.assertEqual(self.backup(kind)["reused_bytes"], 0, kind)
            made = self.backup(kind)
            self.assertGreater(made["reused_bytes"], 0, (kind, made))
            self.hbcore("--home", self.home, "backup", "--format", kind, "-o", path)

    @odd_store.local("what has the name is replaced")
    def test_an_incomplete_one_goes_beside_it(self):
        for kind in FORMATS:
            path = self.one(kind)
            before = path.read_bytes()
            (self.home / "link").symlink_to(self.dir)
            done = self.hbcore("--home", self.home, "--json", "backup", "--format", kind, "-o", path, expect=3)
            (self.home / "link").unlink()
            self.assertEqual(path.read_bytes(), before)
            self.assertIn(".incomplete", self.summary(done)["archive"])
            self.assertIn("later version", "".join(row["reason"] for row in self.summary(done)["notes"]))

    def test_damage_is_no_later_version(self):
        """The checksum of the block in its format tells them apart."""
        for kind in FORMATS:
            path = self.one(kind)
            data = bytearray(path.read_bytes())
            data[data.rindex(b"HBTRAIL\x02") + VERSION_AT] = 3
            path.write_bytes(data)
            self.hbcore("verify", path, expect=1)

    def test_an_index_of_a_later_version(self):
        """Only the tar format's own list is not used then: the trailer says whose the archive is."""
        path = pathlib.Path(self.backup("tar-zstd")["archive"])
        data = bytearray(path.read_bytes())
        at = data.rindex(b"hbindex1") + 8
        self.assertEqual(struct.unpack_from("<I", data, at)[0], 1)
        data[at] = 2
        path.write_bytes(data)
        self.assertEqual(self.hbcore("list", path).stdout.split(), [b"config.yaml", b"large.bin"])
        self.hbcore("verify", path)
        done = self.run_preset("tar-zstd", "prune", "--dry-run")
        self.assertEqual(json.loads(done.stdout.splitlines()[0])["sequence"], 1)
        other = self.dir / "other"
        hb.write(other / "config.yaml", b"b: 1\n")
        self.home = other
        self.assertEqual([row["path"] for row in self.backup("tar-zstd")["other_archives"]], [str(path)])


if __name__ == "__main__":
    unittest.main()
