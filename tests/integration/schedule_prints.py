# SPDX-License-Identifier: Apache-2.0
"""`schedule`: systemd and cron take what it prints, whatever the names in it; and what they start makes an archive."""
import json
import os
import pathlib
import re
import shlex
import shutil
import unittest

import hb

# Each is something for sh, cron or systemd.
ODD = ["two words", "100%", "%h %n", "$HOME ${PATH} $(id)", "it's", 'say "no"', "a;b & c | d", "#no", "`id`", "é ü", "-dash",
       "tab" + chr(92) + "n", "end" + chr(92), "*?[x]"]
NOT_SHOWN = ["new\nline", "bell\a", "turned\u202eround", os.fsdecode(b"not-utf8-\xff")]
UNITS = ("backup", "sample", "drill")


def systemd_words(command):
    """systemd.service(5), "COMMAND LINES": what it makes of an ExecStart=; of C escapes those of quoted words that we use."""
    words = []
    for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|(\S+)', command):
        word = re.sub(r"\\(.)", r"\1", quoted) if quoted or not plain else plain
        assert not re.search(r"(?<!%)(%%)*%(?!%)", word), word
        word = word.replace("%%", "%")
        if words:  # not in the path of the program
            assert not re.search(r"(?<!\$)(\$\$)*\$(?!\$)", word), word
            word = word.replace("$$", "$")
        words.append(word)
    return words


def cron_command(text, both):
    """What sh gets of it: Vixie's cron reads % as the end of the line, \\% as one, and some make one backslash of two."""
    made, at = "", 0
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            follows = text[at + 1]
            made += follows if follows == "%" or (both and follows == "\\") else "\\" + follows
            at += 2
            continue
        assert text[at] != "%", f"the line ends at {text[at:]}"
        made += text[at]
        at += 1
    return made


class Schedule(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.ini = self.write_config(f"[home]\npath = {self.user}/home\n[format:zip]\n[backup]\nformat = zip\n"
                                     f"[preset:nightly]\ndirectory = {self.dir}/archives\n[preset:a.b]\n[preset:-x]\n")
        self.config = self.ini

    def test_it_says_what_the_checks_of_a_sealed_preset_need(self):
        for seal, told in (("age", True), ("none", False)):
            ini = self.write_config(self.ini.read_text() + f"[preset:shut]\nseal = {seal}\n", f"{seal}.ini")
            for more in ((), ("--cron",)):
                text = self.hbcore("--config", ini, "schedule", *more, "shut").stdout
                self.assertEqual(b"stage-dir" in text, told, text)

    def files(self, *words, **keywords):
        """By name, and what to type."""
        done = json.loads(self.hbcore("--json", *words, **keywords).stdout)
        return {pathlib.Path(file["path"] or "crontab").name: file["text"] for file in done["files"]}, done["commands"]

    @staticmethod
    def value(text, key):
        found = re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)
        assert len(found) == 1, (key, text)
        return found[0]

    @staticmethod
    def lines(text):
        """The five fields and the command of each job."""
        rows = [line for line in text.splitlines() if re.match(r"[0-9*]", line)]
        return [(" ".join(row.split(" ")[:5]), row.split(" ", 5)[5]) for row in rows]

    def odd_places(self):
        for number, name in enumerate(ODD):
            place = self.dir / f"odd{number}" / name
            place.mkdir(parents=True)
            ini = place / name
            shutil.copy(self.ini, ini)
            yield name, place, ini

    # ---- systemd ----

    def judge(self, folder, *more):
        done = self.tool("env", f"XDG_RUNTIME_DIR={self.dir}", "systemd-analyze", *more, "--man=no", "verify",
                         *sorted(folder.glob("hbcore-*")))
        self.assertEqual(done.stderr, b"")

    def test_systemd_takes_them(self):
        self.need("systemd-analyze")
        for number, words in enumerate(((), ("--hourly",), ("--weekly", "sunday 3:07"), ("--calendar", "Mon..Fri 03:00"),
                                        ("--on-failure", "hbcore-drill-%p.service"), ("--system",), ("--name", "other"))):
            files, _ = self.files("schedule", "nightly", *words)
            folder = self.dir / f"units{number}"
            for name, text in files.items():
                hb.write(folder / name, text)
                if name.endswith(".timer"):
                    self.tool("systemd-analyze", "calendar", self.value(text, "OnCalendar"))
            hb.write(folder / "hbcore-drill-hbcore-backup-nightly.service", "[Service]\nExecStart=/bin/true\n")
            hb.write(folder / "hbcore-drill-hbcore-sample-nightly.service", "[Service]\nExecStart=/bin/true\n")
            hb.write(folder / "hbcore-drill-hbcore-drill-nightly.service", "[Service]\nExecStart=/bin/true\n")
            self.judge(folder, *(() if words == ("--system",) else ("--user",)))

    def test_odd_names_for_systemd(self):
        judged = shutil.which("systemd-analyze") is not None
        for name, place, ini in self.odd_places():
            with self.subTest(name=name):
                files, _ = self.files("--config", ini, "--home", place, "schedule", "nightly")
                folder = place / "units"
                for unit, text in files.items():
                    hb.write(folder / unit, text)
                    if not unit.endswith(".service"):
                        continue
                    self.assertEqual(len(re.findall(r"^\[", text, re.MULTILINE)), 2)
                    words = systemd_words(self.value(text, "ExecStart"))
                    self.assertEqual(words[words.index("--config") + 1], str(ini))
                    self.assertEqual(words[words.index("--home") + 1], str(place))
                if judged:
                    self.judge(folder, "--user")
        if not judged:
            self.skip("systemd-analyze is not installed")

    def test_what_systemd_makes_of_the_words(self):
        """By systemd itself, which prints the units that it has read, and starts none."""
        systemd = pathlib.Path("/lib/systemd/systemd")
        if not systemd.exists():
            self.skip("systemd is not installed")
        folder, wanted = self.dir / "units", []
        for number, (_, place, ini) in enumerate(self.odd_places()):
            files, _ = self.files("--config", ini, "--home", place, "schedule", "nightly")
            hb.write(folder / f"odd{number}.service", files["hbcore-sample-nightly.service"], 0o644)
            wanted.append([self.binary, "--progress", "never", "--config", str(ini), "--home", str(place),
                           "verify", "latest", "--sample", "5%", "--preset", "nightly"])
        names = " ".join(f"odd{number}.service" for number in range(len(wanted)))
        hb.write(folder / "default.target", f"[Unit]\nWants={names}\n", 0o644)
        folder.chmod(0o755)
        run = self.dir / "run"
        run.mkdir()
        run.chmod(0o777)
        self.dir.chmod(0o755)
        # As root it does not.
        who = {"user": hb.NOBODY, "group": hb.NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        done = self.tool("env", f"XDG_RUNTIME_DIR={run}", f"SYSTEMD_UNIT_PATH={folder}", "SYSTEMD_LOG_LEVEL=info",
                         systemd, "--user", "--test", **who)
        found = []
        for line in re.findall(r"^\t+Command Line: (.*)$", done.stdout.decode(), re.MULTILINE):
            words = self.tool("sh", "-c", f"printf '%s\\0' {line}").stdout.decode().split("\0")[:-1]
            found.append([word.replace("$$", "$") for word in words])  # $$ is one when it is started
        self.assertEqual(sorted(found), sorted(wanted))

    def test_the_script_writes_the_files(self):
        """Where sh runs it; systemd looks there. It is run a second time for another hour."""
        for number, name in enumerate(ODD):
            base = self.dir / f"base{number}" / name
            for hour in ("02:00", "04:00"):
                env = {"XDG_CONFIG_HOME": str(base)}
                script = self.hbcore("schedule", "nightly", "--daily", hour, env=env).stdout
                files, _ = self.files("schedule", "nightly", "--daily", hour, env=env)
                self.tool("sh", hb.write(self.dir / "script", script))
                self.assertEqual({path.name: path.read_text() for path in (base / "systemd/user").iterdir()}, files)
                self.assertEqual(script.count(b"replaces the one"), 0 if hour == "02:00" else 6)
        self.assertIn(f"{self.user}/.config/systemd/user/hbcore-backup-nightly.timer",
                      self.hbcore("schedule", "nightly").stdout.decode())
        self.assertFalse((self.user / ".config").exists())

    def test_what_is_said_first(self):
        text = self.hbcore("schedule", "nightly", "--daily", "03:00").stdout.decode()
        head = text.partition("\nset -e\n")[0]
        self.assertTrue(all(line.startswith("#") or line == "" for line in head.splitlines()), head)
        files, commands = self.files("schedule", "nightly", "--daily", "03:00")
        for word in [*files, *commands, "nothing is installed yet"]:
            self.assertIn(word, head)
        self.assertEqual(commands, ["systemctl --user daemon-reload",
                                    "systemctl --user enable --now " + " ".join(f"hbcore-{unit}-nightly.timer" for unit in UNITS),
                                    "systemctl --user start hbcore-backup-nightly.service", "loginctl enable-linger"])
        again = re.search(r"^#   hbcore (.*) \| sh$", head, re.MULTILINE).group(1)
        self.config = None
        self.assertEqual(self.hbcore(*shlex.split(again), cwd="/").stdout.decode(), text)

    def test_for_the_machine(self):
        files, commands = self.files("schedule", "a.b", "--system", "--on-failure", "mail@%n.service")
        text = files["hbcore-backup-a.b.service"]
        self.assertEqual(self.value(text, "OnFailure"), "mail@%n.service")
        self.assertIn(f"--home {self.user}/home ", self.value(text, "ExecStart"))
        self.assertIn("network-online.target", text)
        self.assertEqual([command.split()[:3] for command in commands[-3:]],
                         [["sudo", "systemctl", word] for word in ("daemon-reload", "enable", "start")])
        done = json.loads(self.hbcore("--json", "schedule", "a.b", "--system").stdout)
        self.assertEqual({os.path.dirname(file["path"]) for file in done["files"]}, {"/etc/systemd/system"})
        done = json.loads(self.hbcore("--json", "schedule", "a.b", "--system", "--cron").stdout)
        self.assertEqual([file["path"] for file in done["files"]], ["/etc/cron.d/hbcore-a_b"])
        for line in self.lines(done["files"][0]["text"]):
            self.assertTrue(line[1].startswith("root /"), line)

    def test_a_configuration_that_root_would_refuse(self):
        """It belongs to somebody else: what mends that comes first."""
        if os.geteuid() == 0:
            os.chown(self.ini, hb.NOBODY, hb.NOBODY)
        env = {"SUDO_UID": str(os.stat(self.ini).st_uid)}
        for words in (("--system",), ("--system", "--cron")):
            _, commands = self.files("schedule", "nightly", *words, env=env)
            self.assertEqual(commands[0], f"sudo chown root {self.ini}")
            self.assertIn(commands[0], self.hbcore("schedule", "nightly", *words, env=env).stdout.decode())
        self.assertNotIn("chown", " ".join(self.files("schedule", "nightly", env=env)[1]))

    def test_times(self):
        daily, weekly = "*-*-* {}:00", "{} *-*-* {}:00"
        for words, calendars, crons in (
                ((), [daily.format("03:00"), "Sun *-*-* 05:00:00", "*-*-01 07:00:00"], ["0 3 * * *", "0 5 * * 0", "0 7 1 * *"]),
                (("--daily", "23:45"), [daily.format("23:45"), "Mon *-*-* 01:45:00", "*-*-01 03:45:00"],
                 ["45 23 * * *", "45 1 * * 1", "45 3 1 * *"]),
                (("--daily", "0:05"), [daily.format("00:05"), "Sun *-*-* 02:05:00", "*-*-01 04:05:00"],
                 ["5 0 * * *", "5 2 * * 0", "5 4 1 * *"]),
                (("--weekly", "Sat 22:10"), [weekly.format("Sat", "22:10"), "Sun *-*-* 00:10:00", "*-*-01 02:10:00"],
                 ["10 22 * * 6", "10 0 * * 0", "10 2 1 * *"]),
                (("--hourly",), ["*-*-* *:00:00", "Sun *-*-* 05:30:00", "*-*-01 07:30:00"],
                 ["0 * * * *", "30 5 * * 0", "30 7 1 * *"])):
            files, _ = self.files("schedule", "nightly", *words)
            self.assertEqual([self.value(files[f"hbcore-{unit}-nightly.timer"], "OnCalendar") for unit in UNITS], calendars)
            files, _ = self.files("schedule", "nightly", "--cron", *words)
            self.assertEqual([line[0] for line in self.lines(files["crontab"])], crons)
        text = self.files("schedule", "nightly")[0]["hbcore-backup-nightly.timer"]
        self.assertEqual((self.value(text, "Persistent"), self.value(text, "RandomizedDelaySec")), ("true", "30min"))

    def test_they_are_as_those_that_are_installed(self):
        shipped = (hb.SOURCE / "contrib/systemd/hbcore-backup.service.in").read_text()
        text = self.files("schedule", "nightly")[0]["hbcore-backup-nightly.service"]
        for key in ("Type", "Nice", "IOSchedulingClass", "UMask", "NoNewPrivileges", "TimeoutStopSec"):
            self.assertEqual(self.value(text, key), self.value(shipped, key), key)

    # ---- cron ----

    def test_odd_names_for_cron(self):
        for name, place, ini in self.odd_places():
            words = ("--config", ini, "--home", place, "schedule", "nightly", "--cron")
            with self.subTest(name=name):
                if "\\" in name:
                    self.assert_mentions(self.hbcore(*words, expect=2), "backslash", "without --cron")
                    continue
                files, _ = self.files(*words)
                if shutil.which("crontab") is not None:
                    self.tool("crontab", "-n", hb.write(self.dir / "crontab", files["crontab"]))
                rows = self.lines(files["crontab"])
                self.assertEqual(len(rows), 3)
                for _, command in rows:
                    for line in (cron_command(command, False), cron_command(command, True), command):  # the last: busybox
                        self.tool("sh", "-n", "-c", line)
                        program, rest = line.split(" ", 1)
                        self.assertEqual(program, self.binary)
                        said = self.tool("sh", "-c", f"printf '%s\\0' {rest}").stdout.decode().split("\0")
                        self.assertEqual(said[said.index("--config") + 1], str(ini))
                        self.assertEqual(said[said.index("--home") + 1], str(place))
                        self.assertIn(said[-3:-1], (["--preset", "nightly"],))

    def test_cron_takes_them(self):
        self.need("crontab")
        for words in ((), ("--hourly",), ("--weekly", "wednesday 12:00")):
            printed = self.hbcore("schedule", "nightly", "--cron", *words).stdout
            self.tool("crontab", "-n", hb.write(self.dir / "crontab", printed))
        self.tool("crontab", "-n", hb.write(self.dir / "crontab", b"61 3 * * * true\n"), expect=1)

    def test_what_cron_has_no_words_for(self):
        for words in (("--calendar", "hourly"), ("--on-failure", "a.service")):
            self.assert_mentions(self.hbcore("schedule", "nightly", "--cron", *words, expect=2), words[0], "is for systemd")
        long = self.dir
        for _ in range(4):
            long /= "d" * 230
        long.mkdir(parents=True)
        self.assert_mentions(self.hbcore("--home", long, "schedule", "nightly", "--cron", expect=2), "too long for cron")
        self.hbcore("--home", long, "schedule", "nightly")

    # ---- what it starts ----

    def commands(self, home):
        """Those of both, as they are started: without the variables of this shell."""
        files, _ = self.files("schedule", "nightly", env={"HBCORE_CONFIG": str(self.ini)}, cwd=home.parent)
        yield [systemd_words(self.value(files[f"hbcore-{unit}-nightly.service"], "ExecStart")) for unit in UNITS]
        files, _ = self.files("schedule", "nightly", "--cron", cwd=home.parent)
        yield [["sh", "-c", cron_command(command, False)] for _, command in self.lines(files["crontab"])]

    def test_what_they_start(self):
        home = self.user / "home"
        hb.write(home / "config.yaml", "a: 1\n")
        for started, (backup, sample, drill) in enumerate(self.commands(home)):
            self.tool(*backup, cwd="/")
            self.assertEqual(len(hb.archives(self.dir / "archives")), started + 1)
            if b"--preset" not in self.hbcore("verify", "--help").stdout:
                print("not run: verify has no `latest`")
                continue
            for check in (sample, drill):
                self.tool(*check, cwd="/")

    def test_the_home_of_a_variable(self):
        """It is not there later, so its value is named."""
        self.config = self.write_config(f"[home]\nvariable = MY_HOME\n[format:zip]\n[preset:nightly]\n"
                                        f"directory = {self.dir}/archives\n", "variable.ini")
        (self.dir / "mine").mkdir()
        files, _ = self.files("schedule", "nightly", env={"MY_HOME": str(self.dir / "mine")})
        words = systemd_words(self.value(files["hbcore-backup-nightly.service"], "ExecStart"))
        self.assertEqual(words[words.index("--home") + 1], str(self.dir / "mine"))
        files, _ = self.files("--home", "mine", "schedule", "nightly", cwd=self.dir)
        self.assertIn(f"--home {self.dir}/mine ", files["hbcore-backup-nightly.service"])
        self.hbcore("schedule", "nightly", expect=2)

    def test_the_program_by_the_name_of_the_path(self):
        """A link in $PATH stays when what it leads to is replaced."""
        link = self.dir / "bin" / "hbcore"
        link.parent.mkdir()
        link.symlink_to(self.binary)
        files, _ = self.files("schedule", "nightly", env={"PATH": f"/nowhere::{link.parent}:{os.environ['PATH']}"})
        self.assertEqual(systemd_words(self.value(files["hbcore-backup-nightly.service"], "ExecStart"))[0], str(link))

    # ---- what is refused ----

    def test_names_that_cannot_stand_there(self):
        for name in NOT_SHOWN:
            for words in ((), ("--cron",)):
                place = self.dir / name
                place.mkdir(exist_ok=True)
                ini = pathlib.Path(shutil.copy(self.ini, place / "x.ini"))
                done = self.hbcore("--home", place, "schedule", "nightly", *words, expect=2)
                self.assert_mentions(done, "cannot stand in a unit", "symbolic link")
                self.assertEqual(done.stdout, b"")
                self.hbcore("--config", ini, "schedule", "nightly", *words, expect=2)
            self.hbcore("schedule", "nightly", env={"XDG_CONFIG_HOME": str(place)}, expect=2)

    def test_wrong_use(self):
        for words, said in ((("nigtly",), "did you mean nightly?"), (("none",), "the presets are: "), ((), "takes one preset"),
                            (("nightly", "a.b"), "takes one preset"),
                            (("nightly", "--daily", "24:00"), "no time of a day"), (("nightly", "--daily", "3"), "--daily 03:00"),
                            (("nightly", "--daily", "03:60"), "no time of a day"), (("nightly", "--daily", ""), "no time of a day"),
                            (("nightly", "--daily", "03:00\nExecStart=x"), "no time of a day"),
                            (("nightly", "--weekly", "03:00"), "no day and time"), (("nightly", "--weekly", "Su 03:00"), "Sun 03:00"),
                            (("nightly", "--weekly", " 03:00"), "no day and time"),
                            (("nightly", "--calendar", ""), "systemd.time(7)"), (("nightly", "--calendar", "  "), "systemd.time(7)"),
                            (("nightly", "--calendar", "daily\n[Service]"), "systemd.time(7)"),
                            (("nightly", "--calendar", "%h"), "systemd.time(7)"),
                            (("nightly", "--hourly", "--daily", "03:00"), "not used together"),
                            (("nightly", "--on-failure", "mail"), "with its suffix"),
                            (("nightly", "--on-failure", "a b.service"), "no name of a unit"),
                            (("nightly", "--on-failure", "a.service\nx"), "no name of a unit"),
                            (("nightly", "--on-failure", "%h.service"), "no name of a unit"),
                            (("nightly", "--on-failure", ".service"), "no name of a unit"),
                            (("nightly", "--name", "a/b"), "is no name"), (("nightly", "--name", ""), "is no name"),
                            (("nightly", "--name", "n" * 250), "a shorter name"),
                            (("nightly", "--set", "backup.workers=1"), "write it into a configuration"),
                            (("--preset", "nightly"), "name the preset itself")):
            with self.subTest(words=words):
                done = self.hbcore("schedule", *words, expect=2)
                self.assert_mentions(done, said)
                self.assertEqual(done.stdout, b"")
        self.hbcore("schedule", "--", "-x")

    def test_a_calendar_that_only_systemd_finds_wrong(self):
        self.need("systemd-analyze")
        self.assert_mentions(self.hbcore("schedule", "nightly", "--calendar", "Foo 03:00", expect=2), "'Foo 03:00'")
        self.hbcore("schedule", "nightly", "--calendar", "Foo 03:00", env={"PATH": "/nowhere"})


if __name__ == "__main__":
    unittest.main()
