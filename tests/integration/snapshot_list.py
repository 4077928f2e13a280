# SPDX-License-Identifier: Apache-2.0
"""The list of a quick snapshot: what of it is copied, what is named, and what is passed over."""
import json
import os
import re
import socket
import unicodedata
import unittest

import hb


class Listed(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.outside = self.dir / "outside"
        hb.write(self.home / "one", b"1")
        hb.write(self.home / "below/two", b"22")
        hb.write(self.outside / "three", b"333")
        self.files("one", "below", "missing", "missing/below")

    def files(self, *names):
        self.config = self.write_config("[snapshot]\ndirectory = kept\nwithout = left\n"
                                        f"files = {' '.join(names)}\n")

    def create(self, *arguments, expect=0):
        done = self.hbcore("--home", self.home, "--json", "snapshot", "create", *arguments, expect=expect)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def stored(self, summary):
        where = self.home / "kept" / summary["id"]
        manifest = json.loads((where / "manifest.json").read_bytes())
        self.assertEqual(manifest["file_count"], len(manifest["files"]))
        self.assertEqual(manifest["total_size"], sum(manifest["files"].values()))
        for path, size in manifest["files"].items():
            self.assertEqual((where / path).stat().st_size, size)
        return list(manifest["files"])

    def assert_named(self, names, stored):
        """By create and by its dry run alike; the rest is copied, and the snapshot is incomplete."""
        rows = self.create("--dry-run", expect=3)
        self.assertEqual({row["path"] for row in rows[-1]["skipped"]}, names)
        self.assertEqual([row["path"] for row in rows[:-1]], stored)
        made = self.create(expect=3)[-1]
        self.assertEqual({row["path"] for row in made["skipped"]}, names)
        self.assertEqual(self.stored(made), stored)
        marks = json.loads((self.home / "kept" / made["id"] / "hbcore-marks.json").read_bytes())
        self.assertEqual({line.split(":")[0] for line in marks["incomplete"]}, names)

    def test_columns(self):
        """They stand below each other whatever the labels are."""
        for label in ("a", "x" * 40, "caf\u00e9 \u65e5\u672c", "last"):
            self.create("--label", label)
        rows = self.hbcore("--home", self.home, "snapshot", "list").stdout.decode().splitlines()
        self.assertEqual(len(rows), 5)
        places = set()
        for row in rows:
            found = re.search(r"  +(files|\d+) +(size|\d+ B)", row)
            places.add(sum(2 if unicodedata.east_asian_width(letter) == "W" else 1 for letter in row[:found.end()]))
        self.assertEqual(len(places), 1, rows)

    def test_what_is_missing_is_no_finding(self):
        made, = self.create()
        self.assertEqual((made["skipped"], self.stored(made)), ([], ["one", "below/two"]))

    def test_what_is_no_file_is_named(self):
        os.mkfifo(self.home / "pipe")
        os.mkfifo(self.home / "below/pipe")
        with socket.socket(socket.AF_UNIX) as listening:
            os.chdir(self.home)  # a path of a socket is short
            self.addCleanup(os.chdir, "/")
            listening.bind("below/socket")
        (self.home / "to-pipe").symlink_to("pipe")
        (self.home / "null").symlink_to("/dev/null")
        self.files("pipe", "to-pipe", "null", "below", "one")
        self.assert_named({"pipe", "to-pipe", "null", "below/pipe", "below/socket"}, ["below/two", "one"])

    def test_links_to_nothing_are_named(self):
        (self.home / "gone").symlink_to("nowhere")
        (self.home / "below/gone").symlink_to("../nowhere/at/all")
        (self.home / "below/round").symlink_to("round")
        self.files("gone", "below", "one")
        self.assert_named({"gone", "below/gone", "below/round"}, ["below/two", "one"])

    def test_links_that_lead_somewhere(self):
        (self.home / "file").symlink_to(self.outside / "three")
        (self.home / "directory").symlink_to(self.outside)
        (self.home / "below/file").symlink_to(self.outside / "three")
        (self.home / "below/directory").symlink_to(self.outside)
        self.files("file", "directory", "below")
        made, = self.create()
        self.assertEqual(self.stored(made), ["file", "directory/three", "below/file", "below/two"])

    def test_each_path_once(self):
        hb.write(self.home / "below/two", b"22", 0o400)
        self.files("below/two", "below", "below/", "one", "one")
        rows = self.create("--dry-run")
        self.assertEqual((rows[-1]["files"], rows[-1]["bytes"]), (2, 3))
        made, = self.create()
        self.assertEqual((self.stored(made), made["bytes"]), (["below/two", "one"], 3))

    def test_the_order_is_that_of_the_list(self):
        for name in ("below/b/x", "below/a", "below/b-", "below/c/left/x", "below/c/y"):
            hb.write(self.home / name, b"x")
        made, = self.create()
        self.assertEqual(self.stored(made), ["one", "below/a", "below/b/x", "below/b-", "below/c/y", "below/two"])

    def test_deep(self):
        path = self.home / "below" / "/".join(["d"] * 150)
        hb.write(path / "file", b"x")
        made, = self.create()
        self.assertIn(str((path / "file").relative_to(self.home)), self.stored(made))

    def test_times_and_modes(self):
        os.chmod(self.home / "one", 0o640)
        os.utime(self.home / "one", ns=(1_600_000_000_000000001, 1_700_000_000_000000002))
        made, = self.create()
        found = os.stat(self.home / "kept" / made["id"] / "one")
        self.assertEqual((found.st_mode & 0o7777, found.st_atime_ns, found.st_mtime_ns),
                         (0o640, 1_600_000_000_000000001, 1_700_000_000_000000002))


if __name__ == "__main__":
    unittest.main()
