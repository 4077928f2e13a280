#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the instructions that hbcore takes for what is done most, and says where they go.

    bench/instructions.py [--scale S] [--only PATTERN]... [--top N] [--json FILE]

Callgrind counts them (valgrind), by one worker and on a small corpus: unlike times, two counts of one program
agree within half a percent, whatever else the machine does. Exit code 77: valgrind is not there.
"""
import argparse
import collections
import contextlib
import fnmatch
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import check
import holder
import peers
import report
import rounds
import second
import shapes

FORMAT = 2  # of the JSON
SKIPPED = 77
ONE_WORKER = ("--set", "backup.workers=1")
LEVELS = (("zip", "0"), ("zip", "1"), ("zip", "6"), ("zip", "fast"), ("tar-zstd", "1"), ("tar-zstd", "3"))
USUAL = (("zip", "6"), ("tar-zstd", "3"))
SUFFIXES = {"zip": ".zip", "tar-zstd": ".tar.zst"}
NO_SYMBOL = "(no symbol)"


# ---- what callgrind wrote: https://valgrind.org/docs/manual/cl-format.html -------------------------

def name_of(names, text):
    """Of "(7) name", which gives the name a number, or of "(7)"."""
    number, _, name = text.partition(" ")
    if name:
        names[number] = name
    return names[number]


def costs(path):
    """(object, function) to the instructions in it alone."""
    objects, functions, found = {}, {}, collections.Counter()
    here, name, called = "", "", False
    with open(path, encoding="utf-8", errors="replace") as stream:
        for line in stream:
            key, equals, value = line.rstrip("\n").partition("=")
            if key == "ob":
                here = name_of(objects, value)
            elif key == "cob":
                name_of(objects, value)
            elif key == "fn":
                name = name_of(functions, value)
            elif key == "cfn":
                name_of(functions, value)
            elif key == "calls":
                called = True  # the next line holds what the function called took
            elif not equals and line[0] in "0123456789+-*":
                if not called:
                    found[here, name] += int(line.split()[1])
                called = False
    return found


def top(found, count):
    """The functions that took most, those of a library without names as one."""
    rows = collections.Counter()
    for (where, name), cost in found.items():
        rows[os.path.basename(where), NO_SYMBOL if name.startswith("0x") else name] += cost
    total = sum(rows.values())
    return [{"object": where, "function": name, "share": cost / total}
            for (where, name), cost in rows.most_common(count)]


# ---- what is counted -------------------------------------------------------------------------------

class Count:
    """Runs the program under callgrind on one home."""

    def __init__(self, arguments, home, manifest, folder):
        self.arguments, self.manifest, self.folder = arguments, manifest, folder
        self.place = peers.Place(home, folder, folder / "target", rounds.one_member(manifest),
                                 str(arguments.hbcore), rounds.CONFIG, "", options=ONE_WORKER)
        self.rows, self.missing, self.failed = [], {}, False

    def wanted(self, name):
        return not self.arguments.only or any(
            fnmatch.fnmatchcase(name, pattern) for pattern in self.arguments.only)

    def run(self, name, command, counted=True):
        """True if it did its work. One that lacks an option is left out."""
        output = self.folder / "callgrind"
        before = ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={output}"] if counted else []
        done = subprocess.run([*before, *command], capture_output=True, check=False, cwd=self.folder,
                              env=peers.environment(self.place, peers.Program()))
        words = done.stderr.decode(errors="replace").strip()[-400:]
        if done.returncode == rounds.WRONG_USE:
            self.missing[name] = words
        elif done.returncode != 0:
            self.failed = True
            rounds.say(f"instructions: {name}: exit {done.returncode}: {words}")
        elif counted:
            self.add(name, costs(output))
        return done.returncode == 0

    def add(self, name, found):
        total = sum(found.values())
        self.rows.append({"name": name, "instructions": total,
                          "per_byte": total / self.manifest["bytes"],
                          "per_file": total / len(self.manifest["files"]),
                          "top": top(found, self.arguments.top)})

    def count(self, name, command):
        if self.wanted(name):
            rounds.say(f"instructions: {name}")
            self.run(name, command)

    def backup(self, kind, level, archive, *options):
        return self.place.ours("backup", "-o", str(archive), "--format", kind, home=self.place.home,
                               options=("--set", f"format:{kind}.level={level}", *options))

    def backups(self):
        for kind, level in LEVELS:
            self.count(f"backup {kind} {level}", self.backup(kind, level, self.folder / "counted"))

    def readings(self, kind, level):
        """Of an archive that is made without counting."""
        names = [f"{command} {kind}" for command in ("list", "cat", "import", "import, checked in full,")]
        archive, target = self.folder / f"read{SUFFIXES[kind]}", self.folder / f"target-{kind}"
        if not any(map(self.wanted, names)) or not self.run(
                names[0], self.backup(kind, level, archive), False):
            return
        target.mkdir()
        self.count(names[0], self.place.ours("list", str(archive)))
        self.count(names[1], self.place.ours("cat", str(archive), self.place.member))
        for name, options in ((names[2], peers.QUICK_CHECK), (names[3], ())):
            self.count(name, self.place.ours("import", str(archive), "--force", home=target, options=options))
            shutil.rmtree(target)
            target.mkdir()

    def seconds(self, kind, level, program, number):
        """The second backup; `program` changes the home in between."""
        names = [f"second backup {kind} {level}, {state}" for state in ("nothing changed", "1 % changed")]
        archive = self.folder / f"second{SUFFIXES[kind]}"
        command = self.backup(kind, level, archive, *second.REUSE)
        if not any(map(self.wanted, names)):
            return
        second.settle(self.place.home)
        if self.run(names[0], command, False):
            self.count(names[0], command)
            program.change(number)
            self.count(names[1], command)

    def everything(self, program):
        self.count("start", [self.place.hbcore, "--version"])
        self.backups()
        for number, (kind, level) in enumerate(USUAL):
            self.readings(kind, level)
            self.seconds(kind, level, program, number)


# ---- what is printed -------------------------------------------------------------------------------

def collect(count):
    arguments = count.arguments
    return {"format": FORMAT, "machine": report.machine(count.place), "shape": arguments.shape.name,
            "scale": arguments.scale, "seed": arguments.seed, "rows": count.rows, "missing": count.missing,
            "corpus": {"files": len(count.manifest["files"]), "bytes": count.manifest["bytes"]}}


def table(result):
    lines = [["", "million", "a byte", "a file", "most of them in"]]
    for row in result["rows"]:
        where = ", ".join(f"{one['function']} in {one['object']} {one['share']:.0%}" for one in row["top"])
        lines.append([row["name"], f"{row['instructions'] / 1e6:.1f}", f"{row['per_byte']:.1f}",
                      f"{row['per_file']:.0f}", where])
    return report.markdown(lines)


def text(result):
    made, here = result["corpus"], result["machine"]
    parts = [f"Instructions of one worker, by callgrind: {made['files']} files, "
             f"{made['bytes'] / 1e6:.1f} MB ({result['shape']}, scale {result['scale']:g}, seed {result['seed']}), "
             f"{here['processor']}, {here['hbcore']}, {here['versions']['valgrind']}."]
    parts += [f"Not counted: {name}: {reason}" for name, reason in result["missing"].items()]
    return "\n\n".join([*parts, table(result)])


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--shape", default="corpus", metavar="NAME", choices=shapes.every(),
                        help=f"of the home: {', '.join(shapes.every())}")
    parser.add_argument("--scale", type=float, default=0.02, help="of the home (corpus at 0.02: 18 MB)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN",
                        help="as 'backup zip*' or 'list *'; may be repeated")
    parser.add_argument("--top", type=int, default=4, help="functions to name of each")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="all that was counted")
    rounds.add_places(parser)
    parsed = rounds.with_places(parser, parser.parse_args(arguments))
    parsed.shape = shapes.every()[parsed.shape]
    return parsed


def main(arguments=None):
    rounds.end_in_order()
    arguments = parse(arguments)
    if shutil.which("valgrind") is None:
        print("skipped: valgrind is not there")
        return SKIPPED
    arguments.work.mkdir(parents=True, exist_ok=True)
    directory = arguments.shape.cached(arguments.work, arguments.scale, arguments.seed)
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(tempfile.mkdtemp(prefix="instructions-", dir=arguments.work))
        stack.callback(shutil.rmtree, folder)
        second.copy_home(directory / "home", folder / "home")
        program = stack.enter_context(holder.Holder(folder / "home", arguments.seed))
        count = Count(arguments, folder / "home", check.load(directory), folder)
        count.everything(program)
        result = collect(count)
    print(text(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if count.failed or not count.rows else 0


if __name__ == "__main__":
    sys.exit(main())
