# SPDX-License-Identifier: Apache-2.0
"""Two machines on one directory: what one leaves or works in, the other neither sweeps nor completes.

Two bindfs mounts of one directory are two FUSE file systems, whose locks know nothing of each other.
The second machine is a process with another boot id: a file mounted over that of the kernel, in a
mount namespace of its own.
"""
import os
import pathlib
import subprocess
import time
import unittest

import fault
import hb

hb.need("bindfs", "unshare", "umount")
fault.need()
if os.geteuid() != 0:
    print("skipped: only root can mount")
    raise SystemExit(hb.SKIPPED)

DAY = 24 * 60 * 60
OTHER_BOOT = "0f0f0f0f-1111-2222-3333-444444444444"


def can_pretend():
    """Can another boot id be mounted over ours?"""
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", "mount --bind /dev/null /proc/sys/kernel/random/boot_id"],
        capture_output=True, check=False).returncode == 0


if not can_pretend():
    print("skipped: no mount namespace can be made here")
    raise SystemExit(hb.SKIPPED)


class TwoMachines(fault.FaultCase):
    def setUp(self):
        super().setUp()
        self.shared = self.dir / "shared"
        self.shared.mkdir()
        self.boot = self.dir / "boot-id"
        self.boot.write_text(OTHER_BOOT + "\n")
        self.one, self.two = self.mount("one"), self.mount("two")
        self.source = self.make_home("source")
        for number in range(40):
            hb.write(self.source / f"many/{number}", b"new" * number)
        self.archive = self.backup(self.source)
        (self.shared / "home").mkdir()
        hb.write(self.shared / "home/config.yaml", b"old\n")
        hb.write(self.shared / "home/many/1", b"old\n")

    def mount(self, name):
        place = self.dir / name
        place.mkdir()
        done = subprocess.run(["bindfs", "-o", "attr_timeout=0,entry_timeout=0", self.shared, place], capture_output=True, check=False)
        if done.returncode != 0:
            self.skip(f"bindfs does not mount: {done.stderr.decode().strip()}")
        self.addCleanup(subprocess.run, ["umount", "-l", place], check=False)
        return place

    def second(self, *arguments, expect):
        """A run on the second machine, which has the second mount."""
        script = f"mount --bind {self.boot} /proc/sys/kernel/random/boot_id && exec \"$@\""
        done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *self.command(*arguments)],
                              env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=240, check=False)
        self.assert_clean(done)
        self.assertEqual(done.returncode, expect, self.describe(done))
        return done

    def stages(self, *below):
        return sorted(self.shared.joinpath(*below).glob(".hbcore-stage-*"))

    def the_stage(self, *below):
        found = self.stages(*below)
        self.assertEqual(len(found), 1, found)
        return found[0]

    def killed_import(self):
        """On the first machine, while it publishes."""
        self.faulted("--home", self.one / "home", "--set", "backup.workers=1", "import", "-f", self.archive,
                     calls="rename", at=5, kill=True, expect=None)
        stage = self.the_stage("home")
        self.assertTrue((stage / "journal").exists())
        return stage

    @staticmethod
    def grow_old(stage, seconds=DAY + 60):
        then = time.time() - seconds
        for path in (stage / "owner", stage):
            os.utime(path, (then, then))

    # ---- what the owner file says ----

    def test_owner_file(self):
        text = (self.killed_import() / "owner").read_text()
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self.assertIn(f"host {os.uname().nodename}\n", text)
        self.assertIn(f"boot {boot}\n", text)
        self.assertRegex(text, r"process \d+ \d+ pid:")
        self.left_behind_is_fine = True

    # ---- imports ----

    def test_import_of_another(self):
        """It is not completed, no import begins beside it, and a backup does not call the home complete."""
        stage = self.killed_import()
        owner = (stage / "owner").read_text()
        process = owner.split("process ")[1].split()[0]
        before = self.content(self.shared / "home")
        done = self.second("--home", self.two / "home", "import", "-f", self.archive, expect=5)
        self.assert_mentions(done, f"host {os.uname().nodename}", f"process {process}", " h ", " min", stage.name)
        self.assertEqual(self.content(self.shared / "home"), before)
        done = self.second("--json", "--home", self.two / "home", "backup", "-o", self.dir / "b.zip", expect=3)
        self.assertIn("another machine", str(self.summary(done)["doubtful"]))
        for command in (["snapshot", "create"], ["snapshot", "restore", "1"]):
            done = self.second("--home", self.two / "home", *command, expect=5 if "restore" in command else 3)
            self.assert_mentions(done, "another machine")
        self.assertTrue((stage / "journal").exists())
        done = self.second("--home", self.two / "home", "import", "-f", self.archive, expect=5)
        hint = done.stderr.decode().partition(" or type: ")[2]
        subprocess.run(["sh", "-c", hint], check=True)
        done = self.second("--home", self.two / "home", "backup", "-o", self.dir / "c.zip", expect=0)
        self.assert_mentions(done, "completed the interrupted import")
        self.assertEqual((self.shared / "home/many/39").read_bytes(), b"new" * 39)
        self.assertEqual(self.stages("home"), [])

    def test_own_import(self):
        """On the machine where it was killed the next run completes it at once."""
        self.killed_import()
        done = self.hbcore("--home", self.one / "home", "backup", "-o", self.dir / "b.zip")
        self.assert_mentions(done, "completed the interrupted import")
        self.assertEqual(self.stages("home"), [])

    def test_another_process_has_its_number_now(self):
        """When it started tells them apart: the run that made the stage is gone, and its import is completed."""
        owner = self.killed_import() / "owner"
        text = owner.read_text()
        number, start = text.split("process ")[1].split()[:2]
        here = os.getpid()
        started = pathlib.Path(f"/proc/{here}/stat").read_text().rpartition(")")[2].split()[19]
        owner.write_text(text.replace(f"process {number} {start} ", f"process {here} {started} "))
        done = self.hbcore("--home", self.one / "home", "import", "-f", self.archive, expect=5)
        self.assert_mentions(done, f"process {here}")
        owner.write_text(text.replace(f"process {number} {start} ", f"process {here} {start} "))
        done = self.hbcore("--home", self.one / "home", "backup", "-o", self.dir / "b.zip")
        self.assert_mentions(done, "completed the interrupted import")
        self.assertEqual(self.stages("home"), [])

    def test_dry_run(self):
        stage = self.killed_import()
        before = hb.tree(self.shared)
        done = self.second("--home", self.two / "home", "import", "-f", "--dry-run", self.archive, expect=3)
        self.assert_mentions(done, "another machine")
        self.assert_unchanged(before, self.shared)
        self.grow_old(stage)
        self.hbcore("--home", self.one / "home", "backup", "-o", self.dir / "b.zip")

    def test_live_run_of_this_machine(self):
        """The lock of one mount is free in the other: that the process is there decides."""
        reading, writing = os.pipe()
        process = subprocess.Popen(self.command("--home", self.one / "home", "import", "-f", "-"),
                                   env=self.environment(), stdin=reading, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        os.close(reading)
        self.addCleanup(process.kill)
        try:
            while not self.stages("home") or not (self.stages("home")[0] / "owner").exists():
                self.assertIsNone(process.poll())
            done = self.hbcore("--home", self.two / "home", "import", "-f", self.archive, expect=5)
            self.assert_mentions(done, f"process {process.pid}", "through another mount")
            self.grow_old(self.the_stage("home"))  # a process that is there is not dead, however old
            self.hbcore("--home", self.two / "home", "import", "-f", self.archive, expect=5)
            os.write(writing, self.archive.read_bytes())
        finally:
            os.close(writing)
        self.finish(process)
        self.hbcore("--home", self.two / "home", "import", "-f", self.archive)

    def test_both_begin_at_the_same_time(self):
        """Each has looked before the other was there: so it looks again when its own stage is there."""
        theirs = self.shared / "home/.hbcore-stage-00112233445566ff"
        owner = self.dir / "owner"
        owner.write_text(f"hbcore-owner 1\nhost other\nmachine 1\nboot {OTHER_BOOT}\nprocess 77 88 pid:[1]\n")
        self.hbcore("--home", self.one / "home", "snapshot", "create")
        for command in (["import", "-f", self.archive], ["snapshot", "restore", "1"]):
            done = self.faulted("--home", self.one / "home", *command, calls="create", at=1, expect=5,
                                path=f"{self.one}/home/.hbcore-stage-*/owner",
                                run=f"mkdir {theirs}; cp {owner} {theirs}/owner")
            self.assert_mentions(done, "host other, process 77")
            self.assertEqual(self.stages("home"), [theirs])
            (theirs / "owner").unlink()
            theirs.rmdir()
        self.assertEqual((self.shared / "home/many/1").read_bytes(), b"old\n")

    # ---- archives and snapshots ----

    def test_stage_of_an_archive(self):
        self.faulted("--home", self.source, "backup", "-o", self.one / "out/a.zip", calls="rename", path="*/a.zip",
                     at=1, kill=True, expect=None)
        stage = self.the_stage("out")
        held = sorted(os.listdir(stage))
        self.second("--home", self.source, "backup", "-o", self.two / "out/b.zip", expect=0)
        self.assertEqual(sorted(os.listdir(stage)), held)
        self.grow_old(stage)
        self.second("--home", self.source, "backup", "-o", self.two / "out/c.zip", expect=0)
        self.assertEqual(self.stages("out"), [])

    def test_stage_of_a_snapshot(self):
        hb.write(self.shared / "home/owner", b"the user's own\n")
        names = ["--set", "snapshot.files=config.yaml owner"]
        self.faulted("--home", self.one / "home", *names, "snapshot", "create", calls="create",
                     path="*/manifest.json", at=1, kill=True, expect=None)
        stages = self.stages("home", "state-snapshots")
        self.assertEqual(len(stages), 2)
        self.second("--home", self.two / "home", *names, "snapshot", "create", expect=0)
        self.assertEqual(self.stages("home", "state-snapshots"), stages)
        self.hbcore("--home", self.one / "home", *names, "snapshot", "create")
        self.assertEqual(self.stages("home", "state-snapshots"), [])
        for made in (self.shared / "home/state-snapshots").iterdir():
            self.assertEqual((made / "owner").read_bytes(), b"the user's own\n")
            self.assertEqual(sorted(path.name for path in made.iterdir()), ["config.yaml", "manifest.json", "owner"])

    def test_no_owner(self):
        """A stage that does not say whose it is may be anybody's: for a day."""
        stage = self.killed_import()
        (stage / "owner").unlink()
        done = self.hbcore("--home", self.one / "home", "import", "-f", self.archive, expect=5)
        self.assert_mentions(done, "does not say whose it is")
        (stage / "owner").write_bytes(b"hbcore-owner 1\nhost \x1b[31m\nboot x\nprocess 1 2 y\n")
        done = self.hbcore("--home", self.one / "home", "import", "-f", self.archive, expect=5)
        self.assertNotIn(b"\x1b", done.stderr)
        self.grow_old(stage)
        self.hbcore("--home", self.one / "home", "import", "-f", self.archive)

    # ---- a local file system ----

    def test_local(self):
        """The lock decides, whatever the owner file says."""
        home = self.dir / "local"
        hb.write(home / "config.yaml", b"old\n")
        self.faulted("--home", home, "--set", "backup.workers=1", "import", "-f", self.archive,
                     calls="rename", at=5, kill=True, expect=None)
        done = self.second("--home", home, "backup", "-o", self.dir / "b.zip", expect=0)
        self.assert_mentions(done, "completed the interrupted import")
        self.assert_nothing_left(home)


if __name__ == "__main__":
    unittest.main()
