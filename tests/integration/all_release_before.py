# SPDX-License-Identifier: Apache-2.0
"""What the release before has made can be read, and is told from what this one makes; see tests/data/README.md."""
import hashlib
import hmac
import json
import os
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import time
import unittest

import hb

DATA = hb.SOURCE / "tests/data/before-trust"
FORMATS = {"zip": ".zip", "tar-zstd": ".tar.zst"}
NAMES = {"config.yaml", "state.db", "sub/notes.txt"}
MTIME = 1_700_000_000_123_456_789
USER = 12346
CONTENTS = 5  # the section of the trailer with the checksums of contents


def wait_until_old(home):
    """The clock of the file system leaves the times of all files behind."""
    newest = max(path.stat().st_ctime for path in home.rglob("*"))
    while time.time() < newest + 3.1:
        time.sleep(0.05)


class Before(hb.Case):
    data = DATA
    damaged = 3  # what is there: one part of so many

    def archives(self):
        for kind, suffix in FORMATS.items():
            for complete in (True, False):
                path = self.dir / f"{'complete' if complete else 'incomplete'}{suffix}"
                shutil.copyfile(self.data / path.name, path)
                yield kind, complete, path

    def rows(self, path):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
            return [row for row, in database.execute("SELECT a FROM t ORDER BY a")]

    def names(self, complete):
        return NAMES | {"way"} if complete else NAMES

    def test_listed(self):
        for _, complete, path in self.archives():
            rows = [json.loads(line) for line in self.hbcore("--json", "list", path).stdout.splitlines()]
            names = {row["path"] for row in rows if row["type"] not in ("summary", "directory") and "path" in row}
            self.assertEqual({name for name in names if name != "sub"}, self.names(complete), path)
            self.assertEqual(rows[-1]["status"], "complete" if complete else "incomplete")

    def test_verified(self):
        for _, complete, path in self.archives():
            summary = self.summary(self.hbcore("--json", "--set", "import.links=restore", "verify", path,
                                               expect=0 if complete else 3))
            self.assertEqual([row["check"] for row in summary["databases"]], ["ok"], path)
            self.assertEqual([row["path"] for row in summary["doubtful"]], [] if complete else ["outside"], path)

    def test_damage_is_noticed(self):
        for _, _, path in self.archives():
            data = bytearray(path.read_bytes())
            data[len(data) // self.damaged] ^= 1
            path.write_bytes(data)
            self.hbcore("verify", path, expect=1)

    def test_members(self):
        for _, complete, path in self.archives():
            self.assertEqual(self.hbcore("cat", path, "config.yaml").stdout, b"model: old\n")
            database = self.dir / "cat.db"
            database.write_bytes(self.hbcore("cat", path, "state.db").stdout)
            self.assertEqual(self.rows(database), list(range(20)), path)

    def test_imported(self):
        for kind, complete, path in self.archives():
            home = self.dir / f"home-{kind}-{complete}"
            self.hbcore("--home", home, "--set", "import.links=restore", "import", path, expect=0 if complete else 3)
            status = (home / "config.yaml").stat()
            self.assertEqual((status.st_mode & 0o777, status.st_mtime_ns), (0o640, MTIME), path)
            self.assertEqual((home / "sub/notes.txt").read_bytes(), b"kept\n")
            self.assertEqual(self.rows(home / "state.db"), list(range(20)))
            if complete:
                self.assertEqual(os.readlink(home / "way"), "sub/notes.txt")
            # Over a database that is there, too.
            with sqlite3.connect(home / "state.db") as database:
                database.execute("DELETE FROM t")
            self.hbcore("--home", home, "--set", "import.links=restore", "import", "--force", path, expect=0 if complete else 3)
            self.assertEqual(self.rows(home / "state.db"), list(range(20)))

    def test_snapshot(self):
        home = self.dir / "home"
        hb.write(home / "config.yaml", b"model: new\n")
        shutil.copytree(DATA / "snapshot", home / "state-snapshots/20261128-191944-before")
        rows = [json.loads(line) for line in self.hbcore("--home", home, "--json", "snapshot", "list").stdout.splitlines()]
        self.assertEqual([row["id"] for row in rows if row["type"] == "snapshot"], ["20261128-191944-before"])
        self.hbcore("--home", home, "snapshot", "restore", "1")
        self.assertEqual((home / "config.yaml").read_bytes(), b"model: old\n")
        self.assertEqual(self.rows(home / "state.db"), list(range(20)))
        self.hbcore("--home", home, "snapshot", "create", "--keep", "1")
        self.assertEqual(len(list((home / "state-snapshots").iterdir())), 1)


class BeforeContents(Before):
    """It says whose it is; of contents the formats' own checksums are all that there is."""

    data = hb.SOURCE / "tests/data/before-contents"
    damaged = 5  # in front of the index, without which all is read
    test_snapshot = None


class Reuse(hb.Case):
    """As the release before made it, with an index for reuse: its checksums of contents are missing."""

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for number, name in enumerate(("config.yaml", "sub/notes.txt", "empty")):
            hb.write(self.home / name, b"content " * (2 - number), mtime_ns=MTIME)
        hb.write(self.home / "large", os.urandom(3 << 20), mtime_ns=MTIME)
        wait_until_old(self.home)

    def backup(self, kind):
        return self.summary(self.hbcore("--home", self.home, "--json", "--set", f"preset:daily.directory={self.dir}/kept-{kind}",
                                        "--set", "preset:daily.keep=9", "backup", "--preset", "daily", "--format", kind))

    def without_contents(self, path):
        """The section has a type that nobody knows; sealed with the key of this installation."""
        data = hb.first_form(pathlib.Path(path).read_bytes())
        trailer = hb.Trailer(data)
        at = trailer.start + 8
        while data[at] != CONTENTS:
            at += 16 + (struct.unpack_from("<Q", data, at + 8)[0] + 7) // 8 * 8
        key, = self.dir.rglob("reuse.key")
        length = struct.unpack_from("<Q", data, trailer.at + 8)[0] - 32
        sealed = bytearray(data[trailer.start:trailer.at + 48 + length])
        sealed[at - trailer.start] = 55
        seal = trailer.at + 16 - trailer.start
        made = hmac.new(key.read_bytes(), b"reuse 1\0" + sealed[:seal] + sealed[seal + 32:], hashlib.sha256).digest()
        flips = {seal + i: made[i] ^ sealed[seal + i] for i in range(32)}
        pathlib.Path(path).write_bytes(hb.forged(data, {at - trailer.start: CONTENTS ^ 55, **flips}))

    def test_all_is_read_once(self):
        for kind in FORMATS:
            first = self.backup(kind)
            self.assertGreater(self.backup(kind)["reused_bytes"], 3 << 20)
            for path in (self.dir / f"kept-{kind}").glob("*" + FORMATS[kind]):
                self.without_contents(path)
                self.hbcore("verify", path)
            made = self.backup(kind)
            self.assertEqual((made["reused_bytes"], made["unknown_archives"], made["notes"]), (0, [], first["notes"]))
            self.hbcore("verify", made["archive"])
            self.assertGreater(self.backup(kind)["reused_bytes"], 3 << 20)

    def test_the_seal_covers_the_checksums(self):
        """Whoever changes one cannot have it taken over into the next archive."""
        for kind in FORMATS:
            path = pathlib.Path(self.backup(kind)["archive"])
            data = hb.first_form(path.read_bytes())
            trailer = hb.Trailer(data)
            at = trailer.start + 8
            while data[at] != CONTENTS:
                at += 16 + (struct.unpack_from("<Q", data, at + 8)[0] + 7) // 8 * 8
            path.write_bytes(hb.forged(data, {at + 16 - trailer.start: 1}))
            self.hbcore("list", path)
            self.assert_mentions(self.hbcore("verify", path, expect=1), "its content is not what was stored")
            made = self.backup(kind)
            self.assertEqual(made["reused_bytes"], 0)
            self.assertIn("was not sealed with the key", json.dumps(made["notes"]))
            self.hbcore("verify", made["archive"])


class Size(hb.Case):
    """What the trailer takes for each of many small files: 16 bytes, and 28 more to take them over."""

    def measure(self, kind, count, reuse):
        home = self.dir / f"home-{count}"
        for number in range(0 if home.exists() else count):
            hb.write(home / f"{number}", b"%d" % number)
        path = self.dir / f"{kind}-{count}-{reuse}"
        self.hbcore("--home", home, "--set", f"backup.reuse={reuse}", "backup", "--format", kind, "-o", path)
        trailer = hb.Trailer(next(path.parent.glob(path.name + "*")).read_bytes())
        return trailer.at - trailer.start

    def test_bytes_of_an_entry(self):
        for kind in FORMATS:
            for reuse, most in (("no", 16), ("yes", 44)):
                few, many = (self.measure(kind, count, reuse) for count in (500, 2500))
                self.assertLessEqual((many - few) / 2000, most + 0.05, (kind, reuse))


class Retention(hb.Case):
    """With names of a preset: `before` and after them this release makes its own."""

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"model: new\n")

    def place(self, directory, kind):
        """An incomplete one that is newer than a complete one."""
        directory.mkdir(parents=True, exist_ok=True)
        paths = [directory / f"nightly-2024-01-0{day}-000000{FORMATS[kind]}" for day in (1, 2)]
        shutil.copyfile(DATA / f"complete{FORMATS[kind]}", paths[0])
        shutil.copyfile(DATA / f"incomplete{FORMATS[kind]}", paths[1])
        return [str(path) for path in paths]

    def run_preset(self, command, directory, kind, *words, keep=1, **keywords):
        done = self.hbcore("--home", self.home, "--json", "--set", f"preset:nightly.directory={directory}", "--set",
                           f"preset:nightly.format={kind}", "--set", f"preset:nightly.keep={keep}", "--set",
                           "preset:nightly.keep-daily=0", command, "--preset", "nightly", *words, **keywords)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {row["path"]: row["fate"] for row in rows if row["type"] == "archive"}, rows[-1]

    def test_outside_they_are_nobodys(self):
        for kind in FORMATS:
            directory = self.dir / f"outside-{kind}"
            old = self.place(directory, kind)
            for _ in range(2):
                made = self.run_preset("backup", directory, kind)[1]
                self.assertEqual(sorted(made["unknown_archives"]), old)
                self.assertIn("prune --preset nightly --adopt", made["notes"][-1]["reason"])
                self.assertIn("do not name their home stay: 2", made["notes"][-1]["reason"])
            self.assertEqual(made["removed"], 1)
            fates, summary = self.run_preset("prune", directory, kind)
            self.assertEqual(fates, {old[0]: "unknown", old[1]: "unknown", made["archive"]: "kept"})
            self.assertIn("prune --preset nightly --adopt", summary["notes"][-1]["reason"])
            fates, summary = self.run_preset("prune", directory, kind, "--adopt")
            self.assertEqual((summary["adopted"], summary["removed"]), (2, 2))
            self.assertEqual([str(path) for path in hb.archives(directory)], [made["archive"]])

    def test_in_the_home_they_are_its_own(self):
        for kind in FORMATS:
            directory = self.home / f"backups-{kind}"
            old = self.place(directory, kind)
            fates, _ = self.run_preset("prune", directory, kind)
            self.assertEqual(fates, {old[0]: "complete", old[1]: "kept"})
            made = self.run_preset("backup", directory, kind)[1]
            self.assertEqual(sorted(made["removed_archives"]), old)
            self.assertEqual(made["unknown_archives"], [])

    def test_in_a_users_home_that_root_works_on(self):
        if os.geteuid() != 0:
            self.skip("only root can work in the homes of others")
        self.dir.chmod(0o755)
        for kind in FORMATS:
            directory = self.home / f"backups-{kind}"
            old = self.place(directory, kind)
            subprocess.run(["chown", "-R", f"{USER}:{USER}", self.home], check=True)
            made = self.run_preset("backup", directory, kind)[1]
            self.assertEqual(sorted(made["removed_archives"]), old)
            outside = self.dir / f"outside-{kind}"
            old = self.place(outside, kind)
            made = self.run_preset("backup", outside, kind)[1]
            self.assertEqual(sorted(made["unknown_archives"]), old)

    def test_in_a_users_directory_of_roots_home(self):
        if os.geteuid() != 0:
            self.skip("only root can work in the homes of others")
        self.dir.chmod(0o755)
        for kind in FORMATS:
            directory = self.home / f"backups-{kind}"
            old = self.place(directory, kind)
            subprocess.run(["chown", "-R", f"{USER}:{USER}", directory], check=True)
            made = self.run_preset("backup", directory, kind)[1]
            self.assertEqual(sorted(made["removed_archives"]), old)
            self.assertEqual(pathlib.Path(made["archive"]).stat().st_uid, USER)

    def test_nothing_is_taken_over_from_them(self):
        for kind in FORMATS:
            directory = self.home / f"backups-{kind}"
            self.place(directory, kind)
            self.assertEqual(self.run_preset("backup", directory, kind)[1]["reused_bytes"], 0)


if __name__ == "__main__":
    unittest.main()
