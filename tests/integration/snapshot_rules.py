# SPDX-License-Identifier: Apache-2.0
"""Quick snapshots: what is in them, how they are listed, put back and pruned."""
import datetime
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import unittest

import fault
import hb

fault.need()


class SnapshotCase(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"a: 1\n", 0o644, 1_700_000_000_123456789)
        hb.write(self.home / ".env", b"KEY=1\n", 0o600)
        hb.write(self.home / "cron/jobs.json", b'{"jobs": [1, 2]}')
        hb.write(self.home / "gateway_state.json", b"{}")
        hb.write(self.home / "processes.json", b"[]")
        hb.write(self.home / "pairing/telegram.json", b"{}")
        hb.write(self.home / "platforms/pairing/deep/x.json", b"{}")
        hb.write(self.home / "sessions/never.json", b"no state")
        self.make_database(self.home / "state.db", rows=30, wal=True)
        self.snapshots = self.home / "state-snapshots"

    def snapshot(self, *arguments, home=None, **keywords):
        return self.hbcore("--home", home or self.home, "--json", "snapshot", *arguments, **keywords)

    def create(self, *arguments, **keywords):
        return self.summary(self.snapshot("create", *arguments, **keywords))

    def listed(self, *arguments):
        rows = [json.loads(line) for line in self.snapshot("list", *arguments).stdout.splitlines()]
        return [row for row in rows if row["type"] == "snapshot"]

    def manifest(self, name):
        return json.loads((self.snapshots / name / "manifest.json").read_bytes())

    def as_the_reference(self, name, files, label=None):
        """A snapshot as the Python program writes it."""
        for path, data in files.items():
            hb.write(self.snapshots / name / path, data)
        meta = {"id": name, "timestamp": name[:15], "label": label, "file_count": len(files),
                "total_size": sum(map(len, files.values())),
                "files": {path: len(data) for path, data in files.items()}}
        with open(self.snapshots / name / "manifest.json", "w", encoding="utf-8") as stream:
            json.dump(meta, stream, indent=2)


class Create(SnapshotCase):
    def test_what_is_in_it(self):
        made = self.create()
        where = self.snapshots / made["id"]
        manifest = self.manifest(made["id"])
        self.assertRegex(made["id"], r"^\d{8}-\d{6}$")
        self.assertEqual(list(manifest),
                         ["id", "timestamp", "label", "file_count", "total_size", "files"])
        self.assertEqual((manifest["id"], manifest["timestamp"], manifest["label"]),
                         (made["id"], made["id"], None))
        self.assertEqual(set(manifest["files"]),
                         {"state.db", "config.yaml", ".env", "cron/jobs.json",
                          "gateway_state.json", "processes.json", "pairing/telegram.json",
                          "platforms/pairing/deep/x.json"})
        self.assertEqual(manifest["file_count"], len(manifest["files"]))
        self.assertEqual(manifest["total_size"], sum(manifest["files"].values()))
        for path, size in manifest["files"].items():
            self.assertEqual((where / path).stat().st_size, size)
        self.assertEqual(os.stat(where).st_mode & 0o777, 0o700)
        self.assertEqual(os.stat(where / ".env").st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(where / "config.yaml").st_mtime_ns, 1_700_000_000_123456789)
        self.assertEqual(len(self.database_rows(where / "state.db")), 30)
        self.assertFalse((where / "hbcore-marks.json").exists())

    def test_indented_by_two(self):
        name = self.create("--label", "caf\u00e9 label")["id"]
        text = (self.snapshots / name / "manifest.json").read_text()
        self.assertEqual(text.lower(), json.dumps(json.loads(text), indent=2).lower())
        self.assertTrue(name.endswith("-caf\u00e9 label"))

    def test_labels(self):
        for label in ("a/b", "line\nbreak", "x" * 201, b"\xff"):
            done = self.snapshot("create", "--label", label, expect=2)
            self.assert_mentions(done, "label")
        self.assertRegex(self.create("--label", "")["id"], r"^\d{8}-\d{6}$")

    def test_two_of_one_second(self):
        names = {self.create("--label", "same")["id"] for _ in range(5)}
        self.assertEqual(len(names), 5)
        for name in names:
            self.assertEqual(self.manifest(name)["id"], name)

    def test_ten_of_one_second_are_in_order(self):
        """By their names alone, which is how other readers sort them."""
        now = datetime.datetime.now(datetime.timezone.utc)
        for second in range(300):
            stamp = (now + datetime.timedelta(seconds=second)).strftime("%Y%m%d-%H%M%S")
            (self.snapshots / f"{stamp}-same-009").mkdir(parents=True)
        made = self.create("--label", "same", "--keep", "1000")["id"]
        self.assertRegex(made, r"^\d{8}-\d{6}-same-010$")
        newest = [name for name in os.listdir(self.snapshots) if name[:15] == made[:15]]
        self.assertEqual(sorted(newest), [f"{made[:-3]}009", made])

    def test_dry_run(self):
        hb.write(self.home / "kanban/boards/1/attachments/big", b"1")
        (self.home / "pairing/empty").mkdir()
        before = self.content(self.home)
        rows = [json.loads(line) for line in
                self.snapshot("create", "--dry-run").stdout.splitlines()]
        self.assertEqual(self.content(self.home), before)
        made = self.create()
        files = self.manifest(made["id"])["files"]
        self.assertEqual({row["path"] for row in rows[:-1]}, set(files))
        self.assertEqual((rows[-1]["dry_run"], rows[-1]["id"], rows[-1]["files"]),
                         (True, None, made["files"]))
        done = self.hbcore("--home", self.home, "snapshot", "create", "--dry-run")
        self.assert_mentions(done, "  platforms/pairing/deep/x.json", "Dry run: 8 files")

    def test_nothing_to_copy(self):
        empty = self.dir / "empty"
        hb.write(empty / "sessions/x", b"x")
        made = self.summary(self.snapshot("create", home=empty))
        self.assertIsNone(made["id"])
        self.assertEqual(os.listdir(empty), ["sessions"])
        for options in ((), ("--dry-run",)):
            done = self.hbcore("--home", empty, "snapshot", "create", *options)
            self.assert_mentions(done, "section [snapshot], key 'files'", "exists")
            self.config = hb.GENERIC
            done = self.hbcore("--home", empty, "snapshot", "create", *options)
            self.assert_mentions(done, "section [snapshot], key 'files'", "Name the files")
            self.config = hb.HERMES

    def test_links(self):
        outside = self.dir / "outside"
        hb.write(outside / "auth.json", b"secret")
        hb.write(outside / "dir/y", b"y")
        (self.home / "auth.json").symlink_to(outside / "auth.json")
        (self.home / "pairing/linked.json").symlink_to(outside / "dir/y")
        (self.home / "pairing/linked-dir").symlink_to(outside / "dir")
        where = self.snapshots / self.create()["id"]
        self.assertEqual((where / "auth.json").read_bytes(), b"secret")
        self.assertFalse((where / "auth.json").is_symlink())
        self.assertEqual((where / "pairing/linked.json").read_bytes(), b"y")
        self.assertFalse((where / "pairing/linked-dir").exists())

    def test_names_that_lead_outside(self):
        """By their own words; the rest is copied."""
        hb.write(self.dir / "beside/o", b"o")
        names = ("../beside", str(self.dir / "beside"), "cron/../../beside/o")
        done = self.hbcore("--home", self.home, "--json", "--set", f"snapshot.files=config.yaml {' '.join(names)}",
                           "snapshot", "create", expect=3)
        made = self.summary(done)
        self.assertEqual({row["path"]: row["reason"] for row in made["skipped"]},
                         dict.fromkeys(names, "leads outside the home"))
        self.assertEqual(list(self.manifest(made["id"])["files"]), ["config.yaml"])

    def test_directories_left_out(self):
        hb.write(self.home / "kanban/boards/1/board.json", b"1")
        hb.write(self.home / "kanban/boards/1/workspaces/big", b"1")
        hb.write(self.home / "kanban/boards/1/deep/attachments/big", b"1")
        files = self.manifest(self.create()["id"])["files"]
        self.assertEqual([path for path in files if path.startswith("kanban")],
                         ["kanban/boards/1/board.json"])

    def test_a_corrupt_database_is_marked(self):
        good = self.create()["id"]
        os.remove(self.home / "state.db")
        for name in ("state.db-wal", "state.db-shm"):
            (self.home / name).unlink(missing_ok=True)
        hb.write(self.home / "state.db", b"SQLite format 3\0" + bytes(8176))
        for number in range(3):
            done = self.snapshot("create", "--keep", "2", expect=3)
            name = self.summary(done)["id"]
            self.assertTrue((self.snapshots / name / "hbcore-marks.json").exists())
            self.assertEqual((self.snapshots / name / "state.db").read_bytes(),
                             (self.home / "state.db").read_bytes())
        self.assertTrue((self.snapshots / good).exists(), "the last complete one was pruned")
        self.assertEqual([row["complete"] for row in self.listed()], [False, False, True])

    def test_larger_files_are_named_and_left_out(self):
        """And no older snapshot goes, complete or not: each may be the last that has the file."""
        whole = [self.create()["id"] for _ in range(2)]
        size = (self.home / "state.db").stat().st_size
        limit = ("--set", f"snapshot.max-file-size={size - 1}")
        before = self.content(self.home)
        done = self.hbcore("--home", self.home, *limit, "--json", "snapshot", "create", "--dry-run", expect=3)
        self.assertEqual((self.summary(done)["files"], [row["path"] for row in self.summary(done)["skipped"]]),
                         (7, ["state.db"]))
        self.assertEqual(self.content(self.home), before)
        made = []
        for _ in range(3):
            done = self.hbcore("--home", self.home, *limit, "--json", "snapshot", "create", "--keep", "1", expect=3)
            summary = self.summary(done)
            made.append(summary["id"])
            self.assertEqual((summary["files"], summary["removed"], summary["snapshots"]), (7, 0, 2 + len(made)))
            self.assertEqual([row["path"] for row in summary["skipped"]], ["state.db"])
            self.assertIn("max-file-size", summary["skipped"][0]["reason"])
            self.assertNotIn("state.db", self.manifest(made[-1])["files"])
            self.assertIn("state.db", (self.snapshots / made[-1] / "hbcore-marks.json").read_text())
        self.assertEqual(sorted(os.listdir(self.snapshots)), sorted(whole + made))
        self.assertEqual([row["complete"] for row in self.listed()], [False] * 3 + [True] * 2)
        done = self.hbcore("--home", self.home, *limit, "snapshot", "create", expect=3)
        self.assert_mentions(done, "state.db", "max-file-size", "no older snapshot was removed")
        # One that is just as large is copied, and then the older ones go.
        limit = ("--set", f"snapshot.max-file-size={size}")
        last = self.summary(self.hbcore("--home", self.home, *limit, "--json", "snapshot", "create", "--keep", "1"))
        self.assertEqual((last["files"], os.listdir(self.snapshots)), (8, [last["id"]]))

    def test_nothing_but_larger_files(self):
        self.hbcore("--home", self.home, "--set", "snapshot.max-file-size=1", "--set", "snapshot.files=state.db",
                    "snapshot", "create", expect=3)
        self.assertFalse(self.snapshots.exists())

    def test_a_locked_database_costs_that_one_file(self):
        locked = sqlite3.connect(self.home / "memory_store.db", isolation_level=None)
        locked.execute("CREATE TABLE t (a)")
        locked.execute("BEGIN EXCLUSIVE")
        self.addCleanup(locked.close)
        done = self.hbcore("--home", self.home, "--set", "content:sqlite.wait=1", "--json",
                           "snapshot", "create", expect=3)
        summary = self.summary(done)
        self.assertEqual([row["path"] for row in summary["skipped"]], ["memory_store.db"])
        self.assertEqual(summary["files"], 8)

    def test_full_disk_leaves_nothing(self):
        before = self.content(self.home)
        done = self.faulted("--home", self.home, "snapshot", "create", calls="write",
                            path="*/.hbcore-stage-*", at="3+", error="ENOSPC", expect=None)
        self.assertIn(done.returncode, (1, 3))
        if done.returncode == 1:
            after = self.content(self.home)
            self.assertEqual({n: r for n, r in after.items() if b"-shm" not in n and
                              b"-wal" not in n}, {n: r for n, r in before.items()
                                                  if b"-shm" not in n and b"-wal" not in n})

    def test_every_kill(self):
        calls = "rename,remove,sync"
        total = self.faulted("--home", self.home, "snapshot", "create", calls=calls).count
        for at in fault.some(range(1, total + 1), 8):
            with self.subTest(at=at):
                shutil.rmtree(self.snapshots)
                self.faulted("--home", self.home, "snapshot", "create", calls=calls, at=at,
                             kill=True, expect=None)
                for row in self.listed():
                    self.assertEqual(row["files"], 8)
                self.create()
                self.assert_nothing_left(self.home)

    def test_homes(self):
        profile = self.home / "profiles/work"
        hb.write(profile / "config.yaml", b"p: 1\n")
        link = self.dir / "link"
        link.symlink_to(self.home)
        for value, where in ((profile, profile), (link, self.home)):
            self.hbcore("snapshot", "create", env={"HERMES_HOME": str(value)})
            self.assertEqual(len(os.listdir(where / "state-snapshots")), 1, value)
        hb.write(self.user / ".hermes/config.yaml", b"u: 1\n")
        for value in (None, ""):
            self.hbcore("snapshot", "create", env={"HERMES_HOME": value})
        self.assertEqual(len(os.listdir(self.user / ".hermes/state-snapshots")), 2)
        done = self.hbcore("snapshot", "create", env={"HERMES_HOME": str(self.dir / "no")}, expect=1)
        self.assert_mentions(done, "does not exist")

    def test_quick_is_the_same(self):
        done = self.hbcore("--home", self.home, "backup", "-q", "-l", "tea")
        self.assert_mentions(done, "State snapshot created", "-tea", "Restore with")
        self.assertEqual(len(self.listed()), 1)
        self.hbcore("--home", self.home, "backup", "-q", "-o", "x", expect=2)
        self.hbcore("--home", self.home, "backup", "-l", "x", expect=2)

    def test_a_hundred_at_once(self):
        line = self.command("--home", self.home, "--json", "snapshot", "create", "--keep", "200")
        running = [subprocess.Popen(line, env=self.environment(), stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE) for _ in range(100 if hb.FULL else 30)]
        codes = []
        for process in running:
            process.communicate(timeout=240)
            codes.append(process.returncode)
        self.assertLessEqual(set(codes), {0, 5})
        self.assertEqual(len(self.listed("--limit", "200")), codes.count(0))
        self.assertTrue(all(row["files"] == 8 for row in self.listed("--limit", "200")))


class ListAndPrune(SnapshotCase):
    def test_of_the_reference(self):
        self.as_the_reference("20240101-000000", {"config.yaml": b"old\n"})
        self.as_the_reference("20240102-000000-pre update", {"config.yaml": b"older\n"},
                              "pre update")
        rows = self.listed()
        self.assertEqual([(row["number"], row["id"], row["files"], row["label"]) for row in rows],
                         [(1, "20240102-000000-pre update", 1, "pre update"),
                          (2, "20240101-000000", 1, None)])
        self.snapshot("restore", "20240101-000000")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"old\n")

    def test_without_manifest_and_with_a_bad_one(self):
        self.as_the_reference("20240101-000000", {"config.yaml": b"old\n"})
        (self.snapshots / "20240102-000000").mkdir()
        hb.write(self.snapshots / "20240103-000000/manifest.json", b"{")
        hb.write(self.snapshots / "a-file", b"stray")
        rows = self.listed()
        self.assertEqual([(row["id"], row["files"], row["bytes"]) for row in rows],
                         [("20240103-000000", 0, 0), ("20240101-000000", 1, 4)])

    def change_manifest(self, name, **members):
        path = self.snapshots / name / "manifest.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **members}))

    def test_what_another_program_left_out(self):
        """Its manifest says so, in whatever form; such a snapshot does not take a complete one along."""
        self.as_the_reference("20240101-000000", {"config.yaml": b"old\n", "state.db": b"x"})
        self.as_the_reference("20240102-000000", {"config.yaml": b"newer\n"})
        for member in ("failed_dbs", "oversized_skipped"):
            for said, complete in ((["state.db"], False), ({"state.db": 9}, False), ("state.db", False), (1, False),
                                   (True, False), ([], True), ({}, True), ("", True), (0, True), (None, True)):
                self.change_manifest("20240102-000000", failed_dbs=[], oversized_skipped=None)
                self.change_manifest("20240102-000000", **{member: said})
                self.assertEqual([row["complete"] for row in self.listed()], [complete, True], (member, said))
        self.change_manifest("20240102-000000", failed_dbs=["state.db"])
        self.snapshot("prune", "--keep", "1")
        self.assertEqual(len(self.listed()), 2)
        done = self.snapshot("restore", "20240102-000000")
        self.assertIn("incomplete", self.summary(done)["notes"][0]["reason"])
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"newer\n")

    def test_those_that_another_program_has_not_finished(self):
        """Neither listed, nor restored, nor removed: it may be at work on them."""
        self.as_the_reference("20240101-000000", {".env": b"x"})
        partial = [".20240102-000000.4711.partial", ".20240102-000000-pre update.1.partial"]
        others = ["20240103-000000.1.partial", ".20240103-000000.partial", ".20240103-000000.x1.partial", ".1.partial",
                  ".20240103-000000.1.partial2"]
        for name in partial + others:
            self.as_the_reference(name, {".env": b"y"})
        self.assertEqual({row["id"] for row in self.listed()}, {"20240101-000000", *others})
        for name in partial:
            self.assert_mentions(self.snapshot("restore", name, expect=1), "is not the id of a snapshot")
        self.snapshot("prune", "--keep", "0")
        self.assertEqual(sorted(os.listdir(self.snapshots)), sorted(partial))

    def test_a_manifest_with_a_byte_order_mark(self):
        self.as_the_reference("20240101-000000", {"config.yaml": b"old\n"})
        path = self.snapshots / "20240101-000000/manifest.json"
        text = path.read_bytes()
        path.write_bytes(b"\xef\xbb\xbf" + text)
        self.assertEqual([(row["files"], row["complete"]) for row in self.listed()], [(1, True)])
        self.snapshot("restore", "20240101-000000")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"old\n")
        for data in (b"\xef\xbb\xbf", b"\xef\xbb" + text, b"\xef\xbb\xbf\xef\xbb\xbf" + text, b"\xff\xfe" + text):
            path.write_bytes(data)
            self.assertEqual([(row["files"], row["complete"]) for row in self.listed()], [(0, False)])
            self.snapshot("restore", "20240101-000000", expect=1)

    def test_limit(self):
        for day in range(1, 31):
            self.as_the_reference(f"202401{day:02}-000000", {".env": b"x"})
        self.assertEqual(len(self.listed()), 20)
        self.assertEqual(len(self.listed("--limit", "3")), 3)
        self.assertEqual(len(self.listed("--limit", "100")), 30)
        self.assertEqual(self.hbcore("--home", self.home, "snapshot", "list", "--limit", "0").stdout, b"")
        self.snapshot("list", "--limit", "-1", expect=2)
        # A number counts over the newest twenty, whatever is listed.
        self.assertEqual(self.summary(self.snapshot("restore", "20"))["id"], "20240111-000000")
        self.snapshot("restore", "21", expect=1)

    def test_keep(self):
        for day in range(1, 26):
            self.as_the_reference(f"202401{day:02}-000000", {".env": b"x"})
        hb.write(self.snapshots / "stray", b"stays")
        (self.snapshots / "20231231-000000").mkdir()  # without a manifest: it counts, too
        (self.snapshots / "20240101-000000/manifest.json").unlink()
        before = self.content(self.home)
        self.assertEqual(self.summary(self.snapshot("prune", "--dry-run"))["removed"], 6)
        self.assertEqual(self.content(self.home), before)
        self.assertEqual(self.summary(self.snapshot("prune"))["removed"], 6)
        self.assertEqual(sorted(os.listdir(self.snapshots)),
                         [f"202401{day:02}-000000" for day in range(6, 26)] + ["stray"])
        self.snapshot("prune", "--keep", "-1", expect=2)
        self.snapshot("prune", "--keep", "0")
        self.assertEqual(os.listdir(self.snapshots), ["stray"])

    def test_one_that_has_lost_something_is_not_complete(self):
        """It takes no older one along that still has it."""
        whole, newer = self.create()["id"], self.create()["id"]
        name = next(iter(self.manifest(newer)["files"]))
        path = self.snapshots / newer / name
        data = path.read_bytes()
        for damage in (path.unlink, lambda: path.write_bytes(data + b"x"), lambda: path.write_bytes(b"")):
            path.write_bytes(data)
            self.assertEqual([row["complete"] for row in self.listed()], [True, True])
            damage()
            self.assertEqual([row["complete"] for row in self.listed()], [False, True])
            self.snapshot("prune", "--keep", "1")
            self.assertEqual(sorted(os.listdir(self.snapshots)), sorted([whole, newer]))

    def test_labels_of_one_second_do_not_decide_which_is_the_newest(self):
        names = ("20240101-000000-b-first", "20240101-000000-a-second", "20240101-000000")
        for number, name in enumerate(names):
            self.as_the_reference(name, {".env": b"x"})
            os.utime(self.snapshots / name / "manifest.json", ns=(0, 10**18 + number))
        self.assertEqual([row["id"] for row in self.listed()], list(reversed(names)))
        self.snapshot("prune", "--keep", "1")
        self.assertEqual(os.listdir(self.snapshots), [names[-1]])

    def test_what_killed_runs_left_in_the_home_goes(self):
        left = self.home / ".hbcore-stage-0123456789abcdef"
        for arguments in (("create",), ("prune",), ("restore", "1")):
            hb.write(left / "m1", b"half of something")
            left.chmod(0o700)
            self.snapshot(*arguments)
            self.assertFalse(left.exists(), arguments)

    def test_creating_keeps_what_it_made(self):
        for _ in range(3):
            name = self.create("--keep", "0")["id"]
            self.assertEqual(os.listdir(self.snapshots), [name])

    def test_a_clock_that_was_set_back(self):
        """What was just made stays, though another is called as if it were newer."""
        self.as_the_reference("29990101-000000", {"config.yaml": b"later\n"})
        name = self.create("--keep", "1")["id"]
        self.assertIn(name, os.listdir(self.snapshots))
        self.snapshot("restore", name)
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"a: 1\n")

    def test_the_directory_leads_outside(self):
        hb.write(self.dir / "outside/20240101-000000/manifest.json", b"{}")
        self.snapshots.symlink_to(self.dir / "outside")
        for command in (("prune", "--keep", "0"), ("create",), ("list",), ("restore", "1")):
            done = self.snapshot(*command, expect=1)
            self.assert_mentions(done, "outside the home")
        self.assertTrue((self.dir / "outside/20240101-000000/manifest.json").exists())


class Restore(SnapshotCase):
    def test_into_a_live_database(self):
        name = self.create()["id"]
        holder = sqlite3.connect(self.home / "state.db")
        holder.execute("DELETE FROM t")
        holder.commit()
        hb.write(self.home / "config.yaml", b"changed\n", 0o600)
        hb.write(self.home / "new-file", b"stays")
        self.snapshot("restore", name)
        self.assertEqual(holder.execute("SELECT count(*) FROM t").fetchone(), (30,))
        holder.close()
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"a: 1\n")
        self.assertEqual(os.stat(self.home / "config.yaml").st_mode & 0o777, 0o600)  # closed since
        self.assertEqual((self.home / "new-file").read_bytes(), b"stays")
        self.assertEqual((self.home / "gateway_state.json").read_bytes(), b"{}")

    def test_dry_run(self):
        self.create()
        hb.write(self.home / "config.yaml", b"changed\n")
        hb.write(self.dir / "outside", b"outside\n")
        (self.home / ".env").unlink()
        (self.home / ".env").symlink_to(self.dir / "outside")
        (self.home / "processes.json").unlink()
        before = self.content(self.home)
        done = self.snapshot("restore", "1", "--dry-run", expect=3)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        changes = {row["path"]: row["change"] for row in rows[:-1]}
        self.assertEqual((len(changes), rows[-1]["files"]), (8, 0))
        self.assertEqual([changes[name] for name in ("config.yaml", ".env", "processes.json",
                                                     "gateway_state.json", "state.db")],
                         ["replaced", "refused", "new", "unchanged", "replaced"])
        self.assertEqual([row["path"] for row in rows[-1]["skipped"]], [".env"])
        done = self.hbcore("--home", self.home, "snapshot", "restore", "1", "--dry-run", expect=3)
        self.assertIn(b"  replaced   config.yaml\n", done.stdout)
        self.assertEqual(self.content(self.home), before)

    def test_links_inside_and_outside(self):
        hb.write(self.home / "real.yaml", b"real\n")
        os.remove(self.home / "config.yaml")
        (self.home / "config.yaml").symlink_to("real.yaml")
        name = self.create()["id"]
        hb.write(self.home / "real.yaml", b"changed\n")
        hb.write(self.dir / "outside", b"outside\n")
        os.remove(self.home / ".env")
        (self.home / ".env").symlink_to(self.dir / "outside")
        done = self.snapshot("restore", name, expect=3)
        self.assertEqual([row["path"] for row in self.summary(done)["skipped"]], [".env"])
        self.assertTrue((self.home / "config.yaml").is_symlink())
        self.assertEqual((self.home / "real.yaml").read_bytes(), b"real\n")
        self.assertEqual((self.dir / "outside").read_bytes(), b"outside\n")

    def test_unknown_ids(self):
        self.create()
        hb.write(self.dir / "home2/config.yaml", b"x")
        for name in ("20240101-000000", "..", ".", "../..", "/etc", "9", "0", "a/../b"):
            before = self.content(self.home)
            done = self.snapshot("restore", name, expect=1)
            self.assert_mentions(done, "snapshot")
            self.assertEqual(self.content(self.home), before)
        self.snapshot("restore", "", expect=1)
        self.snapshot("restore", expect=2)
        (self.snapshots / "20240101-000000").mkdir()
        self.assert_mentions(self.snapshot("restore", "20240101-000000", expect=1), "manifest.json")

    def test_manifests_made_in_bad_faith(self):
        hb.write(self.dir / "outside", b"outside\n")
        self.as_the_reference("20240101-000000", {"config.yaml": b"good\n"})
        path = self.snapshots / "20240101-000000/manifest.json"
        meta = json.loads(path.read_text())
        (self.snapshots / "20240101-000000/link").symlink_to(self.dir / "outside")
        meta["files"].update({"../../../outside": 8, "/etc/passwd": 1, "link": 8, "gone": 1,
                              ".hbcore-stage-0123456789abcdef/journal": 5, "a//b": 1})
        path.write_text(json.dumps(meta))
        before = hb.tree(self.dir / "user")
        done = self.snapshot("restore", "1", expect=3)
        self.assertEqual(self.summary(done)["files"], 1)
        self.assertEqual(len(self.summary(done)["skipped"]), 6)
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"good\n")
        self.assertEqual((self.dir / "outside").read_bytes(), b"outside\n")
        self.assert_unchanged(before, self.dir / "user")
        for text in ("[]", '{"files": []}', '{"files": {"x": "y"}}', '{"files": {"x": -1}}', "{",
                     '{"files": {"x": 9223372036854775807, "y": 9223372036854775807, "z": 9}}'):
            path.write_text(text)
            self.snapshot("restore", "20240101-000000", expect=1)
        meta["files"] = {"gone": 1}
        path.write_text(json.dumps(meta))
        self.assert_mentions(self.snapshot("restore", "1", expect=1), "no file of this snapshot")

    def test_what_was_there_is_saved_first(self):
        """The way back is a snapshot like any other; none is removed for it."""
        name, first = self.create()["id"], ("--set", "snapshot.before-restore=yes")
        hb.write(self.home / "config.yaml", b"by hand\n")
        done = self.summary(self.snapshot("restore", name, *first, "--set", "snapshot.keep=1"))
        rows = self.listed()
        self.assertEqual([row["id"] for row in rows], [done["way_back"], name])
        self.assertEqual(rows[0]["label"], "before-restore")
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"a: 1\n")
        self.assertIsNone(self.summary(self.snapshot("restore", name, *first, "--dry-run"))["way_back"])
        self.snapshot("restore", done["way_back"])
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"by hand\n")
        self.assertEqual(len(self.listed()), 2)
        text = self.hbcore(*first, "--home", self.home, "snapshot", "restore", name).stdout.decode()
        self.assertRegex(text, r"\n  What was there before: hbcore .*snapshot restore \S+-before-restore")

    def test_what_cannot_be_saved_first_does_not_keep_from_it(self):
        """A damaged database, say, that somebody wants to be rid of."""
        name = self.create()["id"]
        (self.home / "config.yaml").write_bytes(b"long" * 1000)
        done = self.summary(self.snapshot("restore", name, "--set", "snapshot.before-restore=yes",
                                          "--set", "snapshot.max-file-size=1K"))
        self.assertIn("in the snapshot that was made first", json.dumps(done["notes"]))
        self.assertEqual((self.home / "config.yaml").read_bytes(), b"a: 1\n")

    def test_every_kill_with_a_snapshot_first(self):
        """Wherever it is killed, what was there is in the home or in a whole snapshot."""
        name = self.create()["id"]
        line = ("--home", self.home, "--set", "backup.workers=1", "--set", "snapshot.before-restore=yes",
                "snapshot", "restore", name)
        hb.write(self.home / "config.yaml", b"changed\n")
        total = self.faulted(*line, calls="rename").count
        for at in range(1, total + 1):
            with self.subTest(at=at):
                mine = f"changed {at}\n".encode()
                hb.write(self.home / "config.yaml", mine)
                self.faulted(*line, calls="rename", at=at, kill=True, expect=None)
                saved = [path.read_bytes() for path in self.snapshots.glob("*-before-restore*/config.yaml")]
                if (self.home / "config.yaml").read_bytes() != mine:
                    self.assertIn(mine, saved)
                self.hbcore(*line)
                self.assertEqual((self.home / "config.yaml").read_bytes(), b"a: 1\n")
                self.assert_nothing_left(self.home)

    def test_every_kill(self):
        name = self.create()["id"]
        line = ("--home", self.home, "--set", "backup.workers=1", "snapshot", "restore", name)
        total = self.faulted(*line, calls="rename").count
        for at in range(1, total + 1):
            with self.subTest(at=at):
                hb.write(self.home / "config.yaml", b"changed\n")
                self.faulted(*line, calls="rename", at=at, kill=True, expect=None)
                self.assertIn((self.home / "config.yaml").read_bytes(), (b"changed\n", b"a: 1\n"))
                self.hbcore(*line)
                self.assertEqual((self.home / "config.yaml").read_bytes(), b"a: 1\n")
                self.assert_nothing_left(self.home)

    def test_interrupted_by_a_signal(self):
        """What was begun is not dropped: the next run completes it."""
        for number in range(4):
            hb.write(self.home / f"pairing/{number}.json", b"saved")
        name = self.create()["id"]
        for number in range(4):
            hb.write(self.home / f"pairing/{number}.json", b"changed")
        line = ("--home", self.home, "--set", "backup.workers=1", "snapshot", "restore", name)
        done = self.faulted(*line, calls="rename", path=f"{self.home}/pairing/1.json", at=1,
                            run="kill -TERM $HB_FAULT_THREAD", expect=143)
        self.assertEqual(done.hits, 1)
        self.assertEqual((self.home / "pairing/3.json").read_bytes(), b"changed")
        done = self.hbcore("--home", self.home, "snapshot", "create")
        self.assert_mentions(done, "ompleted the interrupted import")
        for number in range(4):
            self.assertEqual((self.home / f"pairing/{number}.json").read_bytes(), b"saved", number)
        self.assert_nothing_left(self.home)


if __name__ == "__main__":
    unittest.main()
