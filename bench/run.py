#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times hbcore and the programs that people would use instead, and prints a table.

    bench/run.py [--scale S] [--rounds N] [--only PATTERN]... [--flush] [--json FILE]

All programs run once in each round, in an order that moves on by one from round to round, on the same
home with a database that a process holds open. What each wrote or restored is compared with the home.
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
import corpus
import peers
import report

HERE = pathlib.Path(__file__).resolve().parent
SPACE_FACTOR = 5  # archives of four kinds and a restored tree, to the bytes of the corpus
QUIET_LOAD = 0.15  # of the processors
SOURCES = {peers.ZIP: peers.OURS + "zip -6", peers.TAR: peers.OURS + "tar-zstd",
           peers.RESTIC: "restic", peers.BORG: "borg zstd,3"}

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA wal_autocheckpoint=0")
connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


class Holder:
    """A program that has the database open. It is killed, so that the log outlives it."""

    def __init__(self, database):
        self.process = subprocess.Popen([sys.executable, "-c", HOLD, str(database)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        if self.process.stdout.readline() != b"open\n":
            raise RuntimeError("the database of the corpus cannot be opened")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Meter:
    """The process that runs and measures the programs."""

    def __init__(self, folder, before):
        self.log, self.output = folder / "stderr", folder / "stdout"
        self.before = before  # what is done before each run
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(HERE / "measure.py")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def run(self, argv, cwd, environment, flush=()):
        request = {"argv": list(map(str, argv)), "cwd": str(cwd), "env": environment,
                   "stdout": str(self.output), "stderr": str(self.log), **self.before,
                   "flush": list(map(str, flush))}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def last_words(self):
        return self.log.read_text(errors="replace").strip()[-400:] or "it said nothing"

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Bench:
    def __init__(self, arguments, home, manifest, folder):
        self.arguments, self.manifest = arguments, manifest
        self.place = peers.Place(home, folder, folder / "target", one_member(manifest),
                                 str(arguments.hbcore), str(HERE.parent / "conf" / "hermes.ini"),
                                 floor_program(arguments.hbcore))
        self.meter = Meter(folder, {"cold": arguments.cold, "sync": not arguments.quick})
        self.samples = collections.defaultdict(list)  # (section, program) to what it took
        self.problems, self.missing = [], {}
        self.trash = folder / "trash"
        self.trash.mkdir()
        self.archives = {}  # kind to the archive that its readers get
        self.database = self.database_state()
        self.writers = self.choose(peers.writers(self.place.floor), ("backup",))
        self.readers = self.choose(peers.readers(), ("restore", "list", "one"))

    def choose(self, programs, sections):
        return [program for program in programs if self.usable(program, sections)]

    def wanted(self, section, program):
        return not self.arguments.only or any(
            fnmatch.fnmatchcase(name, pattern) for pattern in self.arguments.only
            for name in (program.name, f"{section}/{program.name}"))

    def usable(self, program, sections):
        if not any(self.wanted(section, program) for section in sections):
            return False
        reason = program.missing()
        if reason:
            self.missing[program.name] = reason
        return not reason

    # ---- what is checked ----

    def problem(self, section, program, sentence):
        self.problems.append({"section": section, "program": program.name, "problem": sentence})
        print(f"bench: {section}: {program.name}: {sentence}", file=sys.stderr)

    def database_state(self):
        """Size and time of the database and its log: nobody may change them."""
        rows = []
        for name in ("state.db", "state.db-wal"):
            status = os.stat(self.place.home / name)
            rows.append((name, status.st_size, status.st_mtime_ns))
        return rows

    def clear_target(self):
        """
        Trees go at the beginning of the next round only, if the disk has room for them: for minutes
        after many files were deleted, ext4 takes longer to make others, as it passes over their inodes.
        """
        self.place.target.rename(self.trash / str(len(list(self.trash.iterdir()))))
        if shutil.disk_usage(self.trash).free < SPACE_FACTOR * self.manifest["bytes"]:
            self.empty_trash()

    def empty_trash(self):
        for tree in self.trash.iterdir():
            shutil.rmtree(tree)

    def check_target(self, section, program, lacks, empty):
        """Whether all files are there and right."""
        rows = check.differences(self.manifest, self.place.target, lacks, empty)
        if rows:
            self.problem(section, program, f"{len(rows)} differences; the first: {rows[0]}")
        self.clear_target()

    def check_archive(self, writer, archive):
        self.place.target.mkdir()
        done = self.meter.run(peers.judge(writer, archive), self.place.target,
                              peers.environment(self.place, writer))
        if done["status"] != 0:
            self.problem("backup", writer, f"what it wrote cannot be read: {self.meter.last_words()}")
        self.check_target("backup", writer, writer.lacks, writer.empty)

    def check_floor(self, writer):
        """It reads what lies in the home, the logs too."""
        there = sum(path.stat().st_size for path in self.place.home.rglob("*") if path.is_file())
        read = int(self.meter.output.read_text().split()[0])
        if read != there:
            self.problem("backup", writer, f"it read {read} of {there} bytes")

    def check_listing(self, program):
        """The name is the last word of a line; some begin it with './' or '/'."""
        with open(self.meter.output, encoding="utf-8") as stream:
            words = [line.split()[-1] for line in stream if line.strip()]
        names = {word.removeprefix("./").removeprefix("/") for word in words}
        gone = sorted(self.manifest["files"].keys() - names)
        if gone:
            self.problem("list", program, f"{len(gone)} files not listed; the first: {gone[0]}")

    def check_member(self, program):
        if check.digest(self.meter.output) != self.manifest["files"][self.place.member][0]:
            self.problem("one", program, f"{self.place.member}: other content")

    # ---- what is timed ----

    def timed(self, section, program, argv, cwd, flush, number):
        """One run; False if it failed."""
        done = self.meter.run(argv, cwd, peers.environment(self.place, program),
                              flush if self.arguments.flush else ())
        if done["status"] != 0:
            self.problem(section, program, f"exit {done['status']}: {self.meter.last_words()}")
            return None
        done["round"] = number
        self.samples[section, program.name].append(done)
        return done

    def write(self, writer, number):
        archive = self.place.folder / f"archive-{self.writers.index(writer)}{writer.suffix}"
        writer.prepare(self.place, archive)
        done = self.timed("backup", writer, writer.backup(self.place, archive), self.place.home,
                          [archive], number)
        if done:
            done["bytes"] = writer.size(archive)
            if writer.kind == peers.NONE:
                self.check_floor(writer)
            elif number == 0:
                self.check_archive(writer, archive)
            if self.database_state() != self.database:
                self.problem("backup", writer, "it changed the database that it read")
                self.database = self.database_state()
        if done and SOURCES.get(writer.kind) == writer.name and self.needed(writer.kind):
            self.archives[writer.kind] = archive
        else:
            remove(archive)

    def needed(self, kind):
        return any(reader.kind == kind for reader in self.readers)

    def prepare_sources(self):
        """Makes what readers need and no chosen writer makes."""
        for writer in peers.writers(self.place.floor):
            kind = writer.kind
            if kind in self.archives or not self.needed(kind) or SOURCES[kind] != writer.name:
                continue
            archive = self.place.folder / f"source{writer.suffix}"
            writer.prepare(self.place, archive)
            done = self.meter.run(writer.backup(self.place, archive), self.place.home,
                                  peers.environment(self.place, writer))
            if done["status"] != 0:
                self.problem("backup", writer, self.meter.last_words())
            else:
                self.archives[kind] = archive

    def read(self, reader, number):
        archive = self.archives.get(reader.kind)
        if archive is None and reader.kind != peers.TREE:
            return
        place = self.place
        if self.wanted("restore", reader):
            self.place.target.mkdir()
            if self.timed("restore", reader, reader.restore(place, archive), place.target,
                          [place.target], number):
                self.check_target("restore", reader, reader.lacks, reader.empty)
        for section, command, look in (("list", reader.list, self.check_listing),
                                       ("one", reader.one, self.check_member)):
            if command is None or not self.wanted(section, reader):
                continue
            for _ in range(self.arguments.repeats):
                if self.timed(section, reader, command(place, archive), place.folder, (), number):
                    look(reader)

    def round(self, number):
        self.empty_trash()
        for path in self.place.home.rglob("*"):
            if path.is_file() and not self.arguments.cold:
                check.digest(path)  # into the page cache
        for writer in rotated(self.writers, number):
            say(f"round {number + 1}: backup: {writer.name}")
            self.write(writer, number)
        self.prepare_sources()
        for reader in rotated(self.readers, number):
            say(f"round {number + 1}: restore: {reader.name}")
            self.read(reader, number)
        if not self.arguments.keep:
            for archive in self.archives.values():
                remove(archive)
            self.archives.clear()


def floor_program(hbcore):
    """Built beside it."""
    return str(hbcore.parent.parent / "bench" / "floor")


def one_member(manifest):
    """A small file from the middle of the archive."""
    names = sorted(name for name in manifest["files"] if name.endswith("SKILL.md"))
    return names[len(names) // 2]


def rotated(programs, number):
    start = number % max(1, len(programs))
    return programs[start:] + programs[:start]


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def say(text):
    print(text, file=sys.stderr, flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--scale", type=float, default=1.0, help="of the corpus (1: 0.86 GB)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5,
                        help="of listing and of one file, in each round")
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN",
                        help="programs, as 'hbcore*' or 'restore/unzip'; may be repeated")
    parser.add_argument("--quick", action="store_true", help="one round that does not wait for the "
                        "disk before each run: to see that all works, not to measure")
    parser.add_argument("--flush", action="store_true",
                        help="count also what it takes to bring the output to the disk")
    parser.add_argument("--cold", action="store_true",
                        help="drop the page cache before each run (as root)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="all that was measured")
    parser.add_argument("--keep", action="store_true", help="keep the archives that were read, and say where")
    parser.add_argument("--hbcore", type=pathlib.Path, metavar="PROGRAM",
                        default=HERE.parent / "build" / "release" / "bin" / "hbcore")
    parser.add_argument("--work", type=pathlib.Path, metavar="DIRECTORY", help="where the corpus is "
                        "kept and all is written (default: hbcore-bench in the user's cache)",
                        default=pathlib.Path(os.environ.get("XDG_CACHE_HOME") or
                                             pathlib.Path.home() / ".cache") / "hbcore-bench")
    parsed = parser.parse_args(arguments)
    if min(parsed.rounds, parsed.repeats, parsed.scale) <= 0:
        parser.error("rounds, repeats and scale must be above zero")
    if not os.access(parsed.hbcore, os.X_OK):
        parser.error(f"{parsed.hbcore}: no such program; build it (cmake --preset release && "
                     "cmake --build --preset release) or name it with --hbcore")
    if parsed.cold and os.geteuid() != 0:
        parser.error("--cold needs root")
    if parsed.quick:
        parsed.rounds = parsed.repeats = 1
    parsed.hbcore, parsed.work = parsed.hbcore.resolve(), parsed.work.resolve()
    return parsed


def warnings(work, manifest, quick):
    rows = []
    load = os.getloadavg()[0]
    if load > QUIET_LOAD * peers.CPUS:
        rows.append(f"the load average is {load:.2f}: other programs are running; the times are "
                    "not to be relied upon")
    if shutil.disk_usage(work).free < SPACE_FACTOR * manifest["bytes"]:
        rows.append(f"less than {SPACE_FACTOR} times the size of the corpus is free in {work}")
    if quick:
        rows.append("a quick run: what earlier programs wrote was still being brought to the disk")
    return rows


def main(arguments=None):
    arguments = parse(arguments)
    arguments.work.mkdir(parents=True, exist_ok=True)
    say(f"corpus: scale {arguments.scale:g}, seed {arguments.seed}, in {arguments.work}")
    directory = corpus.cached(arguments.work, arguments.scale, arguments.seed)
    manifest = check.load(directory)
    warned = warnings(arguments.work, manifest, arguments.quick)
    for row in warned:
        say(f"bench: warning: {row}")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=arguments.work))
    try:
        with Holder(directory / "home" / "state.db"):
            bench = Bench(arguments, directory / "home", manifest, folder)
            with contextlib.closing(bench.meter):
                for number in range(arguments.rounds):
                    bench.round(number)
                bench.empty_trash()
    finally:
        if arguments.keep:
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder)
    result = report.collect(bench, warned)
    print(report.text(result))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if bench.problems or not bench.samples else 0


if __name__ == "__main__":
    sys.exit(main())
