# SPDX-License-Identifier: Apache-2.0
"""A backup of a part: --include, --exclude, --exclude-from, --exclude-larger-than."""
import os
import stat
import unittest
import zipfile

import hb

FILES = ["config.yaml", "a.tmp", "sub/a.tmp", "sub/keep.tmp", "sub/deep/er/b.md", "sub/deep/c.txt", "skills/x/SKILL.md",
         "skills/x/cache/1", "cache/index", "cache/images/1.png", "logs/a.log", "logs/b.log"]


class Choice(hb.Case):
    config = hb.GENERIC

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for name in FILES:
            hb.write(self.home / name, name)
        (self.home / "hollow").mkdir()

    def store(self, *patterns, expect=0, **keywords):
        """The names of the files in the archive, and the summary."""
        archive = self.dir / "a.zip"
        archive.unlink(missing_ok=True)
        done = self.hbcore("--json", "--home", self.home, "backup", "-o", archive, *patterns, expect=expect, **keywords)
        if expect not in (0, 3):
            self.assertFalse(archive.exists())
            return None, done
        with zipfile.ZipFile(archive) as opened:
            self.entries = opened.namelist()
        return {name for name in self.entries if not name.endswith("/")}, self.summary(done)


class Patterns(Choice):
    def test_what_is_stored(self):
        every = set(FILES)
        for patterns, expected in (
                (["--exclude", "*.tmp"], every - {"a.tmp", "sub/a.tmp", "sub/keep.tmp"}),
                (["--exclude", "/*.tmp"], every - {"a.tmp"}),
                (["--exclude", "*.tmp", "--exclude", "!keep.tmp"], every - {"a.tmp", "sub/a.tmp"}),
                (["--exclude", "/cache/*", "--exclude", "!/cache/images"], every - {"cache/index"}),
                (["--exclude", "cache/"], every - {"cache/index", "cache/images/1.png", "skills/x/cache/1"}),
                (["--exclude", "sub/**/b.md"], every - {"sub/deep/er/b.md"}),
                (["--include", "*.md"], {"sub/deep/er/b.md", "skills/x/SKILL.md"}),
                (["--include", "/sub", "--exclude", "deep"], {"sub/a.tmp", "sub/keep.tmp"}),
                (["--include", "sub", "--include", "!deep/", "--include", "!*.tmp", "--include", "keep.tmp"], {"sub/keep.tmp"}),
                (["--include", "config.yaml", "--include", "logs/"], {"config.yaml", "logs/a.log", "logs/b.log"})):
            with self.subTest(patterns=patterns):
                found, summary = self.store(*patterns)
                self.assertEqual(found, expected)
                self.assertEqual(summary["notes"], [])

    def test_directories_on_the_way(self):
        """They are in the archive, before what is in them, with their modes, and no others."""
        (self.home / "sub").chmod(0o700)
        (self.home / "sub/deep").chmod(0o710)
        self.store("--include", "b.md")
        self.assertEqual(self.entries, ["sub/", "sub/deep/", "sub/deep/er/", "sub/deep/er/b.md"])
        target = self.dir / "target"
        self.hbcore("--home", target, "import", self.dir / "a.zip")
        self.assertEqual([stat.S_IMODE((target / name).stat().st_mode) for name in ("sub", "sub/deep")], [0o700, 0o710])
        self.make_database(self.home / "sub/other/x.db")  # what is claimed comes last
        self.store("--include", "*.db", "--include", "hollow", "--include", "a.log")
        self.assertEqual(self.entries, ["hollow/", "logs/", "logs/a.log", "sub/", "sub/other/", "sub/other/x.db"])

    def test_summary(self):
        _, summary = self.store("--exclude", "*.tmp", "--exclude", "cache", "--exclude-larger-than", "16")
        self.assertEqual(summary["unwanted"], {"not_included": 0, "excluded": 3, "directories": 2, "too_large": 1})
        self.assertEqual(summary["excluded_dirs"], ["cache", "skills/x/cache"])
        self.assertEqual([(row["path"], row["reason"]) for row in summary["left_out"]],
                         [("a.tmp", "excluded by --exclude"), ("skills/x/SKILL.md", "larger than 16"),
                          ("sub/a.tmp", "excluded by --exclude"), ("sub/keep.tmp", "excluded by --exclude")])
        _, summary = self.store("--include", "*.md")
        self.assertEqual((summary["unwanted"]["not_included"], summary["left_out"]), (len(FILES) - 2, []))
        text = self.hbcore("--home", self.home, "backup", "--dry-run", "--exclude", "*.tmp").stdout.decode()
        self.assertIn("Files left out: 3 (-v lists them)\n", text)
        self.assertIn("Files excluded by --exclude: 3\n", text)

    def test_what_the_configuration_leaves_out(self):
        self.config = hb.HERMES
        hb.write(self.home / "node_modules/x", "x")
        hb.write(self.home / "sub/x.pyc", "x")
        found, _ = self.store("--include", "node_modules", "--include", "sub", "--include", "skills")
        self.assertEqual(found, {name for name in FILES if name.startswith(("sub/", "skills/"))})

    def test_a_file_of_patterns(self):
        patterns = self.dir / "patterns"
        patterns.write_bytes(b"\xef\xbb\xbf# mine\r\n\r\n*.tmp\r\n!keep.tmp   \n/logs/\nnever-there\n/nor-this\n")
        wanted = set(FILES) - {"a.tmp", "sub/a.tmp", "logs/a.log", "logs/b.log"}
        found, summary = self.store("--exclude-from", patterns)
        self.assertEqual(found, wanted)
        self.assertEqual([row["reason"] for row in summary["notes"]],
                         [f"--exclude-from {patterns}: 2 of its 5 patterns match nothing in the home: 'never-there', "
                          "'/nor-this'"])
        found, _ = self.store("--exclude-from", "-", input=patterns.read_bytes())
        self.assertEqual(found, wanted)
        # What is typed comes last, wherever it stands.
        found, _ = self.store("--exclude", "!a.tmp", "--exclude-from", patterns)
        self.assertEqual(found, wanted | {"a.tmp", "sub/a.tmp"})

    def test_files_that_are_none(self):
        (self.dir / "zero").write_bytes(b"a\0b\n")
        for name, word in ((self.dir / "none", "No such file"), (self.dir, "directory"), (self.dir / "zero", "zero bytes")):
            _, done = self.store("--exclude-from", name, expect=2)
            self.assert_mentions(done, f"--exclude-from {name}", word)
        _, done = self.store("--exclude-from", "-", "--exclude-from", "-", expect=2, input=b"a\n")
        self.assert_mentions(done, "standard input is already read")

    def test_odd_names(self):
        for name in (b"new\nline", b"\xff\xfe.bin", "é.md".encode(), b"-x", b"[1]", b"a*b"):
            hb.write(os.fsencode(self.home) + b"/odd/" + name, "x")
        every, _ = self.store()
        for pattern, gone in (("new?line", "odd/new\nline"), (b"\xff\xfe.bin", None), ("é.md", "odd/é.md"),
                              ("[[]1]", "odd/[1]"), ("a\\*b", "odd/a*b"), ("/odd/-x", "odd/-x")):
            found, _ = self.store("--exclude", pattern)
            self.assertEqual(len(every - found), 1)
            if gone is not None:
                self.assertEqual(every - found, {gone})


class Wrong(Choice):
    def test_patterns_that_match_nothing(self):
        _, summary = self.store("--exclude", "nope", "--exclude", "*.tmp", "--include", "sub", "--include", "neither")
        self.assertEqual(sorted(row["reason"] for row in summary["notes"]),
                         ["--exclude 'nope' matches nothing in the home", "--include 'neither' matches nothing in the home"])

    def test_nothing_is_left(self):
        for patterns in (["--exclude", "*"], ["--include", "nope"], ["--include", "hollow"], ["--exclude-larger-than", "1"],
                         ["--include", "sub", "--exclude", "sub"]):
            _, done = self.store(*patterns, expect=1)
            self.assert_mentions(done, "leave nothing to back up")

    def test_where_they_have_no_place(self):
        for arguments in (["--quick", "--exclude", "x"], ["--preset", "p", "--include", "sub"],
                          ["--preset", "p", "--exclude", "x"], ["--preset", "p", "--exclude-larger-than", "1"]):
            self.hbcore("--home", self.home, "backup", *arguments, expect=2)
        for size in ("", "x", "-1", "1Q", "1e3", "0"):
            _, done = self.store("--exclude-larger-than", size, expect=2)
            self.assert_mentions(done, "--exclude-larger-than")

    def test_a_log_without_its_database(self):
        """The log of a database that is left out stays out, too."""
        database = self.make_database(self.home / "state.db", wal=True)
        with hb.sqlite3.connect(database) as opened:
            opened.execute("INSERT INTO t (text) VALUES ('x')")
            opened.commit()
            self.assertTrue((self.home / "state.db-wal").exists())
            for patterns in (["--exclude", "state.db"], ["--exclude-larger-than", "2K"], ["--include", "*-wal", "--include", "logs"]):
                found, _ = self.store(*patterns)
                self.assertEqual({name for name in found if "db" in name}, set(), patterns)
        opened.close()


if __name__ == "__main__":
    unittest.main()
