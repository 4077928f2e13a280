#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A program that works with a home: it has the database open, and changes the home when it is told to.

    bench/holder.py HOME SEED

Prints "open". For each line that it reads, a number, it changes 1 % of the files and adds 1 % of new
messages to the database, if the home has one, and prints the names of what it changed as a JSON list. What
it chooses depends on the seed, that number and the names and sizes of the files. Commits stay in the log of
the database.
"""
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys

import check
import database
import messages
import shapes
import words

SHARE = 0.01
DATABASE = shapes.HOLDER_NAME
OPAQUE = (".png", ".ogg")  # random bytes stay random
GROWTH_BYTES = 6000  # at most
STRETCH_SHARE = 10  # a tenth of a file is other content


class Holder:
    """The program as others see it. It is killed, so that the log outlives it."""

    def __init__(self, home, seed):
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(pathlib.Path(__file__).resolve()), str(home), str(seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        if self.process.stdout.readline() != "open\n":
            raise RuntimeError("the database of the home cannot be opened")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def change(self, number):
        """Returns the names of what changed."""
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError("the home could not be changed")
        return json.loads(answer)


# ---- files: three ways to change one -------------------------------------------------------------

def piece(path, text, size):
    """As much as `size` of what such a file holds."""
    if path.suffix in OPAQUE:
        return text.rng.randbytes(size)
    return text.prose(size + 2).encode()[:size]


def append(path, text):
    with open(path, "ab") as stream:
        stream.write(piece(path, text, text.rng.randint(200, GROWTH_BYTES)))


def altered(path, text):
    """The content, of the same size, with another stretch in it."""
    old = path.read_bytes()
    size = len(old) // STRETCH_SHARE + 1
    at = text.rng.randrange(len(old) - size + 1)
    new = old
    while new == old:
        new = old[:at] + piece(path, text, size) + old[at + size:]
    return new


def overwrite(path, text):
    content = altered(path, text)
    with open(path, "r+b") as stream:
        stream.write(content)


def replace(path, text):
    """By another file of the same size, as programs do that want to be safe."""
    beside = path.with_name(path.name + ".new")
    beside.write_bytes(altered(path, text))
    shutil.copymode(path, beside)
    os.replace(beside, path)


WAYS = (append, overwrite, replace)


def choose(home, names, text):
    """1 %, and at least one for each way to change it. Of few files: one of the largest quarter, and small ones."""
    count = max(len(WAYS), round(SHARE * len(names)))
    if count > len(WAYS) or len(names) < 2 * len(WAYS):
        return text.rng.sample(names, min(count, len(names)))
    rising = sorted(names, key=lambda name: (os.path.getsize(home / name), name))
    return [text.rng.choice(rising[-len(rising) // 4:]), *text.rng.sample(rising[:len(rising) // 2], count - 1)]


def change_files(home, text, number):
    """From one number to the next, the files meet other ways."""
    names = [name for name in check.look(home)[0]
             if not name.endswith(".db") and os.path.getsize(home / name) > 0]
    chosen = choose(home, names, text)
    for index, name in enumerate(chosen):
        WAYS[(index + number) % len(WAYS)](home / name, text)
    return chosen


# ---- messages ------------------------------------------------------------------------------------

def add_messages(connection, text, number):
    """By sessions of one commit each, all younger than what is there."""
    left = round(SHARE * connection.execute("SELECT count(*) FROM messages").fetchone()[0])
    start = float(messages.BASE_TIME + 40_000_000 + number * 1_000_000)
    while left > 0:
        count = min(left, database.SESSION_MESSAGES)
        database.add_session(connection, text, start, count)
        connection.commit()
        left, start = left - count, start + 1000


def opened(path):
    """None if there is no such database."""
    if not path.exists():
        return None
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    return connection


def main():
    home, seed = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    connection = opened(home / DATABASE)
    print("open", flush=True)
    for line in sys.stdin:
        text = words.Text(words.language(seed), f"{seed}/change/{int(line)}")
        names = change_files(home, text, int(line))
        if connection:
            add_messages(connection, text, int(line))
            names.append(DATABASE)
        print(json.dumps(names), flush=True)
    os._exit(0)  # a connection that is closed would take the log away


if __name__ == "__main__":
    main()
