# SPDX-License-Identifier: Apache-2.0
"""Large members: their data is taken by a thread of its own, which nobody may notice."""
import os
import random
import resource
import signal
import unittest

import hb

MIB = 1 << 20


def content(length, seed):
    """Some of it compresses, some does not, some is zero bytes; the last ones, too."""
    numbers = random.Random(seed)
    made = bytearray()
    while len(made) < length - 3 * MIB:
        kind = numbers.randrange(3)
        size = numbers.randrange(1, MIB)
        made += bytes(size) if kind == 0 else numbers.randbytes(size) if kind == 1 else numbers.randbytes(64) * (size // 64)
    return bytes(made) + bytes(length - len(made))


class LargeMembers(hb.Case):
    FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}

    def setUp(self):
        super().setUp()
        self.config = hb.GENERIC
        self.home = self.dir / "home"
        self.files = {"one": content(10 * MIB + 7, 1), "sub/two": content(12 * MIB, 2), "small": b"small"}
        for path, data in self.files.items():
            hb.write(self.home / path, data)

    def archive(self, name):
        path = self.dir / f"a{self.FORMATS[name]}"
        self.hbcore("--home", self.home, "backup", "--format", name, "-o", path)
        return path

    def piped(self, archive, piped):
        return {"input": archive.read_bytes()} if piped else {}

    def test_all_of_it_comes_back(self):
        for name in self.FORMATS:
            archive = self.archive(name)
            for piped in (False, True):
                home = self.fresh("target")
                self.hbcore("--home", home, "import", "-" if piped else archive, **self.piped(archive, piped))
                self.assert_same_tree(self.home, home)
                # What is zero bytes takes no room, as ever.
                self.assertLess((home / "one").stat().st_blocks * 512, len(self.files["one"]) - 2 * MIB)
            self.assertEqual(self.hbcore("cat", archive, "one").stdout, self.files["one"])
            self.hbcore("verify", archive)

    def test_one_worker(self):
        archive = self.archive("zip")
        home = self.fresh("target")
        self.hbcore("--set", "backup.workers=1", "--home", home, "import", archive)
        self.assert_same_tree(self.home, home)

    def test_a_file_that_is_too_large_for_the_file_system(self):
        """It costs itself, however late the write fails."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        for name in self.FORMATS:
            archive = self.archive(name)
            for size in (MIB, 11 * MIB, 12 * MIB - 1):
                for piped in {False, name != "zip"}:  # a piped zip is a file first
                    home = self.fresh("target")
                    done = self.hbcore("--json", "--home", home, "import", "-" if piped else archive, expect=3,
                                       preexec_fn=limit, restore_signals=False, **self.piped(archive, piped))
                    lost = {path for path, data in self.files.items() if len(data) > size}
                    self.assertEqual({row["path"] for row in self.summary(done)["skipped"]}, lost)
                    for path in set(self.files) - lost:
                        self.assertEqual((home / path).read_bytes(), self.files[path])

    def test_damage_is_found(self):
        """A bit in the middle of the data costs the archive; nothing is there then."""
        for name in self.FORMATS:
            archive = self.archive(name)
            data = bytearray(archive.read_bytes())
            data[len(data) // 3] ^= 0x10
            damaged = self.dir / f"damaged{self.FORMATS[name]}"
            damaged.write_bytes(data)
            home = self.fresh("target")
            self.hbcore("--home", home, "import", damaged, expect=1)
            self.assertFalse(os.path.exists(home) and os.listdir(home))


if __name__ == "__main__":
    unittest.main()
