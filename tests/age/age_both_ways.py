#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""age(1) opens what the plugin age seals, and the plugin what age(1) seals, with keys of age-keygen(1)."""
import random
import shutil
import subprocess
import sys
import unittest

from age_files import Case, NO_MATCH, REFUSED, on_a_terminal

BLOCK = 64 << 10
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtfP76RNwyU6HeKIltMDTMLCe+tZS14ZBW6LiWVAEAM"
SIZES = [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 3_000_000]


class BothWays(Case):
    def setUp(self):
        super().setUp()
        self.random = random.Random(20)
        self.keys = [self.key(name) for name in ("first", "second", "third")]

    def key(self, name):
        """(path, public key)."""
        path = self.here / name
        subprocess.run(["age-keygen", "-o", path], check=True, capture_output=True)
        public = subprocess.run(["age-keygen", "-y", path], check=True, capture_output=True).stdout.decode().strip()
        return path, public

    def age(self, *words, given):
        return subprocess.run(["age", *words], input=given, capture_output=True, check=True).stdout

    def test_one_recipient(self):
        path, public = self.keys[0]
        for size in SIZES:
            content = self.random.randbytes(size)
            sealed = self.seal({"recipient": public}, content)
            self.assertEqual(self.age("-d", "-i", path, given=sealed), content, size)
            sealed = self.age("-r", public, given=content)
            self.assertEqual(self.opened({"identity": path}, sealed), content, size)
            self.assertEqual(len(sealed), len(self.seal({"recipient": public}, content)))

    def test_several_recipients(self):
        content = self.random.randbytes(100_000)
        (one, first), (two, second), (three, third) = self.keys
        listed = self.file("recipients", f"# those who may\n\n{second}\r\n{third}\n")
        sealed = self.seal({"recipient": first, "recipients-file": listed}, content)
        for path in one, two, three:
            self.assertEqual(self.age("-d", "-i", path, given=sealed), content)
            self.assertEqual(self.opened({"identity": path}, sealed), content)
        self.assertEqual(sealed.count(b"\n-> X25519 "), 3)
        sealed = self.age("-r", first, "-R", listed, given=content)
        for path in one, two, three:
            self.assertEqual(self.opened({"identity": f"{path}"}, sealed), content)
        sealed = self.age("-r", third, given=content)
        self.assertEqual(self.opened({"identity": f"{one} {two} {three}"}, sealed), content)
        code, _, said = self.tool("open", {"identity": f"{one} {two}"}, sealed)
        self.assertEqual(code, NO_MATCH, said)
        once = self.seal({"recipient": f"{first} {first}"}, b"")
        self.assertEqual(once.count(b"\n-> X25519 "), 1)

    def test_many_keys_in_a_file(self):
        content = b"content"
        lines = b"".join(path.read_bytes() for path, _ in self.keys)
        sealed = self.age("-r", self.keys[2][1], given=content)
        self.assertEqual(self.opened({"identity": self.file("all", lines)}, sealed), content)

    # ---- passphrases: age(1) asks for them on a terminal ----

    def test_passphrase(self):
        content = self.random.randbytes(BLOCK + 1)
        word = "correct horse \u00e4"
        secret = self.file("word", word)
        settings = {"passphrase": f"file:{secret}"}
        sealed = self.file("sealed", self.seal({**settings, "work-factor": 12}, content))
        code = on_a_terminal(["age", "-d", "-o", self.here / "plain", sealed], [word])
        self.assertEqual(code, 0)
        self.assertEqual((self.here / "plain").read_bytes(), content)
        plain = self.file("plain", content)
        self.assertEqual(on_a_terminal(["age", "-p", "-o", self.here / "by-age", plain], [word, word]), 0)
        self.assertEqual(self.opened(settings, (self.here / "by-age").read_bytes()), content)

    def protected(self, key, word, *words):
        out = self.here / "protected"
        out.unlink(missing_ok=True)
        self.assertEqual(on_a_terminal(["age", "-p", *words, "-o", out, key], [word, word]), 0)
        out.chmod(0o600)
        return out

    def test_protected_identities(self):
        content = self.random.randbytes(1000)
        path, public = self.keys[0]
        secret = self.file("word", "one two three")
        wrong = self.file("wrong", "one two")
        sealed = self.seal({"recipient": public}, content)
        for words in [], ["-a"]:
            protected = self.protected(path, "one two three", *words)
            self.assertEqual(self.age("-d", "-i", path, given=sealed), content)
            self.assertEqual(self.opened({"identity": protected, "identity-passphrase": f"file:{secret}"}, sealed), content)
            for settings in {"identity-passphrase": f"file:{wrong}"}, {}:
                code, _, said = self.tool("open", {"identity": protected, **settings}, sealed)
                self.assertEqual(code, NO_MATCH, said)
                self.assertIn("passphrase", said)

    # ---- what is not known yet ----

    def test_ssh(self):
        sealed = self.age("-r", SSH, given=b"content")
        code, _, said = self.tool("open", {"identity": self.keys[0][0]}, sealed)
        self.assertEqual(code, NO_MATCH)
        self.assertIn("SSH key", said)
        both = self.age("-r", SSH, "-r", self.keys[0][1], given=b"content")
        self.assertEqual(self.opened({"identity": self.keys[0][0]}, both), b"content")
        code, _, said = self.tool("seal", {"recipients-file": self.file("ssh.pub", SSH)}, b"")
        self.assertEqual(code, REFUSED)
        self.assertIn("SSH key", said)

    def test_text(self):
        sealed = self.age("-a", "-r", self.keys[0][1], given=b"content")
        code, _, said = self.tool("open", {"identity": self.keys[0][0]}, sealed)
        self.assertEqual(code, REFUSED)
        self.assertIn("armor", said)


if __name__ == "__main__":
    if shutil.which("age") is None or shutil.which("age-keygen") is None:
        print("skipped: there is no age(1) here")
        sys.exit(77)
    unittest.main()
