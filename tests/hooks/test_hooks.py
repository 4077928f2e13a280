# SPDX-License-Identifier: Apache-2.0
"""Hooks hear of each archive that is made, before and after, whatever command makes it."""
import json
import os
import unittest

import hb


class Hooks(hb.Case):
    def setUp(self):
        super().setUp()
        self.home, self.log = self.dir / "home", self.dir / "events"
        self.kept = self.dir / "kept"
        hb.write(self.home / "one", b"old\n")
        hb.write(self.home / "two", b"old\n")
        self.configure()
        self.archive = self.dir / "a.zip"
        self.hbcore("--home", self.home, "backup", "-o", self.archive)
        self.log.unlink()

    def configure(self, on="backup import", more=""):
        self.config = self.write_config(
            f"[plugins]\npath = {os.environ['HBCORE_HOOKS']}\n[backup]\nformat = zip\ndirectory = {self.kept}\n"
            f"[import]\nbackup-preset = before\n[preset:before]\ndirectory = {self.kept}\nkeep = 1\n"
            f"[hook:noting]\non = {on}\nlog = {self.log}\n{more}")

    def events(self):
        rows = [line.split(" ", 5) for line in self.log.read_text().splitlines()]
        self.log.unlink()
        return [tuple(row) for row in rows]

    def import_first(self, *arguments, expect=0):
        done = self.hbcore("--home", self.home, "--json", "import", "--force", "--backup-first", *arguments,
                           self.archive, expect=expect)
        return self.summary(done) if expect in (0, 3) else done

    def test_backup(self):
        made = self.summary(self.hbcore("--home", self.home, "--json", "backup"))["archive"]
        self.assertEqual(self.events(), [("before", "backup", "0", "0", "absent", made),
                                         ("after", "backup", "0", "2", "there", made)])
        made = self.hbcore("--home", self.home, "backup", "--dry-run", "-o", self.dir / "b.zip").stdout
        self.assertIn(b"noting: heard of backup", made)
        self.assertEqual([row[:5] for row in self.events()], [("before", "backup", "0", "0", "absent"),
                                                              ("after", "backup", "0", "2", "absent")])

    def test_the_archive_that_an_import_makes_first(self):
        done = self.import_first()
        self.assertEqual(self.events(), [("before", "import", "0", "0", "there", str(self.archive)),
                                         ("before", "backup", "0", "0", "absent", done["way_back"]),
                                         ("after", "backup", "0", "2", "there", done["way_back"]),
                                         ("after", "import", "0", "2", "there", str(self.archive))])

    def test_hooks_of_backups_alone_hear_of_it_too(self):
        self.configure(on="backup")
        done = self.hbcore("--home", self.home, "import", "--force", "--backup-first", self.archive)
        self.assertEqual([row[:2] for row in self.events()], [("before", "backup"), ("after", "backup")])
        self.assertEqual(done.stdout.decode().count("noting: heard of backup"), 1)

    def test_a_refused_way_back_stops_the_import(self):
        self.configure(more="refuse = backup\n")
        hb.write(self.home / "one", b"changed\n")
        before = self.content(self.home)
        done = self.import_first(expect=1)
        self.assert_mentions(done, "[hook:noting]", "backup is refused")
        self.assertEqual(self.content(self.home), before)
        self.assertFalse(self.kept.exists())
        self.assertEqual([row[:2] for row in self.events()], [("before", "import"), ("before", "backup")])

    def test_what_a_hook_doubts_is_told_and_stops_nothing(self):
        """The archive is complete; what became of it elsewhere is another thing."""
        self.configure(more="doubt = yes\n")
        hb.write(self.home / "one", b"changed\n")
        done = self.import_first(expect=3)
        self.assertEqual((self.home / "one").read_bytes(), b"old\n")
        self.assertIn(done["way_back"], [row["path"] for row in done["doubtful"]])

    def test_what_a_hook_doubts_after_an_import_is_its_exit_code(self):
        self.configure(on="import", more="doubt = yes\n")
        self.hbcore("--home", self.home, "import", "--force", self.archive, expect=3)

    def test_an_incomplete_way_back_is_heard_of(self):
        (self.home / "broken").symlink_to(self.dir / "outside")
        hb.write(self.dir / "outside", b"x")
        self.assert_mentions(self.import_first(expect=1), "incomplete")
        self.assertEqual([row[:3] for row in self.events()], [("before", "import", "0"), ("before", "backup", "0"),
                                                              ("after", "backup", "3")])

    def test_nothing_is_pruned_by_an_import(self):
        """What would go might be the archive that is imported."""
        made = [self.summary(self.hbcore("--home", self.home, "--json", "backup", "--preset", "before"))["archive"]]
        for _ in range(2):
            self.archive = made[0]
            made.append(self.import_first()["way_back"])
        self.assertEqual(sorted(str(path) for path in self.kept.iterdir() if path.suffix != ".facts"), sorted(made))
        done = self.summary(self.hbcore("--home", self.home, "--json", "backup", "--preset", "before"))
        self.assertEqual(sorted(done["removed_archives"]), sorted(made[:-1]), "`undo` goes back to the last")

    def test_members_for_programs_come_once(self):
        rows = [json.loads(line) for line in self.hbcore(
            "--home", self.home, "--json", "import", "--force", "--backup-first", self.archive).stdout.splitlines()]
        self.assertEqual([row["type"] for row in rows], ["summary"])


if __name__ == "__main__":
    unittest.main()
