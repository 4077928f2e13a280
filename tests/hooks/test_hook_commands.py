# SPDX-License-Identifier: Apache-2.0
"""Commands that hooks declare: what is typed, what the hook gets, who wins where names clash, and unknown words."""
import json
import os
import unittest

import hb


class Commands(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "one", b"old\n")
        self.configure("commanding")

    def configure(self, *hooks, more="", path=None):
        """Each hook is "PLUGIN" or "LABEL PLUGIN SETTING...", in a file of its own."""
        sections = ""
        for hook in hooks:
            label, _, rest = hook.partition(" ")
            plugin, _, settings = rest.partition(" ")
            sections += f"[hook:{label}]\nplugin = {plugin or label}\n{settings}\n"
        self.config = self.write_config(
            f"[plugins]\npath = {os.environ['HBCORE_HOOKS']}\n[home]\npath = {self.home}\n[backup]\nformat = zip\n"
            f"[snapshot]\nfiles = one\n{sections}{more}")

    def given(self, *words, expect=0):
        return self.summary(self.hbcore("--json", *words, expect=expect))["given"]

    def test_operands_and_options(self):
        archive = self.dir / "a.zip"
        self.hbcore("backup", "-o", archive)
        made = self.summary(self.hbcore("--json", "snapshot", "create"))["id"]
        for which in (made, "1"):
            done = self.summary(self.hbcore("--json", "show-it", which, "a.zip", "sub/../x", "a text", cwd=self.dir))
            self.assertEqual(done["given"], {
                "command": "show-it", "snapshot": made, "archive": str(archive), "event_dry": 0, "times": 1,
                "set": False, "when": "now", "name": "", "only": [], "dry": 0,
                "operands": [f"snapshots/{made}", str(archive), done["given"]["operands"][2], "a text"]})
            self.assertTrue(done["given"]["operands"][2].startswith("/"))
            self.assertEqual((done["command"], done["target"], done["id"], done["which"], done["text"], done["dry_run"]),
                             ("show-it", str(self.home), made, str(archive), "a text", False))
        given = self.given("show-it", "--times", "3", "1", "--when=later", archive, "--only", "a b", "x", "--only",
                           'quo"te\\', "y", "--dry-run", "--name", "n m")
        self.assertEqual({key: given[key] for key in ("times", "set", "when", "name", "only", "dry", "event_dry")},
                         {"times": 3, "set": True, "when": "later", "name": "n m", "only": ["a b", 'quo"te\\'],
                          "dry": 1, "event_dry": 1})
        for words, code, said in (
                (("show-it", "1", archive, "x"), 2, "takes 4 arguments: ID|NUMBER ARCHIVE PATH TEXT"),
                (("show-it", "1", archive, "x", "y", "--times", "10"), 2, "--times: 10"),
                (("show-it", "1", archive, "x", "y", "--times", "many"), 2, "--times"),
                (("show-it", "1", archive, "x", "y", "--when", "never"), 2, "--when"),
                (("show-it", "1", archive, "x", "y", "--tims", "2"), 2, "did you mean --times?"),
                (("show-it", "7", archive, "x", "y"), 1, "no snapshot number 7"),
                (("show-it", "../..", archive, "x", "y"), 1, "not the id of a snapshot"),
                (("show-it", "1", self.dir / "none.zip", "x", "y"), 1, "none.zip"),
                (("show-it", "1", self.dir, "x", "y"), 1, "not a regular file"),
                (("show-it", "1", archive, "", "y"), 1, "empty"), (("read-all", "x"), 2, "takes no argument"),
                (("fail-it",), 1, "[hook:commanding]: commanding: as it was told to")):
            with self.subTest(words=words):
                self.assert_mentions(self.hbcore(*words, expect=code), said)

    def test_for_people(self):
        self.assertIn(b'given: {"only":[],', self.hbcore("read-all").stdout)
        text = self.hbcore("--help").stdout.decode()
        self.assertIn("\n  show-it     do a thing\n", text)
        text = self.hbcore("show-it", "--help").stdout.decode()
        self.assertIn("Usage: hbcore [global options] show-it ID|NUMBER ARCHIVE PATH TEXT", text)
        self.assertIn("--times N", text)
        self.assertIn("Does a thing.", text)
        self.assertIn("Exit status: 1.", self.hbcore("fail-it", "--help").stdout.decode())
        offered = self.hbcore("completion", "words", "--", "--config", self.config, "").stdout.decode()
        self.assertIn("put-it\tdo a thing\n", offered)
        offered = self.hbcore("completion", "words", "--", "--config", self.config, "show-it", "--").stdout.decode()
        self.assertIn("--times\tan option\n", offered)
        offered = self.hbcore("completion", "words", "--", "--config", self.config, "show-it", "--when", "").stdout
        self.assertEqual(offered, b"now\t\nlater\t\n")
        made = self.summary(self.hbcore("--json", "snapshot", "create"))["id"]
        offered = self.hbcore("completion", "words", "--", "--config", self.config, "show-it", "").stdout.decode()
        self.assertEqual(offered.split("\t")[0], made)

    def test_home_lock_and_stage(self):
        self.hbcore("put-it", "sub/new")
        self.assertEqual((self.home / "sub/new").read_bytes(), b"put\n")
        self.assertEqual([name for name in os.listdir(self.home) if name.startswith(".hbcore")], [])
        self.hbcore("put-it", "../out", expect=1)
        self.assert_mentions(self.hbcore("put-it-not", "never", expect=1), "or only reads")
        self.assertFalse((self.home / "never").exists())
        with hb.HeldLock(self.home):
            self.hbcore("put-it", "x", expect=5)
            self.hbcore("read-all")
        self.hbcore("--home", self.dir / "none", "read-all", expect=1)

    def test_others_hear_of_it(self):
        said = self.dir / "events"
        self.configure("commanding", f"noting noting on = backup put-it\nevents = {said}")
        self.hbcore("put-it", "x")
        self.hbcore("read-all")
        self.assertEqual([(row["when"], row["command"]) for row in map(json.loads, said.read_text().splitlines())],
                         [(when, "put-it") for when in ("before", "after", "finally")])
        self.configure("noting noting on = fail-it\nrefuse = put-it\n" + f"events = {said}", "commanding")
        said.unlink()
        self.hbcore("fail-it", expect=1)
        rows = list(map(json.loads, said.read_text().splitlines()))
        self.assertEqual([(row["when"], row["exit_status"]) for row in rows], [("before", 0), ("finally", 1)])
        self.assertIn("as it was told to", rows[1]["error"])

    def test_on_takes_commands_away(self):
        self.configure("commanding commanding on = backup put-it")
        self.hbcore("put-it", "x")
        self.assert_mentions(self.hbcore("read-all", expect=2), "no command read-all", "no hook",
                             "add read-all to 'on' in [hook:commanding]")
        self.assertNotIn(b"read-all", self.hbcore("--help").stdout)
        self.configure("commanding commanding on = put-itt")
        self.assert_mentions(self.hbcore("config", "check", expect=2), "'put-itt' is not one of", "put-it")

    def test_clashes(self):
        """The core's words win, and two hooks that have the same have none; both are told by config check."""
        hb.write(self.dir / "x.zip", b"")
        for hooks, said in ((("commanding", "other commanding"), ("[hook:other]: its command 'put-it'", "[hook:commanding]")),
                            (("commanding", "show-again"), ("'show-it'", "[hook:show-again]")),
                            (("takes-verify",), ("[hook:takes-verify]", "'verify'", "'on' without verify"))):
            with self.subTest(hooks=hooks):
                self.configure(*hooks)
                self.assert_mentions(self.hbcore("config", "check", expect=2), *said)
                self.hbcore("snapshot", "create")
        self.assert_mentions(self.hbcore("verify", self.dir / "x.zip", expect=1), "x.zip")
        self.configure("commanding", "show-again")
        self.assert_mentions(self.hbcore("show-it", "1", "a", "b", "c", expect=2), "two hooks", "[hook:show-again]",
                             "'on' without show-it")
        self.hbcore("put-it", "x")
        self.configure("commanding", "show-again show-again on = backup")
        self.hbcore("config", "check")
        self.configure("takes-option")
        self.assert_mentions(self.hbcore("config", "check", expect=2), "--home", "takes-option")
        refused = "its command 'take-it' has an option --home, which is one of all commands"
        file = os.path.join(os.environ["HBCORE_HOOKS"], "takes-option.so")
        words = ("1", "a", "b", "c")
        for arguments, code in ((("take-it", *words), 2), (("take-it", "--home", self.dir, *words), 2),
                                (("--json", "take-it", *words), 2), (("plugins", "check", file), 1),
                                (("--json", "plugins", "check", file), 1), (("plugins", "list"), 3)):
            with self.subTest(arguments=arguments):
                self.assert_mentions(self.hbcore(*arguments, expect=code), refused, "takes-option")
        self.hbcore("plugins", "check", file.replace("takes-option", "commanding"))

    def test_unknown_words(self):
        done = self.hbcore("put-ti", expect=2)
        self.assert_mentions(done, "no command put-ti", "did you mean put-it?")
        self.assert_mentions(self.hbcore("bakcup", expect=2), "no command bakcup", "did you mean backup?")
        self.assert_mentions(self.hbcore("zzzzz", expect=2), "no command zzzzz", "no hook of the configuration")
        broken = self.write_config(self.config.read_text() + "[backup]\nformta = zip\n[nonsense]\n")
        self.config = broken
        done = self.hbcore("put-it", "x", expect=2)
        lines = done.stderr.decode().splitlines()
        self.assertIn("no command put-it", lines[0])
        self.assertTrue(any("formta" in line for line in lines[1:]) and any("nonsense" in line for line in lines[1:]))
        self.hbcore("--help")
        done = self.tool(os.environ["HBCORE_BIN"], "--json", "put-it", expect=2)
        self.assertEqual(json.loads(done.stdout.splitlines()[0])["exit_status"], 2)

    def test_the_configuration_may_stand_behind(self):
        run = [os.environ["HBCORE_BIN"]]
        for words in (("--config", self.config), (f"--config={self.config}",), ("--conf", self.config)):
            self.tool(*run, "put-it", "x", *words)
        self.tool(*run, "put-it", *words, "--set", "hook:commanding.on=put-it", "y")
        self.assertEqual((self.home / "y").read_bytes(), b"put\n")
        self.tool(*run, "put-it", "z", "--set", "hook:commanding.on=backup", *words, expect=2)
        self.tool(*run, "put-it", "z", "--config", expect=2)


if __name__ == "__main__":
    unittest.main()
