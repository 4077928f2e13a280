# SPDX-License-Identifier: Apache-2.0
"""What shells offer: every command, subcommand and option that a help names, and values of theirs."""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import time
import unittest

import hb

SCRIPTS = hb.SOURCE / "contrib" / "completion"
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
CONFIG = """\
[backup]
format = quick
[preset:nightly]
[preset:weekly]
[format:quick]
plugin = zip
level = 1
[filter:mine]
plugin = runtime-filter
"""

BASH = """
compopt() { :; }
source "$1"
while IFS= read -r line; do
    COMP_LINE=$line COMP_POINT=${#line}
    _hbcore hbcore
    echo "== $line"
    [ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
done
"""

# The functions of zsh's completion system take the words instead of drawing them.
ZSH = """
compdef() { : }
_describe() { print -rl -- "${(@)${(@P)@[-1]}/(#m)[^\\\\]:*/${MATCH[1]}}" }
compadd() { while [[ $1 != -- ]] { shift }; shift; print -rl -- "$@" }
compset() { PREFIX=${PREFIX#*=} }
_files() { print -r -- "files $* $PREFIX" }
setopt extended_glob
source "$1"
while IFS= read -r line; do
    words=("${(@Q)${(z)line}}")
    [[ $line == *' ' ]] && words+=('')
    CURRENT=$#words PREFIX=$words[-1]
    print -r -- "== $line"
    _hbcore
done
"""

FISH = """
source $argv[1]
while read -l line
    echo "== $line"
    complete -C "$line" | string replace -r '\\t.*' ''
end
exit 0 # not that of read, which found the end
"""


def options_of(text):
    """Those of the usage and of the lines that begin with one."""
    usage, _, rest = text.partition("\n\n")
    lines = [line for line in rest.splitlines() if re.match(r" +-", line)]
    found = set(OPTION.findall(usage))
    for line in lines:
        for part in re.split(r"  +", line.strip()):
            if not part.startswith("-"):
                break
            found.update(OPTION.findall(part))
    return found | {"--help"}


def subcommands_of(text, command):
    """The words in small letters of the usage, outside of brackets."""
    usage = re.sub(r"\[[^]]*\]", "", text.partition("\n\n")[0])
    return {word for word in usage.split() if re.fullmatch("[a-z]+", word)} - {"hbcore", command}


class Completion(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.ini = self.write_config(CONFIG)
        binary = pathlib.Path(self.binary)
        self.assertEqual(binary.name, "hbcore")
        self.path = f"{binary.parent}:{os.environ['PATH']}"

    def help_text(self, *command):
        return self.hbcore(*command, "--help").stdout.decode()

    def commands(self):
        text = self.help_text()
        section = "\n".join(re.findall(r"^Commands .*\n((?:  .*\n)+)", text, re.MULTILINE))
        names = re.findall(r"^  ([a-z]+) ", section, re.MULTILINE)
        self.assertLessEqual({"backup", "import", "plugins", "completion"}, set(names))
        return names

    def expectations(self):
        """{line: (words that must be offered)} from the help texts alone."""
        names = self.commands()
        rows = {"hbcore ": set(names), "hbcore -": options_of(self.help_text())}
        for name in names:
            text = self.help_text(name)
            rows[f"hbcore {name} -"] = options_of(text)
            rows[f"hbcore {name} "] = subcommands_of(text, name)
        config = f"hbcore --config {self.ini} "
        rows[config + "backup --format "] = {"quick", "tar-zstd", "zip"}
        rows[config + "backup --format=q"] = {"--format=quick"}
        rows[config + "backup --preset "] = {"nightly", "weekly"}
        rows[config + "plugins show "] = {"zip", "tar-zstd", "sqlite-snap", "runtime-filter"}
        rows[config + "--set filter:mine.gl"] = {"filter:mine.globs="}
        rows["hbcore plugins new "] = {"filter", "format", "content", "hook"}
        rows["hbcore plugins new fi"] = {"filter"}
        rows["hbcore --progress "] = {"auto", "always", "never"}
        return rows

    def answers(self, interpreter, lines):
        """{line: offered words} of a script that reads lines and answers after '== LINE'."""
        done = subprocess.run([*interpreter], input="".join(f"{line}\n" for line in lines),
                              text=True, capture_output=True, timeout=240, check=False,
                              env=self.environment(**hb.WITHOUT_TLS, PATH=self.path), cwd=self.dir)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout[-2000:])
        found = {}
        for line in done.stdout.splitlines():
            if line.startswith("== "):
                words = found.setdefault(line[3:], [])
            else:
                words.append(line)
        self.assertEqual(list(found), list(lines))
        return found

    def check_shell(self, interpreter, stripped=lambda line, word: word):
        rows = self.expectations()
        found = self.answers(interpreter, rows)
        for line, expected in rows.items():
            wanted = {stripped(line, word) for word in expected}
            self.assertLessEqual(wanted, set(found[line]), f"{interpreter[0]}: {line!r}")
            self.assertEqual(len(found[line]), len(set(found[line])), found[line])

    def script(self, text, name):
        path = self.dir / name
        path.write_text(text)
        return path

    # ---- the answers themselves ----

    def words(self, *typed):
        done = self.hbcore("completion", "words", "--", *typed)
        self.assertEqual(done.stderr, b"")
        return dict(line.split("\t", 1) for line in done.stdout.decode().splitlines())

    def test_words_follow_the_help(self):
        for line, expected in self.expectations().items():
            typed = line.split(" ")[1:]
            self.assertLessEqual(expected, set(self.words(*typed)), line)

    def test_no_pipe_is_waited_for(self):
        os.mkfifo(self.dir / "pipe")
        self.assertIn("--format", self.words("cat", str(self.dir / "pipe"), ""))

    def test_only_what_begins_so(self):
        self.assertEqual(set(self.words("ba")), {"backup"})
        self.assertEqual(set(self.words("backup", "--dry")), {"--dry-run"})
        self.assertEqual(self.words("no-such-command", ""), {"--help": "", "-h": ""})
        self.assertEqual(self.words("backup", "--no-such="), {})

    def test_a_new_plugin_gets_no_name_that_is_taken(self):
        self.assertEqual(set(self.words("plugins", "new", "f")), {"filter", "format"})
        self.assertEqual(self.words("plugins", "new", "filter", "z"), {})
        self.assertIn("zip", self.words("plugins", "show", "z"))

    def test_files_and_directories(self):
        self.assertEqual(self.words("list", ""), {"": "files"})
        self.assertEqual(self.words("backup", "-o", "x"), {"": "files"})
        self.assertEqual(self.words("backup", "--output=x"), {"": "files"})
        self.assertEqual(self.words("--home", ""), {"": "directories"})
        self.assertEqual(self.words("--", "list", "-x"), {"": "files"})

    def test_what_a_subcommand_takes(self):
        """Its own options, and the global ones behind it as well as in front; the help is whole."""
        found = set(self.words("snapshot", "list", "--"))
        self.assertIn("--limit", found)
        self.assertLessEqual({"--json", "--home", "--config"}, found)
        self.assertEqual(found & {"--label", "--keep", "--dry-run"}, set())
        self.assertEqual(set(self.words("snapshot", "prune", "--l")), set())
        self.assertEqual(set(self.words("backup", "--progress", "")), {"auto", "always", "never"})
        self.assertEqual(set(self.words("backup", "--config", str(self.ini), "--preset", "")), {"nightly", "weekly"})
        self.assertEqual(set(self.words("backup", f"--config={self.ini}", "--format", "q")), {"quick"})
        self.assertEqual(set(self.words("--config", str(self.ini), "--set", "preset:more.keep=1", "backup",
                                        "--preset", "m")), {"more"})
        self.assertEqual(set(self.words("config", "new", "")), {"generic", "hermes"})
        self.assertIn("/etc/hbcore/hbcore.ini", self.words("--conf")["--config"])

    def test_names_that_begin_with_a_dash(self):
        home = self.make_home()
        hb.write(home / "-dash.txt", b"x")
        archive = self.dir / "d.zip"
        self.hbcore("--home", home, "backup", "--format", "zip", "-o", archive)
        self.assertNotIn("-dash.txt", self.words("cat", str(archive), ""))
        self.assertEqual(set(self.words("--", "cat", str(archive), "-d")), {"-dash.txt"})
        self.hbcore("cat", "--", archive, "-dash.txt")

    def test_members_of_an_archive(self):
        home = self.make_home()
        hb.write(home / "two words.txt", b"x")
        hb.write(home / "tab\there", b"x")
        hb.write(os.fsencode(home) + b"/not-utf8-\xff", b"x")
        archive = self.dir / "a b.zip"
        self.hbcore("--home", home, "backup", "--format", "zip", "-o", archive)
        found = self.words("cat", str(archive), "")
        self.assertLessEqual({"config.yaml", "sub/deep/file.txt", "two words.txt"}, set(found))
        self.assertEqual([name for name in found if "tab" in name or "utf8" in name], [])
        self.assertEqual(set(self.words("cat", str(archive), "sub/d")), {"sub/deep/file.txt"})
        self.assertEqual(self.words("cat", str(self.dir / "missing.zip"), "x"), {})

    def test_a_broken_configuration_is_no_obstacle(self):
        broken = self.write_config("[backup]\nformatt = zip\n", "broken.ini")
        self.assertEqual(self.words("--config", str(broken), "backup", "--preset", ""), {})
        self.assertIn("--preset", self.words("--config", str(broken), "backup", "--p"))

    def test_tilde_in_typed_words(self):
        shutil.copy(self.ini, self.user / "mine.ini")
        self.assertEqual(set(self.words("--config", "~/mine.ini", "backup", "--preset", "w")),
                         {"weekly"})

    def test_scripts_are_those_of_the_source(self):
        for shell in ("bash", "zsh", "fish"):
            printed = self.hbcore("completion", shell).stdout.decode()
            self.assertEqual(printed, (SCRIPTS / f"hbcore.{shell}").read_text())

    def test_wrong_use(self):
        self.hbcore("completion", expect=2)
        self.hbcore("completion", "tcsh", expect=2)
        self.hbcore("completion", "bash", "more", expect=2)

    # ---- in the shells ----

    def test_bash(self):
        self.need("bash")

        def stripped(line, word):  # readline keeps what stands before these
            last = line.rsplit(" ", 1)[1]
            keep = max(last.rfind("="), last.rfind(":")) + 1
            return word[keep:]

        script = self.script(BASH, "ask.bash")
        self.check_shell(["bash", "--norc", str(script), str(SCRIPTS / "hbcore.bash")], stripped)

    def test_bash_files(self):
        self.need("bash")
        hb.write(self.dir / "deep" / "one.zip")
        hb.write(self.dir / "deep" / "two words.zip")
        script = self.script(BASH, "ask.bash")
        found = self.answers(["bash", "--norc", str(script), str(SCRIPTS / "hbcore.bash")],
                             ["hbcore list deep/o", "hbcore backup --output=deep/t",
                              "hbcore --home de", "hbcore list \"x"])
        self.assertEqual(list(found.values()),
                         [["deep/one.zip"], ["deep/two words.zip"], ["deep"], []])

    def test_zsh(self):
        self.need("zsh")
        script = self.script(ZSH, "ask.zsh")
        self.check_shell(["zsh", "-f", str(script), str(SCRIPTS / "hbcore.zsh")])

    def test_fish(self):
        self.need("fish")
        script = self.script(FISH, "ask.fish")
        self.check_shell(["fish", "--no-config", str(script), str(SCRIPTS / "hbcore.fish")])

    def end(self, pid):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    def type_and_read(self, shell, setup):
        """Types with tabs into a shell on a terminal, until the completed command has answered."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.dir)
            os.execvpe(shell[0], shell, self.environment(**hb.WITHOUT_TLS, PATH=self.path, TERM="dumb"))
        self.addCleanup(os.close, terminal)
        self.addCleanup(self.end, pid)
        seen = b""
        for typed, word in ((setup + " && echo rea''dy\n", b"ready"),
                            ("hbcore plug\tsho\trunt\t; echo en''ded\n", b"ended")):
            os.write(terminal, typed.encode())
            end = time.monotonic() + 120
            while word not in seen:
                ready, _, _ = select.select([terminal], [], [], max(0, end - time.monotonic()))
                self.assertTrue(ready, f"no {word!r} came: {seen!r}")
                seen += os.read(terminal, 65536)
        return seen

    def test_typed_into_bash(self):
        self.need("bash")
        seen = self.type_and_read(["bash", "--norc", "-i"], f"source '{SCRIPTS}/hbcore.bash'")
        self.assertIn(b"a filter plugin", seen)

    def test_typed_into_zsh(self):
        self.need("zsh")
        seen = self.type_and_read(
            ["zsh", "-f", "-i"],
            f"autoload -U compinit && compinit -u -D && source '{SCRIPTS}/hbcore.zsh'")
        self.assertIn(b"a filter plugin", seen)

    def test_zsh_reads_it_from_fpath(self):
        self.need("zsh")
        functions = self.dir / "functions"
        functions.mkdir()
        shutil.copy(SCRIPTS / "hbcore.zsh", functions / "_hbcore")
        seen = self.type_and_read(
            ["zsh", "-f", "-i"],
            f"fpath=('{functions}' $fpath) && autoload -U compinit && compinit -u -D")
        self.assertIn(b"a filter plugin", seen)


if __name__ == "__main__":
    unittest.main()
