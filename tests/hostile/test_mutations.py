# SPDX-License-Identifier: Apache-2.0
"""Thousands of damaged archives: each is refused and the target stays as it was, or it has lost
nothing and is restored to the last bit, mode and time.

    test_mutations.py zip|tar-zstd

HBCORE_SEED chooses other mutations, HBCORE_ONLY=N makes the one with that number alone.
"""
import collections
import hashlib
import os
import shutil
import sys

import hb
import mutations

hb.use_memory()
FORMATS = {"zip": (".zip", mutations.zip_sections),
           "tar-zstd": (".tar.zst", mutations.zstd_sections)}
SEED = os.environ.get("HBCORE_SEED", "1")
ONLY = os.environ.get("HBCORE_ONLY")
COUNT = 10_000 if hb.FULL else int(os.environ.get("HBCORE_MUTATIONS", "600"))
SECOND = 1_700_000_000


class Mutations(hb.Case):
    config = hb.GENERIC
    format = None
    with_units = False

    def make_home(self, name="home", whole_seconds=False, other=False):
        """Little of everything. The other home differs in each file, but not in any size."""
        home = self.dir / name
        big = hashlib.shake_256(name.encode()).digest(900_000)
        files = {
            "config.yaml": (b"model: small\n" if other else b"model: large\n", 0o644),
            ".env": (b"KEY=hidden\n" if other else b"KEY=secret\n", 0o600),
            "sub/deep/file.txt": (b"more text\n" * 50 if other else b"some text\n" * 50, 0o640),
            "sub/empty": (b"", 0o604 if other else 0o644),
            "bin/run.sh": (b"#!/bin/sh\nexit 1\n" if other else b"#!/bin/sh\nexit 0\n", 0o755),
            "caf\xe9 \u4e2d": (b"a name beyond ASCII", 0o644),
            os.fsdecode(b"bytes-\xff"): (b"a name that is no UTF-8", 0o644),
        }
        if self.with_units:
            files["big"] = (big, 0o600)
        for count, (path, (data, mode)) in enumerate(files.items()):
            moment = (SECOND + count + (100 if other else 0)) * 10**9 + 123456700
            hb.write(home / path, data, mode, moment)
        for path, mode in (("hollow", 0o755), ("hollow2/inner", 0o700)):
            (home / path).mkdir(parents=True)
            (home / path).chmod(mode)
        os.symlink("sub/deed" if other else "sub/deep", home / "link")
        os.utime(home / "link", ns=(SECOND * 10**9,) * 2, follow_symlinks=False)
        self.set_directory_times(home, 1_600_000_000 + other, 123456700)
        return home

    def make_target(self):
        target = self.dir / "target"
        hb.write(target / "config.yaml", b"old", 0o644, SECOND * 10**9)
        hb.write(target / "sub/deep/kept", b"kept", 0o600, SECOND * 10**9)
        hb.write(target / "bin/run.sh", b"old", 0o700, SECOND * 10**9)
        self.set_directory_times(target)
        return target

    def settings(self):
        return ["--set", "backup.workers=1"] + (
            ["--set", "format:tar-zstd.frame-size=256K"] if self.format == "tar-zstd" else [])

    def archive_of(self, home, name, expect=0):
        suffix, sections = FORMATS[self.format]
        path = self.dir / (name + suffix)
        self.hbcore(*self.settings(), "--home", home, "backup", "--format", self.format, "-o", path,
                    expect=expect)
        data = path.read_bytes()
        return data, sections(data)

    def result(self, target):
        """What an import made of the target. Directories that were there have the time of now."""
        rows = hb.tree(target)
        for name in (b".", b"sub", b"sub/deep", b"bin"):
            rows[name] = rows[name][:1]
        return rows

    def prepare(self, with_units, doubtful=False):
        self.with_units = with_units
        homes = [self.make_home("home"), self.make_home("homf", other=True)]
        for home in homes if doubtful else []:
            hb.write(home / "state.db", bytes(4096), 0o600, SECOND * 10**9)
        archives = [self.archive_of(home, home.name, 3 if doubtful else 0) for home in homes]
        self.assertNotEqual(archives[0][0], archives[1][0])
        self.target = self.make_target()
        shutil.copytree(self.target, self.dir / "fresh", symlinks=True)
        self.mutated = self.dir / ("mutated" + FORMATS[self.format][0])
        self.before = hb.tree(self.target)
        self.expected = None
        if not doubtful:
            self.mutated.write_bytes(archives[0][0])
            self.hbcore("--home", self.target, "import", self.mutated, "--force")
            self.expected = self.result(self.target)
            self.reset()
        return mutations.Mutator(*archives[0], *archives[1])

    def reset(self):
        shutil.rmtree(self.target)
        shutil.copytree(self.dir / "fresh", self.target, symlinks=True)

    def import_it(self, data, piped):
        self.mutated.write_bytes(data)
        if piped:
            return self.hbcore("--home", self.target, "import", "-", "--force", expect=None,
                               input=data)
        return self.hbcore("--home", self.target, "import", self.mutated, "--force", expect=None)

    def judge(self, data, piped):
        """How it went. Fails when damage went unnoticed, or did harm."""
        done = self.import_it(data, piped)
        verified = self.hbcore("verify", self.mutated, expect=None)
        words = f"{self.describe(done)}\n{self.describe(verified)}"
        if done.returncode == 1:
            self.assertEqual(hb.differences(self.before, hb.tree(self.target)), [], words)
        elif done.returncode == 0 and self.expected is not None:
            self.assertEqual(hb.differences(self.expected, self.result(self.target)), [],
                             f"accepted as whole, with something else in it\n{words}")
        elif done.returncode != 3 or self.expected is not None:
            self.fail(f"neither refused nor whole\n{words}")
        if not piped:
            self.assertEqual(verified.returncode, done.returncode, words)
        self.assertIn(verified.returncode, (0, 1, 3), words)
        if self.expected is None:
            self.assertNotEqual(verified.returncode, 0, f"the mark of doubt is lost\n{words}")
        return "refused" if done.returncode == 1 else "whole"

    def sweep(self, name, mutator, count):
        outcomes = collections.Counter()
        for number in [int(ONLY)] if ONLY else range(count):
            data, what = mutator.make(f"{SEED} {self.format} {name} {number}")
            with self.subTest(mutation=f"HBCORE_SEED={SEED} HBCORE_ONLY={number}: {name}: {what}"):
                try:
                    outcomes[f"{self.judge(data, number % 4 == 3)} {what.split()[0]}"] += 1
                finally:
                    if hb.tree(self.target) != self.before:
                        self.reset()
        self.assert_nothing_left()
        refused = sum(times for outcome, times in outcomes.items() if outcome.startswith("refused"))
        print(f"{self.format} {name}: {count} mutations, {refused} refused; "
              + ", ".join(f"{outcome} {times}" for outcome, times in sorted(outcomes.items())))
        if not ONLY:
            self.assertGreater(refused, count // 2, "nothing is looked at, it seems")

    def test_metadata(self):
        """A small archive, in which most bytes are structure."""
        self.sweep("small", self.prepare(with_units=False), COUNT * 6 // 10)

    def test_units(self):
        """A file of many units or frames, alike in size."""
        self.sweep("units", self.prepare(with_units=True), COUNT * 2 // 10)

    def test_doubtful(self):
        """An archive that says that it is incomplete never becomes a complete one."""
        self.sweep("doubtful", self.prepare(with_units=False, doubtful=True), COUNT * 2 // 10)


if __name__ == "__main__":
    Mutations.format = sys.argv.pop(1)
    hb.unittest.main()
