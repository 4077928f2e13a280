# SPDX-License-Identifier: Apache-2.0
"""Archives by preset, and which of them stay."""
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import unittest
import zipfile

import hb
import odd_store


class Presets(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        self.make_database(self.home / "state.db")
        self.backups = self.home / "backups"

    def make(self, preset="pre-update", *arguments, **keywords):
        done = self.hbcore("--home", self.home, "--json", "backup", "--preset", preset, *arguments,
                           **keywords)
        return self.summary(done)

    def archives(self, prefix="pre-update-"):
        return [path.name for path in hb.archives(self.backups) if path.name.startswith(prefix)]

    def old(self, *names):
        for name in names:
            hb.write(self.backups / name, b"an old archive")

    def test_names_and_places(self):
        for preset in ("pre-update", "pre-migration", "pre-import"):
            made = pathlib.Path(self.make(preset)["archive"])
            self.assertEqual(made.parent, self.backups)
            self.assertRegex(made.name, rf"^{preset}-{odd_store.STAMP}\.zip$")
            self.hbcore("--home", self.dir / preset, "import", made)
            self.assertEqual((self.dir / preset / "config.yaml").read_bytes(), b"a: 1\n")

    @odd_store.local("what lies below the home and says nothing counts as its own")
    def test_five_stay(self):
        self.old(*(f"pre-update-2024-01-{day:02}-000000.zip" for day in range(1, 8)))
        made = self.make()
        self.assertEqual(made["removed"], 3)
        self.assertEqual(self.archives(),
                         [f"pre-update-2024-01-{day:02}-000000.zip" for day in range(4, 8)] +
                         [pathlib.Path(made["archive"]).name])

    def test_facts_stand_beside_archives_and_go_with_them(self):
        """What is not of the preset has none, and stale ones without an archive go after a day."""
        for _ in range(3):
            self.make("pre-update", "--keep", "2")
        facts = sorted(path.name for path in self.backups.glob("*.facts"))
        self.assertEqual(facts, sorted(name + ".facts" for name in self.archives()))
        for name in facts:
            told = json.loads((self.backups / name).read_text())
            archive = (self.backups / name[:-len(".facts")]).read_bytes()
            self.assertEqual((told["length"], told["reasons"]), (len(archive), 0))
            self.assertEqual(told["head"], hashlib.sha256(archive[:4096]).hexdigest())
            self.assertEqual(os.stat(self.backups / name).st_mode & 0o777, 0o600)
        own = (self.backups / facts[0]).read_bytes()
        others = json.dumps({**json.loads(own), "home": "0" * 32, "mac": "0" * 64}).encode()
        stale, fresh, taken, linked, notes, large, foreign = (
            self.backups / f"pre-update-2024-01-0{day}-000000.zip.facts" for day in range(1, 8))
        for path, data in ((stale, own), (fresh, own), (taken, own), (linked, own), (notes, b"notes of mine"),
                           (large, b"{}" * 9000), (foreign, others)):
            hb.write(path, data)
            there = path in (taken, linked) and odd_store.PLUGINS  # in a store, what is no object has no name
            if path != fresh and not there:
                os.utime(path, (1_700_000_000, 1_700_000_000))
        os.mkdir(taken.with_suffix(""))
        linked.with_suffix("").symlink_to("/nowhere")
        self.make("pre-update", "--keep", "2")
        self.assertFalse(stale.exists())
        for path in (linked, notes, large, foreign):
            path.unlink()
        linked.with_suffix("").unlink()
        self.assertTrue(fresh.exists() and taken.exists())
        config = self.write_config("[format:zip]\n[preset:pre-update]\ndirectory = backups\n")
        byhand = self.dir / "by-hand.zip"
        self.hbcore("--config", config, "--home", self.home, "backup", "-o", byhand)
        with zipfile.ZipFile(byhand) as archive:
            stored = [name for name in archive.namelist() if name.endswith(".facts")]
        self.assertEqual(stored, ["backups/" + path.name for path in (fresh, taken)],
                         "those of an archive go with it; others are files like all")
        self.assertFalse((self.dir / "by-hand.zip.facts").exists())

    @odd_store.local("what lies below the home and says nothing counts as its own")
    def test_only_its_own_go(self):
        others = ["pre-migration-2024-01-01-000000.zip", "my own.zip", "pre-update-notes.txt",
                  "hermes-backup-2024-01-01-000000.zip", "pre-update-2024-01-01-000000.tar.xyz",
                  "x-pre-update-2024-01-01-000000.zip"]
        own = ["pre-update-2024-01-01-000000.ZIP", "pre-update-2024-01-01-000000.tar.zst"]
        self.old(*others, *own)
        os.mkdir(self.backups / "pre-update-2024-01-02-000000.zip")
        self.make("pre-update", "--keep", "1")
        for name in own:
            self.assertFalse((self.backups / name).exists(), name)
        for name in [*others, "pre-update-2024-01-02-000000.zip"]:
            self.assertTrue((self.backups / name).exists(), name)

    def test_a_format_that_was_changed(self):
        """What the preset made in another format before counts, goes in its turn, and is listed."""
        made = [pathlib.Path(self.make("pre-update", *words)["archive"]) for words in
                ((), ("--format", "tar-zstd"), ("--format", "tar-zstd"))]
        hb.write(self.home / "config.yaml", b"a: 2\n")
        listed = self.hbcore("--home", self.home, "--json", "prune", "--preset", "pre-update")
        rows = [json.loads(line) for line in listed.stdout.splitlines()][:-1]
        self.assertEqual([row["path"] for row in rows], [str(path) for path in reversed(made)])
        self.assertEqual([row["sequence"] for row in rows], [3, 2, 1])
        done = self.make("pre-update", "--keep", "2")
        self.assertEqual(done["removed_archives"], [str(path) for path in made[1::-1]])
        self.assertEqual(done["notes"], [])
        self.assertEqual(self.archives(), sorted([made[2].name, pathlib.Path(done["archive"]).name]))

    @odd_store.local("what lies below the home and says nothing counts as its own")
    def test_junk_is_listed_as_incomplete(self):
        self.old("pre-update-2024-01-01-000000.zip")
        self.make()
        listed = self.hbcore("--home", self.home, "prune", "--preset", "pre-update").stdout.decode().splitlines()
        states = {line.split("  ")[1]: line.split("  ")[2] for line in listed if line.startswith("  pre-update")}
        self.assertEqual(states.pop("pre-update-2024-01-01-000000.zip"), "stays: last (incomplete)")
        self.assertEqual(list(states.values()), ["stays: last"])

    @odd_store.local("archives among the files of the home")
    def test_archives_in_the_home_are_not_stored(self):
        """Made with -o, by any name and in any format; each would contain all before it."""
        def listed(*words, status=0):
            done = self.hbcore("--home", self.home, "--json", "backup", *words, expect=status)
            made = self.summary(done)
            return set(self.hbcore("list", made["archive"]).stdout.decode().split()), made

        other = self.dir / "other"
        hb.write(other / "config.yaml", b"of another home")
        self.hbcore("--home", other, "backup", "-o", self.home / "theirs.zip")
        self.hbcore("--home", self.home, "backup", "-o", self.dir / "dated", env={"SOURCE_DATE_EPOCH": "1700000000"})
        shutil.copyfile(self.dir / "dated.zip", self.home / "dated.zip")
        hb.write(self.home / "notes.zip", b"mine")
        kept = {"config.yaml", "state.db", "theirs.zip", "dated.zip", "notes.zip"}
        outputs = ("x.zip", "x.zip", "sub/y.zip", "sub/z.tar.zst", "sub/")
        for output in outputs:
            words = ("--format", "tar-zstd") if "zst" in output else ()
            names, made = listed("-o", f"{self.home}/{output}", *words)
            self.assertEqual({name for name in names if not name.endswith("/")}, kept, output)
        left = {"x.zip", "sub/y.zip", "sub/z.tar.zst"}
        self.assertEqual({row["path"] for row in made["left_out"]}, left)
        self.assertEqual({row["path"] for row in made["notes"]}, left)
        names, made = listed("-o", self.dir / "outside.zip")
        self.assertEqual(len(made["left_out"]), len(left) + 1)
        self.assertTrue(kept <= names and not names & left, names)

    def test_what_has_the_name_of_an_archive(self):
        """In the preset's directory in the home, without a filter: what is no archive is stored, and one that does
        not say whose it is is named."""
        self.config = self.write_config("[format:zip]\n[content:s]\nplugin = sqlite-snap\n[preset:n]\ndirectory = backups\nprefix = n-\nkeep = 9\n")
        junk = {"n-2024-01-01-000000.zip": b"my thesis", "n-2024-01-02-000000.zip": b"",
                "n-2024-01-03-000000-2.zip": os.urandom(3000)}
        for name, data in junk.items():
            hb.write(self.backups / name, data)
        with zipfile.ZipFile(self.backups / "n-2024-01-04-000000.zip", "w") as foreign:
            foreign.writestr("config.yaml", "x")
        for _ in range(2):
            made = self.make("n")
            stored = self.hbcore("list", made["archive"]).stdout.decode().split()
            self.assertEqual({f"backups/{name}" for name in junk}, {name for name in stored if name.startswith("backups/n")})
            self.assertEqual({row["path"] for row in made["notes"]}, {"backups/n-2024-01-04-000000.zip"})

    def test_a_preset_that_is_nearly_one(self):
        for name, hint in (("pre-updat", "did you mean pre-update?"), ("Nightly", "did you mean nightly?"),
                           ("something", "[preset:something]")):
            for command in ("backup", "prune"):
                done = self.hbcore("--home", self.home, command, "--preset", name, expect=2)
                self.assert_mentions(done, f"there is no preset '{name}'", hint)

    @odd_store.local("what lies below the home and says nothing counts as its own")
    def test_names_that_begin_alike(self):
        """Those of a preset with a longer name, and what somebody has put there by hand."""
        others = ["pre-update-weekly-2024-01-01-000000.zip", "pre-update-before-the-move.zip",
                  "pre-update-2024-01-01-000000-copy.zip", "pre-update-2024-01-01-000000-.zip",
                  "pre-update-2024-01-01.zip", "pre-update-2024-01-01-0000001.zip"]
        self.old(*others, "pre-update-2024-01-01-000000.zip", "pre-update-2024-01-01-000000-12.zip")
        self.assertEqual(self.make("pre-update", "--keep", "1")["removed"], 2)
        self.assertLessEqual(set(others), set(self.archives()))

    @odd_store.local("what lies below the home and says nothing counts as its own")
    def test_many_of_one_second_go_in_order(self):
        names = ["pre-update-2024-01-01-000000.zip"]
        names += [f"pre-update-2024-01-01-000000-{number}.zip" for number in range(2, 13)]
        self.old(*names)
        made = pathlib.Path(self.make("pre-update", "--keep", "4")["archive"]).name
        self.assertEqual(set(self.archives()), {*names[-3:], made})

    def test_keep(self):
        for number in (1, 0):
            self.make("pre-update", "--keep", str(number))
            self.assertEqual(len(self.archives()), 1)
        self.hbcore("--home", self.home, "backup", "--preset", "pre-update", "--keep", "-1",
                    expect=2)
        self.hbcore("--home", self.home, "backup", "--keep", "3", expect=2)

    def test_of_one_second(self):
        names = {self.make("pre-update", "--keep", "100")["archive"] for _ in range(8)}
        self.assertEqual(len(names), 8)
        last = self.make("pre-update", "--keep", "1")["archive"]
        self.assertEqual(self.archives(), [pathlib.Path(last).name])

    # Runs of one second share the time in their names, and a name that was freed is given again:
    # what a test wants to see again gets a date of its own, and is known by its content.

    def make_of(self, stamp, *arguments, **keywords):
        """An archive that is called as if it had been made then."""
        made = pathlib.Path(self.make("pre-update", *arguments, **keywords)["archive"])
        return made.rename(self.backups / f"pre-update-{stamp}{made.suffix}")

    def make_incomplete(self, *arguments):
        """The link that cannot be stored makes it so."""
        hb.write(self.dir / "outside", b"x")
        (self.home / "link").symlink_to(self.dir / "outside")
        try:
            return pathlib.Path(self.make("pre-update", *arguments, expect=3)["archive"])
        finally:
            os.remove(self.home / "link")

    def test_the_newest_complete_one_stays(self):
        good = self.make_of("2024-01-01-000000")
        content = good.read_bytes()
        for _ in range(3):
            self.make_incomplete("--keep", "2")
            self.assertIn(good.name, self.archives())
            self.assertEqual(good.read_bytes(), content)
        self.assertEqual(len(self.archives()), 3)
        self.make("pre-update", "--keep", "2")
        self.assertNotIn(good.name, self.archives())

    def test_an_incomplete_one_takes_the_place_of_none(self):
        """Of two complete ones the newer stays; the one just made is not complete, and does not count."""
        older = self.make_of("2024-01-01-000000", "--keep", "9")
        newer = self.make_of("2024-01-02-000000", "--keep", "9")
        content = newer.read_bytes()
        made = self.make_incomplete("--keep", "1")
        self.assertEqual(set(self.archives()), {newer.name, made.name}, older)
        self.assertEqual(newer.read_bytes(), content)

    def test_a_damaged_one_is_not_the_newest_complete(self):
        """It looks like an archive from its beginning, or from its end; an older whole one is what is left."""
        name = 46  # of a member, in its row of the directory
        damages = {"a byte": lambda data, at: data[:at + name] + b"?" + data[at + name + 1:],
                   "cut off": lambda data, at: data[:-30], "empty": lambda data, at: b""}
        for what, damage in damages.items():
            with self.subTest(damage=what):
                shutil.rmtree(self.backups, ignore_errors=True)
                whole = self.make_of("2024-01-01-000000", "--keep", "9")
                content = whole.read_bytes()
                newer = self.make_of("2024-01-02-000000", "--keep", "9")
                data = newer.read_bytes()
                newer.write_bytes(damage(data, data.index(b"PK\1\2")))
                self.make_incomplete("--keep", "1")
                self.assertTrue(whole.exists(), f"{whole} is gone; {self.archives()}")
                self.assertEqual(whole.read_bytes(), content)

    def test_a_clock_that_was_set_back(self):
        """The one just made stays, though another says that it was made later: by its name, or by its number."""
        other = self.make_of("2999-01-01-000000")
        made = pathlib.Path(self.make("pre-update", "--keep", "1")["archive"])
        self.assertTrue(made.exists(), f"{made} was made and is gone; {self.archives()}")
        self.hbcore("verify", made)
        other.write_bytes(hb.forged(made.read_bytes(), said={"sequence": 2**53}))
        made = pathlib.Path(self.make("pre-update", "--keep", "1")["archive"])
        self.assertTrue(made.exists(), f"{made} was made and is gone; {self.archives()}")

    def test_only_files_are_archives(self):
        """A link and a pipe of such a name are neither counted nor removed."""
        good = self.make_of("2024-01-01-000000")
        content = good.read_bytes()
        link, pipe = (self.backups / f"pre-update-{day}-000000.zip" for day in ("2024-01-02", "2023-01-01"))
        link.symlink_to(good)
        os.mkfifo(pipe)
        done = self.make("pre-update", "--keep", "2")
        self.assertEqual((done["removed"], link.is_symlink(), pipe.is_fifo()), (0, True, True))
        self.assertEqual((done["untold_archives"], done["unknown_archives"], done["notes"]), ([], [], []))
        listed = self.hbcore("--home", self.home, "--json", "prune", "--preset", "pre-update", "--dry-run")
        rows = [json.loads(line) for line in listed.stdout.splitlines()][:-1]
        self.assertEqual([row["path"] for row in rows], [done["archive"], str(good)])
        self.assertEqual(good.read_bytes(), content)
        self.make("pre-update", "--keep", "1")
        self.assertTrue(link.is_symlink() and pipe.is_fifo(), self.archives())
        self.assertEqual(len(self.archives()), 3)

    def test_nothing_is_removed_where_o_says_to_put_it(self):
        """The preset's number is for its own directory."""
        out = self.dir / "out"
        out.mkdir()
        one = ("--set", "preset:pre-update.keep=1")
        for number in range(4):
            self.hbcore("--home", self.home, *one, "backup", "--preset", "pre-update", "-o", f"{out}/")
            self.assertEqual(len(os.listdir(out)), number + 1, os.listdir(out))

    def test_nothing_there(self):
        empty = self.dir / "empty"
        empty.mkdir()
        self.home = empty
        self.assertIsNone(self.make()["archive"])
        self.assertEqual(os.listdir(empty), [])

    def test_a_failure_prunes_nothing(self):
        self.old(*(f"pre-update-2024-01-{day:02}-000000.zip" for day in range(1, 8)))
        self.hbcore("--home", self.home, "--set", "backup.stage-dir=/nowhere/at/all", "backup",
                    "--preset", "pre-update", expect=1)
        self.assertEqual(len(self.archives()), 7)

    def test_many_at_once(self):
        """Backups and snapshots; half of them wait for their turn."""
        count = 100 if hb.FULL else 30
        kinds = (["backup", "--preset", "pre-update", "--keep", "200"],
                 ["snapshot", "create", "--keep", "200"])
        running = [(number % 2, number % 4 > 1, subprocess.Popen(
            self.command("--home", self.home, "--json",
                         *(["--wait", "200"] if number % 4 > 1 else []), *kinds[number % 2]),
            env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE))
            for number in range(count)]
        done = [0, 0]
        for kind, waits, process in running:
            process.communicate(timeout=240)
            self.assertIn(process.returncode, (0,) if waits else (0, 5))
            done[kind] += process.returncode == 0
        self.assertGreaterEqual(min(done), count // 4 - 1)
        self.assertEqual(len(self.archives()), done[0])
        for name in self.archives():
            self.hbcore("verify", self.backups / name)
        rows = self.hbcore("--home", self.home, "--json", "snapshot", "list", "--limit", "200")
        rows = [json.loads(line) for line in rows.stdout.splitlines()][:-1]
        self.assertEqual([row["complete"] for row in rows], [True] * done[1])


if __name__ == "__main__":
    unittest.main()
