# SPDX-License-Identifier: Apache-2.0
"""The rounds of one corpus: what is timed in them, and whether what the programs wrote is right."""
import collections
import dataclasses
import fnmatch
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import check
import peers
import shapes

HERE = pathlib.Path(__file__).resolve().parent
CONFIG = str(HERE.parent / "conf" / "hermes.ini")
# A copy of the home, a dozen archives of half its size and restored trees, to the bytes of the corpus.
SPACE_FACTOR = 9
SPARE_TREES = 3  # whose inodes are left
WRONG_USE = 2  # an exit code of hbcore
SMALL_BYTES = 64 << 10  # of the one file that is read; the page of a skill is smaller
ROOM = (peers.OURS + "zip -6", peers.OURS + "tar-zstd")  # those whose need for disk is measured
SOURCES = {peers.ZIP: peers.OURS + "zip -6", peers.TAR: peers.OURS + "tar-zstd",
           peers.RESTIC: "restic", peers.BORG: "borg zstd,3"}


class Meter:
    """The process that runs and measures the programs."""

    def __init__(self, folder, before):
        self.log, self.output = folder / "stderr", folder / "stdout"
        self.before = before  # what is done before each run
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", str(HERE / "measure.py")], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def run(self, argv, cwd, environment, flush=(), warm=None, watch=(None, None)):
        """`warm`: a directory that is in the page cache when it starts; `watch`: home and archive, see measure.py."""
        request = {"argv": list(map(str, argv)), "cwd": str(cwd), "env": environment,
                   "stdout": str(self.output), "stderr": str(self.log), **self.before,
                   "flush": list(map(str, flush)), "warm": str(warm) if warm else None,
                   "watch": watch[0] and str(watch[0]), "result": watch[1] and str(watch[1])}
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
    """One corpus, the programs that work on it, and what they took."""

    def __init__(self, arguments, shape, scale, directory, folder):
        self.arguments, self.shape, self.scale = arguments, shape, scale
        self.rounds = min(arguments.rounds, shape.rounds or arguments.rounds)
        self.manifest = check.load(directory)
        self.place = peers.Place(directory / "home", folder, folder / "target",
                                 one_member(self.manifest),
                                 str(arguments.hbcore), CONFIG, floor_program(arguments.hbcore))
        self.meter = Meter(folder, {"cold": arguments.cold, "sync": not arguments.quick})
        self.samples = collections.defaultdict(list)  # (section, program) to what it took
        self.problems, self.missing = [], {}
        self.trash = folder / "trash"
        self.trash.mkdir()
        self.archives = {}  # kind to the archive that its readers get
        self.room = {}  # what each of ours needed on the disk beside its archive
        self.database = database_state(self.place.home)
        self.writers = self.choose(peers.writers(self.place.floor), ("backup",))
        self.readers = self.choose(peers.readers(), ("restore", "list", "one"))

    def choose(self, programs, sections):
        return [program for program in programs if self.usable(program, sections)]

    def wanted(self, section, program):
        if not self.shape.bears(program.name) or (program.database and not self.shape.database):
            return False
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
        say(f"bench: {section}: {program.name}: {sentence}")

    def failed(self, section, program, done):
        """An hbcore that lacks an option or a value of it is not measured with it."""
        if done["status"] == WRONG_USE and program.name.startswith(peers.OURS):
            self.missing[program.name] = self.meter.last_words()
        else:
            self.problem(section, program, f"exit {done['status']}: {self.meter.last_words()}")

    def clear_target(self):
        """
        Trees go after the last restore of a round, if the disk has room for them and something else
        comes before the next: for five minutes after many files were deleted, ext4 takes several times
        as long to make others, as it looks at each of their inodes to pass over it.
        """
        self.place.target.rename(self.trash / str(len(list(self.trash.iterdir()))))
        free, files = os.statvfs(self.trash), len(self.manifest["files"])
        room = SPACE_FACTOR * (self.manifest["bytes"] + files * free.f_bsize)
        if free.f_bavail * free.f_frsize < room or 0 < free.f_favail < SPARE_TREES * files:
            self.empty_trash()

    def empty_trash(self):
        for tree in self.trash.iterdir():
            shutil.rmtree(tree)

    def check_target(self, section, program, manifest):
        """Whether all files are there and right."""
        rows = check.differences(manifest, self.place.target, program.lacks, program.empty, self.shape.sample)
        if rows:
            self.problem(section, program, f"{len(rows)} differences; the first: {rows[0]}")
        self.clear_target()

    def check_archive(self, section, writer, archive, place, manifest):
        place.target.mkdir()
        done = self.meter.run(peers.judge(place, writer, archive), place.target,
                              peers.environment(place, writer))
        if done["status"] != 0:
            self.problem(section, writer, f"what it wrote cannot be read: {self.meter.last_words()}")
        self.check_target(section, writer, manifest)

    def check_database(self, section, writer, home, before):
        """Nobody may change it. Returns how it is now."""
        now = database_state(home)
        if now != before:
            self.problem(section, writer, "it changed the database that it read")
        return now

    def check_floor(self, writer):
        """It reads what lies in the home, the logs too."""
        there = sum(path.stat().st_size for path in self.place.home.rglob("*") if path.is_file())
        read = int(self.meter.output.read_text().split()[0])
        if read != there:
            self.problem("backup", writer, f"it read {read} of {there} bytes")

    def check_listing(self, section, program):
        """The name is the last word of a line; some begin it with './' or '/'."""
        with open(self.meter.output, encoding="utf-8") as stream:
            words = [line.split()[-1] for line in stream if line.strip()]
        names = {word.removeprefix("./").removeprefix("/") for word in words}
        gone = sorted(self.manifest["files"].keys() - names)
        if gone:
            self.problem(section, program, f"{len(gone)} files not listed; the first: {gone[0]}")

    def check_member(self, section, program):
        if check.digest(self.meter.output) != self.manifest["files"][self.place.member][0]:
            self.problem(section, program, f"{self.place.member}: other content")

    # ---- what is timed ----

    def timed(self, section, program, argv, cwd, flush, number, warm=None):
        """One run; None if it failed."""
        done = self.meter.run(argv, cwd, peers.environment(self.place, program),
                              flush if self.arguments.flush else (), warm)
        if done["status"] != 0:
            self.failed(section, program, done)
            return None
        done["round"] = number
        self.samples[section, program.name].append(done)
        return done

    def write(self, writer, number):
        archive = self.place.folder / f"archive-{self.writers.index(writer)}{writer.suffix}"
        writer.prepare(self.place, archive)
        done = self.timed("backup", writer, writer.backup(self.place, archive), self.place.home,
                          [archive], number, self.place.home)
        if done:
            done["bytes"] = archive_bytes(archive)
            if writer.kind == peers.NONE:
                self.check_floor(writer)
            elif number == 0:
                self.check_archive("backup", writer, archive, self.place, self.manifest)
            self.database = self.check_database("backup", writer, self.place.home, self.database)
        if done and SOURCES.get(writer.kind) == writer.name and self.needed(writer.kind):
            self.archives[writer.kind] = archive
        else:
            remove(archive)

    def measure_room(self, writer):
        """In a run that is not timed: what is on the disk is looked at all the while."""
        archive = self.place.folder / f"room{writer.suffix}"
        done = self.meter.run(writer.backup(self.place, archive), self.place.home,
                              peers.environment(self.place, writer), watch=(self.place.home, archive))
        if done["status"] == 0:
            self.room[writer.name] = done["beside"]
        else:
            self.failed("backup", writer, done)
        remove(archive)

    def measure_rooms(self):
        if self.shape.database:
            for writer in self.writers:
                if writer.name in ROOM and ("backup", writer.name) in self.samples:
                    self.measure_room(writer)

    def needed(self, kind):
        return any(reader.kind == kind for reader in self.readers)

    def prepare_sources(self):
        """Makes what readers need and no chosen writer makes."""
        for writer in peers.writers(self.place.floor):
            kind = writer.kind
            if kind in self.archives or not self.needed(kind) or SOURCES[kind] != writer.name:
                continue
            archive = self.make_source(writer, "source", self.place.home)
            if archive:
                self.archives[kind] = archive

    def make_source(self, writer, name, home):
        """An archive for readers, not timed; None if it cannot be made."""
        place = dataclasses.replace(self.place, home=home)
        archive = place.folder / f"{name}{writer.suffix}"
        writer.prepare(place, archive)
        done = self.meter.run(writer.backup(place, archive), home, peers.environment(place, writer))
        if done["status"] == 0:
            return archive
        self.failed("backup", writer, done)
        return None

    def read(self, reader, number):
        archive = self.archives.get(reader.kind)
        if archive is None and reader.kind != peers.TREE:
            return
        place = self.place
        if self.wanted("restore", reader):
            self.place.target.mkdir()
            if self.timed("restore", reader, reader.restore(place, archive), place.target,
                          [place.target], number):
                self.check_target("restore", reader, self.manifest)
        self.look_up(("list", "one"), reader, archive, number)

    def look_up(self, sections, reader, archive, number):
        """Times listing and one file."""
        for section, command, look in zip(sections, (reader.list, reader.one),
                                          (self.check_listing, self.check_member)):
            if command is None or not self.wanted(section, reader):
                continue
            for _ in range(self.arguments.repeats):
                done = self.timed(section, reader, command(self.place, archive), self.place.folder,
                                  (), number)
                if done:
                    done["bytes"] = archive_bytes(archive)
                    look(section, reader)

    def round(self, number):
        for writer in rotated(self.writers, number):
            self.say(number, "backup", writer)
            self.write(writer, number)
        if number == 0:
            self.measure_rooms()
        self.prepare_sources()
        for reader in rotated(self.readers, number):
            self.say(number, "restore", reader)
            self.read(reader, number)
        if not self.arguments.keep:
            for archive in self.archives.values():
                remove(archive)
            self.archives.clear()

    def say(self, number, section, program):
        say(f"{self.shape.name}, scale {self.scale:g}: round {number + 1}: {section}: {program.name}")


def database_state(home):
    """Size and time of the database and its log, if there is one."""
    rows = []
    for name in (shapes.HOLDER_NAME, shapes.HOLDER_NAME + "-wal"):
        if (home / name).exists():
            status = os.stat(home / name)
            rows.append((name, status.st_size, status.st_mtime_ns))
    return rows


def floor_program(hbcore):
    """Built beside it."""
    return str(hbcore.parent.parent / "bench" / "floor")


def one_member(manifest):
    """A small file from the middle of the archive: the page of a skill, if there is one."""
    small = [name for name, (_, size) in sorted(manifest["files"].items()) if 0 < size <= SMALL_BYTES]
    names = [name for name in small if name.endswith("SKILL.md")] or small
    return names[len(names) // 2]


def rotated(programs, number):
    start = number % max(1, len(programs))
    return programs[start:] + programs[:start]


def archive_bytes(archive):
    if archive.is_dir():
        return sum(path.stat().st_size for path in archive.rglob("*") if path.is_file())
    return archive.stat().st_size


def remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def say(text):
    print(text, file=sys.stderr, flush=True)


def end_in_order():
    """When terminated, too, what was begun is taken away."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def add_places(parser):
    """Options: what is measured, and where."""
    parser.add_argument("--hbcore", type=pathlib.Path, metavar="PROGRAM",
                        default=HERE.parent / "build" / "release" / "bin" / "hbcore")
    parser.add_argument("--work", type=pathlib.Path, metavar="DIRECTORY", help="where the corpus is "
                        "kept and all is written (default: hbcore-bench in the user's cache)",
                        default=pathlib.Path(os.environ.get("XDG_CACHE_HOME") or
                                             pathlib.Path.home() / ".cache") / "hbcore-bench")


def with_places(parser, parsed):
    if not os.access(parsed.hbcore, os.X_OK):
        parser.error(f"{parsed.hbcore}: no such program; build it (cmake --preset release && "
                     "cmake --build --preset release) or name it with --hbcore")
    parsed.hbcore, parsed.work = parsed.hbcore.resolve(), parsed.work.resolve()
    return parsed
