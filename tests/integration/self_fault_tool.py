# SPDX-License-Identifier: Apache-2.0
"""hb-fault does what the other tests rely on: it counts as strace does, and it hits what it is told to."""
import os
import re
import subprocess
import sys
import unittest

import fault
import hb

fault.need()

# Each thread writes its letters, one at a time, to the file that it is told.
WRITERS = """
import os, sys, threading
fd = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def write(letter):
    for _ in range(int(sys.argv[2])):
        os.write(fd, letter)
threads = [threading.Thread(target=write, args=(bytes([97 + i]),)) for i in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


class Tool(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.file = self.dir / "file"

    def shell(self, script, **keywords):
        return self.supervise(["sh", "-c", script, "sh", self.file], **keywords)

    def writers(self, each, **keywords):
        return self.supervise([sys.executable, "-c", WRITERS, self.file, str(each)],
                              calls="write", path="*/file", **keywords)

    def test_counts_threads_in_one_order(self):
        done = self.writers(25, list_calls=True)
        self.assertEqual(done.count, 100)
        self.assertEqual(done.calls, [("write", str(self.file), "")] * 100)
        self.assertEqual(sorted(self.file.read_bytes()), sorted(b"abcd" * 25))

    def test_run_comes_before_the_call_while_all_wait(self):
        done = self.writers(5, at=8, run=f"stat -c %s {self.file} > {self.dir}/size")
        self.assertEqual((done.count, done.hits), (20, 1))
        self.assertEqual((self.dir / "size").read_text(), "7\n")
        self.assertEqual(self.file.stat().st_size, 20)

    def test_children_count(self):
        done = self.shell('for i in 1 2 3; do echo $i | cat >> "$1"; done', calls="write", path="*/file")
        self.assertEqual(done.count, 3)

    def test_error(self):
        done = self.shell('echo one > "$1"; /bin/echo two >> "$1"', calls="write", path="*/file", at=2,
                          error="ENOSPC", expect=1)
        self.assertEqual((done.count, done.hits), (2, 1))
        self.assertEqual(done.hit, ("write", str(self.file), ""))
        self.assertIn(b"No space left", done.stderr)
        self.assertEqual(self.file.read_text(), "one\n")

    def test_from_the_nth_on(self):
        done = self.shell('for i in 1 2 3 4; do echo $i >> "$1"; done; true', calls="write",
                          path="*/file", at="3+", error="EIO")
        self.assertEqual((done.count, done.hits), (4, 2))
        self.assertEqual(self.file.read_text(), "1\n2\n")

    def test_kill(self):
        done = self.writers(50, at=120, kill=True, expect=128 + 9)
        self.assertEqual(done.hits, 1)
        # The other three threads may have had a call each that was let go on before.
        self.assertIn(self.file.stat().st_size, range(116, 120))

    def test_creating_opens_only(self):
        self.file.write_text("here\n")
        done = self.shell('cat < "$1" > "$1.copy"; cat "$1"', calls="create", path="*/file*",
                          list_calls=True)
        self.assertEqual([(name, os.path.basename(path)) for name, path, _ in done.calls],
                         [("openat", "file.copy")])

    def test_both_names_of_a_rename(self):
        self.file.write_text("x")
        done = self.shell('mv "$1" "$1.new"', calls="rename", path="*.new", list_calls=True)
        self.assertEqual([row[1:] for row in done.calls], [(str(self.file), f"{self.file}.new")])

    def test_does_not_hang(self):
        self.shell("sleep 600", calls="write", seconds=1, expect=124)

    def test_wrong_use(self):
        for arguments in (["--calls", "nonsense"], ["--calls", "write", "--at", "0"],
                          ["--calls", "write", "--at", "2x"], ["--error", "EWHAT"], []):
            done = subprocess.run([fault.TOOL, *arguments, *(["--", "true"] if arguments else [])],
                                  capture_output=True, check=False)
            self.assertEqual(done.returncode, 125, done)
            self.assertIn(b"hb-fault: ", done.stderr)

    def test_counts_as_strace_does(self):
        self.need("strace")
        log = self.dir / "strace.log"
        script = 'for i in 1 2 3; do echo $i | cat > "$1.$i"; mv "$1.$i" "$1"; done; mkdir "$1.d"; rmdir "$1.d"; rm "$1"'
        subprocess.run(["strace", "-f", "-qq", "-o", log, "-e",
                        "trace=write,openat,rename,renameat,renameat2,mkdir,rmdir,unlink,unlinkat", "sh", "-c", script, "sh", self.file],
                       check=True, env=self.environment(), timeout=60)
        lines = [line for line in log.read_text().splitlines() if re.match(r"\d+ +\w+\(", line)]
        expected = [line for line in lines if "openat(" not in line or "O_CREAT" in line]
        done = self.shell(script, calls=fault.CHANGING)
        self.assertEqual(done.count, len(expected), "\n".join(expected))
        self.assertGreater(done.count, 10)


if __name__ == "__main__":
    unittest.main()
