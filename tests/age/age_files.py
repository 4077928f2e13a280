# SPDX-License-Identifier: Apache-2.0
"""Files sealed and opened by the plugin age (the program age-file), and by age(1) of the system."""
import os
import pathlib
import pty
import subprocess
import tempfile
import unittest

TOOL = str(pathlib.Path(os.environ["HBCORE_BUILD"]) / "tests" / "age-file")
NO_MATCH, REFUSED, BLOCKS, ARMOR = 3, 4, 5, 6


class Case(unittest.TestCase):
    def setUp(self):
        here = tempfile.TemporaryDirectory()
        self.addCleanup(here.cleanup)
        self.here = pathlib.Path(here.name)

    def file(self, name, content=b"", mode=0o600):
        path = self.here / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        path.chmod(mode)
        return path

    def tool(self, what, settings, content):
        """(exit status, what came out or None, what it said)."""
        out = self.here / "out"
        out.unlink(missing_ok=True)
        words = [TOOL, what] + ([] if settings is None else
                                ["".join(f"{key}={value}\n" for key, value in settings.items())])
        done = subprocess.run([*words, self.file("in", content), out], capture_output=True, check=False)
        self.assertEqual(done.returncode == 0, out.exists(), done)
        return done.returncode, out.read_bytes() if out.exists() else None, done.stderr.decode()

    def seal(self, settings, content):
        code, out, said = self.tool("seal", settings, content)
        self.assertEqual(code, 0, said)
        return out

    def opened(self, settings, content):
        code, out, said = self.tool("open", settings, content)
        self.assertEqual(code, 0, said)
        return out


def on_a_terminal(words, typed):
    """Runs a program whose terminal is ours, and types each word when it asks. Its exit status."""
    process, terminal = pty.fork()
    if process == 0:
        os.execvp(words[0], [str(word) for word in words])
    said, left = b"", list(typed)
    while True:
        try:
            said += os.read(terminal, 4096)
        except OSError: # it has ended
            break
        if left and b"passphrase" in said.lower() and b":" in said:
            os.write(terminal, left.pop(0).encode() + b"\n")
            said = b""
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status)
