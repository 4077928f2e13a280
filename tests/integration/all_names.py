# SPDX-License-Identifier: Apache-2.0
"""Names are bytes, in every locale."""
import base64
import json
import os
import unittest

import hb

NAMES = [
    b"with space", b" leading and trailing ", b"new\nline", b"tab\there", b"-leading-dash",
    b"--force", b"back\\slash", b"quote'\"double", b"star*?[a]", b"colon:name", b"percent%s%n",
    b"\x1b[31mred", "grüße-日本語-😀".encode(), "e\u0301-decomposed".encode(),
    b"latin1-\xe9\xff", b"half-\xe6\x97", b"\xc3\x28", b"x" * 255, "ü".encode() * 127,
    b"\x7fdelete", b"CON", b"trailing.", b"~", b"#comment", b"a=b", b"...",
]
LONG = b"/".join([b"d" * 200] * 6 + [b"leaf"])
FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}
LOCALES = {"C.UTF-8": {"LANG": "C.UTF-8"}, "C": {"LC_ALL": "C", "LANG": None},
           "unset": {"LANG": None}}


class Names(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        root = os.fsencode(self.home)
        for number, name in enumerate(NAMES):
            hb.write(os.path.join(root, b"files", name), b"content %d" % number, 0o640)
            os.makedirs(os.path.join(root, b"directories", name))
            hb.write(os.path.join(root, b"below", name, b"leaf"), name, 0o600)
        hb.write(os.path.join(root, LONG), b"deep", 0o600)
        hb.write(root + b"/config.yaml", b"x")
        self.set_directory_times(self.home)

    def test_round_trip_in_every_locale(self):
        for name, suffix in FORMATS.items():
            archives = set()
            for locale, environment in LOCALES.items():
                with self.subTest(format=name, locale=locale):
                    archive = self.backup(self.home, locale + suffix, "--format", name,
                                          env=environment)
                    archives.add(hb.timeless(archive.read_bytes()))
                    target = self.dir / f"{name}-{locale}"
                    self.hbcore("--home", target, "import", archive, env=environment)
                    self.assert_same_tree(self.home, target)
            self.assertEqual(len(archives), 1, f"{name}: the bytes depend on the locale")

    def test_other_readers_see_utf8_names(self):
        for name, suffix in FORMATS.items():
            archive = self.backup(self.home, "a" + suffix, "--format", name)
            out = self.dir / ("out-" + name)
            out.mkdir()
            self.tool("bsdtar", "-xf", archive, "-C", out)
            found = hb.tree(out, times=False)
            for wanted in (b"files/" + "grüße-日本語-😀".encode(), b"files/new\nline", LONG):
                self.assertIn(wanted, found)

    def test_cat_takes_any_name(self):
        for fmt, suffix in FORMATS.items():
            archive = self.backup(self.home, "c" + suffix, "--format", fmt)
            for number, name in enumerate(NAMES):
                with self.subTest(format=fmt, name=name):
                    done = self.hbcore("cat", archive, os.fsdecode(b"files/" + name),
                                       env={"LC_ALL": "C"})
                    self.assertEqual(done.stdout, b"content %d" % number)

    def test_json_says_the_bytes(self):
        archive = self.backup(self.home)
        rows = [json.loads(line) for line in
                self.hbcore("--json", "list", archive).stdout.decode("utf-8").splitlines()]
        found = set()
        for row in rows:
            if "path_base64" in row:
                found.add(base64.b64decode(row["path_base64"]))
            elif "path" in row:
                found.add(row["path"].encode())
        for name in NAMES:
            self.assertIn(b"files/" + name, found)

    def test_terminal_gets_no_control_bytes(self):
        """A listing for people is one line an entry, and a name cannot steer the terminal."""
        archive = self.backup(self.home)
        for arguments in (("list", archive), ("list", archive, "--long")):
            with self.subTest(arguments=arguments[2:]):
                text = self.hbcore(*arguments).stdout
                self.assertIn(b"red", text)
                self.assertNotIn(b"\x1b[31mred", text)


if __name__ == "__main__":
    unittest.main()
