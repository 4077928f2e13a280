# SPDX-License-Identifier: Apache-2.0
"""Somebody swaps what lies in the home, there and back, while a command works in it: the owner of the home against
root's command, and against his own. See race.py for what is judged.

    test_races.py [WORD...]      only the races with such a word in their name: "root", "import", "himself"

Each runs for 10 s, or 600 with --full, or HBCORE_RACE_SECONDS; as many side by side as there is to do for the
processors.
"""
import concurrent.futures
import os
import re
import sys
import unittest

import hb
import race

SECONDS = float(os.environ.get("HBCORE_RACE_SECONDS", "600" if hb.FULL else "5"))
BESIDE = 2 * len(os.sched_getaffinity(0))
ARCHIVE, SNAPSHOT = "{out}/a", race.SNAPSHOT
COMMANDS = {
    "backup zip": [("backup", "-o", f"{ARCHIVE}.zip")],
    "backup tar-zstd": [("backup", "--format", "tar-zstd", "-o", f"{ARCHIVE}.tar.zst")],
    "import": [("import", "--force", "{dir}/import.zip")],
    "snapshot create": [("snapshot", "create", "--keep", "1")],
    "snapshot restore": [("snapshot", "create"), ("snapshot", "restore", "1")],
    "preset": [("backup", "--preset", "pre-update", "--keep", "1")],
    "guard": [("guard", SNAPSHOT)],
    "verify": [("verify", "{out}/verify.zip")],
    "archives": [("archives", "pre-update")],
    "diff home": [("diff", "{out}/verify.zip", "home")],
    # One that is marked as shrunk holds the others back; then they go.
    "preset marked, prune accept": [("--set", "preset:pre-update.min-files=1000000", "backup", "--preset", "pre-update"),
                                    ("--set", "preset:pre-update.keep=1", "prune", "--preset", "pre-update",
                                     "--accept", "latest")],
}
COMMANDS["undo"] = [("undo", "--force")]
CALM = {"undo": [("import", "--force", "--backup-first", "{dir}/import.zip")]}
# With directories that lie elsewhere: further roots of the home.
ROOTED = ("kanban", "platforms")
WITH_ROOTS = ("backup zip", "import", "snapshot restore")
WORDS = sys.argv[1:]


class Races(hb.Case):
    def setUp(self):
        super().setUp()
        self.left_behind_is_fine = True  # by those that were killed because they did not end
        self.need("zstd")
        self.dir.chmod(0o755)

    def parties(self):
        if os.geteuid() != 0:
            print("root is not raced against: this needs root")
            return ["himself"]
        return ["root", "himself"]

    def races(self):
        for who in self.parties():
            for name, commands in COMMANDS.items():
                for rooted in ((), ROOTED) if name in WITH_ROOTS else ((),):
                    title = f"{name}{' with roots' if rooted else ''}, against {who}"
                    if all(word in title for word in WORDS):
                        yield title, race.Race(self, name, commands, who, self.dir / re.sub(r"\W+", "-", title), SECONDS,
                                               rooted, CALM.get(name, ()))

    def test_each(self):
        rows, races = [], dict(self.races())
        with concurrent.futures.ThreadPoolExecutor(BESIDE) as pool:
            for title, lost in zip(races, pool.map(race.Race.run, races.values())):
                one = races[title]
                swaps = sum(one.swapped.values())
                print(f"{title}: {one.runs} runs, {swaps} swaps, {len(lost)} kinds lost", flush=True)
                rows += [f"  {title}: {kind}: {how}" for kind, how in sorted(lost.items())]
                self.assertGreater(swaps, one.runs, f"{title}: nobody raced")
        if rows:
            self.fail(f"{len(rows)} races lost:\n" + "\n".join(rows))


if __name__ == "__main__":
    if os.geteuid() == 0 and not hb.nobody_runs(os.environ["HBCORE_BIN"]):
        print("skipped: as root, and nobody else can run the program here")
        raise SystemExit(hb.SKIPPED)
    if os.access("/dev/shm", os.W_OK):  # a disk that is waited for gives the swaps fewer runs
        os.environ.setdefault("TMPDIR", "/dev/shm")
    unittest.main(argv=sys.argv[:1])
