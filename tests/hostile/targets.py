# SPDX-License-Identifier: Apache-2.0
"""Homes into which a hostile archive is imported, and the world around them that must not change."""
import hashlib
import os
import stat

import hb

# The names that the archives use; the prepared homes have something in their way.
FILES = ("again", "after", "good", "twice", "tool", "special", "safe", "inner", "first", "outer")
DIRECTORIES = ("sub", "way", "both", "open", "one", "Sub", "d", "deep", "up", ".hermes")
SECOND = 1_700_000_000 * 10**9


def snapshot(root, precise=True):
    """All that can be known of a tree; `precise`: with what no program can set back."""
    found = {}

    def look(path, name):
        status = os.lstat(path)
        row = [status.st_mode, status.st_uid, status.st_gid, status.st_ino, status.st_mtime_ns]
        if precise:
            row += [status.st_ctime_ns, status.st_nlink]
        if stat.S_ISREG(status.st_mode):
            with open(path, "rb") as stream:
                row.append(hashlib.sha256(stream.read()).hexdigest())
        elif stat.S_ISLNK(status.st_mode):
            row.append(os.readlink(path))
        found[name] = tuple(row)
        if stat.S_ISDIR(status.st_mode):
            for child in os.listdir(path):
                look(os.path.join(path, child), os.path.join(name, child))

    look(os.fsencode(root), b".")
    return found


def make_outside(outside):
    for name in ("file", "new-dir/file", "dir/file", "dir/ab", "dir/below", "config.yaml"):
        hb.write(outside / name, b"outside", 0o640, SECOND)
    hb.write(outside / "private", b"outside", 0o600, SECOND)
    os.symlink("file", outside / "link")


def empty(home, outside):
    del outside
    home.mkdir()


def with_files(home, outside):
    del outside
    home.mkdir()
    for name in FILES + ("config.yaml",):
        hb.write(home / name, b"old " + name.encode(), 0o640, SECOND)
    for name in DIRECTORIES:
        hb.write(home / name / "file", b"old", 0o600, SECOND)


def with_links(home, outside):
    """Files that are links, inside and out, relative and absolute, to nothing and to themselves."""
    home.mkdir()
    hb.write(home / "real/file", b"real", 0o640, SECOND)
    targets = ("../outside/file", outside / "file", "real/file", home / "real/file",
               "../outside/new", outside / "new-dir/new", "real/new", "again", "/proc/self/cwd/file",
               "../home/../outside/file")
    for name, target in zip(FILES, targets):
        os.symlink(target, home / name)
    os.symlink("../outside/config.yaml", home / "config.yaml")
    for name in DIRECTORIES:
        os.symlink("real", home / name)


def with_linked_directories(home, outside):
    """Directories that are links to the outside, straight or by a detour."""
    home.mkdir()
    os.symlink("../outside/dir", home / "detour")
    targets = ("../outside/dir", outside, outside / "dir", "detour", "/proc/self/cwd",
               outside / "dir", "..", "../outside/missing", "../outside/dir", outside / "dir")
    for name, target in zip(DIRECTORIES, targets):
        os.symlink(target, home / name)


def read_only(home, outside):
    with_files(home, outside)


def move_to_roots(home, roots, outside, names):
    """Directories of the home become further roots of it. Where one is a link, the root has such links in it."""
    for name in names:
        root, was = roots / name, home / name
        if was.is_symlink():
            target = os.readlink(was)
            was.unlink()
            root.mkdir(parents=True)
            for inner in FILES + DIRECTORIES + ("file", "x", "ab", "below"):
                os.symlink(os.path.join("..", target) if target.startswith("..") else target, root / inner)
            os.symlink(home, root / "home")
            os.symlink(outside / "file", root / "config.yaml")
        elif was.is_dir():
            root.parent.mkdir(exist_ok=True)
            was.rename(root)
        else:
            root.mkdir(parents=True)


# The same archive comes over a pipe, where nothing can be looked at beforehand.
PIPED = "empty, over a pipe"
TARGETS = {"empty": empty, PIPED: empty, "files": with_files, "links": with_links,
           "linked directories": with_linked_directories, "read-only": read_only}
