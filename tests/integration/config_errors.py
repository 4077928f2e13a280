# SPDX-License-Identifier: Apache-2.0
"""A configuration that is not right does nothing, and says where it is wrong."""
import os
import pathlib
import unittest

import hb

# name: (text, line of the error, words that the message must have)
ERRORS = {
    "unknown key": ("[backup]\nlinks = skip\nformt = zip\n", 3, ["formt", "format"]),
    "unknown key of a plugin": ("[format:zip]\nlevl = 3\n", 2, ["levl", "level"]),
    "unknown section": ("[backup]\nlinks = skip\n[imprt]\nmarkers = x\n", 3, ["imprt", "import"]),
    "unknown kind": ("[fromat:zip]\nlevel = 3\n", 1, ["fromat"]),
    "unknown plugin by section": ("[filter:runtime-filtr]\nnames = x\n", 1,
                                  ["runtime-filtr", "runtime-filter"]),
    "unknown plugin by key": ("[filter:mine]\nplugin = runtime-filtr\n", 2,
                              ["runtime-filtr", "runtime-filter"]),
    "plugin of another kind": ("[filter:mine]\nplugin = zip\n", 2, ["zip", "filter"]),
    "not a number": ("[format:zip]\nlevel = six\n", 2, ["level", "six"]),
    "number with a tail": ("[format:zip]\nlevel = 6x\n", 2, ["level", "6x"]),
    "number out of range": ("[format:zip]\nlevel = 99\n", 2, ["level", "99", "12"]),
    "number beyond 64 bits": ("[format:zip]\nlevel = 99999999999999999999\n", 2, ["level"]),
    "number just out of range": ("[format:zip]\nlevel = 13\n", 2,
                                 ["level", "13", "0 to 12", "fast"]),
    "neither number nor word": ("[format:zip]\nlevel = fats\n", 2,
                                ["level", "'fats'", "number", "did you mean 'fast'?"]),
    "negative number": ("[backup]\nworkers = -1\n", 2, ["workers", "-1"]),
    "bad size": ("[backup]\nwindow = 24Q\n", 2, ["window", "24Q"]),
    "bad choice": ("[backup]\nlinks = stroe\n", 2, ["links", "stroe", "store"]),
    "bad boolean": ("[backup]\none-file-system = perhaps\n", 2, ["one-file-system", "perhaps"]),
    "prefix with a slash": ("[preset:x]\nkeep = 3\nprefix = a/b-\n", 3,
                            ["prefix", "a/b-", "'/'", "directory"]),
    "prefix of [backup] with a slash": ("[backup]\nprefix = ../b-\n", 2, ["prefix", "../b-"]),
    "line too long": ("[filter:x]\nplugin = runtime-filter\nnames = " + "a" * 250 + "\n", 3,
                      ["long"]),
    "over-long comment": ("[backup]\n; " + "word " * 60 + "\nlinks = skip\n", 2, ["long"]),
    "malformed section": ("[import]\nmarkers = x\n[backup\nformat = zip\n", 3, ["backup"]),
    "text behind a section": ("[backup] yes\nformat = zip\n", 1, ["yes"]),
    "repeated key": ("[backup]\nlinks = skip\nlinks = store\n", 3, ["links", "2"]),
    "key outside any section": ("links = skip\n[backup]\nformat = zip\n", 1, ["links"]),
    "neither key nor section": ("[backup]\nnonsense\n", 2, ["nonsense"]),
    "inline comment": ("[filter:x]\nplugin = runtime-filter\nglobs = *.tmp ; *.bak\n", 3, [";"]),
    "another variable in a path": ("[backup]\ndirectory = $BACKUPS/x\n", 2, ["$BACKUPS/x", "variable", "$HOME"]),
    "a variable inside a path": ("[preset:x]\ndirectory = /mnt/${HOST}\n", 2, ["/mnt/${HOST}", "variable"]),
    "snapshots outside": ("[snapshot]\ndirectory = /var/snapshots\n", 2, ["/var/snapshots", "below the home"]),
    "snapshots above": ("[snapshot]\ndirectory = ../x\n", 2, ["../x", "below the home"]),
    "snapshots in a directory called ~": ("[snapshot]\ndirectory = ~/x\n", 2, ["~/x", "below the home"]),
    "a file that expands": ("[snapshot]\nfiles = config.yaml\n  $HOME/.env\n", 2, ["$HOME/.env", "below the home"]),
    "a user that is not there": ("[home]\npath = ~no-such-user/x\n", 2, ["~no-such-user/x", "does not exist"]),
    "a pattern that can never match": ("[filter:x]\nplugin = runtime-filter\npatterns = ok\n  fine\n  a[ x\n", 5,
                                       ["patterns", '"a["', "never match"]),
    "a home that depends on the directory": ("[home]\nvariable = X\npath = ./my/home\n", 3,
                                             ["./my/home", "current directory", "~/"]),
    "unknown direction": ("[filter:x]\nplugin = runtime-filter\non = bakup\n", 3,
                          ["bakup", "backup"]),
}


class AllAtOnce(hb.Case):
    """What is wrong in one line hides nothing that is wrong in another; what plugins refuse has its line, too."""

    def test_in_one_run(self):
        text = ("[backup]\nworkers = x\nformat = nope\n[import]\nbackup-preset = nono\n[format:zip]\nlevel = 99\n"
                "[filter:f]\nplugin = runtime-filter\npatterns = a[\n  ok\n  ./b x//y\n[preset:p]\nformat = nix\n")
        config = self.write_config(text)
        done = self.hbcore("--config", config, "config", "check", expect=2)
        for line in (2, 3, 5, 7, 10, 12, 14):
            self.assert_mentions(done, f"{config}:{line}: ")
        self.assert_mentions(done, '"./b" would', '"x//y" would')
        self.assertEqual(done.stderr.count(f"{config}:".encode()), 8)

    def test_each_word_by_line(self):
        """Of the host and of several plugins' instances, in the order of the file."""
        config = self.write_config(
            "[filter:f]\nplugin = runtime-filter\ndirectories = a/b ok c/d\nnames = x/y\nroot-names = q/r ..\nsuffixes = .o /\n"
            "[filter:g]\nplugin = runtime-filter\non = import\nglobs = /a ok ./b a//c a/../d e\\\n"
            "[filter:h]\nplugin = runtime-filter\non = bakup imprt\n[home]\nvariable = $HOME_OF_IT\nnested-in = a/b\n"
            "[import]\nmarkers = a/b ok /c\nwrappers = ./x\nask-if = /abs ok a/../../x\n[snapshot]\nwithout = a/b\n"
            "[hook:hermes]\nplugin = hermes\nprofiles = /p\n[filter:i]\nplugin = runtime-filter\nnames = .\n")
        done = self.hbcore("--config", config, "config", "check", expect=2)
        found = [int(line.split(f"{config}:")[1].split(":")[0]) for line in done.stderr.decode().splitlines() if config.name in line]
        self.assertEqual(found, [3, 3, 4, 5, 5, 6, 10, 10, 10, 10, 10, 13, 13, 15, 16, 18, 18, 19, 20, 20, 22, 25, 28],
                         self.describe(done))
        done = self.hbcore("--config", config, "--json", "config", "check", expect=2)
        self.assertEqual(len(done.stdout.splitlines()), len(found))

    def test_one_plugin_of_a_run(self):
        """A backup says the first, and where the others are named."""
        config = self.write_config("[format:zip]\n[filter:f]\nplugin = runtime-filter\nnames = a/b c/d\n")
        done = self.hbcore("--config", config, "--home", self.make_home(), "backup", "-o", self.dir / "x.zip", expect=2)
        self.assert_mentions(done, f"{config}:4: ", '"a/b"', "config check` names all")

    def test_what_hardly_is_meant_is_noted(self):
        """A file may have a star in its name: nothing that works is refused."""
        home = self.make_home()
        for name in ("*.txt", "a*.tmp", "a[", "x.txt"):
            (home / name).write_bytes(b"x")
        config = self.write_config("[format:zip]\n[filter:f]\nplugin = runtime-filter\non = backup\nnames = *.txt\nsuffixes = *.tmp x.*\n"
                                   "globs = a[\nroot-names = *.bak\n[filter:g]\nplugin = runtime-filter\non =\n")
        done = self.hbcore("--config", config, "config", "check")
        self.assert_mentions(done, "test.ini: ok", ":5: ", "patterns = *.txt", ":6: ", "suffixes = .tmp", ":7: ", "matches only that very [",
                             ":8: ", "patterns = /*.bak", ":11: on: it is empty")
        done = self.hbcore("--config", config, "--home", home, "backup", "-o", self.dir / "x.zip")
        self.assert_mentions(done, "patterns = *.txt")
        listed = self.hbcore("--config", config, "list", self.dir / "x.zip").stdout
        self.assertIn(b"x.txt", listed)
        for gone in (b"*.txt", b"*.tmp", b"a[\n"):
            self.assertNotIn(gone, listed)

    def test_paths_of_a_file_are_absolute(self):
        """Whoever starts the program somewhere else has the same archives; on a command line it is the person's matter."""
        home, here = self.make_home(), self.dir / "here"
        here.mkdir()
        for key in ("directory", "stage-dir"):
            for value in ("rel", "./rel", "."):
                config = self.write_config(f"[format:zip]\n[backup]\n{key} = {value}\n")
                done = self.hbcore("--config", config, "config", "check", expect=2)
                self.assert_mentions(done, f"{config}:3: {key}: '{value}'", "current directory", "~/")
        config = self.write_config("[format:zip]\n[backup]\ndirectory = ~/x\nstage-dir = $HOME\n[preset:p]\ndirectory = rel\n")
        self.hbcore("--config", config, "config", "check")
        self.hbcore("--config", config, "--home", home, "--set", "backup.directory=.", "backup", cwd=here)
        self.assertEqual(len(list(here.iterdir())), 1)
        shown = self.hbcore("--config", config, "--set", "backup.directory=.", "config", "show").stdout
        self.assertIn(b"use --set:\n# directory = .\n", shown)

    def test_presets_that_cannot_be_told_apart(self):
        home, other, link = self.make_home(), self.dir / "d", self.dir / "link"
        other.mkdir()
        link.symlink_to(other)
        for one, two in ((f"directory = {other}", f"directory = {link}/\nprefix = a-"), ("", "prefix = a-"),
                         ("prefix = x", "directory = ./backups/\nprefix = x"), ("", f"directory = {home}/backups\nprefix = a-")):
            config = self.write_config(f"[home]\npath = {home}\n[format:zip]\n[preset:c]\n[preset:a]\n{one}\n[preset:b]\n{two}\n")
            before = hb.tree(home)
            for command in (("config", "check"), ("backup", "--preset", "a"), ("backup", "--preset", "b"), ("prune", "--preset", "b"),
                            ("prune",)):
                done = self.hbcore("--config", config, *command, expect=2)
                self.assert_mentions(done, "[preset:a]", "[preset:b]", f"{config}:",
                                     "remove the other's archives")
            self.assert_unchanged(before, home)
            self.hbcore("--config", config, "backup", "--preset", "c", "--dry-run")
        config = self.write_config("[format:zip]\n[preset:a]\n[preset:b]\nprefix = a-b-\n[preset:c]\ndirectory = x\nprefix = a-\n")
        self.hbcore("--config", config, "config", "check")

    def test_plugins_are_shown_for_a_wrong_configuration(self):
        """The hint for a plugin that is not found leads there."""
        config = self.write_config("[backup]\nworkers = x\n[filter:nix]\nnames = a\n[format:zip]\nlevel = 3\n")
        done = self.hbcore("--config", config, "config", "check", expect=2)
        self.assert_mentions(done, f"{config}:2: ", f"hbcore --config {config} plugins list")
        for command in (("list",), ("show", "zip")):
            done = self.hbcore("--config", config, "plugins", *command, expect=2)
            self.assert_mentions(done, f"{config}:2: ", f"{config}:3: ")
            self.assertIn(b"zip.so", done.stdout)
        done = self.hbcore("--config", config, "--json", "plugins", "list", expect=2)
        self.assertIn(b'"name":"zip"', done.stdout)

    def test_paths_expand(self):
        """Of -o and of an archive, as those of the configuration: a shell does not where they are quoted."""
        home = self.make_home()
        for number, start in enumerate(("$HOME", "${HOME}", "~")):
            typed = f"{start}/deep/x{number}.zip"
            self.hbcore("--home", home, "backup", "-o", typed)
            self.assertTrue((self.user / f"deep/x{number}.zip").exists(), os.listdir(self.dir))
            self.hbcore("verify", typed)
        self.assertFalse([name for name in os.listdir(".") if name.startswith("$")])

    def test_hints_name_what_to_correct(self):
        config = self.write_config("[home]\nvariable = MY_HOME\npath = /nowhere/y\n[format:zip]\n")
        for words, env, said in ((("--home", "/nowhere/x"), {}, "behind --home"), ((), {"MY_HOME": "/nowhere/z"},
                                 "the variable MY_HOME names it"), ((), {}, "path in section [home]")):
            done = self.hbcore("--config", config, *words, "backup", "-o", self.dir / "x.zip", expect=1, env=env)
            self.assert_mentions(done, "does not exist", said)
        new = self.dir / "new.ini"
        done = self.hbcore("--config", new, "config", "new", "generic")
        self.assertIn(f"hbcore --config {new} config show".encode(), done.stdout)

    def test_what_a_plugin_refuses(self):
        home = self.make_home()
        archive = self.backup(home)
        for wrong in ("globs = ./a", "directories = a/b", "private = x/y", "reason = " + "long " * 30):
            config = self.write_config(f"[format:zip]\n[filter:f]\nplugin = runtime-filter\n{wrong}\n")
            for command in (("backup", "-o", self.dir / "x.zip"), ("verify", archive), ("import", archive, "--dry-run"),
                            ("config", "check")):
                done = self.hbcore("--config", config, "--home", home, *command, expect=2)
                self.assert_mentions(done, f"{config}:", ":4: ")
        config = self.write_config("[format:zip]\n[filter:f]\nplugin = runtime-filter\npatterns = [\n")
        for command in (("list", archive), ("prune",), ("snapshot", "list")):
            self.assert_mentions(self.hbcore("--config", config, "--home", home, *command, expect=2), ":4: patterns: ")


class ConfigErrors(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.out = self.dir / "out"
        self.out.mkdir()

    def refuse(self, text, line, words):
        before = hb.tree(self.home)
        self.config = self.write_config(text)
        done = self.hbcore("--home", self.home, "backup", "-o", self.out, expect=2)
        self.assertEqual(list(self.out.iterdir()), [], "an archive was made all the same")
        self.assert_unchanged(before, self.home)
        self.assertEqual(done.stdout, b"", self.describe(done))
        found = done.stderr.decode()
        self.assertIn(f"{self.config}:{line}:", found, self.describe(done))
        for word in words:
            self.assertIn(word, found, self.describe(done))
        return found

    def test_each(self):
        for name, (text, line, words) in ERRORS.items():
            with self.subTest(error=name):
                self.refuse(text, line, words)

    def test_each_stops_an_import(self):
        archive = self.backup(self.home)
        for name, (text, line, _) in ERRORS.items():
            with self.subTest(error=name):
                self.config = self.write_config(text)
                done = self.hbcore("--home", self.dir / "target", "import", archive, "--force",
                                   expect=2)
                self.assertIn(f":{line}:", done.stderr.decode(), self.describe(done))
                if (self.dir / "target").exists():
                    self.tool("rm", "-r", self.dir / "target")
                    self.fail("something was imported all the same")

    def test_a_line_is_taken_whole_or_refused(self):
        for length in range(180, 210):
            with self.subTest(length=length):
                value = "a" * (length - len("names = "))
                self.config = self.write_config(
                    f"[filter:x]\nplugin = runtime-filter\nnames = {value}\n")
                done = self.hbcore("--json", "config", "show", expect=None)
                if done.returncode == 0:
                    self.assertIn(f'["{value}"]'.encode(), done.stdout)
                else:
                    self.assertEqual(done.returncode, 2, self.describe(done))
                    self.assert_mentions(done, f"{self.config}:3:", "long")
                    self.assertGreater(length, 190)

    def test_all_are_told_at_once(self):
        found = self.refuse("[backup]\nformt = zip\nlinks = stroe\n[imprt]\n", 2, ["formt"])
        self.assertIn(":3:", found)
        self.assertIn(":4:", found)

    def test_formats_that_are_not_there(self):
        self.config = self.write_config("[backup]\nformat = rar\n[preset:x]\ndirectory = d\n"
                                        "format = tar-zst\n")
        done = self.hbcore("config", "check", expect=2)
        self.assert_mentions(done, f"{self.config}:2: [backup] format", "'rar' not found",
                             f"{self.config}:5: [preset:x] format", "did you mean 'tar-zstd'?")

    def test_config_check(self):
        self.config = self.write_config("[backup]\nformt = zip\n")
        done = self.hbcore("config", "check", expect=2)
        self.assert_mentions(done, f"{self.config}:2:", "formt", "format")
        self.config = hb.HERMES
        self.hbcore("config", "check")

    def test_a_continued_value_is_accepted(self):
        self.config = self.write_config(
            "[filter:mine]\nplugin = runtime-filter\non = backup\n"
            "names = noise.bin\n    zeros.bin\n\tread-only.txt\n\n[backup]\nformat = zip\n")
        archive = self.backup(self.home)
        names = self.tool("bsdtar", "-tf", archive).stdout.splitlines()
        for name in (b"noise.bin", b"zeros.bin", b"read-only.txt"):
            self.assertNotIn(name, names)
        self.assertIn(b"sub/deep/file.txt", names)

    def test_one_without_content_plugins(self):
        """Databases are ordinary files then: whoever stores or restores some is told, once."""
        said = "no section [content:NAME]"
        self.config = self.write_config("[format:zip]\n[snapshot]\ndirectory = shots\nfiles = config.yaml\n[import]\nmarkers =\n")
        archive = self.dir / "a.zip"
        for words in (("config", "check"), ("backup", "-o", archive), ("verify", archive), ("import", "--force", archive),
                      ("import", "--dry-run", archive), ("snapshot", "create")):
            done = self.hbcore("--home", self.home, *words, expect=None)
            self.assertEqual((done.stdout + done.stderr).decode().count(said), 1, words)
        self.config.write_text(self.config.read_text() + "[content:sqlite]\nplugin = sqlite-snap\n")
        for words in (("config", "check"), ("backup", "-o", archive), ("import", "--force", archive)):
            self.assertNotIn(said, (self.hbcore("--home", self.home, *words, expect=None).stderr).decode())

    def test_what_is_fine(self):
        for name, text in {
            "empty": "", "comments": "; one\n# two\n[backup]\n  ; three\nlinks = skip\n",
            "crlf": "[backup]\r\nlinks = skip\r\n", "no newline at the end": "[backup]\nlinks = skip",
            "word for a number": "[format:zip]\nlevel = fast\n",
            "snapshots": "[snapshot]\ndirectory = a/b/\nfiles = ~x a/~ $x ./y\n",
            "just long enough": "[filter:x]\nplugin = runtime-filter\nnames = " + "a" * 180 + "\n",
        }.items():
            with self.subTest(text=name):
                self.config = self.write_config(text)
                self.hbcore("config", "check")

    def test_set_is_validated_alike(self):
        for setting, words in {
            "backup.formt=zip": ["formt", "format"], "format:zip.level=99": ["level", "99"],
            "imprt.markers=x": ["imprt", "import"], "backup.links": ["backup.links"],
            "links=skip": ["links"],
        }.items():
            with self.subTest(setting=setting):
                done = self.hbcore("--set", setting, "--home", self.home, "backup", "-o", self.out,
                                   expect=2)
                self.assert_mentions(done, *words)
                self.assertEqual(list(self.out.iterdir()), [])

    def test_set_overrides_the_file(self):
        self.config = self.write_config("[backup]\nformat = zip\n")
        done = self.hbcore("--set", "backup.format=tar-zstd", "--json", "--home", self.home,
                           "backup", "-o", self.out)
        self.assertEqual(self.summary(done)["format"], "tar-zstd")

    def test_missing_or_untrusted_file(self):
        self.config = self.dir / "missing.ini"
        done = self.hbcore("--home", self.home, "backup", "-o", self.out, expect=2)
        self.assert_mentions(done, self.config)
        self.config = self.write_config("[backup]\nformat = zip\n")
        self.config.chmod(0o666)
        done = self.hbcore("--home", self.home, "backup", "-o", self.out, expect=2)
        self.assert_mentions(done, self.config)
        self.assertEqual(list(self.out.iterdir()), [])

    def test_never_from_the_current_directory(self):
        hb.write(self.dir / "cwd/hbcore.ini", b"[backup]\nformt = zip\n", 0o600)
        hb.write(self.dir / "cwd/.config/hbcore/hbcore.ini", b"[backup]\nformt = zip\n", 0o600)
        self.config = None
        self.hbcore("--home", self.home, "backup", "--format", "zip", "-o", self.out,
                    cwd=self.dir / "cwd")

    def test_where_it_is_looked_for(self):
        bad = b"[backup]\nformt = zip\n"
        hb.write(self.user / ".config/hbcore/hbcore.ini", bad, 0o600)
        other = hb.write(self.dir / "other.ini", b"[backup]\nformat = zip\n", 0o600)
        self.config = None
        self.hbcore("config", "check", expect=2)
        self.hbcore("config", "check", env={"HBCORE_CONFIG": other.decode()})
        self.hbcore("--config", other.decode(), "config", "check")
        hb.write(self.user / "mine.ini", b"[backup]\nformat = zip\n", 0o600)
        for words, env in ((("--config=~/mine.ini",), {}), ((), {"HBCORE_CONFIG": "~/mine.ini"})):
            done = self.hbcore(*words, "config", "check", env=env)
            self.assertEqual(done.stdout.decode(), f"{self.user}/mine.ini: ok\n")
        for base, code in ((self.dir / "xdg", 0), ("relative", 2), ("", 2)):
            self.hbcore("config", "check", env={"XDG_CONFIG_HOME": str(base)}, expect=code)
        hb.write(self.dir / "xdg/hbcore/hbcore.ini", b"[backup]\nformt = zip\n", 0o600)
        done = self.hbcore("config", "check", env={"XDG_CONFIG_HOME": str(self.dir / "xdg")}, expect=2)
        self.assert_mentions(done, f"{self.dir}/xdg/hbcore/hbcore.ini:2:")

    def test_a_new_one(self):
        self.config = None
        own = self.user / ".config/hbcore/hbcore.ini"
        done = self.hbcore("--home", self.home, "backup", expect=2)
        self.assert_mentions(done, "`hbcore config new NAME`, generic or hermes for NAME")
        for name in ("none", "../hermes", "", "hermes.ini"):
            self.assert_mentions(self.hbcore("config", "new", name, expect=2), "use generic or hermes")
        self.assertFalse(own.exists())
        self.hbcore("config", "new", "hermes")
        self.assertEqual((own.read_bytes(), own.stat().st_mode & 0o7777), (hb.HERMES.read_bytes(), 0o644))
        self.hbcore("--home", self.home, "backup", "-o", self.out)
        before = hb.tree(self.user)
        done = self.hbcore("config", "new", "generic", expect=1)
        self.assert_mentions(done, own, "already exists; it was not changed")
        self.assert_unchanged(before, self.user)
        for words, env, path in ((("--config", self.dir / "a/b.ini"), {}, "a/b.ini"),
                                 ((), {"HBCORE_CONFIG": f"{self.dir}/c.ini"}, "c.ini"),
                                 ((), {"XDG_CONFIG_HOME": f"{self.dir}/x"}, "x/hbcore/hbcore.ini")):
            done = self.hbcore(*words, "--json", "config", "new", "generic", env={"HBCORE_CONFIG": None, **env},
                               umask=0)
            self.assertEqual(self.summary(done)["path"], str(self.dir / path))
            self.assertEqual((self.dir / path).read_bytes(), hb.GENERIC.read_bytes())
            self.hbcore("--config", self.dir / path, "config", "check")

    def test_a_preset_that_is_not_there(self):
        """import --backup-first would find out in the middle of its work."""
        self.config = self.write_config("[import]\nbackup-preset = nightli\n[preset:nightly]\ndirectory = d\n")
        done = self.hbcore("config", "check", expect=2)
        self.assert_mentions(done, "[import] backup-preset", "no preset 'nightli'", "did you mean nightly?")
        self.hbcore("config", "check", "--set", "import.backup-preset=nightly")
        self.hbcore("config", "check", "--set", "import.backup-preset=")

    def test_where_xdg_has_it(self):
        """The specification: instead of ~/.config, and a relative one does not count."""
        bad, good = b"[backup]\nformt = zip\n", b"[backup]\nformat = zip\n"
        xdg = self.dir / "xdg"
        hb.write(self.user / ".config/hbcore/hbcore.ini", bad, 0o600)
        self.config = None
        for given, expect in ((xdg, 0), ("", 2), ("xdg", 2), (None, 2)):
            with self.subTest(given=given):
                self.hbcore("config", "check", env={"XDG_CONFIG_HOME": given and str(given)}, expect=expect,
                            cwd=self.dir)
        hb.write(xdg / "hbcore/hbcore.ini", good, 0o600)
        done = self.hbcore("config", "check", env={"XDG_CONFIG_HOME": str(xdg)})
        self.assert_mentions(done, xdg / "hbcore/hbcore.ini")
        hb.write(xdg / "hbcore/hbcore.ini", bad, 0o600)
        self.hbcore("config", "check", env={"XDG_CONFIG_HOME": str(xdg)}, expect=2)
        (xdg / "hbcore/hbcore.ini").chmod(0o666)
        self.assert_mentions(self.hbcore("config", "check", env={"XDG_CONFIG_HOME": str(xdg)}, expect=2), "written to")
        (xdg / "hbcore/hbcore.ini").unlink()
        done = self.hbcore("backup", env={"XDG_CONFIG_HOME": str(xdg)}, expect=2)
        self.assert_mentions(done, xdg / "hbcore/hbcore.ini")

    def test_a_plugin_path_without_plugins(self):
        """Empty, not there, no directory: told, with the line."""
        self.config = self.write_config("[plugins]\npath =\n")
        self.assert_mentions(self.hbcore("config", "check"), "test.ini:2: path:", "empty")
        done = self.hbcore("--set", "plugins.path=", "config", "check", expect=2)
        self.assert_mentions(done, "plugins.path", "empty")
        gone, text = self.dir / "gone", pathlib.Path(os.fsdecode(hb.write(self.dir / "text", b"")))
        self.config = self.write_config(f"[plugins]\npath = {gone} {text} {self.dir}\n")
        done = self.hbcore("--home", self.home, "backup", "--format", "zip", "-o", self.out)
        told = [line for line in done.stderr.decode().splitlines() if "test.ini:2: path:" in line]
        self.assertEqual(len(told), 2, self.describe(done))
        self.assert_mentions(done, f"{gone}: No such file", f"{text}: Not a directory")
        done = self.hbcore("--home", self.home, "backup", "--format", "zipp", "-o", self.out, expect=2)
        self.assert_mentions(done, f"{gone} (not there)")


if __name__ == "__main__":
    unittest.main()
