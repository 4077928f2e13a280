# SPDX-License-Identifier: Apache-2.0
"""Databases where somebody else has a hand in: another user, another home, a program that went on."""
import hashlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
import unittest

import hb

USER = 1234
SECONDS = 600 if hb.FULL else 4
LIVE = "-wal", "-shm", "-journal"

as_root = unittest.skipUnless(os.geteuid() == 0, "only root can work in another user's home")

# Beside x.db and in the place of its directory, there and back, until killed.
RACER = """
import ctypes, itertools, os, sys
home, outside, user = sys.argv[1:]
if int(user):  # here, since he may not run this interpreter
    os.setgroups([]); os.setgid(int(user)); os.setuid(int(user))
libc = ctypes.CDLL(None)
sub, link = os.fsencode(home) + b"/sub", os.fsencode(home) + b"/.link"
def swap():
    libc.renameat2(-100, sub, -100, link, 2)
def remove(name):
    try: os.unlink(name)
    except OSError: pass
for turn in itertools.count():
    try:
        remove(link)
        os.symlink(outside, link)
        swap(); swap()
        name = os.fsdecode(sub) + "/x.db" + ("-wal", "-shm", "-journal")[turn % 3]
        kept = os.path.exists(name)
        if kept:
            os.rename(name, home + "/.kept")
        what = turn // 3 % 4
        if what == 0: os.link(outside + "/x.db-wal", name)
        elif what == 1: os.symlink(outside + "/x.db-wal", name)
        elif what == 2: os.mkfifo(name)
        else: os.rename(home + "/.root", name)
        if what == 3: os.rename(name, home + "/.root")
        else: remove(name)
        if kept:
            os.rename(home + "/.kept", name)
    except OSError:
        pass
"""


class SqliteTrust(hb.Case):
    def setUp(self):
        super().setUp()
        self.home, self.outside = self.dir / "home", self.dir / "outside"
        hb.write(self.home / "config.yaml", b"x\n")
        self.database = self.make_database(self.home / "sub/x.db", rows=20, wal=True)
        source = self.dir / "source"
        hb.write(source / "config.yaml", b"x\n")
        self.make_database(source / "sub/x.db", rows=70, wal=True)
        self.archive = self.backup(source, "source.zip")
        self.make_with_log(self.outside)

    @staticmethod
    def make_with_log(folder):
        """A WAL database whose program died: rows are in its log alone."""
        folder.mkdir()
        subprocess.run([sys.executable, "-c", "import os, sqlite3, sys\n"
                        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
                        "c.execute('PRAGMA journal_mode = WAL')\n"
                        "c.execute('CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)')\n"
                        "c.execute('INSERT INTO t (text) VALUES (1)')\n"
                        "os._exit(0)", folder / "x.db"], check=True)

    def state(self, folder):
        """Content, mode and owner of each file."""
        rows = {}
        for path in sorted(folder.iterdir()):
            status = path.lstat()
            digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            rows[path.name] = (stat.filemode(status.st_mode), status.st_uid, status.st_gid, status.st_size, digest)
        return rows

    def give(self, *paths):
        for path in paths:
            subprocess.run(["chown", "-R", f"{USER}:{USER}", path], check=True)

    def every_way(self, words):
        """Backup and import name the entry, with the reason; exit 3."""
        for arguments in (("backup", "-o", self.dir / "new.zip"), ("import", "--force", self.archive)):
            done = self.hbcore("--home", self.home, *arguments, expect=3)
            self.assert_mentions(done, "sub/x.db", words)

    # ---- side files ----

    def test_a_log_that_is_a_link_to_that_of_another(self):
        before = self.state(self.outside)
        os.link(self.outside / "x.db-wal", self.home / "sub/x.db-wal")
        self.every_way("its -wal has another hard link")
        self.assertEqual(self.state(self.outside), before)
        os.unlink(self.home / "sub/x.db-wal")
        os.symlink(self.outside / "x.db-wal", self.home / "sub/x.db-wal")
        self.every_way("its -wal is a symbolic link")
        self.assertEqual(self.state(self.outside), before)

    def test_a_pipe_makes_nobody_wait(self):
        for side in LIVE:
            os.mkfifo(f"{self.database}{side}")
            self.every_way(f"its {side} is a pipe")
            os.unlink(f"{self.database}{side}")
        self.hbcore("--home", self.home, "import", "--force", self.archive)
        self.assertEqual(len(self.database_rows(self.database)), 70)

    @as_root
    def test_a_file_of_root_that_the_user_moved_there(self):
        for side in LIVE:
            path = hb.write(f"{self.database}{side}", b"secret" * 9000, mode=0o600)
            self.give(self.home)
            os.chown(path, 0, 0)
            self.every_way(f"its {side} belongs to user 0")
            status = os.stat(path)
            self.assertEqual((status.st_uid, status.st_size, stat.S_IMODE(status.st_mode)), (0, 54000, 0o600))
            os.unlink(path)

    # ---- owners ----

    @as_root
    def test_a_directory_of_a_user_in_the_home_of_root(self):
        self.give(self.home / "sub")
        self.hbcore("--home", self.home, "import", "--force", self.archive)
        self.backup(self.home, "b.zip")
        owners = {path.name: path.stat().st_uid for path in (self.home / "sub").iterdir()}
        self.assertEqual(set(owners.values()), {USER}, owners)
        self.assertEqual(len(self.database_rows(self.database)), 70)

    @as_root
    def test_a_user_whom_nobody_can_become(self):
        """Root without CAP_SETUID, but with power over files, does nothing there; without that it goes on."""
        if shutil.which("setpriv") is None:
            self.skip("setpriv is not installed")
        for caps, whose, expect in (("-setuid", self.home / "sub", 3), ("-setuid", self.home, 1),
                                    ("-setuid,-chown,-dac_override,-dac_read_search,-fowner", self.home, 0)):
            self.give(whose)
            if expect == 0:  # as those that may read it
                subprocess.run(["chmod", "-R", "a+rX", self.home], check=True)
            done = self.tool("setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}", *self.command(
                "--home", self.home, "backup", "-o", self.dir / "n.zip"), expect=expect)
            if expect != 0:
                self.assert_mentions(done, "sub" if expect == 3 else self.home, "neither take on that user's rights")

    # ---- held, but deleted ----

    def test_a_deleted_one_that_a_program_has_open(self):
        holder = sqlite3.connect(self.database, isolation_level=None)
        self.addCleanup(holder.close)
        self.assertEqual(holder.execute("SELECT count(*) FROM t").fetchone(), (20,))
        shutil.rmtree(self.home / "sub")  # with the directory
        arguments = "--home", self.home, "import", "--force", self.archive
        done = self.hbcore(*arguments, expect=3)
        self.assert_mentions(done, "sub/x.db", "still has the deleted database", f"({os.getpid()})")
        self.assertFalse(self.database.exists())
        self.hbcore("--set", "content:sqlite.force-held=yes", *arguments)
        self.assertEqual(len(self.database_rows(self.database)), 70)
        # Now a new file bears the name.
        self.hbcore(*arguments, expect=3)
        holder.close()
        self.hbcore(*arguments)

    # ---- races ----

    def race(self, user, commands):
        hb.write(self.home / ".root", b"of root", mode=0o600)
        before = self.state(self.outside)
        if user:
            self.dir.chmod(0o755)
            self.give(self.home)
            os.chown(self.home / ".root", 0, 0)
        racer = subprocess.Popen([sys.executable, "-c", RACER, self.home, self.outside, str(user)])
        self.addCleanup(racer.kill)
        ends = time.monotonic() + SECONDS
        runs = 0
        try:
            while time.monotonic() < ends:
                command = commands[runs % len(commands)]
                # A timeout is a hang; what is refused, or not there at that moment, exits 1 or 3.
                self.hbcore("--home", self.home, "--set", "content:sqlite.wait=1", *command, expect=None)
                runs += 1
        finally:
            racer.kill()
            racer.wait()
        self.left_behind_is_fine = True  # a stage may have been swapped away, too
        self.assertGreater(runs, 3)
        self.assertEqual(self.state(self.outside), before, f"after {runs} runs")
        if user:  # what root does may neither give it away nor open it to others
            found = [path for path in (*self.home.iterdir(), *(self.home / "sub").iterdir())
                     if path.is_file() and path.read_bytes() == b"of root"]
            self.assertEqual(len(found), 1, found)
            status = found[0].lstat()
            self.assertEqual((status.st_uid, stat.S_IMODE(status.st_mode)), (0, 0o600))

    def test_races_of_a_user_with_himself(self):
        self.race(0, [("import", "--force", self.archive), ("backup", "-o", self.dir / "r.zip")])

    @as_root
    def test_races_of_a_user_with_root(self):
        self.race(USER, [("import", "--force", self.archive), ("backup", "-o", self.dir / "r.zip")])


if __name__ == "__main__":
    unittest.main()
