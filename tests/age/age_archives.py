#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Archives sealed by the plugin age: age(1) opens them, docs/sealing.md is right, and keys that are not there are told as such."""
import os
import pathlib
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
import hb  # noqa: E402
from age_files import on_a_terminal  # noqa: E402

hb.need("age", "age-keygen", "unzip")
hb.use_memory()
WORD = "six words that nobody has guessed"


class Archives(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.key = self.dir / "age-key.txt"
        self.tool("age-keygen", "-o", self.key)
        self.public = self.tool("age-keygen", "-y", self.key).stdout.decode().strip()

    def configure(self, *lines, keep=5):
        """With `lines` in [transform:age]."""
        self.config = self.write_config("\n".join((
            "[format:zip]", "[backup]", "seal = age", "[preset:nightly]", f"directory = {self.dir / 'archives'}",
            f"keep = {keep}", "[transform:age]", *lines)))

    def sealed(self, name="a.zip"):
        path = self.dir / (name + ".age")
        self.hbcore("--home", self.home, "backup", "-o", path)
        return path

    def nightly(self):
        self.hbcore("--home", self.home, "backup", "--preset", "nightly")

    # ---- as docs/sealing.md has it ----

    def test_five_lines_and_a_drill(self):
        self.configure(f"recipient = {self.public}", f"identity = {self.key}")
        sealed = self.sealed()
        plain = self.dir / "a.zip"
        plain.write_bytes(self.tool("age", "-d", "-i", self.key, sealed).stdout)
        self.tool("unzip", "-tq", plain)
        self.config = self.write_config("[format:zip]\n", "other.ini")
        option = f"transform:age.identity={self.key}"
        self.hbcore("--set", option, "verify", sealed)
        target = self.dir / "drill"
        target.mkdir()
        self.hbcore("--set", option, "--home", target, "import", sealed)
        self.assert_same_tree(self.home, target)

    def test_all_options_of_the_page(self):
        page = (hb.SOURCE / "docs/sealing.md").read_text()
        shown = self.hbcore("plugins", "show", "age").stdout.decode()
        for name in re.findall(r"^    (\w[\w-]*) = ", page, re.MULTILINE):
            self.assertTrue(name == "seal" or f"\n  {name} = " in shown, name)

    def test_what_age_has_made_of_an_archive(self):
        self.configure(f"recipient = {self.public}", f"identity = {self.key}")
        plain = self.dir / "a.zip"
        self.hbcore("--home", self.home, "backup", "--seal", "none", "-o", plain)
        again = self.dir / "b.zip.age"
        again.write_bytes(self.tool("age", "-r", self.public, plain).stdout)
        self.assertEqual(self.hbcore("cat", again, "config.yaml").stdout, b"model: large\n")
        self.hbcore("verify", again)

    # ---- keys that are not there ----

    def test_a_key_that_is_not_there_is_no_damage(self):
        self.configure(f"recipient = {self.public}", f"identity = {self.key}")
        for _ in range(3):
            self.nightly()
        sealed = self.sealed()
        self.configure(f"recipient = {self.public}", "identity = /media/nowhere/key", keep=1)
        done = self.hbcore("--home", self.home, "prune", "--dry-run")
        self.assertNotIn(b"damaged", done.stdout + done.stderr)
        self.assertEqual(done.stdout.count(b"would be removed"), 2)
        done = self.hbcore("list", sealed, expect=1)
        self.assert_mentions(done, "/media/nowhere/key", "No such file", "fetch the file from where it is kept")
        done = self.hbcore("verify", sealed, expect=3)
        self.assertIn(b"no more could be checked", done.stdout + done.stderr)

    def test_a_key_as_documents_write_it(self):
        """They leave out all but its beginning: what makes a real one?"""
        for text in ("age1...", "age1…", "age1ql3z7hjy54"):
            self.configure(f"recipient = {text}")
            for words in (("config", "check"), ("--home", self.home, "backup", "--preset", "nightly")):
                done = self.hbcore(*words, expect=2)
                self.assert_mentions(done, "recipient: word 1 ", "run `age-keygen -o FILE`")
                self.assertEqual(done.stderr.count(b"age-keygen"), 1)
        self.configure("recipients-file = /media/nowhere/keys")
        done = self.hbcore("--home", self.home, "backup", "--preset", "nightly", expect=None)
        self.assert_mentions(done, "/media/nowhere/keys", "write public keys (age1...) into it")

    def test_a_key_of_somebody_else(self):
        self.configure(f"recipient = {self.public}", f"identity = {self.key}")
        sealed = self.sealed()
        other = self.dir / "other.txt"
        self.tool("age-keygen", "-o", other)
        self.configure(f"identity = {other}")
        self.assert_mentions(self.hbcore("list", sealed, expect=1), "no identity of [transform:age] opens it")

    def test_keys_of_several_sections(self):
        """Each section is asked: who changed from a passphrase to keys has both. An archive that none opens is told of once."""
        word = self.dir / "word"
        hb.write(word, WORD, 0o600)
        old, new, strange = self.dir / "old.zip.age", self.dir / "new.zip.age", self.dir / "strange.zip.age"
        self.configure(f"passphrase = file:{word}", "work-factor = 10")
        self.hbcore("--home", self.home, "backup", "-o", old)
        self.configure(f"recipient = {self.public}")
        self.hbcore("--home", self.home, "backup", "-o", new)
        other = self.dir / "other.txt"
        self.tool("age-keygen", "-o", other)
        self.configure(f"recipient = {self.tool('age-keygen', '-y', other).stdout.decode().strip()}")
        self.hbcore("--home", self.home, "backup", "-o", strange)
        sections = (f"[transform:words]\nplugin = age\npassphrase = file:{word}\n",
                    f"[transform:keys]\nplugin = age\nidentity = {self.key}\n")
        for order in (sections, sections[::-1]):
            self.config = self.write_config("[format:zip]\n" + "".join(order))
            for archive in (old, new):
                self.hbcore("verify", archive)
                self.assertEqual(self.hbcore("cat", archive, "read-only.txt").stdout, b"fixed")
            self.assert_mentions(self.hbcore("list", strange, expect=1), "cannot be opened here", "; nor by ",
                                 "[transform:words]", "[transform:keys]")
            gone = "".join(order).replace(str(self.key), str(self.dir / "gone"))
            self.config = self.write_config("[format:zip]\n" + gone)
            self.assert_mentions(self.hbcore("list", new, expect=1), f"{self.dir}/gone: cannot be opened: No such file")
            self.config = self.write_config("[format:zip]\n" + "".join(order))
            self.hbcore("verify", strange, expect=3)

    def test_what_is_sealed_and_is_no_archive(self):
        once, twice = self.dir / "text.zip.age", self.dir / "twice.zip.age"
        hb.write(self.dir / "text", b"some text\n")
        self.tool("age", "-r", self.public, "-o", once, self.dir / "text")
        self.tool("age", "-r", self.public, "-o", twice, once)
        self.configure(f"identity = {self.key}")
        for path, hint in ((once, "plugins list"), (twice, "sealed once more")):
            self.assert_mentions(self.hbcore("verify", path, expect=1), "sealed by age, opens, and what is in it is not an "
                                 "archive in a known format", hint)

    def test_a_secret_key_in_place_of_its_file(self):
        secret = self.key.read_text().splitlines()[-1]
        self.configure(f"identity = {secret}")
        done = self.hbcore("config", "check", expect=2)
        self.assert_mentions(done, "a secret key stands there")
        self.assertNotIn(secret, (done.stdout + done.stderr).decode())

    def test_nobody_to_seal_for(self):
        self.configure(f"identity = {self.key}")
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "a.zip", expect=1)
        self.assert_mentions(done, "names nobody to seal for", "age-keygen")
        self.assertEqual(list(self.dir.glob("a.zip*")), [])

    # ---- passphrases ----

    def test_a_passphrase_is_never_told(self):
        self.configure()
        option = f"transform:age.passphrase={WORD}"
        for words in (["config", "check"], ["config", "show"], ["--json", "config", "show"],
                      ["--home", str(self.home), "backup", "-o", str(self.dir / "a.zip")]):
            done = self.hbcore("--set", option, *words, expect=None)
            self.assertNotIn(WORD.encode(), done.stdout + done.stderr)
            self.assertEqual(done.returncode, 0 if words[-1] == "show" else 2, words)

    def test_a_passphrase_is_typed(self):
        self.configure("passphrase = terminal:", "work-factor = 12")
        environment = self.environment()
        os.environ.update({name: environment[name] for name in ("HOME", "XDG_STATE_HOME")})

        def run(words, typed):
            return on_a_terminal([self.binary, "--config", self.config, "--home", self.home, "--quiet", *words], typed)

        sealed = self.dir / "a.zip.age"
        self.assertEqual(run(["backup", "-o", sealed], [WORD, "another"]), 1)
        self.assertFalse(sealed.exists())
        self.assertEqual(run(["backup", "-o", sealed], [WORD, WORD]), 0)
        self.assertEqual(run(["verify", sealed], [WORD]), 0)
        self.assertEqual(run(["list", sealed], ["another"]), 1)
        plain = self.dir / "a.zip"
        self.assertEqual(on_a_terminal(["age", "-d", "-o", plain, sealed], [WORD]), 0)
        self.tool("unzip", "-tq", plain)


if __name__ == "__main__":
    unittest.main()
