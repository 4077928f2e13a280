# SPDX-License-Identifier: Apache-2.0
"""Archives made in bad faith, each into five homes, and once over a pipe: nothing outside changes, ever, and nothing
inside when the archive is refused.

    test_hostile.py zip|tar root|user [WORD]     WORD: only the cases with it in their name

With HBCORE_ROOTS the directories that the archives name lie elsewhere, as further roots of the home.

Where the kernel lacks a call (HBCORE_LACKING), only a part of them is tried, in the homes that such a kernel could be
led out of.
"""
import os
import shutil
import stat
import subprocess
import sys

import hb
import case
import cases_tar
import cases_zip
import targets

del cases_tar, cases_zip  # loaded, they are in case.ALL
hb.use_memory()
USER = 65534
FORM, WHO = sys.argv[1:3]
WORD = sys.argv[3] if len(sys.argv) > 3 else ""
ROOTED = ("sub", "one", "deep", "up") if os.environ.get("HBCORE_ROOTS") else ()


def can_mount():
    return subprocess.run(["unshare", "-m", "mount", "--bind", "/tmp", "/tmp"], check=False,
                          stdin=subprocess.DEVNULL, capture_output=True).returncode == 0


class Hostile(hb.Case):
    def setUp(self):
        super().setUp()
        self.home, self.outside, self.roots = self.dir / "home", self.dir / "outside", self.dir / "roots"
        self.outside.mkdir()
        targets.make_outside(self.outside)
        self.where = case.Where(str(self.outside))
        self.wrap = []
        if WHO == "user" and os.geteuid() == 0:
            self.wrap = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
            self.give(self.dir)

    def give(self, path):
        """All that is there belongs to the user: no permission but containment protects it."""
        if self.wrap:
            for root, directories, files in os.walk(path):
                for name in [root] + [os.path.join(root, name) for name in directories + files]:
                    os.chown(name, USER, USER, follow_symlinks=False)

    def command(self, *arguments):
        return self.wrap + super().command(*arguments)

    def places(self):
        return [self.home] + ([self.roots] if ROOTED else [])

    def prepare(self, kind):
        for place in self.places():
            if place.exists():
                subprocess.run(["chmod", "-R", "u+w", place], check=True)
                shutil.rmtree(place)
        targets.TARGETS[kind](self.home, self.outside)
        if ROOTED:
            targets.move_to_roots(self.home, self.roots, self.outside, ROOTED)
        for place in self.places():
            self.give(place)
            if kind == "read-only":
                subprocess.run(["chmod", "-R", "a-w", place], check=True)

    def snapshot(self):
        """Of the home, with what lies in its further roots where an archive has it."""
        found = targets.snapshot(self.home, precise=False)
        for name in ROOTED:
            inner = targets.snapshot(self.roots / name, precise=False)
            found.update({os.path.join(b".", os.fsencode(name), row[2:]): status
                          for row, status in inner.items() if row != b"."})
        return found

    def place_of(self, name):
        return (self.roots if os.fsdecode(name).split("/")[0] in ROOTED else self.home) / os.fsdecode(name)

    def options(self, one):
        config = hb.GENERIC if one.generic else hb.HERMES
        rows = ["--config", config, "--home", self.home]
        for setting in one.settings:
            rows += ["--set", setting]
        for name in ROOTED:
            rows += ["--set", f"root:{name}.directory={self.roots / name}"]
        return rows

    def assert_printable(self, done):
        for text in (done.stdout, done.stderr):
            bad = {byte for byte in text if byte < 32 and byte != 10} | ({127} & set(text))
            self.assertFalse(bad, f"control bytes in the output\n{self.describe(done)}")

    def import_into(self, kind, one, archive):
        """As root a mount is what keeps from writing; permissions do not."""
        wrap = self.wrap
        if kind == "read-only" and WHO == "root":
            both = " && ".join(f"mount --bind {place} {place} && mount -o remount,ro,bind {place}"
                               for place in self.places())
            self.wrap = ["unshare", "-m", "sh", "-c", f'{both} && exec "$@"', "sh"]
        name, data = ("-", archive.read_bytes()) if kind == targets.PIPED else (archive, None)
        try:
            return self.hbcore(*self.options(one), "import", name, "--force", input=data,
                               expect=None)
        finally:
            self.wrap = wrap

    def check_empty(self, one, done):
        expected = (0, 3) if one.code is None else (one.code,)
        self.assertIn(done.returncode, expected, self.describe(done))
        if one.files is not None:
            found = {name[2:]: row for name, row in self.snapshot().items()
                     if row[0] & 0o170000 == 0o100000}
            contents = {name: self.place_of(name).read_bytes() for name in found}
            self.assertEqual(contents, {os.fsencode(name): data.encode()
                                        for name, data in one.files.items()}, self.describe(done))
        for name, mode in one.modes.items():
            self.assertEqual(oct(self.place_of(name).stat().st_mode & 0o7777), oct(mode), name)

    def check(self, kind, one, archive, world):
        before = self.snapshot()
        done = self.import_into(kind, one, archive)
        self.assertEqual(hb.differences(world, targets.snapshot(self.outside)), [],
                         f"the outside was changed\n{self.describe(done)}")
        self.assertEqual(sorted(os.listdir(self.dir)), sorted(self.around), self.describe(done))
        self.assert_printable(done)
        self.assert_nothing_left()
        after = self.snapshot()
        if done.returncode == 1 or kind == "read-only":
            self.assertEqual(hb.differences(before, after), [], self.describe(done))
        for name, row in after.items():
            never = 0o4000 if stat.S_ISDIR(row[0]) else 0o7000  # of a directory, setgid and sticky come back
            self.assertFalse(row[0] & never, f"{name} has mode {row[0]:o}")
            self.assertIn(row[0] & 0o170000, (0o040000, 0o100000, 0o120000), name)
        if kind in ("empty", targets.PIPED):
            self.check_empty(one.over_pipe() if kind == targets.PIPED else one, done)
        elif one.code == 1 or kind == "read-only":
            self.assertEqual(done.returncode, 1, self.describe(done))
        else:
            self.assertIn(done.returncode, (0, 3), self.describe(done))
        return before != after

    def look_inside(self, one, archive):
        """Commands that only read: no crash, and never more trust than an import has."""
        for words in (["verify", archive], ["list", "--long", archive], ["--json", "list", archive],
                      ["import", "--dry-run", archive]):
            done = self.hbcore(*self.options(one), *words, expect=None)
            self.assertIn(done.returncode, (0, 1, 3), self.describe(done))
            if "--json" not in words:
                self.assert_printable(done)

    def test_each(self):
        chosen = [one for one in case.ALL[FORM] if WORD in one.name
                  and not set(one.files or ()) & set(ROOTED)]  # files of their names: see all_roots.py
        kinds = list(targets.TARGETS)
        if hb.LACKING and not hb.FULL:
            chosen, kinds = chosen[::2], ["links", "linked directories"]
        elif not hb.FULL:  # each archive by one of both; with sanitizers, which are slow, every second of them
            chosen = chosen[WHO == "user"::4 if os.environ.get("HBCORE_SANITIZE") else 2]
        self.assertTrue(chosen)
        self.around = os.listdir(self.dir) + ["archives"] + [place.name for place in self.places()]
        archives = self.dir / "archives"
        archives.mkdir(mode=0o777)
        archives.chmod(0o777)
        world = targets.snapshot(self.outside)
        for number, one in enumerate(chosen):
            (archives / f"{number}{one.suffix}").write_bytes(one.bytes_for(self.where))
        for kind in kinds:
            if kind == "read-only" and WHO == "root" and not can_mount():
                print("read-only homes are not tested as root: nothing can be mounted here")
                continue
            self.prepare(kind)
            for number, one in enumerate(chosen):
                with self.subTest(case=one.name, target=kind):
                    changed = True
                    try:
                        changed = self.check(kind, one, archives / f"{number}{one.suffix}", world)
                    finally:
                        if changed:
                            self.prepare(kind)
                    if kind == "empty":
                        self.look_inside(one, archives / f"{number}{one.suffix}")
        print(f"{FORM} as {WHO}: {len(chosen)} archives, {len(kinds)} kinds of homes")


if __name__ == "__main__":
    if WHO == "root" and os.geteuid() != 0:
        print("skipped: needs root")
        raise SystemExit(hb.SKIPPED)
    hb.need("setpriv", "unshare")
    if WHO == "user" and os.geteuid() == 0 and not hb.nobody_runs(os.environ["HBCORE_BIN"]):
        print("skipped: as root, and nobody else can run the program here")
        raise SystemExit(hb.SKIPPED)
    hb.unittest.main(argv=sys.argv[:1])
