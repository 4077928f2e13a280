# SPDX-License-Identifier: Apache-2.0
"""Another program that has a database open.

Each line on standard input is a statement; the rows come back as one line. "!move FILE" moves
money between accounts, one transaction after the other, until the first byte of FILE is set;
the eight bytes from the eighth on count the commits.
"""
import mmap
import random
import sqlite3
import struct
import sys


def move(db, name):
    with open(name, "r+b") as file:
        shared = mmap.mmap(file.fileno(), 16)
    accounts = db.execute("SELECT count(*) FROM account").fetchone()[0]
    commits = 0
    while shared[0] == 0:
        db.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            amount = random.randrange(1, 50)
            for sign in (-amount, amount):
                db.execute("UPDATE account SET money = money + ? WHERE id = ?",
                           (sign, random.randrange(accounts) + 1))
        db.execute("COMMIT")
        commits += 1
        shared[8:16] = struct.pack("=q", commits)


def main():
    db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
    for line in sys.stdin:
        line = line.rstrip("\n")
        try:
            if line.startswith("!move "):
                print("moving", flush=True)
                move(db, line[6:])
                print("stopped", flush=True)
            else:
                rows = db.execute(line).fetchall()
                print(";".join(",".join(str(cell) for cell in row) for row in rows), flush=True)
        except sqlite3.Error as error:
            print("error", error, flush=True)


main()
