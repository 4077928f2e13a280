#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other programs read what the plugin writes, and the plugin what they write, exactly."""
import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile

TOOL = sys.argv[1]
FILE, DIRECTORY, SYMLINK, HARDLINK, SPECIAL = 1, 2, 3, 4, 5
failures = []


def check(condition, what):
    if not condition:
        failures.append(what)
        print("FAILED", what)


def same(got, expected, what):
    check(got == expected, what)
    if got != expected:
        for name in sorted(set(got) | set(expected)):
            if got.get(name) != expected.get(name):
                print("   ", name[:80], "got", short(got.get(name)), "expected", short(expected.get(name)))


def short(value):
    text = repr(value)
    return text if len(text) < 200 else text[:200] + "…"


def run(*command, **options):
    return subprocess.run(command, capture_output=True, check=False, **options)


def hexed(data):
    return data.hex() or "-"


def unhexed(text):
    return b"" if text == "-" else bytes.fromhex(text)


def read(how, archive):
    """What the plugin finds: name -> (type, mode, seconds, nanoseconds, link, content)."""
    done = run(TOOL, how, archive)
    check(done.returncode == 0, f"{how} {os.path.basename(archive)}: {done.stderr.decode()}")
    found = {}
    for line in done.stdout.decode().splitlines():
        kind, mode, seconds, nanoseconds, path, link, content = line.split()
        found[unhexed(path)] = (int(kind), int(mode, 8), int(seconds), int(nanoseconds),
                                unhexed(link), unhexed(content))
    return found


def samples():
    noise = bytes((i * 7919 + (i >> 8) * 31) % 251 for i in range(3_000_000))
    now = 1_700_000_000
    return {
        b"d": (DIRECTORY, 0o755, now, 0, b"", b""),
        b"d/empty": (FILE, 0o600, now, 1, b"", b""),
        b"d/tool": (FILE, 0o755, now, 999_999_999, b"", b"#!/bin/sh\n"),
        b"d/private": (DIRECTORY, 0o700, now, 0, b"", b""),
        b"d/link": (SYMLINK, 0o777, now, 0, b"tool", b""),
        b"d/new\nline": (FILE, 0o644, now, 5, b"", b"n"),
        b"d/umlaut-\xc3\xa4": (FILE, 0o644, now, 0, b"", b"u"),
        b"d/combining-e\xcc\x81": (FILE, 0o644, now, 0, b"", b"c"),
        b"d/latin-\xe9": (FILE, 0o644, now, 0, b"", b"l"),
        b"d/bad-link": (SYMLINK, 0o777, now, 0, b"latin-\xe9", b""),
        b"d/" + b"n" * 200: (FILE, 0o644, now, 0, b"", b"long"),
        b"d/" + b"p" * 140 + b"/" + b"q" * 90: (FILE, 0o644, now, 0, b"", b"prefix"),
        b"d/old": (FILE, 0o644, -1, 500_000_000, b"", b"o"),
        b"d/older": (FILE, 0o644, -100_000, 0, b"", b"o"),
        b"d/future": (FILE, 0o644, 9_000_000_000, 7, b"", b"f"),
        b"d/frame": (FILE, 0o644, now, 0, b"", noise[:262144]),
        b"d/big": (FILE, 0o644, now, 0, b"", noise),
        b"/".join([b"deep" * 20] * 12): (FILE, 0o644, now, 0, b"", b"deep"),
    }


def pack(archive, entries):
    lines = "".join(f"{e[0]} {e[1]:o} {e[2]} {e[3]} {hexed(name)} {hexed(e[4])} {hexed(e[5])}\n"
                    for name, e in entries.items())
    done = run(TOOL, "pack", archive, "frame-size=256K", input=lines.encode())
    check(done.returncode == 0, f"pack: {done.stderr.decode()}")


def tree(root, times=True):
    """A directory as the entries that it should be, without the directories that nobody made."""
    found = {}
    for directory, directories, files in os.walk(os.fsencode(root)):
        for name in directories + files:
            path = os.path.join(directory, name)
            info = os.lstat(path)
            kind, link, content = FILE, b"", b""
            if stat.S_ISLNK(info.st_mode):
                kind, link = SYMLINK, os.readlink(path)
            elif stat.S_ISDIR(info.st_mode):
                kind = DIRECTORY
            else:
                with open(path, "rb") as file:
                    content = file.read()
            when = divmod(info.st_mtime_ns, 1_000_000_000) if times else (0, 0)
            found[os.path.relpath(path, os.fsencode(root))] = (
                kind, stat.S_IMODE(info.st_mode), *when, link, content)
    return found


def extracted_by(work, archive, entries, name, *command):
    target = os.path.join(work, "x-" + name)
    os.mkdir(target)
    done = run(*command, archive, "-C", target)
    check(done.returncode == 0, f"{name}: {done.stderr.decode(errors='replace')}")
    found = {path: entry for path, entry in tree(target).items() if path in entries}
    expected = dict(entries)
    if name == "bsdtar":  # libarchive 3.6 misreads the fraction of times before the epoch
        expected.pop(b"d/old")
        found.pop(b"d/old", None)
    same(found, expected, f"{name} extracts every entry as it was")


def read_by_others(work):
    entries = samples()
    archive = os.path.join(work, "ours.tar.zst")
    pack(archive, entries)
    for how in "list", "walk", "pipe":
        same(read(how, archive), entries, f"{how} of our own archive")
    check(run("zstd", "-tq", archive).returncode == 0, "zstd -t")
    if shutil.which("tar"):
        extracted_by(work, archive, entries, "tar", "tar", "--zstd", "-xpf")
        check(len(run("tar", "--zstd", "-tf", archive).stdout.splitlines()) == len(entries),
              "tar -t lists all")
    if shutil.which("bsdtar"):
        extracted_by(work, archive, entries, "bsdtar", "bsdtar", "-xpf")
    raw = run("zstd", "-dcq", archive).stdout
    found = {}
    with tarfile.open(fileobj=io.BytesIO(raw), errors="surrogateescape") as tar:
        for member in tar:
            kind = SYMLINK if member.issym() else DIRECTORY if member.isdir() else FILE
            content = tar.extractfile(member).read() if kind == FILE else b""
            found[os.fsencode(member.name)] = (kind, member.mode, float(member.mtime),
                                               os.fsencode(member.linkname), content)
    expected = {name: (e[0], e[1], float(e[2] + e[3] / 1e9), e[4], e[5])
                for name, e in entries.items()}
    same(found, expected, "Python's tarfile")
    check(raw.endswith(bytes(1024)) and len(raw) % 512 == 0, "the tar stream ends as it should")


def make_home(work):
    home = os.path.join(work, "home")
    for name, entry in samples().items():
        path = os.path.join(os.fsencode(home), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if entry[0] == DIRECTORY:
            os.makedirs(path, exist_ok=True)
        elif entry[0] == SYMLINK:
            os.symlink(entry[4], path)
        else:
            with open(path, "wb") as file:
                file.write(entry[5])
            os.chmod(path, entry[1])
            os.utime(path, ns=(0, max(entry[2], 0) * 1_000_000_000 + entry[3]))
    return home


def plain(entries, without=()):
    """Type, mode, link and content; times only to the second where a format has no more."""
    return {name: (e[0], e[1], e[2], e[4], e[5]) for name, e in entries.items()
            if name not in without and name != b"."}


def tidy(entries):
    return {name[2:] if name.startswith(b"./") else name: e for name, e in entries.items()}


def made_by(work, home, name, *command, exact=False, without=()):
    archive = os.path.join(work, name)
    done = run(*command, cwd=home)
    check(done.returncode == 0, f"{name}: {done.stderr.decode(errors='replace')}")
    if not os.path.exists(archive):
        return
    expected = tree(home)
    for how in "walk", "pipe":
        found = tidy(read(how, archive))
        found.pop(b".", None)
        same(found if exact else plain(found, without),
             expected if exact else plain(expected, without),
             f"{how} of {name}")
    check(run(TOOL, "list", archive).returncode == 1, f"{name} has no index of ours")


def read_from_others(work):
    home = make_home(work)
    out = lambda name: os.path.join(work, name)
    made_by(work, home, "gnu.tar.zst", "tar", "--zstd", "--format=gnu", "-cf", out("gnu.tar.zst"), ".")
    made_by(work, home, "pax.tar.zst", "tar", "--zstd", "--format=pax", "-cf", out("pax.tar.zst"),
            ".", exact=True)
    made_by(work, home, "gnu.tar", "tar", "-cf", out("gnu.tar"), ".")
    made_by(work, home, "gnu.tar.gz", "tar", "-czf", out("gnu.tar.gz"), ".")
    made_by(work, home, "gnu.tar.xz", "tar", "-cJf", out("gnu.tar.xz"), ".")
    made_by(work, home, "gnu.tar.bz2", "tar", "-cjf", out("gnu.tar.bz2"), ".")
    if shutil.which("bsdtar"):
        made_by(work, home, "bsd.tar.zst", "bsdtar", "--zstd", "--format=pax", "-cf",
                out("bsd.tar.zst"), ".", exact=True)
    python = io.BytesIO()
    with tarfile.open(fileobj=python, mode="w", format=tarfile.PAX_FORMAT) as tar:
        tar.add(home, arcname=".")
    with open(out("python.tar.zst"), "wb") as file:
        file.write(subprocess.run(["zstd", "-qc"], input=python.getvalue(), check=True,
                                  stdout=subprocess.PIPE).stdout)
    # Python's times are floating point numbers, in which .999999999 is the next second.
    made_by(work, home, "python.tar.zst", "true", without=(b"d/tool",))


def special_cases(work):
    home = os.path.join(work, "special")
    os.mkdir(home)
    with open(os.path.join(home, "sparse"), "wb") as file:
        file.truncate(5 << 20)
        file.seek(1 << 20)
        file.write(b"in the middle" * 1000)
        file.truncate(5 << 20)
    with open(os.path.join(home, "sparse"), "rb") as file:
        sparse = file.read()
    with open(os.path.join(home, "one"), "wb") as file:
        file.write(b"linked")
    os.link(os.path.join(home, "one"), os.path.join(home, "two"))
    os.mkfifo(os.path.join(home, "pipe"))
    for form in "gnu", "pax":
        archive = os.path.join(work, f"special-{form}.tar.zst")
        done = run("tar", "--zstd", "--sparse", f"--format={form}", "-cf", archive,
                   "one", "two", "pipe", "sparse", cwd=home)
        check(done.returncode == 0, f"tar --sparse: {done.stderr.decode()}")
        found = read("pipe", archive)
        check(found[b"sparse"][5] == sparse, f"{form}: a sparse file with its gaps")
        check((found[b"one"][0], found[b"one"][5]) == (FILE, b"linked"), f"{form}: the first name")
        check((found[b"two"][0], found[b"two"][4]) == (HARDLINK, b"one"), f"{form}: the second name")
        check(found[b"pipe"][0] == SPECIAL, f"{form}: a pipe is special")
    # Names that lead outside are passed on; the core judges.
    archive = os.path.join(work, "names.tar")
    with tarfile.open(archive, "w") as tar:
        for name in "../up", "/abs", "./dot", "a/../b":
            tar.addfile(tarfile.TarInfo(name))
    check(set(read("walk", archive)) == {b"../up", b"/abs", b"./dot", b"a/../b"}, "odd names")
    # No end: cut off between two entries, and in one; a wrong gzip checksum.
    with open(archive, "rb") as file:
        whole = file.read()
    for cut in 512, 1024, 2048:
        with open(os.path.join(work, "cut.tar"), "wb") as file:
            file.write(whole[:cut])
        check(run(TOOL, "pipe", os.path.join(work, "cut.tar")).returncode == 1, f"cut at {cut}")
    with open(os.path.join(work, "gnu.tar.gz"), "rb") as file:
        packed = bytearray(file.read())
    packed[-6] ^= 1
    with open(os.path.join(work, "wrong.tar.gz"), "wb") as file:
        file.write(packed)
    check(run(TOOL, "pipe", os.path.join(work, "wrong.tar.gz")).returncode == 1, "gzip checksum")


def main():
    missing = [name for name in ("zstd", "tar") if not shutil.which(name)]
    if missing:
        print("skipped: not installed:", " ".join(missing))
        return 77
    os.umask(0o022)
    os.environ["LC_ALL"] = "C.UTF-8"
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR") or os.getcwd()) as work:
        os.environ["TMPDIR"] = work
        read_by_others(work)
        read_from_others(work)
        special_cases(work)
        os.environ["LC_ALL"] = "C"
        entries = samples()
        archive = os.path.join(work, "ours.tar.zst")
        for how in "list", "walk":
            same(read(how, archive), entries, f"{how} with LC_ALL=C")
    if not shutil.which("bsdtar"):
        print("note: bsdtar is not installed and did not judge")
    return 1 if failures else 0


sys.exit(main())
