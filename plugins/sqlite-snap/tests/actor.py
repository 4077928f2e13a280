# SPDX-License-Identifier: Apache-2.0
"""Another program that has a database open.

Each line on standard input is a statement; the rows come back as one line. "!move FILE" moves
money between accounts, one transaction after the other, until the first byte of FILE is set;
"!watch FILE" does so too and reads all accounts in between: they must be of one generation (the
column `pad`), and none of the money gone. "!visit" opens it once more, commits and closes. FILE holds numbers of eight bytes: stop, commits, reads,
times that the database was locked, and the longest transaction in microseconds.
"""
import mmap
import random
import sqlite3
import struct
import sys
import time

STOP, COMMITS, READS, BUSY, LONGEST, SLOTS = range(6)


class Shared:
    def __init__(self, name):
        with open(name, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8 * SLOTS)
        self.values = [0] * SLOTS

    def stopped(self):
        return self.map[STOP] != 0

    def put(self, slot, value):
        self.values[slot] = value
        self.map[8 * slot:8 * slot + 8] = struct.pack("=q", value)

    def count(self, slot):
        self.put(slot, self.values[slot] + 1)


def transfer(db, accounts):
    db.execute("BEGIN IMMEDIATE")
    for _ in range(3):
        amount = random.randrange(1, 50)
        for sign in (-amount, amount):
            db.execute("UPDATE account SET money = money + ? WHERE id = ?",
                       (sign, random.randrange(accounts) + 1))
    db.execute("COMMIT")


def read(db, expected):
    seen = db.execute("SELECT count(*), sum(money), count(DISTINCT pad) FROM account").fetchone()
    if seen != expected:
        raise sqlite3.Error(f"saw {seen}, not {expected}")


def timed(db, shared, slot, action, *arguments):
    start = time.monotonic_ns()
    try:
        action(db, *arguments)
        shared.count(slot)
    except sqlite3.OperationalError as error:
        if str(error) != "database is locked":
            raise
        shared.count(BUSY)
        if db.in_transaction:
            db.execute("ROLLBACK")
    took = (time.monotonic_ns() - start) // 1000
    if took > shared.values[LONGEST]:
        shared.put(LONGEST, took)


def work(db, name, watch):
    shared = Shared(name)
    accounts, money = db.execute("SELECT count(*), sum(money) FROM account").fetchone()
    while not shared.stopped():
        if watch:
            timed(db, shared, READS, read, (accounts, money, 1))
        timed(db, shared, COMMITS, transfer, accounts)


def visit(name):
    """Opens the database, commits and closes it, as a program does that runs for a moment."""
    db = sqlite3.connect(name, isolation_level=None, timeout=60)
    db.execute("UPDATE filler SET data = randomblob(1000) WHERE rowid = 1")
    db.close()
    return "visited"


def main():
    db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
    for line in sys.stdin:
        line = line.rstrip("\n")
        try:
            if line.startswith(("!move ", "!watch ")):
                print("moving", flush=True)
                command, name = line.split(" ", 1)
                work(db, name, command == "!watch")
                print("stopped", flush=True)
            elif line == "!visit":
                print(visit(sys.argv[1]), flush=True)
            else:
                rows = db.execute(line).fetchall()
                print(";".join(",".join(str(cell) for cell in row) for row in rows), flush=True)
        except sqlite3.Error as error:
            print("error", error, flush=True)


main()
