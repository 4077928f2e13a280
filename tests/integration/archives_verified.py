# SPDX-License-Identifier: Apache-2.0
"""Which archive was verified, and when: receipts of checks are kept beside the key of the installation, and are never believed of another archive."""
import concurrent.futures
import json
import os
import shutil
import stat
import time
import unittest

import hb


class Verified(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.make_database(self.home / "rows.db")
        self.folder = self.dir / "archives"
        self.config = self.write_config(hb.GENERIC.read_text() + f"\n[preset:mine]\ndirectory = {self.folder}\nkeep = 5\n")
        self.ours = ("--config", self.config, "--home", self.home)
        self.begun = int(time.time())
        self.nightly()
        self.state = self.user / "state/hbcore/checks"

    def nightly(self):
        self.hbcore(*self.ours, "backup", "--preset", "mine")

    def rows(self):
        done = self.hbcore(*self.ours, "--json", "archives", "mine")
        return [row for row in map(json.loads, done.stdout.splitlines()) if row["type"] == "listed_archive"]

    def verify(self, *options, archive="latest", expect=0):
        return self.hbcore(*self.ours, "verify", archive, *options, expect=expect)

    def test_each_kind_is_told(self):
        self.assertIsNone(self.rows()[0]["verified"])
        for options, how in (((), "whole"), (("--sample", "50%"), "sample"), (("--restore",), "restore")):
            self.verify(*options)
            (row,) = self.rows()
            self.assertEqual((row["verified_how"], row["verified_result"]), (how, "ok"))
            self.assertTrue(self.begun <= row["verified"] <= time.time())
            day = time.strftime("%Y-%m-%d", time.gmtime(row["verified"])).encode()
            shown = self.hbcore(*self.ours, "archives", "mine").stdout
            self.assertIn((b"part " if how == "sample" else b"  ") + day, shown.splitlines()[2][25:])
            metrics = self.hbcore(*self.ours, "archives", "mine", "--prometheus").stdout.decode()
            self.assertIn(f'hbcore_verified_timestamp_seconds{{archives="mine"}} {row["verified"]}\n', metrics)
        self.assertEqual(stat.S_IMODE(self.state.stat().st_mode), 0o600)
        self.nightly()
        self.assertEqual([row["verified"] is None for row in self.rows()], [True, False])

    def test_the_host_where_the_archive_is_asked(self):
        """Facts do not say it, the trailer does; of an archive that cannot be read it is unknown."""
        self.assertEqual(self.rows()[0]["host"], os.uname().nodename)
        for facts in self.folder.glob("*.facts"):
            facts.rename(f"{facts}.aside")
        self.assertEqual(self.rows()[0]["host"], os.uname().nodename)
        for facts in self.folder.glob("*.facts.aside"):
            facts.rename(facts.with_suffix(""))
        (archive,) = hb.archives(self.folder)
        data = archive.read_bytes()
        archive.write_bytes(data[:-300] + bytes(300))
        row = self.rows()[0]
        self.assertEqual((row["host"], row["why"], row["whose"]), (None, None, "this"))

    def test_damage_is_told(self):
        (archive,) = hb.archives(self.folder)
        self.verify()
        data = bytearray(archive.read_bytes())
        data[len(data) // 2] ^= 1
        with open(archive, "r+b") as file:  # the same file, of the same length
            file.write(data)
        self.assertIsNone(self.rows()[0]["verified"])
        for options, how in (((), "whole"), (("--restore",), "restore")):
            self.verify(*options, archive=archive, expect=1)
            (row,) = self.rows()
            self.assertEqual((row["verified_how"], row["verified_result"]), (how, "damaged"))
        self.assertIn(b" DAMAGED ", self.hbcore(*self.ours, "archives", "mine").stdout)
        self.assertNotIn(b"verified_timestamp", self.hbcore(*self.ours, "archives", "mine", "--prometheus").stdout)

    def test_a_replaced_one_was_not_verified(self):
        (archive,) = hb.archives(self.folder)
        self.verify()
        status = archive.stat()
        shutil.copy(archive, self.dir / "copy")
        os.replace(self.dir / "copy", archive)
        os.utime(archive, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.assertIsNone(self.rows()[0]["verified"])

    def test_one_that_was_changed_where_it_lies_was_not_verified(self):
        """Of the same size, with its time put back."""
        (archive,) = hb.archives(self.folder)
        self.verify()
        self.assertIsNotNone(self.rows()[0]["verified"])
        before = archive.stat()
        with open(archive, "r+b") as stream:
            stream.seek(before.st_size // 3)
            byte = stream.read(1)
            stream.seek(before.st_size // 3)
            stream.write(bytes([byte[0] ^ 1]))
        os.utime(archive, ns=(before.st_atime_ns, before.st_mtime_ns))
        self.assertIsNone(self.rows()[0]["verified"])

    def test_what_failed_for_another_reason_says_nothing(self):
        self.verify("--restore", "--set", "backup.stage-dir=/nowhere/at/all", expect=None)
        self.hbcore(*self.ours, "--set", "backup.stage-dir=/nowhere/at/all", "verify", "--restore", "latest", expect=1)
        self.assertIsNone(self.rows()[0]["verified"])

    def test_no_command_fails_for_it(self):
        self.verify()
        good = self.state.read_bytes()
        for content in (b"", b"\0" * 5000, good[:20] + b"\n" + os.urandom(3000), b"x" * (3 << 20)):
            self.state.write_bytes(content)
            self.assertIsNone(self.rows()[0]["verified"])
            self.verify()
            self.assertEqual(self.rows()[0]["verified_result"], "ok", content[:20])
        self.state.unlink()
        os.mkfifo(self.state)
        self.rows()
        self.verify()
        self.state.unlink(missing_ok=True)
        self.state.symlink_to(self.dir / "elsewhere")
        self.rows()
        self.verify()
        self.assertFalse((self.dir / "elsewhere").exists())
        self.state.unlink(missing_ok=True)
        self.state.mkdir()
        self.verify()
        self.assertIsNone(self.rows()[0]["verified"])
        self.state.rmdir()
        self.state.parent.chmod(0o777)  # others could have written it
        self.verify()
        self.assertFalse(self.state.exists())
        self.state.parent.chmod(0o700)

    def test_the_oldest_go(self):
        self.verify()
        line = self.state.read_bytes().strip() + b"\n"
        old = b"0" * 32 + line[32:]
        self.state.write_bytes(old * ((1 << 20) // len(old)) + line)
        self.verify("--sample", "50%")
        self.assertLess(self.state.stat().st_size, 1 << 20)
        self.assertEqual(self.rows()[0]["verified_how"], "sample")
        kept = self.state.read_bytes()
        self.assertIn(line, kept)
        self.assertEqual(os.listdir(self.state.parent).count("checks"), 1)
        self.assertEqual([name for name in os.listdir(self.state.parent) if name.startswith("checks.")], [])

    def test_many_at_a_time(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: self.verify(), range(8)))
        lines = [line for line in self.state.read_bytes().split(b"\n") if line]
        self.assertEqual(len(lines), 8)
        self.assertEqual({line.split()[0] for line in lines}, {lines[0].split()[0]})


if __name__ == "__main__":
    unittest.main()
