# SPDX-License-Identifier: Apache-2.0
"""Is what came out of a program what went in? The manifest of a corpus, and trees against it.

A database counts by its pages: a copy that was made through SQLite has another change counter than
the file, and a program that copies files brings the log along, which SQLite then applies.
"""
import concurrent.futures
import hashlib
import json
import os
import sqlite3

HEADER_BYTES = 100
# What may differ between two copies of one database: journal mode, change counter and the two fields
# that follow from it, schema cookie (https://sqlite.org/fileformat.html, 1.3).
HEADER_VOLATILE = ((18, 20), (24, 28), (40, 44), (92, 100))
BLOCK_BYTES = 1 << 20
MANIFEST = "manifest.json"
HOME_ID = ".hbcore-id"  # hbcore's own, which a backup with it puts into the home
MOST_THREADS = 8
SIDECARS = ("-wal", "-shm", "-journal")


def is_sidecar(name):
    return any(name.endswith(".db" + ending) for ending in SIDECARS)


def in_threads(function, names):
    """The answers in the order of the names: few tasks, as there may be a million names."""
    count = max(1, min(MOST_THREADS, len(names)))
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        parts = list(pool.map(lambda first: [function(name) for name in names[first::count]], range(count)))
    return [parts[index % count][index // count] for index in range(len(names))]


def digest(path, pages=False):
    """Of a file; with `pages`, of a database without what is volatile in its header."""
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        if pages:
            head = bytearray(stream.read(HEADER_BYTES))
            for first, end in HEADER_VOLATILE:
                head[first:end] = bytes(end - first)
            found.update(head)
        while block := stream.read(BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()[:32]


def snapshot_digest(path, copy):
    """Of a database with its log, which stays: a connection that only reads does not apply it."""
    source, target = sqlite3.connect(f"file:{path}?mode=ro", uri=True), sqlite3.connect(copy)
    source.backup(target)
    target.close()
    source.close()
    try:
        return digest(copy, True), os.path.getsize(copy)
    finally:
        os.unlink(copy)


def restored_digest(path):
    """Of a restored file; SQLite first applies the log that may lie beside a database."""
    if not path.endswith(".db"):
        return digest(path)
    if os.path.exists(path + "-wal"):
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
    return digest(path, True)


def look(root):
    """Names of the files and of the empty directories below `root`, without sidecars and the home's id."""
    files, empty = [], []
    for folder, directories, names in os.walk(root):
        below = os.path.relpath(folder, root)
        if not directories and not names:
            empty.append(below)
        files += [os.path.normpath(os.path.join(below, name)) for name in names
                  if not is_sidecar(name)]
    files = [name for name in files if name != HOME_ID]
    return sorted(files), sorted(empty)


def describe(home):
    """What a backup of `home` must bring back: digests and sizes by name, and empty directories."""
    files, empty = look(home)

    def describe_file(name):
        path = os.path.join(home, name)
        if os.path.exists(path + "-wal"):
            return snapshot_digest(path, os.path.join(home, os.pardir, "snapshot"))
        return digest(path, name.endswith(".db")), os.path.getsize(path)

    rows = dict(zip(files, in_threads(describe_file, files)))
    for folder, _, names in os.walk(home):
        for name in names:
            if name.endswith(".db-shm"):
                os.unlink(os.path.join(folder, name))
    return {"files": rows, "empty": empty, "bytes": sum(size for _, size in rows.values())}


def load(directory):
    with open(os.path.join(directory, MANIFEST), encoding="utf-8") as stream:
        return json.load(stream)


def differences(manifest, root, lacks=(), empty=True, sample=1):
    """
    How the tree at `root` differs from the manifest, as sentences. `lacks`: names that the program
    leaves out on purpose; `empty`: whether it brings empty directories back. Of files alone that are no
    database every `sample`th is read; of the others the size counts.
    """
    files, found_empty = look(root)
    expected = {name: row for name, row in manifest["files"].items() if name not in lacks}
    rows = [f"{name}: missing" for name in expected.keys() - set(files)]
    rows += [f"{name}: not in the corpus" for name in set(files) - expected.keys()]
    common = [name for name in files if name in expected]
    read = [name for index, name in enumerate(common) if index % sample == 0 or name.endswith(".db")]
    digests = in_threads(lambda name: restored_digest(os.path.join(root, name)), read)
    rows += [f"{name}: other content" for name, found in zip(read, digests) if found != expected[name][0]]
    if sample > 1:
        rows += [f"{name}: other size" for name in set(common).difference(read)
                 if os.path.getsize(os.path.join(root, name)) != expected[name][1]]
    if empty:
        rows += [f"{name}: empty directory missing"
                 for name in set(manifest["empty"]) - set(found_empty)]
    return sorted(rows)
