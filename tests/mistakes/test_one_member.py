# SPDX-License-Identifier: Apache-2.0
"""One bad member costs one member: what cannot be decoded is named, and the rest is restored.

Damage is another thing: it costs all of the archive, unless the user leaves out all that lies in it.
"""
import json
import os
import pathlib
import unittest

import hb

# type, group, state, name, content or target
PLAIN = (("f", 1, "ok", "a", "aaaa"), ("f", 2, "ok", "new/b", "bbbb"))
WAYS = ("list", "walk", "stream")


class OneMember(hb.Case):
    def setUp(self):
        super().setUp()
        self.config = self.write_config(f"[plugins]\npath = {os.environ['HBCORE_MISTAKES']}\n"
                                        "[backup]\nformat = sealed\n[import]\nlinks = restore\n[format:sealed]\n")
        self.archive = self.dir / "a.sealed"
        self.count = 0

    def make(self, *members):
        self.archive.write_text("sealed 1\n" + "".join(" ".join(map(str, row)) + "\n" for row in members))

    def run_import(self, way, *options, expect=0, dry=False):
        """What was restored, and the findings."""
        self.count += 1
        target = self.dir / f"new{self.count}"
        words = ["--home", target, "--json", "--set", f"format:sealed.how={'list' if way == 'list' else 'walk'}",
                 "import", *(["--dry-run"] if dry else []), *options]
        if way == "stream":
            with open(self.archive, "rb") as stream:
                done = self.hbcore(*words, "-", stdin=stream, expect=expect)
        else:
            done = self.hbcore(*words, self.archive, expect=expect)
        there = {os.path.relpath(os.path.join(at, name), target): pathlib.Path(at, name).read_text()
                 for at, _, names in os.walk(target) for name in names if not name.startswith(".hbcore")}
        return there, self.summary(done) if expect in (0, 3) else done

    def skipped(self, summary):
        return {row["path"]: row["reason"] for row in summary["skipped"]}

    def test_the_rest_is_restored(self):
        for state in ("sealed", "late"):
            self.make(*PLAIN, ("f", 3, state, "new/c", "cccc"), ("f", 4, state, "d", "dddd"))
            for way in WAYS:
                with self.subTest(state=state, way=way):
                    there, found = self.run_import(way, expect=3)
                    self.assertEqual(there, {"a": "aaaa", "new/b": "bbbb"})
                    self.assertEqual(set(self.skipped(found)), {"new/c", "d"}, found)
                    self.assertIn("is sealed", self.skipped(found)["d"])
                    self.assertEqual((found["files"], found["status"]), (2, "incomplete"))
                    there, found = self.run_import(way, "--exclude", "new/c", "--exclude", "d")
                    self.assertEqual((there, found["skipped"]), ({"a": "aaaa", "new/b": "bbbb"}, []))

    def test_each_command_names_it(self):
        self.make(*PLAIN, ("f", 3, "sealed", "new/c", "cccc"))
        for how in ("list", "walk"):
            options = ("--json", "--set", f"format:sealed.how={how}")
            with self.subTest(how=how):
                rows = [json.loads(line) for line in self.hbcore(*options, "list", self.archive).stdout.splitlines()]
                self.assertEqual({row["path"]: row.get("unreadable") for row in rows if row["type"] == "entry"},
                                 {"a": None, "new/b": None, "new/c": "is sealed"})
                self.assertEqual(set(self.skipped(self.summary(self.hbcore(*options, "verify", self.archive,
                                                                            expect=3)))), {"new/c"})
                _, found = self.run_import(how, expect=3, dry=True)
                self.assertEqual(set(self.skipped(found)), {"new/c"})
                done = self.hbcore(*options[1:], "cat", self.archive, "new/c", expect=1)
                self.assert_mentions(done, "new/c", "is sealed")
                self.assertEqual(self.hbcore(*options[1:], "cat", self.archive, "new/b").stdout, b"bbbb")

    def test_cat_of_one_that_is_seen_late(self):
        self.make(*PLAIN, ("f", 3, "late", "c", "cccc"))
        for how in ("list", "walk"):
            done = self.hbcore("--set", f"format:sealed.how={how}", "cat", self.archive, "c", expect=1)
            self.assert_mentions(done, "c", "is sealed")

    def test_those_that_are_decoded_together(self):
        """Those of its group have come to nothing, too; the others have not."""
        self.make(*PLAIN, ("f", 3, "ok", "new/c", "cccc"), ("f", 3, "late", "new/d", "dddd"), ("f", 4, "ok", "e", "eeee"))
        there, found = self.run_import("list", expect=3)
        self.assertEqual(set(there), {"a", "new/b", "e"})
        self.assertEqual(set(self.skipped(found)), {"new/c", "new/d"})

    def test_links_to_it(self):
        """A hard link gets its data from there; a symbolic link stored as such may be sealed itself."""
        for state in ("sealed", "late"):
            self.make(*PLAIN, ("f", 3, state, "c", "cccc"), ("h", 4, "ok", "new/hard", "c"),
                      ("h", 5, "ok", "good", "a"), ("l", 6, "sealed", "soft", "a"))
            for way in WAYS:
                with self.subTest(state=state, way=way):
                    there, found = self.run_import(way, expect=3)
                    self.assertEqual(set(there), {"a", "new/b", "good"})
                    self.assertEqual(set(self.skipped(found)), {"c", "new/hard", "soft"}, found)

    def test_an_older_member_of_the_name(self):
        """It is not restored in its stead as if it were the latest."""
        self.make(*PLAIN, ("f", 3, "sealed", "a", "newer"))
        for way in WAYS:
            there, found = self.run_import(way, expect=3)
            self.assertEqual((set(there), set(self.skipped(found))), ({"new/b"}, {"a"}))

    def test_a_plugin_that_is_older(self):
        """It does not know of such members; what stands behind its structures is not looked at."""
        self.make(*PLAIN)
        self.hbcore("--set", "format:sealed.how=old", "--home", self.dir / "new", "import", self.archive)
        self.assertEqual((self.dir / "new/a").read_text(), "aaaa")

    def test_a_plugin_that_contradicts_itself(self):
        self.make(*PLAIN, ("f", 3, "sealed", "c", "cccc"))
        done = self.hbcore("--set", "format:sealed.how=data-and-sealed", "verify", self.archive, expect=1)
        self.assertIn(b"damaged", done.stderr)

    # ---- damage ----

    def test_damage_costs_all(self):
        self.make(*PLAIN, ("f", 3, "broken", "c", "cccc"))
        for way in WAYS:
            there, done = self.run_import(way, expect=1)
            self.assertEqual(there, {})
            self.assertEqual(b"--exclude" in done.stdout, way == "list")  # where that helps

    def test_damage_that_is_left_out(self):
        self.make(*PLAIN, ("f", 3, "broken", "new/c", "cccc"), ("f", 4, "ok", "d", "dddd"))
        for options in (("--exclude", "new/c"), ("--include", "a", "--include", "new/b", "--include", "d")):
            there, found = self.run_import("list", *options)
            self.assertEqual(set(there), {"a", "new/b", "d"})
            self.assertIn("is damaged, but left out", json.dumps(found["notes"]))
        for way in ("walk", "stream"):  # nothing is known of what lies behind it
            there, _ = self.run_import(way, "--exclude", "new/c", expect=1)
            self.assertEqual(there, {})

    def test_what_shares_damage(self):
        self.make(*PLAIN, ("f", 3, "broken", "c", "cccc"), ("f", 3, "ok", "d", "dddd"), ("d", 4, "broken", "e", ""))
        for options in ((), ("--exclude", "c"), ("--exclude", "c", "--exclude", "d"), ("--exclude", "[ce]")):
            there, _ = self.run_import("list", *options, expect=1)
            self.assertEqual(there, {})
        there, _ = self.run_import("list", "--exclude", "[cde]")
        self.assertEqual(set(there), {"a", "new/b"})


if __name__ == "__main__":
    unittest.main()
