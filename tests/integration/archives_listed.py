# SPDX-License-Identifier: Apache-2.0
"""hbcore archives: what is told of each archive, ages, metrics; `latest` and numbers in place of a path.

Times are those of libfaketime.
"""
import datetime
import fcntl
import json
import os
import pathlib
import pty
import re
import struct
import subprocess
import termios
import time
import unittest
import zipfile

import hb
import prune_clock

DAY = 86400


class Archives(prune_clock.AtTimes):
    def setUp(self):
        super().setUp()
        self.kept, self.now = self.dir / "kept", int(time.time())
        hb.write(self.home / "notes", b"some\n")
        self.config = self.write_config(
            f"[home]\npath = {self.home}\n[backup]\nformat = zip\n[content:sqlite-snap]\n"
            f"[preset:nightly]\ndirectory = {self.kept}\nkeep = 1000\n")

    def add_preset(self, name):
        self.config.write_text(self.config.read_text() +
                               f"[preset:{name}]\ndirectory = {self.dir / name}\nkeep = 1000\n")

    def backup_at(self, second, preset="nightly", expect=0):
        clock = datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("@%Y-%m-%d %H:%M:%S")
        made = self.run_at(clock, "--json", "backup", "--preset", preset, expect=expect)
        return pathlib.Path(self.summary(made)["archive"])

    def environment(self, **changes):
        return super().environment(**({"TZ": "UTC"} | changes))

    def incomplete_at(self, second):
        hb.write(self.home / "state.db", b"SQLite format 3\0" + b"\1" * 4000)
        made = self.backup_at(second, expect=3)
        (self.home / "state.db").unlink()
        return made

    def rows(self, *words, expect=0, command="archives"):
        done = self.hbcore("--json", command, *words, expect=expect)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return [row for row in rows if row["type"] == "listed_archive"], rows[-1]

    # ---- the list ----

    def test_what_is_told(self):
        hb.sqlite3.connect(self.home / "state.db").execute("CREATE TABLE t(x)").connection.close()
        first = self.backup_at(self.now - 3 * DAY)
        hb.write(self.home / "more", b"x" * 100000)
        second = self.backup_at(self.now - 5 * 3600)
        rows, summary = self.rows()
        self.assertEqual([row["path"] for row in rows], [str(second), str(first)])
        self.assertEqual([row["number"] for row in rows], [1, 2])
        newest = rows[0]
        self.assertEqual((newest["preset"], newest["whose"], newest["complete"], newest["files"], newest["databases"]),
                         ("nightly", "this", True, 3, 1))
        self.assertEqual(newest["archive_bytes"], second.stat().st_size)
        self.assertLessEqual(abs(newest["started"] - (self.now - 5 * 3600)), 1)
        self.assertEqual((summary["archives"], summary["complete_archives"], summary["status"]), (2, 2, "complete"))
        said = self.hbcore("archives").stdout.decode()
        self.assertIn(f"nightly: {self.kept}\n", said)
        self.assertRegex(said, rf" 1  \d\d\d\d-\d\d-\d\d \d\d:\d\d +5 h .* \+\d+ %  +3  +1  {second.name}: complete\n")
        self.assertRegex(said, rf" 2  \d\d\d\d-\d\d-\d\d \d\d:\d\d +3 d .* -  +2  +1  {first.name}: complete\n")
        self.assertEqual(self.rows(command="list")[0], rows)

    @staticmethod
    def rows_text(rows):
        return {pathlib.Path(row["path"]).name: (row["whose"], row["complete"]) for row in rows}

    def test_of_every_kind(self):
        """Complete, incomplete, damaged, another home's, without facts, of another tool, of one that is no archive."""
        complete, incomplete = self.backup_at(self.now - 2 * DAY), self.incomplete_at(self.now - DAY)
        bare = self.backup_at(self.now - 3 * DAY)
        pathlib.Path(f"{bare}.facts").unlink()
        other = self.dir / "other"
        hb.write(other / "notes", b"theirs\n")
        done = self.hbcore("--json", "--home", other, "backup", "--preset", "nightly")
        others = pathlib.Path(self.summary(done)["archive"])
        foreign, junk = self.kept / "nightly-2020-01-01-000000.zip", self.kept / "nightly-2020-01-02-000000.zip"
        with zipfile.ZipFile(foreign, "w") as made:
            made.writestr("notes", "x")
        junk.write_bytes(b"nothing\n" * 100)
        rows, _ = self.rows()
        self.assertEqual(self.rows_text(rows), {
            complete.name: ("this", True), incomplete.name: ("this", False), bare.name: ("this", True),
            others.name: ("other", True), foreign.name: ("unknown", None), junk.name: ("unknown", False)})
        said = self.hbcore("archives").stdout.decode()
        for name, words in ((incomplete.name, "incomplete: 1 reason"), (others.name, f"of another home: {other} on"),
                            (foreign.name, "does not say"), (junk.name, "not an archive")):
            self.assertRegex(said, f"{re.escape(name)}: {re.escape(words)}")

    def test_why_it_is_incomplete(self):
        """In words, below it and in JSON; the facts beside it have no words, so the archive is asked, if it can be."""
        self.backup_at(self.now - 2 * DAY)
        for number in range(4):
            hb.write(self.home / f"state{number}.db", b"SQLite format 3\0" + b"\1" * 4000)
        incomplete = self.backup_at(self.now - DAY, expect=3)
        rows, _ = self.rows()
        self.assertEqual([row["reasons"] for row in rows], [4, 0])
        self.assertEqual([[reason["path"] for reason in row["why"]] for row in rows], [[f"state{i}.db" for i in range(4)], []])
        self.assertIn("SQLite", rows[0]["why"][0]["reason"])
        self.assertEqual([row["host"] for row in rows], [os.uname().nodename] * 2)
        lines = self.hbcore("archives").stdout.decode().splitlines()
        at = next(number for number, line in enumerate(lines) if incomplete.name in line)
        self.assertRegex(lines[at + 1], r"^      state0\.db: .*SQLite")
        self.assertEqual(lines[at + 4], "      ... and 1 more (-v lists them)")
        self.assertIn("      state3.db: ", self.hbcore("-v", "archives").stdout.decode())
        # Without facts, and where the archive cannot be read any more.
        facts = pathlib.Path(f"{incomplete}.facts")
        kept = facts.read_bytes()
        facts.unlink()
        self.assertEqual(len(self.rows()[0][0]["why"]), 4)
        facts.write_bytes(kept)
        size = incomplete.stat().st_size
        with open(incomplete, "r+b") as stream:
            stream.truncate(size - 500)
            stream.truncate(size)
        row = self.rows()[0][0]
        self.assertEqual((row["complete"], row["reasons"], row["why"], row["host"]), (False, 4, None, None))
        self.assertNotIn(b"state0.db", self.hbcore("archives").stdout)

    def test_hostile_words_are_shown_harmless(self):
        self.home.mkdir(exist_ok=True)
        name = "evil\x1b[31m\n.db"
        hb.write(self.home / name, b"SQLite format 3\0" + b"\1" * 4000)
        self.backup_at(self.now - DAY, expect=3)
        self.assertNotIn(b"\x1b", self.hbcore("archives").stdout)
        self.assertEqual(self.rows()[0][0]["why"][0]["path"], name)

    def on_terminal(self, columns):
        above, below = pty.openpty()
        self.addCleanup(os.close, above)
        fcntl.ioctl(below, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        done = subprocess.run(self.command("archives"), stdout=below, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              env=self.environment(), check=True, timeout=240)
        os.close(below)
        self.assertEqual(done.stderr, b"")
        return os.read(above, 1 << 16).decode().replace("\r\n", "\n").splitlines()

    def test_the_host_on_a_wide_terminal(self):
        """A column more where there is room; else, and for other programs, the lines are as they were."""
        self.backup_at(self.now - DAY)
        wide, narrow = self.on_terminal(160), self.on_terminal(80)
        self.assertIn("DATABASES  HOST          NAME", wide[1])
        self.assertIn(f"  {os.uname().nodename[:12]:<12}  nightly-", wide[2])
        plain = self.hbcore("archives").stdout.decode().splitlines()
        self.assertEqual(narrow, plain)
        self.assertNotIn("HOST", narrow[1])

    def test_places(self):
        self.add_preset("weekly")
        self.backup_at(self.now - DAY)
        self.backup_at(self.now - DAY, "weekly")
        self.assertEqual([row["preset"] for row in self.rows()[0]], ["nightly", "weekly"])
        self.assertEqual([row["preset"] for row in self.rows("weekly")[0]], ["weekly"])
        self.assertEqual([row["preset"] for row in self.rows(self.kept, "weekly")[0]], [None, "weekly"])
        named = self.dir / "named"
        named.mkdir()
        self.hbcore("backup", "-o", named / "of-any-name.zip")
        rows, _ = self.rows(f"{named}/")
        self.assertEqual(self.rows_text(rows), {"of-any-name.zip": ("this", True)})
        self.assertIn(b"no archives", self.hbcore("archives", f"{self.dir}/none").stdout)
        self.assertIn(b"there is no preset 'nope'", self.hbcore("archives", "nope", expect=2).stderr)

    def test_nothing_is_changed(self):
        """Facts without an archive stay, and the home gets no id by it."""
        stray = self.kept / "nightly-2020-01-01-000000.zip.facts"
        hb.write(stray, b"{}")
        before = sorted(self.home.iterdir())
        self.rows()
        self.assertTrue(stray.exists())
        self.assertEqual(sorted(self.home.iterdir()), before)

    # ---- monitoring ----

    def test_age(self):
        self.assertEqual(self.rows("--max-age", "26h", expect=3)[1]["status"], "incomplete")
        newest = self.backup_at(self.now - 25 * 3600)
        self.rows("--max-age", "26h")
        done = self.hbcore("archives", "--max-age", "24h", expect=3)
        self.assertIn(f"the newest complete archive is 25 h old: {newest.name}".encode(), done.stdout + done.stderr)
        self.incomplete_at(self.now - 60)
        self.rows("--max-age", "24h", expect=3)
        self.rows("--max-age", "26h")
        ahead = self.backup_at(self.now + 3 * DAY)
        done = self.hbcore("archives", "--max-age", "24h", expect=3)
        self.assertIn(f"{ahead.name}: its time lies ahead".encode(), done.stdout + done.stderr)
        for wrong in ("26", "h", "-1h", "1y", "0h", "99999999999d", ""):
            self.hbcore("archives", "--max-age", wrong, expect=2)

    def test_one_of_several_is_too_old(self):
        self.add_preset("weekly")
        self.backup_at(self.now - 3600)
        self.backup_at(self.now - 10 * DAY, "weekly")
        self.rows("--max-age", "1d", expect=3)
        self.rows("nightly", "--max-age", "1d")

    def test_a_place_that_cannot_be_listed(self):
        """Nobody can tell: that is no old archive, but a failure."""
        hb.write(self.kept, b"no directory\n")
        _, last = self.rows("--max-age", "1d", expect=1)
        self.assertEqual((last["type"], last["exit_status"]), ("error", 1))
        self.assertIn(b"[preset:nightly]", self.hbcore("archives", expect=1).stderr)

    def test_metrics(self):
        self.backup_at(self.now - 2 * DAY)
        second = self.backup_at(self.now - DAY)
        self.incomplete_at(self.now - 60)
        said = self.hbcore("archives", "--prometheus").stdout.decode()
        values = dict(line.rsplit(" ", 1) for line in said.splitlines())
        self.assertEqual(values['hbcore_archives{archives="nightly"}'], "3")
        self.assertEqual(values['hbcore_archives_complete{archives="nightly"}'], "2")
        self.assertEqual(values['hbcore_newest_complete_bytes{archives="nightly"}'], str(second.stat().st_size))
        self.assertLessEqual(abs(int(values['hbcore_newest_complete_timestamp_seconds{archives="nightly"}'])
                                 - (self.now - DAY)), 1)
        odd = self.dir / 'a "b"\\'
        odd.mkdir()
        self.assertIn('archives="' + str(odd).replace("\\", "\\\\").replace('"', '\\"') + '/"} 0',
                      self.hbcore("archives", "--prometheus", f"{odd}/").stdout.decode())
        self.hbcore("--json", "archives", "--prometheus", expect=2)

    # ---- an archive by its number, or latest ----

    def content(self, *words, expect=0):
        return self.hbcore("cat", *words, "notes", expect=expect).stdout

    def several(self, count=4):
        made = []
        for number in range(count):
            hb.write(self.home / "notes", f"of {number}\n".encode())
            made.append(self.backup_at(self.now - (count - number) * DAY))
        return made

    def test_latest(self):
        self.several()
        self.assertEqual([self.content(word) for word in ("latest", "latest~1", "latest~3", "latest~0")],
                         [b"of 3\n", b"of 2\n", b"of 0\n", b"of 3\n"])
        self.assertEqual([self.content(word) for word in ("1", "4")], [b"of 3\n", b"of 0\n"])
        for word in ("latest~4", "5", "0"):
            self.content(word, expect=1)
        self.hbcore("verify", "latest")
        self.assertIn(b"notes", self.hbcore("list", "2").stdout)

    def test_a_newer_one_is_incomplete(self):
        self.several(2)
        hb.write(self.home / "notes", b"too new\n")
        incomplete = self.incomplete_at(self.now - 60)
        done = self.hbcore("list", "latest")
        self.assertIn(f"{incomplete} is newer than the archive that was taken, but incomplete".encode(),
                      done.stdout + done.stderr)
        self.assertEqual(self.content("latest"), b"of 1\n")
        self.assertEqual(self.content("1"), b"too new\n")

    def test_a_file_of_that_name(self):
        self.several(2)
        for name in ("latest", "1"):
            with zipfile.ZipFile(self.dir / name, "w") as made:
                made.writestr("notes", f"file {name}")
            self.assertEqual(self.hbcore("cat", name, "notes", cwd=self.dir).stdout, f"file {name}".encode())
            self.assertNotEqual(self.content(name), f"file {name}".encode())

    def test_of_a_preset(self):
        self.add_preset("weekly")
        self.several(2)
        hb.write(self.home / "notes", b"weekly\n")
        self.backup_at(self.now - 60, "weekly")
        self.assertEqual(self.content("latest"), b"weekly\n")
        self.assertEqual(self.content("latest", "--preset", "nightly"), b"of 1\n")
        self.assertEqual(self.content("2", "--preset", "nightly"), b"of 0\n")
        self.assertIn(b"add --preset", self.hbcore("cat", "1", "notes", expect=2).stderr)

    def test_import(self):
        first, second = self.several(2)
        hb.write(self.home / "notes", b"now\n")
        self.hbcore("import", "--force", "1", expect=2)
        self.assertEqual((self.home / "notes").read_bytes(), b"now\n")
        done = self.hbcore("import", "2", input=b"y\n")
        self.assertIn(f"Archive: {first}".encode(), done.stdout)
        self.assertEqual((self.home / "notes").read_bytes(), b"of 0\n")
        self.hbcore("import", "--force", "latest")
        self.assertEqual((self.home / "notes").read_bytes(), b"of 1\n")
        self.assertTrue(second.exists())

    def test_what_an_import_made_is_not_the_latest(self):
        """Whoever types it again wants the backup, and not the damage that was saved before."""
        self.add_preset("before")
        self.config.write_text(self.config.read_text() + "[import]\nbackup-preset = before\n")
        self.several(2)
        hb.write(self.home / "notes", b"damaged\n")
        self.hbcore("import", "--force", "--backup-first", "latest")
        self.assertEqual(self.content("latest"), b"of 1\n")
        self.assertEqual(self.content("latest", "--preset", "before"), b"damaged\n")
        done = self.hbcore("list", "latest")
        self.assertIn(b"is newer, but an import made it before it replaced anything", done.stdout + done.stderr)
        self.hbcore("undo", "--yes")
        self.assertEqual((self.home / "notes").read_bytes(), b"damaged\n")

    def test_a_preset_is_no_archive(self):
        self.several(1)
        done = self.hbcore("verify", "nightly", expect=2)
        self.assertIn(b"latest --preset nightly", done.stderr)

    def test_of_two_homes_by_time(self):
        """Each counts its own; the list is by time, and a number is that of the list."""
        other = self.dir / "other"
        hb.write(other / "notes", b"theirs\n")
        made = [self.backup_at(self.now - 4 * 3600), self.backup_at(self.now - 3 * 3600)]
        clock = datetime.datetime.fromtimestamp(self.now - 3600, datetime.timezone.utc).strftime("@%Y-%m-%d %H:%M:%S")
        theirs = self.run_at(clock, "--home", other, "--json", "backup", "--preset", "nightly")
        made.append(pathlib.Path(self.summary(theirs)["archive"]))
        rows, _ = self.rows()
        self.assertEqual([row["path"] for row in rows], [str(path) for path in reversed(made)])
        self.assertEqual(self.content("2", "--preset", "nightly"), self.content("latest"))
        done = self.hbcore("import", "1", "--preset", "nightly", input=b"y\n", expect=2)
        self.assertIn(f"this is {made[2]}, which is not known to be an archive of this home".encode(), done.stderr)
        self.assertEqual((self.home / "notes").read_bytes(), b"some\n")

    def test_the_latest_where_the_clock_was_put_back(self):
        """The home counts its archives: the one that was made last."""
        self.backup_at(self.now - 3600)
        hb.write(self.home / "notes", b"made last\n")
        self.backup_at(self.now - 2 * DAY)
        self.assertEqual(self.content("latest"), b"made last\n")
        self.assertEqual(self.content("1"), b"made last\n")

    def test_a_directory_by_url(self):
        self.several(2)
        rows, _ = self.rows(f"file://{self.kept}")
        self.assertEqual(len(rows), 2)

    def test_another_homes_is_not_the_latest(self):
        self.several(1)
        other = self.dir / "other"
        hb.write(other / "notes", b"theirs\n")
        self.hbcore("--home", other, "backup", "--preset", "nightly")
        self.assertEqual(self.content("latest"), b"of 0\n")
        self.assertEqual(self.hbcore("--home", other, "cat", "latest", "notes").stdout, b"theirs\n")


if __name__ == "__main__":
    unittest.main()
