# SPDX-License-Identifier: Apache-2.0
"""Retention in time: the same sets as restic-forget(1), by the clock of the facts, and forty nights of it.

The clock is that of libfaketime.
"""
import datetime
import json
import os
import pathlib
import random
import shutil
import unittest

import hb
import prune_clock

RULES = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
SECTION = "[preset:nightly]\ndirectory = {kept}\n{rules}\n"
FULL = bool(os.environ.get("HBCORE_FULL"))
ARCHIVES, HISTORIES = (60, 200) if FULL else (14, 12)


class ByTime(prune_clock.AtTimes):
    def setUp(self):
        super().setUp()
        self.kept = self.dir / "kept"
        hb.write(self.home / "notes", b"some\n")
        self.configure("keep = 1000")

    def configure(self, rules, kept=None):
        self.config = self.write_config(f"[home]\npath = {self.home}\n[backup]\nformat = zip\n"
                                        + SECTION.format(kept=kept or self.kept, rules=rules))

    def backup_at(self, second, expect=0):
        clock = datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("@%Y-%m-%d %H:%M:%S")
        made = self.run_at(clock, "--json", "backup", "--preset", "nightly", expect=expect)
        return pathlib.Path(self.summary(made)["archive"]).name

    def environment(self, **changes):
        """restic goes by the zone that a snapshot was made in; in this one both mean the same days."""
        return super().environment(**({"TZ": "UTC"} | changes))

    def prune(self, *words):
        done = self.hbcore("--json", "prune", *words)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return {pathlib.Path(row["path"]).name: row for row in rows if row["type"] == "archive"}

    def test_as_restic_does(self):
        """Random archives; of each history a random part of them, and random rules."""
        self.need("restic")
        chance = random.Random(22)
        repository = self.dir / "repository"
        restic = {"RESTIC_PASSWORD": "x", "RESTIC_REPOSITORY": str(repository), "TZ": "UTC",
                  "RESTIC_CACHE_DIR": str(self.dir / "cache")}

        def ask(*words):
            done = hb.subprocess.run(["restic", "-q", *words], env=os.environ | restic, capture_output=True, check=True)
            return done.stdout

        ask("init")
        # Hours, days and weeks, around both changes of the clock; what was begun within a minute is one hour.
        seconds = set()
        for start in (1774746000, 1792890000):
            for step in (900, 3600, 86400, 86400 * 11, 86400 * 70):
                seconds |= {start - number * step + chance.randrange(600) for number in range(ARCHIVES // 7)}
        seconds = sorted(seconds)[-ARCHIVES:]
        parts = [{second for second in seconds if chance.random() < 0.6} or set(seconds) for _ in range(HISTORIES)]
        names = {}
        for second in seconds:
            names[second] = self.backup_at(second)
            local = datetime.datetime.fromtimestamp(second, datetime.timezone.utc)
            tags = ",".join(f"h{number}" for number, part in enumerate(parts) if second in part) or "none"
            hb.subprocess.run(["restic", "-q", "backup", "--time", local.strftime("%Y-%m-%d %H:%M:%S"), "--tag", tags,
                               self.home / "notes"], env=os.environ | restic, check=True)
        for number, part in enumerate(parts):
            rules = {rule: chance.randrange(1, 7) for rule in RULES if chance.random() < 0.4} or {"daily": 3}
            within = chance.choice((0, 0, 12, 24 * 8))
            words = [word for rule, count in rules.items() for word in (f"--keep-{rule}", str(count))]
            words += ["--keep-within", f"{within}h"] if within else []
            with self.subTest(number=number, rules=words):
                groups = json.loads(ask("forget", "--dry-run", "--json", "--group-by", "", "--tag", f"h{number}", *words))
                theirs = {round(datetime.datetime.fromisoformat(one["time"][:19] + "+00:00").timestamp())
                          for one in groups[0]["keep"] or []}
                kept = self.fresh("history")
                kept.mkdir()
                for second in part:
                    for name in self.kept.glob(names[second] + "*"):
                        shutil.copy2(name, kept)
                self.configure("\n".join(f"keep-{rule} = {count}" for rule, count in rules.items())
                               + (f"\nkeep-within = {within}h" if within else ""), kept)
                rows = self.prune("--dry-run")
                ours = {second for second in part if rows[names[second]]["fate"] in ("kept", "complete")}
                self.assertEqual(ours, theirs)
                shutil.rmtree(kept)

    def test_forty_nights(self):
        """As hermes.ini does, with weeks and months; each night a bit is removed, and never what rules say stays."""
        self.configure("keep-daily = 7\nkeep-weekly = 4\nkeep-monthly = 3")
        start = 1790000000
        for night in range(40 if FULL else 16):
            self.backup_at(start + night * 86400)
            there = sorted(self.kept.glob("*.zip"))
            self.assertLessEqual(len(there), 13)
            self.assertGreaterEqual(len(there), min(night + 1, 7))

    def test_what_is_said(self):
        for number in range(5):
            self.backup_at(1790000000 + number * 43200)
        self.configure("keep-daily = 2\nkeep-last = 1")
        said = self.hbcore("prune", "--dry-run").stdout.decode()
        self.assertIn("keep 1, keep-daily 2", said)
        self.assertRegex(said, r"stays: daily, last\n")
        self.assertEqual(said.count("would be removed"), 3)
        rows = self.prune()
        self.assertEqual(sorted(tuple(row["rules"]) for row in rows.values()), [(), (), (), ("daily",), ("daily", "last")])
        self.assertEqual(len(list(self.kept.glob("*.zip"))), 2)

    def test_keep_has_no_default_beside_them(self):
        for number in range(8):
            self.backup_at(1790000000 + number * 600)
        for rules, stay in (("keep-daily = 3", 1), ("keep-daily = 3\nkeep = 4", 4), ("keep = auto", 5),
                            ("keep = 2\nkeep-last = 6", 6), ("keep = 0", 1)):
            with self.subTest(rules=rules):
                self.configure(rules)
                rows = self.prune("--dry-run")
                self.assertEqual(sum(row["fate"] != "removed" for row in rows.values()), stay)

    def test_an_incomplete_one_takes_no_place(self):
        """Of a day the newest complete one stays, though one that is incomplete is newer."""
        first = self.backup_at(1790000000)
        hb.write(self.home / "state.db", b"SQLite format 3\0" + b"\1" * 4000)
        self.config.write_text(self.config.read_text() + "[content:sqlite-snap]\n")
        second = self.backup_at(1790003600, expect=3)
        (self.home / "state.db").unlink()
        third = self.backup_at(1790000000 + 86400)
        self.configure("keep-daily = 2")
        rows = self.prune("--dry-run")
        self.assertEqual({name: row["fate"] for name, row in rows.items()},
                         {first: "kept", second: "removed", third: "kept"})

    def test_a_time_to_come(self):
        """Nobody knows when that was: it takes no place from others, and stays."""
        ahead = self.backup_at(int(datetime.datetime.now().timestamp()) + 3 * 86400)
        others = [self.backup_at(1790000000 + number * 86400) for number in range(3)]
        self.configure("keep-daily = 1")
        rows = self.prune("--dry-run")
        self.assertEqual({name: row["fate"] for name, row in rows.items()},
                         {ahead: "untimed", others[0]: "removed", others[1]: "removed", others[2]: "kept"})


if __name__ == "__main__":
    unittest.main()
