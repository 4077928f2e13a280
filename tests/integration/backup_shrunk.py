# SPDX-License-Identifier: Apache-2.0
"""The guard against silent loss: an archive that has far less than the one before is made, marked and told, and
while the newest one is marked nothing is removed, whatever the rules, until it is accepted.
"""
import contextlib
import datetime
import json
import os
import pathlib
import random
import shutil
import sqlite3
import unittest

import hb
import odd_store
import prune_clock

FULL = bool(os.environ.get("HBCORE_FULL"))
NIGHTS = 40 if FULL else 12
RULES = ("keep = 1", "keep-last = 2", "keep-hourly = 1", "keep-daily = 2", "keep-weekly = 1", "keep-monthly = 1",
         "keep-yearly = 1", "keep-within = 1h", "keep-daily = 1\nkeep-weekly = 1")
GUARD = "shrink-limit = 50%"


class Guarded(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.kept = self.dir / "kept"
        self.fill(20)
        self.configure("keep = 2\n" + GUARD)

    def fill(self, count, size=100):
        shutil.rmtree(self.home / "data", ignore_errors=True)
        for number in range(count):
            hb.write(self.home / f"data/{number:03}", os.urandom(size))

    def configure(self, rules, more=""):
        self.config = self.write_config(f"[home]\npath = {self.home}\n[backup]\nformat = zip\n{more}\n"
                                        f"[preset:nightly]\ndirectory = {self.kept}\n{rules}\n")

    def backup(self, expect=0, *options):
        return self.summary(self.hbcore("--json", "backup", "--preset", "nightly", *options, expect=expect))

    def names(self):
        return sorted(path.name for path in self.kept.glob("*.zip")) if self.kept.exists() else []

    def listed(self):
        rows = [json.loads(line) for line in self.hbcore("--json", "archives", "nightly").stdout.splitlines()]
        return [row for row in rows if row["type"] == "listed_archive"]

    def prune(self, *options, expect=0):
        rows = [json.loads(line) for line in self.hbcore("--json", "prune", *options, expect=expect).stdout.splitlines()]
        return [row for row in rows if row["type"] == "archive"], rows[-1]


class Shrunk(Guarded):
    def test_marked_told_and_accepted(self):
        good = [pathlib.Path(self.backup()["archive"]).name for _ in range(2)]
        self.fill(3)
        done = self.hbcore("backup", "--preset", "nightly", expect=3)
        text = (done.stdout + done.stderr).decode()
        self.assertIn("SHRUNK", text)
        self.assertIn("files: 3, before: 20", text)
        self.assertIn("prune --preset nightly --accept", text)
        self.assertEqual(len(self.names()), 3)
        self.assertTrue(set(good) <= set(self.names()))
        rows = self.listed()
        self.assertEqual([row["shrunk"] for row in rows], [True, False, False])
        self.assertEqual([row["complete"] for row in rows], [True] * 3)
        self.assertIn(b"SHRUNK", self.hbcore("archives", "nightly").stdout)
        why = [row["shrunk_why"] for row in rows]
        self.assertRegex(why[0], rf"it has 3 files, .*; {good[1]} has 20, ")
        self.assertEqual(why[1:], [None, None])
        self.assertIn(f"      {why[0]}\n".encode(), self.hbcore("archives", "nightly").stdout)
        # Latest is that one, and says so.
        done = self.hbcore("verify", "latest")
        self.assertIn(b"is marked as shrunk", done.stdout + done.stderr)
        self.hbcore("verify", "latest~1")
        # Prune goes by the same rule, and so does the next night, which is not compared with the one that is marked.
        rows, summary = self.prune(expect=3)
        self.assertEqual([row["fate"] for row in rows], ["kept", "kept", "held"])
        self.assertEqual((summary["removed"], summary["accepted"]), (0, None))
        self.assertTrue(self.backup(expect=3)["shrunk"])
        self.assertEqual(len(self.names()), 4)
        newest = self.names()[-1] if len(self.listed()) == 0 else pathlib.Path(self.listed()[0]["path"]).name
        # A dry run says what would be, and changes nothing.
        rows, summary = self.prune("--accept", "1", "--dry-run")
        self.assertEqual(pathlib.Path(summary["accepted"]).name, newest)
        self.assertEqual([row["fate"] for row in rows], ["kept", "kept", "removed", "removed"])
        self.assertEqual(len(self.names()), 4)
        self.assertTrue(self.listed()[0]["shrunk"])
        rows, summary = self.prune("--accept", newest)
        self.assertEqual([row["fate"] for row in rows], ["kept", "kept", "removed", "removed"])
        self.assertEqual([row["shrunk"] for row in self.listed()], [False, True])
        # For good: also without its facts, and the next one is compared with it.
        for facts in self.kept.glob("*.facts"):
            facts.unlink()
        self.assertFalse(self.listed()[0]["shrunk"])
        self.assertFalse(self.backup()["shrunk"])
        self.prune("--accept", newest)  # once more: nothing is wrong with that

    def test_mark_is_in_the_trailer_too(self):
        self.backup()
        self.backup()
        self.fill(3)
        self.backup(expect=3)
        for facts in self.kept.glob("*.facts"):
            facts.unlink()
        self.assertEqual([row["shrunk"] for row in self.listed()], [True, False, False])
        self.prune(expect=3)
        self.assertEqual(len(self.names()), 3)
        self.assertEqual([row["fate"] for row in self.prune(expect=3)[0]], ["kept", "kept", "held"])

    def test_what_is_not_marked(self):
        self.backup()
        self.fill(11)
        self.assertFalse(self.backup()["shrunk"])
        error = self.hbcore("prune", "--accept", "latest", expect=1).stderr
        self.assertIn(b"is not marked as shrunk", error)
        self.assertIn(b"no preset has such an archive", self.hbcore("prune", "--accept", "x.zip", expect=1).stderr)
        self.assertEqual(len(self.names()), 2)

    def test_home_that_is_back(self):
        """Then retention goes on, and the good ones count."""
        for _ in range(2):
            self.backup()
        self.fill(1)
        for _ in range(3):
            self.backup(expect=3)
        self.assertEqual(len(self.names()), 5)
        self.fill(20)
        self.assertFalse(self.backup()["shrunk"])
        self.assertEqual([row["shrunk"] for row in self.listed()], [False, True])

    def test_where_all_are_marked(self):
        """None of them is a measure: the next one is judged by min-files alone, until one is accepted."""
        few = "keep = 1000\nmin-files = 30\n" + GUARD
        self.configure(few)
        marked = []
        for _ in range(2):
            made = self.backup(expect=3)
            self.assertTrue(made["shrunk"])
            marked.append(pathlib.Path(made["archive"]).name)
        self.fill(5)  # of 20
        self.configure("keep = 1000\n" + GUARD)
        made = self.backup()
        self.assertFalse(made["shrunk"])
        self.assertEqual([row["shrunk"] for row in self.listed()], [False, True, True])
        # From here on that one is the measure; so is a marked one that somebody accepts.
        self.fill(2)
        self.assertTrue(self.backup(expect=3)["shrunk"])
        for archive in set(self.names()) - set(marked):
            (self.kept / archive).unlink()
            (self.kept / f"{archive}.facts").unlink()
        self.fill(5)
        self.prune("--accept", marked[-1])
        self.assertTrue(self.backup(expect=3)["shrunk"])

    def test_incomplete_one_in_front(self):
        """The newest is not marked, but incomplete: the marked one behind it still holds everything back."""
        self.configure("keep = 1\n" + GUARD, "[content:sqlite]\nplugin = sqlite-snap\n")
        good = pathlib.Path(self.backup()["archive"]).name
        self.fill(2)
        self.backup(expect=3)
        self.fill(20)
        hb.write(self.home / "bad.db", b"SQLite format 3\0" + b"\xff" * 4000)
        summary = self.backup(expect=3)
        self.assertFalse(summary["shrunk"], summary)
        self.assertFalse(self.listed()[0]["complete"])
        self.assertIn(good, self.names())
        self.assertEqual(len(self.names()), 3)

    def test_least(self):
        """The first archive ever has none before it."""
        self.configure("min-files = 30")
        done = self.hbcore("backup", "--preset", "nightly", expect=3)
        self.assertIn(b"files: 20, at least: 30", done.stdout + done.stderr)
        self.configure("min-bytes = 1M")
        self.assertTrue(self.backup(expect=3)["shrunk"])
        self.configure("min-bytes = 1K\nmin-files = 20")
        self.assertFalse(self.backup()["shrunk"])

    def test_bytes_alone(self):
        self.fill(20, 1000)
        self.backup()
        self.fill(20, 499)
        done = self.hbcore("backup", "--preset", "nightly", expect=3)
        self.assertIn(b"bytes: 9,980, before: 20,000", done.stdout + done.stderr)
        self.assertNotIn(b"files: 20, before", done.stdout + done.stderr)

    def database(self, *tables):
        path = self.home / "state.db"
        path.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE filler (x)")
            connection.execute("INSERT INTO filler VALUES (zeroblob(1000000))")
            for name, rows in tables:
                connection.execute(f"CREATE TABLE {name} (x)")
                connection.executemany(f"INSERT INTO {name} VALUES (?)", [(number,) for number in range(rows)])
            connection.commit()

    def test_rows_of_tables(self):
        """Files and bytes are as they were, and yet the rows are gone."""
        content = "[content:sqlite]\nplugin = sqlite-snap\ncount = sessions messages\n"
        self.configure("keep = 2\n" + GUARD, content)
        self.database(("sessions", 1200), ("messages", 10))
        for _ in range(3):  # the last ones take it over
            self.assertFalse(self.backup()["shrunk"])
        self.database(("sessions", 312), ("messages", 9))
        done = self.hbcore("backup", "--preset", "nightly", expect=3)
        self.assertIn(b"sessions: 312, before: 1,200", done.stdout + done.stderr)
        self.assertNotIn(b"messages:", done.stdout + done.stderr)
        self.assertEqual([row["shrunk"] for row in self.listed()], [True, False, False])
        for facts in self.kept.glob("*.facts"):
            facts.unlink()
        self.database(("messages", 10))
        done = self.hbcore("backup", "--preset", "nightly", expect=3)
        self.assertIn(b"sessions: 0, before: 1,200", done.stdout + done.stderr)
        self.database(("sessions", 601), ("messages", 10))
        self.assertFalse(self.backup()["shrunk"])

    def test_empty(self):
        shutil.rmtree(self.home / "data")
        self.configure("empty = error")
        done = self.hbcore("backup", "--preset", "nightly", expect=3)
        self.assertIn(b"there is nothing to back up", done.stdout + done.stderr)
        self.assertEqual(self.names(), [])
        self.configure("")
        self.backup()
        self.assertEqual(self.names(), [])

    def test_other_homes_and_presets(self):
        other = self.dir / "other"
        for number in range(100):
            hb.write(other / f"{number}", b"x")
        self.config = self.write_config(
            f"[home]\npath = {self.home}\n[backup]\nformat = zip\n"
            + "".join(f"[preset:{name}]\ndirectory = {self.kept}\n{GUARD}\n" for name in ("nightly", "weekly")))
        self.hbcore("--home", other, "backup", "--preset", "nightly")
        self.assertFalse(self.backup()["shrunk"])
        self.fill(2)
        # The first of this preset.
        self.hbcore("backup", "--preset", "weekly")
        self.assertTrue(self.backup(expect=3)["shrunk"])
        rows, _ = self.prune("--preset", "weekly")
        self.assertEqual([row["shrunk"] for row in rows], [False])

    def test_without_figures(self):
        """One that was not made by a release that says them: told, and not compared."""
        self.hbcore("backup", "-o", self.dir / "kept/nightly-2020-01-01-000000.zip", env={"SOURCE_DATE_EPOCH": "1"})
        self.hbcore("prune", "--adopt")
        done = self.hbcore("backup", "--preset", "nightly")
        self.assertIn(b"do not say how much they have", done.stdout + done.stderr)
        self.assertFalse(self.listed()[0]["shrunk"])

    @unittest.skipUnless(odd_store.PLUGINS, "the odd store fails when it is told to")
    def test_those_before_cannot_be_listed(self):
        """Then nobody can tell: nothing goes, and the next one is compared with an older one."""
        for _ in range(3):
            self.backup()
        good = set(self.names())
        self.fill(1)
        done = self.hbcore("backup", "--preset", "nightly", env={"ODD_FAULT": "list:1:fail"})
        self.assertIn(b"cannot be read now, so that nothing can be compared", done.stdout + done.stderr)
        self.assertTrue(good <= set(self.names()))
        self.assertIn(b"not compared with those before it", self.hbcore("archives", "nightly").stdout)
        rows, summary = self.prune(expect=3)
        self.assertEqual((summary["removed"], rows[-1]["fate"]), (0, "held"))
        self.assertTrue(self.backup(expect=3)["shrunk"])
        self.fill(20)
        self.assertFalse(self.backup()["shrunk"])
        self.assertEqual(len(self.names()), 2)

    def test_every_rule(self):
        """While the newest is marked nothing is removed, with every keep-… there is."""
        self.configure("keep = 1000\n" + GUARD)
        for _ in range(3):
            self.backup()
        self.fill(1)
        self.backup(expect=3)
        before = self.names()
        for rules in RULES:
            with self.subTest(rules=rules):
                self.configure(rules + "\n" + GUARD)
                rows, summary = self.prune(expect=None)
                self.assertEqual((summary["removed"], self.names()), (0, before))
                self.assertNotIn("removed", [row["fate"] for row in rows])

    def test_nothing_is_guarded_unless_asked(self):
        self.configure("keep = 2")
        for count in (20, 1, 1):
            self.fill(count)
            self.assertFalse(self.backup()["shrunk"])
        self.assertEqual(len(self.names()), 2)

    def test_what_cannot_be_meant(self):
        for value in ("50", "0%", "100%", "x", "-5%", "1.5%"):
            with self.subTest(value=value):
                self.configure(f"shrink-limit = {value}")
                self.assertIn(b"shrink-limit", self.hbcore("backup", "--preset", "nightly", expect=2).stderr)
        self.configure("shrink-limit = none")
        self.backup()


class Nights(prune_clock.AtTimes):
    def at(self, second, *words, expect):
        clock = datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("@%Y-%m-%d %H:%M:%S")
        return self.run_at(clock, *words, expect=expect)

    def test_emptied_home(self):
        """Weeks of nights of a home that was emptied, by each rule: no good archive goes."""
        chance = random.Random(22)
        for rules in RULES if FULL else chance.sample(RULES, 3):
            with self.subTest(rules=rules):
                kept = self.dir / f"kept{chance.randrange(1 << 30)}"
                self.config = self.write_config(f"[home]\npath = {self.home}\n[backup]\nformat = zip\n[preset:nightly]\n"
                                                f"directory = {kept}\n{rules}\n{GUARD}\n")
                for number in range(10):
                    hb.write(self.home / f"data/{number}", b"some\n")
                second = 1790000000
                for _ in range(3):
                    second += 86400
                    self.at(second, "backup", "--preset", "nightly", expect=0)
                good = set(kept.glob("*.zip"))
                for number in range(9):
                    (self.home / f"data/{number}").unlink()
                for night in range(NIGHTS):
                    second += 86400 * (-5 if night == 3 else 1)  # and a clock that is set back
                    self.at(second, "backup", "--preset", "nightly", expect=3)
                    self.at(second + 60, "prune", expect=None)
                    self.assertEqual(good - set(kept.glob("*.zip")), set())
                self.assertEqual(len(list(kept.glob("*.zip"))), len(good) + NIGHTS)


if __name__ == "__main__":
    unittest.main()
