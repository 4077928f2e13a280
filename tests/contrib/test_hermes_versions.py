# SPDX-License-Identifier: Apache-2.0
"""The module in the place of hermes_cli/backup.py, called as Hermes of June, August and November 2026 calls it."""
import contextlib
import importlib
import io
import json
import logging
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import types
import unittest
import unittest.mock
import zipfile

import hb

MODULE = hb.SOURCE / "contrib" / "hermes" / "hermes_backup.py"
GIB = 1 << 30
# JSON is YAML, too.
YAML = types.SimpleNamespace(safe_load=json.loads, YAMLError=ValueError,
                             safe_dump=lambda settings, **_: json.dumps(settings))


class Versions(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.user / ".hermes"
        self.active = self.home
        for place in ("", "profiles/work/", "profiles/p2/"):
            for name in ("config.yaml", ".env", "skills/a.md"):
                hb.write(self.home / place / name, f"{place}{name}\n")
            self.jobs(place, 3)
            self.make_database(self.home / place / "state.db")
        environment = self.environment(HBCORE_PROGRAM=self.binary, HBCORE_CONFIG=str(hb.HERMES),
                                       HOME=str(self.user))
        environment.pop("HERMES_HOME", None)
        for patch in (unittest.mock.patch.dict(os.environ, environment, clear=True),
                      unittest.mock.patch.dict(sys.modules, yaml=YAML)):
            patch.start()
            self.addCleanup(patch.stop)
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def jobs(self, place, count):
        hb.write(self.home / place / "cron/jobs.json", json.dumps({"jobs": [{"id": i} for i in range(count)]}))

    def hermes(self, *beside):
        """Puts it where Hermes has its file, with other files of that version beside it."""
        tree = self.fresh("hermes")
        package = tree / "hermes_cli"
        for name in ("__init__.py", *beside):
            hb.write(package / name, b"")
        shutil.copy(MODULE, package / "backup.py")
        constants = types.ModuleType("hermes_constants")
        constants.get_hermes_home = lambda: self.active
        constants.get_default_hermes_root = lambda: self.home
        constants.display_hermes_home = lambda: "~/.hermes"
        for name in ("hermes_cli", "hermes_cli.backup"):
            sys.modules.pop(name, None)
        for patch in (unittest.mock.patch.dict(sys.modules, hermes_constants=constants),
                      unittest.mock.patch.object(sys, "path", [str(tree), *sys.path]),
                      unittest.mock.patch.object(sys, "dont_write_bytecode", True)):
            patch.start()
            self.addCleanup(patch.stop)
        importlib.invalidate_caches()
        return importlib.import_module("hermes_cli.backup")

    def call(self, function, *arguments, **keywords):
        """What it returned, and what people read: printed, and on standard error."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), \
                unittest.mock.patch("sys.stdin", io.StringIO()):
            try:
                result = function(*arguments, **keywords)
            except SystemExit as end:
                result = end.code
        self.printed, self.told = out.getvalue(), err.getvalue()
        return result

    def program_hermes(self, code=0):
        """A `hermes` in PATH that writes down what it was called with."""
        calls = self.dir / "calls"
        hb.write(self.dir / "bin/hermes", f'#!/bin/sh\necho "$@" >> {calls}\nexit {code}\n')
        os.chmod(self.dir / "bin/hermes", 0o755)
        os.environ["PATH"] = f"{self.dir / 'bin'}:{os.environ['PATH']}"
        return lambda: calls.read_text().splitlines() if calls.exists() else []

    def archive(self, **files):
        made = self.fresh("restored.zip")
        with zipfile.ZipFile(made, "w") as opened:
            for name, text in {"config.yaml": "of the archive", **files}.items():
                opened.writestr(name, text)
        return str(made)

    # ---- June ----

    def test_june(self):
        """No `keep` in the arguments, no size, and no gateway."""
        self.hermes()
        from hermes_cli.backup import (create_pre_update_backup, create_quick_snapshot, list_quick_snapshots,
                                       prune_quick_snapshots, restore_cron_jobs_if_emptied, restore_quick_snapshot,
                                       run_backup, run_import)
        called = self.program_hermes()
        self.assertIsNone(self.call(run_backup, types.SimpleNamespace(output=None, quick=False, label=None)))
        self.assertIn("Backup complete", self.printed)
        self.assertEqual(len(list(self.user.glob("hermes-backup-*.zip"))), 1)
        snapshot = self.call(create_quick_snapshot, label="pre-update", keep=1)
        self.assertEqual([row["id"] for row in list_quick_snapshots()], [snapshot])
        self.jobs("", 0)
        self.assertEqual(restore_cron_jobs_if_emptied(snapshot)["job_count"], 3)
        self.assertTrue(restore_quick_snapshot(snapshot))
        self.assertEqual(prune_quick_snapshots(keep=0), 1)
        self.assertTrue(self.call(create_pre_update_backup, keep=5).is_file())
        self.call(run_import, types.SimpleNamespace(zipfile=self.archive(), force=True))
        self.assertEqual((self.home / "config.yaml").read_text(), "of the archive")
        self.assertEqual(called(), [])

    def provider(self, paths):
        """What Hermes has where a memory provider is set."""
        config, memory = types.ModuleType("hermes_cli.config"), types.ModuleType("plugins.memory")
        config.load_config = lambda: {"memory": {"provider": "a-provider"}}

        def load(name):
            self.assertEqual(name, "a-provider")
            return types.SimpleNamespace(backup_paths=paths)
        memory.load_memory_provider = load
        patch = unittest.mock.patch.dict(sys.modules, {"hermes_cli.config": config, "plugins.memory": memory,
                                                       "plugins": types.ModuleType("plugins")})
        patch.start()
        self.addCleanup(patch.stop)

    def test_files_of_the_memory_provider(self):
        module = self.hermes()
        for name in (".a-provider/data/x.json", ".config/of it/x", ".hermes/in-the-home", ".honcho/config.json"):
            hb.write(self.user / name, b"kept")
        hb.write(self.dir / "far/away", b"elsewhere")
        self.provider(lambda: [str(self.user / ".a-provider/data"), "~/.config/of it", str(self.home / "in-the-home"),
                               str(self.dir / "far")])
        made = self.call(module.create_pre_update_backup, keep=5)
        with zipfile.ZipFile(made) as opened:
            self.assertEqual({name for name in opened.namelist() if name.startswith("_external/") and name[-1] != "/"},
                             {"_external/.a-provider/data/x.json", "_external/.honcho/config.json"})
            self.assertIn("in-the-home", opened.namelist())
        self.assertRegex(self.printed, r"of it of the memory provider is not in the backup: its name has a space")
        self.assertRegex(self.printed, r"/far of the memory provider is not in the backup: it lies outside of")
        self.call(module.run_backup, types.SimpleNamespace(output=str(self.dir / "b.zip"), quick=False, label=None))
        shutil.rmtree(self.user / ".a-provider")
        self.call(module.run_import, types.SimpleNamespace(zipfile=str(self.dir / "b.zip"), force=True))
        self.assertEqual((self.user / ".a-provider/data/x.json").read_bytes(), b"kept")

    def test_a_memory_provider_that_cannot_be_asked(self):
        module = self.hermes()

        def fail():
            raise RuntimeError("no database")
        self.provider(fail)
        self.assertTrue(self.call(module.create_pre_update_backup, keep=5).is_file())
        self.assertIn("cannot say what it keeps outside of the home: no database", self.printed)

    # ---- August ----

    def test_august(self):
        """Before an update: a snapshot with a limit, and its database is checked."""
        self.hermes()
        from hermes_cli.backup import _quick_snapshot_root, create_quick_snapshot, verify_sqlite_integrity
        snapshot = self.call(create_quick_snapshot, label="pre-update", keep=1, max_file_size=GIB)
        self.assertEqual((self.printed, self.told), ("", ""))
        copy = _quick_snapshot_root(self.home) / snapshot / "state.db"
        for path in (self.home / "state.db", copy):
            found = verify_sqlite_integrity(path, check_header=True, run_pragma=True, max_bytes=GIB)
            self.assertEqual((found["valid"], found["size"]), (True, path.stat().st_size), found)
        self.assertEqual(os.listdir(copy.parent).count("state.db-wal"), 0)

    def test_a_larger_file_is_told_and_keeps_the_older_snapshot(self):
        module = self.hermes()
        first = self.call(module.create_quick_snapshot, label="pre-update", keep=1)
        second = self.call(module.create_quick_snapshot, label="pre-update", keep=1, max_file_size=100)
        self.assertRegex(self.printed, rf"WARNING: Snapshot {second} is INCOMPLETE: state.db is not in it: .*larger")
        self.assertEqual({row["id"] for row in module.list_quick_snapshots()}, {first, second})

    def test_a_zeroed_database_is_printed(self):
        module = self.hermes()
        hb.write(self.home / "state.db", bytes(8192))
        made = self.call(module.create_quick_snapshot, label="x")
        self.assertRegex(self.printed, rf"Snapshot {made} is INCOMPLETE: state.db .*all its bytes are zero")

    def test_no_snapshot_is_printed(self):
        """Hermes hides the error."""
        module = self.hermes()
        os.environ["HBCORE_PROGRAM"] = str(self.dir / "none")
        with self.assertRaises(OSError):
            self.call(module.create_quick_snapshot)
        os.environ["HBCORE_PROGRAM"] = str(self.binary)
        os.environ["HBCORE_WAIT"] = "0"
        out = io.StringIO()
        with hb.HeldLock(self.home), self.assertRaises(module.BackupInProgressError), contextlib.redirect_stdout(out):
            module.create_quick_snapshot()
        self.assertIn("WARNING: No snapshot was made", out.getvalue())

    def test_soundness(self):
        module = self.hermes()
        good = self.home / "state.db"
        size = good.stat().st_size
        zeroed, broken, small = (self.dir / name for name in ("z.db", "b.db", "s.db"))
        hb.write(zeroed, bytes(size))
        content = bytearray(good.read_bytes())
        content[4096:] = b"\xff" * (size - 4096)
        hb.write(broken, bytes(content))
        hb.write(small, b"x")
        check = module.verify_sqlite_integrity
        for path, valid, message in ((good, True, "passed"), (zeroed, False, "header"), (small, False, "too small"),
                                     (broken, False, ""), (self.dir / "no.db", False, "not found")):
            found = check(path)
            self.assertEqual((found["valid"], message in found["message"]), (valid, True), (path, found))
        self.assertIs(check(zeroed, check_header=False)["valid"], False)
        large = check(good, max_bytes=size - 1)
        self.assertTrue(large["valid"] and "larger than" in large["message"], large)
        os.mkfifo(self.dir / "pipe")
        zero = module.is_zeroed_sqlite_file
        self.assertEqual([zero(path) for path in (good, zeroed, small, self.dir / "no.db", self.dir / "pipe")],
                         [False, True, False, False, False])
        self.assertTrue(zero(zeroed, probe_bytes=16, force=True))

    def test_a_check_leaves_nothing_and_takes_no_lock_away(self):
        module = self.hermes()
        path = self.make_database(self.dir / "wal.db", wal=True)
        self.assertTrue(module.verify_sqlite_integrity(path)["valid"])
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith("wal.db")], ["wal.db"])
        holder = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("PRAGMA journal_mode=DELETE")
        holder.execute("BEGIN EXCLUSIVE")
        module.is_zeroed_sqlite_file(path)
        with contextlib.closing(sqlite3.connect(path, timeout=0)) as other, self.assertRaises(sqlite3.OperationalError):
            other.execute("SELECT * FROM t").fetchall()

    def test_a_checked_copy(self):
        module = self.hermes()
        copy = self.dir / "copy.db"
        self.assertIs(module.copy_db_and_verify(self.home / "state.db", copy), True)
        self.assertEqual(self.database_rows(copy), self.database_rows(self.home / "state.db"))
        hb.write(self.dir / "z.db", bytes(8192))
        hb.write(self.dir / "text.db", b"not a database, but as long as one" * 99)
        before = copy.read_bytes()
        for bad in ("z.db", "text.db", "none.db"):
            self.assertIs(self.call(module.copy_db_and_verify, self.dir / bad, copy), False, bad)
            self.assertIn("was not copied", self.printed)
        self.assertEqual(copy.read_bytes(), before)
        hb.write(f"{copy}-wal", b"x")
        self.assertIs(self.call(module.copy_db_and_verify, self.home / "state.db", copy), False)
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith(".copy.db")], [])

    def test_who_has_a_database_open(self):
        module = self.hermes()
        path = self.home / "state.db"
        with contextlib.closing(sqlite3.connect(path)) as own:
            own.execute("SELECT * FROM t").fetchall()
            self.assertEqual(module._foreign_db_holder_pids(path), [])
        with open(path, "r+b") as opened:
            other = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=opened)
        self.addCleanup(other.communicate)
        self.assertEqual(module._foreign_db_holder_pids(path), [other.pid])
        os.unlink(path)
        self.assertEqual(module._foreign_db_holder_pids(path), [other.pid])

    def test_a_locked_one_is_not_copied(self):
        module = self.hermes()
        holder = sqlite3.connect(self.home / "state.db", isolation_level=None)
        self.addCleanup(holder.close)
        holder.execute("BEGIN EXCLUSIVE")
        self.assertIs(module._safe_copy_db(self.home / "state.db", self.dir / "x.db", timeout_seconds=0.1), False)
        self.assertFalse((self.dir / "x.db").exists())

    # ---- November ----

    def test_november(self):
        """Backups by hand are counted, an import goes to the profile."""
        module = self.hermes("backup_restore.py", "backup_sqlite.py")
        arguments = {"output": None, "quick": False, "label": None, "dry_run": False}
        for _ in range(4):
            self.call(module.run_backup, types.SimpleNamespace(**arguments, keep=3))
            self.assertIn("Backup complete", self.printed)
        self.assertEqual(len(list(self.user.glob("hermes-backup-*.zip"))), 3)
        self.call(module.run_backup, types.SimpleNamespace(**arguments, keep=0))
        self.assertEqual(len(list(self.user.glob("hermes-backup-*.zip"))), 4)
        self.call(module.run_backup, types.SimpleNamespace(**{**arguments, "dry_run": True}, keep=3))
        self.assertEqual(len(list(self.user.glob("hermes-backup-*.zip"))), 4)
        self.active = self.home / "profiles/work"
        self.call(module.run_import, types.SimpleNamespace(zipfile=self.archive(), force=True))
        self.assertEqual((self.active / "config.yaml").read_text(), "of the archive")
        self.assertEqual((self.home / "config.yaml").read_text(), "config.yaml\n")
        from hermes_cli.backup import BackupInProgressError, _QUICK_STATE_FILES
        self.assertTrue(issubclass(BackupInProgressError, RuntimeError))
        self.assertLessEqual({"state.db", "pairing", "cron/executions.db"}, set(_QUICK_STATE_FILES))

    def test_three_by_hand_where_the_user_wants_them(self):
        module = self.hermes("backup_restore.py")
        place = self.dir / "place"
        place.mkdir()
        own = self.write_config("[home]\npath = ~/.hermes\n[backup]\nformat = zip\nprefix = mine-\n"
                                f"directory = {place}\n[format:zip]\nplugin = zip\n")
        for config, output, pattern in ((str(hb.HERMES), str(place), "hermes-backup-*.zip"), (str(own), None, "mine-*.zip")):
            os.environ["HBCORE_CONFIG"] = config
            for _ in range(4):
                self.call(module.run_backup, types.SimpleNamespace(output=output, keep=2))
            self.assertEqual(len(list(place.glob(pattern))), 2, self.printed)
        self.call(module.run_backup, types.SimpleNamespace(output=str(place / "chosen.zip"), keep=1))
        self.assertEqual(len(list(place.glob("*.zip"))), 5)

    def test_of_all_profiles(self):
        module = self.hermes("backup_restore.py")
        hb.write(self.home / "profiles/Not a profile/config.yaml", b"x")
        made = self.call(module.create_pre_update_snapshots_all_profiles, keep=1, max_file_size=GIB)
        self.assertEqual(set(made), {"work", "p2"})
        self.assertEqual(os.listdir(self.home / "profiles/work/state-snapshots"), [made["work"]])
        self.jobs("profiles/work", 0)
        self.assertEqual(module.restore_cron_jobs_all_profiles({**made, "gone": "x"}),
                         [{"restored": True, "job_count": 3, "snapshot_id": made["work"], "profile": "work"}])
        self.active = self.home / "profiles/work"
        self.assertEqual(set(self.call(module.create_pre_update_snapshots_all_profiles)), {"default", "p2"})
        self.assertEqual(module.restore_cron_jobs_all_profiles({}), [])

    def test_settings_of_the_model(self):
        module = self.hermes("backup_restore.py")
        config = self.home / "config.yaml"
        model = {"provider": "custom", "default": "m", "base_url": "", "other": 1}
        hb.write(config, json.dumps({"model": model, "moa": {"enabled": True}, "mine": [1]}))
        os.chmod(config, 0o640)
        snapshot = self.call(module.create_quick_snapshot)
        restore = module.restore_config_model_settings_if_rewritten
        self.assertIsNone(restore(snapshot))
        hb.write(config, json.dumps({"version": 2, "model": {"provider": "x", "base_url": "new", "other": 2}}))
        self.assertEqual(restore(snapshot), {"restored": True, "snapshot_id": snapshot,
                                             "keys": ["model.provider", "model.default", "moa"]})
        self.assertEqual(json.loads(config.read_text()), {
            "version": 2, "moa": {"enabled": True},
            "model": {"provider": "custom", "default": "m", "base_url": "new", "other": 2}})
        self.assertEqual(config.stat().st_mode & 0o777, 0o640)
        before = config.read_bytes()
        for name in ("", "none", "..", f"../state-snapshots/{snapshot}"):
            self.assertIsNone(restore(name), name)
        hb.write(config, b"{")
        self.assertIsNone(restore(snapshot))
        self.assertNotEqual(config.read_bytes(), before)
        work = self.home / "profiles/work"
        hb.write(work / "config.yaml", json.dumps({"moa": 1}))
        made = self.call(module.create_pre_update_snapshots_all_profiles)
        hb.write(work / "config.yaml", b"{}")
        self.assertEqual([(row["profile"], row["keys"]) for row in
                          self.call(module.restore_config_model_settings_all_profiles, made)], [("work", ["moa"])])
        with unittest.mock.patch.dict(sys.modules, yaml=None):
            self.assertIsNone(self.call(restore, snapshot))
        self.assertIn("no module yaml", self.printed)

    def test_the_gateway(self):
        """It is started after a complete import into the default home, unless it runs."""
        module = self.hermes("backup_restore.py")
        called = self.program_hermes()

        def restore(**files):
            self.call(module.run_import, types.SimpleNamespace(zipfile=self.archive(**files), force=True))

        restore()
        self.assertEqual(called(), ["gateway start"])
        hb.write(self.home / "gateway.pid", json.dumps({"kind": 1, "pid": os.getpid()}))
        restore()
        self.assertIn("hermes gateway restart", self.printed)
        os.unlink(self.home / "gateway.pid")
        os.environ["HBCORE_GATEWAY"] = "no"
        restore()
        del os.environ["HBCORE_GATEWAY"]
        restore(**{"state.db": "no database"})
        self.assertIn("The gateway was not started. To start it: hermes gateway start", self.printed)
        self.active = self.home / "profiles/work"
        restore()
        self.assertEqual(called(), ["gateway start"])
        self.active = self.home
        self.program_hermes(code=1)
        restore()
        self.assertEqual(called(), ["gateway start"] * 2)
        self.assertIn("The gateway was not started", self.printed)

    # ---- another one ----

    def test_an_unknown_version_is_told(self):
        module = self.hermes("backup_restore.py")
        with self.assertRaises(TypeError):
            self.call(lambda: module.create_quick_snapshot(label="x", compress=True))
        with contextlib.redirect_stderr(io.StringIO()) as err:
            with self.assertRaises(TypeError):
                module.create_quick_snapshot(label="x", compress=True)
            with self.assertRaises(ImportError):
                from hermes_cli.backup import of_next_year  # pylint: disable=unused-import
        self.assertRegex(err.getvalue(), r"create_quick_snapshot\(\): .*'compress'.* June, August and November 2026")
        self.assertIn("asks for 'of_next_year'", err.getvalue())
        self.assertFalse((self.home / "state-snapshots").exists())


if __name__ == "__main__":
    unittest.main()
