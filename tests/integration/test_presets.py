# SPDX-License-Identifier: Apache-2.0
"""Archives by preset, and which of them stay."""
import json
import os
import pathlib
import subprocess
import unittest

import hb


class Presets(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        self.make_database(self.home / "state.db")
        self.backups = self.home / "backups"

    def make(self, preset="pre-update", *arguments, **keywords):
        done = self.hbcore("--home", self.home, "--json", "backup", "--preset", preset, *arguments,
                           **keywords)
        return self.summary(done)

    def archives(self, prefix="pre-update-"):
        return sorted(name for name in os.listdir(self.backups) if name.startswith(prefix))

    def old(self, *names):
        for name in names:
            hb.write(self.backups / name, b"an old archive")

    def test_names_and_places(self):
        for preset in ("pre-update", "pre-migration", "pre-import"):
            made = pathlib.Path(self.make(preset)["archive"])
            self.assertEqual(made.parent, self.backups)
            self.assertRegex(made.name, rf"^{preset}-\d{{4}}-\d\d-\d\d-\d{{6}}\.zip$")
            self.hbcore("--home", self.dir / preset, "import", made)
            self.assertEqual((self.dir / preset / "config.yaml").read_bytes(), b"a: 1\n")

    def test_five_stay(self):
        self.old(*(f"pre-update-2024-01-{day:02}-000000.zip" for day in range(1, 8)))
        made = self.make()
        self.assertEqual(made["removed"], 3)
        self.assertEqual(self.archives(),
                         [f"pre-update-2024-01-{day:02}-000000.zip" for day in range(4, 8)] +
                         [pathlib.Path(made["archive"]).name])

    def test_only_its_own_go(self):
        others = ["pre-migration-2024-01-01-000000.zip", "my own.zip", "pre-update-notes.txt",
                  "hermes-backup-2024-01-01-000000.zip", "pre-update-2024-01-01-000000.tar.zst",
                  "x-pre-update-2024-01-01-000000.zip"]
        self.old(*others, "pre-update-2024-01-01-000000.ZIP")
        os.mkdir(self.backups / "pre-update-2024-01-02-000000.zip")
        self.make("pre-update", "--keep", "1")
        self.assertFalse((self.backups / "pre-update-2024-01-01-000000.ZIP").exists())
        for name in [*others, "pre-update-2024-01-02-000000.zip"]:
            self.assertTrue((self.backups / name).exists(), name)

    def test_names_that_begin_alike(self):
        """Those of a preset with a longer name, and what somebody has put there by hand."""
        others = ["pre-update-weekly-2024-01-01-000000.zip", "pre-update-before-the-move.zip",
                  "pre-update-2024-01-01-000000-copy.zip", "pre-update-2024-01-01-000000-.zip",
                  "pre-update-2024-01-01.zip", "pre-update-2024-01-01-0000001.zip"]
        self.old(*others, "pre-update-2024-01-01-000000.zip", "pre-update-2024-01-01-000000-12.zip")
        self.assertEqual(self.make("pre-update", "--keep", "1")["removed"], 2)
        self.assertLessEqual(set(others), set(self.archives()))

    def test_many_of_one_second_go_in_order(self):
        names = ["pre-update-2024-01-01-000000.zip"]
        names += [f"pre-update-2024-01-01-000000-{number}.zip" for number in range(2, 13)]
        self.old(*names)
        made = pathlib.Path(self.make("pre-update", "--keep", "4")["archive"]).name
        self.assertEqual(set(self.archives()), {*names[-3:], made})

    def test_keep(self):
        for number in (1, 0):
            self.make("pre-update", "--keep", str(number))
            self.assertEqual(len(self.archives()), 1)
        self.hbcore("--home", self.home, "backup", "--preset", "pre-update", "--keep", "-1",
                    expect=2)
        self.hbcore("--home", self.home, "backup", "--keep", "3", expect=2)

    def test_of_one_second(self):
        names = {self.make("pre-update", "--keep", "100")["archive"] for _ in range(8)}
        self.assertEqual(len(names), 8)
        last = self.make("pre-update", "--keep", "1")["archive"]
        self.assertEqual(self.archives(), [pathlib.Path(last).name])

    def test_the_newest_complete_one_stays(self):
        good = pathlib.Path(self.make()["archive"])
        hb.write(self.dir / "outside", b"x")
        (self.home / "link").symlink_to(self.dir / "outside")
        for _ in range(3):
            self.make("pre-update", "--keep", "2", expect=3)
        self.assertIn(good.name, self.archives())
        self.assertEqual(len(self.archives()), 3)
        os.remove(self.home / "link")
        self.make("pre-update", "--keep", "2")
        self.assertNotIn(good.name, self.archives())

    def test_nothing_there(self):
        empty = self.dir / "empty"
        empty.mkdir()
        self.home = empty
        self.assertIsNone(self.make()["archive"])
        self.assertEqual(os.listdir(empty), [])

    def test_a_failure_prunes_nothing(self):
        self.old(*(f"pre-update-2024-01-{day:02}-000000.zip" for day in range(1, 8)))
        self.hbcore("--home", self.home, "--set", "backup.stage-dir=/nowhere/at/all", "backup",
                    "--preset", "pre-update", expect=1)
        self.assertEqual(len(self.archives()), 7)

    def test_many_at_once(self):
        """Backups and snapshots; half of them wait for their turn."""
        count = 100 if hb.FULL else 30
        kinds = (["backup", "--preset", "pre-update", "--keep", "200"],
                 ["snapshot", "create", "--keep", "200"])
        running = [(number % 2, number % 4 > 1, subprocess.Popen(
            self.command("--home", self.home, "--json",
                         *(["--wait", "200"] if number % 4 > 1 else []), *kinds[number % 2]),
            env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE))
            for number in range(count)]
        done = [0, 0]
        for kind, waits, process in running:
            process.communicate(timeout=240)
            self.assertIn(process.returncode, (0,) if waits else (0, 5))
            done[kind] += process.returncode == 0
        self.assertGreaterEqual(min(done), count // 4 - 1)
        self.assertEqual(len(self.archives()), done[0])
        for name in self.archives():
            self.hbcore("verify", self.backups / name)
        rows = self.hbcore("--home", self.home, "--json", "snapshot", "list", "--limit", "200")
        rows = [json.loads(line) for line in rows.stdout.splitlines()][:-1]
        self.assertEqual([row["complete"] for row in rows], [True] * done[1])


if __name__ == "__main__":
    unittest.main()
