# SPDX-License-Identifier: Apache-2.0
"""A name that somebody takes while the archive is made: it stays theirs, and the archive gets the next number."""
import os
import pathlib
import unittest

import fault
import hb

fault.need()


class TakenNames(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        self.backups = self.home / "backups"
        # By a clock that was ahead. What is made now is the second, whatever time it is.
        hb.write(self.backups / "pre-update-2999-01-01-000000.zip", b"x")

    def make(self, *takes):
        """
        Each number is taken when the archive is about to get its name, by a command with $name in it; in all of the
        last seconds, of which one is that of its beginning.
        """
        each = "".join(f"name=pre-update-$time-{number}.zip; {take};" for number, take in enumerate(takes, 2))
        done = self.faulted("--home", self.home, "--json", "backup", "--preset", "pre-update", "--keep", "99",
                            calls="rename", path="*-archive", at=1,
                            run=f"cd {self.backups}; now=$(date +%s); for ago in 0 1 2 3 4 5 6 7 8 9; do "
                                f"time=$(date -d @$((now - ago)) +%Y-%m-%d-%H%M%S); {each} done")
        self.assertEqual(done.hits, 1)
        made = pathlib.Path(self.summary(done)["archive"])
        self.assertRegex(made.name, rf"^pre-update-\d{{4}}-\d\d-\d\d-\d{{6}}-{2 + len(takes)}\.zip$")
        return made

    def test_files(self):
        for count in (1, 2):
            made = self.make(*["echo other > $name"] * count)
            others = [path for path in hb.archives(self.backups) if path != made and
                      "2999" not in path.name]
            self.assertEqual(len(others), 10 * count)
            for path in others:
                self.assertEqual(path.read_bytes(), b"other\n", path.name)
                path.unlink()
            self.hbcore("verify", made)
            made.unlink()

    def test_what_is_no_file(self):
        made = self.make("mkdir $name", "ln -s nothing $name")
        stem = made.name.rpartition("-")[0]
        self.assertTrue((self.backups / f"{stem}-2.zip").is_dir())
        self.assertEqual(os.readlink(self.backups / f"{stem}-3.zip"), "nothing")

    def test_an_incomplete_one(self):
        """Nothing had the name that was given with -o: what comes to have it is not looked at, and stays."""
        hb.write(self.dir / "outside", b"x")
        (self.home / "link").symlink_to(self.dir / "outside")
        (self.dir / "out").mkdir()
        archive = self.dir / "out/a.zip"
        done = self.faulted("--home", self.home, "backup", "-o", archive, calls="rename", path="*-archive", at=1,
                            run=f"echo other > {archive}", expect=3)
        self.assertEqual(done.hits, 1)
        self.assertEqual(archive.read_bytes(), b"other\n")
        self.assertEqual(len(os.listdir(self.dir / "out")), 2)


if __name__ == "__main__":
    unittest.main()
