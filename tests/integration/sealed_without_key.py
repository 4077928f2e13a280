# SPDX-License-Identifier: Apache-2.0
"""Where there is the public key alone: what is made cannot be read, backup and retention go on by the facts, and nothing is
removed on the strength of what nobody can tell."""
import time
import unittest

import hb
import sealed
from sealed import EXTRA, HEADER

RACY_SECONDS = 2


class Reading(sealed.Case):
    def test_each_command_says_what_is_missing(self):
        archive = self.seal()
        for config, word in ((self.public, "there is no key"), (self.wrong, "another one")):
            target = self.fresh("target")
            for command in (("list",), ("--home", target, "import", "--force")):
                done = self.run_with(config, *command, archive, expect=1)
                self.assert_mentions(done, str(archive), "sealed by toy, and cannot be opened here", word, "set open in its")
                self.assertEqual(done.stdout, b"")
            done = self.run_with(config, "cat", archive, "config.yaml", expect=1)
            self.assertEqual(done.stdout, b"")
            done = self.run_with(config, "--home", target, "import", "-", "--force", input=archive.read_bytes(), expect=1)
            self.assert_mentions(done, word)
            self.assertFalse(target.exists())

    def test_verify_says_what_it_could_not_check(self):
        archive = self.seal()
        done = self.run_with(self.public, "verify", archive, expect=3)
        self.assert_mentions(done, "NOT READ", "header and its length are right", "no more could be checked")
        found = self.summary(self.run_with(self.public, "--json", "verify", archive, expect=3))
        self.assertEqual((found["sealed"], found["format"], found["files"], found["status"]), ("toy", None, 0, "incomplete"))
        whole = archive.read_bytes()
        self.copy(archive, whole[:HEADER + 3 * (self.block + EXTRA) + EXTRA - 1])
        self.assert_mentions(self.run_with(self.public, "verify", archive, expect=1), "cut off")
        self.copy(archive, whole[:20] + bytes([whole[20] ^ 1]) + whole[21:])
        self.assert_mentions(self.run_with(self.public, "verify", archive, expect=1), "its header is damaged")

    def test_a_plugin_that_is_gone(self):
        archive = self.seal()
        config = self.write_config(f"[home]\npath = {self.home}\n[format:zip]\n", "none.ini")
        self.assert_mentions(self.run_with(config, "list", archive, expect=1), "not an archive in a known format")

    def test_it_is_made_all_the_same_and_can_be_read_elsewhere(self):
        self.run_with(self.public, "backup", "-o", self.dir / "a.zip")
        self.assert_same_tree(self.home, self.import_from(self.dir / "a.zip.toy"), directory_times=False)


class InTheHome(sealed.Case):
    def test_archives_of_a_preset_are_not_stored(self):
        config = self.configure(sealed.NO_KEY, "in.ini", f"[preset:in]\ndirectory = {self.home}/in\nkeep = 9\n")
        made = [self.summary(self.run_with(config, "--json", "backup", "--preset", "in")) for _ in range(3)]
        self.assertEqual(len({row["files"] for row in made}), 1, [row["files"] for row in made])
        for path in (self.home / "in").glob("*.toy.facts"):
            path.unlink()
        done = self.run_with(config, "--json", "backup", "--preset", "in")
        self.assertEqual(self.summary(done)["files"], made[0]["files"] + 3, "nothing tells that they are ours")
        self.assertIn("is sealed, and cannot be opened here", str(self.summary(done)["notes"]))

    def test_those_of_others_are_stored_and_named(self):
        (self.home / "mine.zip.toy").write_bytes(self.seal().read_bytes())
        row = self.summary(self.run_with(self.public, "--json", "backup", "-o", self.dir / "b.zip"))
        self.assertEqual([note["path"] for note in row["notes"]], ["mine.zip.toy"])
        self.assertIn(b"mine.zip.toy", self.run_with(self.config, "list", self.dir / "b.zip.toy").stdout)


class Retention(sealed.Case):
    def make(self, config, preset="kept", **keywords):
        return self.summary(self.run_with(config, "--json", "backup", "--preset", preset, **keywords))

    def names(self, preset="kept"):
        place = self.dir / "kept" if preset == "kept" else self.store
        return sorted(path.name for path in hb.archives(place) if ".zip.toy" in path.name)

    def test_old_ones_go_by_their_facts(self):
        for preset in ("kept", "far"):
            made = [self.make(self.public, preset) for _ in range(4)]
            self.assertEqual([row["removed"] for row in made], [0, 0, 1, 1], preset)
            self.assertEqual(len(self.names(preset)), 2)
            self.assertEqual([row["notes"] for row in made], [[]] * 4)
        rows = self.run_with(self.public, "--json", "prune").stdout
        self.assertEqual(rows.count(b'"fate":"kept"'), 4, rows)

    def test_the_same_with_a_key(self):
        made = [self.make(self.config) for _ in range(4)]
        self.assertEqual([row["removed"] for row in made], [0, 0, 1, 1])

    def test_without_facts_nothing_goes(self):
        self.make(self.public)
        self.make(self.public)
        for path in (self.dir / "kept").glob("*.facts"):
            path.unlink()
        made = [self.make(self.public) for _ in range(3)]
        self.assertEqual(len(self.names()), 4, "of the two with facts and the new one the oldest goes")
        self.assertEqual(len(made[-1]["untold_archives"]), 2, made[-1])
        self.assert_mentions(self.run_with(self.public, "prune", expect=3), "cannot be opened here")
        self.run_with(self.config, "prune")
        self.assertEqual(len(self.names()), 2)

    def test_facts_of_another_archive_speak_for_none(self):
        """The header is made for one archive alone, and its facts name it."""
        for _ in range(2):
            self.make(self.public)
        older, newer = sorted((self.dir / "kept").glob("*.facts"), key=lambda path: path.stat().st_mtime_ns)
        self.assertEqual(*(path.with_suffix("").stat().st_size for path in (older, newer)))
        one, other = older.read_bytes(), newer.read_bytes()
        older.write_bytes(other)
        newer.write_bytes(one)
        made = self.make(self.public)
        self.assertEqual((made["removed"], len(self.names())), (0, 3), made)

    def test_what_was_overwritten_lets_nothing_go(self):
        self.make(self.public)
        self.make(self.public)
        for path in hb.archives(self.dir / "kept"):
            data = path.read_bytes()
            path.write_bytes(bytes(64) + data[64:])
        made = self.make(self.public)
        self.assertEqual(len(self.names()), 3, made)

    def test_of_another_installation(self):
        for _ in range(3):
            self.make(self.public)
        other = self.dir / "elsewhere"
        other.mkdir()
        made = self.make(self.public, env={"XDG_STATE_HOME": str(other)})
        self.assertEqual((made["removed"], len(self.names())), (0, 3), made)

    def test_one_that_somebody_else_has_sealed_for_us_takes_no_place(self):
        """For that the public key is enough, and the home's id, which stands in the facts."""
        for _ in range(2):
            self.make(self.config)
        hb.write(self.home / "config.yaml", "not ours\n")
        strangers = self.fresh("strangers")
        strangers.mkdir()
        theirs = self.seal("theirs.zip", env={"XDG_STATE_HOME": str(strangers)})
        hb.write(self.home / "config.yaml", "ours\n")
        theirs.rename(self.dir / "kept" / "kept-2099-01-01-000000.zip.toy")
        listed = self.run_with(self.config, "--json", "prune", "--dry-run").stdout
        self.assertEqual((listed.count(b'"fate":"kept"'), listed.count(b'"fate":"unknown"')), (2, 1), listed)
        for command in ("prune", "--dry-run"), ("archives", "kept"):
            done = self.run_with(self.config, *command)
            self.assertIn(b"nothing in it shows that it was made here", done.stdout)
        self.assertNotEqual(self.run_with(self.config, "cat", "latest", "config.yaml", "--preset", "kept").stdout,
                            b"not ours\n")
        made = self.make(self.config)
        self.assertEqual((made["removed"], len(self.names())), (1, 3), made)
        self.assert_mentions(self.run_with(self.config, "backup", "--preset", "kept"), "nothing in it shows", "--adopt")
        self.run_with(self.config, "prune", "--preset", "kept", "--adopt")
        self.assertEqual(len(self.names()), 2, "who says that they are his gets them pruned")

    def test_an_incomplete_one_lets_nothing_go(self):
        keywords = self.somebody_else(self.dir)
        for _ in range(2):
            self.run_with(self.public, "backup", "--preset", "kept", **keywords)
        (self.home / "config.yaml").chmod(0)
        for _ in range(2):
            self.run_with(self.public, "backup", "--preset", "kept", expect=3, **keywords)
        self.assertGreaterEqual(len(self.names()), 3)


class Reuse(sealed.Case):
    def setUp(self):
        super().setUp()
        hb.write(self.home / "large.bin", bytes(range(256)) * 20_000)

    def old_enough(self):
        """Waits until the clock has left the times of all files behind: then whole entries are taken over."""
        newest = max(path.lstat().st_ctime for path in self.home.rglob("*"))
        while time.time() < newest + RACY_SECONDS + 1.1:
            time.sleep(0.05)

    def make(self, config, *arguments, preset="kept"):
        done = self.run_with(config, *arguments, "--json", "backup", "--preset", preset)
        row = self.summary(done)
        self.run_with(self.config, "verify", row["archive"])
        return row, done

    def test_with_the_key_what_did_not_change_is_not_encoded_again(self):
        self.old_enough()
        for preset in ("kept", "far"):
            for form in sealed.FORMATS:
                self.make(self.config, "--set", f"backup.format={form}", preset=preset)
                row, _ = self.make(self.config, "--set", f"backup.format={form}", preset=preset)
                self.assertGreater(row["reused_bytes"], 5_000_000, (preset, form))

    def test_from_one_that_is_not_sealed_and_back(self):
        """Of a format whose units do not depend on whether the sink takes patches."""
        reused = []
        self.old_enough()
        for how in ("none", "toy", "none", "toy"):
            done = self.run_with(self.config, "--json", "backup", "--preset", "kept", "--seal", how, "--format", "tar-zstd")
            row = self.summary(done)
            self.run_with(self.config, "verify", row["archive"])
            reused.append(row["reused_bytes"] > 5_000_000)
        self.assertEqual(reused, [False, True, True, True])

    def test_what_is_taken_over_is_as_if_it_were_made_anew(self):
        home = self.import_from(self.make(self.config)[0]["archive"])
        self.assert_same_tree(self.home, home, directory_times=False)
        hb.write(self.home / "new.txt", b"new\n")
        self.assert_same_tree(self.home, self.import_from(self.make(self.config)[0]["archive"]), directory_times=False)

    def test_without_the_key_all_is_read(self):
        for _ in range(2):
            row, done = self.make(self.public)
            self.assertEqual((row["reused_bytes"], row["notes"]), (0, []))
            self.assertNotIn(b"reused", done.stderr)
        _, done = self.make(self.public, "--verbose")
        self.assert_mentions(done, "nothing is reused", "cannot be opened here")

    def test_a_changed_one_gives_nothing(self):
        row, _ = self.make(self.config)
        with open(row["archive"], "r+b") as stream:
            stream.seek(HEADER + 10)
            stream.write(b"changed")
        row = self.summary(self.run_with(self.config, "--json", "backup", "--preset", "kept"))
        self.run_with(self.config, "verify", row["archive"])
        self.assert_same_tree(self.home, self.import_from(row["archive"]), directory_times=False)


if __name__ == "__main__":
    unittest.main()
