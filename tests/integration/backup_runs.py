# SPDX-License-Identifier: Apache-2.0
"""
What lies together in the archive before, unchanged, is copied together, headers and all. What comes of
it is compared, byte for byte, with an archive that was made without: all but the trailer, which says
what a later backup needs, and the places behind it.
"""
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import time
import unittest
import zipfile

import backup_reuse
import fault
import hb
import mounts


UNIT_BYTES = 512 << 10  # of zip


class Base(fault.FaultCase):
    form, suffix = "zip", "zip"

    @classmethod
    def setUpClass(cls):
        """A home for each test, so that they grow old together."""
        cls.pool = pathlib.Path(tempfile.mkdtemp(prefix="hbcore-test-", dir=hb.scratch()))
        cls.addClassCleanup(shutil.rmtree, cls.pool)
        names = unittest.TestLoader().getTestCaseNames(cls)
        cls.fill(cls.pool / names[0])
        for name in names[1:]:
            subprocess.run(["cp", "-a", cls.pool / names[0], cls.pool / name], check=True)
        cls.settle(cls.pool)

    @classmethod
    def fill(cls, home):
        source = random.Random(11)
        for number in range(60):
            hb.write(home / f"a/{number // 12}/{number:02}.txt", source.randbytes(50) * (1 + number * 3 % 400))
        hb.write(home / "b/long.bin", source.randbytes(1_300_000) + b"line\n" * 500_000)
        hb.write(home / "b/long.log", b"".join(b"%07d a line of it\n" % i for i in range(150_000)))
        for name in ("empty", "c/one", "c/\N{LATIN SMALL LETTER E WITH ACUTE}", "z/last.txt"):
            hb.write(home / name, b"" if name == "empty" else name.encode() * 100)
        for number, size in enumerate((4096, 4095, 65536, 1 << 20, (1 << 20) + 1)):
            hb.write(home / f"d/{number}", source.randbytes(size))
        (home / "e/hollow/inner").mkdir(parents=True)
        (home / "e/link").symlink_to("../c/one")
        (home / "e/other").symlink_to("nowhere/at/all")
        cls.make_database(home / "state.db", rows=3000)

    @staticmethod
    def settle(folder):
        """Waits until no file is so young that it could change without another time."""
        newest = max(os.lstat(path).st_ctime for path in folder.rglob("*"))
        while time.time() < newest + backup_reuse.RACY_SECONDS + 1.1:
            time.sleep(0.05)

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        (self.pool / self._testMethodName).rename(self.home)
        self.archive = self.dir / f"a.{self.suffix}"

    def arguments(self, archive=None, reuse="yes"):
        return ("--home", self.home, "--json", "--set", f"backup.reuse={reuse}", "--set", "backup.links=store",
                "backup", "--format", self.form, "-o", archive or self.archive)

    def make(self, archive=None, reuse="yes", expect=0):
        return self.summary(self.hbcore(*self.arguments(archive, reuse), expect=expect))

    def plain(self, path):
        return backup_reuse.Reuse.without_trailer(self, pathlib.Path(path).read_bytes())

    def assert_as_without(self, path=None):
        """In a place of its own, so that nothing is there to take over."""
        fresh = self.dir / f"fresh.{self.suffix}"
        fresh.unlink(missing_ok=True)
        self.make(fresh, reuse="no")
        self.assertTrue(self.plain(path or self.archive) == self.plain(fresh), "other bytes")

    def copies(self, **keywords):
        """All calls that write, and the numbers of those that write the archive, or copy to it."""
        calls = self.faulted(*self.arguments(), calls="write", list_calls=True, **keywords).calls
        return calls, [number for number, call in enumerate(calls, 1)
                       if call[0] == "copy_file_range" or call[1].endswith("-archive")]


class Runs(Base):
    # ---- what can change ----

    def changes(self):
        """One after the other: what is done, and whether all that was stored is still there."""
        home = self.home
        text = home / "a/2/30.txt"

        def grow(path, data=b"one more line\n"):
            with open(path, "ab") as stream:
                stream.write(data)

        def patch(path, offset):
            with open(path, "r+b") as stream:
                stream.seek(offset)
                stream.write(b"CHANGED")

        return {
            "nothing": lambda: None,
            "the first": lambda: grow(home / "a/0/00.txt"),
            "the first, as long as it was": lambda: patch(home / "a/0/00.txt", 3),
            "one in the middle": lambda: grow(text),
            "two that are neighbours": lambda: (patch(home / "d/0", 5), patch(home / "d/1", 5)),
            "every third": lambda: [patch(path, 1) for path in sorted((home / "a").rglob("*.txt"))[::3]],
            "the last": lambda: grow(home / "z/last.txt"),
            "a long one at its end": lambda: grow(home / "b/long.log"),
            "a long one in the middle": lambda: patch(home / "b/long.bin", 1_100_000),
            "a long one, shorter": lambda: os.truncate(home / "b/long.bin", 3_100_000),
            "a long one that is short now": lambda: os.truncate(home / "b/long.bin", 300_000),
            "the database": lambda: self.make_database(home / "new.db", rows=10),
            "a mode": lambda: text.chmod(0o600),
            "a time": lambda: os.utime(text, ns=(10**18, 1_500_000_000_123_456_789)),
            "a directory's mode": lambda: (home / "a/1").chmod(0o700),
            "a directory's time": lambda: os.utime(home / "e/hollow", ns=(10**18, 10**18)),
            "a link": lambda: ((home / "e/link").unlink(), (home / "e/link").symlink_to("../c")),
            "one more in front": lambda: hb.write(home / "a/0/000.txt", b"in front"),
            "one more between": lambda: hb.write(home / "a/3/40a.txt", b"between" * 1000),
            "one more at the end": lambda: hb.write(home / "zz", b"at the end"),
            "one less in front": lambda: (home / "a/0/000.txt").unlink(),
            "one less between": lambda: (home / "a/1/13.txt").unlink(),
            "a directory less": lambda: shutil.rmtree(home / "a/4"),
            "a file renamed": lambda: (home / "c/one").rename(home / "c/two"),
            "a directory renamed": lambda: (home / "a/3").rename(home / "a/9"),
            "a file that is a directory now": lambda: ((home / "empty").unlink(), (home / "empty").mkdir()),
        }

    def test_changes(self):
        self.make()
        for name, change in self.changes().items():
            change()
            made = self.make()
            with self.subTest(name):
                self.assertGreater(made["reused_bytes"], 0, made)
                self.assert_as_without()
        self.hbcore("--set", "import.links=restore", "verify", self.archive)
        self.settle(self.home)
        self.make()
        whole = self.make()
        self.assertEqual(whole["reused_bytes"], whole["bytes"])
        self.assert_as_without()

    def test_others_read_it(self):
        self.make()
        with open(self.home / "a/0/00.txt", "ab") as stream:
            stream.write(b"shifts all that follows")
        self.make()
        if self.form == "zip":
            self.tool("unzip", "-tqq", self.archive)
            return
        plain = self.dir / "plain.tar"
        self.tool("zstd", "-dqf", self.archive, "-o", plain)
        self.tool("tar", "-tf", plain)

    # ---- how it is copied ----

    def test_a_few_large_copies(self):
        self.make()
        calls, numbers = self.copies()
        self.assertIn(len(numbers), range(1, 12), calls)
        self.assert_as_without()

    def test_where_the_kernel_refuses(self):
        """Whatever it says, the bytes are read and written then: all of them, or what is left."""
        errors = ((1, "EXDEV"), (1, "EINVAL"), (1, "ENOSYS"), (1, "EOPNOTSUPP"), (1, "EIO"), ("1+", "EXDEV"))
        with mounts.trying(self, "xfs") as root:  # where no blocks are shared, the kernel is not asked
            if root is None:
                return
            archive = root / f"a.{self.suffix}"
            self.make(archive)
            for at, error in errors:  # what is behind the last whole block
                done = self.faulted(*self.arguments(archive), calls="copy_file_range", at=at, error=error)
                self.assertGreater(done.hits, 0)
                made = self.summary(done)
                self.assertEqual(made["reused_bytes"], made["bytes"])
            for at, error in errors:  # all that the first file shifts by less than a block
                with open(self.home / "a/0/00.txt", "ab") as stream:
                    stream.write(b"one more line\n")
                done = self.faulted(*self.arguments(archive), calls="copy_file_range", at=at, error=error)
                self.assertGreater(done.hits, 0)
                made = self.summary(done)
                self.assertGreater(made["reused_bytes"], made["bytes"] // 2)
            self.assert_as_without(archive)

    def test_a_full_disk(self):
        """Nothing is published, and the archive before is as it was."""
        self.make()
        size = self.archive.stat().st_size
        with mounts.trying(self, "tmpfs", options=f"size={size * 3 // 2}") as root:
            if root is None:
                return
            archive = root / f"a.{self.suffix}"
            self.make(archive)
            before = archive.read_bytes()
            failed = self.hbcore(*self.arguments(archive), expect=1)
            self.assertIn(b"No space left", failed.stdout + failed.stderr)
            self.assertTrue(archive.read_bytes() == before)
            self.assertEqual([name for name in os.listdir(root) if name != archive.name], [])

    def test_stopped_in_the_middle(self):
        self.make()
        _, numbers = self.copies()
        before = self.archive.read_bytes()
        done = self.faulted(*self.arguments(), calls="write", at=numbers[0], run="kill $HB_FAULT_THREAD", expect=143)
        self.assertIn(b"interrupted", done.stderr)
        self.assertTrue(self.archive.read_bytes() == before)

    def test_the_archive_before_changes_meanwhile(self):
        """What was proved is not what was copied then: nothing is published."""
        self.make()
        _, numbers = self.copies()
        change = f"printf x | dd of={self.archive} bs=1 seek=5000 conv=notrunc 2>&-"
        done = self.faulted(*self.arguments(), calls="write", at=numbers[0], run=change, expect=1)
        self.assertIn(b"changed while it was being reused", done.stderr)
        self.make()
        stamp = self.dir / "stamp"  # what has the time of before tells nothing
        change = f"touch -r {self.archive} {stamp}; {change}; touch -r {stamp} {self.archive}"
        done = self.faulted(*self.arguments(), calls="write", at=numbers[0], run=change, expect=1)
        self.assertIn(b"changed while it was being reused", done.stderr)
        self.make()
        done = self.faulted(*self.arguments(), calls="write", at=numbers[0], run=f": > {self.archive}", expect=1)
        self.assertIn(b"too early", done.stderr)
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith(".hbcore")], [])
        self.make()
        self.assert_as_without()

    # ---- where blocks can be shared ----

    def test_blocks_are_shared(self):
        for kind in ("xfs", "btrfs"):
            with mounts.trying(self, kind) as root:
                if root is None:
                    continue
                archive = root / f"a.{self.suffix}"
                self.settle(self.home)
                self.make(archive)
                os.link(archive, root / "kept")  # it would go, with its blocks
                free = self.free(root)
                made = self.make(archive)
                self.assertEqual(made["reused_bytes"], made["bytes"])
                self.assertLess(free - self.free(root), archive.stat().st_size // 4)
                self.assert_as_without(archive)
                with open(self.home / "b/long.log", "ab") as stream:
                    stream.write(b"it grows")
                self.make(archive)
                self.assert_as_without(archive)

    @staticmethod
    def free(root):
        subprocess.run(["sync", "-f", root], check=True)
        found = os.statvfs(root)
        return found.f_bfree * found.f_bsize


class RunsTar(Runs):
    form, suffix = "tar-zstd", "tar.zst"


class Headers(Base):
    """What is in front of the content in a zip has no checksum of its own: it is compared."""

    def test_each_byte_of_a_header(self):
        self.make()
        good = self.archive.read_bytes()
        whole = self.make()["reused_bytes"]
        with zipfile.ZipFile(self.archive) as opened:
            rows = opened.infolist()
        long = max(rows, key=lambda row: row.file_size)
        chosen = [long, rows[0], rows[-1], *(row for row in rows if row.filename.endswith(("30.txt", "e/link")))]
        for row in chosen:
            name, extra = struct.unpack_from("<HH", good, row.header_offset + 26)
            length = 30 + name + extra
            for place in range(0, length, 1 if hb.FULL else 3 if row is long else 7):
                damaged = bytearray(good)
                damaged[row.header_offset + place] ^= 0x10
                self.archive.write_bytes(damaged)
                reused = self.make()["reused_bytes"]
                self.assertTrue(self.plain(self.archive) == backup_reuse.Reuse.without_trailer(self, good),
                                f"{row.filename}: byte {place}")
                # Each part of what has several is known again by its hash; a link is read when it is listed.
                if row.file_size <= UNIT_BYTES and not row.filename.endswith("link"):
                    self.assertEqual(reused, whole - row.file_size, f"{row.filename}: byte {place}")


if __name__ == "__main__":
    fault.need()
    unittest.main()
