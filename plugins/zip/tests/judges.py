#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other programs read what the zip plugin writes, and the plugin reads what they write."""
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile

TOOLS = ["unzip", "zip", "7z", "bsdtar"]


class Unseekable:
    """What zipfile takes for a pipe."""

    def __init__(self, file):
        self.file = file

    def write(self, data):
        return self.file.write(data)

    def flush(self):
        self.file.flush()


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n"
                         + done.stdout.decode(errors="replace"))
    text = done.stdout.decode(errors="replace")
    if "warning" in text.lower() and "0 warning" not in text.lower():
        raise SystemExit(f"{' '.join(command)} warns:\n{text}")
    return text


def same_files(left, right, what):
    names = sorted(os.listdir(left))
    if names != sorted(os.listdir(right)):
        raise SystemExit(f"{what}: {names} became {sorted(os.listdir(right))}")
    for name in names:
        if not filecmp.cmp(os.path.join(left, name), os.path.join(right, name), shallow=False):
            raise SystemExit(f"{what}: {name} differs")


def flatten(tree, target):
    os.mkdir(target)
    for directory, _, files in os.walk(tree):
        for name in files:
            path = os.path.join(directory, name)
            shutil.copy(path, os.path.join(target, os.path.relpath(path, tree).replace("/", "!")))


def python_content(archive, target):
    os.mkdir(target)
    with zipfile.ZipFile(archive) as opened:
        if opened.testzip() is not None:
            raise SystemExit(f"{archive}: testzip finds {opened.testzip()} bad")
        for info in opened.infolist():
            if not info.is_dir():
                with open(os.path.join(target, info.filename.replace("/", "!")), "wb") as out:
                    out.write(opened.read(info))


def judge_ours(bridge, work):
    expected = os.path.join(work, "expected")
    os.mkdir(expected)
    run(bridge, "content", expected)
    for sink in "file", "pipe":
        for level in "0", "1", "6", "12", "fast":
            archive = os.path.join(work, f"ours-{sink}-{level}.zip")
            run(bridge, "write", sink, level, archive)
            run("unzip", "-t", archive)
            run("7z", "t", archive)
            run("zip", "-T", archive)
            run("bsdtar", "-tf", archive)
            python_content(archive, archive + ".python")
            same_files(expected, archive + ".python", f"{archive} by Python")
            extractors = (("unzip", "-q", archive, "-d"), ("bsdtar", "-xf", archive, "-C"))
            for number, command in enumerate(extractors):
                tree = f"{archive}.tree{number}"
                os.mkdir(tree)
                run(*command, tree)
                check_times(tree, f"{archive} by {command[0]}")
                flatten(tree, tree + ".flat")
                same_files(expected, tree + ".flat", f"{archive} by {command[0]}")
            check_streamed(archive, work)
            for leftover in os.listdir(work):
                if leftover.startswith(os.path.basename(archive)):
                    path = os.path.join(work, leftover)
                    shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


def check_times(tree, what):
    """What their fields cannot hold becomes the first or last that MS-DOS has, never one of the future."""
    for name, expected in ("before 1980", 315532800), ("after 2107", 4354819198):
        found = int(os.stat(os.path.join(tree, name)).st_mtime)
        if abs(found - expected) > 2 * 86400:  # MS-DOS has local time; unzip takes the last day for one later
            raise SystemExit(f"{what}: the time of {name} is {found}, not about {expected}")


def check_streamed(archive, work):
    """A reader that sees local headers only: over a pipe, for a file can be sought in."""
    with open(archive, "rb") as file:
        listed = run("bsdtar", "-tf", "-", input=file.read(), env={**os.environ, "LC_ALL": "C.UTF-8"})
    if "after 2107" not in listed:
        raise SystemExit(f"{archive}: a streaming reader stops early:\n{listed}")


def make_tree(tree):
    os.makedirs(os.path.join(tree, "sub", "empty"))
    contents = {
        "plain": b"hello\n" * 1000,
        "nothing": b"",
        "sub/large": bytes(range(256)) * 20000 + b"tail",
        "sub/noise": os.urandom(3 << 20),
        "grüße": b"UTF-8",
    }
    for name, data in contents.items():
        with open(os.path.join(tree, name), "wb") as file:
            file.write(data)
    os.chmod(os.path.join(tree, "plain"), 0o755)
    for name in contents:
        os.utime(os.path.join(tree, name), (1700000002, 1700000002))


def by_python(tree, archive, method, streamed, zip64=False):
    with open(archive, "wb") as file:
        target = Unseekable(file) if streamed else file
        with zipfile.ZipFile(target, "w", method) as made:
            for directory, _, files in os.walk(tree):
                for name in files:
                    path = os.path.join(directory, name)
                    info = zipfile.ZipInfo.from_file(path, os.path.relpath(path, tree))
                    info.compress_type = method
                    with made.open(info, "w", force_zip64=zip64) as to, open(path, "rb") as source:
                        shutil.copyfileobj(source, to)


def piped(command, archive, **options):
    with open(archive, "wb") as out:
        done = subprocess.run(command, stdout=out, stderr=subprocess.PIPE, **options)
    if done.returncode != 0:
        raise SystemExit(f"{command}: {done.stderr.decode(errors='replace')}")


def judge_theirs(bridge, work):
    tree, flat = os.path.join(work, "tree"), os.path.join(work, "tree.flat")
    make_tree(tree)
    flatten(tree, flat)
    utf8 = {**os.environ, "LC_ALL": "C.UTF-8"}
    made = []

    def archive(name):
        made.append(os.path.join(work, f"theirs-{name}.zip"))
        return made[-1]

    for name, method in ("deflated", zipfile.ZIP_DEFLATED), ("stored", zipfile.ZIP_STORED):
        by_python(tree, archive(f"python-{name}"), method, False)
        by_python(tree, archive(f"python-{name}-streamed"), method, True)
        by_python(tree, archive(f"python-{name}-zip64"), method, False, True)
        by_python(tree, archive(f"python-{name}-streamed-zip64"), method, True, True)
    run("zip", "-qr", archive("infozip"), ".", cwd=tree, env=utf8)
    piped(["zip", "-qr", "-", "."], archive("infozip-pipe"), cwd=tree, env=utf8)
    run("7z", "a", "-tzip", archive("7z"), ".", cwd=tree, env=utf8)
    run("bsdtar", "--format", "zip", "-cf", archive("bsdtar"), ".", cwd=tree, env=utf8)
    piped(["bsdtar", "--format", "zip", "-cf", "-", "."], archive("bsdtar-pipe"), cwd=tree,
          env=utf8)
    with open(archive("self-extracting"), "wb") as out:
        out.write(b"#!/bin/sh\nexit 0\n")
        with open(made[0], "rb") as source:
            shutil.copyfileobj(source, out)
    for path in made:
        read_back(bridge, path, flat)


def read_back(bridge, path, flat):
    out = path + ".read"
    os.mkdir(out)
    listing = run(bridge, "read", path, out)
    for name in os.listdir(out):
        if name.startswith(".!"):  # "./name": the host strips that
            os.rename(os.path.join(out, name), os.path.join(out, name[2:]))
    same_files(flat, out, path)
    rows = {line.split(" ", 3)[3].removeprefix("./"): line.split(" ", 3)
            for line in listing.splitlines()}
    if rows["plain"][1] != "755":
        raise SystemExit(f"{path}: mode of plain is {rows['plain'][1]}, not 755")
    if abs(int(rows["plain"][2]) - 1700000002) > 1:
        raise SystemExit(f"{path}: time of plain is {rows['plain'][2]}, not 1700000002")


def main():
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        print("skipped: not installed:", *missing)
        return 77
    bridge = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", os.getcwd())) as work:
        os.environ["TMPDIR"] = work
        os.chdir(work)
        judge_ours(bridge, work)
        judge_theirs(bridge, work)
    print("all judges agree")
    return 0


sys.exit(main())
