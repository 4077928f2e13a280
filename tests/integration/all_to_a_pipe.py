# SPDX-License-Identifier: Apache-2.0
"""An archive that is written to, or read from, a pipe or a device: one's own, never what another user put at that name."""
import os
import subprocess
import unittest

import fault
import hb

fault.need()
USER, OTHER = 1234, 2345


class ToAPipe(hb.Case):
    """By root: beside another user; and by a user, beside another one."""
    WHO = {}
    UID = 0

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skip("only root can make what is another user's")
        self.dir.chmod(0o755)
        self.home = self.dir / "home"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        hb.write(self.home / ".env", b"KEY=1\n", 0o600)
        self.shared = self.dir / "shared"
        self.shared.mkdir()
        self.shared.chmod(0o1777)
        subprocess.run(["chown", "-R", f"{self.UID}", self.home, self.user], check=True)

    def run_it(self, output, expect=0, **keywords):
        return self.hbcore("--home", self.home, "backup", "-o", output, expect=expect, **self.WHO, **keywords)

    def refused(self, path):
        done = self.run_it(path, 1)
        self.assertIn(b"another user", done.stderr)
        self.assertNotIn(b"Backup complete", done.stdout)

    def pipe_of(self, uid, name="a.zip"):
        path = self.shared / name
        os.mkfifo(path)
        path.chmod(0o622)
        os.chown(path, uid, uid)
        return path

    def link_of(self, uid, to, name="l.zip"):
        path = self.shared / name
        path.symlink_to(to)
        os.chown(path, uid, uid, follow_symlinks=False)
        return path

    def test_a_pipe_of_anothers(self):
        pipe = self.pipe_of(OTHER)
        self.refused(pipe)  # nobody reads
        with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
            self.refused(pipe)
            os.close(os.open(pipe, os.O_WRONLY))
            self.assertEqual(reader.communicate()[0], b"")

    def test_a_link_of_anothers(self):
        for to in ("/dev/null", "/dev/zero", "/dev/stdout", "/dev/null", self.pipe_of(self.UID)):
            link = self.link_of(OTHER, to)
            self.refused(link)
            link.unlink()
        self.link_of(OTHER, "/dev", "dev")
        self.refused(self.shared / "dev/null")
        self.link_of(OTHER, "dev/null", "two")
        self.refused(self.link_of(self.UID, "two", "one"))

    def test_reading(self):
        pipe, archive = self.pipe_of(OTHER), self.dir / "in.zip"
        for command in (["list"], ["verify"], ["import", "-f"]):
            done = self.hbcore("--home", self.home, *command, pipe, expect=1, **self.WHO)
            self.assertIn(b"another user", done.stderr)
        self.tool(*self.command("--quiet", "--home", self.home, "backup", "-o", archive))
        mine = self.pipe_of(self.UID, "mine")
        mine.chmod(0o600)
        with subprocess.Popen(["sh", "-c", 'cat "$0" >"$1"', archive, mine]):
            self.hbcore("--home", self.home, "import", "-f", mine, **self.WHO)

    def test_ones_own(self):
        pipe = self.pipe_of(self.UID)
        for name in (pipe, self.link_of(self.UID, "a.zip", "mine")):
            with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
                self.run_it(name)
                self.assertEqual(reader.communicate()[0][:2], b"PK")
        self.run_it("/dev/null")
        self.run_it(self.link_of(self.UID, "/dev/null"))
        self.run_it(self.link_of(0, "/dev/null", "roots"))

    def test_standard_output(self):
        """Also where it is another user's, as under sudo."""
        for uid in (0, OTHER):
            read, write = os.pipe()
            os.fchown(write, uid, uid)
            os.fchmod(write, 0o666)
            with subprocess.Popen(["cat"], stdin=read, stdout=subprocess.PIPE) as reader:
                os.close(read)
                done = subprocess.run(self.command("--quiet", "--home", self.home, "backup", "-o", "/dev/stdout"),
                                      stdout=write, stderr=subprocess.PIPE, env=self.environment(), check=False, **self.WHO)
                os.close(write)
                self.assertEqual((done.returncode, reader.communicate()[0][:2]), (0, b"PK"), done.stderr)

    def test_waiting_is_said(self):
        pipe = self.pipe_of(self.UID)
        with subprocess.Popen(self.command("--quiet", "--home", self.home, "backup", "-o", pipe),
                              stderr=subprocess.PIPE, env=self.environment(), **self.WHO) as run:
            self.assertIn(b"waiting for a reader", run.stderr.readline())
            content = pipe.read_bytes()
            self.assertEqual((run.wait(), content[:2]), (0, b"PK"))


class ToAPipeOfAUser(ToAPipe):
    WHO = {"user": USER, "group": USER, "extra_groups": []}
    UID = USER


if __name__ == "__main__":
    unittest.main()
