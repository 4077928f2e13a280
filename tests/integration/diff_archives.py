# SPDX-License-Identifier: Apache-2.0
"""hbcore diff: what two archives do not have alike; nothing that cannot be read counts as not there."""
import json
import os
import sqlite3
import tarfile
import unittest

import hb
import sealed

OLD = 1_600_000_000 * 10**9


class Diff(hb.Case):
    config = hb.GENERIC

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for name in ("same", "content", "size", "mode", "time", "gone", "kind"):
            hb.write(self.home / f"sub/{name}", name.encode() * 50, 0o644, OLD)
        (self.home / "link").symlink_to("sub/same")
        os.utime(self.home / "link", ns=(OLD, OLD), follow_symlinks=False)
        os.link(self.home / "sub/same", self.home / "sub/twin")
        self.make_database(self.home / "rows.db")
        os.utime(self.home / "rows.db", ns=(OLD, OLD))
        self.settle()
        self.first = self.backup("first.zip")

    def settle(self):
        for name in (".", "sub"):
            os.utime(self.home / name, ns=(OLD, OLD))

    def backup(self, name, *options):
        self.hbcore("--home", self.home, "--set", "backup.links=store", "backup", "-o", self.dir / name, *options)
        return self.dir / name

    def diff(self, first, second, expect=0, **keywords):
        done = self.hbcore("--home", self.home, "--json", "diff", first, second, expect=expect, **keywords)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {(row["change"], row["path"]): row["what"] for row in rows if row["type"] == "difference"}, rows[-1]

    def change(self):
        sub = self.home / "sub"
        hb.write(sub / "content", b"CONTENT" * 50, 0o644, OLD)
        hb.write(sub / "size", b"size" * 51, 0o644, OLD)
        (sub / "mode").chmod(0o600)
        os.utime(sub / "time", ns=(OLD, OLD + 1))
        (sub / "gone").unlink()
        hb.write(sub / "new\x1b[31m\n", b"new", 0o644, OLD)
        (sub / "kind").unlink()
        (sub / "kind").symlink_to("same")
        (self.home / "link").unlink()
        (self.home / "link").symlink_to("sub/mode")
        for link in (sub / "kind", self.home / "link"):
            os.utime(link, ns=(OLD, OLD), follow_symlinks=False)
        database = sqlite3.connect(self.home / "rows.db")
        database.execute("CREATE TABLE more (id INTEGER)")
        database.execute("INSERT INTO more VALUES (1)")
        database.commit()
        database.close()
        os.utime(self.home / "rows.db", ns=(OLD, OLD))
        self.settle()

    # ---- the tests ----

    def test_nothing(self):
        for second in (self.first, self.backup("again.zip"), self.backup("other.tar.zst", "--format", "tar-zstd")):
            found, summary = self.diff(self.first, second)
            self.assertEqual((found, summary["added"], summary["changed"]), ({}, 0, 0), second)
        shown = self.hbcore("diff", self.first, self.first).stdout
        self.assertEqual(shown, b"0 added, 0 removed, 0 changed\n")

    def test_each_kind_of_change(self):
        self.change()
        for second in (self.backup("second.zip"), self.backup("second.tar.zst", "--format", "tar-zstd")):
            found, summary = self.diff(self.first, second)
            mode = found.pop(("changed", "sub/kind"))
            self.assertEqual(mode[0], "kind")
            rows = found.pop(("changed", "rows.db"))
            self.assertIn(rows[0], ("size", "content"))
            self.assertEqual(found, {
                ("changed", "sub/content"): ["content"], ("changed", "sub/size"): ["size"],
                ("changed", "sub/mode"): ["mode"], ("changed", "sub/time"): ["time"],
                ("changed", "link"): ["link"], ("removed", "sub/gone"): [], ("added", "sub/new\x1b[31m\n"): []})
            self.assertEqual((summary["added"], summary["removed"], summary["changed"]), (1, 1, 7))
            self.assertEqual(summary["status"], "complete")
            back, summary = self.diff(second, self.first)
            self.assertIn(("added", "sub/gone"), back)
            self.assertIn(("removed", "sub/new\x1b[31m\n"), back)

    def test_names_are_shown_harmless(self):
        self.change()
        shown = self.hbcore("diff", self.first, self.backup("second.zip")).stdout
        self.assertNotIn(b"\x1b", shown)
        self.assertEqual(len([line for line in shown.splitlines() if b"new" in line]), 1)

    def test_a_foreign_archive_cannot_tell_of_contents(self):
        """Of the same size, without a checksum of ours: neither the same nor changed."""
        foreign = self.dir / "foreign.tar"
        with tarfile.open(foreign, "w") as made:
            made.add(self.home, arcname=".")
        found, summary = self.diff(self.first, foreign, expect=3)
        self.assertEqual(summary["status"], "incomplete")
        self.assertTrue(any(row["path"] == "sub/same" for row in summary["doubtful"]), summary)
        self.assertNotIn(("changed", "sub/same"), found)

    def test_what_was_not_stored_is_not_removed(self):
        """An incomplete archive says so, or a file that was passed over looked as if it were gone."""
        second = self.dir / "second.zip"
        locked = sqlite3.connect(self.home / "rows.db", isolation_level=None)
        locked.execute("BEGIN EXCLUSIVE")
        self.hbcore("--home", self.home, "--set", "content:sqlite.wait=0", "--set", "backup.links=store", "backup", "-o",
                    second, expect=3)
        locked.close()
        found, summary = self.diff(self.first, second, expect=3)
        self.assertIn(("removed", "rows.db"), found)
        self.assertTrue(any("second.zip is incomplete" in row["reason"] for row in summary["doubtful"]), summary)
        kept = self.dir / "kept/"
        kept.mkdir()
        second.rename(kept / "second.zip")
        found = self.hbcore("--home", self.home, "find", "rows.db", f"{kept}/")
        self.assert_mentions(found, "is incomplete")

    def test_what_cannot_be_read_is_not_compared(self):
        torn = self.dir / "torn.zip"
        data = self.first.read_bytes()
        torn.write_bytes(data[:len(data) // 2])
        for pair in ((self.first, torn), (torn, self.first)):
            done = self.hbcore("diff", *pair, expect=None)
            self.assertIn(done.returncode, (1, 3))
            self.assertEqual(done.stdout, b"")
            self.assert_mentions(done, "torn.zip")
        self.hbcore("diff", self.first, self.dir / "nowhere.zip", expect=1)
        self.hbcore("diff", self.first, expect=2)

    def test_names_and_numbers(self):
        preset = ("--set", f"preset:mine.directory={self.dir}/kept", "--set", "preset:mine.keep=5")
        self.hbcore("--home", self.home, *preset, "backup", "--preset", "mine")
        hb.write(self.home / "later", b"later")
        self.hbcore("--home", self.home, *preset, "backup", "--preset", "mine")
        for words in (("latest~1", "latest"), ("2", "1")):
            done = self.hbcore("--home", self.home, *preset, "--json", "diff", *words)
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertIn(("added", "later"), [(row.get("change"), row.get("path")) for row in rows])


class Sealed(sealed.Case):
    def test_without_the_key(self):
        """Named, with 3; it never means that something is not in it."""
        hb.write(self.home / "file", b"text")
        archive = self.seal()
        done = self.hbcore("diff", archive, archive)
        self.assertIn(b"0 added, 0 removed, 0 changed", done.stdout)
        for config in (self.public, self.wrong):
            done = self.run_with(config, "diff", archive, archive, expect=3)
            self.assertEqual(done.stdout, b"")
            self.assert_mentions(done, str(archive))


if __name__ == "__main__":
    unittest.main()
