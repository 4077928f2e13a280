# SPDX-License-Identifier: Apache-2.0
"""The module for Hermes: names, arguments and return values of the file that it replaces."""
import contextlib
import importlib.util
import inspect
import io
import json
import logging
import os
import pathlib
import pty
import shutil
import signal
import sqlite3
import subprocess
import sys
import types
import unittest
import unittest.mock
import zipfile

import hb

MODULE = hb.SOURCE / "contrib" / "hermes" / "hermes_backup.py"

SIGNATURES = {
    "run_backup": "(args)",
    "run_import": "(args)",
    "run_quick_backup": "(args)",
    "create_quick_snapshot": "(label=None, hermes_home=None, keep=None, max_file_size=None)",
    "list_quick_snapshots": "(limit=20, hermes_home=None)",
    "restore_quick_snapshot": "(snapshot_id, hermes_home=None)",
    "prune_quick_snapshots": "(keep=20, hermes_home=None)",
    "restore_cron_jobs_if_emptied": "(snapshot_id, hermes_home=None)",
    "create_pre_update_backup": "(hermes_home=None, keep=5)",
    "create_pre_migration_backup": "(hermes_home=None, keep=5)",
    "_quick_snapshot_root": "(hermes_home=None)",
    "create_pre_update_snapshots_all_profiles": "(invoking_home=None, keep=None, max_file_size=None)",
    "restore_cron_jobs_all_profiles": "(profile_snapshots, invoking_home=None)",
    "restore_config_model_settings_if_rewritten": "(snapshot_id, hermes_home=None)",
    "restore_config_model_settings_all_profiles": "(profile_snapshots, invoking_home=None)",
    "verify_sqlite_integrity":
        f"(path, *, check_header=True, run_pragma=True, max_bytes={2 << 30})",
    "is_zeroed_sqlite_file": "(path, *, probe_bytes=100, force=False)",
    "copy_db_and_verify": "(src, dst)",
    "_safe_copy_db": "(src, dst, timeout_seconds=10.0)",
}


def load():
    specification = importlib.util.spec_from_file_location("hermes_backup", MODULE)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class HermesBackup(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        for name in ("config.yaml", ".env", "cron/jobs.json", "skills/a.md", "pairing/x.json"):
            hb.write(self.home / name, f"{name}\n")
        self.jobs(3)
        environment = self.environment(HBCORE_PROGRAM=self.binary, HBCORE_CONFIG=str(hb.HERMES),
                                       HERMES_HOME=str(self.home))
        patch = unittest.mock.patch.dict(os.environ, environment, clear=True)
        patch.start()
        self.addCleanup(patch.stop)
        self.module = load()
        logging.disable(logging.CRITICAL)
        self.addCleanup(logging.disable, logging.NOTSET)

    def jobs(self, count):
        hb.write(self.home / "cron/jobs.json", json.dumps({"jobs": [{"id": i} for i in range(count)]}))

    def run_captured(self, function, *arguments, answer=AssertionError("a question")):
        """Exit code and output, of the module and of the program that it starts."""
        code, output = 0, io.StringIO()
        with contextlib.redirect_stdout(output), \
                unittest.mock.patch("sys.stdin", io.StringIO()), \
                unittest.mock.patch("builtins.input", side_effect=[answer]):
            try:
                function(*arguments)
            except SystemExit as end:
                code = end.code
        return code, output.getvalue()

    def test_signatures(self):
        for name, expected in SIGNATURES.items():
            signature = inspect.signature(getattr(self.module, name))
            plain = signature.replace(
                return_annotation=signature.empty,
                parameters=[parameter.replace(annotation=parameter.empty)
                            for parameter in signature.parameters.values()])
            self.assertEqual(str(plain), expected, name)

    def test_standard_library_only(self):
        names = set()
        for line in MODULE.read_text().splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]):
                names.add(words[1].partition(".")[0])
        of_hermes = {"hermes_constants", "hermes_cli", "plugins"}  # each is done without
        self.assertLessEqual(names - of_hermes, set(sys.stdlib_module_names))

    # ---- full backups ----

    def test_backup_and_import(self):
        archive = self.dir / "made.zip"
        code, output = self.run_captured(self.module.run_backup,
                                         types.SimpleNamespace(output=str(archive)))
        self.assertEqual(code, 0, output)
        self.assertIn("Backup complete", output)
        self.assertIn("Restore with: hermes import", output)
        self.assertIn("skills/a.md", zipfile.ZipFile(archive).namelist())
        (self.home / "skills/a.md").write_text("changed")
        code, output = self.run_captured(
            self.module.run_import, types.SimpleNamespace(zipfile=str(archive), force=True))
        self.assertEqual(code, 0, output)
        self.assertEqual((self.home / "skills/a.md").read_text(), "skills/a.md\n")

    def test_default_name(self):
        code, output = self.run_captured(self.module.run_backup,
                                         types.SimpleNamespace(output=None))
        self.assertEqual(code, 0, output)
        self.assertEqual(len(list(self.user.glob("hermes-backup-*.zip"))), 1)

    def test_missing_home(self):
        shutil.rmtree(self.home)
        code, _ = self.run_captured(self.module.run_backup, types.SimpleNamespace(output=None))
        self.assertEqual(code, 1)
        self.assertIsNone(self.module.create_pre_update_backup())
        self.assertIsNone(self.module.create_pre_migration_backup(self.home))

    def import_over(self, answer, force=False, content="new"):
        """An archive of other content, over the home; what the import ended with and printed."""
        archive = self.dir / "over.zip"
        with zipfile.ZipFile(archive, "w") as made:
            made.writestr("config.yaml", content)
        return self.run_captured(self.module.run_import, types.SimpleNamespace(
            zipfile=str(archive), force=force), answer=answer)

    def test_the_question(self):
        config = self.home / "config.yaml"
        for answer, code in (("n", 0), ("", 0), ("what", 0), (EOFError(), 1),
                             (KeyboardInterrupt(), 130)):
            ended, output = self.import_over(answer)
            self.assertEqual(ended, code, f"{answer!r}: {output}")
            self.assertTrue("Continue? [y/N] " in output and str(self.home) in output, output)
            self.assertEqual(config.read_text(), "config.yaml\n", repr(answer))
        for number, answer in enumerate(("y", " YES ")):
            ended, output = self.import_over(answer, content=f"new {number}")
            self.assertEqual((ended, config.read_text()), (0, f"new {number}"), output)
        ended, output = self.import_over(AssertionError("asked"), force=True)
        self.assertEqual((ended, config.read_text()), (0, "new"), output)

    def in_a_process(self, statement, **keywords):
        code = f"import sys, types; sys.path.insert(0, {str(MODULE.parent)!r})\n" \
               f"import hermes_backup\n{statement}"
        return subprocess.Popen([sys.executable, "-B", "-c", code], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **keywords)

    def test_an_answer_from_a_pipe(self):
        archive = self.dir / "over.zip"
        self.import_over("n")
        with self.in_a_process("hermes_backup.run_import(types.SimpleNamespace("
                               f"zipfile={str(archive)!r}, force=False))") as process:
            output, _ = process.communicate(b"y\n", timeout=60)
        self.assertEqual(process.returncode, 0, output)
        self.assertEqual((self.home / "config.yaml").read_text(), "new")

    def on_a_terminal(self, keys):
        """An import there, and what is typed at its question: exit code and screen."""
        code = f"import sys, types; sys.path.insert(0, {str(MODULE.parent)!r})\n" \
               "import hermes_backup\n" \
               f"hermes_backup.run_import(types.SimpleNamespace(zipfile={str(self.dir / 'over.zip')!r}, " \
               "force=False))"
        child, terminal = pty.fork()
        if child == 0:
            os.execv(sys.executable, [sys.executable, "-B", "-c", code])
        screen, typed = b"", False
        with contextlib.suppress(OSError):  # how the end of a terminal is told
            while chunk := os.read(terminal, 4096):
                screen += chunk
                if b"[y/N] " in screen and not typed:
                    typed = os.write(terminal, keys) > 0
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), screen.decode()

    def test_on_a_terminal(self):
        config = self.home / "config.yaml"
        self.import_over("n")
        for keys, code, content in ((b"n\n", 0, "config.yaml\n"), (b"\x04", 1, "config.yaml\n"),
                                    (b"\x03", 130, "config.yaml\n"), (b"y\n", 0, "new")):
            ended, screen = self.on_a_terminal(keys)
            self.assertEqual(ended, code, screen)
            self.assertEqual(config.read_text(), content, screen)
            self.assertNotIn("Traceback", screen)

    def test_an_interrupt_reaches_the_program(self):
        """The process alone gets it, not the group as from a terminal; nothing is left behind."""
        hb.write(self.home / "noise", os.urandom(1 << 20))  # more than the pipe takes
        os.mkfifo(self.dir / "pipe")
        with self.in_a_process("hermes_backup.run_backup(types.SimpleNamespace("
                               f"output={str(self.dir / 'pipe')!r}))") as process:
            with open(self.dir / "pipe", "rb"):
                self.assertIn(b"Backing up", process.stdout.readline())
                process.send_signal(signal.SIGINT)
                output, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, output)
        self.assertNotIn(b"Traceback", output)

    def test_incomplete_is_no_failure(self):
        hb.write(self.home / "state.db", bytes(8192))
        archive = str(self.dir / "made.zip")
        for strict, code in (("", 0), ("1", 3)):
            os.environ["HBCORE_STRICT"] = strict
            ended, output = self.run_captured(self.module.run_backup,
                                              types.SimpleNamespace(output=archive))
            self.assertEqual(ended, code, output)
            self.assertIn("state.db", output)
            ended, output = self.run_captured(self.module.run_import, types.SimpleNamespace(
                zipfile=archive, force=True))
            self.assertEqual(ended, code, output)

    def test_a_home_of_the_caller(self):
        """What Path.home() says is where archives and aliases go."""
        hb.write(self.home / "profiles/work/config.yaml", b"x")
        other = self.dir / "other"
        other.mkdir()
        with unittest.mock.patch.object(pathlib.Path, "home", lambda: other):
            self.run_captured(self.module.run_backup, types.SimpleNamespace(output=None))
            archive = next(other.glob("hermes-backup-*.zip"))
            self.run_captured(self.module.run_import, types.SimpleNamespace(
                zipfile=str(archive), force=True))
        self.assertIn("hermes -p work", (other / ".local/bin/work").read_text())
        self.assertEqual(list(self.user.iterdir()), [])

    def test_within_hermes(self):
        """What hermes_constants says comes before the environment."""
        constants = types.ModuleType("hermes_constants")
        constants.get_hermes_home = lambda: self.home / "profiles/work"
        constants.get_default_hermes_root = lambda: self.home
        constants.display_hermes_home = lambda: "~/somewhere"
        hb.write(self.home / "profiles/work/config.yaml", b"x")
        os.environ["HERMES_HOME"] = str(self.dir / "elsewhere")
        with unittest.mock.patch.dict(sys.modules, hermes_constants=constants):
            module = load()
        self.assertEqual(module.create_pre_update_backup().parent, self.home / "backups")
        _, output = self.run_captured(module.run_quick_backup, types.SimpleNamespace(label=None))
        self.assertIn("stored in ~/somewhere/state-snapshots/\n", output)
        self.assertEqual(len(list(self.home.glob("profiles/work/state-snapshots/*"))), 1)

    def test_import_of_a_missing_archive(self):
        code, _ = self.run_captured(self.module.run_import, types.SimpleNamespace(
            zipfile=str(self.dir / "none.zip"), force=True))
        self.assertEqual(code, 1)

    def test_a_profile_is_backed_up_with_the_whole_home(self):
        hb.write(self.home / "profiles/work/config.yaml", b"x")
        os.environ["HERMES_HOME"] = str(self.home / "profiles/work")
        archive = self.module.create_pre_update_backup()
        self.assertEqual(archive.parent, self.home / "backups")
        self.assertIn("profiles/work/config.yaml", zipfile.ZipFile(archive).namelist())
        self.assertIsNotNone(self.module.create_quick_snapshot())
        self.assertTrue((self.home / "profiles/work/state-snapshots").is_dir())

    def test_presets(self):
        for function, prefix in ((self.module.create_pre_update_backup, "pre-update-"),
                                 (self.module.create_pre_migration_backup, "pre-migration-")):
            for day in (1, 2, 3):
                hb.write(self.home / f"backups/{prefix}2020-01-0{day}-120000.zip", b"old")
            made = function(hermes_home=self.home, keep=2)
            self.assertIsInstance(made, pathlib.Path)
            self.assertTrue(made.name.startswith(prefix), made)
            left = {path.name for path in hb.archives(self.home / "backups") if path.name.startswith(prefix)}
            self.assertEqual(left, {made.name, f"{prefix}2020-01-03-120000.zip"})
            self.assertTrue(function(hermes_home=self.home, keep=0).is_file())

    def test_nothing_to_back_up(self):
        empty = self.dir / "empty"
        empty.mkdir()
        self.assertIsNone(self.module.create_pre_update_backup(empty))
        self.assertIsNone(self.module.create_quick_snapshot(hermes_home=empty))
        self.assertEqual(os.listdir(empty), [])

    # ---- snapshots ----

    def test_snapshots(self):
        first = self.module.create_quick_snapshot()
        second = self.module.create_quick_snapshot(label="before update", hermes_home=self.home)
        self.assertRegex(first, r"^\d{8}-\d{6}$")
        self.assertRegex(second, r"^\d{8}-\d{6}-before update$")
        rows = self.module.list_quick_snapshots()
        self.assertEqual({row["id"] for row in rows}, {first, second})
        self.assertEqual(len(self.module.list_quick_snapshots(limit=1)), 1)
        row = next(row for row in rows if row["id"] == second)
        self.assertEqual(list(row), ["id", "timestamp", "label", "file_count", "total_size", "files"])
        self.assertEqual(row["label"], "before update")
        self.assertEqual(set(row["files"]),
                         {"config.yaml", ".env", "cron/jobs.json", "pairing/x.json"})
        self.assertEqual(row["file_count"], 4)
        (self.home / "config.yaml").write_text("changed")
        self.assertIs(self.module.restore_quick_snapshot(first), True)
        self.assertEqual((self.home / "config.yaml").read_text(), "config.yaml\n")
        self.assertEqual(self.module.prune_quick_snapshots(keep=1), 1)
        self.assertEqual(self.module.prune_quick_snapshots(keep=0, hermes_home=self.home), 1)
        self.assertEqual(self.module.list_quick_snapshots(), [])

    def test_keep(self):
        for number in range(4):
            newest = self.module.create_quick_snapshot(label=f"x{number}", keep=2)
        rows = self.module.list_quick_snapshots()
        self.assertEqual(len(rows), 2)
        self.assertIn(newest, [row["id"] for row in rows])

    def test_snapshots_that_are_not_there(self):
        self.assertEqual(self.module.list_quick_snapshots(), [])
        self.assertEqual(self.module.prune_quick_snapshots(), 0)
        made = self.module.create_quick_snapshot()
        for name in ("", "1", "no-such", "..", f"{made}/../{made}"):
            self.assertIs(self.module.restore_quick_snapshot(name), False, name)

    def test_unreadable_manifest(self):
        hb.write(self.home / "state-snapshots/20260101-000000/manifest.json", b"{")
        self.assertEqual(self.module.list_quick_snapshots(),
                         [{"id": "20260101-000000", "file_count": 0, "total_size": 0}])

    def test_run_quick_backup(self):
        code, output = self.run_captured(self.module.run_quick_backup,
                                         types.SimpleNamespace(label="mine"))
        self.assertEqual(code, 0)
        self.assertRegex(output, r"State snapshot created: \d{8}-\d{6}-mine\n"
                                 r"  1 snapshot\(s\) stored in .*/state-snapshots/\n"
                                 r"  Restore with: /snapshot restore \d{8}-\d{6}-mine\n")
        shutil.rmtree(self.home)
        self.home.mkdir()
        _, output = self.run_captured(self.module.run_quick_backup, types.SimpleNamespace())
        self.assertEqual(output, "No state files found to snapshot.\n")

    # ---- cron jobs ----

    def test_cron_jobs(self):
        snapshot = self.module.create_quick_snapshot()
        restore = self.module.restore_cron_jobs_if_emptied
        self.assertIsNone(restore(snapshot))
        self.jobs(1)
        self.assertIsNone(restore(snapshot))
        self.jobs(0)
        self.assertIsNone(restore(""))
        self.assertIsNone(restore("no-such"))
        self.assertEqual(restore(snapshot),
                         {"restored": True, "job_count": 3, "snapshot_id": snapshot})
        self.assertEqual(len(json.loads((self.home / "cron/jobs.json").read_text())["jobs"]), 3)

    # ---- what else Hermes takes from there ----

    def test_sizes(self):
        for size, text in ((0, "0 B"), (1023, "1023 B"), (1024, "1.0 KB"), (1536 << 10, "1.5 MB"),
                           (3 << 30, "3.0 GB"), (2 << 40, "2.0 TB"), (5000 << 40, "5000.0 TB")):
            self.assertEqual(self.module._format_size(size), text)

    def test_what_is_excluded(self):
        excluded = self.module._should_exclude
        for path in ("hermes-agent/run.py", "a/__pycache__/b.pyc", "a.pyc", "cron.pid",
                     "backups/x.zip", "state.db-wal", "x/.venv/bin/python"):
            self.assertIs(excluded(pathlib.Path(path)), True, path)
        for path in ("config.yaml", "state.db", "skills/x/hermes-agent/SKILL.md", "logs/a.log"):
            self.assertIs(excluded(pathlib.Path(path)), False, path)
        for path in ("/etc/passwd", "../x", "a/../../x"):
            with self.assertRaises(ValueError):
                excluded(pathlib.Path(path))

    def zip_of(self, *names, path=None):
        stream = path or io.BytesIO()
        with zipfile.ZipFile(stream, "w") as made:
            for name in names:
                made.writestr(name, "")
        opened = zipfile.ZipFile(stream)
        self.addCleanup(opened.close)
        return opened

    def test_what_a_zip_is(self):
        valid = self.module._validate_backup_zip
        for name in ("config.yaml", ".env", "state.db", "deep/er/config.yaml"):
            self.assertEqual(valid(self.zip_of(name, "x/y")), (True, ""), name)
        self.assertEqual(valid(self.zip_of("state.db", path=self.dir / "a.zip")), (True, ""))
        for names in ((), ("other.db", "x/y")):
            good, why = valid(self.zip_of(*names))
            self.assertFalse(good)
            self.assertNotEqual(why, "")

    def test_what_is_around_it(self):
        prefix = self.module._detect_prefix
        self.assertEqual(prefix(self.zip_of(".hermes/config.yaml", ".hermes/a/b")), ".hermes/")
        self.assertEqual(prefix(self.zip_of("hermes/a")), "hermes/")
        for names in ((), ("config.yaml", "a/b"), ("other/config.yaml",), (".hermes/", ".hermes/a/"),
                      (".hermes/a", "b")):
            self.assertEqual(prefix(self.zip_of(*names)), "", names)
        opened = self.zip_of("hermes/a")
        prefix(opened)
        self.assertEqual(opened.read("hermes/a"), b"")  # it can still be read

    def test_copy_of_a_database(self):
        source = self.make_database(self.dir / "source #1.db", wal=True)
        writer = sqlite3.connect(source)
        self.addCleanup(writer.close)
        writer.execute("INSERT INTO t (text) VALUES ('only in the log')")
        writer.commit()
        self.assertIs(self.module._safe_copy_db(source, self.dir / "copy.db"), True)
        rows = self.database_rows(self.dir / "copy.db")
        self.assertEqual((len(rows), rows[-1][1]), (51, "only in the log"))
        hb.write(self.dir / "none.db", b"no database at all, but long enough to look like one" * 20)
        self.assertIs(self.module._safe_copy_db(self.dir / "none.db", self.dir / "raw.db"), True)
        self.assertEqual((self.dir / "raw.db").read_bytes(), (self.dir / "none.db").read_bytes())
        self.assertIs(self.module._safe_copy_db(self.dir / "missing.db", self.dir / "x.db"), False)

    def test_a_zip_of_any_name(self):
        made = self.module._write_full_zip_backup(self.dir / "x.zip", self.home)
        self.assertEqual(made, self.dir / "x.zip")
        self.assertIn("skills/a.md", zipfile.ZipFile(made).namelist())
        self.assertIsNone(self.module._write_full_zip_backup(self.dir / "y.zip", self.dir / "none"))
        self.assertFalse((self.dir / "y.zip").exists())

    # ---- failures ----

    def test_another_run_has_the_home(self):
        os.environ["HBCORE_WAIT"] = "0"
        with hb.HeldLock(self.home):
            self.assertIsNone(self.module.create_pre_update_backup())
            with self.assertRaises(self.module.HbcoreError) as caught:
                self.module.create_quick_snapshot()
        self.assertEqual(caught.exception.code, 5)

    def test_another_run_is_waited_for(self):
        for value, seconds in ((None, "60"), ("", "60"), ("5", "5")):
            os.environ.pop("HBCORE_WAIT", None)
            if value is not None:
                os.environ["HBCORE_WAIT"] = value
            command = self.module._command(None, "backup")
            self.assertEqual(command[command.index("--wait") + 1], seconds)
        lock = hb.HeldLock(self.home)
        with lock, self.in_a_process("print(hermes_backup.create_quick_snapshot())") as process:
            lock.release()
            output, _ = process.communicate(timeout=60)
        self.assertRegex(output.decode(), r"^\d{8}-\d{6}\n$")

    def test_no_program(self):
        os.environ["HBCORE_PROGRAM"] = str(self.dir / "missing")
        self.assertIsNone(self.module.create_pre_update_backup())
        self.assertIsNone(self.module.restore_cron_jobs_if_emptied("x"))
        with self.assertRaises(OSError):
            self.module.create_quick_snapshot()

    def test_the_installed_configuration(self):
        del os.environ["HBCORE_CONFIG"]
        root = self.dir / "prefix"
        (root / "bin").mkdir(parents=True)
        program = str(root / "bin/hbcore")
        self.assertEqual(self.module._configuration(program), ["--config", str(hb.HERMES)])
        hb.write(root / "share/hbcore/hermes.ini", b"")
        self.assertEqual(self.module._configuration(program),
                         ["--config", str(root / "share/hbcore/hermes.ini")])
        hb.write(self.user / ".config/hbcore/hbcore.ini", b"")
        self.assertEqual(self.module._configuration(str(root / "bin/hbcore")), [])


if __name__ == "__main__":
    unittest.main()
