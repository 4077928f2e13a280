# SPDX-License-Identifier: Apache-2.0
"""A home as Hermes of November 2026 has it: what conf/hermes.ini leaves out, keeps, restores and closes."""
import contextlib
import json
import os
import socket
import unittest
import zipfile

import hb

PLACES = ("", "profiles/work/", "profiles/p.2/")  # the home, and profiles in it
# At each of these places, and what looks like it but is the user's.
LEFT_OUT = """
models/m.gguf runtimes/r/bin node/bin/node installs/facts.json tools/t build-tools/b state-snapshots/s/state.db
state.db.pre-update-emergency-20261101 state.db.pre-update-emergency-20261101.json state.db.retired-wal-17/state.db
cache/chrome-debug/Default/Cookies cache/tool-output/images/x cache/model.json cache/images2/x cache/Images/x cache/.x
browser-profile/Default/Cookies skills/s/browser-profiles/p/Cookies .backup.lock .npm/_cacache/x .bun/install/x
skills/s/.venv/lib plugins/x/venv/lib .cache/x gateway.pid
""".split()
KEPT = """
config.yaml .env cache/images/deep/x cache/audio/x cache/videos/x cache/documents/x cache/screenshots/x cache/citations/x
skills/s/models/x skills/s/tools/x skills/s/hermes-agent/x scratch/installs/x scratch/node/x scratch/runtimes/x
skills/s/build-tools/x skills/s/cache/tool-output/x skills/s/state-snapshots/x cached/x config.yaml.bak
state.db.pre-update-emergency state.db.bak state.db.retired-wal browser-profile.md npm/x vault.key vault.json.enc
""".split()


def everywhere(names):
    return {place + name for place in PLACES for name in names}


class Home(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for name in everywhere(LEFT_OUT + KEPT):
            hb.write(self.home / name, name)

    def stored(self, archive):
        with zipfile.ZipFile(archive) as opened:
            return {name for name in opened.namelist() if not name.endswith("/")}

    def archive_of(self, names):
        """Made by another program: everything in it is open to all."""
        archive = self.fresh("other.zip")
        with zipfile.ZipFile(archive, "w") as opened:
            for name in names:
                member = zipfile.ZipInfo(name)
                member.create_system, member.external_attr = 3, 0o100644 << 16
                opened.writestr(member, "of the archive")
        return archive


class Backup(Home):
    def test_what_is_in_it(self):
        archive = self.dir / "a.zip"
        summary = self.summary(self.hbcore("--home", self.home, "--json", "backup", "-o", archive))
        self.assertEqual(self.stored(archive), everywhere(KEPT))
        self.assertEqual(summary["status"], "complete")
        self.assertLessEqual(everywhere(["models", "tools", "browser-profile", "state.db.retired-wal-17", "cache/chrome-debug"]),
                             set(summary["excluded_dirs"]))

    def test_rules_of_what_is_not_there_say_nothing(self):
        small = self.dir / "small"
        hb.write(small / "config.yaml", b"x")
        done = self.hbcore("--home", small, "--json", "backup", "-o", self.dir / "s.zip")
        self.assertEqual(self.summary(done)["notes"], [])
        self.assertEqual(self.stored(self.dir / "s.zip"), {"config.yaml"})

    def test_by_hand_and_before_an_update_the_same(self):
        for preset in ("manual", "pre-update"):
            done = self.hbcore("--home", self.home, "--json", "backup", "--preset", preset)
            self.assertEqual(self.stored(self.summary(done)["archive"]), everywhere(KEPT), preset)

    def test_special_files_are_passed_over(self):
        os.mkfifo(self.home / "pipe")
        with socket.socket(socket.AF_UNIX) as listener:
            os.chdir(self.home)
            listener.bind("gateway.sock")
            os.chdir("/")
            summary = self.summary(self.hbcore("--home", self.home, "--json", "backup", "-o", self.dir / "a.zip"))
        self.assertEqual(summary["status"], "complete")
        self.assertEqual(summary["special"], ["gateway.sock", "pipe"])

    def test_a_locked_database_of_a_browser_costs_nothing(self):
        """It is not looked at, and not missing."""
        names = [place + name for place in PLACES for name in ("cache/chrome-debug/a.db", "browser-profile/b.db")]
        holders = []
        for name in names:
            holders.append(hb.sqlite3.connect(self.make_database(self.home / name)))
            holders[-1].execute("BEGIN EXCLUSIVE")
        self.backup(self.home)  # one that is waited for in vain makes it incomplete: exit 3
        for holder in holders:
            holder.close()

    def test_a_locked_database_of_the_home(self):
        """It is waited for as long as is said, is not stored raw, and people read that something is missing."""
        holder = hb.sqlite3.connect(self.make_database(self.home / "state.db"), isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        done = self.hbcore("--home", self.home, "--set", "content:sqlite.wait=1", "backup", "-o", self.dir / "a.zip",
                           expect=3)
        holder.close()
        self.assertEqual(self.stored(self.dir / "a.zip"), everywhere(KEPT))
        self.assert_mentions(done, "Backup INCOMPLETE", "state.db", "stored nothing for it")

    def test_three_by_hand_stay(self):
        others = ["hermes-backup-notes.zip", "pre-update-2026-01-01-000000.zip", "hermes-backup-2026-01-01-000000.zip"]
        for name in others:
            hb.write(self.user / name, b"the user's")
        made = []
        for _ in range(5):
            done = self.hbcore("--home", self.home, "--json", "backup", "--preset", "manual")
            made.append(os.path.basename(self.summary(done)["archive"]))
        found = sorted(name for name in os.listdir(self.user) if name.endswith(".zip"))
        self.assertEqual(found, sorted(made[-3:] + others))
        self.assertTrue(all(name.startswith("hermes-backup-") for name in made), made)


class Import(Home):
    def test_every_file_is_where_it_was(self):
        archive, target = self.backup(self.home), self.dir / "target"
        self.hbcore("--home", target, "import", archive)
        found = {os.path.relpath(os.path.join(root, name), target)
                 for root, _, names in os.walk(target) for name in names}
        self.assertEqual(found - {".hbcore-home"}, everywhere(KEPT))

    def test_what_belongs_to_another_machine(self):
        """It neither replaces what is here, nor appears where there is none."""
        machine = ["installs/facts.json", "tools/t", "build-tools/b"]
        users = ["skills/s/installs/x", "plugins/x/tools/x"]
        archive = self.archive_of(["config.yaml", *everywhere(machine + users), "profiles/new/installs/x"])
        done = self.hbcore("--home", self.home, "--json", "import", "--force", archive)
        for name in everywhere(machine):
            self.assertEqual((self.home / name).read_text(), name)
        for name in everywhere(users):
            self.assertEqual((self.home / name).read_text(), "of the archive")
        self.assertFalse((self.home / "profiles/new").exists())
        preserved = {row["path"] for row in self.summary(done)["preserved"]}
        self.assertLessEqual(everywhere(machine), preserved)

    def test_what_lies_outside_the_home(self):
        """It goes back to the login directory; all else is where it belongs."""
        outside = [".honcho/config.json", ".hindsight/x", ".of-another/deep/y.env"]
        names = everywhere([name for name in KEPT if not name.startswith("vault")]) | {"skills/_external/x"}
        archive = self.archive_of([*sorted(names), *(f"_external/{name}" for name in outside)])
        target = self.dir / "target"
        summary = self.summary(self.hbcore("--home", target, "--json", "import", archive))
        self.assertEqual((summary["status"], summary["skipped"]), ("complete", []))
        found = {os.path.relpath(os.path.join(root, name), target)
                 for root, _, files in os.walk(target) for name in files}
        self.assertEqual(found - {".hbcore-home"}, names)
        for name in outside:
            self.assertEqual((self.user / name).read_bytes(), b"of the archive", name)
            self.assertEqual(os.stat(self.user / name).st_mode & 0o777, 0o644 if name.endswith("/x") else 0o600, name)

    def test_secrets_end_private(self):
        secrets = everywhere(["vault.key", "vault.json.enc", ".env", "auth.json"])
        archive = self.archive_of(["config.yaml", "vault.json", *secrets])
        target = self.dir / "target"
        self.hbcore("--home", target, "import", archive)
        for name in secrets:
            self.assertEqual(os.stat(target / name).st_mode & 0o777, 0o600, name)
        self.assertEqual(os.stat(target / "vault.json").st_mode & 0o777, 0o644)


    def test_bad_databases_leave_those_of_the_home(self):
        """Unsound, all zeros, empty, and none at all."""
        good = self.make_database(self.dir / "good.db", rows=900).read_bytes()
        bad = {"unsound.db": good[:4096] + b"\xff" * (len(good) - 4096), "zeroed.db": bytes(len(good)), "empty.db": b"",
               "none.db": b"no database, but long enough for one" * 200}
        archive = self.dir / "bad.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("config.yaml", "x")
            for name, data in bad.items():
                opened.writestr(name, data)
                self.make_database(self.home / name, rows=3)
        done = self.hbcore("verify", archive, expect=3)
        self.assert_mentions(done, "NOT SOUND", "unsound.db")
        done = self.hbcore("--home", self.home, "--json", "import", "--force", archive, expect=3)
        self.assertEqual({row["path"] for row in self.summary(done)["skipped"]}, set(bad))
        for name in bad:
            self.assertEqual(len(self.database_rows(self.home / name)), 3, name)

    @staticmethod
    def make_sessions(path, sessions, messages, wal=False):
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(hb.sqlite3.connect(path, isolation_level=None)) as database:
            database.execute(f"PRAGMA journal_mode={'WAL' if wal else 'DELETE'}")
            for table, rows in (("sessions", sessions), ("messages", messages)):
                database.execute(f"DROP TABLE IF EXISTS {table}")
                database.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, text)")
                database.executemany(f"INSERT INTO {table} (text) VALUES (?)", [("x",)] * rows)

    def test_fewer_sessions_are_told(self):
        """Of each database; nothing, where there are as many or more, or none before."""
        cases = {"state.db": ((2, 4), (3, 12)), "profiles/work/state.db": ((2, 4), (1, 5)),
                 "profiles/more/state.db": ((2, 4), (1, 4)), "profiles/same/state.db": ((2, 4), (2, 4)),
                 "profiles/new/state.db": ((2, 4), None)}
        for name, (stored, _) in cases.items():
            self.make_sessions(self.home / name, *stored)
        archive = self.backup(self.home)
        for name, (_, there) in cases.items():
            if there is None:
                os.unlink(self.home / name)
            else:
                self.make_sessions(self.home / name, *there, wal=name == "state.db")
        holder = hb.sqlite3.connect(self.home / "state.db")  # as a gateway that runs
        holder.execute("SELECT * FROM sessions").fetchall()
        done = self.hbcore("--home", self.home, "--json", "import", "--force", archive)
        told = {row["path"]: row["reason"] for row in self.summary(done)["notes"]}
        self.assertEqual({name: text.removeprefix("sqlite-snap: ") for name, text in told.items()},
                         {"state.db": "had 3 sessions, 12 messages; now 2, 4",
                          "profiles/work/state.db": "had 1 sessions, 5 messages; now 2, 4"})
        self.assertEqual(holder.execute("SELECT count(*) FROM messages").fetchone(), (4,))
        holder.close()
        self.make_sessions(self.home / "state.db", 3, 12)
        with contextlib.closing(hb.sqlite3.connect(self.home / "profiles/work/state.db", isolation_level=None)) as work:
            for table in ("sessions", "messages"):
                work.execute(f"DROP TABLE {table}")
        done = self.hbcore("--home", self.home, "import", "--force", archive)
        self.assert_mentions(done, "state.db: ", "had 3 sessions, 12 messages; now 2, 4")
        self.assertEqual((done.stdout + done.stderr).count(b"; now "), 1)

    def test_a_database_that_stays_locked(self):
        archive = self.dir / "a.zip"
        with zipfile.ZipFile(archive, "w") as opened:
            opened.writestr("config.yaml", "of the archive")
            opened.write(self.make_database(self.dir / "other.db", rows=9), "state.db")
        holder = hb.sqlite3.connect(self.make_database(self.home / "state.db", rows=3), isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        arguments = ("--home", self.home, "--set", "content:sqlite.wait=1", "--json", "import", "--force", archive)
        done = self.hbcore(*arguments, expect=3)
        self.assertEqual([row["path"] for row in self.summary(done)["skipped"]], ["state.db"])
        holder.execute("ROLLBACK")
        self.assertEqual(len(self.database_rows(self.home / "state.db")), 3)
        self.hbcore(*arguments)
        self.assertEqual(holder.execute("SELECT count(*) FROM t").fetchone(), (9,))
        holder.close()


class Nested(Home):
    """HERMES_HOME names a profile: an import goes there, though a backup is of the whole home."""

    def setUp(self):
        super().setUp()
        self.profile = self.home / "profiles/work"
        self.archive = self.archive_of(["config.yaml", "skills/new"])
        self.before = self.content(self.home)

    def take(self, *arguments, expect=0, home=None, **keywords):
        return self.hbcore(*arguments, "import", self.archive, expect=expect,
                           env={"HERMES_HOME": str(home or self.profile)}, **keywords)

    def restored(self):
        return [place for place in PLACES if (self.home / place / "skills/new").exists()]

    def test_the_profile(self):
        done = self.take(expect=0, input=b"yes\n")
        self.assertIn(f"Target: {self.profile}\n".encode(), done.stdout)
        self.assert_mentions(done, f"Backups are of all of {self.home}", f"--home {self.home}")
        self.assertEqual(self.restored(), ["profiles/work/"])
        self.assertEqual((self.home / "config.yaml").read_text(), "config.yaml")
        self.assertEqual((self.profile / "config.yaml").read_text(), "of the archive")

    def test_no_answer_changes_nothing(self):
        done = self.take(expect=4, input=b"no\n")
        self.assertIn(f"Target: {self.profile}\n".encode(), done.stdout)
        self.assertEqual(self.content(self.home), self.before)

    def test_the_whole_home(self):
        """If it is named, or if the configuration says so, as it did before."""
        for words, home in ((("--home", self.home), None), (("--set", "import.nested-in=auto"), None),
                            (("--set", "import.nested-in=profiles"), None), ((), self.home)):
            done = self.take(*words, home=home, input=b"yes\n")
            self.assertEqual(self.restored(), [""], words)
            self.assertNotIn(b"Backups are of all of", done.stdout)
            (self.home / "skills/new").unlink()

    def test_a_configuration_without_it(self):
        text = hb.HERMES.read_text().replace("\nnested-in =\n", "\n")
        self.assertNotEqual(text, hb.HERMES.read_text())
        self.take("--config", self.write_config(text), input=b"yes\n")
        self.assertEqual(self.restored(), [""])

    def test_backups_are_of_the_whole_home(self):
        """And so is what the command restores that a backup names."""
        done = self.hbcore("backup", "-o", self.dir / "a.zip", env={"HERMES_HOME": str(self.profile)})
        self.assertEqual(self.stored(self.dir / "a.zip"), everywhere(KEPT))
        self.assertRegex(done.stdout, rf"Restore with: hbcore .*--home {self.home} import".encode())
        done = self.hbcore("backup", "-o", self.dir / "a.zip", env={"HERMES_HOME": str(self.home)})
        self.assertNotIn(b"--home", done.stdout)

    def test_the_way_back_is_of_what_is_replaced(self):
        done = self.hbcore("--json", "import", "--force", "--backup-first", self.archive,
                           env={"HERMES_HOME": str(self.profile)})
        found, = (self.profile / "backups").glob("*.zip")
        self.assertEqual(self.stored(found), set(KEPT))
        self.assertEqual(self.summary(done)["target"], str(self.profile))


class Snapshot(Home):
    def ids(self, directory):
        return sorted(os.listdir(directory)) if directory.exists() else []

    def test_of_each_profile(self):
        """A loop makes them; each stands in its own profile, and guard puts the jobs of that profile back."""
        homes = [self.home / place for place in PLACES]
        for number, home in enumerate(homes):
            hb.write(home / "cron/jobs.json", json.dumps({"jobs": [{"id": number}] * 2}))
            (home / "state-snapshots/s/state.db").unlink()
            (home / "state-snapshots/s").rmdir()
            self.hbcore("--home", home, "snapshot", "create")
        for number, home in enumerate(homes):
            name, = self.ids(home / "state-snapshots")
            hb.write(home / "cron/jobs.json", b'{"jobs": []}')
            self.hbcore("--home", home, "guard", name)
            self.assertEqual(json.loads((home / "cron/jobs.json").read_text()), {"jobs": [{"id": number}] * 2})

    def test_emergency_copy(self):
        """A configuration of its own: a checked copy of the database alone, of which three stay."""
        words = ("--set", "snapshot.directory=emergency-snapshots", "--set", "snapshot.files=state.db",
                 "--set", "snapshot.keep=3")
        self.make_database(self.home / "state.db", rows=7)
        made = [self.summary(self.hbcore("--home", self.home, *words, "--json", "snapshot", "create"))["id"]
                for _ in range(5)]
        self.assertEqual(self.ids(self.home / "emergency-snapshots"), sorted(made[-3:]))
        self.assertEqual(len(self.database_rows(self.home / "emergency-snapshots" / made[-1] / "state.db")), 7)

    def test_its_databases(self):
        databases = ["projects.db", "response_store.db", "memory_store.db", "verification_evidence.db", "kanban.db",
                     "kanban/boards/b.db", "cron/executions.db", "gateway/discord_message_recovery.db"]
        for name in databases:
            self.make_database(self.home / name)
        done = self.summary(self.hbcore("--home", self.home, "--json", "snapshot", "create"))
        manifest = json.loads((self.home / "state-snapshots" / done["id"] / "manifest.json").read_text())
        self.assertEqual(set(manifest["files"]), set(databases) | {"config.yaml", ".env"})


if __name__ == "__main__":
    unittest.main()
