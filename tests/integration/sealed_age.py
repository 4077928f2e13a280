# SPDX-License-Identifier: Apache-2.0
"""Whole archives and age(1), both ways: what is sealed here age opens, and is then what unzip and tar read; what age has sealed
is opened here."""
import subprocess
import unittest

import hb

hb.need("age", "age-keygen", "unzip", "tar", "zstd")
FORMATS = {"zip": "zip", "tar-zstd": "tar.zst"}


class Age(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        hb.write(self.home / "large.bin", bytes(range(256)) * 9_000)
        self.set_directory_times(self.home)
        self.identity = self.dir / "key.txt"
        self.tool("age-keygen", "-o", self.identity)
        self.identity.chmod(0o600)
        self.recipient = self.tool("age-keygen", "-y", self.identity).stdout.decode().strip()
        self.config = self.configure(f"recipient = {self.recipient}\nidentity = {self.identity}", "with.ini")
        self.public = self.configure(f"recipient = {self.recipient}", "public.ini")

    def configure(self, lines, name):
        return self.write_config(f"[home]\npath = {self.home}\n[backup]\nseal = age\n[format:zip]\n[format:tar-zstd]\n"
                                 f"[preset:p]\ndirectory = {self.dir}/p\nkeep = 2\n[transform:age]\n{lines}\n", name)

    def open_with_age(self, archive):
        plain = archive.with_suffix("")
        self.tool("age", "-d", "-i", self.identity, "-o", plain, archive)
        return plain

    def test_age_opens_what_is_sealed_here(self):
        for form, suffix in FORMATS.items():
            for workers in (1, 8):
                with self.subTest(form=form, workers=workers):
                    archive = self.dir / f"{workers}.{suffix}.age"
                    self.hbcore("--set", f"backup.workers={workers}", "backup", "--format", form, "-o", archive)
                    plain = self.open_with_age(archive)
                    target = self.fresh("out")
                    target.mkdir()
                    if form == "zip":
                        self.tool("unzip", "-q", plain, "-d", target)
                    else:
                        self.tool("tar", "--zstd", "-xf", plain, "-C", target)
                    self.assertEqual((target / "large.bin").read_bytes(), (self.home / "large.bin").read_bytes())
                    self.hbcore("verify", archive)
                    plain.unlink()

    def test_what_age_seals_is_opened_here(self):
        for form, suffix in FORMATS.items():
            plain, archive = self.dir / f"p.{suffix}", self.dir / f"p.{suffix}.age"
            self.hbcore("backup", "--seal", "none", "--format", form, "-o", plain)
            self.tool("age", "-r", self.recipient, "-o", archive, plain)
            self.hbcore("verify", archive)
            target = self.fresh("target")
            self.hbcore("--home", target, "import", archive, "--force")
            self.assert_same_tree(self.home, target, directory_times=False)
            archive.unlink()

    def test_through_pipes(self):
        for form, suffix in FORMATS.items():
            sealed = self.hbcore("backup", "--format", form, "-o", "-").stdout
            opened = subprocess.run(["age", "-d", "-i", self.identity], input=sealed, capture_output=True, check=True).stdout
            self.assertTrue(opened.startswith(b"PK" if form == "zip" else b"\x28\xb5\x2f\xfd"))
            target = self.fresh("target")
            self.hbcore("--home", target, "import", "-", "--force", input=sealed)
            self.assert_same_tree(self.home, target, directory_times=False)

    def test_a_passphrase(self):
        secret = self.dir / "pass"
        hb.write(secret, b"correct horse\n", 0o600)
        config = self.configure(f"passphrase = file:{secret}\nwork-factor = 10", "pass.ini")
        archive = self.dir / "a.zip.age"
        self.hbcore("--config", config, "backup", "-o", archive)
        self.hbcore("--config", config, "verify", archive)
        secret.write_bytes(b"wrong horse\n")
        done = self.hbcore("--config", config, "list", archive, expect=1)
        self.assert_mentions(done, "sealed by age, and cannot be opened here")
        self.assertNotIn(b"horse", done.stdout + done.stderr)

    def test_with_the_public_key_alone(self):
        made = [self.summary(self.hbcore("--config", self.public, "--json", "backup", "--preset", "p")) for _ in range(4)]
        self.assertEqual([row["removed"] for row in made], [0, 0, 1, 1])
        newest = made[-1]["archive"]
        self.assert_mentions(self.hbcore("--config", self.public, "list", newest, expect=1), "cannot be opened here")
        self.assert_mentions(self.hbcore("--config", self.public, "verify", newest, expect=3), "no more could be checked")
        self.hbcore("verify", newest)

    def test_what_did_not_change_is_taken_over(self):
        rows = [self.summary(self.hbcore("--json", "backup", "--preset", "p")) for _ in range(2)]
        self.assertGreater(rows[1]["reused_bytes"], 2_000_000)
        self.hbcore("verify", rows[1]["archive"])


if __name__ == "__main__":
    unittest.main()
