# SPDX-License-Identifier: Apache-2.0
"""What a hook has the host do: programs that it runs, secrets, directories of the home and of the run."""
import json
import os
import signal
import time
import unittest

import hb

SECRET = "never-to-be-seen-29"


class Services(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        hb.write(self.home / "one", b"1\n")
        self.archive = self.dir / "a.zip"

    def configure(self, **settings):
        rows = "".join(f"{key} = {value}\n" for key, value in settings.items())
        self.config = self.write_config(
            f"[plugins]\npath = {os.environ['HBCORE_HOOKS']}\n[home]\npath = {self.home}\n[backup]\nformat = zip\n"
            f"[hook:serving]\n{rows}")

    def write(self, name, text, mode=0o600):
        hb.write(self.dir / name, text.encode())
        (self.dir / name).chmod(mode)
        return self.dir / name

    def backup(self, *words, **keywords):
        return self.hbcore("backup", "-o", self.archive, *words, **keywords)

    def test_a_program(self):
        self.configure(command='sh -c "cat; echo \\"$1 $2\\"; exit 3" sh "two words" $HOME')
        self.assert_mentions(self.backup(), "sh: exit 3, signal 0, 16 bytes")
        self.archive.unlink()
        self.assert_mentions(self.backup("--dry-run"), "would run sh")
        self.configure(command="hb-no-such-program")
        self.assert_mentions(self.backup(expect=1), "[hook:serving]: hb-no-such-program: cannot be started: No such file")
        self.configure(command="sleep 100", timeout="1s")
        self.assert_mentions(self.backup(expect=1), "[hook:serving]: sleep: took too long, and was stopped")
        self.assertFalse(self.archive.exists())

    def test_a_secret_is_nowhere_to_be_seen(self):
        """It reaches the program; configuration, messages, arguments and environment do not have it."""
        out = self.dir / "out"
        token = self.write("token", SECRET + "\n")
        copy = f'sh -c "cat > {out}"'
        for said in (SECRET, f"text:{SECRET}", f"file:{token}", "env:HB_TEST_TOKEN", f"command:cat {token}"):
            with self.subTest(said=said):
                self.configure(command=copy, token=said)
                done = self.backup("--json", env={"HB_TEST_TOKEN": SECRET})
                self.assertEqual(out.read_text(), SECRET)
                for words in (("config", "show"), ("--json", "config", "show"), ("config", "check")):
                    shown = self.hbcore(*words)
                    self.assertNotIn(SECRET.encode(), shown.stdout + shown.stderr + done.stdout + done.stderr)
                self.assertEqual(json.loads(done.stdout.splitlines()[-1])["notes"], [
                    row for row in json.loads(done.stdout.splitlines()[-1])["notes"] if "content" in row["reason"]])

    def test_a_secret_that_is_not_there(self):
        self.configure(token="file:/nowhere/token")
        self.assert_mentions(self.backup(expect=1), "[hook:serving] token: /nowhere/token: cannot be opened")
        self.configure(token=f'command:sh -c "echo {SECRET}; echo locked >&2; exit 5"')
        done = self.backup(expect=1)
        self.assert_mentions(done, "[hook:serving] token: sh: exit status 5: locked")
        self.assertNotIn(SECRET.encode(), done.stdout + done.stderr)

    def test_a_secret_that_others_can_read(self):
        token = self.write("token", SECRET, 0o644)
        self.configure(token=f"file:{token}")
        notes = [row["reason"] for row in self.summary(self.backup("--json"))["notes"]]
        self.assertTrue(any(f"[hook:serving] token: {token}: others can read this secret (mode 0644)" in note
                            for note in notes), notes)

    def test_a_directory_of_the_run(self):
        self.configure(do="stage")
        done = self.backup()
        self.assert_mentions(done, "staged ", ", exit 0")
        path = [line.split("staged ")[1].split(",")[0] for line in done.stdout.decode().splitlines() if "staged " in line][0]
        self.assertTrue(path.startswith(str(self.home)), path)
        self.assertFalse(os.path.exists(path))
        self.assertEqual(sorted(name for name in os.listdir(self.home) if name.startswith(".hbcore-stage")), [])

    def test_a_directory_of_the_home(self):
        hb.write(self.home / "kept.old", b"kept")
        names = ("a.old", "b.old", "c", "d.old.x")
        for name in names:
            hb.write(self.home / "sub" / name, b"x")
        (self.home / "sub/link.old").symlink_to("../kept.old")
        (self.home / "sub/in.old").mkdir()
        self.configure(do="sweep")
        self.assert_mentions(self.backup("--dry-run"), "removed 3")
        self.assertEqual(len(os.listdir(self.home / "sub")), 6)
        self.assert_mentions(self.backup(), "removed 3")
        self.assertEqual(sorted(os.listdir(self.home / "sub")), ["c", "d.old.x", "in.old"])
        self.assertEqual((self.home / "kept.old").read_bytes(), b"kept")
        (self.home / "sub").rename(self.home / "elsewhere")
        (self.home / "sub").symlink_to("elsewhere")
        self.assert_mentions(self.backup(expect=1), "[hook:serving]: sub: cannot be opened")

    def started(self, script):
        """hbcore and its child, once that says that it is ready."""
        ready = self.dir / "ready"
        os.mkfifo(ready)
        file = self.write("script", f"{script}\necho $$ > {ready}\nwhile :; do sleep 0.1; done\n")
        self.configure(command=f"sh {file}")
        process = self.start_hbcore("backup", "-o", self.archive)
        with open(ready, encoding="utf-8") as stream:
            return process, int(stream.read())

    def ended(self, pid):
        for _ in range(1000):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:
                    if stream.read().rpartition(")")[2].split()[0] == "Z":
                        return True
            except OSError:
                return True
            time.sleep(0.01)  # nobody tells us of the end of another's child
        return False

    def test_a_signal_ends_the_program_as_well(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number=number):
                process, child = self.started("")
                process.send_signal(number)
                self.assertEqual(process.wait(timeout=30), 128 + number)
                process.communicate()
                self.assertTrue(self.ended(child))
                self.assertFalse(self.archive.exists())
                (self.dir / "ready").unlink()

    def test_a_second_signal_does_not_wait_for_one_that_is_deaf(self):
        process, child = self.started("trap '' TERM INT")
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)  # the same signal within 100 ms counts once
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        self.assertEqual(process.wait(timeout=30), 130)
        self.assertLess(time.monotonic() - began, 1.5)
        process.communicate()
        self.assertTrue(self.ended(child))


if __name__ == "__main__":
    unittest.main()
