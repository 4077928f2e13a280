# SPDX-License-Identifier: Apache-2.0
"""Whose archive is it? Several homes with one configuration, copies of a home, archives of nobody."""
import json
import os
import pathlib
import re
import shutil
import unittest
import zipfile

import hb
import odd_store

OWNER, STRANGER = 54321, 54322


class Homes(hb.Case):
    def setUp(self):
        super().setUp()
        self.shared = self.user / "hermes-backups"  # where [preset:nightly] puts them

    def home(self, name):
        home = self.dir / name
        hb.write(home / "config.yaml", f"who: {name}\n")
        return home

    def nightly(self, home, *arguments, options=(), **keywords):
        return self.summary(self.hbcore("--home", home, "--json", "--set", "preset:nightly.keep=2", "--set", "preset:nightly.keep-daily=0",
                                        *options, "backup", "--preset", "nightly", *arguments,
                                        **keywords))

    def prune(self, home, *arguments, **keywords):
        """(line of each archive, summary)"""
        done = self.hbcore("--home", home, "--json", "--set", "preset:nightly.keep=2", "--set", "preset:nightly.keep-daily=0", "prune",
                           "--preset", "nightly", *arguments, **keywords)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [row for row in rows if row["type"] == "archive"], rows[-1]

    def names(self):
        return [path.name for path in hb.archives(self.shared)]

    def whose(self):
        """What each archive that is there holds, sorted."""
        found = []
        for path in hb.archives(self.shared):
            with zipfile.ZipFile(path) as archive:
                found.append(archive.read("config.yaml").decode().split()[1])
        return sorted(found)

    def as_before(self, path):
        """The archive as the release before made it: it does not say of which home it is."""
        data = path.read_bytes()
        made = self.dir / "reproducible.zip"
        made.write_bytes(data)
        self.assertIsNone(hb.origin(made))

    def old_archive(self, home, name):
        path = self.dir / "old.zip"
        self.hbcore("--home", home, "backup", "-o", path, env={"SOURCE_DATE_EPOCH": "1800000000"})
        self.as_before(path)
        self.shared.mkdir(exist_ok=True)
        path.rename(self.shared / name)
        return self.shared / name


@unittest.skipUnless(os.geteuid() == 0, "needs root, to be several users")
@odd_store.local("its owners and modes")
class AnotherUser(Homes):
    """Who may read a home can make archives that bear its id; they take no place of the owner's own."""

    def run_as(self, user, *arguments):
        login = self.dir / f"login-{user}"
        login.mkdir(exist_ok=True)
        os.chown(login, user, user)
        options = ("--set", f"preset:nightly.directory={self.shared}", "--set", "preset:nightly.keep=2")
        return self.hbcore("--json", *options, "--home", self.mine, *arguments, user=user, group=user, extra_groups=[],
                           env={"HOME": str(login), "XDG_STATE_HOME": str(login / "state")}, expect=None)

    def setUp(self):
        super().setUp()
        self.dir.chmod(0o755)
        self.shared = self.dir / "shared"
        self.shared.mkdir()
        self.shared.chmod(0o1777)
        self.mine = self.home("mine")
        hb.write(self.mine / ".env", "K=1\n", 0o600)
        for path in (self.mine, *self.mine.iterdir()):
            os.chown(path, OWNER, OWNER)
        self.mine.chmod(0o755)

    def strangers(self, count):
        for _ in range(count):
            done = self.run_as(STRANGER, "--set", "filter:exclusions.names=.env", "backup", "--preset", "nightly")
            self.assertEqual(done.returncode, 0, done.stderr)
            path = pathlib.Path(self.summary(done)["archive"])
            path.chmod(0o644)
            self.assertEqual(path.stat().st_uid, STRANGER)

    def own(self):
        return [path.name for path in hb.archives(self.shared) if path.stat().st_uid == OWNER]

    def check_kept(self, by):
        before = self.own()
        self.assertEqual(len(before), 2)
        done = self.run_as(by, "prune", "--preset", "nightly")
        summary = self.summary(done)
        self.assertEqual(self.own(), before)
        self.assertEqual(len(summary["unknown_archives"]), 2)  # of them he keeps two

    def test_archives_of_a_stranger_take_no_place(self):
        for _ in range(2):
            self.run_as(OWNER, "backup", "--preset", "nightly")
        self.strangers(4)
        for by in (OWNER, 0):
            with self.subTest(by=by):
                self.check_kept(by)

    def test_nor_when_another_is_made(self):
        self.run_as(OWNER, "backup", "--preset", "nightly")
        self.strangers(4)
        done = self.run_as(OWNER, "backup", "--preset", "nightly")
        self.assertEqual(self.summary(done)["removed"], 0)
        self.assertEqual(len(self.own()), 2)

    def test_what_a_stranger_put_into_the_home(self):
        """Nothing in it says whose it is; that it lies in the home does not make it an archive of the home."""
        self.shared = self.mine / "kept"
        self.shared.mkdir()
        self.shared.chmod(0o1777)
        os.chown(self.shared, OWNER, OWNER)
        for _ in range(2):
            self.run_as(OWNER, "backup", "--preset", "nightly")
        for day in (1, 2, 3):
            path = self.shared / f"nightly-2024-01-0{day}-000000.zip"
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("config.yaml", "who: a stranger\n")
            os.chown(path, STRANGER, STRANGER)
        before = sorted(self.shared.iterdir())
        for by in (OWNER, 0):
            with self.subTest(by=by):
                summary = self.summary(self.run_as(by, "prune", "--preset", "nightly"))
                self.assertEqual(len(summary["unknown_archives"]), 3)
                self.assertEqual(sorted(self.shared.iterdir()), before)

    def test_in_a_directory_of_the_one_who_makes_them(self):
        """Somebody else may be charged with the backups: the directory is his."""
        os.chown(self.shared, STRANGER, STRANGER)
        self.strangers(4)
        self.assertEqual(len(hb.archives(self.shared)), 2)


class TwoHomes(Homes):
    @odd_store.local("facts name no home")
    def test_each_prunes_its_own(self):
        one, two = self.home("one"), self.home("two")
        self.nightly(one)
        for _ in range(5):
            made = self.nightly(two)
        self.assertEqual(self.whose(), ["one", "two", "two"])
        self.assertEqual([row["home"] for row in made["other_archives"]], [str(one)])
        self.assertEqual(len(made["removed_archives"]), made["removed"])
        self.nightly(one)
        self.nightly(one)
        self.assertEqual(self.whose(), ["one", "one", "two", "two"])

    def test_what_is_removed_is_named(self):
        home = self.home("one")
        first = pathlib.Path(self.nightly(home)["archive"])
        self.nightly(home)
        done = self.hbcore("--home", home, "--set", "preset:nightly.keep=2", "--set", "preset:nightly.keep-daily=0", "backup", "--preset",
                           "nightly")
        self.assert_mentions(done, "Removed:", first.name)
        self.assertFalse(first.exists())
        made = self.nightly(home)
        self.assertEqual(made["removed"], 1)
        self.assertEqual([pathlib.Path(path).parent for path in made["removed_archives"]],
                         [self.shared])

    def test_others_are_no_source(self):
        for number, name in enumerate(("one", "two", "one")):
            home = self.dir / name
            if not home.exists():
                home = self.home(name)
            hb.write(self.home(name) / "noise", b"the same in both" * 100_000)
            made = self.nightly(home)
            if number < 2:
                self.assertEqual((made["reused_bytes"], made["notes"]), (0, []))

    def test_a_copy_is_another_home(self):
        """cp -a takes the id with it, but it holds for one place."""
        one = self.home("one")
        self.nightly(one)
        self.nightly(one)
        copy = self.dir / "copy"
        self.tool("cp", "-a", one, copy)
        hb.write(copy / "config.yaml", "who: copy\n")
        made = self.nightly(copy)
        self.assertIn("is a copy of", " ".join(note["reason"] for note in made["notes"]))
        self.assertEqual(self.nightly(copy)["notes"], [])
        self.nightly(copy)
        self.assertEqual(self.whose(), ["copy", "copy", "one", "one"])
        self.nightly(one)
        self.assertEqual(self.whose(), ["copy", "copy", "one", "one"])

    def test_a_copy_at_the_old_place(self):
        """mv, then cp -a to the old place, and no run in between: one id by the inode, and by the place. Neither takes
        what the other made."""
        one, old = self.home("one"), self.dir / "old"
        self.nightly(one)
        one.rename(old)
        self.tool("cp", "-a", old, one)
        hb.write(one / "config.yaml", "who: copy\n")
        made = self.nightly(one)
        self.assertIn("created anew at its path", " ".join(note["reason"] for note in made["notes"]))
        hb.write(old / "config.yaml", "who: old\n")
        for _ in range(3):
            self.nightly(old)
        self.assertIn("copy", self.whose())
        self.assertEqual(self.whose().count("old"), 2)
        for _ in range(3):
            self.nightly(one)
        self.assertEqual(self.whose(), ["copy", "copy", "old", "old"])
        self.assertEqual([note for note in self.nightly(one)["notes"] if "anew" in note["reason"]], [])

    def test_a_moved_home_is_the_same(self):
        one = self.home("one")
        made = [self.nightly(one)]
        one.rename(self.dir / "moved")
        made += [self.nightly(self.dir / "moved") for _ in range(2)]
        said = [hb.origin(row["archive"]) for row in made[1:]]
        self.assertEqual([row["sequence"] for row in said], [2, 3])
        self.assertEqual([row["path"] for row in said], [str(self.dir / "moved")] * 2)
        self.assertEqual(len(self.names()), 2)
        self.assertEqual(made[-1]["notes"], [])

    @odd_store.local("staged beside the archive")
    def test_a_home_that_cannot_be_written_to(self):
        """It is known by its place, and its archives stay its own when it gets a file."""
        home = self.home("one")
        home.chmod(0o555)
        options = self.somebody_else(self.user)
        options["env"] = {"XDG_STATE_HOME": str(self.user / "state")}
        made = [self.nightly(home, **options) for _ in range(3)]
        self.assertEqual(made[-1]["notes"], [])
        self.assertEqual(len(self.names()), 2)
        self.assertFalse((home / hb.HOME_ID).exists())
        home.chmod(0o755)
        self.nightly(home)
        self.assertTrue((home / hb.HOME_ID).exists())
        self.assertEqual(len(self.names()), 2)


class Origin(Homes):
    def test_what_an_archive_says(self):
        home = self.home("one")
        made = self.nightly(home)
        said = hb.origin(made["archive"])
        identity = json.loads((home / hb.HOME_ID).read_text())
        self.assertEqual(said["home"], identity["id"])
        self.assertEqual((said["path"], said["preset"], said["sequence"]), (str(home), "nightly", 1))
        self.assertEqual((said["files"], said["bytes"]), (made["files"], made["bytes"]))
        self.assertEqual(said["host"], os.uname().nodename)
        self.assertLess(said["started"], said["ended"])
        self.assertIn(said["stamp"], made["archive"])
        self.hbcore("--home", home, "backup", "--format", "tar-zstd", "-o", self.dir / "b.tar.zst")
        said = hb.origin(self.dir / "b.tar.zst")
        self.assertEqual((said["home"], said["preset"], said["sequence"]),
                         (identity["id"], None, 1))

    @odd_store.local("what has the name is replaced")
    def test_one_above_the_highest(self):
        home = self.home("one")
        for number in range(1, 4):
            self.assertEqual(hb.origin(self.nightly(home)["archive"])["sequence"], number)
        self.home("two")
        self.assertEqual(hb.origin(self.nightly(self.dir / "two")["archive"])["sequence"], 1)
        # What is replaced by hand counts on.
        for number in range(1, 3):
            self.hbcore("--home", home, "backup", "-o", self.dir / "same.zip")
            self.assertEqual(hb.origin(self.dir / "same.zip")["sequence"], number)

    @odd_store.local("numbers in names")
    def test_the_order_is_that_of_the_numbers(self):
        """Not that of the names, nor of the times: clocks are set back, and files are renamed."""
        home = self.home("one")
        first = pathlib.Path(self.nightly(home)["archive"])
        first.rename(self.shared / "nightly-2099-01-01-000000.zip")
        os.utime(self.shared / "nightly-2099-01-01-000000.zip", (4_000_000_000,) * 2)
        second = self.nightly(home)["archive"]
        made = self.nightly(home)
        self.assertEqual(made["removed_archives"],
                         [str(self.shared / "nightly-2099-01-01-000000.zip")])
        self.assertEqual(self.names(), sorted(pathlib.Path(path).name
                                              for path in (second, made["archive"])))
        # Names do not go back in time either: a number tells them apart.
        self.assertRegex(second, r"-\d{6}-2\.zip$")
        self.assertRegex(made["archive"], r"-\d{6}-3\.zip$")

    def test_no_name_is_given_twice(self):
        home = self.home("one")
        names = [self.nightly(home, options=("--set", "preset:nightly.keep=1"))["archive"]
                 for _ in range(12)]
        self.assertEqual(len(set(names)), 12)
        self.assertEqual(self.names(), [pathlib.Path(names[-1]).name])

    @odd_store.local("facts stand beside what was forged")
    def test_a_number_that_was_made_up(self):
        home = self.home("one")
        path = pathlib.Path(self.nightly(home)["archive"])
        facts = path.with_name(path.name + ".facts")
        forged = hb.forged(path.read_bytes(), said={"sequence": 2**62})
        path.write_bytes(forged)
        self.assertEqual(hb.origin(self.nightly(home)["archive"])["sequence"], 2, "the facts beside it know better")
        for there in self.shared.iterdir():
            there.unlink()
        path.write_bytes(forged)
        self.assertFalse(facts.exists())
        self.assertEqual(hb.origin(self.nightly(home)["archive"])["sequence"], 1)

    @odd_store.local("facts stand beside what was forged")
    def test_words_that_cannot_be(self):
        """Whatever a trailer says: it is read, and the archive is not taken for one of ours."""
        home = self.home("one")
        path = pathlib.Path(self.nightly(home)["archive"])
        good = path.read_bytes()
        for said in ({"home": 5}, {"home": "../../etc"}, {"home": None}, {"sequence": -1},
                     {"stamp": "9" * 100}, {"started": "now"}, {"path": 7}):
            path.write_bytes(hb.forged(good, said=said))
            self.hbcore("verify", path)
            self.nightly(home)
            self.assertTrue(path.exists() or "home" not in said, said)


class Nobodys(Homes):
    def test_those_of_the_release_before_are_left(self):
        home = self.home("one")
        old = [self.old_archive(home, f"nightly-2024-01-0{day}-000000.zip") for day in (1, 2, 3)]
        for path in old:
            self.hbcore("list", path)
            self.hbcore("verify", path)
            self.hbcore("--home", self.dir / f"from-{path.name}", "import", path)
        for _ in range(3):
            made = self.nightly(home)
        self.assertEqual(sorted(made["unknown_archives"]), [str(path) for path in old])
        note, = [note["reason"] for note in made["notes"]]
        self.assertIn(f"--home {home} prune --preset nightly --adopt", note)
        self.assertEqual(len(self.names()), 5)
        rows, summary = self.prune(home)
        self.assertEqual([row["fate"] for row in rows], ["kept"] * 2 + ["unknown"] * 3)
        self.assertEqual(summary["removed"], 0)

    def test_adopt(self):
        home = self.home("one")
        old = [self.old_archive(home, f"nightly-2024-01-0{day}-000000.zip") for day in (1, 2, 3)]
        self.nightly(home)
        before = self.names()
        _, summary = self.prune(home, "--adopt", "--dry-run")
        self.assertEqual((summary["adopted"], summary["removed"]), (3, 2))
        self.assertEqual(self.names(), before)
        rows, summary = self.prune(home, "--adopt")
        self.assertEqual([row["fate"] for row in rows], ["kept", "kept", "removed", "removed"])
        self.assertEqual(summary["removed_archives"], [str(path) for path in reversed(old[:2])])
        # From now on it is this home's: nobody is asked again, and it goes when its time has come.
        made = self.nightly(home)
        self.assertEqual((made["notes"], made["removed_archives"]), ([], [str(old[2])]))
        # Another home does not get it by that.
        other = self.home("two")
        self.old_archive(home, old[0].name)
        self.assertEqual(self.nightly(other)["unknown_archives"], [str(old[0])])

    @odd_store.local("what lies below the home and says nothing counts as its own")
    def test_in_the_home_they_are_its_own(self):
        home = self.home("one")
        for day in (1, 2, 3):
            self.old_archive(home, f"pre-update-2024-01-0{day}-000000.zip")
        shutil.move(self.shared, home / "backups")
        made = self.summary(self.hbcore("--home", home, "--json", "backup", "--preset",
                                        "pre-update", "--keep", "2"))
        self.assertEqual(made["removed"], 2)

    def test_a_name_that_begins_with_the_homes_is_not_in_the_home(self):
        """/home2 beside /home, and what else begins so."""
        home = self.home("one")
        for name in ("one2", "one-backups", "one.old/backups"):
            self.shared = self.dir / name
            self.shared.mkdir(parents=True)
            old = [self.old_archive(home, f"pre-update-2024-01-0{day}-000000.zip") for day in (1, 2)]
            made = self.summary(self.hbcore("--home", home, "--json", "--set",
                                            f"preset:pre-update.directory={self.shared}", "backup",
                                            "--preset", "pre-update", "--keep", "1"))
            self.assertEqual(sorted(made["unknown_archives"]), [str(path) for path in old])
            self.assertEqual(made["removed"], 0)
            self.assertEqual([path.exists() for path in old], [True, True])

    def test_not_through_a_link_to_somebody_elses(self):
        """`backups` in the home leads to the archives of another one."""
        other, home = self.home("other"), self.home("one")
        for day in (1, 2, 3):
            self.old_archive(other, f"pre-update-2024-01-0{day}-000000.zip")
        for _ in range(2):
            self.hbcore("--home", other, "--set", f"preset:pre-update.directory={self.shared}",
                        "backup", "--preset", "pre-update")
        before = self.names()
        (home / "backups").symlink_to(self.shared)
        self.hbcore("--home", home, "backup", "--preset", "pre-update", "--keep", "1")
        self.assertLessEqual(set(before), set(self.names()))

    def test_foreign_and_damaged_files(self):
        """With the name of an archive, and no archive, or not ours, or broken."""
        home = self.home("one")
        good = pathlib.Path(self.nightly(home)["archive"]).read_bytes()
        with zipfile.ZipFile(self.shared / "nightly-2024-01-01-000000.zip", "w") as archive:
            archive.writestr("config.yaml", "who: a stranger\n")
        hb.write(self.shared / "nightly-2024-01-02-000000.zip", b"no archive")
        hb.write(self.shared / "nightly-2024-01-03-000000.zip", b"")
        hb.write(self.shared / "nightly-2024-01-04-000000.zip", good[:len(good) // 2])
        (self.shared / "nightly-2024-01-05-000000.zip").symlink_to(self.shared / "nowhere")
        os.mkfifo(self.shared / "nightly-2024-01-06-000000.zip")
        for _ in range(3):
            made = self.nightly(home)
        self.assertEqual(len(made["unknown_archives"]), 4)
        self.assertEqual(len([name for name in self.names() if "2024" in name]), 6)

    @odd_store.local("numbers in names")
    def test_a_name_tells_a_later_time_than_the_clock(self):
        """The name of a new one has a number, so that it is never one that was there before."""
        self.shared.mkdir()
        with zipfile.ZipFile(self.shared / "nightly-2099-01-01-000000.zip", "w") as archive:
            archive.writestr("config.yaml", "who: nobody\n")
        made = pathlib.Path(self.nightly(self.home("one"))["archive"])
        self.assertRegex(made.stem, r"^nightly-\d{4}-\d\d-\d\d-\d{6}-\d+$")

    def test_prune_names_the_whole_path(self):
        """Also of a directory that is not there yet."""
        home = self.home("one")
        expected = {"nightly": self.shared, "pre-update": home / "backups"}
        for made in (False, True):
            if made:
                for directory in expected.values():
                    directory.mkdir()
            said = self.hbcore("--home", home, "prune").stdout.decode()
            for name, directory in expected.items():
                self.assertIn(f"{name}: {directory}, keep", said)

    @odd_store.local("facts name no home")
    def test_prune_by_hand(self):
        one, two = self.home("one"), self.home("two")
        self.nightly(two)
        made = [self.nightly(one, options=("--set", "preset:nightly.keep=9"))["archive"]
                for _ in range(4)]
        rows, summary = self.prune(one, "--dry-run")
        self.assertEqual({row["path"]: row["fate"] for row in rows if row["path"] in made},
                         {made[3]: "kept", made[2]: "kept", made[1]: "removed", made[0]: "removed"})
        self.assertEqual([row["fate"] for row in rows if row["path"] not in made], ["other"])
        self.assertEqual(summary["removed"], 2)
        self.assertEqual(len(self.names()), 5)
        done = self.hbcore("--home", one, "--set", "preset:nightly.keep=2", "--set", "preset:nightly.keep-daily=0", "prune")
        self.assertRegex(done.stdout.decode(), re.escape(pathlib.Path(made[0]).name) + "  +removed")
        self.assert_mentions(done, "belongs to another home", str(two), "Removed 2 archives.")
        self.assertEqual(self.prune(one)[1]["removed"], 0)
        self.hbcore("--home", one, "prune", "--preset", "none", expect=2)
        self.hbcore("--home", one, "prune", "too much", expect=2)
        with hb.HeldLock(one):
            self.hbcore("--home", one, "prune", expect=5)


class IdFile(Homes):
    def test_it_is_in_no_archive_and_no_snapshot(self):
        home = self.home("one")
        for _ in range(2):
            self.nightly(home)
        inner = home / "profiles/a"
        hb.write(inner / "config.yaml", b"x: 1\n")
        self.hbcore("--home", inner, "backup", "-o", self.dir / "inner.zip")
        self.assertTrue((inner / hb.HOME_ID).exists())
        made = self.nightly(home)
        with zipfile.ZipFile(made["archive"]) as archive:
            self.assertEqual([name for name in archive.namelist() if hb.HOME_ID in name], [])
        self.assertEqual([row["path"] for row in made["left_out"]], [f"profiles/a/{hb.HOME_ID}"])
        made = self.summary(self.hbcore("--home", home, "--json", "--set",
                                        f"snapshot.files={hb.HOME_ID} config.yaml profiles",
                                        "snapshot", "create"))
        files = json.loads((home / "state-snapshots" / made["id"] / "manifest.json").read_text())
        self.assertEqual(set(files["files"]), {"config.yaml", "profiles/a/config.yaml"})

    def test_no_import_writes_it(self):
        home, target = self.home("one"), self.home("target")
        self.nightly(target)
        before = (target / hb.HOME_ID).read_bytes()
        hb.write(home / hb.HOME_ID, b'{"hbcore-id":1,"id":"' + b"0" * 32 + b'"}')
        for name in ("plain", ".hermes"):
            archive = self.dir / f"{name}.zip"
            with zipfile.ZipFile(archive, "w") as opened:
                prefix = ".hermes/" if name == ".hermes" else ""
                opened.writestr(prefix + "config.yaml", "a: 1\n")
                opened.writestr(prefix + hb.HOME_ID, "x")
                opened.writestr(prefix + "deep/" + hb.HOME_ID + "/file", "x")
            done = self.hbcore("--home", target, "import", "--force", archive, expect=3)
            self.assert_mentions(done, hb.HOME_ID, "identifies a home")
            self.assertEqual((target / hb.HOME_ID).read_bytes(), before)
            self.assertFalse((target / "deep" / hb.HOME_ID).exists())

    def test_something_else_of_its_name(self):
        home = self.home("one")
        for make in (lambda path: path.mkdir(), lambda path: os.mkfifo(path),
                     lambda path: path.write_bytes(b"mine")):
            path = home / hb.HOME_ID
            make(path)
            for _ in range(2):
                made = self.nightly(home, expect=3)
            self.assertEqual([row["path"] for row in made["skipped"]], [hb.HOME_ID])
            self.assertIn("identifies the home", " ".join(row["reason"] for row in made["notes"]))
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()
        said = {hb.origin(self.shared / name)["home"] for name in self.names()}
        self.assertEqual(len(said), 1, "by its place it is the same home each time")


class OwnFilesInTheHome(Homes):
    """HOME is the home, as in containers: archives, snapshots and the key lie in what is archived."""

    def setUp(self):
        super().setUp()
        self.inside = self.user
        hb.write(self.inside / "config.yaml", "who: inside\n")
        self.options = {"env": {"XDG_STATE_HOME": None}} if os.geteuid() != 0 else {
            "env": {"XDG_STATE_HOME": str(self.inside / ".local/state")}}

    def members(self, archive):
        with zipfile.ZipFile(archive) as opened:
            return set(opened.namelist())

    def test_archives_are_left_out(self):
        for _ in range(3):
            made = self.nightly(self.inside, **self.options)
        names = self.members(made["archive"])
        self.assertEqual([name for name in names if name.endswith(".zip")], [])
        self.assertEqual(len(made["left_out"]), 2)
        self.assertIn("archive of this home", made["left_out"][0]["reason"])
        plain = self.summary(self.hbcore("--home", self.inside, "--json", "backup", **self.options))
        again = self.summary(self.hbcore("--home", self.inside, "--json", "backup", **self.options))
        self.assertEqual(pathlib.Path(plain["archive"]).parent, self.inside)
        self.assertNotIn(pathlib.Path(plain["archive"]).name, self.members(again["archive"]))

    def test_others_are_files_like_others(self):
        other = self.home("other")
        theirs = pathlib.Path(self.nightly(other)["archive"])
        made = self.nightly(self.inside, **self.options)
        self.assertIn(f"hermes-backups/{theirs.name}", self.members(made["archive"]))
        hb.write(self.shared / "nightly-notes.txt", b"mine")
        made = self.nightly(self.inside, **self.options)
        self.assertIn("hermes-backups/nightly-notes.txt", self.members(made["archive"]))

    def test_the_key_is_in_no_archive(self):
        self.nightly(self.inside, **self.options)
        key = self.inside / ".local/state/hbcore/reuse.key"
        os.link(key, self.inside / "another name of it")
        made = self.nightly(self.inside, **self.options)
        self.assertEqual([name for name in self.members(made["archive"]) if "key" in name or
                          "another" in name], [])
        made = self.summary(self.hbcore("--home", self.inside, "--json", "--set",
                                        "snapshot.files=.local config.yaml", "snapshot", "create",
                                        **self.options))
        self.assertEqual(made["files"], 1)


@odd_store.local("archives among the files of the home")
class Planted(Homes):
    """An archive that somebody made, so that we take what is in it for our own."""

    generic = ("--config", hb.GENERIC)

    def archive(self, *names):
        path = self.dir / "gift.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("config.yaml", *names):
                archive.writestr(name, b"" if name.endswith("/") else b"planted")
        return path

    def refused(self, home, archive, *names, options=()):
        done = self.hbcore("--home", home, *options, "--json", "import", "--force", archive,
                           expect=3 if names else 0)
        self.assertEqual({row["path"] for row in self.summary(done)["skipped"]}, set(names))
        for name in names:
            self.assertFalse((home / name).exists(), name)

    def test_archives_of_presets(self):
        names = ["backups/pre-update-2099-01-01-000000.zip",
                 "backups/pre-update-2099-01-01-000000.tar.zst",
                 "backups/pre-import-2099-01-01-000000-7.ZIP"]
        fine = ["backups/notes.txt", "backups/deep/pre-update-2099-01-01-000000.zip",
                "pre-update-2099-01-01-000000.zip", "backups/other-2099-01-01-000000.zip"]
        for home in (self.home("one"), self.dir / "new"):
            self.refused(home, self.archive(*names, *fine), *names)
            for name in fine:
                self.assertTrue((home / name).exists(), name)

    def test_snapshots(self):
        names = ["state-snapshots/20990101-000000/manifest.json", "state-snapshots/20990101-000001"]
        archive = self.archive("state-snapshots/", names[0], names[1] + "/")
        for home in (self.home("one"), self.dir / "new"):  # a backup may have some: no problem, but they stay out
            self.refused(home, archive)
            done = self.hbcore("--home", home, "--json", "import", "--force", archive)
            self.assertEqual([row["path"] for row in self.summary(done)["left_out"]], names[:1])
            for name in names:
                self.assertFalse((home / name).exists(), name)

    def test_through_links_of_the_home(self):
        home = self.home("one")
        for name in ("backups", "state-snapshots", "elsewhere"):
            (home / name).mkdir()
        (home / "way").symlink_to("backups")
        (home / "deep").mkdir()
        (home / "deep/way").symlink_to("../state-snapshots")
        (home / "up").symlink_to(".")
        names = ["way/pre-update-2099-01-01-000000.zip", "deep/way/2099/manifest.json",
                 "up/backups/pre-update-2099-01-01-000000.zip"]
        self.refused(home, self.archive(*names), *names)
        self.assertEqual(os.listdir(home / "state-snapshots"), [])
        self.assertEqual(os.listdir(home / "backups"), [])
        # A directory that is not there yet, behind a link: it is not put there as a whole either.
        (home / "backups").rmdir()
        (home / "up/elsewhere").rmdir()
        names = ["up/backups/pre-update-2099-01-01-000000.zip"]
        self.refused(home, self.archive(*names, "up/backups/fine"), *names)
        self.assertTrue((home / "backups/fine").exists())

    def test_links_of_the_archive(self):
        """One would say that our archives lie where the other members go."""
        import tarfile
        home, path = self.home("one"), self.dir / "gift.tar"
        with tarfile.open(path, "w") as archive:
            for name in ("backups", "state-snapshots"):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = tarfile.SYMTYPE, "mine"
                archive.addfile(member)
            for name in ("config.yaml", "mine/pre-update-2099-01-01-000000.zip"):
                archive.addfile(tarfile.TarInfo(name))
        self.refused(home, path, "backups", "state-snapshots",
                     options=("--set", "import.links=restore"))

    def test_the_key(self):
        hb.write(self.user / "config.yaml", b"a: 1\n")
        names = ["state/hbcore/reuse.key", "state/hbcore/more"]
        self.refused(self.user, self.archive(*names), *names)

    def test_a_dry_run_says_so(self):
        home = self.home("one")
        name = "backups/pre-update-2099-01-01-000000.zip"
        done = self.hbcore("--home", home, "import", "--force", "--dry-run", self.archive(name),
                           expect=3)
        self.assert_mentions(done, name, "archive of this home")


if __name__ == "__main__":
    unittest.main()
