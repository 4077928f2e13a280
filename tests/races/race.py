# SPDX-License-Identifier: Apache-2.0
"""One race: a command of hbcore in a home, again and again, while swapper puts other things in the place of its
names, there and back. After each run it is judged what came of it:

  outside    a tree beside the home that nobody was asked to touch is as it was: names, content, owner, mode, inode,
             times, number of names
  root's     a file of root's, 0600, that lies in the user's home stays root's, 0600, and what it was
  secrets    what only root can read is not in anything that the user can read, and what only the user could is not
             open to others
  hang       the run ended in time

Each kind of swap has sentinels of its own, so that what was lost says how.
"""
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time

import hb

USER = 1234
LIMIT = 5.0  # seconds for a run that takes a tenth of one
SWAPPER = pathlib.Path(os.environ["HBCORE_BUILD"]) / "tests" / "swapper"
OLD = 1_700_000_000 * 10**9
BOARDS = "kanban/boards"
SNAPSHOT = "20240101-000000"
USERS_SECRET = b"A-SECRET-OF-THE-USER"

# A killed program leaves the log of its database, with rows that are nowhere else.
LEAVE_A_LOG = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA journal_mode=WAL")
database.execute("PRAGMA wal_autocheckpoint=0")
database.execute("CREATE TABLE IF NOT EXISTS t (a)")
database.execute("INSERT INTO t VALUES (?)", (sys.argv[2],))
os._exit(0)
"""


@dataclasses.dataclass(frozen=True)
class Swap:
    kind: str  # "link-cron": also the name of its place outside
    type: str  # of the partner: link, fifo, hard, file, appear
    directory: str  # below the home
    name: str
    target: str = ""  # below the outside

    def partner(self):
        return f".swap-{self.kind}"


def side_file(what, ends):
    return [Swap(f"{what}-{end}", {"fifo": "fifo", "hard": "hard", "root": "appear"}[what], BOARDS,
                 f"{what}-{end}.db{ends[end]}", f"{what}-{end}/x.db{ends[end]}") for end in ends]


ENDS = {"wal": "-wal", "shm": "-shm", "journal": "-journal", "main": ""}
LINKS = [
    Swap("link-sessions", "link", ".", "sessions", "link-sessions"),
    Swap("link-pairing", "link", ".", "pairing", "link-pairing"),
    Swap("link-databases", "link", "platforms", "pairing", "link-databases"),
    Swap("link-boards", "link", "kanban", "boards", "link-boards"),
    Swap("link-cron", "link", ".", "cron", "link-cron"),
    Swap("link-made", "link", ".", "made", "link-made"),
    Swap("link-backups", "link", ".", "backups", "link-backups"),
    Swap("link-snapshots", "link", ".", "state-snapshots", "link-snapshots"),
    Swap("link-snapshot", "link", "state-snapshots", SNAPSHOT, f"link-snapshot/{SNAPSHOT}"),
    Swap("link-file", "link", ".", "channel_directory.json", "link-file/secret.json"),
    Swap("link-database", "link", BOARDS, "link-database.db", "link-database/x.db"),
    Swap("link-stage", "link", ".", "*", "link-stage"),
    Swap("link-stage-of-archives", "link", "backups", "*", "link-stage-of-archives"),
    Swap("link-stage-of-snapshots", "link", "state-snapshots", "*", "link-stage-of-snapshots"),
]
FIFOS = [Swap("fifo-file", "fifo", ".", "gateway_state.json"), Swap("fifo-cron", "fifo", "cron", "jobs.json"),
         *side_file("fifo", ENDS)]
HARD = side_file("hard", ENDS)
ROOTS = [*side_file("root", ENDS),
         Swap("root-snapshots", "file", ".", "state-snapshots"), Swap("root-backups", "file", ".", "backups"),
         Swap("root-made", "file", ".", "made"), Swap("root-stage", "file", ".", "*"),
         Swap("root-stage-of-archives", "file", "backups", "*"),
         Swap("root-stage-of-snapshots", "file", "state-snapshots", "*"),
         Swap("root-file", "file", ".", "processes.json"), Swap("root-config", "file", ".", "config.yaml")]


# ---- what is looked at ------------------------------------------------------------------------------------------


def look(root, shared):
    """Relative name to all that can be known of it. The files below `shared` have names in the home, too, that come
    and go: not how many, and not when that changed."""
    found = {}

    def one(path, name):
        status = os.lstat(path)
        row = [stat.filemode(status.st_mode), status.st_uid, status.st_gid, status.st_ino, status.st_mtime_ns]
        if name.split("/")[0] not in shared:
            row += [status.st_ctime_ns, status.st_nlink]
        if stat.S_ISREG(status.st_mode):
            with open(path, "rb") as stream:
                row += [status.st_size, hashlib.sha256(stream.read()).hexdigest()[:16]]
        found[name] = tuple(row)
        if stat.S_ISDIR(status.st_mode):
            for child in sorted(os.listdir(path)):
                one(os.path.join(path, child), child if name == "." else f"{name}/{child}")

    one(str(root), ".")
    return found


def dump(path):
    """The rows of a database as they are now; for people."""
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return " ".join(database.iterdump())[:300]
        finally:
            database.close()
    except sqlite3.Error as error:
        return str(error)


def make_database(path, text, wal=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path)
    if wal:
        database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE t (a)")
    database.execute("INSERT INTO t VALUES (?)", (text,))
    database.commit()
    database.close()
    return path


def make_with_log(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-c", LEAVE_A_LOG, path, text], check=True)
    return path


def give(path, uid):
    if os.geteuid() == 0:
        subprocess.run(["chown", "-hR", f"{uid}:{uid}", path], check=True)


# ---- a process that does not end --------------------------------------------------------------------------------


def read_text(pid, address):
    try:
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            return memory.read(400).partition(b"\0")[0].decode(errors="replace")
    except (OSError, ValueError, OverflowError):
        return ""


def time_used(pid):
    """Of the processor, by all threads, in ticks."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def where_it_hangs(pid):
    """A line for each thread: where it waits in the kernel, and the name that it was told."""
    rows = []
    for task in sorted(os.listdir(f"/proc/{pid}/task")):
        row = [task]
        for name in ("wchan", "syscall", "stack"):
            try:
                text = pathlib.Path(f"/proc/{pid}/task/{task}/{name}").read_text(encoding="ascii", errors="replace")
            except OSError as error:
                text = f"({error.strerror})"
            row.append(f"{name}: {' '.join(text.split()[:12])}")
            if name == "syscall":
                row += [repr(found) for word in text.split()[1:4] if word.startswith("0x")
                        for found in [read_text(pid, int(word, 16))] if len(found) > 3 and found.isprintable()]
        rows.append("; ".join(row))
    return rows


def kind_of(text, swaps):
    """The kind of swap that a text names, or whose place it names."""
    by_place = [swap.kind for swap in swaps if len(swap.name) > 1 and f"/{swap.name}" in text]
    return max([swap.kind for swap in swaps if swap.kind in text] or by_place or ["unknown"], key=len)


# ---- one race ---------------------------------------------------------------------------------------------------


class Race:
    """`commands` one after the other, in a fresh home each time, for `seconds`."""

    def __init__(self, case, name, commands, who, directory, seconds, rooted=(), calm=()):
        """`rooted`: directories of the home that lie elsewhere, as further roots of it. `calm`: what is run before
        anybody swaps."""
        self.rooted, self.roots, self.calm = rooted, directory / "roots", calm
        self.case, self.name, self.commands, self.who = case, name, commands, who
        self.dir, self.seconds = directory, seconds
        self.home, self.outside, self.out = directory / "home", directory / "outside", directory / "out"
        self.template = directory / "template"
        self.as_root = who == "root"
        self.user = USER if os.geteuid() == 0 else os.geteuid()
        self.swaps = LINKS + FIFOS + HARD + (ROOTS if self.as_root else [])
        if rooted:  # where a root has the stage of its own
            self.swaps = [*self.swaps, Swap("link-stage-of-boards", "link", BOARDS, "*", "link-stage-of-boards")]
        if not self.as_root and name in ("import", "snapshot restore", "undo"):
            # By whatever name: it is his own database that he restores.
            self.swaps = [swap for swap in self.swaps if swap.kind != "hard-main"]
        self.lost, self.runs, self.swapped, self.held, self.extra = {}, 0, {}, {}, 0.0

    def place(self, directory):
        return (self.roots if directory.split("/")[0] in self.rooted else self.home) / directory

    # ---- what is there ----

    def secret(self, kind):
        return b"SECRET-OF-ROOT:%s:%s" % (kind.encode(), hashlib.sha256(kind.encode()).hexdigest().encode())

    def make_outside(self):
        """A place for each kind, with names as they are in the home."""
        shutil.rmtree(self.outside, ignore_errors=True)
        for kind, names in {"link-sessions": ("file.txt",), "link-pairing": ("p.json",), "link-made": ("deep/file",),
                            "link-databases": ("q.json",), "link-boards": ("board.json",), "link-cron": ("jobs.json",),
                            "link-file": ("secret.json",), "link-stage": ("x",), "link-stage-of-archives": ("x",),
                            "link-stage-of-snapshots": ("x",), "link-stage-of-boards": ("x",)}.items():
            for name in names:
                hb.write(self.outside / kind / name, b'{"jobs": [], "x": "%s"}' % self.secret(kind), 0o600, OLD)
        for path in ("link-sessions/s.db", "link-databases/l.db", "link-database/x.db", "link-made/m.db",
                     *(f"link-boards/{end}.db" for end in ("plain", "hard-wal", "root-wal", "link-database"))):
            make_database(self.outside / path, self.secret(path.split("/", maxsplit=1)[0]).decode(), wal=True)
        for kind, path in (("link-snapshots", SNAPSHOT), ("link-snapshots", "20240102-000000"),
                           ("link-snapshot", SNAPSHOT)):
            shutil.copytree(self.template / "state-snapshots" / SNAPSHOT, self.outside / kind / path)
            hb.write(self.outside / kind / path / "cron/jobs.json", b'{"jobs": [1, "%s"]}' % self.secret(kind))
        shutil.copytree(self.dir / "other/backups", self.outside / "link-backups")
        make_with_log(self.outside / "hard-wal/x.db", self.secret("hard-wal").decode())
        make_with_log(self.outside / "hard-shm/x.db", self.secret("hard-shm").decode())
        make_database(self.outside / "hard-main/x.db", self.secret("hard-main").decode())
        make_database(self.outside / "hard-journal/x.db", "of others")
        hb.write(self.outside / "hard-journal/x.db-journal", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(504)
                 + self.secret("hard-journal"), 0o600, OLD)
        for path, directories, files in os.walk(self.outside):
            for name in files:
                os.chmod(os.path.join(path, name), 0o600)
            for name in directories:
                os.chmod(os.path.join(path, name), 0o700)
        give(self.outside, 0 if self.as_root else self.user)
        self.before = None

    def fill(self, home, text):
        """A home in which each swap finds its name. `text` tells two of them apart."""
        for name in ("config.yaml", "gateway_state.json", "channel_directory.json", "processes.json", "pairing/p.json",
                     "platforms/pairing/q.json", "sessions/file.txt", f"{BOARDS}/board.json"):
            hb.write(home / name, b'{"of": "%s"}' % text.encode(), 0o644)
        for name in (".env", "auth.json"):
            hb.write(home / name, USERS_SECRET + text.encode(), 0o600)
        hb.write(home / "cron/jobs.json", b'{"jobs": []}', 0o600)
        for path in ("sessions/s.db", "platforms/pairing/l.db", "state.db", f"{BOARDS}/plain.db",
                     *(f"{BOARDS}/{what}-wal.db" for what in ("fifo", "hard", "root"))):
            make_database(home / path, text, wal=True)
        for what in ("fifo", "hard", "root"):
            make_database(home / f"{BOARDS}/{what}-journal.db", text)
            make_database(home / f"{BOARDS}/{what}-main.db", text)
            # What it has in its log stays there, without an index.
            (make_with_log(home / f"{BOARDS}/{what}-shm.db", text).parent / f"{what}-shm.db-shm").unlink()
        make_database(home / f"{BOARDS}/link-database.db", text)

    def prepare(self):
        """Once: the home to begin with, with three archives and a snapshot; and what is imported."""
        for path in (self.dir, self.out, self.dir / "login"):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
        self.out.chmod(0o700)
        give(self.dir / "login", self.user)
        self.fill(self.template, "here")
        hb.write(self.template / "cron/jobs.json", b'{"jobs": [1, 2, 3]}', 0o600)
        give(self.template, self.user)
        self.make_archives(self.template)
        self.run_quietly("--home", self.template, "snapshot", "create")
        snapshot, = (self.template / "state-snapshots").iterdir()
        snapshot.rename(snapshot.parent / SNAPSHOT)
        hb.write(self.template / "cron/jobs.json", b'{"jobs": []}', 0o600)
        give(self.template, self.user)
        other = self.dir / "other"
        self.fill(other, "imported")
        make_database(other / "made/m.db", "imported", wal=True)
        hb.write(other / "made/deep/file", b"imported")
        give(other, self.user)
        self.make_archives(other)
        self.case.hbcore("--home", other, "backup", "-o", self.dir / "import.zip")
        (self.dir / "import.zip").chmod(0o644)
        shutil.copy(self.template / "backups/pre-update-2024-01-03-000000.zip", self.out / "verify.zip")
        give(self.out, 0 if self.as_root else self.user)
        give(self.dir / "import.zip", 0 if self.as_root else self.user)
        self.make_outside()

    def make_archives(self, home):
        for day in (1, 2, 3):
            self.run_quietly("--home", home, "--set", "format:zip.level=0", "backup", "--preset", "pre-update",
                             "--keep", "9")
            made = max((home / "backups").iterdir(), key=lambda path: path.stat().st_mtime_ns)
            made.rename(home / f"backups/pre-update-2024-01-0{day}-000000.zip")

    def environment(self):
        """With a login of the user's, where his programs may keep what they need; root has his own."""
        login = self.case.user if self.as_root else self.dir / "login"
        return self.case.environment(HOME=str(login), XDG_STATE_HOME=str(login / ".local/state"))

    def as_user(self):
        return {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}

    def run_quietly(self, *arguments):
        """As the user, while nobody swaps."""
        login = self.dir / "login"
        return self.case.hbcore(*arguments, expect=None, env={
            "HOME": str(login), "XDG_STATE_HOME": str(login / ".local/state")}, **self.as_user())

    def fresh_home(self):
        """Every other time without the directories that a run may make first."""
        for descriptor in self.held.values():
            os.close(descriptor)
        self.held = {}
        subprocess.run(["rm", "-rf", self.home, self.roots], check=True)
        subprocess.run(["cp", "-a", self.template, self.home], check=True)
        for name in self.rooted:
            self.roots.mkdir(exist_ok=True)
            (self.home / name).rename(self.roots / name)
        if self.runs % 2 and self.name not in ("guard", "snapshot restore"):
            for name in ("state-snapshots", "backups"):
                shutil.rmtree(self.home / name)
        for swap in self.swaps:
            directory = self.place(swap.directory)
            if not directory.is_dir():
                continue
            partner = directory / swap.partner()
            if swap.type == "hard":
                os.link(self.outside / swap.target, partner)
            elif swap.type in ("file", "appear"):
                hb.write(partner, self.secret(swap.kind), 0o600, OLD)
                self.held[swap.kind] = os.open(partner, os.O_RDONLY)

    def table(self):
        path = self.dir / "table"
        path.write_text("".join("\t".join((swap.kind, swap.type, str(self.place(swap.directory)), swap.name,
                                           swap.partner(), str(self.outside / swap.target) if swap.target else "-"))
                                + "\n" for swap in self.swaps))
        path.chmod(0o644)
        return path

    # ---- one run ----

    def start_swapper(self):
        process = subprocess.Popen([SWAPPER, self.table()], stdout=subprocess.PIPE, **self.as_user())
        if process.stdout.readline() != b"ready\n":
            raise AssertionError(f"swapper did not begin: exit {process.wait()}")
        return process

    def stop_swapper(self, process):
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=30)
        for line in output.decode().splitlines():
            kind, there, _ = line.split("\t")
            self.swapped[kind] = self.swapped.get(kind, 0) + int(there)

    def settings(self):
        rows = []
        for name in self.rooted:
            rows += ["--set", f"root:{name}.directory={self.roots / name}", "--set",
                     f"root:{name}.paths={' '.join(sorted(os.listdir(self.template / name)))}"]
        return rows

    def one_command(self, arguments):
        words = [str(word).format(home=self.home, out=self.out, dir=self.dir) for word in arguments]
        line = self.case.command("--quiet", "--home", self.home, "--set", "content:sqlite.wait=0", "--set",
                                 "format:zip.level=0", *self.settings(), *words)
        who = {} if self.as_root else self.as_user()
        process = subprocess.Popen(line, env=self.environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **who)
        started, output, used = time.monotonic(), None, -1
        while output is None:
            try:
                output, errors = process.communicate(timeout=LIMIT if used < 0 else 1)
            except subprocess.TimeoutExpired:
                before, used = used, time_used(process.pid)
                if used == before or time.monotonic() > started + 20 * LIMIT:
                    break
        if output is None:
            rows = where_it_hangs(process.pid)
            process.kill()
            process.communicate()
            self.extra += time.monotonic() - started
            self.lose(kind_of(" ".join(rows), self.swaps), f"{words[0]} did not end within {LIMIT:g} s\n      "
                      + "\n      ".join(rows))
            return
        if process.returncode < 0 or process.returncode == 99:
            self.lose("unknown", f"{words[0]} died: {process.returncode}: {errors[-500:]!r} {output[-200:]!r}")

    def lose(self, kind, how):
        self.lost.setdefault(kind, f"in run {self.runs}: {how}")

    # ---- judging ----

    def allowed(self, row):
        """A user's own backups may lie elsewhere, if he links to it: new ones are made there, none is changed."""
        name, was, _ = row
        return (not self.as_root and self.name.startswith(("preset", "undo")) and name.startswith("link-backups")
                and (was is None or name == "link-backups"))

    def judge_outside(self):
        shared = {"hard-" + end for end in ENDS}
        now = look(self.outside, shared)
        if self.before is None:
            self.before = now
            return
        rows = [(name, self.before.get(name), now.get(name)) for name in sorted(self.before.keys() | now.keys())
                if name != "." and self.before.get(name) != now.get(name)]
        rows = [row for row in rows if not self.allowed(row)]
        for name, was, is_now in rows:
            kind = name.split("/", maxsplit=1)[0]
            text = f"outside/{name}: was {was}, is {is_now}"
            if ".db" in name and is_now is not None:
                text += f"; the database: {dump(self.outside / (name.partition('.db')[0] + '.db'))}"
            self.lose(kind, text)
        if rows or now != self.before:
            self.make_outside()

    def judge_roots(self):
        for kind, descriptor in self.held.items():
            status, content = os.fstat(descriptor), os.pread(descriptor, 4096, 0)
            found = (stat.filemode(status.st_mode), status.st_uid, status.st_gid, content == self.secret(kind))
            expected = ("-rw-------", 0, 0, True)
            if found != expected:
                self.lose(kind, f"root's file was {expected[:3]}, is {found[:3]}, and holds "
                          + ("the same" if found[3] else f"{content[:60]!r}"))

    def files(self):
        """What is in the home and in what was made: path and status, links not followed."""
        roots = {os.fstat(descriptor).st_ino for descriptor in self.held.values()}
        roots |= {status.st_ino for path in self.outside.rglob("*") for status in [path.lstat()]
                  if stat.S_ISREG(status.st_mode)}
        for top in (self.home, self.out, self.roots):
            for path, _, names in os.walk(top):
                for name in names:
                    full = os.path.join(path, name)
                    status = os.lstat(full)
                    if stat.S_ISREG(status.st_mode) and status.st_ino not in roots:
                        yield full, status

    def judge_secrets(self):
        for path, status in self.files():
            readable = status.st_uid == self.user or status.st_mode & 0o044
            with open(path, "rb") as stream:
                content = stream.read()
            if path.endswith(".zst"):
                content = subprocess.run(["zstd", "-dcqf", path], capture_output=True, check=False).stdout
            if self.as_root and readable:
                for kind in {found.decode() for found in re.findall(rb"SECRET-OF-ROOT:([a-z-]+):", content)}:
                    self.lose(kind, f"{path}: {stat.filemode(status.st_mode)} of user {status.st_uid}, "
                              "holds what only root can read")
            if USERS_SECRET in content and status.st_mode & 0o077:
                self.lose("mode", f"{path}: {stat.filemode(status.st_mode)}, holds what only the user could read")

    # ---- all ----

    def run(self):
        """Returns the kinds that were lost, with how."""
        self.prepare()
        end = time.monotonic() + self.seconds
        while time.monotonic() < end + self.extra:
            known = set(self.lost)
            self.fresh_home()
            if self.before is None:
                self.judge_outside()  # notes what is to stay
            for command in self.calm:
                self.one_command(command)
            swapper = self.start_swapper()
            try:
                for command in self.commands:
                    self.one_command(command)
            finally:
                self.stop_swapper(swapper)
            self.runs += 1
            self.judge_outside()
            self.judge_roots()
            self.judge_secrets()
            # What is known to be lost leaves the time to others.
            self.swaps = [swap for swap in self.swaps if swap.kind not in set(self.lost) - known]
        for descriptor in self.held.values():
            os.close(descriptor)
        self.held = {}
        return self.lost
