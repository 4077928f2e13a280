# SPDX-License-Identifier: Apache-2.0
"""What content plugins say of an entry, facts and notes: stored, shown, and said again where it is taken over."""
import json
import unittest

import hb
from test_contents import Contents

SOME = {"first": -9, "second é": 7}
FORMATS = (("zip", "zip"), ("tar-zstd", "tar.zst"))
NAMES = ("a.cnt", "deep/down/b.cnt", "listed/d.cnt")


class Annotations(Contents):
    def setUp(self):
        super().setUp()
        for path in self.home.glob("gone*"):
            path.unlink()

    def backup(self, archive, reuse="yes", form="zip", expect=0, env=None):
        calls = self.run_in(self.home, "--set", f"backup.reuse={reuse}", "backup", "--format", form, "-o", archive,
                            expect=expect, env=env)
        return calls, self.summary()

    def facts_of(self, summary):
        return {row["path"]: row.get("facts") for row in summary["databases"]}

    def notes_of(self, summary):
        return sorted((row["path"], row["reason"]) for row in summary["notes"] if row["path"])

    def listed_facts(self, archive):
        done = self.hbcore("--json", "list", archive)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {row["path"]: row["facts"] for row in rows if row["type"] == "entry" and "facts" in row}

    def test_facts(self):
        """In all that is said of the archive; taken over; asked again of what changed; gone with the option."""
        for form, suffix in FORMATS:
            archive = self.dir / f"a.{suffix}"
            self.configure(facts="some")
            calls, first = self.backup(archive, form=form)
            self.assertEqual(sorted(set(calls["fact"])), list(NAMES))
            everywhere = dict.fromkeys(NAMES, SOME)
            self.assertEqual(self.facts_of(first), everywhere)
            for _ in range(2):  # the archive after the next, too
                calls, again = self.backup(archive, form=form)
                self.assertEqual((calls["open"], calls["fact"]), ([], []), "not taken over")
                self.assertGreater(again["reused_bytes"], 0)
                self.assertEqual(self.facts_of(again), everywhere)
                self.assertEqual(self.listed_facts(archive), everywhere)
            self.run_in(self.home, "verify", archive)
            self.assertEqual(self.facts_of(self.summary()), everywhere)
            self.assert_mentions(self.hbcore("verify", archive), "a.cnt: sound; first -9; second é 7")
            self.configure()
            hb.write(self.home / "a.cnt", form.encode() * 1000)
            calls, changed = self.backup(archive, form=form)
            self.assertEqual(calls["open"], ["a.cnt"])
            self.assertEqual(self.facts_of(changed), {**everywhere, "a.cnt": None})
            self.assertEqual(self.listed_facts(archive), {name: SOME for name in NAMES[1:]})
            self.backup(archive, form=form, reuse="no")
            self.assertEqual(self.listed_facts(archive), {})

    def test_cost_and_determinism(self):
        """An archive without facts has no byte of them, and two of the same tree are the same."""
        env = {"SOURCE_DATE_EPOCH": "1700000000"}
        made = {}
        for number, say in enumerate(({}, {}, {"facts": "some", "notes": "open judge"}, {"facts": "some"})):
            self.configure(**say)
            path = self.dir / f"{number}.zip"
            self.backup(path, env=env, reuse="no")
            made[number] = path.read_bytes()
        self.assertTrue(made[0] == made[1])
        self.assertNotIn(b'"facts"', made[0])
        self.assertTrue(made[2] == made[3], "notes are for reuse alone, and there is none")
        self.assertEqual(made[2].count(b'"facts":{"first":-9'), len(NAMES))
        self.configure(facts="some", notes="open judge")
        archive = self.dir / "again.zip"
        self.backup(archive)
        first = hb.timeless(archive.read_bytes())
        self.backup(archive)
        self.assertTrue(hb.timeless(archive.read_bytes()) == first, "taken over, it is another archive")

    def test_notes(self):
        """Each note of each call comes again, once, as long as the entry is taken over."""
        said = ("open", "judge", "read")  # close() may come when the archive has its end already
        for source in ("good", "unchecked"):
            archive = self.dir / f"{source}.zip"
            self.configure(notes=" ".join(said), source=source)
            _, first = self.backup(archive)
            notes = sorted((name, f"counted: told in {call}") for name in NAMES for call in said)
            self.assertEqual(self.notes_of(first), notes)
            self.configure(notes="", source=source)
            for _ in range(2):
                calls, again = self.backup(archive)
                self.assertEqual(calls["open"], [])
                self.assertEqual(self.notes_of(again), notes)
            hb.write(self.home / "a.cnt", source.encode() * 1000)
            _, changed = self.backup(archive)
            self.assertEqual(self.notes_of(changed), [note for note in notes if note[0] != "a.cnt"])
        self.configure(notes="claim open", source="good")
        archive = self.dir / "claim.zip"
        self.backup(archive)
        _, again = self.backup(archive)
        told = [note for note in self.notes_of(again) if note[0] == "a.cnt"]
        self.assertEqual(told, [("a.cnt", "counted: told in claim"), ("a.cnt", "counted: told in open")],
                         "said by the plugin itself, and once more")
        self.configure(source="unchecked")
        archive = self.dir / "silent.zip"
        self.backup(archive)
        _, again = self.backup(archive)
        self.assertEqual(self.notes_of(again), [(name, "unchanged since the last backup, which did not check it")
                                                for name in NAMES])

    def test_what_a_plugin_gets_wrong(self):
        """It costs the fact and a note, never the entry."""
        cases = (("fails", {"first": -9}, ["counted: the first cannot be counted"]),
                 ("silly", {"first": -9}, ["counted: its fact() returned -77, which is no answer"]),
                 ("wrong", {"good": -17}, ["counted: its fact() gave a name that is none; that fact is not stored"] * 3
                  + ["counted: its fact() gave the same name twice; that fact is not stored",
                     "counted: its fact() gave no name"]),
                 ("endless", {str(digit): 7 - 8 * digit for digit in range(10)},
                  ["counted: its fact() has no end; the first 256 are asked for"]))
        for facts, expected, notes in cases:
            self.configure(facts=facts)
            archive = self.dir / f"{facts}.zip"
            _, summary = self.backup(archive)
            self.assertEqual(self.facts_of(summary)["a.cnt"], expected)
            self.assertEqual([reason for path, reason in self.notes_of(summary) if path == "a.cnt"], sorted(notes))
            self.assertEqual(self.listed_facts(archive)["a.cnt"], expected)
            self.hbcore("verify", archive)


if __name__ == "__main__":
    unittest.main()
