#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Keys are told to nobody: not to the terminal, not in JSON, not to other programs, not in files."""
import base64
import os
import pathlib
import unittest

import s3case
from bucket import SECRET
from s3case import hb

TOKEN = "TOKEN-that-nobody-sees"
CUSTOMER = base64.b64encode(b"customer-key-that-nobody-sees-32").decode()


class Secrets(s3case.Case):
    options = f"session-token = {TOKEN}\nencryption = customer\ncustomer-key = {CUSTOMER}\n"

    def setUp(self):
        super().setUp()
        self.service.token = TOKEN

    def forms(self):
        """As it is, in base64, and as a URL has it."""
        for secret in (SECRET, TOKEN, CUSTOMER):
            yield secret.encode()
            yield base64.b64encode(secret.encode())
            yield secret.replace("/", "%2F").replace("+", "%2B").encode()

    def assert_untold(self, what, data):
        for secret in self.forms():
            self.assertNotIn(secret, data, what)

    def test_what_is_printed(self):
        url, other = "s3://bucket/a.zip", ("--set", f"store:s3.secret-access-key={SECRET}x")
        commands = [("backup", "-o", url), ("list", url), ("verify", url), ("backup", "--preset", "nightly"), ("prune",), ("config", "show"),
                    ("config", "check"), ("plugins", "show", "s3"), (*other, "list", url), ("list", "s3://none/x"),
                    ("--set", "store:s3.endpoint=http://127.0.0.1:1", "--set", "store:s3.retry-time=0s", "list", url),
                    ("__complete", "--", "hbcore", "--config", str(self.ini), "list", "s3"),
                    ("--set", f"store:s3.secret-access-keys={SECRET}", "list", url)]
        for words in commands:
            for more in ((), ("--json",), ("--verbose",)):
                with self.subTest(words=words, more=more):
                    done = self.run_it(*more, *words, expect=None)
                    typed = [word for word in words if SECRET in word]
                    if not typed:  # what somebody has typed a hint may repeat
                        self.assert_untold(words, done.stdout + done.stderr)
        for root, _, names in os.walk(self.dir):
            for name in names:
                path = pathlib.Path(root, name)
                if path != self.ini:
                    self.assert_untold(path, path.read_bytes())
        for key, data in self.objects().items():
            self.assert_untold(key, data)

    def test_what_others_see(self):
        """While a request is under way: the words, the environment of others, the files that are open."""
        seen = []

        def look(_):
            for entry in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    if os.fsencode(self.ini) in (entry / "cmdline").read_bytes():
                        seen.append((entry / "cmdline").read_bytes())
                        seen.append(b"".join(os.fsencode(os.readlink(link)) for link in (entry / "fd").iterdir()))
                except OSError:
                    pass
        self.front.before = look
        self.run_it("backup", "-o", "s3://bucket/a.zip")
        self.assertTrue(seen)
        self.assert_untold("/proc", b"\0".join(seen))

    def test_at_a_name_of_the_urls(self):
        """What the service says of us goes to the terminal without what it was told."""
        self.service.secret = "another"
        done = self.run_it("list", "s3://bucket/a.zip", expect=1)
        self.assertIn(b"SignatureDoesNotMatch", done.stderr)
        self.assert_untold("refused", done.stderr)
        hb.write(self.dir / "key", SECRET, 0o600)


if __name__ == "__main__":
    unittest.main()
