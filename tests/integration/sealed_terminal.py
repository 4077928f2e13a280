# SPDX-License-Identifier: Apache-2.0
"""A secret that is asked for at the terminal: nothing of it is shown, the terminal is afterwards as it was, and where there is
none that is said."""
import os
import pty
import select
import signal
import subprocess
import termios
import time
import unittest

import sealed

PATIENCE = 60


class Terminal(sealed.Case):
    def setUp(self):
        super().setUp()
        self.archive = self.seal()
        self.asking = self.configure("open = terminal:Key of the archive", "asking.ini")

    def start(self, *arguments, config=None):
        """The program with a terminal of its own, and what one types at."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        process = subprocess.Popen(
            self.command("--config", config or self.asking, *arguments), env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, pass_fds=(slave,),
            preexec_fn=lambda: __import__("fcntl").ioctl(slave, termios.TIOCSCTTY, 0))
        for stream in (process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(process.kill)
        self.addCleanup(os.close, slave)
        self.slave, self.shown = slave, b""
        return process, master

    def wait_for(self, master, words):
        until = time.monotonic() + PATIENCE
        while words not in self.shown:
            self.assertLess(time.monotonic(), until, self.shown)
            if select.select([master], [], [], 0.1)[0]:
                self.shown += os.read(master, 4096)

    def drain(self, master):
        while select.select([master], [], [], 0)[0]:
            self.shown += os.read(master, 4096)

    def echoes(self):
        return bool(termios.tcgetattr(self.slave)[3] & termios.ECHO)

    def test_what_is_typed_opens_it(self):
        process, master = self.start("list", self.archive)
        self.wait_for(master, b"Key of the archive: ")
        self.assertFalse(self.echoes())
        os.write(master, b"secret\n")
        done = self.finish(process)
        self.drain(master)
        self.assertIn(b"config.yaml\n", done.stdout)
        self.assertNotIn(b"secret", self.shown + done.stdout + done.stderr)
        self.assertTrue(self.echoes())

    def test_without_a_prompt_the_option_is_named(self):
        process, master = self.start("list", self.archive, config=self.configure("open = terminal:", "b.ini"))
        self.wait_for(master, b"[transform:toy] open: ")
        os.write(master, b"another\n")
        self.assert_mentions(self.finish(process, expect=1), "its key is another one")

    def test_an_empty_answer_is_none(self):
        process, master = self.start("list", self.archive)
        self.wait_for(master, b"archive: ")
        os.write(master, b"\n")
        self.assert_mentions(self.finish(process, expect=1), "the terminal: is empty")
        process, master = self.start("list", self.archive)
        self.wait_for(master, b"archive: ")
        os.write(master, b"\x04")
        self.assert_mentions(self.finish(process, expect=1), "nothing was typed")
        self.assertTrue(self.echoes())

    def test_a_signal_ends_the_question(self):
        process, master = self.start("list", self.archive)
        self.wait_for(master, b"archive: ")
        process.send_signal(signal.SIGTERM)
        self.finish(process, expect=143)
        self.assertTrue(self.echoes())

    def test_where_there_is_none(self):
        done = subprocess.run(self.command("--config", self.asking, "list", self.archive), env=self.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True, timeout=PATIENCE,
                              check=False)
        self.assertEqual(done.returncode, 1)
        self.assert_mentions(done, "[transform:toy] open: cannot be asked for: there is no terminal")


if __name__ == "__main__":
    unittest.main()
