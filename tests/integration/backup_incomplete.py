# SPDX-License-Identifier: Apache-2.0
"""-o NAME: an incomplete archive never takes the place of one that is complete, or that may be."""
import json
import os
import pathlib
import unittest
import zipfile

import hb

FORMATS = (("zip", ".zip"), ("tar-zstd", ".tar.zst"))


class Incomplete(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.out = self.dir / "out"
        self.out.mkdir()
        hb.write(self.home / "config.yaml", b"model: x\n")
        self.mend()

    def damage(self):
        """From here on backups are incomplete."""
        hb.write(self.home / "state.db", b"SQLite format 3\0" + b"\xff" * 8192)

    def mend(self):
        (self.home / "state.db").unlink(missing_ok=True)
        self.make_database(self.home / "state.db")

    def make(self, target, *arguments, expect=0, **keywords):
        done = self.hbcore("--home", self.home, "--json", "backup", "-o", target, *arguments, expect=expect,
                           **keywords)
        return self.summary(done)

    def names(self):
        return sorted(os.listdir(self.out))

    def test_a_complete_one_stays(self):
        for form, suffix in FORMATS:
            with self.subTest(form=form):
                target, beside = self.out / f"h{suffix}", self.out / f"h.incomplete{suffix}"
                made = self.make(target, "--format", form)
                self.assertEqual((made["archive"], made["kept"]), (str(target), None))
                before = target.read_bytes()
                self.damage()
                sizes = []
                for rounds in range(3):  # the one beside it is replaced each time
                    hb.write(self.home / "more", b"x" * rounds)
                    made = self.make(target, "--format", form, expect=3)
                    self.assertEqual((made["archive"], made["kept"]), (str(beside), str(target)))
                    self.assertEqual(made["status"], "incomplete")
                    self.assertIn("complete", made["notes"][0]["reason"])
                    self.assertEqual(target.read_bytes(), before)
                    sizes.append(made["bytes"])
                self.assertEqual(len(set(sizes)), 3)
                self.hbcore("verify", target)
                self.hbcore("verify", beside, expect=3)
                self.mend()
                made = self.make(target, "--format", form)
                self.assertEqual((made["archive"], made["kept"]), (str(target), None))
                self.assertNotEqual(target.read_bytes(), before)
                self.assertTrue(beside.exists())  # nobody said that it can go
        self.assertEqual(self.names(), ["h.incomplete.tar.zst", "h.incomplete.zip", "h.tar.zst", "h.zip"])

    def test_people_are_told_both_names(self):
        target = self.out / "h.zip"
        self.make(target)
        self.damage()
        for quiet in ([], ["--quiet"]):
            done = self.hbcore(*quiet, "--home", self.home, "backup", "-o", target, expect=3)
            self.assert_mentions(done, target, self.out / "h.incomplete.zip", "was not replaced")
        done = self.hbcore("--home", self.home, "backup", "-o", target, expect=3)
        self.assertIn(f"import {self.out}/h.incomplete.zip", done.stdout.decode())

    def test_an_incomplete_one_of_ours_is_replaced(self):
        target = self.out / "h.zip"
        self.damage()
        self.make(target, expect=3)
        first = target.read_bytes()
        hb.write(self.home / "more", b"more")
        made = self.make(target, expect=3)
        self.assertEqual((made["archive"], made["kept"]), (str(target), None))
        self.assertNotEqual(target.read_bytes(), first)
        self.assertEqual(self.names(), ["h.zip"])
        self.mend()
        self.make(target)
        self.assertEqual(self.names(), ["h.zip"])

    def test_what_is_not_ours_stays(self):
        """Another program's archive, no archive, a damaged one: all may be all that somebody has."""
        target = self.out / "h.zip"
        self.make(target)
        ours = target.read_bytes()
        with zipfile.ZipFile(target, "w") as foreign:
            foreign.writestr("a", b"a")
        zipped = target.read_bytes()
        self.damage()
        for content in (zipped, b"", b"some notes\n", ours[:-1], ours[:len(ours) // 2], b"PK\3\4"):
            with self.subTest(content=content[:20]):
                target.write_bytes(content)
                made = self.make(target, expect=3)
                self.assertEqual((made["archive"], made["kept"]),
                                 (str(self.out / "h.incomplete.zip"), str(target)))
                self.assertEqual(target.read_bytes(), content)

    def test_what_cannot_be_read_stays(self):
        target = self.out / "h.zip"
        self.damage()
        self.make(target, expect=3)
        if os.geteuid() != 0:
            target.chmod(0)
            self.assertEqual(self.make(target, expect=3)["kept"], str(target))
            return
        keywords = self.somebody_else(self.home, self.out)
        os.chown(target, 0, 0)
        target.chmod(0o600)
        before = target.read_bytes()
        made = self.make(target, expect=3, **keywords)
        self.assertEqual(made["kept"], str(target))
        self.assertIn("cannot tell", made["notes"][0]["reason"])
        self.assertEqual(target.read_bytes(), before)

    def test_the_name_beside_it_is_taken(self):
        """By a complete archive, a directory, a FIFO: they stay, too."""
        target = self.out / "h.zip"
        self.make(target)
        complete = target.read_bytes()
        (self.out / "h.incomplete.zip").write_bytes(complete)
        (self.out / "h.incomplete-2.zip").mkdir()
        os.mkfifo(self.out / "h.incomplete-3.zip")
        os.symlink(target, self.out / "h.incomplete-4.zip")
        self.damage()
        for _ in range(2):
            self.assertEqual(self.make(target, expect=3)["archive"], str(self.out / "h.incomplete-5.zip"))
        self.assertEqual((self.out / "h.incomplete.zip").read_bytes(), complete)
        self.assertEqual(target.read_bytes(), complete)
        self.assertTrue((self.out / "h.incomplete-4.zip").is_symlink())

    def test_names_that_leave_no_room(self):
        """Cut at a character; those that begin alike do not take each other's place."""
        for stem in ("x" * 250, "ä" * 125):
            with self.subTest(stem=stem[0]):
                targets = [self.out / f"{stem}{last}.zip" for last in "12"]
                self.mend()
                for target in targets:
                    self.make(target)
                    self.assertEqual(len(os.fsencode(target.name)), 255)
                self.damage()
                besides = set()
                for target in targets * 2:
                    made = self.make(target, expect=3)
                    beside = pathlib.Path(made["archive"])
                    besides.add(beside)
                    self.assertEqual(made["kept"], str(target))
                    self.assertLessEqual(len(os.fsencode(beside.name)), 255)
                    self.assertRegex(beside.name, f"^{stem[0]}{{100,}}~[0-9a-f]{{8}}.incomplete.zip$")
                    self.hbcore("verify", beside, expect=3)
                self.assertEqual(len(besides), 2)

    def test_through_a_link(self):
        """The name is that of the file to which the link leads, and the place is its directory."""
        target, link = self.out / "real.zip", self.dir / "link.zip"
        self.make(target)
        os.symlink(target, link)
        self.damage()
        made = self.make(link, expect=3)
        self.assertEqual((made["archive"], made["kept"]),
                         (str(self.out / "real.incomplete.zip"), str(target)))
        self.assertTrue(link.is_symlink())

    def test_names(self):
        """Suffixes in capitals or left out, several dots, dashes."""
        for name, real, beside in (("H.ZIP", "H.ZIP", "H.incomplete.ZIP"), ("h", "h.zip", "h.incomplete.zip"),
                                   ("a-b.c.zip", "a-b.c.zip", "a-b.c.incomplete.zip"),
                                   (".zip.zip", ".zip.zip", ".zip.incomplete.zip")):
            with self.subTest(name=name):
                self.mend()
                self.assertEqual(self.make(self.out / name)["archive"], str(self.out / real))
                self.damage()
                made = self.make(self.out / name, expect=3)
                self.assertEqual((made["archive"], made["kept"]),
                                 (str(self.out / beside), str(self.out / real)))

    def test_in_the_home(self):
        """Neither is in the next archive."""
        target = self.home / "h.zip"
        self.make(target)
        self.damage()
        made = self.make(target, expect=3)
        made = self.make(target, expect=3)
        names = self.hbcore("list", made["archive"]).stdout.decode().split()
        self.assertEqual(sorted(names), ["config.yaml", "state.db"])

    def test_reuse(self):
        """Units come from what is kept; nothing of it changes by that."""
        target = self.out / "h.zip"
        hb.write(self.home / "large", os.urandom(1 << 20))
        reuse = ("--set", "backup.reuse=yes")
        self.hbcore(*reuse, "--home", self.home, "backup", "-o", target)
        before = target.read_bytes()
        self.damage()
        done = self.hbcore(*reuse, "--home", self.home, "--json", "backup", "-o", target, expect=3)
        made = self.summary(done)
        self.assertGreaterEqual(made["reused_bytes"], 0)
        self.assertEqual(target.read_bytes(), before)
        self.hbcore("verify", made["archive"], expect=3)

    def test_presets_keep_their_names(self):
        """A name that is ours is never that of another archive."""
        self.damage()
        names = set()
        for _ in range(2):
            made = self.summary(self.hbcore("--home", self.home, "--json", "backup", "--preset", "pre-update",
                                            expect=3))
            self.assertNotIn("incomplete", made["archive"])
            self.assertIsNone(made["kept"])
            names.add(made["archive"])
        self.assertEqual(len(names), 2)

    def test_streams(self):
        self.damage()
        done = self.hbcore("--home", self.home, "backup", "-o", "-", expect=3)
        self.assertTrue(done.stdout.startswith(b"PK"))

    def test_a_dry_run_says_nothing(self):
        target = self.out / "h.zip"
        self.make(target)
        self.damage()
        done = self.hbcore("--home", self.home, "--json", "backup", "--dry-run", "-o", target)
        self.assertIsNone(json.loads(done.stdout.splitlines()[-1])["kept"])
        self.assertEqual(self.names(), ["h.zip"])


if __name__ == "__main__":
    unittest.main()
