#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""
What a backup in plain Python does, to compare with: a loop over zipfile at level 6, databases through
sqlite3's backup, the exclusions and the refusals of a Hermes home.

    bench/reference.py backup HOME ARCHIVE | import ARCHIVE HOME | list ARCHIVE | cat ARCHIVE MEMBER
"""
import os
import pathlib
import sqlite3
import sys
import tempfile
import zipfile

EXCLUDED_DIRECTORIES = {"hermes-agent", "__pycache__", ".git", "node_modules", "backups",
                        "checkpoints"}
EXCLUDED_SUFFIXES = (".pyc", ".pyo", ".db-wal", ".db-shm", ".db-journal")
EXCLUDED_NAMES = {"gateway.pid", "cron.pid"}
PRESERVED = {"gateway_state.json", "gateway.pid", "cron.pid", "gateway.lock", "processes.json"}
SECRETS = {".env", "auth.json", "state.db"}


def is_left_out(path, relative, archive):
    if any(part in EXCLUDED_DIRECTORIES for part in relative.parts):
        return True
    if relative.name in EXCLUDED_NAMES or relative.name.endswith(EXCLUDED_SUFFIXES):
        return True
    return path.is_symlink() or path.resolve() == archive.resolve()


def collect(home, archive):
    found = []
    for folder, directories, names in os.walk(home, followlinks=False):
        here = pathlib.Path(folder)
        directories[:] = [name for name in directories if name not in EXCLUDED_DIRECTORIES]
        for name in names:
            relative = (here / name).relative_to(home)
            if not is_left_out(here / name, relative, archive):
                found.append((here / name, relative))
    return found


def add_database(output, path, relative, archive):
    handle, copy = tempfile.mkstemp(suffix=".db", dir=archive.parent)
    os.close(handle)
    source, target = sqlite3.connect(f"file:{path}?mode=ro", uri=True), sqlite3.connect(copy)
    source.backup(target)
    target.close()
    source.close()
    output.write(copy, arcname=str(relative))
    os.unlink(copy)


def backup(home, archive):
    home, archive = pathlib.Path(home), pathlib.Path(archive)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as output:
        for path, relative in collect(home, archive):
            if path.suffix == ".db":
                add_database(output, path, relative, archive)
            else:
                output.write(path, arcname=str(relative))


def restore(archive, home):
    home = pathlib.Path(home)
    home.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as source:
        for member in source.namelist():
            if member.endswith("/") or pathlib.Path(member).name in PRESERVED:
                continue
            target = home / member
            target.resolve().relative_to(home.resolve())
            target.parent.mkdir(parents=True, exist_ok=True)
            with source.open(member) as stream, open(target, "wb") as output:
                output.write(stream.read())
            if target.name in SECRETS:
                os.chmod(target, 0o600)


def list_names(archive):
    with zipfile.ZipFile(archive) as source:
        print("\n".join(source.namelist()))


def cat(archive, member):
    with zipfile.ZipFile(archive) as source:
        sys.stdout.buffer.write(source.read(member))


COMMANDS = {"backup": (backup, 2), "import": (restore, 2), "list": (list_names, 1), "cat": (cat, 2)}


def main():
    command, count = COMMANDS.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if command is None or len(sys.argv) != 2 + count:
        sys.exit(__doc__)
    command(*sys.argv[2:])


if __name__ == "__main__":
    main()
