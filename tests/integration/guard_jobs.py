# SPDX-License-Identifier: Apache-2.0
"""guard: jobs that an update emptied come back from a snapshot, and nothing else does."""
import json
import os
import unittest

import hb

THREE = b'{"jobs": [{"id": "a"},\n {"id": "b"}, {"id": "c"}], "updated_at": "x"}\n'
EMPTY = b'{"jobs": []}'


class Guard(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.live = self.home / "cron/jobs.json"
        self.snapshots = self.home / "state-snapshots"
        self.saved = self.snapshots / "20260101-000000/cron/jobs.json"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        hb.write(self.saved, THREE, 0o600)

    def guard(self, live=None, *arguments, snapshot="20260101-000000", when=None, expect=0):
        if live is not None:
            hb.write(self.live, live)
        setting = () if when is None else ("--set", f"hook:hermes.when={when}")
        return self.hbcore("--home", self.home, "--json", *setting, "guard", snapshot,
                           *arguments, expect=expect)

    def assert_nothing_done(self, live=None, because=None, **keywords):
        if live is not None:
            hb.write(self.live, live)
        before = hb.tree(self.home)
        done = self.guard(None, **keywords)
        self.assert_unchanged(before, self.home)
        summary = self.summary(done)
        self.assertIs(summary["restored"], False)
        self.assertEqual(summary["job_count"], 0)
        if because is not None:
            self.assertIn(because, summary["reason"])
        return summary

    def test_what_is_no_snapshot(self):
        """A word that is mistyped, a file, and where there are no snapshots at all: none is compared with."""
        hb.write(self.snapshots / "notes.txt", b"x")
        hb.write(self.live, EMPTY)
        before = hb.tree(self.home)
        for name in ("20260101-00000O", "notes.txt", "notes.txt/x", "7", "20260101-000000/cron"):
            for words in ((), ("--dry-run",)):
                done = self.hbcore("--home", self.home, "guard", name, *words, expect=1)
                self.assertEqual(done.stdout, b"")
                self.assert_unchanged(before, self.home)
        other = self.dir / "other"
        hb.write(other / "config.yaml", b"a: 1\n")
        self.hbcore("--home", other, "guard", "20260101-000000", expect=1)
        # The snapshot is there, and has no such file: nothing is known to be lost.
        (self.snapshots / "20260102-000000").mkdir()
        self.assert_nothing_done(snapshot="20260102-000000", because="is not there")

    # ---- as specified ----

    def test_emptied(self):
        for live in (EMPTY, b"{}", b"[]", b'{"jobs": [], "updated_at": "y"}'):
            with self.subTest(live=live):
                summary = self.summary(self.guard(live))
                self.assertEqual(self.live.read_bytes(), THREE)
                for key, value in {"type": "summary", "command": "guard", "status": "complete",
                                   "id": "20260101-000000", "file": "cron/jobs.json",
                                   "target": str(self.home), "dry_run": False, "live_jobs": 0,
                                   "snapshot_jobs": 3, "restored": True, "job_count": 3}.items():
                    self.assertEqual(summary.get(key), value, key)
                self.assertEqual(self.saved.read_bytes(), THREE)

    def test_the_count_is_reported_to_people(self):
        hb.write(self.live, EMPTY)
        done = self.hbcore("--home", self.home, "guard", "20260101-000000")
        self.assertIn(b"Put back 3 jobs from state-snapshots/20260101-000000.", done.stdout)
        done = self.hbcore("--home", self.home, "guard", "20260101-000000")
        self.assertIn(b"cron/jobs.json: now 3 jobs; in the snapshot 3 jobs", done.stdout)
        self.assertIn(b"Nothing was done.", done.stdout)

    def test_fewer(self):
        fewer = b'{"jobs": [{"id": "a"}]}'
        summary = self.assert_nothing_done(fewer)
        self.assertEqual((summary["live_jobs"], summary["snapshot_jobs"]), (1, 3))
        self.assert_nothing_done(fewer, when="emptied")
        summary = self.summary(self.guard(fewer, when="fewer"))
        self.assertEqual((summary["restored"], summary["job_count"]), (True, 3))
        self.assertEqual(self.live.read_bytes(), THREE)
        self.guard(EMPTY, when="fewer")
        self.assertEqual(self.live.read_bytes(), THREE)

    def test_as_many_or_more(self):
        for when in ("emptied", "fewer"):
            for live in (b'{"jobs": [1, 2, 3]}', b"[1, 2, 3, 4]"):
                self.assert_nothing_done(live, when=when)

    def test_live_is_unknown(self):
        for live, because in ((b'{"jobs": null}', "not a list"), (b'{"jobs": {}}', "not a list"),
                              (b'{"jobs": [', "not JSON"), (b"", "not JSON"),
                              (b"{} trailing", "not JSON"), (b'["\xff"]', "not JSON"),
                              (b"null", "neither"), (b"0", "neither"), (b'"jobs"', "neither")):
            for when in ("emptied", "fewer"):
                with self.subTest(live=live, when=when):
                    summary = self.assert_nothing_done(live, because, when=when)
                    self.assertIsNone(summary["live_jobs"])

    def test_live_is_missing(self):
        self.assert_nothing_done(because="not there", when="fewer")
        self.assertFalse(self.live.exists())

    def test_live_is_no_file(self):
        self.live.mkdir(parents=True)
        self.assert_nothing_done(because="not a regular file")
        self.live.rmdir()
        os.mkfifo(self.live)
        self.assert_nothing_done(because="not a regular file")

    def test_live_is_too_large(self):
        self.assert_nothing_done(b'{"jobs": []}' + b" " * (8 << 20), "large")

    def test_bare_lists(self):
        self.saved.write_bytes(b"[1, 2]")
        self.assertEqual(self.summary(self.guard(b"[]"))["job_count"], 2)
        self.assertEqual(self.live.read_bytes(), b"[1, 2]")
        self.assert_nothing_done(b"[7]")

    def test_a_byte_order_mark(self):
        """It is no part of the jobs; what is put back has it as before."""
        mark = b"\xef\xbb\xbf"
        self.assert_nothing_done(mark + b"[1]")
        self.saved.write_bytes(mark + THREE)
        summary = self.summary(self.guard(mark + EMPTY))
        self.assertEqual((summary["restored"], summary["job_count"]), (True, 3))
        self.assertEqual(self.live.read_bytes(), mark + THREE)
        self.assert_nothing_done(mark, "not JSON")

    def test_snapshot_is_empty_or_unknown(self):
        for saved in (b"[]", b"{}", EMPTY, b'{"jobs": null}', b"", b"nonsense"):
            for when in ("emptied", "fewer"):
                with self.subTest(saved=saved, when=when):
                    self.saved.write_bytes(saved)
                    self.assert_nothing_done(EMPTY, when=when)
        self.saved.unlink()
        self.assert_nothing_done(EMPTY, "not there")
        before = hb.tree(self.home)
        self.guard(snapshot="20250101-000000", expect=1)  # it was mistyped, or is gone
        self.assert_unchanged(before, self.home)
        hb.shutil.rmtree(self.snapshots)
        self.guard(expect=1)

    def test_a_snapshot_of_this_program(self):
        hb.write(self.live, THREE)
        made = self.summary(self.hbcore("--home", self.home, "--json", "snapshot", "create",
                                        "--label", "before update"))
        hb.write(self.live, EMPTY)
        self.guard(snapshot=made["id"])
        self.assertEqual(self.live.read_bytes(), THREE)

    # ---- nothing leads outside ----

    def test_ids_that_lead_outside(self):
        hb.write(self.live, EMPTY)
        hb.write(self.dir / "outside/cron/jobs.json", THREE)
        hb.write(self.home / "inside/cron/jobs.json", THREE)
        os.symlink(self.dir / "outside", self.snapshots / "linked")
        before = hb.tree(self.home)
        for snapshot in ("", ".", "..", "../inside", "../../outside", str(self.dir / "outside"),
                         "x/../../inside", "20260101-000000/", "linked"):
            with self.subTest(snapshot=snapshot):
                done = self.guard(snapshot=snapshot, expect=1)
                self.assertNotEqual(done.stderr, b"")
        self.assert_unchanged(before, self.home)

    def test_a_file_in_a_snapshot_that_leads_outside(self):
        outside = self.dir / "outside.json"
        hb.write(outside, THREE)
        self.saved.unlink()
        os.symlink(outside, self.saved)
        hb.write(self.live, EMPTY)
        done = self.guard(expect=1)
        self.assert_mentions(done, "outside the home")
        self.assertEqual(self.live.read_bytes(), EMPTY)

    def test_live_is_a_link(self):
        real = self.home / "real/jobs.json"
        hb.write(real, EMPTY)
        self.live.parent.mkdir()
        os.symlink("../real/jobs.json", self.live)
        self.guard()
        self.assertTrue(self.live.is_symlink())
        self.assertEqual(real.read_bytes(), THREE)
        outside = self.dir / "outside.json"
        hb.write(outside, EMPTY)
        self.live.unlink()
        os.symlink(outside, self.live)
        self.assert_nothing_done(because="outside")
        self.assertEqual(outside.read_bytes(), EMPTY)

    # ---- how ----

    def test_dry_run(self):
        hb.write(self.live, EMPTY)
        before = hb.tree(self.home)
        summary = self.summary(self.guard(None, "--dry-run"))
        self.assertEqual((summary["dry_run"], summary["restored"], summary["snapshot_jobs"]),
                         (True, False, 3))
        done = self.hbcore("--home", self.home, "guard", "--dry-run", "20260101-000000")
        self.assertIn(b"Would put back 3 jobs", done.stdout)
        self.assert_unchanged(before, self.home)

    def test_it_works_on_the_profile(self):
        profile = self.home / "profiles/coder"
        for home in (self.home, profile):
            hb.write(home / "cron/jobs.json", EMPTY)
        hb.write(profile / "state-snapshots/20260101-000000/cron/jobs.json", b"[1]")
        self.hbcore("guard", "20260101-000000", env={"HERMES_HOME": str(profile)})
        self.assertEqual((profile / "cron/jobs.json").read_bytes(), b"[1]")
        self.assertEqual(self.live.read_bytes(), EMPTY)

    def test_another_run_holds_the_lock(self):
        hb.write(self.live, EMPTY)
        with hb.HeldLock(self.home):
            self.guard(expect=5)
        self.assertEqual(self.live.read_bytes(), EMPTY)

    def test_the_mode_is_that_of_the_snapshot(self):
        hb.write(self.live, EMPTY, 0o644)
        self.guard()
        self.assertEqual(self.live.stat().st_mode & 0o7777, 0o600)

    @unittest.skipUnless(os.geteuid() == 0, "only root can give files away")
    def test_as_root_the_file_stays_its_owners(self):
        hb.write(self.live, EMPTY)
        os.chown(self.live, 65534, 65534)
        self.guard()
        self.assertEqual(self.live.read_bytes(), THREE)
        self.assertEqual((self.live.stat().st_uid, self.live.stat().st_gid), (65534, 65534))

    def test_it_cannot_be_put_back(self):
        hb.write(self.live, EMPTY)
        self.home.chmod(0o500)
        who = self.somebody_else(self.dir)
        done = self.hbcore("--home", self.home, "guard", "20260101-000000", expect=1, **who)
        self.assert_mentions(done, self.home, "Permission denied")
        self.assertEqual(self.live.read_bytes(), EMPTY)
        # Where nothing is lost there is nothing to be written.
        self.live.write_bytes(THREE)
        self.hbcore("--home", self.home, "guard", "20260101-000000", **who)

    def test_wrong_use(self):
        for snapshot, said in (("mistyped", "no snapshot mistyped"), ("7", "no snapshot number 7"),
                               ("20260101-000001", "no snapshot 2026")):
            for options in ((), ("--dry-run",)):
                done = self.guard(None, *options, snapshot=snapshot, expect=1)
                self.assert_mentions(done, said, "snapshot list")
                self.assertEqual(json.loads(done.stdout.splitlines()[-1])["type"], "error")
        self.hbcore("--home", self.home, "guard", expect=2)
        self.hbcore("--home", self.home, "guard", "a", "b", expect=2)
        self.hbcore("--home", self.home, "guard", "a", "--force", expect=2)
        self.hbcore("--home", self.dir / "none", "guard", "a", expect=1)
        self.config = hb.GENERIC
        done = self.hbcore("--home", self.home, "guard", "a", expect=2)
        self.assert_mentions(done, "no hook")

    def test_by_number(self):
        """As the list counts: those without a manifest are not in it."""
        hb.write(self.live, THREE)
        ids = [self.summary(self.hbcore("--home", self.home, "--json", "snapshot", "create"))["id"]
               for _ in range(2)]
        for number, expected in ((1, ids[1]), (2, ids[0])):
            summary = self.summary(self.guard(EMPTY, snapshot=str(number)))
            self.assertEqual((summary["id"], summary["restored"]), (expected, True))
            self.assertEqual(self.live.read_bytes(), THREE)
        self.guard(EMPTY, snapshot="3", expect=1)
        self.assertEqual(self.live.read_bytes(), EMPTY)

    def test_other_file_and_member(self):
        hb.write(self.home / "plan.json", b'{"tasks": []}')
        hb.write(self.snapshots / "1/plan.json", json.dumps({"tasks": [1]}))
        self.hbcore("--home", self.home, "--set", "hook:hermes.jobs-file=plan.json",
                    "--set", "hook:hermes.jobs-member=tasks", "guard", "1")
        self.assertEqual(json.loads((self.home / "plan.json").read_bytes()), {"tasks": [1]})


if __name__ == "__main__":
    unittest.main()
