# SPDX-License-Identifier: Apache-2.0
"""The table of lies: what a format plugin may say or do wrong, and what comes of each.

No lie has wrong bytes restored in silence. Either it is noticed (exit 1 or 3 and a sentence), or it is harmless: all
that is restored is right.
"""
import json
import os
import pathlib
import time
import unittest

import hb

NOTICED, HARMLESS = "noticed", "harmless"
CODES = {NOTICED: (1, 3), HARMLESS: (0,)}

# What encode(), append(), end_entry() and finish() do to an archive, which an honest reader then reads.
WRITTEN = {
    "encode-flips": "one bit of a small file",
    "encode-big-flips": "one bit in each unit of a large file",
    "encode-turns-round": "first and last byte change places",
    "encode-drops": "one byte fewer",
    "encode-adds": "one byte more",
    "append-skips": "a unit is not written",
    "append-twice": "a unit is written twice",
    "append-out-of-order": "two units change places",
    "finish-byte-too-many": "a byte behind an entry",
    "finish-other-trailer": "one bit of the trailer",
    "finish-cuts-trailer": "its last bytes",
    "finish-without-trailer": "none at all",
    "finish-without-end": "nobody can find it",
}

# What a reader says of a good archive: by list() and decode(), by walk(), by walk() of a stream.
INDEX, WALK, STREAM = "index", "walk", "stream"
BOTH, ALL = (INDEX, WALK), (INDEX, WALK, STREAM)
WALKS = (WALK, STREAM)
READ = {
    # bytes
    "data-other-byte": (ALL, NOTICED),
    "data-zeros": (ALL, NOTICED),
    "data-of-another": (ALL, NOTICED),
    "data-blocks-swapped": (ALL, NOTICED),
    "data-null": (ALL, NOTICED),
    # sizes
    "data-nothing": (ALL, NOTICED),
    "data-fewer": (ALL, NOTICED),
    "data-more": (ALL, NOTICED),
    "data-hides-failure": (ALL, NOTICED),
    "entry-size-more": (ALL, NOTICED),
    "entry-size-0": (ALL, NOTICED),
    "entry-size-unknown": ((INDEX,), NOTICED),
    "walk-ends-early": (WALKS, NOTICED),
    # offsets
    "data-twice": (ALL, NOTICED),
    "data-back": (ALL, NOTICED),
    "data-shifted": (ALL, NOTICED),
    "data-beyond": (ALL, NOTICED),
    "data-gap": (ALL, NOTICED),
    # counts, order, doubles
    "order-without-first": (ALL, NOTICED),
    "order-without-last": (ALL, NOTICED),
    "order-first-again": (ALL, NOTICED),
    "order-swapped": (ALL, NOTICED),
    "order-backwards": (ALL, NOTICED),
    "list-twice": ((INDEX,), NOTICED),
    "walk-fewer-again": ((WALK,), NOTICED),
    # paths and metadata
    "entry-no-path": (ALL, NOTICED),
    "entry-other-path": (ALL, NOTICED),
    "entry-path-of-another": (ALL, NOTICED),
    "entry-path-bytes-0": (ALL, NOTICED),
    "entry-path-with-nul": (ALL, NOTICED),
    "entry-path-outside": (ALL, NOTICED),
    "entry-type-0": (ALL, NOTICED),
    "entry-type-2": (ALL, NOTICED),
    "entry-type-3": (ALL, NOTICED),
    "entry-type-4": (ALL, NOTICED),
    "entry-type-99": (ALL, NOTICED),
    "entry-type-257": (ALL, NOTICED),
    "entry-mode": (ALL, NOTICED),
    "entry-time": (ALL, NOTICED),
    "entry-nanoseconds": (ALL, NOTICED),
    "entry-index": (ALL, HARMLESS),
    "entry-flags": (ALL, NOTICED),
    # groups, tokens, flags
    "list-one-group": ((INDEX,), HARMLESS),
    "list-groups-descend": ((INDEX,), HARMLESS),
    "list-group-of-another": ((INDEX,), HARMLESS),
    "list-stored-bytes": ((INDEX,), HARMLESS),
    "list-unknown-flag": ((INDEX,), NOTICED),
    "list-unreadable": ((INDEX,), NOTICED),
    "list-tokens": ((INDEX,), NOTICED),
    "list-no-entry": ((INDEX,), NOTICED),
    "decode-mixes": ((INDEX,), NOTICED),
    "decode-crosses": ((INDEX,), NOTICED),
    # answers
    "list-hides-failure": ((INDEX,), HARMLESS),
    "list-fails-without-a-word": ((INDEX,), NOTICED),
    "list-nomatch-at-the-end": ((INDEX,), HARMLESS),
    "decode-fails-for-one": ((INDEX,), NOTICED),
    "decode-fails-without-a-word": ((INDEX,), NOTICED),
    "decode-says-7": ((INDEX,), NOTICED),
    # beginnings and ends
    "walk-begins-twice": (WALKS, NOTICED),
    "walk-does-not-end": (WALKS, NOTICED),
    "walk-ends-twice": (WALKS, NOTICED),
    "walk-data-outside": (WALKS, NOTICED),
    "walk-data-of-all": (WALKS, HARMLESS),
    "walk-unreadable-with-data": (WALKS, NOTICED),
    # the trailer
    "trailer-other-byte": (ALL, NOTICED),
    "trailer-cut": (ALL, NOTICED),
    "trailer-null": ((INDEX,), NOTICED),
    "trailer-missing": (ALL, HARMLESS),  # a note says that there is none
    "walk-trailer-twice": (WALKS, HARMLESS),
}

# What is said and done when a second backup takes entries over: they are compared, and read anew.
REUSED = ("locate-another", "locate-shifted", "locate-longer", "locate-outside", "locate-other-note", "locate-head-outside",
          "adopt-nothing", "adopt-more", "adopt-another", "adopt-twice", "list-tokens",
          "list-one-group", "order-swapped", "entry-size-more", "entry-no-path", "list-no-entry", "trailer-null")


class Lies(hb.Case):
    """Files of equal and of other sizes, one of several units, an empty one, a directory."""

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for name, data in (("a", os.urandom(1000)), ("b", os.urandom(1000)), ("big", os.urandom(200_000)), ("c", b"c" * 77),
                           ("empty", b""), ("sub/z", os.urandom(500))):
            hb.write(self.home / name, data, mtime_ns=1_700_000_000_000_000_000)
        self.config = self.write_config(
            f"[plugins]\npath = {os.environ['HBCORE_MISTAKES']}\n[backup]\nformat = lies\n[format:lies]\n"
            f"[preset:daily]\ndirectory = {self.dir}/kept\nkeep = 99\n")
        self.archive, self.count = self.dir / "good.lies", 0
        self.hbcore("--home", self.home, "backup", "-o", self.archive)
        self.right = self.tree(self.home)

    def tree(self, at):
        return {str(path.relative_to(at)): (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes())
                for path in pathlib.Path(at).rglob("*") if path.is_file() and not path.name.startswith(".hbcore")}

    def say(self, lie, how, *arguments, expect=(0,), **keywords):
        """The exit code, one of `expect`, and the last line of the answer."""
        done = self.hbcore("--json", "--set", f"format:lies.lie={lie}", "--set", f"format:lies.how={INDEX if how == INDEX else WALK}",
                           *arguments, expect=None, **keywords)
        self.assertIn(done.returncode, expect, done)
        return done.returncode, json.loads(done.stdout.splitlines()[-1])

    def restore(self, archive, lie="none", how=INDEX, expect=(0,)):
        """The exit code, what was restored, and what was said."""
        self.count += 1
        target = self.dir / f"new{self.count}"
        words = ("--home", target, "import")
        if how == STREAM:
            code, said = self.say(lie, how, *words, "-", input=archive.read_bytes(), expect=expect)
        else:
            code, said = self.say(lie, how, *words, archive, expect=expect)
        return code, self.tree(target), said

    def assert_noticed(self, code, there, said):
        """Nothing wrong was restored; what is missing is named."""
        if code == 1:
            self.assertEqual(there, {})
            self.assertTrue(said["message"], said)
            return
        self.assertEqual(code, 3)
        for name, found in there.items():
            self.assertEqual(found, self.right[name], name)
        named = {row["path"] for row in said["skipped"] + said["doubtful"]}
        self.assertEqual(set(self.right) - set(there) - named, set(), said)
        self.assertTrue(named, said)


class Written(Lies):
    def test_all(self):
        """Not published, or found by whoever reads it next."""
        for number, lie in enumerate(WRITTEN):
            with self.subTest(lie=lie):
                archive = self.dir / f"{number}.lies"
                code, said = self.say(lie, INDEX, "--home", self.home, "backup", "-o", archive, expect=(0, 1))
                if code == 1:
                    self.assertIn("cannot be read back", said["message"])
                    self.assertFalse(archive.exists())
                    continue
                for how in ALL:
                    if how != STREAM:
                        _, said = self.say("none", how, "verify", archive, expect=(1,))
                        self.assertIn("content is not what was stored", said["message"])
                    self.assert_noticed(*self.restore(archive, how=how, expect=(1,)))

    def test_read_back_by_walk(self):
        """There the contents are compared before it is published."""
        for lie in ("encode-flips", "encode-big-flips", "append-out-of-order"):
            _, said = self.say(lie, WALK, "--home", self.home, "backup", "-o", self.dir / "new.lies", expect=(1,))
            self.assertIn("content is not what was stored", said["message"])
            self.assertFalse((self.dir / "new.lies").exists())


class Read(Lies):
    def test_at_least_23(self):
        self.assertGreaterEqual(len(READ), 23)

    def test_none(self):
        for how in ALL:
            self.assertEqual(self.restore(self.archive, how=how)[:2], (0, self.right))

    def check(self, lie, how, outcome):
        if how != STREAM:
            _, said = self.say(lie, how, "verify", self.archive, expect=CODES[outcome])
            self.assertTrue(said.get("message") or said.get("skipped") or said.get("doubtful") or outcome == HARMLESS)
        code, there, said = self.restore(self.archive, lie, how, expect=CODES[outcome])
        if outcome == HARMLESS:
            self.assertEqual(there, self.right)
        else:
            self.assert_noticed(code, there, said)

    def test_all(self):
        for lie, (ways, outcome) in READ.items():
            for how in ways:
                with self.subTest(lie=lie, how=how):
                    self.check(lie, how, outcome)


    def test_it_costs_the_member(self):
        """Not those that are stored together with it; cat says so, too, and what is left out costs nothing."""
        for lie in ("data-other-byte", "data-gap", "data-zeros"):
            for how in BOTH:
                with self.subTest(lie=lie, how=how):
                    _, said = self.say(lie, how, "verify", self.archive, expect=(1,))
                    self.assertIn("b: damaged: its content is not what was stored", said["message"])
                    done = self.hbcore("--set", f"format:lies.lie={lie}", "--set", f"format:lies.how={how}", "cat",
                                       self.archive, "b", expect=1)
                    self.assert_mentions(done, "b: damaged: its content is not what was stored")
                    done = self.hbcore("--set", f"format:lies.lie={lie}", "--set", f"format:lies.how={how}", "cat",
                                       self.archive, "a")
                    self.assertEqual(done.stdout, (self.home / "a").read_bytes())
            text = self.hbcore("--set", f"format:lies.lie={lie}", "verify", self.archive, expect=1)
            self.assert_mentions(text, "Damaged (1):", "b: its content")
            new = self.dir / f"without-{lie}"
            done = self.hbcore("--set", f"format:lies.lie={lie}", "--home", new, "import", "--exclude", "b", self.archive)
            self.assertIn(b"b: is damaged, but left out: its content is not what was stored", done.stdout)
            self.assertEqual(self.tree(new), {name: row for name, row in self.right.items() if name != "b"})


class Reused(Lies):
    def wait_until_old(self):
        """The clock of the file system leaves the times of all files behind: only then they are taken over."""
        newest = max(path.stat().st_ctime for path in self.home.rglob("*"))
        while time.time() < newest + 3.1:
            time.sleep(0.05)

    def test_all(self):
        preset = ("--home", self.home, "backup", "--preset", "daily")
        self.wait_until_old()
        self.hbcore(*preset)
        _, said = self.say("none", INDEX, *preset)
        self.assertGreater(said["reused_bytes"], 200_000, "nothing is taken over, so that no lie could be told")
        self.hbcore("verify", said["archive"])
        for lie in REUSED:
            with self.subTest(lie=lie):
                hb.write(self.home / "new", lie.encode())
                # The same plugin reads back what it has made: where that fails, nothing is published.
                code, said = self.say(lie, INDEX, *preset, expect=(0, 1))
                if code == 0:
                    made = said["archive"]
                    self.hbcore("verify", made)
                    self.assertEqual(self.restore(made)[1], self.tree(self.home))
                    self.hbcore(*preset)  # an honest one again, for the next to take over from


if __name__ == "__main__":
    unittest.main()
