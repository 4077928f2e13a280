# SPDX-License-Identifier: Apache-2.0
"""verify --sample: all structure, and some of the contents, those first that were not read for longest; what was read is said."""
import json
import random
import re
import shutil
import unittest

import hb

COUNT = 40


class Sample(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for number in range(COUNT):
            hb.write(self.home / f"d{number % 4}/file-{number}", random.Random(number).randbytes(1300))
        self.make_database(self.home / "rows.db")
        self.hbcore("--config", hb.GENERIC, "--home", self.home, "backup", "-o", self.dir / "a.zip", "--format", "zip")
        self.hbcore("--config", hb.GENERIC, "--home", self.home, "backup", "-o", self.dir / "a.tar.zst", "--format", "tar-zstd")
        self.state = self.user / ".local/state/hbcore/verified.json"

    def environment(self, **changes):
        return super().environment(**{"XDG_STATE_HOME": str(self.user / ".local/state"), **changes})

    def sample(self, archive, percent="10%", expect=0):
        done = self.hbcore("--config", hb.GENERIC, "--json", "verify", archive, "--sample", percent, expect=expect)
        return json.loads(done.stdout.splitlines()[-1])

    def test_what_is_said(self):
        for name in ("a.zip", "a.tar.zst"):
            said = self.sample(self.dir / name)
            self.assertEqual((said["sample"], said["all_files"]), (10, COUNT + 1))
            self.assertTrue(1 <= said["files"] < said["all_files"], said)
            self.assertTrue(said["all_bytes"] // 10 <= said["bytes"] <= said["all_bytes"], said)
            done = self.hbcore("--config", hb.GENERIC, "verify", "--sample", "10", self.dir / name)
            self.assertRegex(done.stdout, rb"Sample ok: .*: \d+ of 41 files, .* of .* read back")
        said = self.sample(self.dir / "a.zip", "100%")
        self.assertEqual((said["files"], said["bytes"]), (said["all_files"], said["all_bytes"]))
        for wrong in ("0", "101%", "x", "5%%", "-1", "5.5%"):
            done = self.hbcore("verify", self.dir / "a.zip", f"--sample={wrong}", expect=2)
            self.assertIn(b"from 1% to 100%", done.stderr)

    def damage(self, name="file-7"):
        """In the content of one member: only who reads it sees that."""
        path = self.dir / "a.zip"
        data = bytearray(path.read_bytes())
        at = data.index(f"d{int(name[5:]) % 4}/{name}".encode()) + len(f"d3/{name}")
        data[at + 60] ^= 1
        path.write_bytes(data)

    def test_all_come_in_turn(self):
        """A damaged member is found once in each round, wherever it starts; another round begins only then."""
        self.damage()
        found, rounds = [], 0
        read = 0
        while read < 3 * (COUNT + 1) and rounds < 60:
            rounds += 1
            done = self.hbcore("--config", hb.GENERIC, "--json", "verify", self.dir / "a.zip", "--sample=10%", expect=None)
            self.assertIn(done.returncode, (0, 1))
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            if done.returncode == 1:
                found.append(rounds)
                self.assertTrue([row for row in rows if row.get("path") == "d3/file-7"], rows)
                # It stays where it was: the next run comes to it again, until somebody has looked at it.
                if len(found) == 3:
                    return
            else:
                read += rows[-1]["files"]
        self.fail(f"found {found} in {rounds} runs")

    def test_each_is_read_before_any_is_read_twice(self):
        total = read = runs = 0
        seeds = set()
        while read < (total or 1):
            said = self.sample(self.dir / "a.zip", "20%")
            total, read, runs = said["all_files"], read + said["files"], runs + 1
            (row,) = json.loads(self.state.read_text()).values()
            seeds.add(row["seed"])
            self.assertEqual(int(row["next"], 16), read % total)
        self.assertEqual((len(seeds), runs <= 6), (1, True))

    def test_structure_is_all_of_it(self):
        data = bytearray((self.dir / "a.zip").read_bytes())
        at = data.index(b"PK\1\2")
        data[at + 46] ^= 1
        (self.dir / "a.zip").write_bytes(data)
        self.hbcore("--config", hb.GENERIC, "verify", self.dir / "a.zip", "--sample=1%", expect=1)

    def test_a_copy_is_another_one(self):
        self.sample(self.dir / "a.zip")
        shutil.copy(self.dir / "a.zip", self.dir / "b.zip")
        self.sample(self.dir / "b.zip")
        self.assertEqual(len(json.loads(self.state.read_text())), 2)

    def test_what_is_remembered_is_no_such_file(self):
        for text in ("", "[]", "{", '{"x": 1}', "x" * 2_000_000):
            hb.write(self.state, text, 0o600)
            self.state.parent.chmod(0o700)
            self.sample(self.dir / "a.zip")
            self.assertIn("next", next(row for row in json.loads(self.state.read_text()).values() if row != 1))
        self.state.unlink()
        self.state.symlink_to(self.dir / "elsewhere")
        self.sample(self.dir / "a.zip")
        self.assertFalse((self.dir / "elsewhere").exists())
        self.state.parent.chmod(0o777)
        said = self.sample(self.dir / "a.zip")
        self.assertTrue([row for row in said["notes"] if re.search("which members were read is not remembered", row["reason"])], said)


if __name__ == "__main__":
    unittest.main()
