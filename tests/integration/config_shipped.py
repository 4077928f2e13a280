# SPDX-License-Identifier: Apache-2.0
"""Every option of the core and of each plugin stands in the configurations that we ship."""
import json
import re
import unittest

import hb

KEY = re.compile(r"^(;?)([a-z][a-z-]*) *= *(.*)$")
SECTION = re.compile(r"^(;?)\[([a-z0-9:-]+)\]$")
# [home] and the like have no plugin; where a section does not say which it is, its label does.
COMMON = ["plugin"]


class Shipped:
    """A configuration as text: its sections, what they set, and what they show as a default."""

    def __init__(self, path):
        self.lines = path.read_text().splitlines()
        self.set, self.shown = {}, {}
        section = None
        for line in self.lines:
            header, key = SECTION.match(line), KEY.match(line)
            if header:
                section = header.group(2)
                self.set.setdefault(section, {})
                self.shown.setdefault(section, {})
            elif key and section:
                (self.shown if key.group(1) else self.set)[section][key.group(2)] = key.group(3)

    def keys(self, section):
        return set(self.set[section]) | set(self.shown[section])


class Conf(hb.Case):
    def plugin(self, name):
        return json.loads(self.hbcore("--json", "plugins", "show", name).stdout)

    def core_defaults(self):
        """{section: {key: default}} of the core's own sections, from the program itself."""
        self.config = self.write_config("[preset:any]\n[root:any]\n", "empty.ini")
        found, section = {}, None
        for line in self.hbcore("config", "show").stdout.decode().splitlines():
            header, key = SECTION.match(line), KEY.match(line)
            if header:
                section = found.setdefault(header.group(2), {})
            elif key and (not key.group(1) or key.group(2) == "path"):  # [plugins] path of nothing is a comment
                section[key.group(2)] = key.group(3)
        self.config = hb.HERMES
        return found

    def each(self):
        return [(Shipped(path), path) for path in (hb.HERMES, hb.GENERIC)]

    def test_they_load(self):
        for _, path in self.each():
            self.config = path
            self.hbcore("config", "check")

    def test_core_options(self):
        defaults = self.core_defaults()
        self.assertLessEqual({"home", "plugins", "backup", "import"}, set(defaults))
        for shipped, path in self.each():
            presets = {section: defaults[f"{kind}:any"] for section in shipped.set
                       for kind in ("preset", "root") if section.startswith(f"{kind}:")}
            own = {section: options for section, options in defaults.items()
                   if not section.endswith(":any")}
            for section, options in (own | presets).items():
                self.assertIn(section, shipped.set, path)
                self.assertEqual(shipped.keys(section), set(options), f"{path} [{section}]")
                for key, text in shipped.shown[section].items():
                    self.assertEqual(text, options[key], f"{path} [{section}] {key}")

    def test_plugin_options(self):
        for shipped, path in self.each():
            for section in shipped.set:
                kind, colon, label = section.partition(":")
                if not colon or kind in ("preset", "root"):
                    continue
                name = (shipped.set[section] | shipped.shown[section]).get("plugin", label)
                plugin = self.plugin(name)
                self.assertEqual(plugin["kind"], kind, section)
                defaults = {option["key"]: option["default"] for option in plugin["options"]}
                common = COMMON + (["on"] if kind in ("filter", "hook") else [])
                self.assertEqual(shipped.keys(section), set(defaults) | set(common),
                                 f"{path} [{section}]")
                for key, text in shipped.shown[section].items():
                    if key in defaults:
                        self.assertEqual(text, defaults[key], f"{path} [{section}] {key}")

    def test_every_plugin_is_there(self):
        rows = [json.loads(line)
                for line in self.hbcore("--json", "plugins", "list").stdout.splitlines()]
        names = {row["name"] for row in rows if row["type"] == "plugin"}
        self.assertLessEqual({"zip", "tar-zstd", "sqlite-snap", "runtime-filter", "hermes"}, names)
        for shipped, path in self.each():
            used = {(shipped.set[section] | shipped.shown[section]).get("plugin")
                    for section in shipped.set}
            # What is about one product has no place in the configuration for any directory.
            about_one = {"hermes"} if path == hb.GENERIC else set()
            self.assertLessEqual(names - about_one, used, path)
            self.assertFalse(about_one & used, path)

    def test_lines_are_short_enough(self):
        for shipped, path in self.each():
            for number, line in enumerate(shipped.lines, 1):
                self.assertLessEqual(len(line.encode()), 190, f"{path}:{number}")

    def test_what_is_in_force(self):
        rows = [json.loads(line) for line in self.hbcore("--json", "config", "show").stdout
                .splitlines()]
        value = {(row["section"], row["key"]): row["value"] for row in rows
                 if row["type"] == "setting"}
        self.assertEqual(value["import", "markers"], ["config.yaml", ".env", "state.db"])
        self.assertEqual(value["filter:exclusions", "on"], ["backup"])
        # A list that goes on in a second line is one list.
        self.assertLessEqual({"__pycache__", "checkpoints", ".venv", ".ruff_cache"},
                             set(value["filter:exclusions", "directories"]))
        self.assertEqual(value["filter:import-skip", "private"],
                         [".env", "auth.json", "state.db", "vault.key", "vault.json.enc"])


if __name__ == "__main__":
    unittest.main()
