# SPDX-License-Identifier: Apache-2.0
"""The programs that are compared: how each makes an archive, brings it back, lists it, gives one file.

A writer makes one kind of archive; readers of that kind are compared on one and the same archive, ours
where we write that kind. Programs run in the directory that they pack or restore into, with a clean
environment.
"""
import dataclasses
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CPUS = len(os.sched_getaffinity(0))
REFERENCE = "python zipfile -6"
TAR_ZSTD = "tar + zstd -3"
OURS = "hbcore "
FLOOR = "floor: "  # no archiver: the codec alone, see floor.c
ZIP, TAR, RESTIC, BORG, TREE, NONE = "zip", "tar.zst", "restic", "borg", "tree", "none"
EATMYDATA = ("/usr/lib/x86_64-linux-gnu/libeatmydata.so", "/usr/lib/aarch64-linux-gnu/libeatmydata.so",
             "/usr/lib/libeatmydata/libeatmydata.so")
PRESERVED = ("gateway_state.json",)  # what an import of ours, as the reference's, leaves alone


def shell(line):
    return ["bash", "-c", "set -o pipefail; " + line]


def quoted(path):
    return shlex.quote(str(path))


@dataclasses.dataclass
class Place:
    """Where a round works."""
    home: pathlib.Path    # the corpus
    folder: pathlib.Path  # all that the round writes
    target: pathlib.Path  # an empty directory to restore into
    member: str           # the one file
    hbcore: str
    config: str
    floor: str            # the program of floor.c
    snapshot: str = "one"  # what an archive is called in a repository that holds several
    options: tuple = ()    # more for each run of ours

    def ours(self, *arguments, home=None, options=()):
        where = ["--home", str(home)] if home else []
        return [self.hbcore, "--config", self.config, "--progress", "never", *self.options,
                *options, *where, *arguments]

    def python(self, *arguments):
        return [sys.executable, "-B", str(HERE / "reference.py"), *map(str, arguments)]


class Program:
    """What writers and readers share: what they need, and the words about it."""
    name = ""
    database = False  # whether it tells something only of a home with a database in use
    needs = ()      # programs that must be there
    environment = {}

    def missing(self):
        """Why it cannot run here; empty: it can."""
        gone = [os.path.basename(program) for program in self.needs if shutil.which(program) is None]
        return f"{', '.join(gone)} not there" if gone else ""


class Writer(Program):
    kind, suffix = ZIP, ".zip"
    lacks, empty = (), True  # names it leaves out; whether it stores empty directories
    floor = None  # what it cannot be faster than
    updates = False  # whether a second run profits by what the first one wrote

    def __init__(self, name, needs, backup, kind=ZIP, suffix=".zip", **more):
        self.name, self.needs, self.backup = name, needs, backup
        self.kind, self.suffix = kind, suffix
        for key, value in more.items():
            setattr(self, key, value)

    def prepare(self, place, archive):
        """Before the clock starts."""

class Repository(Writer):
    updates = True

    def __init__(self, name, needs, backup, init, kind, environment):
        super().__init__(name, needs, backup, kind, "." + kind)
        self.init, self.environment = init, environment

    def prepare(self, place, archive):
        subprocess.run(self.init(archive), check=True, stdout=subprocess.DEVNULL, cwd=place.folder,
                       env=environment(place, self))


class Reader(Program):
    lacks, empty = (), True

    def __init__(self, name, needs, kind, restore, listing=None, one=None, **more):
        self.name, self.needs, self.kind = name, needs, kind
        self.restore, self.list, self.one = restore, listing, one
        for key, value in more.items():
            setattr(self, key, value)


def environment(place, program):
    """What a program gets to see: nothing of the user's settings."""
    base = {"PATH": os.environ["PATH"], "HOME": str(place.folder), "LANG": "C.UTF-8", "TZ": "UTC",
            "TMPDIR": str(place.folder)}
    return {**base, **program.environment}


def eatmydata():
    """A library that turns flushing off, to see what ours does without."""
    return next((path for path in EATMYDATA if os.path.exists(path)), None)


class Unflushed:
    """Ours, but without bringing anything to the disk."""

    def missing(self):
        gone = super().missing()
        return gone or ("" if eatmydata() else "libeatmydata1 not there")

    @property
    def environment(self):
        return {"LD_PRELOAD": eatmydata() or ""}


class UnflushedWriter(Unflushed, Writer):
    pass


class UnflushedReader(Unflushed, Reader):
    pass


# ---- writers: (place, archive) -> argv, run in the home -------------------------------------------

RESTIC_ENVIRONMENT = {"RESTIC_PASSWORD": "bench"}
BORG_ENVIRONMENT = {"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}


def our_backup(name, *options):
    return lambda place, archive: place.ours("backup", "-o", str(archive), "--format", name,
                                             home=place.home, options=options)


def restic(archive, place, *arguments):
    return ["restic", "--no-cache", "-q", "-r", str(archive), *arguments]


def floors(program):
    found = []
    for title, codec, level in (("libdeflate -6", "deflate", 6), ("libdeflate -1", "deflate", 1),
                                ("isa-l -3", "isal", 3), ("zstd -3", "zstd", 3)):
        def command(place, archive, codec=codec, level=level):
            return [place.floor, codec, str(level), str(CPUS), ".", str(archive)]
        found.append(Writer(FLOOR + title, (program,), command, NONE, ".packed"))
    return found


def writers(floor):
    ours_zip = our_backup("zip")
    ours_tar = our_backup("tar-zstd")
    found = [
        Writer(REFERENCE, (), lambda place, archive: place.python("backup", place.home, archive),
               empty=False),
        Writer("Info-ZIP -6", ("zip",), lambda _, archive: ["zip", "-q", "-r", "-6", str(archive), "."]),
        Writer("bsdtar zip -6", ("bsdtar",), lambda _, archive: [
            "bsdtar", "--format", "zip", "--options", "zip:compression-level=6", "-cf", str(archive), "."]),
        Writer("7z zip -mx5", ("7z",), lambda _, archive: seven_zip(5, archive)),
        Writer("7z zip -mx1", ("7z",), lambda _, archive: seven_zip(1, archive)),
        Writer("tar + pigz -6", ("tar", "pigz"), lambda _, archive: shell(
            f"tar -cf - . | pigz -6 -p{CPUS} > {quoted(archive)}"), TAR, ".tar.gz"),
        Writer(TAR_ZSTD, ("tar", "zstd"), lambda _, archive: shell(
            f"tar -cf - . | zstd -q -3 -T{CPUS} -o {quoted(archive)}"), TAR, ".tar.zst"),
        # With its cache: a second run profits by it.
        Repository("restic", ("restic",), lambda _, archive: [
            "restic", "-q", "-r", str(archive), "backup", "."],
                   lambda archive: ["restic", "-q", "-r", str(archive), "init"],
                   RESTIC, RESTIC_ENVIRONMENT),
        Repository("borg zstd,3", ("borg",), lambda place, archive: [
            "borg", "create", "--compression", "zstd,3", f"{archive}::{place.snapshot}", "."],
                   lambda archive: ["borg", "init", "-e", "none", str(archive)],
                   BORG, BORG_ENVIRONMENT),
    ]
    ours = [
        (Writer, "zip -6", ours_zip, ZIP, ".zip", "libdeflate -6"),
        (Writer, "zip -1", our_backup("zip", "--set", "format:zip.level=1"), ZIP, ".zip",
         "libdeflate -1"),
        (Writer, "zip fast", our_backup("zip", "--set", "format:zip.level=fast"), ZIP, ".zip",
         "isa-l -3"),
        (Writer, "tar-zstd", ours_tar, TAR, ".tar.zst", "zstd -3"),
        (UnflushedWriter, "zip -6, no flush", ours_zip, ZIP, ".zip", "libdeflate -6"),
        (UnflushedWriter, "zip fast, no flush", our_backup("zip", "--set", "format:zip.level=fast"), ZIP, ".zip",
         "isa-l -3"),
        (UnflushedWriter, "tar-zstd, no flush", ours_tar, TAR, ".tar.zst", "zstd -3"),
    ]
    found += [made(OURS + name, (), backup, kind, suffix, floor=FLOOR + codec, updates=True)
              for made, name, backup, kind, suffix, codec in ours]
    return found + floors(floor)


def second_writers(floor):
    """Those that profit by what an earlier run wrote, and two to compare with, which do not."""
    return [writer for writer in writers(floor)
            if writer.updates or writer.name in (REFERENCE, TAR_ZSTD)]


def seven_zip(level, archive):
    return ["7z", "a", "-tzip", f"-mx{level}", f"-mmt{CPUS}", "-bd", "-y", str(archive), "."]


# ---- readers: (place, archive) -> argv, run in the target ------------------------------------------

# No peer checks databases: beside them pages alone are checked. The check in full, which is the default, has
# rows of its own.
QUICK_CHECK = ("--set", "content:sqlite.check-limit=0")


def our_reader(options=QUICK_CHECK):
    return (lambda place, archive: place.ours("import", str(archive), "--force", home=place.target, options=options),
            lambda place, archive: place.ours("list", str(archive)),
            lambda place, archive: place.ours("cat", str(archive), place.member))


def borg_extract(place, archive, *options):
    return ["borg", "extract", *options, f"{archive}::{place.snapshot}"]


def readers():
    found = [
        Reader(REFERENCE, (), ZIP, lambda place, archive: place.python("import", archive, place.target),
               lambda place, archive: place.python("list", archive),
               lambda place, archive: place.python("cat", archive, place.member),
               lacks=PRESERVED, empty=False),
        Reader("unzip", ("unzip",), ZIP, lambda _, archive: ["unzip", "-q", str(archive)],
               lambda _, archive: ["unzip", "-Z1", str(archive)],
               lambda place, archive: ["unzip", "-p", str(archive), place.member]),
        Reader("7z", ("7z",), ZIP, lambda _, archive: ["7z", "x", "-bd", "-y", f"-mmt{CPUS}", str(archive)],
               lambda _, archive: ["7z", "l", "-ba", str(archive)],
               lambda place, archive: ["7z", "x", "-so", str(archive), place.member]),
        Reader("bsdtar (zip)", ("bsdtar",), ZIP, lambda _, archive: ["bsdtar", "-xf", str(archive)],
               lambda _, archive: ["bsdtar", "-tf", str(archive)],
               lambda place, archive: ["bsdtar", "-xOf", str(archive), place.member]),
        Reader("tar --zstd", ("tar", "zstd"), TAR, lambda _, archive: ["tar", "--zstd", "-xf", str(archive)],
               lambda _, archive: ["tar", "--zstd", "-tf", str(archive)],
               lambda place, archive: ["tar", "--zstd", "-xOf", str(archive), place.member]),
        Reader("restic", ("restic",), RESTIC, lambda place, archive: restic(
            archive, place, "restore", "latest", "--target", "."),
               lambda place, archive: ["restic", "--no-cache", "-r", str(archive), "ls", "latest"],
               lambda place, archive: restic(archive, place, "dump", "latest", f"/{place.member}"),
               environment=RESTIC_ENVIRONMENT),
        Reader("borg", ("borg",), BORG, borg_extract,
               lambda place, archive: ["borg", "list", "--short", f"{archive}::{place.snapshot}"],
               lambda place, archive: [*borg_extract(place, archive, "--stdout"), place.member],
               environment=BORG_ENVIRONMENT),
        Reader("cp -a of the files", ("cp",), TREE, lambda place, _: [
            "cp", "-a", f"{place.home}/.", "."]),
    ]
    for kind, name in ((ZIP, "zip"), (TAR, "tar-zstd")):
        restore, listing, one = our_reader()
        found.append(Reader(OURS + name, (), kind, restore, listing, one, lacks=PRESERVED))
        found.append(UnflushedReader(OURS + name + ", no flush", (), kind, restore, lacks=PRESERVED))
        for made, end in ((Reader, ""), (UnflushedReader, ", no flush")):
            found.append(made(OURS + name + ", checked in full" + end, (), kind, our_reader(())[0],
                              lacks=PRESERVED, database=True))
    return found


def judge(place, writer, archive):
    """Brings the archive of a writer back to see whether it is right; argv, run in the target."""
    if writer.kind == RESTIC:
        return ["restic", "--no-cache", "-q", "-r", str(archive), "restore", "latest", "--target", "."]
    if writer.kind == BORG:
        return borg_extract(place, archive)
    if writer.kind == ZIP:
        return (["unzip", "-q", str(archive)] if shutil.which("unzip")
                else [sys.executable, "-m", "zipfile", "-e", str(archive), "."])
    return ["tar", "-xf", str(archive)]


# ---- versions --------------------------------------------------------------------------------------

VERSIONS = {
    "zip": ("zip", "-v"), "unzip": ("unzip", "-v"), "7z": ("7z",), "bsdtar": ("bsdtar", "--version"),
    "tar": ("tar", "--version"), "zstd": ("zstd", "--version"), "pigz": ("pigz", "--version"),
    "valgrind": ("valgrind", "--version"), "restic": ("restic", "version"), "borg": ("borg", "--version"),
}


def version(program):
    """The line of its answer that holds a version."""
    if shutil.which(program) is None:
        return None
    done = subprocess.run(VERSIONS[program], capture_output=True, text=True, check=False,
                          stdin=subprocess.DEVNULL)
    rows = [row.strip() for row in (done.stdout + done.stderr).splitlines()
            if any(letter.isdigit() for letter in row) and "Copyright" not in row[:9]]
    return rows[0] if rows else "unknown"
