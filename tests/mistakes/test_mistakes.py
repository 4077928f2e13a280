# SPDX-License-Identifier: Apache-2.0
"""Plugins that do not keep to the headers: what they answer is not believed, and nothing is lost in silence."""
import json
import os
import pathlib
import subprocess
import unittest

import hb

FORMATS = (("zip", "zip"), ("tar-zstd", "tar.zst"))
SECRET = b"what another file holds " * 1000


class Mistakes(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "a.mine", b"a" * 13)
        hb.write(self.home / "b", SECRET)
        hb.write(self.home / "c.mine", os.urandom(3 << 20))

    def configure(self, text):
        self.config = self.write_config(f"[plugins]\npath = {os.environ['HBCORE_MISTAKES']}\n"
                                        "[backup]\nformat = zip\n[format:zip]\n[format:tar-zstd]\n" + text)

    def backup(self, form, suffix, *settings, expect=0):
        archive = self.dir / f"out.{suffix}"
        done = self.hbcore("--home", self.home, *settings, "--json", "backup", "--format", form, "-o",
                           archive, expect=expect)
        return archive, json.loads(done.stdout.splitlines()[-1])

    def source(self, mistake):
        self.configure(f"[content:source]\nmistake = {mistake}\n")


class Sources(Mistakes):
    def test_none(self):
        """What the others are compared with."""
        self.source("none")
        for form in FORMATS:
            archive, _ = self.backup(*form)
            self.assertEqual(self.hbcore("cat", archive, "c.mine").stdout, (self.home / "c.mine").read_bytes())

    def test_nothing_to_read(self):
        """It is left out and told, never stored empty."""
        for mistake, word in (("no-source", "read_at"), ("no-method", "method")):
            self.source(mistake)
            for form in FORMATS:
                archive, found = self.backup(*form, expect=3)
                self.assertEqual({row["path"] for row in found["skipped"]}, {"a.mine", "c.mine"}, found)
                self.assertIn(word, found["skipped"][0]["reason"])
                self.assertEqual(self.hbcore("list", archive).stdout.split(), [b"b"])

    def test_no_such_soundness(self):
        """Nobody knows then whether it is sound: it is stored, told, and the exit status is 3."""
        for mistake in ("soundness-0", "soundness-9"):
            self.source(mistake)
            _, found = self.backup(*FORMATS[0], expect=3)
            self.assertEqual({row["path"] for row in found["doubtful"]}, {"a.mine", "c.mine"}, found)
            self.assertIn("no valid answer", found["doubtful"][0]["reason"])
            self.assertEqual({row["cannot_tell"] for row in found["databases"]}, {True}, found["databases"])

    def test_more_than_asked_for(self):
        """Nothing of other files gets into the archive."""
        self.source("read-more")
        for form in FORMATS:
            archive, found = self.backup(*form, "--set", "backup.workers=1", expect=3)
            told = {row["path"] for row in found["skipped"] + found["doubtful"]}
            self.assertEqual(told, {"a.mine", "c.mine"}, found)
            for name in self.hbcore("list", archive).stdout.decode().split():
                if name != "b":
                    self.assertNotIn(b"another", self.hbcore("cat", archive, name).stdout)

    def test_unsound_without_a_word(self):
        self.source("unsound")
        _, found = self.backup(*FORMATS[0], expect=3)
        self.assertEqual({row["path"] for row in found["doubtful"]}, {"a.mine", "c.mine"}, found)

    def test_doubts_come_again(self):
        """A second backup does not take over in silence what the first warned of."""
        self.source("doubtful")
        for form in FORMATS:
            for _ in range(3):
                archive, found = self.backup(*form, "--set", "backup.reuse=yes", expect=3)
                self.assertEqual({row["path"] for row in found["doubtful"]}, {"a.mine", "c.mine"}, found)
                self.hbcore("verify", archive, expect=3)

    def test_restored_with_an_answer_that_says_nothing(self):
        self.source("restored-9")
        archive, _ = self.backup(*FORMATS[0])
        hb.write(self.home / "a.mine", b"the one that is there")
        done = self.hbcore("--home", self.home, "import", "--force", archive, expect=3)
        self.assert_mentions(done, "a.mine", "c.mine", "9")
        self.assertEqual((self.home / "a.mine").read_bytes(), b"the one that is there")


class Answers(Mistakes):
    """A number that the header does not name: plugin, callback and number are told, and what it costs is what is said there."""

    def test_of_a_source(self):
        for mistake, group, why in (
                ("open-1", "skipped", "source: its open() returned 1, which is no answer"),
                ("open-stopped", "skipped", "source: its open() returned -3, which is no answer"),
                ("flags-64", "skipped", "source: its open() gave the flags 0x40, which are unknown"),
                ("bytes-unknown", "skipped", "source: its open() gave a source of 18446744073709551615 bytes"),
                ("claim-3", "doubtful", "source: its claim() returned 3, which is no answer"),
                ("claim-fails", "doubtful", "source: its claim() returned -1, which is no answer")):
            with self.subTest(mistake=mistake):
                self.source(mistake)
                archive, found = self.backup(*FORMATS[0], expect=3)
                told = {row["path"]: row["reason"] for row in found[group]}
                self.assertTrue({"a.mine", "c.mine"} <= set(told), found)
                self.assertIn(why, told["a.mine"])
                if group == "skipped":
                    self.assertEqual(self.hbcore("list", archive).stdout.split(), [b"b"])

    def test_what_costs_nothing_is_a_note(self):
        self.source("identity-3")
        for _ in range(2):
            _, found = self.backup(*FORMATS[0], "--set", "backup.reuse=yes")
            notes = [row["reason"] for row in found["notes"] if "identity" in row["reason"]]
            self.assertEqual(notes, ["source: its identity() returned 3, which is no answer"], found)

    def test_a_defect_that_was_mended_is_not_repeated(self):
        """An entry that is taken over brings the plugin's own notes about it, and not what the host found wrong with the plugin."""
        for mistake, why, again in (("fact-42", "its fact() returned 42, which is no answer", False),
                                    ("fact-no-name", "its fact() gave no name", False),
                                    ("fact-says-nothing", "failed without saying why", False),
                                    ("fact-fails", "cannot be counted", True)):
            with self.subTest(mistake=mistake):
                for path in self.dir.glob("out.*"):
                    path.unlink()
                for now, told in ((mistake, True), ("none", again), ("none", again)):
                    self.source(now)
                    _, found = self.backup(*FORMATS[0], "--set", "backup.reuse=yes")
                    notes = {row["path"] for row in found["notes"] if why in row["reason"]}
                    self.assertEqual(notes, {"a.mine", "c.mine"} if told else set(), found)
                self.assertGreater(found["reused_bytes"], 0, found)

    def test_of_a_check(self):
        self.source("none")
        archive, _ = self.backup(*FORMATS[0])
        for mistake, why in (("check-1", "its check() returned 1, which is no answer"),
                             ("check-soundness-9", "its check() found the unknown soundness 9")):
            self.source(mistake)
            self.assert_mentions(self.hbcore("verify", archive, expect=3), "a.mine", "source", why)

    def test_of_a_hook(self):
        """after() and finally() change nothing any more, but what they answer is looked at."""
        for where, number, code, why in (("before", 2, 1, "its before() returned 2, which is no answer"),
                                         ("after", 1, 0, "its after() returned 1, which is no answer"),
                                         ("after", 2, 0, "its after() returned 2, which is no answer"),
                                         ("finally", 3, 0, "its finally() returned 3, which is no answer"),
                                         ("finally", -9, 0, "its finally() returned -9, which is no answer")):
            with self.subTest(where=where, number=number):
                self.configure(f"[hook:answers]\nwhere = {where}\nnumber = {number}\n")
                done = self.hbcore("--home", self.home, "backup", "-o", self.dir / f"{where}{number}.zip", expect=code)
                self.assert_mentions(done, "[hook:answers]", why)
                self.assertEqual((self.dir / f"{where}{number}.zip").exists(), code == 0)
        self.configure("[hook:answers]\nwhere = run\nnumber = 3\n")
        self.assert_mentions(self.hbcore("--home", self.home, "answer", expect=1), "its run() returned 3")


class Verdicts(Mistakes):
    def test_there_are_no_such_verdicts(self):
        self.configure("[filter:verdicts]\n")
        archive, _ = self.backup(*FORMATS[0])
        old = archive.read_bytes()
        for mistake, why in (("kind-9", "its verdict() gave the unknown kind 9"),
                             ("flags-8", "its verdict() gave the unknown flags 8"),
                             ("answer-1", "its verdict() returned 1, which is no answer"),
                             ("enter-1", "its dir_enter() returned 1, which is no answer")):
            with self.subTest(mistake=mistake):
                done = self.hbcore("--home", self.home, "--set", f"filter:verdicts.mistake={mistake}", "backup",
                                   "-o", archive, expect=1)
                self.assert_mentions(done, "filter:verdicts", why)
                self.assertEqual(archive.read_bytes(), old)
        done = self.hbcore("--home", self.home, "--set", "filter:verdicts.mistake=kind-9", "import", "--force",
                           archive, expect=1)
        self.assert_mentions(done, "filter:verdicts")


    def test_one_that_cannot_tell_costs_the_entry(self):
        self.configure("[filter:verdicts]\n[snapshot]\nfiles = b c.secret\n")
        for name in ("c.secret", "secret-directory/x", "d/e/secret"):
            hb.write(self.home / name, b"hidden")
        archive, _ = self.backup(*FORMATS[0])
        setting = ("--set", "filter:verdicts.mistake=cannot-tell")
        for form, suffix in FORMATS:
            made, summary = self.backup(form, "cannot." + suffix, *setting, expect=3)
            self.assertEqual({row["path"] for row in summary["skipped"]}, {"c.secret", "secret-directory", "d/e/secret"})
            self.assertIn("verdicts: failed without saying why", summary["skipped"][0]["reason"])
            listed = self.hbcore("--json", "list", made, expect=None).stdout
            self.assertNotIn(b"secret", listed.replace(b"cannot", b"").split(b'"summary"')[0])
        target = self.dir / "target"
        target.mkdir()
        done = self.hbcore("--home", target, *setting, "--json", "import", "--force", archive, expect=3)
        summary = json.loads(done.stdout.splitlines()[-1])
        self.assertEqual({row["path"] for row in summary["skipped"]},
                         {"c.secret", "secret-directory", "secret-directory/x", "d/e/secret"})
        self.assertEqual(sorted(path.name for path in target.rglob("*secret*")), [])
        self.assertEqual((target / "b").read_bytes(), SECRET)
        self.hbcore("--home", self.home, "snapshot", "create")
        done = self.hbcore("--home", self.home, *setting, "--json", "snapshot", "restore", "1", expect=3)
        self.assertIn(b"c.secret", done.stdout + done.stderr)


class Hooks(Mistakes):
    """What a hook asks for beneath the home, also where the kernel cannot keep it there."""

    NO_OPENAT2 = (pathlib.Path(os.environ["HBCORE_BUILD"]) / "tests/hb-fault", "--calls", "openat2", "--at", "1+",
                  "--error", "ENOSYS", "--log")

    def setUp(self):
        super().setUp()
        if subprocess.run([self.NO_OPENAT2[0], "--calls", "write", "--", "true"], check=False).returncode != 0:
            self.skip("no system call can be made to fail here")
        self.configure("[hook:paths]\non = backup\n")
        self.count = 0

    def opened(self, path, wrap):
        """What the hook reads there, or None."""
        self.count += 1
        log = self.dir / f"{self.count}.log"
        line = [*wrap, *([log, "--"] if wrap else []), *self.command(
            "--home", self.home, "--set", f"hook:paths.ask={path}", "backup", "-o", self.dir / "out.zip")]
        done = self.tool(*line, expect=3)  # links that lead outside are not stored
        if wrap:
            self.assertNotIn("hits\t0\n", log.read_text(), "the program did not try openat2")
        said, = [row for row in done.stdout.decode().splitlines() if row.strip().startswith(f"{path}: ")]
        return said.partition("opened, ")[2] if "opened, " in said else None

    def test_nothing_is_opened_outside(self):
        hb.write(self.dir / "outside/file", b"secret")
        hb.write(self.home / "sub/file", b"inside")
        for name, target in (("relative", "../outside"), ("absolute", self.dir / "outside"), ("up", ".."),
                             ("inside", "sub"), ("file-link", "../outside/file")):
            (self.home / name).symlink_to(target)
        bad = ["../outside/file", "sub/../../outside/file", "sub/..", "..", "relative/file", "absolute/file",
               "up/outside/file", "inside/file", "file-link", "sub/../sub/file", str(self.dir / "outside/file")]
        ways = {"openat2": (), "step by step": self.NO_OPENAT2}
        for how, wrap in ways.items():
            with self.subTest(how=how):
                self.assertEqual(self.opened("sub/file", wrap), "inside")
                found = {path: self.opened(path, wrap) for path in bad}
                self.assertNotIn("secret", found.values())
                # Those that stay inside may be opened by one way only; nothing else may be opened at all.
                stays = {"inside/file", "sub/../sub/file", "sub/.."}
                self.assertEqual({path for path, text in found.items() if text is not None} - stays, set(), found)
                self.assertIsNone(found["inside/file"], "a link was followed")
                self.assertIn(found["sub/../sub/file"], (None, "inside"))
        self.assertIsNone(self.opened("sub/../sub/file", self.NO_OPENAT2), "'..' was followed step by step")

    def test_a_doubt_when_all_is_done(self):
        """The archive is there, and who only looks at the exit code learns of it, too."""
        for form in FORMATS:
            archive, found = self.backup(*form, "--set", "hook:paths.doubt=yes", expect=3)
            self.assertEqual([row["path"] for row in found["doubtful"]], ["some/file"], found)
            self.assertEqual(found["status"], "incomplete")
            self.assertTrue(archive.exists())


class Kept(Mistakes):
    """What a format says that it keeps is what a backup goes by: a count and a line, and an entry that it cannot hold."""

    def setUp(self):
        super().setUp()
        self.configure("[format:lies]\n[content:source]\n")
        for number, name in enumerate(("a.mine", "b", "c.mine")):
            os.utime(self.home / name, (1_000_000_000 + 2 * number, 1_000_000_000 + 2 * number))

    def told(self, expect=0):
        _, found = self.backup("lies", "lies", expect=expect)
        done = self.hbcore("--home", self.home, "backup", "--format", "lies", "-o", self.dir / "x.lies", expect=expect)
        return found, [line.partition(": ")[2].strip() for line in done.stdout.decode().splitlines() if "Not kept" in line]

    def test_nothing_is_lost(self):
        found, lines = self.told()
        self.assertEqual((set(found["not_kept"].values()), lines, found["notes"]), ({0}, [], []))

    def test_times(self):
        os.utime(self.home / "a.mine", (1_000_000_001, 1_000_000_001))
        os.utime(self.home / "b", ns=(10 ** 18, 10 ** 18 + 5))
        found, lines = self.told()
        self.assertEqual((found["not_kept"]["times"], lines), (2, ["exact times of 2 entries"]))
        os.utime(self.home / "c.mine", (1 << 32, 1 << 32))
        os.utime(self.home / "a.mine", (-4, -4))
        found, lines = self.told()
        self.assertEqual((found["not_kept"]["times"], lines), (3, ["exact times of 3 entries"]))
        _, found = self.backup(*FORMATS[0])
        self.assertEqual(found["not_kept"]["times"], 0)

    def test_a_path_that_is_too_long(self):
        fits, longer = "d" * 200 + "/" + "f" * 99, "d" * 200 + "/" + "f" * 100
        for name in (fits, longer):
            hb.write(self.home / name, b"deep")
            os.utime(self.home / name, (1_000_000_000, 1_000_000_000))
        os.utime(self.home / ("d" * 200), (1_000_000_000, 1_000_000_000))
        found, lines = self.told(expect=3)
        self.assertEqual([(row["path"], row["reason"]) for row in found["skipped"]],
                         [(longer, "its path is longer than 300 bytes, which no archive of this format can hold")])
        self.assertEqual(lines, [])
        _, found = self.backup(*FORMATS[1])
        self.assertEqual(found["skipped"], [])

    def test_links_are_told_of_where_there_are_some(self):
        setting = ("--set", "backup.links=store")
        _, found = self.backup("lies", "lies", *setting)
        self.assertEqual(found["notes"], [])
        (self.home / "link").symlink_to("b")
        _, found = self.backup("lies", "lies", *setting)
        self.assertEqual([row["reason"] for row in found["notes"]],
                         ["this format cannot store symbolic links; they are left out"])
        self.assertEqual(found["links"], ["link"])


class Walks(Mistakes):
    def setUp(self):
        super().setUp()
        self.archive = self.dir / "a.lines"
        self.archive.write_bytes(b"lines 1\nfirst one\nsecond other text\nthird the last one\n")
        self.new = self.dir / "new"
        self.configure("[format:lines]\n")

    def test_none(self):
        self.hbcore("verify", self.archive)
        self.hbcore("--home", self.new, "import", self.archive)
        self.assertEqual((self.new / "second").read_bytes(), b"other text")

    def test_its_own_instance_is_asked(self):
        """Whose archive it is; and an answer that probe() alone may give is taken."""
        self.hbcore("--set", "format:lines.mistake=proves", "--home", self.new, "import", self.archive)
        self.assertEqual((self.new / "second").read_bytes(), b"other text")

    def test_nothing_is_believed(self):
        for mistake in ("no-data", "no-last-end", "end-twice", "hide-failure"):
            with self.subTest(mistake=mistake):
                setting = ("--set", f"format:lines.mistake={mistake}")
                self.hbcore(*setting, "verify", self.archive, expect=1)
                with open(self.archive, "rb") as stream:
                    self.hbcore(*setting, "--home", self.new, "import", "-", stdin=stream, expect=1)
                done = self.hbcore(*setting, "--home", self.new, "import", self.archive, expect=1)
                self.assertIn(b"damaged", done.stderr)
                self.assertEqual([name for name in os.listdir(self.new) if not name.startswith(".")]
                                 if self.new.exists() else [], [])

    def test_why_not(self):
        """Each is caught where it happens, also where something else would be found wrong later."""
        for mistake, why in (("begin-twice", "an entry begins before the previous one has ended"),
                             ("hide-last-failure", "more data than the archive says"),
                             ("more", "more data than the archive says"), ("back", "third: damaged"),
                             ("short", "it should have 12 bytes, but has 6"),
                             ("fewer", "changed between listing and reading"),
                             ("another-type", "changed between listing and reading")):
            with self.subTest(mistake=mistake):
                setting = ("--set", f"format:lines.mistake={mistake}")
                self.assert_mentions(self.hbcore(*setting, "verify", self.archive, expect=1), why)
                self.assert_mentions(self.hbcore(*setting, "--home", self.new, "import", self.archive, expect=1), why)
                self.assertFalse(self.new.exists() and os.listdir(self.new))


if __name__ == "__main__":
    unittest.main()
