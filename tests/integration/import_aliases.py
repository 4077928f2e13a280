# SPDX-License-Identifier: Apache-2.0
"""After an import: an alias for each profile, and what to type next."""
import fcntl
import os
import pwd
import subprocess
import unittest
import zipfile

import hb


class Aliases(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "target"
        self.bin = self.user / ".local/bin"
        self.tools = self.dir / "tools"
        self.program = self.command_named("hermes")
        self.path = f"{self.bin}:{self.tools}"

    def environment(self, **changes):
        return super().environment(**{"HERMES_HOME": str(self.home), **changes})

    def command_named(self, name, directory=None):
        """A command that prints its arguments, one a line."""
        path = (directory or self.tools) / name
        hb.write(path, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n", 0o755)
        return path

    def archive(self, *profiles, **more):
        path = self.dir / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.yaml", "model: x\n")
            for name in profiles:
                archive.writestr(f"profiles/{name}/config.yaml", "a: 1\n")
            for name, data in more.items():
                archive.writestr(name, data)
        return path

    def bring(self, *profiles, expect=0, arguments=(), settings=(), **keywords):
        path = keywords.pop("path", self.path)
        options = [word for setting in settings for word in ("--set", f"hook:hermes.{setting}")]
        return self.hbcore("--home", self.home, *options, "--json", "import", "--force",
                           self.archive(*profiles), *arguments, expect=expect,
                           env={"PATH": path} | keywords.pop("env", {}), **keywords)

    def rows(self, done):
        return {row["profile"]: row for row in self.summary(done)["aliases"]}

    def assert_skipped(self, done, profile, *words):
        row = self.rows(done)[profile]
        self.assertEqual(row["status"], "skipped", row)
        for word in words:
            self.assertIn(str(word), row["reason"])

    def script(self, name, program=None):
        return f'#!/bin/sh\nexec {program or self.program} -p {name} "$@"\n'

    # ---- made ----

    def test_new(self):
        done = self.bring("writer", "coder", "Mixed-Case_9")
        self.assertEqual([(row["profile"], row["alias"], row["status"])
                          for row in self.summary(done)["aliases"]],
                         [("Mixed-Case_9", "mixed-case_9", "made"), ("coder", "coder", "made"),
                          ("writer", "writer", "made")])
        self.assertEqual(sorted(os.listdir(self.bin)), ["coder", "mixed-case_9", "writer"])
        for name in os.listdir(self.bin):
            self.assertEqual((self.bin / name).read_text(), self.script(name))
            self.assertEqual((self.bin / name).stat().st_mode & 0o7777, 0o755)
        ran = self.tool(self.bin / "coder", "two words", "$x")
        self.assertEqual(ran.stdout, b"-p\ncoder\ntwo words\n$x\n")

    def test_for_people(self):
        done = self.hbcore("--home", self.home, "import", self.archive("coder", "sudo"),
                           env={"PATH": str(self.tools)})
        text = done.stdout.decode()
        for line in (f"Profile aliases in {self.bin}:", "  coder",
                     "  Skipped alias 'sudo': a reserved name",
                     f"Note: {self.bin} is not in your PATH.",
                     '    export PATH="$HOME/.local/bin:$PATH"',
                     "Note: hermes-agent is missing, because a backup leaves it out.",
                     "  hermes update", "To re-enable gateway services for profiles:",
                     "  hermes -p coder gateway install", "  hermes -p sudo gateway install"):
            self.assertIn(line, text.splitlines())
        self.assertLess(text.index("-p coder gateway"), text.index("-p sudo gateway"))

    def test_which_directories_are_profiles(self):
        for path in ("profiles/by-env/.env", "profiles/there/config.yaml", "profiles/.env",
                     "profiles/none/other.yaml", "profiles/deep/er/config.yaml"):
            hb.write(self.home / path)
        hb.write(self.home / "profiles/a-file")
        os.symlink("there", self.home / "profiles/linked")
        hb.write(self.dir / "outside/config.yaml")
        os.symlink(self.dir / "outside", self.home / "profiles/away")
        self.assertEqual(set(self.rows(self.bring("new"))), {"by-env", "linked", "new", "there"})

    def test_profiles_that_are_a_link(self):
        hb.write(self.home / "store/one/.env")
        os.symlink("store", self.home / "profiles")
        self.assertEqual(set(self.rows(self.bring())), {"one"})
        (self.home / "profiles").unlink()
        hb.write(self.dir / "outside/two/.env")
        os.symlink(self.dir / "outside", self.home / "profiles")
        done = self.bring()
        self.assertEqual(self.rows(done), {})
        self.assertIn("leads outside the home", done.stdout.decode())

    def test_no_profiles(self):
        done = self.bring()
        self.assertEqual(self.rows(done), {})
        self.assertFalse(self.bin.exists())
        self.assertNotIn(b"PATH", self.hbcore("--home", self.home, "import", "--force",
                                              self.archive(), env={"PATH": "/none"}).stdout)

    def test_a_path_with_a_space_or_a_quote(self):
        for name in ("with space", "quote'd", "$HOME"):
            tools = self.dir / name
            self.command_named("hermes", tools)
            self.bring("coder", path=f"{self.bin}:{tools}")
            text = (self.bin / "coder").read_text()
            self.assertIn("hermes -p", text)
            self.assertEqual(self.tool(self.bin / "coder", "x").stdout, b"-p\ncoder\nx\n")
        # It is still known as ours.
        self.assertEqual(self.rows(self.bring("coder"))["coder"]["status"], "made")
        self.assertEqual((self.bin / "coder").read_text(), self.script("coder"))

    def test_no_program_in_path(self):
        self.bring("coder", path=f"{self.bin}:relative::/none")
        self.assertEqual((self.bin / "coder").read_text(), self.script("coder", "hermes"))

    # ---- what is there already ----

    def test_ours_is_rewritten(self):
        self.bring("coder")
        before = (self.bin / "coder").stat()
        self.assertEqual(self.rows(self.bring("coder"))["coder"]["status"], "unchanged")
        self.assertEqual((self.bin / "coder").stat().st_mtime_ns, before.st_mtime_ns)
        for text, mode in ((self.script("coder", "/old/hermes"), 0o755),
                           (self.script("coder"), 0o644)):
            hb.write(self.bin / "coder", text, mode)
            self.assertEqual(self.rows(self.bring("coder"))["coder"]["status"], "made")
            self.assertEqual((self.bin / "coder").read_text(), self.script("coder"))
            self.assertEqual((self.bin / "coder").stat().st_mode & 0o7777, 0o755)

    def test_foreign_file_of_that_name(self):
        for mode in (0o755, 0o644):
            hb.write(self.bin / "coder", "#!/bin/sh\nexec make hermes\n", mode)
            before = hb.tree(self.user)
            self.assert_skipped(self.bring("coder"), "coder", self.bin / "coder", "another")
            self.assert_unchanged(before, self.user)

    def test_neither_links_nor_other_things_are_replaced(self):
        ours = self.dir / "ours"
        hb.write(ours, self.script("a"), 0o755)
        self.bin.mkdir(parents=True)
        os.symlink(ours, self.bin / "a")
        os.symlink("nowhere", self.bin / "b")
        (self.bin / "c").mkdir()
        os.mkfifo(self.bin / "d")
        hb.write(self.bin / "e", b"# hermes -p\n" + bytes(100_000), 0o755)
        before = hb.tree(self.user), ours.read_bytes()
        rows = self.rows(self.bring(*"abcde"))
        self.assertEqual({row["status"] for row in rows.values()}, {"skipped"}, rows)
        self.assert_unchanged(before[0], self.user)
        self.assertEqual(ours.read_bytes(), before[1])

    def test_foreign_command_in_path(self):
        other = self.command_named("coder")
        self.assert_skipped(self.bring("coder"), "coder", other)
        self.assertFalse((self.bin / "coder").exists())
        # One that cannot be run is no command.
        other.chmod(0o644)
        self.assertEqual(self.rows(self.bring("coder"))["coder"]["status"], "made")
        # Ours is found first: it stays ours.
        other.chmod(0o755)
        self.assertEqual(self.rows(self.bring("coder"))["coder"]["status"], "unchanged")
        self.assert_skipped(self.bring("coder", path=f"{self.tools}:{self.bin}"), "coder", other)

    # ---- names ----

    def test_reserved_names_and_subcommands(self):
        reserved = "hermes default test tmp root sudo".split()
        subcommands = ("chat model gateway setup whatsapp login logout status cron doctor dump "
                       "config pairing skills tools mcp sessions insights version update "
                       "uninstall profile plugins honcho acp").split()
        rows = self.rows(self.bring(*reserved, *subcommands, "Root", "fine"))
        self.assertEqual({name for name, row in rows.items() if row["status"] == "made"}, {"fine"})
        for name in (*reserved, "Root"):
            self.assertIn("reserved", rows[name]["reason"])
        for name in subcommands:
            self.assertIn("subcommand", rows[name]["reason"])
        self.assertEqual(os.listdir(self.bin), ["fine"])

    def test_the_lists_are_settings(self):
        rows = self.rows(self.bring("mine", "verb", "sudo", "chat", settings=(
            "reserved=mine", "subcommands=verb")))
        self.assertEqual({name: row["status"] for name, row in rows.items()},
                         {"chat": "made", "mine": "skipped", "sudo": "made", "verb": "skipped"})

    def test_invalid_names(self):
        bad = ["-x", "_x", "a b", "a.b", "ä", "x" * 65, "a;b", "$(id)", "esc\x1b[2J"]
        done = self.bring(*bad, "x" * 64)
        rows = self.summary(done)["aliases"]
        for row in rows:
            self.assertEqual(row["status"], "made" if row["profile"] == "x" * 64 else "skipped")
        self.assertEqual(len(rows), len(bad) + 1)
        self.assertEqual(os.listdir(self.bin), ["x" * 64])
        commands = self.summary(done)["next_commands"]
        self.assertIn("hermes -p '$(id)' gateway install", commands)
        text = self.hbcore("--home", self.home, "import", "--force", self.archive(*bad)).stdout
        self.assertNotIn(b"\x1b", text)

    # ---- the alias directory ----

    def test_alias_directory_is_made(self):
        self.bring("coder", settings=(f"alias-directory={self.dir}/a/b/c",))
        self.assertTrue((self.dir / "a/b/c/coder").exists())
        self.bring("coder", settings=("alias-directory=~/x",))
        self.assertTrue((self.user / "x/coder").exists())

    def test_no_variable_names_the_user_directory(self):
        where = pwd.getpwuid(os.getuid()).pw_dir
        # Nothing is written there: the profile's name is a reserved one.
        done = self.bring("sudo", env={"HOME": None}, settings=("alias-directory=~/none",))
        self.assertEqual(self.summary(done)["alias_directory"], f"{where}/none")

    def test_alias_directory_cannot_be_made_or_written_to(self):
        hb.write(self.dir / "file")
        done = self.bring("coder", "writer", settings=(f"alias-directory={self.dir}/file/bin",))
        self.assert_skipped(done, "coder", f"{self.dir}/file/bin", "Not a directory")
        self.assert_skipped(done, "writer", f"{self.dir}/file/bin")
        self.assertEqual(self.summary(done)["next_commands"][-1],
                         "hermes -p writer gateway install")

    def test_alias_directory_is_not_writable(self):
        self.bin.mkdir(parents=True)
        if os.geteuid() == 0:
            subprocess.run(["chattr", "+i", self.bin], check=False, stderr=subprocess.DEVNULL)
            self.addCleanup(subprocess.run, ["chattr", "-i", self.bin], check=False,
                            stderr=subprocess.DEVNULL)
        else:
            self.bin.chmod(0o555)
        try:
            (self.bin / "probe").touch()
        except OSError as error:
            self.assert_skipped(self.bring("coder"), "coder", self.bin, error.strerror)
            return
        (self.bin / "probe").unlink()
        self.skipTest("nothing here keeps root from writing")

    def test_not_in_path(self):
        done = self.bring("coder", path=str(self.tools))
        self.assertIs(self.summary(done)["alias_directory_in_path"], False)
        os.symlink(self.bin, self.dir / "same")
        done = self.bring("coder", path=f"{self.tools}:{self.dir}/same")
        self.assertIs(self.summary(done)["alias_directory_in_path"], True)
        text = self.hbcore("--home", self.home, "--set", f"hook:hermes.alias-directory={self.dir}/$x",
                           "import", "--force", self.archive("coder")).stdout.decode()
        self.assertIn(f"    export PATH='{self.dir}/$x':\"$PATH\"", text.splitlines())

    def test_what_a_killed_run_left_is_removed(self):
        dead, held = self.bin / ".hbcore-alias-dead", self.bin / ".hbcore-alias-held"
        hb.write(dead)
        hb.write(held)
        with open(held, "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            self.bring("coder")
            self.assertEqual(sorted(os.listdir(self.bin)), [held.name, "coder"])
        self.bring("coder")
        self.assertEqual(os.listdir(self.bin), ["coder"])

    # ---- when ----

    def test_a_drill_makes_none(self):
        """An import into another home than the configured one: those commands are in use here."""
        hb.write(self.bin / "coder", self.script("coder", "/old/hermes"), 0o755)
        before = hb.tree(self.user)
        (self.dir / "there").mkdir()
        for variable in (str(self.dir / "there"), str(self.dir / "other"), str(self.dir / "other/profiles/x"), None):
            done = self.bring("coder", "writer", env={"HERMES_HOME": variable})
            for name in ("coder", "writer"):
                self.assert_skipped(done, name, "not the one that the configuration names")
            self.assertEqual(self.summary(done)["next_commands"], [])
            self.assert_unchanged(before, self.user)
        words = ("--home", self.home, "import", "--force", self.archive("coder"))
        text = self.hbcore(*words, env={"HERMES_HOME": None}).stdout.decode()
        self.assertIn(f"No profile aliases: {self.home} is not the home", text)
        self.assertIn("--set hook:hermes.aliases=always", text)
        self.assertIn("Done. The archive has been restored.", text)
        self.assertNotIn("gateway install", text)
        self.assert_unchanged(before, self.user)

    def test_a_drill_that_is_to_make_them(self):
        done = self.bring("coder", env={"HERMES_HOME": None}, settings=("aliases=always",))
        self.assertEqual(self.rows(done)["coder"]["status"], "made")
        done = self.bring("writer", settings=("aliases=never",))
        self.assert_skipped(done, "writer", "never")
        self.assertEqual(os.listdir(self.bin), ["coder"])

    def test_the_configured_home_by_other_ways(self):
        """A link, a nested home, a relative name, and one that a dry run does not make."""
        os.symlink(self.home, self.dir / "link")
        for variable in (str(self.dir / "link"), str(self.home / "profiles/coder"), f"{self.home}/"):
            for arguments in (("--dry-run",), ()):
                done = self.bring("coder", arguments=arguments, env={"HERMES_HOME": variable})
                reasons = [row.get("reason") for row in self.rows(done).values()]
                self.assertEqual(reasons, [None] * len(reasons), variable)
        os.symlink(self.home, self.user / ".hermes")
        self.assertEqual(self.rows(self.bring("coder", env={"HERMES_HOME": None}))["coder"]["status"], "unchanged")

    def test_what_is_said_at_the_end(self):
        """That the configuration is restored, only where it is."""
        whole = "Done. Your configuration has been restored."
        for words, said in (((), whole), (("--include", "profiles"), "Done. A part of the archive has been restored."),
                            (("--exclude", "/config.yaml"), "Done. A part of the archive has been restored."),
                            (("--dry-run",), None), (("--quiet",), None)):
            done = self.hbcore("--home", self.home, "import", "--force", *words, self.archive("coder"))
            lines = [line for line in done.stdout.decode().splitlines() if line.startswith("Done.")]
            self.assertEqual(lines, [] if said is None else [said], words)
            if words == ("--quiet",):
                self.assertEqual(done.stdout, b"")
        refused = self.archive("coder", **{"../x": "outside"})
        done = self.hbcore("--home", self.home, "import", "--force", refused, expect=3)
        self.assertNotIn(b"Done.", done.stdout)

    def test_dry_run(self):
        hb.write(self.home / "profiles/coder/.env")
        before = hb.tree(self.home), hb.tree(self.user)
        done = self.bring("writer", arguments=("--dry-run",))
        self.assertEqual(self.rows(done)["coder"]["status"], "made")
        self.assert_unchanged(before[0], self.home)
        self.assert_unchanged(before[1], self.user)

    def test_on_says_when(self):
        done = self.bring("coder", settings=("on=guard",))
        self.assertNotIn("aliases", self.summary(done))
        self.assertFalse(self.bin.exists())

    def test_a_failed_import_makes_none(self):
        hb.write(self.home / "profiles/coder/.env")
        broken = self.dir / "broken.zip"
        broken.write_bytes(b"PK\x03\x04 no")
        self.hbcore("--home", self.home, "import", "--force", broken, expect=1)
        self.assertFalse(self.bin.exists())

    def test_the_note_about_the_program(self):
        self.assertIn("hermes update", self.summary(self.bring())["next_commands"])
        (self.home / "hermes-agent").mkdir()
        self.assertEqual(self.summary(self.bring())["next_commands"], [])

    def test_wrong_settings(self):
        for setting in ("program=a/b", "program=", "alias-directory=bin", "alias-directory=",
                        "profiles=../x", "profiles=/x", "jobs-file=", "jobs-file=a/../b",
                        "profile-files=a/b", "when=never"):
            with self.subTest(setting):
                done = self.hbcore("--home", self.home, "--set", f"hook:hermes.{setting}",
                                   "import", self.archive(), expect=2)
                self.assert_mentions(done, setting.partition("=")[0])
                self.assertFalse(self.home.exists())

    @unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
    def test_as_root_the_files_are_their_owners(self):
        os.chown(self.user, 65534, 65534)
        self.bring("coder")
        for path in (self.user / ".local", self.bin, self.bin / "coder"):
            self.assertEqual((path.stat().st_uid, path.stat().st_gid), (65534, 65534), path)

    @unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
    def test_as_root_a_link_is_followed_as_its_owner_could(self):
        away = self.dir / "away"
        away.mkdir()
        (self.user / ".local").symlink_to(away)
        for path in (self.user, self.user / ".local"):
            os.lchown(path, 65534, 65534)
        self.dir.chmod(0o755)
        self.bring("coder")
        self.assertEqual(os.listdir(away), [])
        os.chown(away, 65534, 65534)
        self.bring("coder")
        self.assertEqual({path.stat().st_uid for path in away.rglob("*")}, {65534})


if __name__ == "__main__":
    unittest.main()
