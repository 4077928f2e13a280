# SPDX-License-Identifier: Apache-2.0
"""Commands that look at archives beside those that make, remove and check them: what is listed is whole, what went is
gone, and no receipt of a check is lost or torn.

Runs for 5 s a test, 60 with --full, or HBCORE_RACE_SECONDS.
"""
import json
import os
import pathlib
import threading
import time
import unittest

import hb

SECONDS = float(os.environ.get("HBCORE_RACE_SECONDS", "60" if hb.FULL else "5"))


class Beside(hb.Case):
    def setUp(self):
        super().setUp()
        self.home, self.kept = self.dir / "home", self.dir / "kept"
        self.config = self.write_config(
            f"[home]\npath = {self.home}\n[backup]\nformat = zip\n[content:sqlite-snap]\n"
            f"[preset:nightly]\ndirectory = {self.kept}\nkeep = 3\nmin-files = 3\n")
        for number in range(20):
            hb.write(self.home / f"data/{number}", b"%d\n" % number * 50)
        self.make_database(self.home / "rows.db")
        self.hbcore("backup", "--preset", "nightly")
        self.failures, self.until = [], time.monotonic() + SECONDS

    def again(self, work):
        """In a thread, until the time is over; what fails is told at the end. Returns it, and how often."""
        counted = [0]

        def loop():
            try:
                while time.monotonic() < self.until and not self.failures:
                    work()
                    counted[0] += 1
            except BaseException as error:  # pylint: disable=broad-exception-caught
                self.failures.append(error)
        thread = threading.Thread(target=loop)
        thread.start()
        return thread, counted

    def all_at_once(self, *works):
        running = [self.again(work) for work in works]
        for thread, _ in running:
            thread.join()
        for failure in self.failures:
            raise failure
        counts = [counted[0] for _, counted in running]
        self.assertGreater(min(counts), 1, counts)

    # ---- what runs ----

    def backup(self):
        (self.home / "data/0").write_bytes(os.urandom(50))
        self.hbcore("--wait", "60", "backup", "--preset", "nightly")

    def prune(self):
        self.hbcore("--wait", "60", "--set", "preset:nightly.keep=2", "prune", "--preset", "nightly")

    def rows(self):
        done = self.hbcore("--json", "archives", "nightly")
        rows = [row for row in map(json.loads, done.stdout.splitlines()) if row["type"] == "listed_archive"]
        for row in rows:
            self.assertEqual((row["whose"], row["complete"], row["shrunk"]), ("this", True, False), row)
        names = [row["path"] for row in rows]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(rows), 1)
        return rows

    def read_latest(self):
        """The newest one is never removed, so that it can be read to its end."""
        self.assertEqual(self.hbcore("cat", "latest", "data/7").stdout, b"7\n" * 50)

    # ---- the tests ----

    def test_archives_beside_backup_and_prune(self):
        self.all_at_once(self.backup, self.prune, self.rows, self.rows, self.read_latest)

    def test_accept_beside_backup_and_archives(self):
        """A mark is accepted while the next night and a list look at it: nothing goes that is not to, whoever is first."""
        marked = ("--wait", "60", "--set", "preset:nightly.min-files=1000")

        def mark():
            self.hbcore(*marked, "backup", "--preset", "nightly", expect=3)

        def accept():
            done = self.hbcore("--wait", "60", "prune", "--preset", "nightly", "--accept", "latest", expect=None)
            self.assertIn(done.returncode, (0, 1, 3), self.describe(done))

        def look():
            done = self.hbcore("--json", "archives", "nightly")
            rows = [row for row in map(json.loads, done.stdout.splitlines()) if row["type"] == "listed_archive"]
            self.assertEqual({(row["whose"], row["complete"]) for row in rows}, {("this", True)})
            for row in rows:
                self.assertEqual(row["shrunk"], row["shrunk_why"] is not None, row)
        self.all_at_once(mark, accept, look)
        (accepted,) = (self.user / "state").rglob("*accept*")
        for path in accepted.rglob("*") if accepted.is_dir() else [accepted]:
            self.assertNotIn(".tmp", path.name)
        for archive in hb.archives(self.kept):
            self.hbcore("verify", archive)

    def test_receipts_of_two_at_once(self):
        """Each check has its receipt, whoever else writes one."""
        for _ in range(2):
            self.backup()
        paths = [pathlib.Path(row["path"]) for row in self.rows()]
        count = {path: 0 for path in paths}

        def verify(path):
            def once():
                self.hbcore("verify", path)
                count[path] += 1
            return once
        self.all_at_once(*map(verify, paths), *map(verify, paths[:1]))
        checks = (self.user / "state/hbcore/checks").read_text().split("\n")
        lines = [line for line in checks if line]
        self.assertEqual([line for line in lines if len(line.split(" ")) != 4], [])
        self.assertGreaterEqual(len(lines), sum(count.values()) - 1)
        self.assertEqual({row["verified_result"] for row in self.rows()}, {"ok"})

    def test_receipts_while_the_oldest_are_forgotten(self):
        """Beyond 1 MB the older half goes: lines may be lost then, none is torn, and the file is whole."""
        state = self.user / "state/hbcore/checks"
        self.hbcore("verify", "latest")
        line = "0" * 32 + " 1700000000 whole ok\n"

        def fill():
            with open(state, "a", encoding="ascii") as stream:
                stream.write("\n" + line * 4000)

        def verify():
            self.hbcore("verify", "latest")
        self.all_at_once(fill, verify, verify)
        text = state.read_text()
        self.assertLess(len(text), 3 << 20)
        self.assertEqual({len(row.split(" ")) for row in text.split("\n")[1:] if row}, {4})
        self.assertEqual([path.name for path in state.parent.glob("checks.*")], [])
        self.hbcore("verify", "latest")
        self.assertEqual(self.rows()[0]["verified_result"], "ok")


if __name__ == "__main__":
    unittest.main()
