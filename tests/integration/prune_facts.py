# SPDX-License-Identifier: Apache-2.0
"""
Facts beside archives in a directory: what retention learns of them without reading the archive, and that no facts,
whoever has put them there, make the newest complete archive go.
"""
import hashlib
import hmac
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

import hb

HEAD = 4096


class Facts(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.dir / "home"
        self.shared = self.dir / "shared"
        hb.write(self.home / "config.yaml", b"a: 1\n")
        hb.write(self.home / "noise", os.urandom(9000))

    def nightly(self, keep=20, expect=0, home=None, env=None):
        done = self.hbcore("--home", home or self.home, "--set", f"preset:nightly.directory={self.shared}", "--json",
                           "--set", "preset:nightly.keep-daily=0", "backup", "--preset", "nightly", "--keep", str(keep), expect=expect, env=env)
        return pathlib.Path(self.summary(done)["archive"])

    def prune(self, keep=1, expect=0, env=None, options=("--json",), words=()):
        return self.hbcore("--home", self.home, "--set", f"preset:nightly.directory={self.shared}", "--set",
                           f"preset:nightly.keep={keep}", "--set", "preset:nightly.keep-daily=0", *options, "prune", *words, expect=expect,
                           env=env)

    def fates(self, **what):
        lines = [json.loads(line) for line in self.prune(**what).stdout.splitlines()]
        self.last = lines[-1]
        return {pathlib.Path(row["path"]).name: row["fate"] for row in lines if row["type"] == "archive"}

    @staticmethod
    def beside(archive):
        return archive.with_name(archive.name + ".facts")

    @staticmethod
    def named(archive):
        """What the seal covers beside the facts: in a store, the name."""
        return archive.name.encode() if hb.odd_store.PLUGINS else b""

    def key(self):
        return (self.user / "state/hbcore/reuse.key").read_bytes()

    def say(self, archive, key=None, fit=False, **what):
        """Facts with other words; sealed with that key. `fit`: to the file as it is now."""
        facts = {**json.loads(self.beside(archive).read_bytes()), **what}
        facts.pop("mac", None)
        if fit:
            data = archive.read_bytes()
            facts.update(length=len(data), head=hashlib.sha256(data[:HEAD]).hexdigest())
        if key is not None:
            text = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
            facts["mac"] = hmac.new(key, b"facts 1\0" + self.named(archive) + b"\0" + text, hashlib.sha256).hexdigest()
        self.beside(archive).write_text(json.dumps(facts))


class Reads(Facts):
    def test_one_small_read_each(self):
        """Of many archives those are opened that go, and the one that stays instead."""
        self.need("strace")
        archives = [self.nightly() for _ in range(12)]
        log = self.dir / "log"
        words = ["strace", "-f", "-e", "trace=openat,openat2,read,pread64", "-y", "-o", log,
                 *self.command("--home", self.home, "--set", f"preset:nightly.directory={self.shared}", "--set",
                               "preset:nightly.keep=10", "prune")]
        env = self.environment()
        env["ASAN_OPTIONS"] += ":detect_leaks=0"  # it does not work under strace
        done = subprocess.run(words, env=env, capture_output=True, check=False)
        if b"PTRACE" in done.stderr or b"Operation not permitted" in done.stderr:
            self.skipTest(f"strace cannot: {done.stderr!r}")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = log.read_text().splitlines()
        reads = [line for line in lines if re.search(r"\b(p?read(64)?)\(", line)]
        opened = {archive.name for archive in archives
                  if any(f'{archive.name}"' in line for line in lines if "openat" in line)}
        self.assertEqual(opened, {archive.name for archive in (archives[-1], *archives[:2])})
        self.assertEqual(len(list(hb.archives(self.shared))), 10)
        for archive in archives:
            of_facts = [line for line in reads if f"{archive.name}.facts>" in line]
            self.assertLessEqual(len(of_facts), 2, of_facts)

    def test_what_cannot_be_read_here(self):
        """Sealed for another key, say: of a known length and with known first bytes, but no known format."""
        for self.shared in (self.shared, self.home / "backups"):
            self.check_unreadable()

    def check_unreadable(self):
        archives = [self.nightly() for _ in range(4)]
        key, other = self.key(), bytes(32)
        for archive in archives[1:]:
            archive.write_bytes(b"sealed" + os.urandom(9000))
        for wrong in (lambda archive: self.say(archive, other, fit=True),
                      lambda archive: self.say(archive, fit=True)):
            for archive in archives[1:]:
                wrong(archive)
            fates = self.fates(expect=3)
            self.assertEqual(fates, {archives[0].name: "kept", **{archive.name: "untold" for archive in archives[1:]}})
        for archive in archives[1:]:
            self.say(archive, key, fit=True)
        whole = archives[3].read_bytes()
        archives[3].write_bytes(whole[:-1])  # cut off: the facts are not of this file, and it is no archive
        fates = self.fates(words=("--dry-run",))
        self.assertEqual((fates[archives[3].name], fates[archives[2].name]),
                         ("removed" if self.home in self.shared.parents else "unknown", "kept"))
        archives[3].write_bytes(whole)
        self.assertEqual(self.fates(), {archives[3].name: "kept",
                                        **{archive.name: "removed" for archive in archives[:3]}})
        self.assertEqual(hb.archives(self.shared), [archives[3]])
        self.say(archives[3], key, head="0" * 64)  # not those of this file: it is no archive
        self.nightly(keep=1)
        self.assertEqual(archives[3].exists(), self.home not in self.shared.parents)

    def test_another_installation(self):
        """Said of each archive; its trailer decides."""
        other = {"XDG_STATE_HOME": str(self.dir / "elsewhere")}
        neighbour = self.dir / "neighbour"
        hb.write(neighbour / "config.yaml", b"b: 1\n")
        theirs, mine = self.nightly(home=neighbour, env=other), self.nightly()
        both = self.nightly(env=other)  # this home by another installation
        shown = self.prune(options=()).stdout.decode()
        said = {name: line for line in shown.splitlines() for name in (theirs.name, mine.name, both.name) if name in line}
        self.assertIn("belongs to another home", said[theirs.name])
        self.assertIn("(of another installation)", said[theirs.name])
        self.assertIn("(of another installation)", said[both.name])
        self.assertNotIn("another installation", said[mine.name])
        self.assertFalse(mine.exists(), "the other one is newer, complete, and this home's by its trailer")
        made = self.hbcore("--home", self.home, "--set", f"preset:nightly.directory={self.shared}", "backup",
                           "--preset", "nightly")
        self.assert_mentions(made, theirs.name, "(of another installation)")
        done = self.prune()
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual({pathlib.Path(row["path"]).name: row["other_installation"] for row in rows
                          if row["type"] == "archive"}[theirs.name], True)
        self.assertEqual([row["other_installation"] for row in rows[-1]["other_archives"]], [True])
        theirs.write_bytes(b"sealed" + os.urandom(9000))  # and its trailer cannot be read
        self.say(theirs, bytes(32), fit=True)
        self.assertEqual(self.fates()[theirs.name], "other", "the facts name another home")
        self.beside(theirs).unlink()
        self.assertEqual(self.fates()[theirs.name], "unknown")


class Lies(Facts):
    """The newest complete archive, a newer incomplete one, an older complete one; and facts that say otherwise."""

    def setUp(self):
        super().setUp()
        self.older = self.nightly()
        self.good = self.nightly()
        (self.home / "link").symlink_to("/etc")
        self.bad = self.nightly(expect=3)
        (self.home / "link").unlink()
        self.kept = self.dir / "kept"
        shutil.copytree(self.shared, self.kept)

    def reset(self):
        shutil.rmtree(self.shared)
        shutil.copytree(self.kept, self.shared)

    def judge(self, why):
        for keep in (1, 2):
            for _ in range(2):
                self.prune(keep=keep, expect=None)
                self.assertTrue(self.good.exists(), f"{why}, keep {keep}")
                self.assertEqual(self.good.read_bytes(), (self.kept / self.good.name).read_bytes())
            self.reset_archives()

    def reset_archives(self):
        """The facts stay as they are."""
        for path in hb.archives(self.kept):
            if not (self.shared / path.name).exists():
                shutil.copy(path, self.shared)

    def test_what_is_true(self):
        self.assertEqual(self.fates(), {self.bad.name: "kept", self.good.name: "complete", self.older.name: "removed"})

    def test_words_without_our_seal(self):
        lies = [(self.bad, {"reasons": 0}), (self.good, {"reasons": 3}), (self.good, {"sequence": 0}),
                (self.good, {"home": "0" * 32}), (self.good, {"started": 1}), (self.older, {"sequence": 99}),
                (self.older, {"sequence": 99, "started": 2**62}), (self.good, {"length": 5}), (self.good, {"place": "0" * 32}),
                (self.bad, {"reasons": 0, "sequence": 2**53}), (self.good, {"version": 2}), (self.good, {"head": "0" * 64})]
        for archive, what in lies:
            for key in (None, bytes(32)):
                with self.subTest(archive=archive.name, what=what, key=key is not None):
                    self.reset()
                    self.say(archive, key, **what)
                    self.judge(str(what))

    def test_facts_of_another_archive(self):
        """Sealed by us, of the same length: they were put beside another one."""
        for sources, keep in (((0, 0, 0), 1), ((2, 1, 0), 1), ((0, 2, 1), 1), ((1, 1, 0), 2), ((2, 0, 1), 2)):
            shutil.rmtree(self.shared)
            archives = [self.nightly() for _ in range(3)]
            self.assertEqual(len({path.stat().st_size for path in archives}), 1, "they are to be of one length")
            facts = [self.beside(path).read_bytes() for path in archives]
            for archive, source in zip(archives, sources):
                self.beside(archive).write_bytes(facts[source])
            self.fates(keep=keep)
            self.assertTrue(archives[2].exists(), f"{sources}, keep {keep}: the newest is gone")
            self.assertLessEqual(len(hb.archives(self.shared)), keep + 1)
        data, facts = self.bad.name, (self.kept / (self.good.name + ".facts")).read_bytes()
        self.reset()
        self.beside(self.bad).write_bytes(facts)
        self.judge(f"those of the complete one beside {data}")

    def test_what_is_no_facts(self):
        for make in (lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"{}"),
                     lambda path: path.write_bytes(b"[" * 100_000), lambda path: path.mkdir(),
                     os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.symlink_to(self.beside(self.older))):
            self.reset()
            for archive in (self.good, self.bad):
                self.beside(archive).unlink()
                make(self.beside(archive))
            self.judge("no facts")
        self.reset()
        for path in self.shared.glob("*.facts"):
            path.unlink()
        self.assertEqual(self.fates(), {self.bad.name: "kept", self.good.name: "complete", self.older.name: "removed"})

    def test_damage_beside_true_facts(self):
        """The archive has changed, its facts have not: what can be read counts."""
        data = self.good.read_bytes()
        for damage in (data[:-1], data[:-30] + bytes(30), data[:HEAD] + bytes(len(data) - HEAD), b"\0" * len(data),
                       self.bad.read_bytes()):
            self.reset()
            self.good.write_bytes(damage)
            done = self.prune(expect=0)
            self.assertTrue(self.older.exists(), "it is the newest complete one now")
            ours = damage[:HEAD] == data[:HEAD] and len(damage) == len(data)
            self.assertEqual(b"it is this home's, but damaged: " in done.stdout, ours, done.stdout)

    def test_without_the_key(self):
        """Lost, or another one: nothing that was sealed with it is believed, and nothing is lost."""
        state = self.user / "state/hbcore/reuse.key"
        for change in (state.unlink, lambda: state.write_bytes(bytes(32)), lambda: state.chmod(0o644)):
            self.reset()
            key = state.read_bytes()
            change()
            self.judge("another key")
            state.unlink(missing_ok=True)
            hb.write(state, key, 0o600)


if __name__ == "__main__":
    unittest.main()
