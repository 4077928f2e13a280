# SPDX-License-Identifier: Apache-2.0
"""A home that is not there (any more, or yet): its archives are listed, and `import latest` brings it back.

Which home an archive is of is told by an id in the home. Without one there is the path that the archive notes, and
the machine; that is said, and what they leave open is refused.
"""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

import hb
import mounts


class Case(hb.Case):
    def setUp(self):
        super().setUp()
        self.home, self.kept = self.dir / "home", self.dir / "kept"
        self.config = self.write_config(
            f"[home]\npath = {self.home}\n[backup]\nformat = zip\n[content:sqlite-snap]\n"
            f"[preset:nightly]\ndirectory = {self.kept}\nkeep = 1000\n")

    def back_up(self, text, *options, expect=0, **keywords):
        if not options:
            hb.write(self.home / "notes", text)
        done = self.hbcore(*options, "--json", "backup", "--preset", "nightly", expect=expect, **keywords)
        return pathlib.Path(self.summary(done)["archive"])

    def rows(self, *options, **keywords):
        done = self.hbcore(*options, "--json", "archives", "nightly", **keywords)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[:-1], lines[-1]

    def content(self, word, *options, expect=0):
        return self.hbcore(*options, "cat", word, "notes", expect=expect)

    def tree(self):
        """What is in the home; the home itself is made anew."""
        return {name: row for name, row in hb.tree(self.home).items() if name != b"."}

    def elsewhere(self):
        """As on a new machine: the key of the installation is not there."""
        return {"env": {"XDG_STATE_HOME": str(self.dir / "new-state")}}

    def of_host(self, host):
        """Runs on a machine of that name."""
        return ["unshare", "--uts", "sh", "-c", f'hostname {host} && exec "$@"', "sh"]

    def run_on(self, host, *arguments, expect=0):
        if os.geteuid() != 0 or shutil.which("unshare") is None:
            self.skip("only root can rename a machine, with unshare")
        done = subprocess.run([*self.of_host(host), *self.command(*arguments)], env=self.environment(), capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=240, check=False)
        self.assert_clean(done)
        self.assertEqual(done.returncode, expect, self.describe(done))
        return done


class Gone(Case):
    def test_they_are_listed(self):
        made = [self.back_up(b"one"), self.back_up(b"two")]
        before, _ = self.rows()
        shutil.rmtree(self.home)
        rows, summary = self.rows()
        self.assertEqual([row["path"] for row in rows], [str(path) for path in reversed(made)])
        self.assertEqual([row["whose"] for row in rows], ["path", "path"])
        self.assertEqual([row["whose"] for row in before], ["this", "this"])
        self.assertEqual([row["complete"] for row in rows], [True, True])
        self.assertEqual((summary["archives"], summary["home"]), (2, str(self.home)))
        self.assertTrue(any("does not exist" in note["reason"] for note in summary["notes"]), summary)
        done = self.hbcore("archives", "nightly")
        self.assert_mentions(done, made[0].name, "complete", "does not exist", "by the path in them alone")
        self.assertFalse(self.home.exists())
        self.assertIn(made[0].name.encode(), self.hbcore("archives").stdout)
        self.assertIn(made[0].name.encode(), self.hbcore("archives", f"{self.kept}/").stdout)

    def test_who_watches_hears_of_it(self):
        self.back_up(b"one")
        shutil.rmtree(self.home)
        for option in (("--max-age", "1d"), ("--prometheus",)):
            done = self.hbcore("archives", "nightly", *option, expect=1)
            self.assert_mentions(done, "does not exist")
            self.assertEqual(done.stdout, b"")

    def test_it_is_brought_back(self):
        """From nothing, and with nothing of this installation but the configuration."""
        self.back_up(b"one")
        last = self.back_up(b"two")
        before = self.tree()
        for keywords in ({}, self.elsewhere()):
            shutil.rmtree(self.home)
            self.assertEqual(self.content("latest").stdout, b"two")
            self.assertEqual(self.content("latest~1").stdout, b"one")
            self.hbcore("verify", "latest", **keywords)
            done = self.hbcore("import", "--preset", "nightly", "latest", **keywords)
            self.assert_mentions(done, f"Archive: {last}", "does not exist", "Import complete")
            self.assertEqual(hb.differences(before, self.tree()), [])
            shutil.rmtree(self.home)
            done = self.hbcore("import", last, **keywords)
            self.assertEqual(hb.differences(before, self.tree()), [])

    def test_by_the_configuration_of_hermes(self):
        self.config, home = hb.HERMES, self.user / ".hermes"
        preset = ("--set", f"preset:nightly.directory={self.kept}", "--set", "preset:nightly.keep=5")
        hb.write(home / "config.yaml", b"model: x\n")
        self.make_database(home / "state.db")
        self.back_up(b"", *preset)
        before = self.content_of(home)
        shutil.rmtree(home)
        done = self.hbcore(*preset, "import", "--preset", "nightly", "latest", **self.elsewhere())
        self.assert_mentions(done, "Import complete", str(home))
        self.assertEqual(self.content_of(home), before)
        shutil.rmtree(home)
        self.assert_mentions(self.hbcore(*preset, "archives", "nightly"), "complete")

    @staticmethod
    def content_of(home):
        return {name: row[-1] for name, row in hb.tree(home, directory_times=False).items() if len(row) > 2}

    def test_a_new_home_at_its_path(self):
        """A program has made a new one, or an import was killed: it has no id, and so no archives of its own, yet."""
        self.back_up(b"one")
        self.back_up(b"two")
        shutil.rmtree(self.home)
        hb.write(self.home / "notes", b"of a new installation")
        rows, summary = self.rows()
        self.assertEqual([row["whose"] for row in rows], ["path", "path"])
        self.assertTrue(any("no archive was made of this home yet" in note["reason"] for note in summary["notes"]), summary)
        self.hbcore("archives", "nightly", "--max-age", "1d", expect=3)
        for _ in range(2):
            done = self.hbcore("import", "--force", "latest")
            self.assert_mentions(done, "no archive was made of this home yet")
            self.assertEqual((self.home / "notes").read_bytes(), b"two")
        # Once it has one of its own, the others are another home's, and stay.
        mine = self.back_up(b"mine")
        self.assertEqual(self.content("latest").stdout, b"mine")
        self.assert_mentions(self.hbcore("cat", "latest~1", "notes", expect=1), "no such complete archive")
        self.assertEqual(sorted(row["whose"] for row in self.rows()[0]), ["other", "other", "this"])
        self.hbcore("--set", "preset:nightly.keep=1", "prune")
        self.assertEqual(len(hb.archives(self.kept)), 3)
        self.assertTrue(mine.exists())

    def test_a_read_only_home_has_its_own(self):
        """It is known by its place: its archives go before newer ones of what was at its path meanwhile."""
        if os.geteuid() != 0:
            self.skip("only root can mount file systems")
        source = self.dir / "source"
        hb.write(source / "notes", b"of the read-only one")
        self.home.mkdir()

        def mount():
            self.tool("mount", "--bind", source, self.home)
            self.addCleanup(mounts.unmount, self.home)
            self.tool("mount", "-o", "remount,bind,ro", self.home)
        mount()
        self.hbcore("backup", "--preset", "nightly")
        self.tool("umount", self.home)
        self.back_up(b"of another one, later")
        for path in self.home.iterdir():
            path.unlink()
        mount()
        self.assertEqual(sorted(row["whose"] for row in self.rows()[0]), ["path", "this"])
        self.assertEqual(self.content("latest").stdout, b"of the read-only one")
        self.content("latest~1", expect=1)

    def test_a_copy_is_another_home(self):
        """It has an id, though of another place: nothing is guessed."""
        self.back_up(b"one")
        copy = self.dir / "copy"
        shutil.copytree(self.home, copy)
        rows, _ = self.rows("--home", copy)
        self.assertEqual([row["whose"] for row in rows], ["other"])
        self.content("latest", "--home", copy, expect=1)

    def test_a_newer_one_is_incomplete(self):
        self.back_up(b"one")
        made = self.dir / "whole.zip"
        (self.home / "notes").write_bytes(b"two")
        self.make_database(self.home / "rows.db")
        with open(self.home / "rows.db", "r+b") as stream:
            stream.seek(8192)
            stream.write(bytes(4096))
        incomplete = self.back_up(b"two", expect=3)
        shutil.rmtree(self.home)
        done = self.content("latest")
        self.assertEqual(done.stdout, b"one")
        self.assertIn(f"{incomplete} is newer".encode(), self.hbcore("list", "latest").stderr)
        self.assertFalse(made.exists())

    def test_another_path(self):
        """Of a home elsewhere: it may be the one, but nobody can tell. It is named, and taken by its name."""
        made = self.back_up(b"one")
        new = ("--home", self.dir / "new")
        rows, _ = self.rows(*new)
        self.assertEqual([row["whose"] for row in rows], ["unknown"])
        self.assert_mentions(self.hbcore(*new, "archives", "nightly"), f"of another home: {self.home} on")
        done = self.hbcore(*new, "import", "latest", expect=1)
        self.assert_mentions(done, str(made), f"of {self.home} on", "name it if it is the one")
        self.assertFalse((self.dir / "new").exists())
        self.hbcore(*new, "import", made)
        self.assertEqual((self.dir / "new/notes").read_bytes(), b"one")
        # A home with an id knows its own: a number does not stand for another's.
        self.assert_mentions(self.hbcore(*new, "import", "1", input=b"y\n", expect=2), str(made), "name the file")
        self.hbcore(*new, "import", made, input=b"y\n")

    def test_nothing_there(self):
        self.assert_mentions(self.hbcore("archives", "nightly"), "no archives")
        self.assert_mentions(self.hbcore("import", "latest", expect=1), str(self.home), "does not exist")
        self.assertFalse(self.home.exists())

    def test_through_a_link(self):
        """The path is canonical, as far as there is something."""
        real = self.dir / "real"
        real.mkdir()
        (self.dir / "way").symlink_to("real")
        through = ("--home", self.dir / "way/home")
        hb.write(real / "home/notes", b"one")
        self.back_up(b"", *through)
        shutil.rmtree(real / "home")
        self.assertEqual(self.content("latest", *through).stdout, b"one")
        self.assertEqual(self.content("latest", "--home", real / "home").stdout, b"one")

    def test_a_strangers_archive_notes_any_path(self):
        """Who has no say in the directory and puts a file there gives nobody a home."""
        if os.geteuid() != 0:
            self.skip("only root can give a file to a stranger")
        mine = self.back_up(b"mine")
        theirs = self.back_up(b"theirs")
        shutil.rmtree(self.home)
        os.chown(theirs, hb.NOBODY, hb.NOBODY)
        for facts in self.kept.glob("*.facts"):
            facts.unlink()
        self.assertEqual(self.content("latest").stdout, b"mine")
        rows, _ = self.rows()
        self.assertEqual({row["path"]: row["whose"] for row in rows}, {str(mine): "path", str(theirs): "unknown"})


class Machines(Case):
    """One path, several machines, one directory."""

    def on(self, host, text):
        """One that is made there; another home, for it has another id."""
        shutil.rmtree(self.home, ignore_errors=True)
        hb.write(self.home / "notes", text)
        self.run_on(host, "backup", "--preset", "nightly")
        for facts in self.kept.glob("*.facts"):  # of another installation they are not believed
            facts.unlink()

    def test_this_one_goes_first(self):
        self.on("first", b"first")
        self.on("second", b"second")
        shutil.rmtree(self.home)
        for host in ("first", "second"):
            self.assertEqual(self.run_on(host, "cat", "latest", "notes").stdout, host.encode())
            self.run_on(host, "import", "latest")
            self.assertEqual((self.home / "notes").read_text(), host)
            shutil.rmtree(self.home)

    def test_a_new_machine(self):
        self.on("first", b"first")
        shutil.rmtree(self.home)
        self.assertEqual(self.run_on("third", "cat", "latest", "notes").stdout, b"first")
        self.on("second", b"second")
        shutil.rmtree(self.home)
        done = self.run_on("third", "import", "latest", expect=1)
        self.assert_mentions(done, "several machines", "name the file")
        self.assertFalse(self.home.exists())

    def test_two_homes_one_after_the_other(self):
        self.on("first", b"old")
        self.on("first", b"new")
        shutil.rmtree(self.home)
        done = self.run_on("first", "list", "latest")
        self.assert_mentions(done, "several homes")
        self.assertEqual(self.run_on("first", "cat", "latest", "notes").stdout, b"new")


if __name__ == "__main__":
    unittest.main()
