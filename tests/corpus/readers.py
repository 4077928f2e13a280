# SPDX-License-Identifier: Apache-2.0
"""What each program makes of an archive: path (bytes) to Row."""
import collections
import hashlib
import json
import os
import re
import stat
import subprocess
import tarfile
import time
import zipfile

import hb

START = time.time() - 60
SECONDS = 60
ZIP, TAR = "zip", "tar"

# `mtime` in nanoseconds; None: that of the moment, or this reader does not say.
Row = collections.namedtuple("Row", "kind content link mode mtime")
# `state`: all, part (some of it was not restored) or none; `rows`: what is there then.
Result = collections.namedtuple("Result", "state rows words")

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe"}


def digest(data):
    return (len(data), hashlib.blake2b(data, digest_size=8).hexdigest())


def look(root):
    rows, base = {}, os.fsencode(root)
    for place, directories, files in os.walk(base):
        for name in directories + files:
            if place == base and name.startswith(b".hbcore"):
                continue
            path = os.path.join(place, name)
            status = os.lstat(path)
            kind, content, link = KINDS.get(stat.S_IFMT(status.st_mode), "special"), None, None
            mode = stat.S_IMODE(status.st_mode)
            if kind == "file":
                with open(path, "rb") as file:
                    content = digest(file.read())
            elif kind == "link":
                link, mode = os.readlink(path), None
            mtime = None if status.st_mtime > START and status.st_mtime < START + 10_000_000 else status.st_mtime_ns
            rows[os.path.relpath(path, base)] = Row(kind, content, link, mode, mtime)
    return rows


# ---- the judges ----


def environment(home):
    return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": home}


def tool(*command, okay=(0,), told=None):
    """`told`: a pattern in the output that says that something was not restored."""
    def judge(archive, target):
        line = [word.format(archive=archive, target=target) for word in command]
        try:  # in a session without a terminal to ask for passwords
            done = subprocess.run(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  check=False, env=environment(target), timeout=SECONDS, start_new_session=True)
        except subprocess.TimeoutExpired:
            return Result("none", {}, "does not end")
        failed = done.returncode not in okay or (told is not None and re.search(told, done.stdout))
        rows = look(target)
        return Result("all" if not failed else "part" if rows else "none", rows, done.stdout)
    return judge


def clean(path):
    """A name in an archive as the path that it is restored to; None: it leads outside."""
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    return None if b".." in parts else b"/".join(parts)


def python_zip(archive, _):
    rows = {}
    try:
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                path = clean(info.filename.encode("utf-8", "surrogateescape"))
                kind = "directory" if info.is_dir() else "link" if stat.S_ISLNK(info.external_attr >> 16) else "file"
                data = opened.read(info) if kind != "directory" else None
                content, link = (digest(data), None) if kind == "file" else (None, data)
                if path:
                    rows[path] = Row(kind, content, link, None, None)
    except Exception as error:  # whatever it stumbles over: it does not read that
        return Result("part" if rows else "none", rows, str(error))
    return Result("all", rows, "")


def python_tar(archive, _):
    rows = {}
    try:
        with tarfile.open(archive, errors="surrogateescape") as opened:
            for info in opened:
                path = clean(os.fsencode(info.name))
                content = link = None
                kind = "directory" if info.isdir() else "link" if info.issym() else "pipe" if info.isfifo() else "file"
                if info.isreg() or info.islnk():
                    content = digest(opened.extractfile(info).read())
                elif info.issym():
                    link = os.fsencode(info.linkname)
                if path and not info.islnk():
                    rows[path] = Row(kind, content, link, None if link else info.mode & 0o7777, None)
                elif path:
                    rows[path] = Row("file", content, None, None, None)
    except Exception as error:
        return Result("part" if rows else "none", rows, str(error))
    return Result("all", rows, "")


def seven(archive, target):
    """7z leaves links out that others restore, and calls that an error: it is a judge of files alone."""
    done = tool("7z", "x", "-y", "-bd", "-o{target}", "{archive}", okay=(0, 2))(archive, target)
    errors = [line for line in done.words.splitlines() if re.search(rb"ERROR|Can.t open|[Ee]rrors:", line)]
    errors = [line for line in errors if not re.search(rb"Dangerous link|Dangerous symbolic|with Errors|Sub items Errors", line)]
    rows = {path: row for path, row in done.rows.items() if row.kind != "link"}
    return Result("all" if done.state == "all" and not errors else "part" if rows else "none", rows, done.words)


# Which attributes each one is a judge of, beside kind, content and link of every path.
JUDGES = {
    ZIP: {
        "unzip": (tool("unzip", "-qqo", "{archive}", "-d", "{target}"), ("mode", "mtime")),
        "bsdtar": (tool("bsdtar", "--passphrase", "none", "-xpf", "{archive}", "-C", "{target}"), ("mode", "mtime")),
        "7z": (seven, ("files",)),
        "python": (python_zip, ()),
    },
    TAR: {
        "tar": (tool("tar", "--no-same-owner", "-xpf", "{archive}", "-C", "{target}"), ("mode", "mtime")),
        "bsdtar": (tool("bsdtar", "--no-same-owner", "-xpf", "{archive}", "-C", "{target}"), ("mode", "mtime")),
        "python": (python_tar, ("mode",)),
    },
}


# ---- hbcore ----


class Broken(Exception):
    """What never may be: a crash, a hang, a word of a sanitizer, an exit code that is not defined."""


def run(home, *arguments, input=None):
    command = [os.environ["HBCORE_BIN"], "--config", str(hb.GENERIC), *arguments]
    surroundings = {**environment(home + ".user"), **hb.SANITIZER_OPTIONS, "XDG_STATE_HOME": home + ".user/state"}
    with open(input or os.devnull, "rb") as stream:
        data = stream.read()  # through a pipe: an archive that is a regular file is read as one, whatever its name
    try:
        done = subprocess.run(command, input=data, capture_output=True, env=surroundings, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise Broken(f"{command}: not done after {SECONDS} seconds") from error
    if done.returncode not in (0, 1, 2, 3) or hb.SANITIZER_WORDS.search(done.stderr):
        raise Broken(f"{command}: exit {done.returncode}: {done.stderr.decode(errors='replace')[-3000:]}")
    return done


def rows_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def refused(done):
    """The paths that a run says it did not take, and why."""
    rows = rows_of(done)
    return sorted((row["path"], row["reason"]) for row in rows[-1].get("skipped", [])) if rows else None


def hbcore(archive, home, piped):
    """Result, and how its commands differ from each other."""
    os.mkdir(home + ".user")
    dry = run(home, "--home", home, "--json", "import", "--dry-run", "--force", archive)
    changed = look(home)
    done = run(home, "--home", home, "--json", "import", "--force", archive)
    rows, odd = look(home), collections.Counter()
    verified = run(home, "--json", "verify", archive)
    listed = run(home, "--json", "list", archive)
    for name, other in (("dry-run", dry), ("verify", verified)):
        if name == "dry-run" and done.returncode == 1:
            continue  # it reads no content, so it sees no damage there
        odd[name + "-exit"] = other.returncode != done.returncode
        odd[name + "-refused"] = other.returncode == done.returncode and refused(other) != refused(done)
    odd["dry-run-changed"] = bool(changed)
    odd["list-exit"] = listed.returncode not in (0, done.returncode)
    if piped:
        other = home + ".piped"
        os.mkdir(other)
        again = run(home, "--home", other, "--json", "import", "--force", "-", input=archive)
        odd["pipe-exit"] = again.returncode != done.returncode
        odd["pipe-rows"] = look(other) != rows
    state = {0: "all", 3: "part"}.get(done.returncode, "none")
    if state == "none" and rows:
        raise Broken(f"{archive}: refused, but {sorted(rows)[:5]} were restored")
    said = refused(done) if state != "none" else []
    return Result(state, rows, done.stderr + "\n".join(map(str, said)).encode()), [name for name, there in odd.items() if there]


def format_of(name):
    return ZIP if name.endswith(".zip") else TAR
