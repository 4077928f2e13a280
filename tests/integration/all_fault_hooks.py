# SPDX-License-Identifier: Apache-2.0
"""Each call with which guard and the aliases change something fails in turn, or is the last one."""
import json
import os
import unittest
import zipfile

import fault
import hb

fault.need()

ERRORS = ("ENOSPC", "EIO")
EMPTY, FULL = b'{"jobs": []}', b'{"jobs": [1, 2, 3]}\n'


class HookFaults(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.bin = self.user / ".local/bin"
        self.left_behind_is_fine = True  # judged after the run that follows

    def environment(self, **changes):
        """Whoever runs this may have the program that aliases start in PATH."""
        return super().environment(**({"PATH": str(self.dir / "none"), "HERMES_HOME": str(self.home)} | changes))

    def points(self, arguments, prepare, path):
        """(number, call, what happens to it): an error, or None for the end of the process."""
        prepare()
        done = self.faulted(*arguments, calls=fault.CHANGING, path=path, list_calls=True)
        self.assertGreater(done.count, 4)
        return [(number, call, error) for number, call in enumerate(done.calls, 1)
                for error in (*ERRORS, None)]

    def each(self, arguments, prepare, path):
        for number, call, error in fault.some(self.points(arguments, prepare, path), 45):
            with self.subTest(number=number, call=call, error=error or "kill"):
                prepare()
                done = self.faulted(*arguments, calls=fault.CHANGING, path=path, at=number,
                                    error=error, kill=error is None, expect=None)
                self.assertEqual(done.hits, 1)
                yield done

    # ---- guard ----

    def prepare_guard(self):
        hb.shutil.rmtree(self.home, ignore_errors=True)
        hb.write(self.home / "cron/jobs.json", EMPTY)
        hb.write(self.home / "state-snapshots/1/cron/jobs.json", FULL)

    def test_a_writer_of_the_same_length_and_second(self):
        """It is seen, and what it has written stays."""
        live, other = self.home / "cron/jobs.json", b'{"jobs": {}}'
        self.assertEqual(len(other), len(EMPTY))
        cat, touch = (hb.shutil.which(name) for name in ("cat", "touch"))
        self.prepare_guard()
        os.utime(live, ns=(1, 1_700_000_000_100_000_000))
        hb.write(self.dir / "other", other)
        done = self.faulted("--home", self.home, "guard", "1", calls="create", path=f"{self.home}/.hbcore-stage-*/*",
                            at=1, run=f"{cat} {self.dir}/other > {live}; {touch} -d @1700000000.2 {live}", expect=None)
        self.assertEqual(done.hits, 1)
        self.assertEqual(live.read_bytes(), other, self.describe(done))
        self.assertEqual(done.returncode, 1, self.describe(done))
        self.assert_mentions(done, "cron/jobs.json", "another program")

    def test_guard(self):
        arguments = ("--home", self.home, "--json", "guard", "1")
        live = self.home / "cron/jobs.json"
        outcomes = set()
        for done in self.each(arguments, self.prepare_guard, f"{self.home}*"):
            self.assertIn(live.read_bytes(), (EMPTY, FULL))
            outcomes.add((done.returncode, live.read_bytes()))
            if done.returncode == 0:
                self.assertIs(json.loads(done.stdout)["restored"], True)
                self.assertEqual(live.read_bytes(), FULL)
            self.hbcore(*arguments)
            self.assertEqual(live.read_bytes(), FULL)
            self.assert_nothing_left(self.home)
        self.assertIn((1, EMPTY), outcomes)

    # ---- aliases ----

    def prepare_import(self):
        hb.shutil.rmtree(self.home, ignore_errors=True)
        hb.shutil.rmtree(self.user / ".local", ignore_errors=True)
        hb.write(self.home / "profiles/new/.env")
        hb.write(self.home / "profiles/old/.env")
        hb.write(self.bin / "old", "#!/bin/sh\nexec /gone/hermes -p old \"$@\"\n", 0o755)
        self.before = (self.bin / "old").read_text()

    def test_aliases(self):
        archive = self.dir / "a.zip"
        with zipfile.ZipFile(archive, "w") as stream:
            stream.writestr("config.yaml", "a: 1\n")
        arguments = ("--home", self.home, "--json", "import", "--force", archive)
        right = {name: f'#!/bin/sh\nexec hermes -p {name} "$@"\n' for name in ("new", "old")}
        statuses = set()
        for done in self.each(arguments, self.prepare_import, f"{self.bin}*"):
            allowed = {"new": {None, right["new"]}, "old": {self.before, right["old"]}}
            found = {name: (self.bin / name).read_text() if (self.bin / name).exists() else None
                     for name in allowed}
            for name, text in found.items():
                self.assertIn(text, allowed[name])
            # The import itself is done: an alias cannot make it fail.
            self.assertIn(done.returncode, (0, -9, 137))
            if done.returncode == 0:
                for row in json.loads(done.stdout.splitlines()[-1])["aliases"]:
                    statuses.add(row["status"])
                    if row["status"] == "made":
                        self.assertEqual(found[row["profile"]], right[row["profile"]])
            self.hbcore(*arguments)
            self.assertEqual({path.name: path.read_text() for path in self.bin.iterdir()}, right)
            for name in right:
                self.assertEqual((self.bin / name).stat().st_mode & 0o7777, 0o755)
        self.assertEqual(statuses, {"made", "skipped"})

    def test_a_name_that_is_taken_meanwhile(self):
        """Another program's file appears there, or replaces our alias, after we looked: it stays, and we leave nothing."""
        archive = self.dir / "a.zip"
        with zipfile.ZipFile(archive, "w") as stream:
            stream.writestr("config.yaml", "a: 1\n")
        arguments = ("--home", self.home, "--json", "import", "--force", archive)
        mv = hb.shutil.which("mv")
        for number, name in ((1, "new"), (2, "old")):  # each alias has a temporary file first
            self.prepare_import()
            (self.dir / "theirs").write_text("theirs\n")
            done = self.faulted(*arguments, calls="create", path=f"{self.bin}/.hbcore-alias-*", at=number,
                                run=f"{mv} {self.dir}/theirs {self.bin}/{name}")
            self.assertEqual(done.hits, 1, self.describe(done))
            self.assertEqual((self.bin / name).read_text(), "theirs\n", self.describe(done))
            self.assertEqual(sorted(path.name for path in self.bin.iterdir()), ["new", "old"])
            row = json.loads(done.stdout.splitlines()[-1])["aliases"][number - 1]
            self.assertEqual((row["profile"], row["status"]), (name, "skipped"))
            self.assertIn("another file took the name", row["reason"])


if __name__ == "__main__":
    unittest.main()
