# SPDX-License-Identifier: Apache-2.0
"""The manual pages say all that the program takes and prints, and nothing that it does not know."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import hb
from completion_offers import options_of, subcommands_of

DOCS = hb.SOURCE / "docs"
ITEM = re.compile(r"^\.It Ic (\S+) No =(?: Ar (.*?))? Pq (.*)$", re.MULTILINE)
CONFIG = "[preset:any]\n"


def packed(text):
    """The keys that the calls of json_pack() and hb_json_add() in a source put into objects."""
    for call in re.finditer(r"(?:json_pack|hb_json_add)\(", text):
        words, depth, start = [], 1, call.end()
        for at in re.finditer(r'"(?:\\.|[^"\\])*"|[(){},]', text[start:]):
            depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(at.group(), 0)
            if depth == 0 or (depth == 1 and at.group() == ","):
                words.append(text[start:call.end() + at.start()].strip())
                start = call.end() + at.end()
            if depth == 0:
                break
        first = next((i for i, word in enumerate(words) if word.startswith('"{')), len(words))
        arguments = iter(words[first + 1:])
        for number, letter in enumerate(re.findall(r"[a-zA-Z]", words[first] if first < len(words) else "")):
            word = "" if letter == "n" else next(arguments)
            if number % 2 == 0:
                yield word.strip('"')


def sections(text, macro):
    """{title: text} of a page."""
    parts = re.split(rf"^\.{macro} (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2]))


class Docs(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.page = (DOCS / "hbcore.1").read_text()
        self.ini = (DOCS / "hbcore.ini.5").read_text()

    # ---- hbcore.ini(5) ----

    def items(self, title):
        found = sections(self.ini, "S[sh]")
        self.assertIn(title, found)
        rows = [match.groups() for match in ITEM.finditer(found[title])]
        keys = [row[0] for row in rows]
        self.assertEqual(len(keys), len(set(keys)), f"{title}: one stands there twice: {keys}")
        return {key: (default or "").replace("\\&", "") for key, default, _ in rows}

    def test_options_of_the_core(self):
        self.config = self.write_config(CONFIG)
        shown = self.hbcore("config", "show").stdout.decode()
        known, section = {}, None
        for line in shown.splitlines():
            if line.startswith("["):
                section = line[1:-1].replace("preset:any", "preset:NAME")
            elif line and not line.startswith("#"):
                key, _, value = line.partition(" =")
                known.setdefault(section, {})[key.removeprefix(";")] = value.strip()
        self.assertLessEqual({"home", "plugins", "backup", "import", "preset:NAME"}, set(known))
        for section, options in known.items():
            self.assertEqual(self.items(section), options, f"[{section}]")

    def test_options_of_plugins(self):
        plugins = [json.loads(line) for line in
                   self.hbcore("--json", "plugins", "list").stdout.splitlines()]
        self.assertLessEqual({"zip", "tar-zstd", "sqlite-snap", "runtime-filter"},
                             {plugin["name"] for plugin in plugins})
        for plugin in plugins:
            name = plugin["name"]
            known = json.loads(self.hbcore("--json", "plugins", "show", name).stdout)
            self.assertEqual(self.items(f"{plugin['kind']}, plugin {name}"),
                             {option["key"]: option["default"] for option in known["options"]},
                             name)

    def test_choices_and_common_options(self):
        self.assertEqual(set(self.items("Each of them")), {"plugin", "on"})
        for name in ("sqlite-snap",):
            known = json.loads(self.hbcore("--json", "plugins", "show", name).stdout)
            for option in known["options"]:
                for choice in option.get("choices", []):
                    self.assertRegex(self.ini, rf"Ic {option['key']} .*\b{choice}\b")

    def test_the_example_is_right(self):
        example = re.search(r"\.Sh EXAMPLES\n.*?\.Bd.*?\n(.*?)\.Ed", self.ini, re.DOTALL)
        self.config = self.write_config(example.group(1))
        self.hbcore("config", "check")

    # ---- hbcore(1) ----

    def commands(self):
        text = self.hbcore("--help").stdout.decode()
        section = "\n".join(re.findall(r"^Commands .*\n((?:  .*\n)+)", text, re.MULTILINE))
        return re.findall(r"^  ([a-z]+) ", section, re.MULTILINE)

    def assert_options(self, text, wanted, where):
        found = {f"--{name}" for name in re.findall(r"(?:Fl|,) -([a-z][a-z-]*)", text)}
        self.assertLessEqual(wanted - {"--help"}, found, where)
        items = "\n".join(re.findall(r"^\.(?:It|Op) Fl .*$", text, re.MULTILINE))
        known = {f"--{name}" for name in re.findall(r"(?:Fl|,) -([a-z][a-z-]*)", items)}
        self.assertLessEqual(known, wanted, f"{where}: the program has no such option")

    def test_commands_and_options(self):
        pages = sections(self.page, "S[sh]")
        help_text = self.hbcore("--help").stdout.decode()
        self.assert_options(pages["Global options"], options_of(help_text), "Global options")
        names = self.commands()
        self.assertIn("completion", names)
        for name in names:
            self.assertIn(name, pages)
            text = self.hbcore(name, "--help").stdout.decode()
            self.assert_options(pages[name], options_of(text), name)
            self.assertLessEqual(set(re.findall(rf"\.It Nm Cm {name} ([a-z]+)", pages[name])),
                                 subcommands_of(text, name))
            for word in subcommands_of(text, name):
                self.assertRegex(pages[name], rf"\.(It )?Nm Cm {name} {word}\b", name)

    def table(self, *command):
        """The table of a command, by its help: {name: (letter, argument)}."""
        text = self.hbcore(*command, "--help").stdout.decode()
        rows = re.findall(r"^  (?:-(\w), |    )--([a-z-]+)(?: (\S+))?(?:  .*)?$", text, re.MULTILINE)
        found = {name: (letter, argument) for letter, name, argument in rows}
        self.assertEqual(len(found), len(rows), text)
        self.assertIn("help", found)
        return found

    def test_each_option_of_each_table(self):
        """It is in the page by its long name, and what the page says of letters and arguments is so."""
        pages = sections(self.page, "S[sh]")
        for command in ("Global options", *self.commands()):
            table = self.table(*(() if command == "Global options" else (command,)))
            letters = {letter: name for name, (letter, _) in table.items() if letter}
            seen = set()
            for line in re.findall(r"^\.(?:It|Op) Fl (.*)$", pages[command], re.MULTILINE):
                line = line.replace(" Ns | Ns Fl", "|-").replace(" Ns | Ns Ar ", "|")
                letter, both, alone, argument = re.fullmatch(
                    r"(?:(\w)(?: , -([a-z-]+))?|-([a-z-]+))(?: Ar (.*))?", line).groups()
                name = both or alone or letters.get(letter)
                self.assertIn(name, table, f"{command}: {line}: the program has no such option")
                if both or letter:
                    self.assertEqual(table[name][0], letter, f"{command}: {line}")
                if both or alone:
                    seen.add(name)
                self.assertEqual(table[name][1], argument or "", f"{command}: {line}")
            self.assertEqual(set(table) - seen - {"help"}, set(), f"{command}: not in the page")

    def test_arguments(self):
        """Each way to use a command is in the page, with the same words for its arguments."""
        pages = sections(self.page, "S[sh]")
        for command in self.commands():
            usage = self.hbcore(command, "--help").stdout.decode().partition("\n\n")[0]
            for form in re.sub(r"\[[^]]*\](\.\.\.)?", "", usage).split("hbcore")[1:]:
                name, *words = form.split()
                if words[:1] == ["-q|--quick"]:
                    continue
                wanted = f".Nm Cm {command}" if not words or not words[0].islower() else f".Nm Cm {command} {words.pop(0)}"
                text = pages[command].replace("\n.Ar ", " Ar ").replace(" Ns | Ns Fl", "|-").replace(
                    " Ns | Ns Ar ", "|").replace(".It Nm", ".Nm")
                line = wanted + "".join(" Ar " * (i == 0) + " " * (i > 0) + word for i, word in enumerate(words))
                self.assertRegex(text, rf"(?m)^{re.escape(line)}(?= Op|$)", command)

    def test_exit_codes(self):
        header = (hb.SOURCE / "cli" / "cli.h").read_text()
        codes = re.findall(r"HB_EXIT_\w+ = (\d+)", header)
        self.assertGreater(len(codes), 7)
        page = sections(self.page, "Sh")["EXIT STATUS"]
        self.assertEqual(re.findall(r"^\.It (\d+)$", page, re.MULTILINE), codes)

    def test_environment(self):
        page = sections(self.page, "Sh")["ENVIRONMENT"]
        used = set()
        for folder in ("core", "cli", "plugins"):
            for path in (hb.SOURCE / folder).rglob("*.c"):
                if "tests" not in path.parts:
                    used.update(re.findall(r'getenv\("(\w+)"\)', path.read_text()))
        self.assertLessEqual({"HOME", "NO_COLOR", "HBCORE_CONFIG"}, used)
        self.assertLessEqual(used, set(re.findall(r"^\.It Ev (\w+)", page, re.MULTILINE)))

    def test_json_members(self):
        """Each member that a command puts into its JSON is explained."""
        put = re.compile(r'(?:json_object_set_new|hb_json_name|hb_json_name_or_null|add_list)\(\s*\w+,\s*"([a-z_]+)"')
        used = set()
        for path in (hb.SOURCE / "cli").glob("*.c"):
            if path.name.startswith("cli_") or path.name in (
                    "summary.c", "preset_report.c", "choice_options.c", "entry_json.c", "progress_json.c", "complain.c", "main.c", "options.c"):
                used.update(put.findall(path.read_text()), packed(path.read_text()))
        self.assertLessEqual({"archive_bytes", "databases", "way_back", "origin"}, used)
        page = sections(self.page, "Sh")["JSON"]
        explained = set()
        for line in re.findall(r"^\.(?:It )?Ic (.*)$", page, re.MULTILINE):
            explained.update(re.findall(r"[a-z_]+", line))
        self.assertLessEqual(used, explained)

    # ---- both ----

    def test_they_are_well_formed(self):
        if shutil.which("mandoc") is not None:
            lint = ["mandoc", "-Tlint", "-Wwarning"]
        else:
            self.need("groff")
            lint = ["groff", "-ww", "-mdoc", "-z", "-Tutf8"]
        for page in ("hbcore.1", "hbcore.ini.5"):
            done = subprocess.run([*lint, DOCS / page], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_files_that_are_referred_to(self):
        """Links of the Markdown files lead somewhere."""
        pages = [hb.SOURCE / "README.md", *DOCS.glob("*.md"), *hb.SOURCE.glob("contrib/*/*.md"),
                 *hb.SOURCE.glob("plugins/*/README.md")]
        self.assertGreater(len(pages), 4)
        for page in pages:
            for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
                self.assertTrue((page.parent / pathlib.Path(target)).exists(),
                                f"{page.name}: {target}")

    def test_the_plugin_of_the_guide(self):
        """It compiles without a warning, and leaves out what it says."""
        text = (DOCS / "plugin-guide.md").read_text()
        code = text.partition("## A filter\n")[2].partition("\n## ")[0]
        source = self.dir / "limit.c"
        source.write_text("".join(line[4:] or "\n" for line in code.splitlines(keepends=True)))
        folder = self.dir / "plugins"
        folder.mkdir()
        self.tool(os.environ["HBCORE_CC"], "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC",
                  "-shared", "-fvisibility=hidden", f"-I{hb.SOURCE}/core/include", source,
                  "-o", folder / "limit.so")
        self.hbcore("plugins", "check", folder / "limit.so")
        settings = re.search(r"\[filter:big\]\n(?: +\S.*\n)+", text).group().replace("    ", "")
        self.config = self.write_config(f"[plugins]\npath = {folder}\n{settings}[format:zip]\n")
        home = self.make_home()
        done = self.hbcore("--json", "--home", home, "--set", "filter:big.largest=1K", "backup",
                           "-o", self.dir / "a.zip")
        self.assertEqual({row["path"] for row in self.summary(done)["left_out"]},
                         {"noise.bin", "zeros.bin"})

    # Rows of November that no test shows: what is missing, and is called so.
    MISSING = {50: "not: "}

    def test_each_row_of_the_parity_table_names_tests_that_exist(self):
        text = (DOCS / "hermes-parity.md").read_text()
        june, _, november = text.partition("\n## November 2026\n")
        rows = [line for line in june.splitlines()
                if line.startswith("| ") and not line.startswith("| behaviour")]
        self.assertGreater(len(rows), 60)
        newer = [line for line in november.splitlines() if re.match(r"\| \d", line)]
        self.assertEqual([row.split(" | ")[0] for row in newer], [f"| {number}" for number in range(1, 51)])
        for number, row in enumerate(newer, 1):
            cells = row.strip("| ").split(" | ")
            self.assertEqual(len(cells), 4, row)
            if number in self.MISSING:
                self.assertTrue(cells[2].startswith(self.MISSING[number]), row)
                self.assertEqual(cells[3], "-", row)
            else:
                rows.append(row)
        for row in rows:
            named = re.findall(r"`(\w+\.py)::(test_\w+)`", row)
            self.assertTrue(named, f"no test: {row}")
            for name, function in named:
                found = [path for folder in ("integration", "contrib")
                         for path in [hb.SOURCE / "tests" / folder / name] if path.exists()]
                self.assertTrue(found, f"{name}: {row}")
                self.assertRegex(found[0].read_text(), rf"def {function}\(", row)


if __name__ == "__main__":
    unittest.main()
