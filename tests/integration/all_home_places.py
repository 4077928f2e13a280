# SPDX-License-Identifier: Apache-2.0
"""One home at two mounts, or on two machines, where no birth time tells that it is one: each place keeps an id.

By FUSE, which knows no birth times. The second machine is a mount namespace with another machine id.
"""
import collections
import json
import pathlib
import shlex
import subprocess
import unittest

import hb
import mounts

OTHER_MACHINE = "0f" * 16


class Places(hb.Case):
    def setUp(self):
        super().setUp()
        self.shared = self.dir / "shared"
        self.archives = self.dir / "archives"
        hb.write(self.shared / "h/config.yaml", b"who: one\n")

    def mount(self):
        try:
            return mounts.mount(self, "bindfs", source=self.shared,
                                options=["-o", "attr_timeout=0,entry_timeout=0"])
        except mounts.Missing as reason:
            self.skip(str(reason))

    def arguments(self, home):
        return ("--home", home, "--json", "--set", "preset:nightly.keep=2", "--set",
                f"preset:nightly.directory={self.archives}", "backup", "--preset", "nightly")

    def nightly(self, home):
        return self.summary(self.hbcore(*self.arguments(home)))

    def on_the_other(self, home):
        """The same by another machine."""
        other = self.dir / "machine-id"
        other.write_text(OTHER_MACHINE + "\n")
        words = " ".join(shlex.quote(word) for word in self.command(*self.arguments(home)))
        done = subprocess.run(["unshare", "-m", "sh", "-c",
                               f"mount --bind {shlex.quote(str(other))} /etc/machine-id && {words}"],
                              env=self.environment(), capture_output=True, check=False, timeout=240)
        if b"mount:" in done.stderr or b"unshare" in done.stderr:
            self.skip(f"no machine id can be pretended: {done.stderr.decode().strip()}")
        self.assertEqual(done.returncode, 0, self.describe(done))
        return self.summary(done)

    def file(self, home):
        return json.loads((home / hb.HOME_ID).read_text())

    def whose(self):
        """How many archives bear which id."""
        return collections.Counter(hb.origin(path)["home"] for path in hb.archives(self.archives))

    def assert_each_has_its_own(self, runs):
        """Runs in turn: two ids in all, two archives of each, and each removes its own alone."""
        ids = collections.defaultdict(set)
        for turn in range(4):
            for number, (run, home) in enumerate(runs):
                made = run(home)
                said = hb.origin(made["archive"])["home"]
                ids[number].add(said)
                self.assertEqual(self.file(home)["id"], said)
                self.assertEqual(len(made["notes"]), int(turn == 0 and number > 0), made["notes"])
        self.assertEqual([len(found) for found in ids.values()], [1] * len(runs), ids)
        self.assertEqual(sorted(self.whose().values()), [2] * len(self.whose()))
        self.assertEqual(set(self.whose()), set().union(*ids.values()))
        return [next(iter(found)) for found in ids.values()]

    def test_two_mounts(self):
        one, two = self.mount(), self.mount()
        ids = self.assert_each_has_its_own([(self.nightly, one / "h"), (self.nightly, two / "h")])
        self.assertEqual([row["id"] for row in self.file(one / "h")["places"]], [ids[0]])

    def test_three_mounts(self):
        self.assert_each_has_its_own([(self.nightly, self.mount() / "h") for _ in range(3)])

    def test_two_machines(self):
        if not pathlib.Path("/etc/machine-id").exists():
            self.skip("this machine has no id")
        home = self.mount() / "h"
        self.assert_each_has_its_own([(self.nightly, home), (self.on_the_other, home)])

    def test_a_copy_is_another_home(self):
        """It takes the list with it, and none of the ids, wherever it is put."""
        one, two = self.mount(), self.mount()
        for _ in range(2):
            self.nightly(one / "h")
            self.nightly(two / "h")
        before = self.whose()
        self.tool("cp", "-a", one / "h", one / "copy")
        for home in (one / "copy", two / "copy"):
            for _ in range(3):
                self.nightly(home)
        self.assertEqual(len(self.file(one / "copy")["places"]), 1)
        for theirs, number in before.items():
            self.assertEqual(self.whose()[theirs], number)
        # They change places: nobody is taken for the other.
        (self.shared / "h").rename(self.shared / "aside")
        (self.shared / "copy").rename(self.shared / "h")
        (self.shared / "aside").rename(self.shared / "copy")
        before = self.whose()
        for home in (one / "h", one / "copy", two / "h", two / "copy"):
            self.assertNotIn(hb.origin(self.nightly(home)["archive"])["home"], before)
        for theirs, number in before.items():
            self.assertEqual(self.whose()[theirs], number)

    def test_a_moved_home_has_a_new_one(self):
        """And what is put to its old place does not take up the old one."""
        one, two = self.mount(), self.mount()
        for _ in range(2):
            self.nightly(one / "h")
            self.nightly(two / "h")
        before = self.whose()
        (self.shared / "h").rename(self.shared / "moved")
        made = self.nightly(one / "moved")
        self.assertNotIn("places", self.file(one / "moved"))
        self.assertNotIn(hb.origin(made["archive"])["home"], before)
        self.tool("cp", "-a", self.shared / "moved", self.shared / "h")
        made = self.nightly(one / "h")
        self.assertNotIn(hb.origin(made["archive"])["home"], before)
        for theirs, number in before.items():
            self.assertEqual(self.whose()[theirs], number)


if __name__ == "__main__":
    unittest.main()
