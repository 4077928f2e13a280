# SPDX-License-Identifier: Apache-2.0
"""Clocks that jump: the order of archives and snapshots is that in which they were made.

The clock is that of libfaketime; where there is none, the tests that rename what is there (in
backup_presets, snapshot_rules, prune_other_homes) have to do.
"""
import json
import os
import pathlib
import unittest

import hb
from fault_sweep import FORMATS

LIBRARY = next(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
# Ahead, back, further back, on: as a machine without a battery, and one whose clock is set.
CLOCKS = ("+3d", "-2d", "-30d", "-30d", "+0", "-400d")


class AtTimes(hb.Case):
    """Runs at any time."""

    def setUp(self):
        super().setUp()
        if LIBRARY is None:
            self.skip("libfaketime is not installed")
        self.home = self.dir / "home"
        done = self.run_at("+0", "--version", expect=None)
        if done.returncode != 0:
            self.skip(f"libfaketime does not work with this build: {done.stderr.decode()[:200]}")

    def run_at(self, clock, *arguments, **keywords):
        options = hb.SANITIZER_OPTIONS["ASAN_OPTIONS"] + ":verify_asan_link_order=0:detect_leaks=0"
        return self.hbcore(*arguments, env={"LD_PRELOAD": str(LIBRARY), "FAKETIME": clock, "NO_FAKE_STAT": "1",
                                            "ASAN_OPTIONS": options}, **keywords)


class Clock(AtTimes):
    def write(self, number):
        hb.write(self.home / "config.yaml", f"number: {number}\n")

    def test_snapshots(self):
        names = []
        for number, clock in enumerate(CLOCKS):
            self.write(number)
            made = self.summary(self.run_at(clock, "--home", self.home, "--json", "snapshot", "create", "--keep", "2"))
            self.assertNotIn(made["id"], names, "a name is given again")
            names.append(made["id"])
            there = sorted(name for name in os.listdir(self.home / "state-snapshots"))
            self.assertEqual(there, sorted(names[-2:]), clock)
        self.assertEqual(names, sorted(names))
        done = self.run_at("-1000d", "--home", self.home, "--json", "snapshot", "list")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([row["id"] for row in rows if row["type"] == "snapshot"], names[:-3:-1])
        self.run_at("-1000d", "--home", self.home, "snapshot", "restore", "2")
        self.assertEqual((self.home / "config.yaml").read_text(), f"number: {len(CLOCKS) - 2}\n")
        self.run_at("-1000d", "--home", self.home, "snapshot", "prune", "--keep", "1")
        self.assertEqual(os.listdir(self.home / "state-snapshots"), names[-1:])

    def test_snapshots_with_and_without_label(self):
        names = []
        for number, clock in enumerate(CLOCKS):
            self.write(number)
            label = ("-l", f"label-{number * 100}") if number % 2 else ()
            names.append(self.summary(self.run_at(clock, "--home", self.home, "--json", "snapshot", "create", *label,
                                                  "--keep", "3"))["id"])
            self.assertEqual(sorted(os.listdir(self.home / "state-snapshots")), sorted(names[-3:]), clock)

    def test_presets(self):
        for fmt in FORMATS:
            with self.subTest(fmt):
                names, directory = [], self.dir / fmt
                for number, clock in enumerate(CLOCKS):
                    self.write(number)
                    made = self.summary(self.run_at(
                        clock, "--home", self.home, "--json", "--set", f"preset:nightly.directory={directory}",
                        "--set", "preset:nightly.keep=2", "--set", "preset:nightly.keep-daily=0", "backup", "--format", fmt, "--preset", "nightly"))
                    name = pathlib.Path(made["archive"]).name
                    self.assertNotIn(name, names, "a name is given again")
                    names.append(name)
                    self.assertEqual([path.name for path in hb.archives(directory)], sorted(names[-2:]), clock)
                    self.assertEqual(hb.origin(directory / name)["sequence"], number + 1)


if __name__ == "__main__":
    unittest.main()
