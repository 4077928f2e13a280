# SPDX-License-Identifier: Apache-2.0
"""What an import says that it would change, and what of an archive it takes."""
import io
import json
import os
import shutil
import stat
import tarfile
import unittest
import zipfile

import hb

COUNTS = ("new", "replaced", "unchanged", "refused")


class Choice(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        hb.write(self.home / "gateway_state.json", b"{}")
        hb.write(self.home / "profiles/work/processes.json", b"{}")
        self.make_database(self.home / "state.db")
        self.archive = self.backup(self.home)

    def plan(self, *arguments, expect=0, home=None):
        """{path: change} of a dry run, and its summary."""
        done = self.hbcore("--json", "--home", home or self.home, "import", self.archive,
                           "--dry-run", *arguments, expect=expect)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual({row["type"] for row in rows[:-1]} - {"entry"}, set())
        return {row["path"]: row["change"] for row in rows[:-1]}, rows[-1]


class Changes(Choice):
    def change_the_home(self):
        hb.write(self.home / "config.yaml", b"model: larger\n")
        (self.home / "sub/empty").unlink()
        shutil.rmtree(self.home / "bin")

    def test_each_file(self):
        self.change_the_home()
        os.utime(self.home / "zeros.bin", (1, 1))
        changes, summary = self.plan()
        self.assertEqual({path: change for path, change in changes.items() if change is not None}, {
            "config.yaml": "replaced", "sub/empty": "new", "bin/run.sh": "new",
            "zeros.bin": "replaced", "state.db": "replaced",  # its log may hold more
            ".env": "unchanged", "sub/deep/file.txt": "unchanged", "noise.bin": "unchanged",
            "read-only.txt": "unchanged"})
        self.assertEqual({key: summary[key] for key in COUNTS},
                         {"new": 2, "replaced": 3, "unchanged": 4, "refused": 0})
        self.assertEqual([row["path"] for row in summary["preserved"]],
                         ["gateway_state.json", "profiles/work/processes.json"])
        self.assertIsNone(changes["sub"])

    def test_a_time_that_differs_in_one_part(self):
        """By whole seconds, or by a nanosecond alone."""
        for name, change in (("noise.bin", -10**9), ("zeros.bin", 10**9), ("read-only.txt", 100)):
            stamp = (self.home / name).stat().st_mtime_ns + change
            os.utime(self.home / name, ns=(stamp, stamp))
        changes, summary = self.plan()
        self.assertEqual({name for name, change in changes.items() if change == "replaced"},
                         {"noise.bin", "zeros.bin", "read-only.txt", "state.db"})
        self.assertEqual(summary["unchanged"], 5)

    def test_a_home_that_is_not_there(self):
        changes, summary = self.plan(home=self.dir / "none")
        self.assertEqual({change for change in changes.values() if change is not None}, {"new"})
        self.assertEqual((summary["new"], summary["replaced"]), (9, 0))
        self.assertFalse((self.dir / "none").exists())

    def test_links(self):
        """Written through where they end inside; refused where they lead outside."""
        hb.write(self.dir / "outside/file", b"kept")
        for name, target in (("config.yaml", "sub/other.yaml"), ("noise.bin", str(self.dir / "outside/file")),
                             ("zeros.bin", "nowhere")):
            (self.home / name).unlink()
            (self.home / name).symlink_to(target)
        hb.write(self.home / "sub/other.yaml", b"x")
        shutil.rmtree(self.home / "bin")
        (self.home / "bin").symlink_to(self.dir / "outside")
        changes, summary = self.plan(expect=3)
        self.assertEqual([changes[name] for name in ("config.yaml", "noise.bin", "zeros.bin",
                                                     "bin/run.sh")],
                         ["replaced", "refused", "new", "refused"])
        refused = {row["path"] for row in summary["skipped"]}
        self.assertEqual(refused, {"noise.bin", "bin", "bin/run.sh"})
        done = self.hbcore("--json", "--home", self.home, "import", self.archive, "-f", expect=3)
        self.assertEqual(refused, {row["path"] for row in self.summary(done)["skipped"]})
        self.assertEqual((self.dir / "outside/file").read_bytes(), b"kept")

    def test_what_is_in_the_way(self):
        for name in ("config.yaml", "noise.bin"):
            (self.home / name).unlink()
        (self.home / "config.yaml").mkdir()
        os.mkfifo(self.home / "noise.bin")
        shutil.rmtree(self.home / "bin")
        hb.write(self.home / "bin", b"a file")
        changes, _ = self.plan(expect=3)
        self.assertEqual({name for name, change in changes.items() if change == "refused"},
                         {"config.yaml", "noise.bin", "bin", "bin/run.sh"})

    def test_the_question_shows_them(self):
        self.change_the_home()
        for arguments, code, answer in ((["--quiet"], 4, b"n\n"), ([], 4, b"n\n"), ([], 0, b"y\n")):
            done = self.hbcore(*arguments, "--home", self.home, "import", self.archive,
                               input=answer, expect=code)
            before, question, _ = done.stdout.decode().partition("Continue? [y/N] ")
            self.assertNotEqual(question, "", before)
            self.assertIn(f"Target: {self.home}\n", before)
            self.assertIn("Changes: 2 new, 2 replaced, 5 unchanged (same size and time), "
                          "2 preserved\n", before)

    def asked(self):
        """What stands below the warning, line by line."""
        text = self.hbcore("--quiet", "--home", self.home, "import", self.archive, input=b"n\n",
                           expect=4).stdout.decode()
        warning, _, _ = text.partition("\nContinue? [y/N] ")
        return warning.partition("Importing replaces files there ")[2].splitlines()

    def test_the_question_names_what_is_replaced(self):
        self.change_the_home()
        first, *names = self.asked()
        self.assertEqual((first, sorted(names)),
                         ("with those of the archive:", ["  config.yaml", "  state.db"]))

    def test_the_question_names_ten_of_them(self):
        """Hostile names are escaped; the others are counted."""
        for number, count in ((8, 10), (9, 10), (14, 10)):
            for i in range(number):
                hb.write(self.home / f"many/\x1b[31m\n{i:02}", b"then")
            self.archive = self.backup(self.home)
            for i in range(number):
                hb.write(self.home / f"many/\x1b[31m\n{i:02}", b"now it is longer")
            hb.write(self.home / "config.yaml", b"model: larger\n")
            first, *names = self.asked()
            more = number + 2 - count
            self.assertEqual(first, "with those of the archive:")
            self.assertEqual(names[count:], [f"  and {more} more"] if more else [])
            escaped = [name for name in names if "many" in name]
            self.assertGreaterEqual(len(escaped), min(8, number))
            self.assertEqual([name for name in escaped if "\x1b" in name or "\\" not in name], [])
            self.assertEqual(len(set(names)), len(names))

    def test_the_question_without_anything_to_name(self):
        (self.home / "state.db").unlink()
        self.archive = self.backup(self.home)
        self.assertEqual(self.asked(), ["with those of the archive."])

    def test_the_dry_run_for_people(self):
        self.change_the_home()
        text = self.hbcore("--home", self.home, "import", self.archive, "--dry-run").stdout.decode()
        for line in ("Changes: 2 new, 2 replaced, 5 unchanged", "  new        sub/empty\n",
                     "  replaced   config.yaml\n", "  unchanged  .env\n"):
            self.assertIn(line, text)


class Patterns(Choice):
    def setUp(self):
        super().setUp()
        self.target = self.dir / "target"

    def take(self, *patterns, expect=0, archive=None):
        shutil.rmtree(self.target, ignore_errors=True)
        done = self.hbcore("--home", self.target, "import", archive or self.archive, *patterns,
                           expect=expect)
        files = {str(path.relative_to(self.target)) for path in self.target.rglob("*")
                 if not path.is_dir()} if self.target.exists() else set()
        return files, done

    def test_include_and_exclude(self):
        every, _ = self.take()
        self.assertEqual(len(every), 9)
        for patterns, expected in (
                (["--include", "sub"], {"sub/deep/file.txt", "sub/empty"}),
                (["--include", "sub/"], {"sub/deep/file.txt", "sub/empty"}),
                (["--include", "sub/*"], {"sub/deep/file.txt", "sub/empty"}),
                (["--include", "*.bin"], {"noise.bin", "zeros.bin"}),
                (["--include", "*.bin", "--include", "bin/run.sh"],
                 {"noise.bin", "zeros.bin", "bin/run.sh"}),
                (["--include", "sub", "--exclude", "sub/deep"], {"sub/empty"}),
                (["--exclude", "sub", "--exclude", "[!s]*"], {"state.db"}),
                (["--exclude", "/*.txt"], every - {"read-only.txt"}),  # * stops at a slash
                (["--exclude", "*.txt"], every - {"read-only.txt", "sub/deep/file.txt"}),
                (["--exclude", "*"], None), (["--include", "no-such"], None)):
            with self.subTest(patterns=patterns):
                files, done = self.take(*patterns, expect=1 if expected is None else 0)
                self.assertEqual(files, expected or set())
                if expected is None:
                    self.assert_mentions(done, "nothing", f"list {self.archive}` shows the names to use")

    def test_directories_on_the_way_keep_their_modes(self):
        (self.home / "sub").chmod(0o710)
        (self.home / "sub/deep").chmod(0o700)
        self.archive = self.backup(self.home)
        self.take("--include", "sub/deep/file.txt")
        self.assertEqual([oct(stat.S_IMODE((self.target / name).stat().st_mode))
                          for name in ("sub", "sub/deep")], ["0o710", "0o700"])
        self.assertFalse((self.target / "hollow").exists())

    def test_other_formats_and_a_pipe(self):
        for suffix, name in (("tar.zst", "tar-zstd"), ("zip", "zip")):
            archive = self.backup(self.home, f"b.{suffix}", "--format", name)
            files, _ = self.take("--include", "sub/deep", archive=archive)
            self.assertEqual(files, {"sub/deep/file.txt"})
            shutil.rmtree(self.target)
            self.hbcore("--home", self.target, "import", "-", "--include", "sub/deep",
                        input=archive.read_bytes())
            self.assertEqual((self.target / "sub/deep/file.txt").read_text(), "some text\n" * 50)
            self.assertEqual(sorted(os.listdir(self.target)), ["sub"])

    def test_what_is_preserved_stays_so(self):
        files, _ = self.take("--include", "gateway_state.json", "--include", ".env")
        self.assertEqual(files, {".env"})
        _, summary = self.plan("--include", ".env", home=self.target)
        self.assertEqual(summary["preserved"], [])

    def test_the_rest_of_a_home_stays(self):
        before = hb.tree(self.home)
        (self.home / "noise.bin").write_bytes(b"lost")
        hb.write(self.home / "config.yaml", b"newer")
        self.hbcore("--home", self.home, "import", self.archive, "-f", "--include", "noise.bin")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"newer")
        self.assertEqual(hb.tree(self.home)[b"noise.bin"], before[b"noise.bin"])

    def test_nothing_is_left(self):
        """Directories alone are what was asked for only where nothing in them was left out."""
        for patterns in (("--include", "nosuch"), ("--include", "sub", "--exclude", "sub/*"),
                         ("--include", "sub", "--exclude", "sub"), ("--exclude", "*"),
                         ("--include", "sub/deep", "--exclude", "sub/deep/file.txt"),
                         ("--include", "bin", "--include", "sub/deep", "--exclude", "*/*.sh",
                          "--exclude", "*/*/*.txt")):
            with self.subTest(patterns=patterns):
                files, done = self.take(*patterns, expect=1)
                self.assertEqual(files, set())
                self.assertFalse(self.target.exists())
                self.assert_mentions(done, "nothing in the archive matches")
        self.take("--include", "hollow")
        self.assertTrue((self.target / "hollow").is_dir())
        self.take("--include", "hollow", "--exclude", "sub")
        self.assertTrue((self.target / "hollow").is_dir())

    def test_a_live_database_in_a_subdirectory(self):
        """--exclude '*.db' spares it, however deep; and the summary says what was not spared before."""
        for name in ("profiles/work/state.db", "profiles/work/deep/kanban.db"):
            self.make_database(self.home / name)
        self.archive = self.backup(self.home)
        for name in ("profiles/work/state.db", "state.db"):
            self.make_database(self.dir / "newer" / name, rows=3)
            shutil.copy(self.dir / "newer" / name, self.home / name)
        done = self.hbcore("--json", "--home", self.home, "import", self.archive, "-f", "--exclude", "*.db")
        for name in ("profiles/work/state.db", "state.db"):
            self.assertEqual(len(self.database_rows(self.home / name)), 3)
        self.assertEqual(self.summary(done)["unwanted"], {"not_included": 0, "excluded": 3, "directories": 0,
                                                          "too_large": 0, "newly_included": 0, "newly_excluded": 2})
        text = self.hbcore("--home", self.home, "import", self.archive, "-f", "--exclude", "*.db").stdout.decode()
        self.assertIn("Files excluded by --exclude: 3\n", text)
        self.assertIn("Below the top of the home, patterns without a / included 0 and excluded 2: they\n", text)
        text = self.hbcore("--home", self.home, "import", self.archive, "-f", "--exclude", "/*.db").stdout.decode()
        self.assertNotIn("any depth", text)
        done = self.hbcore("--json", "--home", self.home, "import", self.archive, "--dry-run", "--include", "*.db")
        self.assertEqual(self.summary(done)["unwanted"]["newly_included"], 2)

    def test_an_exclude_that_matches_nothing(self):
        """Wrong use, before anything is changed; but for patterns of a file."""
        (self.home / "noise.bin").write_bytes(b"newer")
        before = hb.tree(self.home)
        listed = self.dir / "patterns"
        listed.write_text("/noise.bin\nnever.*\n")
        for patterns in (["*.bim"], ["/file.txt"], ["*.bin", "!none"], ["*.bin", "nope"], ["config.yaml/"], ["SUB"]):
            for extra in ([], ["--dry-run"], ["--exclude-from", listed], ["--include", "/sub"]):
                words = [word for pattern in patterns for word in ("--exclude", pattern)]
                done = self.hbcore("--home", self.home, "import", self.archive, "-f", *words, *extra, expect=2)
                self.assert_mentions(done, f"--exclude '{patterns[-1]}' matches nothing", "nothing was changed",
                                     f" list {self.archive}`")
        self.hbcore("--home", self.home, "import", "-", "-f", "--exclude", "*.bim", input=self.archive.read_bytes(), expect=2)
        rows = hb.differences(before, hb.tree(self.home))
        self.assertEqual(rows, [])
        for pattern in ("noise.bin", "*.bin", "sub", "sub/", "sub/deep/file.txt", "hollow", "/sub/**", "gateway_state.json"):
            self.take("--exclude", pattern)
        self.take("--exclude", "*.bin", "--exclude", "noise.bin")  # one of them would do
        self.take("--exclude", "sub", "--exclude", "sub/deep/file.txt")
        files, done = self.take("--exclude-from", listed)
        self.assertNotIn("noise.bin", files)
        self.assert_mentions(done, f"--exclude-from {listed}: 1 of its 2 patterns matches nothing in the archive: 'never.*'")
        done = self.hbcore("--home", self.dir / "new", "import", "-", "--exclude-from", "-", input=b"x", expect=2)
        self.assert_mentions(done, "standard input is already read")
        self.hbcore("--home", self.dir / "new", "import", self.archive, "--exclude-from", "-", input=b"*.bin\n!noise.bin\n")
        self.assertTrue((self.dir / "new/noise.bin").exists())
        self.assertFalse((self.dir / "new/zeros.bin").exists())

    def test_what_takes_nothing_back(self):
        """A ! alone spares nothing, and is no pattern that matches."""
        (self.home / "noise.bin").write_bytes(b"newer")
        for words in (("!noise.bin",), ("*.yaml", "!noise.bin")):
            done = self.hbcore("--home", self.home, "import", self.archive, "-f",
                               *(word for pattern in words for word in ("--exclude", pattern)), expect=2)
            self.assert_mentions(done, "--exclude '!noise.bin' matches nothing", "nothing was changed")
        self.assertEqual((self.home / "noise.bin").read_bytes(), b"newer")
        self.take("--exclude", "*.bin", "--exclude", "!noise.bin")

    def test_a_list_that_was_not_made(self):
        """Of a pipe it is an error, of a file a note: nothing is spared."""
        done = self.hbcore("--home", self.home, "import", self.archive, "-f", "--exclude-from", "-", input=b"\n# none\n",
                           expect=2)
        self.assert_mentions(done, "there is no pattern in standard input")
        empty = self.dir / "empty"
        empty.write_bytes(b"")
        _, done = self.take("--exclude-from", empty)
        self.assert_mentions(done, f"--exclude-from {empty}: there is no pattern in it")

    def test_an_include_that_matches_nothing(self):
        files, done = self.take("--include", "config.yaml", "--include", "auth.json")
        self.assertEqual(files, {"config.yaml"})
        self.assert_mentions(done, "--include 'auth.json' matches nothing in the archive")

    def test_below_the_directory_that_is_stripped(self):
        """Patterns are about the home, whatever is around it in the archive."""
        with zipfile.ZipFile(self.dir / "w.zip", "w") as archive:
            for name in ("config.yaml", "sub/config.yaml", "sub/hermes/x", ".env"):
                archive.writestr(f"hermes/{name}", name)
        files, _ = self.take("--exclude", "/config.yaml", "--exclude", "sub/hermes", archive=self.dir / "w.zip")
        self.assertEqual(files, {"sub/config.yaml", ".env"})
        self.take("--exclude", "/hermes", archive=self.dir / "w.zip", expect=2)

    def test_too_large(self):
        files, done = self.take("--exclude-larger-than", "69K")
        self.assertEqual(files & {"noise.bin", "zeros.bin", "read-only.txt"}, {"noise.bin", "read-only.txt"})
        self.assert_mentions(done, "Files larger than 69K: 1\n")
        with tarfile.open(self.dir / "l.tar", "w") as archive:
            for name, size, link in (("big", 5000, None), ("small", 5, None), ("link", 0, "big"), (".env", 1, None)):
                member = tarfile.TarInfo(name)
                member.size = size
                if link is not None:
                    member.type, member.linkname = tarfile.LNKTYPE, link
                archive.addfile(member, io.BytesIO(bytes(size)))
        files, done = self.take("--exclude-larger-than", "4K", archive=self.dir / "l.tar")
        self.assertEqual(files, {"small", ".env"})

    def test_what_is_refused_may_be_excluded(self):
        """Then all that was asked for has been done: exit 0."""
        with tarfile.open(self.dir / "t.tar", "w") as archive:
            for name, kind in ((".env", tarfile.REGTYPE), ("pipe", tarfile.FIFOTYPE), ("link", tarfile.SYMTYPE),
                               ("x.db", tarfile.REGTYPE), ("x.db-wal", tarfile.REGTYPE)):
                member = tarfile.TarInfo(name)
                member.type, member.linkname = kind, "x" if kind == tarfile.SYMTYPE else ""
                archive.addfile(member)
        self.take(archive=self.dir / "t.tar", expect=3)
        files, _ = self.take("--exclude", "pipe", "--exclude", "link", "--exclude", "*-wal", archive=self.dir / "t.tar")
        self.assertEqual(files, {".env", "x.db"})
        files, _ = self.take("--include", "x.db*", "--include", ".env", archive=self.dir / "t.tar", expect=3)
        self.assertEqual(files, {".env", "x.db"})
        # A log goes with its database.
        files, _ = self.take("--exclude", "x.db", "--exclude", "[lp]*", archive=self.dir / "t.tar")
        self.assertEqual(files, {".env"})
        files, done = self.take("--include", ".env", "--include", "*-wal", archive=self.dir / "t.tar", expect=3)
        self.assertEqual(files, {".env"})
        self.assert_mentions(done, "x.db-wal: refused")

    def test_patterns_that_are_none(self):
        for pattern in ("", "a//b", "./sub", "/", "!", "../x", "sub[", "x\\"):
            for option in ("--include", "--exclude"):
                _, done = self.take(option, pattern, expect=2)
                self.assert_mentions(done, option)


if __name__ == "__main__":
    unittest.main()
