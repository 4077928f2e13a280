# SPDX-License-Identifier: Apache-2.0
"""What an event says, in each command and callback; how a command ends for hooks; what they stage, and hold back."""
import json
import os
import pathlib
import unittest

import hb

HOME = {"files": 3, "bytes": 12}


class Events(hb.Case):
    def setUp(self):
        super().setUp()
        self.home, self.said, self.kept = self.dir / "home", self.dir / "events", self.dir / "kept"
        for name in ("one", "two", "three"):
            hb.write(self.home / name, b"old\n")
        self.configure()

    def configure(self, more="", hooks=("noting",)):
        sections = "".join(f"[hook:{name}]\nplugin = noting\nevents = {self.said}\n{more}" for name in hooks)
        self.config = self.write_config(
            f"[plugins]\npath = {os.environ['HBCORE_HOOKS']}\n[home]\npath = {self.home}\n"
            f"[backup]\nformat = zip\ndirectory = {self.kept}\n[snapshot]\nfiles = one\n"
            f"[import]\nbackup-preset = nightly\n[preset:nightly]\ndirectory = {self.kept}\nkeep = 1\n{sections}")

    def run_it(self, *words, expect=0, **keywords):
        """The summary, or what failed; and the events."""
        done = self.hbcore("--json", *words, expect=expect, **keywords)
        events = [json.loads(line) for line in self.said.read_text().splitlines()] if self.said.exists() else []
        self.said.unlink(missing_ok=True)
        return (self.summary(done) if expect in (0, 3) else done), events

    def expect_events(self, events, command, ways=("before", "after", "finally"), **members):
        self.assertEqual([(event["when"], event["command"]) for event in events], [(way, command) for way in ways])
        for event in events:
            self.assertEqual(event["home"], str(self.home))
            self.assertGreater(event["started"], 1500000000)
            self.assertLess(event["duration_ms"], 60000)
        for key, value in members.items():
            self.assertEqual({event["when"]: event[key] for event in events}, dict(zip(ways, value)), key)

    def leaves_nothing(self):
        self.assertEqual([name for name in os.listdir(self.home) if name.startswith(".hbcore-stage")], [])

    # ---- every member, in every command ----

    def test_backup(self):
        for words, archive, preset in ((("--preset", "nightly"), None, "nightly"), ((), None, None),
                                       (("-o", self.dir / "a.zip"), str(self.dir / "a.zip"), None),
                                       (("-o", self.dir / "b.tar.zst", "--format", "tar-zstd"), None, None)):
            with self.subTest(words=words):
                done, events = self.run_it("backup", *words)
                self.assertEqual(archive or done["archive"], done["archive"])
                self.expect_events(events, "backup", archive=[done["archive"]] * 3, preset=[preset] * 3,
                                   format=[done["format"]] * 3, files=[0, 3, 3], bytes=[0, 12, 12],
                                   archive_bytes=[0, done["archive_bytes"], done["archive_bytes"]],
                                   exit_status=[0] * 3, status=[0] * 3, error=[None] * 3, within=[None] * 3,
                                   snapshot=[None] * 3, elsewhere=[0] * 3, dry_run=[0] * 3)
        done, events = self.run_it("backup", "--dry-run", "--preset", "nightly")
        self.expect_events(events, "backup", dry_run=[1] * 3, files=[0, 3, 3], archive_bytes=[0] * 3)
        with open(self.dir / "stream.zip", "wb") as stream:
            stream.write(self.hbcore("backup", "-o", "-").stdout)
        events = [json.loads(line) for line in self.said.read_text().splitlines()]
        self.said.unlink()
        self.expect_events(events, "backup", archive=["-"] * 3)

    def test_a_name_that_comes_to_be_another_one(self):
        """The directory of the preset is renamed, or the name is taken: the archive's own name is told."""
        first, _ = self.run_it("backup", "--preset", "nightly", env={"SOURCE_DATE_EPOCH": "1700000000"})
        second, events = self.run_it("backup", "--preset", "nightly", env={"SOURCE_DATE_EPOCH": "1700000000"})
        self.assertEqual(events[1]["archive"], second["archive"])
        self.assertTrue(os.path.exists(second["archive"]) and events[2]["archive"] == second["archive"])
        self.assertEqual(first["files"], second["files"])
        # Once more, and then nothing is made: what was told before is not gone with the name that it was to have.
        for name in ("one", "two", "three"):
            (self.home / name).unlink()
        (self.home / "broken").symlink_to(self.dir / "outside")
        hb.write(self.dir / "outside", b"x")
        _, events = self.run_it("backup", "--preset", "nightly", env={"SOURCE_DATE_EPOCH": "1700000000"}, expect=1)
        self.expect_events(events, "backup", ("before", "finally"), archive=[events[0]["archive"]] * 2)
        self.assertTrue(events[1]["archive"].startswith(str(self.kept)), events[1]["archive"])

    def test_an_incomplete_archive_says_why(self):
        (self.home / "broken").symlink_to(self.dir / "outside")
        hb.write(self.dir / "outside", b"x")
        target = self.dir / "a.zip"
        self.run_it("backup", "-o", self.dir / "other.zip", expect=3)
        (self.home / "broken").rename(self.dir / "moved")
        self.run_it("backup", "-o", target)
        (self.dir / "moved").rename(self.home / "broken")
        hb.write(self.home / "more", b"new\n")
        for words in (("-o", target), ("--preset", "nightly")):
            done, events = self.run_it("backup", *words, expect=3)
            self.expect_events(events, "backup", exit_status=[0, 3, 3], skipped=[0, 1, 1],
                               archive=[events[0]["archive"], done["archive"], done["archive"]])
            self.assertEqual([(row["kind"], row["path"]) for row in events[1]["reasons"]], [(1, "broken")])
            self.assertEqual(events[1]["reasons"], events[2]["reasons"])
            self.assertEqual(events[1]["reasons"][0]["text"], done["skipped"][0]["reason"])

    def test_import(self):
        archive = self.dir / "a.zip"
        self.run_it("backup", "-o", archive)
        hb.write(self.home / "one", b"new\n")
        _, events = self.run_it("import", "--force", "a.zip", cwd=self.dir)
        self.expect_events(events, "import", archive=[str(archive)] * 3, format=[None, "zip", "zip"],
                           files=[0, 3, 3], exit_status=[0] * 3)
        done, events = self.run_it("import", "--force", "--backup-first", archive, "--include", "one")
        self.assertEqual([(row["when"], row["command"], row["within"]) for row in events],
                         [("before", "import", None), ("before", "backup", "import"), ("after", "backup", "import"),
                          ("finally", "backup", "import"), ("after", "import", None), ("finally", "import", None)])
        self.assertEqual(events[1]["preset"], "nightly")
        self.assertEqual(events[3]["archive"], done["way_back"])
        self.assertEqual([events[-1]["left_out"], events[-1]["files"]], [2, 1])
        self.hbcore("import", "--force", "-", input=archive.read_bytes())
        events = [json.loads(line) for line in self.said.read_text().splitlines()]
        self.said.unlink()
        self.expect_events(events, "import", archive=["-"] * 3, format=[None, "zip", "zip"])
        _, events = self.run_it("--home", self.dir / "new", "import", archive)
        self.assertEqual([row["home"] for row in events], [str(self.dir / "new")] * 3)
        self.assertEqual([row["elsewhere"] for row in events], [1] * 3)

    def test_snapshots_and_pruning(self):
        made, events = self.run_it("snapshot", "create", "--label", "x")
        self.expect_events(events, "snapshot create", snapshot=[None, made["id"], made["id"]], files=[0, 1, 1],
                           bytes=[0, 4, 4])
        _, events = self.run_it("backup", "--quick", "--keep", "1")
        self.expect_events(events, "snapshot create", removed=[[], [], [made["id"]]])
        _, events = self.run_it("snapshot", "create", "--dry-run")
        self.expect_events(events, "snapshot create", dry_run=[1] * 3, snapshot=[None] * 3)
        hb.write(self.home / "one", b"new!\n")
        done, events = self.run_it("snapshot", "restore", "1")
        self.expect_events(events, "snapshot restore", snapshot=[done["id"]] * 3, files=[0, 1, 1])
        _, events = self.run_it("snapshot", "create")
        done, events = self.run_it("snapshot", "prune", "--keep", "1")
        self.expect_events(events, "snapshot prune", removed=[[], *[[row["id"] for row in done["removed_snapshots"]]
                                                                    if isinstance(done["removed_snapshots"][0], dict)
                                                                    else done["removed_snapshots"]] * 2])
        for words in (("list",),):
            self.assertEqual(self.run_it("snapshot", *words, expect=0)[1], [])
        made = [self.run_it("backup", "--preset", "nightly", "--keep", "9")[0]["archive"] for _ in range(3)]
        _, events = self.run_it("prune", "--dry-run")
        self.expect_events(events, "prune", dry_run=[1] * 3)
        self.assertEqual(sorted(events[1]["removed"]), sorted(made[:2]))
        _, events = self.run_it("prune", "--preset", "nightly")
        self.expect_events(events, "prune", preset=["nightly"] * 3, archive=[None] * 3)
        self.assertEqual(sorted(events[2]["removed"]), sorted(made[:2]))
        for words in (("list", made[2]), ("verify", made[2]), ("cat", made[2], "one")):
            self.hbcore(*words)
            self.assertFalse(self.said.exists(), words)

    def test_on(self):
        self.configure("on = snapshot\n")
        self.assertEqual(self.run_it("backup")[1], [])
        self.expect_events(self.run_it("snapshot", "create")[1], "snapshot create")
        self.configure("on = prune backup\n")
        self.expect_events(self.run_it("backup")[1], "backup")
        self.assertEqual(self.run_it("snapshot", "prune")[1], [])

    # ---- the end of a command ----

    def test_a_failed_command(self):
        broken = self.dir / "broken.zip"
        broken.write_bytes(b"PK\x03\x04 no")
        hb.write(self.dir / "file", b"x")
        ways = ("before", "finally")
        for words, code, said in ((("backup", "-o", self.dir / "file/a.zip"), 1, "file"),
                                  (("import", "--force", broken), 1, "broken.zip"),
                                  (("snapshot", "restore", "20200101-000000"), 1, "20200101-000000"),
                                  (("import", "--force", self.dir / "none.zip"), 1, "none.zip")):
            with self.subTest(words=words):
                done, events = self.run_it(*words, expect=code)
                self.expect_events(events, " ".join(map(str, words[:2])) if words[0] == "snapshot" else words[0],
                                   ways, exit_status=[0, code])
                self.assertLess(events[1]["status"], 0)
                self.assertIn(said, events[1]["error"])
                self.assertIn(events[1]["error"], json.loads(done.stdout.splitlines()[-1])["message"])
        self.leaves_nothing()

    def test_another_exit_code_is_told(self):
        archive = self.dir / "a.zip"
        self.run_it("backup", "-o", archive)
        _, events = self.run_it("import", "--force", archive, "--format", "nothing", expect=2)
        self.expect_events(events, "import", ("before", "finally"), exit_status=[0, 2])
        _, events = self.run_it("import", "--force", archive, "--include", "no-such", expect=1)
        self.expect_events(events, "import", ("before", "finally"), exit_status=[0, 1])
        self.assertLess(events[1]["status"], 0)
        with hb.HeldLock(self.home):
            self.assertEqual(self.run_it("backup", expect=5)[1], [])

    def test_a_declined_import(self):
        self.run_it("backup", "-o", self.dir / "a.zip")
        self.config = self.write_config(self.config.read_text().replace("[import]\n", "[import]\nask-if = one\n"))
        self.hbcore("import", self.dir / "a.zip", input=b"n\n", expect=4)
        events = [json.loads(line) for line in self.said.read_text().splitlines()]
        self.expect_events(events, "import", ("before", "finally"), exit_status=[0, 4], status=[0, -3])

    def test_a_veto_reaches_those_that_were_asked(self):
        """The one that vetoes, and those before it, the last one first; none behind it."""
        self.configure(hooks=("first", "second", "third"))
        self.config = self.write_config(self.config.read_text().replace(
            "[hook:second]\nplugin = noting\n", "[hook:second]\nplugin = noting\nrefuse = backup\n"))
        done, events = self.run_it("backup", expect=1)
        self.assertEqual([row["when"] for row in events], ["before", "before", "finally", "finally"])
        self.assertIn("backup is refused", events[2]["error"])
        self.assertIn("[hook:second]", events[2]["error"])
        self.assertFalse(self.kept.exists())

    def test_a_command_that_is_stopped(self):
        """By a signal, while it waits for a reader of its pipe."""
        os.mkfifo(self.dir / "pipe")
        process = self.start_hbcore("backup", "-o", self.dir / "pipe")
        while b"waiting for a reader" not in process.stderr.readline():
            self.assertIsNone(process.poll())
        process.terminate()
        process.communicate()
        self.assertEqual(process.returncode, 143)
        events = [json.loads(line) for line in self.said.read_text().splitlines()]
        self.expect_events(events, "backup", ("before", "finally"), exit_status=[0, 143], status=[0, -3])

    def test_vetoes_of_the_others(self):
        for command, words in (("prune", ("prune",)), ("snapshot create", ("snapshot", "create")),
                               ("snapshot prune", ("snapshot", "prune", "--keep", "0")),
                               ("snapshot restore", ("snapshot", "restore", "1"))):
            self.configure()
            self.hbcore("snapshot", "create")
            hb.write(self.home / "one", b"new\n")
            before = hb.tree(self.home)
            self.said.unlink()
            self.configure(f"refuse = {command}\n")
            done, events = self.run_it(*words, expect=1)
            self.assert_mentions(done, f"{command} is refused")
            self.expect_events(events, command, ("before", "finally"), exit_status=[0, 1], status=[0, -2])
            self.assert_unchanged(before, self.home)

    def test_a_hook_that_fails_at_the_end(self):
        """It is told, and changes nothing: as a note, or where the command has failed beside its error."""
        self.configure("stages = finally\n")
        done, _ = self.run_it("backup", "--dry-run")
        self.assertEqual([row["reason"] for row in done["notes"] if "hook" in row["reason"]],
                         ["[hook:noting]: noting: this command stages nothing: it is a dry run, or only reads"])
        (self.dir / "broken.zip").write_bytes(b"PK\x03\x04 no")
        done = self.hbcore("import", "--dry-run", self.dir / "broken.zip", expect=1)
        self.assert_mentions(done, "[hook:noting]: noting: this command stages nothing", "broken.zip")

    def test_a_failed_way_back(self):
        self.run_it("backup", "-o", self.dir / "a.zip")
        (self.home / "broken").symlink_to(self.dir / "outside")
        hb.write(self.dir / "outside", b"x")
        _, events = self.run_it("import", "--force", "--backup-first", self.dir / "a.zip", expect=1)
        self.assertEqual([(row["when"], row["command"], row["exit_status"]) for row in events],
                         [("before", "import", 0), ("before", "backup", 0), ("after", "backup", 3),
                          ("finally", "backup", 3), ("finally", "import", 1)])
        self.assertIn("incomplete", events[-1]["error"])

    # ---- staging ----

    def test_staging_and_publishing(self):
        self.configure("stages = before after finally\n")
        archive = self.dir / "a.zip"
        for words in (("backup", "-o", archive), ("import", "--force", archive), ("snapshot", "create"),
                      ("import", "--force", "--backup-first", archive), ("backup", "-o", "-"),
                      ("backup", "--preset", "nightly"), ("snapshot", "restore", "1"), ("snapshot", "prune"), ("prune",)):
            with self.subTest(words=words):
                hb.shutil.rmtree(self.home / "noted", ignore_errors=True)
                self.hbcore(*words)
                self.assertEqual({path.name: path.read_text() for path in (self.home / "noted").iterdir()},
                                 {f"{way}.noted": way for way in ("before", "after", "finally")})
                self.assertEqual((self.home / "noted/after.noted").stat().st_mode & 0o777, 0o640)
                self.leaves_nothing()
        self.assertIn(b"noted/before.noted", self.hbcore("list", archive).stdout)  # it came in time
        # Into a home that is not there yet there is nowhere to stage before; afterwards there is.
        self.configure("stages = after\n")
        self.hbcore("--home", self.dir / "new", "import", archive)
        self.assertEqual((self.dir / "new/noted/after.noted").read_text(), "after")
        self.configure("stages = before\n")
        done = self.hbcore("--home", self.dir / "newer", "import", archive, expect=1)
        self.assert_mentions(done, "no home yet")
        done = self.hbcore("backup", "--dry-run", expect=1)
        self.assert_mentions(done, "dry run, or only reads")

    # ---- retention ----

    def test_retention_comes_behind_after(self):
        old = self.run_it("backup", "--preset", "nightly")[0]["archive"]
        self.configure("answer = hold\n")
        done, events = self.run_it("backup", "--preset", "nightly")
        self.assertEqual((done["status"], done["removed_archives"]), ("complete", []))
        self.assertIn("[hook:noting]: noting: the copy elsewhere", done["held"])
        self.assertTrue(os.path.exists(old))
        self.assertEqual(events[2]["removed"], [])
        self.assertIn("nothing older was removed", self.hbcore("backup", "--preset", "nightly").stdout.decode()
                      + self.hbcore("backup", "--preset", "nightly").stderr.decode())
        for answer, said in (("fail", "the other machine is down"), ("hold-silently", "without saying why")):
            self.said.unlink(missing_ok=True)
            self.configure(f"answer = {answer}\n")
            done, _ = self.run_it("backup", "--preset", "nightly")
            self.assertIn(said, done["held"])
            self.assertTrue(os.path.exists(old))
        self.configure()
        done, events = self.run_it("backup", "--preset", "nightly")
        self.assertIsNone(done["held"])
        self.assertFalse(os.path.exists(old))
        self.assertEqual(sorted(events[2]["removed"]), sorted(done["removed_archives"]))
        self.assertEqual(events[1]["removed"], [])
        self.assertIn(old, events[2]["removed"])
        self.assertEqual(len(hb.archives(self.kept)), 1)

    def test_snapshots_are_held_back(self):
        first = self.run_it("snapshot", "create")[0]["id"]
        self.configure("answer = hold\n")
        done, _ = self.run_it("snapshot", "create", "--keep", "1")
        self.assertIn("the copy elsewhere", done["held"])
        self.assertEqual((done["removed"], done["snapshots"]), (0, 2))
        self.configure()
        done, events = self.run_it("snapshot", "create", "--keep", "1")
        self.assertEqual((done["held"], done["removed"], done["snapshots"]), (None, 2, 1))
        self.assertIn(first, events[2]["removed"])

    def test_what_is_not_retention_is_not_held(self):
        """Of an archive with a name of its own nothing is removed: there is nothing to be said."""
        self.configure("answer = hold\n")
        done, _ = self.run_it("backup", "-o", self.dir / "a.zip")
        self.assertIsNone(done["held"])
        self.assertNotIn("nothing older", self.hbcore("backup", "-o", self.dir / "b.zip").stderr.decode())


if __name__ == "__main__":
    unittest.main()
