# SPDX-License-Identifier: Apache-2.0
"""What others do to a file while it is read, and that no size and no time of modification tells."""
import fcntl
import io
import os
import pathlib
import shutil
import sqlite3
import subprocess
import termios
import time
import unittest
import zipfile

import hb
import mounts

BYTES = 20_000_000  # many times what a pipe and the window hold
SLOW = ("--set", "backup.workers=1", "--set", "backup.window=1M", "--set", "format:zip.level=0",
        "--set", "format:tar-zstd.frame-size=1M")


class Meanwhile(hb.Case):
    """A backup into a pipe that nobody empties until something has happened."""

    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"model: large\n")

    def start(self, home, form="zip"):
        """Once it returns, the pipe is full."""
        process = self.start_hbcore(*SLOW, "--home", home, "--json", "backup", "--format", form, "-o", "-")
        waiting, until = bytearray(4), time.monotonic() + 60
        while int.from_bytes(waiting, "little") < 60_000:
            self.assertLess(time.monotonic(), until, "it writes nothing")
            self.assertIsNone(process.poll())
            fcntl.ioctl(process.stdout, termios.FIONREAD, waiting)
        return process

    def end(self, process, expect):
        """The archive, and the paths of what is doubtful."""
        output, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, expect, errors)
        return output, errors.decode()

    def rewrite(self, path, put_back):
        """In place, all of it."""
        before = os.stat(path)
        with open(path, "r+b") as stream:
            stream.write(b"new " * (before.st_size // 4))
        if put_back:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


class PutBack(Meanwhile):
    def test_its_time_is_put_back(self):
        """touch -r, cp -p, containers of disks: half old, half new may be stored, and it is named."""
        for form in ("zip", "tar-zstd"):
            with self.subTest(format=form):
                path = self.home / "vault.bin"
                hb.write(path, os.urandom(BYTES), mtime_ns=1_700_000_000 * 10**9)
                process = self.start(self.home, form)
                self.rewrite(path, put_back=True)
                _, errors = self.end(process, 3)
                self.assertIn("vault.bin", errors)
                self.assertIn("changed while it was read", errors)

    def test_a_file_with_an_access_list(self):
        """Its mode is stored without what the list grants, which is no other mode."""
        path = self.home / "vault.bin"
        hb.write(path, os.urandom(BYTES), mtime_ns=1_700_000_000 * 10**9)
        path.chmod(0o640)
        if subprocess.run(["setfacl", "-m", "u:65534:rw", path], capture_output=True, check=False).returncode != 0:
            self.skip("no access list can be set here")
        process = self.start(self.home)
        self.rewrite(path, put_back=True)
        _, errors = self.end(process, 3)
        self.assertIn("vault.bin", errors)

    def test_new_rights_and_links_are_no_change(self):
        """cp -al of a whole home, chmod: the content is what it was."""
        for act in (lambda path: path.chmod(0o600), lambda path: os.link(path, self.dir / "link")):
            path = self.home / "vault.bin"
            hb.write(path, os.urandom(BYTES), mtime_ns=1_700_000_000 * 10**9)
            path.chmod(0o644)
            process = self.start(self.home)
            act(path)
            output, _ = self.end(process, 0)
            with zipfile.ZipFile(io.BytesIO(output)) as archive:
                self.assertEqual(archive.read("vault.bin"), path.read_bytes())


class Coarse(Meanwhile):
    """A file system that keeps whole seconds: ext4 with inodes of 128 bytes."""

    def setUp(self):
        super().setUp()
        try:
            self.root = mounts.mount(self, "ext4-seconds")
        except mounts.Missing as reason:
            self.skip(str(reason))

    def test_it_is_written_twice_in_one_second(self):
        home = self.root / "home"
        hb.write(home / "config.yaml", b"model: large\n")
        path = home / "vault.bin"
        data = os.urandom(BYTES)
        while time.time() % 1 > 0.1:  # much of a second is left
            time.sleep(0.01)
        hb.write(path, data)
        process = self.start(home)
        self.rewrite(path, put_back=False)
        _, errors = self.end(process, 3)
        self.assertIn("vault.bin", errors)


class Overwritten(Meanwhile):
    """cp OTHER state.db, of a database in WAL mode: its pages are not those that were checked."""

    def test_in_use_and_not(self):
        other = self.make(self.dir / "other.db", "delete")
        other.close()
        for open_meanwhile in (True, False):
            with self.subTest(open=open_meanwhile):
                for name in ("state.db", "state.db-wal", "state.db-shm"):
                    (self.home / name).unlink(missing_ok=True)
                program = self.make(self.home / "state.db", "wal")
                program.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                program.execute("INSERT INTO t (data) VALUES ('the last')")
                if not open_meanwhile:
                    program.close()
                process = self.start(self.home)
                with open(self.home / "state.db", "r+b") as stream:
                    stream.write((self.dir / "other.db").read_bytes())
                output, errors = process.communicate(timeout=120)
                program.close()
                self.assertIn(process.returncode, (0, 3), errors)
                if process.returncode == 3:
                    self.assertIn(b"state.db", errors)
                    continue
                with zipfile.ZipFile(io.BytesIO(output)) as archive:
                    (self.dir / "out.db").write_bytes(archive.read("state.db"))
                with sqlite3.connect(f"file:{self.dir}/out.db?immutable=1", uri=True) as out:
                    self.assertEqual(out.execute("PRAGMA integrity_check").fetchone(), ("ok",))

    def make(self, path, mode):
        database = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(database.close)
        database.execute(f"PRAGMA journal_mode = {mode}")
        database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB)")
        database.execute("CREATE INDEX of_data ON t (substr(data, 1, 20))")
        database.execute("WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) "
                         "INSERT INTO t (data) SELECT randomblob(1500) FROM n")
        return database


class Orphan(Meanwhile):
    def test_a_log_without_its_database(self):
        """It is left out by a rule, and what it holds is nowhere else."""
        hb.write(self.home / "state.db-wal", os.urandom(5000))
        hb.write(self.home / "empty.db-wal", b"")
        hb.write(self.home / "plain.txt-wal", b"no log\n")
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "a.zip")
        self.assertIn(b"state.db-wal: is left out by a rule", done.stdout + done.stderr)
        self.assertNotIn(b"empty.db-wal: is left out by a rule", done.stdout + done.stderr)
        with sqlite3.connect(self.home / "state.db") as database:
            database.execute("CREATE TABLE t (a)")
        database.close()
        hb.write(self.home / "state.db-wal", os.urandom(5000))
        done = self.hbcore("--home", self.home, "backup", "-o", self.dir / "b.zip", expect=None)
        self.assertNotIn(b"state.db-wal: is left out by a rule", done.stdout + done.stderr)


class OtherNames(hb.Case):
    config = hb.GENERIC

    def test_usual_suffixes_of_databases(self):
        home = self.dir / "home"
        home.mkdir()
        programs = []
        for name in ("a.db", "b.sqlite", "c.sqlite3", "d.db3"):
            program = sqlite3.connect(home / name, isolation_level=None)
            self.addCleanup(program.close)
            program.execute("PRAGMA journal_mode = wal")
            program.execute("CREATE TABLE t (a)")
            programs.append(program)
        self.hbcore("--home", home, "backup", "-o", self.dir / "a.zip")
        with zipfile.ZipFile(self.dir / "a.zip") as archive:
            self.assertEqual(sorted(archive.namelist()), ["a.db", "b.sqlite", "c.sqlite3", "d.db3"])


class WithoutConfiguration(hb.Case):
    """Every installed content plugin is used then, and one that cannot be used is told."""

    config = None

    def test_a_damaged_plugin(self):
        program = self.dir / "bin/hbcore"
        plugins = self.dir / "lib/hbcore/plugins"
        program.parent.mkdir()
        shutil.copy(self.binary, program)
        shutil.copytree(pathlib.Path(self.binary).parent.parent / "lib/hbcore", plugins.parent)
        home = self.dir / "home"
        home.mkdir()
        with sqlite3.connect(home / "a.db") as database:
            database.execute("CREATE TABLE t (a)")
        database.close()

        def run(expect):
            done = subprocess.run([program, "--home", home, "backup", "--format", "zip", "-o",
                                   self.dir / "a.zip"],
                                  env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False)
            self.assertEqual(done.returncode, expect, self.describe(done))
            return done

        run(0)
        whole = (plugins / "sqlite-snap.so").read_bytes()
        for spoil in (lambda path: os.truncate(path, 40_000), lambda path: path.chmod(0o666)):
            spoil(plugins / "sqlite-snap.so")
            self.assertIn(b"sqlite-snap.so", run(2).stderr)
            (plugins / "sqlite-snap.so").write_bytes(whole)
            (plugins / "sqlite-snap.so").chmod(0o644)


if __name__ == "__main__":
    unittest.main()
