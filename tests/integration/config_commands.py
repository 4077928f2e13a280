# SPDX-License-Identifier: Apache-2.0
"""hbcore config check|show and plugins list|show|check, as a user calls them.

Arguments: the program, the directory of plugins that are broken on purpose.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM, BAD_PLUGINS = sys.argv[1:3]

FILE = """[plugins]
path = {plugins}
[import]
markers = a "b c" ";x" "#y" "[z]" ""
   "d\\"e" back\\slash "level = 3" {words}
[filter:x]
plugin = good-filter
title = {start}
  {rest}
[format:good-format]
level = 9
"""


class Commands(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.mkdtemp(prefix="hbcore-test-")
        self.addCleanup(shutil.rmtree, self.home)
        self.plugins = os.path.join(self.home, "plugins")
        os.mkdir(self.plugins)
        for name in ("good-filter.so", "good-format.so"):
            shutil.copy(os.path.join(BAD_PLUGINS, name), self.plugins)
        self.file = self.write("x.ini", FILE.format(
            plugins=self.plugins, words="" .join(f"\n   *.word{i}" for i in range(60)),
            start="word " * 30, rest="more " * 30))

    def write(self, name, text):
        path = os.path.join(self.home, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, 0o600)
        return path

    def run_it(self, *arguments, code=0):
        environment = dict(os.environ, HOME=self.home, LSAN_OPTIONS="use_tls=0:print_suppressions=0")  # see WITHOUT_TLS in hb.py
        environment.pop("HBCORE_CONFIG", None)
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True,
                              env=environment, check=False)
        self.assertEqual(done.returncode, code, (arguments, done.stdout, done.stderr))
        return done

    def settings(self, *arguments):
        lines = self.run_it("--json", *arguments, "config", "show").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def test_check(self):
        self.assertEqual(self.run_it("--config", self.file, "config", "check").stdout,
                         f"{self.file}: ok\n")
        bad = self.write("bad.ini", "[backup]\nwokers = 1\nword\n[bakcup]\n")
        done = self.run_it("--config", bad, "config", "check", code=2)
        self.assertEqual(done.stdout, "")
        lines = done.stderr.splitlines()
        for number, (where, hint) in enumerate(((":2: unknown key", "did you mean 'workers'?"),
                                                (":3: 'word'", "key = value"),
                                                (":4: unknown section", "[backup]?"))):
            self.assertIn(f"hbcore: {bad}{where}", lines[2 * number])
            self.assertIn(hint, lines[2 * number + 1])

    def test_check_asks_the_plugins(self):
        """What is wrong only for a plugin is told now, and not by the import that needs it."""
        for on, wrong in (("import", "patterns = ./b"), ("backup", "directories = a/b"), ("import", "globs = [x ./y")):
            path = self.write("asked.ini", f"[backup]\nformat = zip\n[filter:y]\nplugin = runtime-filter\non = {on}\n{wrong}\n")
            done = self.run_it("--config", path, "config", "check", code=2)
            self.assertIn(f"{path}:6: ", done.stderr)
            self.assertIn("would never match", done.stderr)
            self.assertEqual(done.stdout, "")

    def test_show_loads_again(self):
        shown = self.run_it("--config", self.file, "--set", "backup.workers=7", "config", "show")
        self.assertLess(max(map(len, shown.stdout.splitlines())), 200)
        self.assertIn("# --set\nworkers = 7\n", shown.stdout)
        self.assertIn(f"# {self.file}:67\nplugin = good-filter\n", shown.stdout)
        again = self.write("again.ini", shown.stdout)
        first = self.settings("--config", self.file, "--set", "backup.workers=7")
        second = self.settings("--config", again)
        self.assertGreater(len(first), 20)
        for a, b in zip(first, second):
            self.assertEqual((a["section"], a["key"], a["value"]),
                             (b["section"], b["key"], b["value"]))
        self.assertEqual(len(first), len(second))
        markers = [line["value"] for line in first if line["key"] == "markers"][0]
        self.assertEqual(markers[:9], ["a", "b c", ";x", "#y", "[z]", "", 'd"e', "back\\slash",
                                       "level = 3"])

    def test_what_is_shown_without_plugins_path(self):
        """Of this program's own plugins: nothing that is shown is doubtful in a file."""
        path = self.write("plain.ini", "[format:zip]\n")
        again = self.write("again.ini", self.run_it("--config", path, "config", "show").stdout)
        self.assertEqual(self.run_it("--config", again, "config", "show").stderr, "")

    def test_show_what_no_file_can_hold(self):
        shown = self.run_it("--config", self.file, "--set", "backup.prefix=x ;y", "config", "show")
        self.assertIn("no file can hold this value", shown.stdout)
        again = self.write("again.ini", shown.stdout)
        self.run_it("--config", again, "config", "check")

    def test_plugins_list(self):
        done = self.run_it("--config", self.file, "plugins", "list")
        self.assertIn(os.path.join(self.plugins, "good-filter.so"), done.stdout)
        self.assertEqual(done.stderr, "")
        with open(os.path.join(self.plugins, "broken.so"), "w", encoding="utf-8") as out:
            out.write("no library" * 50)
        os.chmod(os.path.join(self.plugins, "broken.so"), 0o644)
        done = self.run_it("--config", self.file, "--json", "plugins", "list", code=3)
        self.assertIn("broken.so: cannot be loaded: invalid ELF header", done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertIn(("broken_plugin", None), [(x["type"], x.get("name")) for x in lines])
        self.assertIn(("plugin", "good-format"), [(x["type"], x.get("name")) for x in lines])

    def test_plugins_show(self):
        done = self.run_it("--config", self.file, "plugins", "show", "good-filter")
        for part in ("good-filter 1.0, a filter plugin", "level = 6\n      integer 0..9",
                     "lacks\n  dir_enter dir_leave"):
            self.assertIn(part, done.stdout)
        done = self.run_it("--config", self.file, "--json", "plugins", "show", "good-format")
        line = json.loads(done.stdout)
        self.assertEqual(line["options"][0]["maximum"], 9)
        self.assertEqual(line["callbacks"]["walk"], True)
        self.assertEqual(line["callbacks"]["encode"], False)
        self.assertEqual(line["suffixes"], [".test"])
        done = self.run_it("--config", self.file, "plugins", "show", "good-fliter", code=1)
        self.assertIn("did you mean 'good-filter'?", done.stderr)

    def test_plugins_check(self):
        done = self.run_it("plugins", "check", os.path.join(self.plugins, "good-filter.so"))
        self.assertIn("ok, filter plugin good-filter 1.0", done.stdout)
        done = self.run_it("plugins", "check", os.path.join(BAD_PLUGINS, "no-walk.so"), code=1)
        self.assertIn("no-walk.so: the callback 'walk' is missing", done.stderr)

    def test_wrong_use(self):
        for arguments in (["config"], ["config", "chekc"], ["config", "show", "x"],
                          ["config", "--zzz"], ["plugins"], ["plugins", "show"],
                          ["plugins", "list", "x"], ["plugins", "check", "a", "b"]):
            done = self.run_it(*arguments, code=2)
            self.assertEqual(done.stdout, "")
            self.assertTrue(done.stderr.startswith("hbcore: "), done.stderr)
        self.assertIn("Usage: hbcore", self.run_it("config", "-h").stdout)
        self.assertIn("Usage: hbcore", self.run_it("plugins", "--help").stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
