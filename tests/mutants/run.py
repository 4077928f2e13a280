# SPDX-License-Identifier: Apache-2.0
"""
Does the suite notice a wrong line? Each entry of the lists beside this file (README.md says how one is written) changes
one place of the program where data or secrets depend on it. It is put into a copy of the tree, what is needed is built,
and the tests that it names are run. If they all pass, nobody would have noticed.

    run.py [--check] [--at-once] [--keep DIR] [--jobs N] [ID…]

--check looks only whether each change applies, in exactly one place. ID: only these; "PUB1-PUB9", "PUB*" and "PUB"
(all that begin so) are understood. Exit code 0: every entry applies, each survivor has a reason and each with a reason
survives, and at least 95 of 100 are noticed.
"""
import argparse
import dataclasses
import fnmatch
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
FOLDERS = ("core", "cli", "plugins")
NOTICED = 95  # of 100, at least
SECONDS = 300  # for one test; what hangs is noticed


@dataclasses.dataclass
class Mutant:
    id: str
    file: str
    place: str = ""  # where it stands, for messages
    tests: str = ""
    breaks: str = ""
    survives: str = ""
    lines: list = dataclasses.field(default_factory=list)  # (" ", "-" or "+", text)

    def before(self):
        return [text for kind, text in self.lines if kind in " -"]

    def after(self):
        return [text for kind, text in self.lines if kind in " +"]


def fail(text):
    sys.exit(f"run.py: {text}")


def read_list(path):
    """See README.md."""
    mutants, usual = [], ""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        place = f"{path.name}:{number}"
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            name, _, file = line[1:].partition("] ")
            mutants.append(Mutant(name, file.strip(), place, tests=usual))
        elif line.startswith("@tests: "):
            usual = line.partition(": ")[2].strip()
        elif line[0] in "-+ " and mutants:
            mutants[-1].lines.append((line[0], line[1:].strip()))
        elif re.match("(tests|breaks|survives): ", line) and mutants:
            key, _, text = line.partition(": ")
            setattr(mutants[-1], key, text.strip())
        else:
            fail(f"{place}: what is this? {line}")
    for mutant in mutants:
        kinds = {kind for kind, _ in mutant.lines}
        if not mutant.tests or not mutant.breaks or not kinds & set("-+"):
            fail(f"{mutant.place}: {mutant.id} lacks tests, breaks, or lines")
    return mutants


def read_all():
    mutants = [mutant for path in sorted(HERE.glob("*.txt")) for mutant in read_list(path)]
    seen = {}
    for mutant in mutants:
        if mutant.id in seen:
            fail(f"{mutant.place}: {mutant.id} is also at {seen[mutant.id]}")
        seen[mutant.id] = mutant.place
    return mutants


def find_file(tree, name):
    """The one file of that name, so that an entry survives when it moves; else None and the reason."""
    found = [path for folder in FOLDERS for path in (tree / folder).rglob(pathlib.PurePath(name).name)
             if str(path).endswith("/" + name) and "tests" not in path.parts[len(tree.parts):]]
    if len(found) != 1:
        return None, f"{len(found)} files are called {name}"
    return found[0], ""


def change(text, mutant):
    """The changed text; None and the reason if the lines are not there exactly once."""
    lines, before = text.split("\n"), mutant.before()
    stripped = [line.strip() for line in lines]
    at = [i for i in range(len(lines) - len(before) + 1) if stripped[i:i + len(before)] == before]
    if len(at) != 1:
        return None, f"its lines are there {len(at)} times"
    indent = re.match(r"\s*", lines[at[0]])[0]
    lines[at[0]:at[0] + len(before)] = [indent + line for line in mutant.after()]
    return "\n".join(lines), ""


def apply_to(tree, mutant):
    """Path and new text; None and the reason."""
    path, why = find_file(tree, mutant.file)
    if path is None:
        return None, why
    text, why = change(path.read_text(), mutant)
    return (None, why) if text is None else ((path, text), "")


def check(mutants):
    bad = 0
    for mutant in mutants:
        _, why = apply_to(SOURCE, mutant)
        if why:
            bad += 1
            print(f"{mutant.place}: {mutant.id} does not apply to {mutant.file}: {why}")
    print(f"{len(mutants) - bad} of {len(mutants)} changes apply")
    return bad


class Tree:
    """A copy of the sources, built, in which one change is made at a time."""

    def __init__(self, path):
        self.path = path
        self.build = path / "build"
        names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=SOURCE,
                               stdout=subprocess.PIPE, check=True).stdout.decode().split("\0")
        for name in names:
            if name and (SOURCE / name).exists():
                self.bring(name)
        self.environment = dict(os.environ, CCACHE_BASEDIR=str(path), CCACHE_NOHASHDIR="1", HBCORE_WHOLE="1")
        options = ["-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_C_FLAGS_RELWITHDEBINFO=-O1 -DNDEBUG",
                   "-DHBCORE_TESTS=ON"]
        if shutil.which("ccache"):
            options += ["-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
        for old in set(path.rglob("*")) - {path / name for name in names} if self.build.exists() else ():
            if old.is_file() and self.build not in old.parents:
                old.unlink()  # it has moved since
        self.must(["cmake", "-G", "Ninja", "-S", path, "-B", self.build, *options])
        self.must(["cmake", "--build", self.build])
        told = self.run(["ctest", "--test-dir", self.build, "--show-only=json-v1"])
        self.tests = {test["name"]: test.get("command", []) for test in json.loads(told.stdout)["tests"]}

    def bring(self, name):
        """What is there already stays as it is, so that no more is built than has changed."""
        source, target = SOURCE / name, self.path / name
        if target.exists() and not source.is_symlink() and target.read_bytes() == source.read_bytes():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
        if not source.is_symlink():
            target.touch()  # newer than what was built, also where the source is older

    def run(self, command, seconds=None):
        return subprocess.run([str(word) for word in command], cwd=self.path, env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds, errors="replace",
                              check=False)

    def must(self, command):
        done = self.run(command)
        if done.returncode != 0:
            fail(f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}")

    def names(self, regex):
        """Those that ctest would take, but for the races, which take minutes. (Its own regex has no room for many.)"""
        return [name for name in self.tests if re.search(regex, name) and name != "races"]

    def products(self, tests):
        """What those tests run: their programs, hbcore and the plugins."""
        made = {str(self.build / "bin/hbcore")}
        made |= {str(path) for path in self.build.glob("lib*/**/hbcore/plugins/*.so")}
        made |= {word for name in tests for word in self.tests[name]
                 if word.startswith(str(self.build)) and pathlib.Path(word).is_file()}
        return sorted(os.path.relpath(path, self.build) for path in made)

    def try_tests(self, tests):
        """The first that fails, with its output, or None. Those of single files first, for they take no time."""
        numbers = {name: number for number, name in enumerate(self.tests, 1)}
        for name in sorted(tests, key=lambda name: (not name.startswith("test-"), name)):
            number = numbers[name]
            done = self.run(["ctest", "--test-dir", self.build, "-I", f"{number},{number}", "--output-on-failure",
                             "--no-tests=error", "--timeout", SECONDS])
            if done.returncode != 0:
                return name, done.stdout
        return None

    def judge(self, mutant):
        """"noticed", "survived" or "broken", and by whom or why."""
        tests = self.names(mutant.tests)
        if not tests:
            return "broken", f"no test is called {mutant.tests}"
        applied, why = apply_to(self.path, mutant)
        if applied is None:
            return "broken", f"does not apply: {why}"
        path, text = applied
        usual = path.read_text()
        try:
            path.write_text(text)
            built = self.run(["ninja", "-C", self.build, *self.products(tests)])
            if built.returncode != 0:
                return "broken", f"does not build:\n{built.stdout[-1500:]}"
            failed = self.try_tests(tests)
            return ("noticed", failed[0]) if failed else ("survived", "")
        finally:
            path.write_text(usual)


def chosen(mutants, words):
    order = [mutant.id for mutant in mutants]

    def matches(identity, word):
        first, _, last = word.partition("-")
        if last and first in order and last in order:
            return order.index(first) <= order.index(identity) <= order.index(last)
        return fnmatch.fnmatchcase(identity, word) or re.fullmatch(re.escape(word) + r"\d*\w?", identity)

    for word in words:
        if not any(matches(identity, word) for identity in order):
            fail(f"no entry is called {word}")
    return [mutant for mutant in mutants if not words or any(matches(mutant.id, word) for word in words)]


def run_all(mutants, jobs, place, at_once):
    """Dictionary of id to (verdict, detail)."""
    results, lock, rest = {}, threading.Lock(), list(mutants)

    def work(number):
        tree = Tree(place / str(number))
        if number == 0 and not at_once:  # the tests must pass without any change, or they tell nothing
            failed = tree.try_tests({name for mutant in mutants for name in tree.names(mutant.tests)})
            if failed:
                print(failed[1][-3000:])
                results["-"] = ("broken", f"{failed[0]} fails without any change")
                rest.clear()
        while True:
            with lock:
                if not rest:
                    return
                mutant = rest.pop(0)
            start = time.monotonic()
            verdict, detail = tree.judge(mutant)
            with lock:
                results[mutant.id] = (verdict, detail)
                print(f"{len(results):4}/{len(mutants)} {mutant.id:8} {mutant.file:24} {verdict:9}"
                      f"{detail}  ({time.monotonic() - start:.0f} s)", flush=True)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return results


def main():
    parser = argparse.ArgumentParser(description="Does the suite notice a wrong line?")
    parser.add_argument("--check", action="store_true", help="only whether all apply")
    parser.add_argument("--at-once", action="store_true", help="do not run the tests without any change first")
    parser.add_argument("--keep", metavar="DIR", help="work there, and leave it for the next time, which is quicker")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 1)))
    parser.add_argument("ids", nargs="*", metavar="ID")
    arguments = parser.parse_args()
    mutants = chosen(read_all(), arguments.ids)
    if check(mutants) > 0:
        return 1
    if arguments.check:
        return 0
    place = pathlib.Path(arguments.keep or tempfile.mkdtemp(prefix="hbcore-mutants-"))
    place.mkdir(exist_ok=True)
    place.chmod(0o755)  # some tests become another user
    try:
        results = run_all(mutants, arguments.jobs, place, arguments.at_once)
    finally:
        if not arguments.keep:
            shutil.rmtree(place, ignore_errors=True)
    bad = 0
    for mutant in mutants:
        verdict, detail = results.get(mutant.id, ("broken", "was not run"))
        if verdict == "broken":
            bad += 1
            print(f"{mutant.place}: {mutant.id}: {detail}")
        elif verdict == "survived" and not mutant.survives:
            bad += 1
            print(f"{mutant.place}: {mutant.id} survived, without a reason: {mutant.breaks}")
        elif verdict == "noticed" and mutant.survives:
            bad += 1
            print(f"{mutant.place}: {mutant.id} is noticed by {detail}: take its reason away")
    noticed = sum(verdict == "noticed" for verdict, _ in results.values())
    share = 100 * noticed / max(1, len(mutants))
    print(f"{noticed} of {len(mutants)} noticed, {share:.1f} %")
    return 1 if bad or "-" in results or (not arguments.ids and share < NOTICED) else 0


if __name__ == "__main__":
    sys.exit(main())
