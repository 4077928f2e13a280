# SPDX-License-Identifier: Apache-2.0
"""What --json says: of each command, done or failed, one object a line and nothing else."""
import json
import os
import unittest

import hb


class Json(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.archive = self.backup(self.home)

    def run_json(self, *arguments, expect=0, home=None, **keywords):
        done = self.hbcore("--json", "--home", home or self.home, *arguments, expect=expect,
                           **keywords)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertTrue(all(isinstance(row.get("type"), str) for row in rows), rows)
        return done, rows

    def failed(self, code, *arguments, words=(), **keywords):
        """One error, the last line, that says what standard error says to people."""
        done, rows = self.run_json(*arguments, expect=code, **keywords)
        self.assertEqual([row["type"] for row in rows].count("error"), 1, rows)
        self.check_error(rows[-1], code, done.stderr, words)
        return rows

    def check_error(self, row, code, stderr, words=()):
        self.assertEqual(list(row), ["type", "exit_status", "message", "hint"])
        self.assertEqual((row["type"], row["exit_status"]), ("error", code))
        self.assertIn(f"hbcore: {row['message']}\n", stderr.decode())
        if row["hint"] is not None:
            self.assertIn(f"\n  {row['hint']}\n", stderr.decode())
        for word in words:
            self.assertIn(os.fspath(word), f"{row['message']} {row['hint']}")

    def test_what_is_done(self):
        made = self.dir / "n.zip"
        last = {"backup": ["backup", "-o", made], "import": ["import", self.archive, "--force"],
                "list": ["list", self.archive], "verify": ["verify", self.archive],
                "snapshot create": ["snapshot", "create"], "snapshot list": ["snapshot", "list"],
                "snapshot restore": ["snapshot", "restore", "1"],
                "snapshot prune": ["snapshot", "prune"]}
        for command, arguments in last.items():
            with self.subTest(command=command):
                _, rows = self.run_json(*arguments)
                self.assertEqual((rows[-1]["type"], rows[-1]["command"], rows[-1]["status"]),
                                 ("summary", command, "complete"))
        snapshot = os.listdir(self.home / "state-snapshots")[0]
        self.assertEqual(self.run_json("guard", snapshot)[1][-1]["command"], "guard")
        for arguments, kind in ((["plugins", "list"], "plugin"), (["plugins", "show", "zip"], "plugin"),
                                (["config", "show"], "setting"), (["config", "check"], "config")):
            self.assertEqual({row["type"] for row in self.run_json(*arguments)[1]}, {kind})

    def test_dry_runs_write_nothing_and_say_so(self):
        self.run_json("snapshot", "create", "--label", "a")
        self.run_json("snapshot", "create", "--label", "b")
        snapshot = sorted(os.listdir(self.home / "state-snapshots"))[0]
        before = hb.tree(self.dir)
        for arguments in (["backup", "-o", self.dir / "n.zip"], ["backup", "--preset", "pre-update"],
                          ["backup", "--quick"], ["import", self.archive],
                          ["snapshot", "create"], ["snapshot", "restore", "1"],
                          ["snapshot", "prune", "--keep", "1"], ["guard", snapshot]):
            with self.subTest(arguments=arguments):
                _, rows = self.run_json(*arguments, "--dry-run")
                self.assertIs(rows[-1]["dry_run"], True)
                self.assert_unchanged(before, self.dir)

    def test_failures(self):
        none = self.dir / "none"
        for arguments in (["import", none], ["list", none], ["verify", none]):
            self.failed(1, *arguments, words=[none])
        self.failed(1, "backup", home=none, words=[none, "--home"])
        self.failed(1, "snapshot", "create", home=none)
        self.failed(1, "snapshot", "restore", "none", words=["none", "snapshot list"])
        self.failed(1, "snapshot", "restore", "7")
        self.failed(1, "guard", "..")
        self.failed(1, "plugins", "show", "none")
        self.failed(1, "plugins", "check", none)
        self.failed(1, "import", self.archive, words=["no answer"], input=b"")

    def test_wrong_use(self):
        for arguments in (["bakup"], ["backup", "--no-such"], ["backup", "extra"], ["import"],
                          ["list", "a", "b"], ["verify", "-"], ["snapshot"], ["snapshot", "prune", "--keep", "-1"],
                          ["snapshot", "create", "--label", "a/b"], ["guard"], ["plugins", "shw"],
                          ["config", "chck"], ["completion", "csh"], ["--no-such-option", "list"],
                          ["--wait", "x", "list"], ["backup", "--format", "none"],
                          ["backup", "--preset", "none"], ["schedule", "none"]):
            with self.subTest(arguments=arguments):
                self.failed(2, *arguments)

    def test_a_wrong_configuration(self):
        """An object for each thing that is wrong with it."""
        wrong = self.write_config("[backup]\nformt = zip\nlinks = perhaps\n")
        done = self.hbcore("--config", wrong, "--json", "backup", expect=2)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(rows), 2, rows)
        for row, line in zip(rows, ("2", "3")):
            self.check_error(row, 2, done.stderr, [f"{wrong}:{line}"])

    def test_declined_and_locked(self):
        _, rows = self.run_json("import", self.archive, input=b"n\n", expect=4)
        self.assertEqual([(row["type"], row["exit_status"]) for row in rows], [("error", 4)])
        with hb.HeldLock(self.home):
            self.failed(5, "backup", "-o", self.dir / "n.zip")
            self.failed(5, "snapshot", "create")
            self.failed(5, "import", self.archive, "--force")

    def test_nothing_could_be_restored(self):
        """The summary says what was not, and the error that it is one."""
        snapshot = self.home / "state-snapshots/20260101-000000"
        hb.write(snapshot / "manifest.json", json.dumps({
            "id": snapshot.name, "timestamp": snapshot.name, "label": None, "file_count": 1,
            "total_size": 1, "files": {"config.yaml": 1}}))
        rows = self.failed(1, "snapshot", "restore", snapshot.name)
        self.assertEqual([row["type"] for row in rows], ["summary", "error"])
        self.assertEqual([row["path"] for row in rows[0]["skipped"]], ["config.yaml"])

    def test_standard_output_that_carries_bytes(self):
        """An archive or a member is not mixed with JSON; that goes to standard error."""
        done = self.hbcore("--json", "--home", self.dir / "none", "backup", "-o", "-", expect=1)
        self.assertEqual(done.stdout, b"")
        text, _, row = done.stderr.strip().rpartition(b"\n")
        self.check_error(json.loads(row), 1, text + b"\n")
        for arguments, code in (["cat", self.archive, "none"], 1), (["cat", self.archive], 2):
            done = self.hbcore("--json", *arguments, expect=code)
            self.assertEqual(done.stdout, b"")
            self.assertEqual(json.loads(done.stderr.splitlines()[-1])["exit_status"], code)
        done = self.hbcore("--json", "cat", self.archive, "config.yaml")
        self.assertEqual((done.stdout, done.stderr), (b"model: large\n", b""))

    def test_times_are_whole(self):
        """Whole seconds, and nanoseconds beside them."""
        home = self.dir / "times"
        times = {"a": 1_795_904_797 * 10**9, "b": 1_764_550_859_500_000_000, "c": 1_764_550_859_123_456_700}
        for name, mtime in times.items():
            hb.write(home / name, b"x", mtime_ns=mtime)
        for form, suffix in (("zip", "zip"), ("tar-zstd", "tar.zst")):
            archive = self.backup(home, f"times.{suffix}", "--format", form)
            rows = [json.loads(line) for line in self.hbcore("--json", "list", archive).stdout.splitlines()]
            found = {row["path"]: row["mtime"] * 10**9 + row["mtime_ns"] for row in rows if row.get("path") in times}
            self.assertEqual(sorted(found), sorted(times))
            for name, mtime in times.items():
                self.assertEqual(found[name], mtime, name)

    def test_a_hostile_name(self):
        name = os.fsencode(self.dir) + b"/a\xff\x1b]0;title\x07.zip"
        done = self.hbcore("--json", "list", name, expect=1)
        row = json.loads(done.stdout)
        self.assertIn("\\x1B]0;title", row["message"])
        self.assertNotIn(b"\x1b", done.stderr)

    def test_a_hostile_name_in_the_bar(self):
        """Alone in its home: nothing has been drawn that it would have to wait for."""
        home = self.dir / "alone"
        home.mkdir()
        database = self.make_database(self.dir / "plain.db")
        os.rename(database, os.fsencode(home) + b"/\x1b]0;title\x07.db")
        done = self.hbcore("--home", home, "--progress", "always", "--set", "content:sqlite.snapshot=copy",
                           "backup", "-o", self.dir / "n.zip")
        self.assertIn(b"copying", done.stderr)
        self.assertNotIn(b"\x1b]", done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
