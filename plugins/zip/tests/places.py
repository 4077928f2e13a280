#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names, times, contents and trailers that imitate the records of a zip where readers look for them.

The last entry decides what stands before the end records, so the search is over it alone: every
signature, at every distance from the end of its name that is less than all that follows the name and
what readers reach back for (a locator of 20 bytes and a zip64 record of 56); those of end records with
and without a trailer, on a file and on a pipe; a locator with each kind of time, for they are stored in
fields of different lengths. Trailers have every signature at every place of a block that is longer than what lies around it.

Python, Go and the plugin itself read every archive; unzip, 7z and bsdtar, which are programs to be
started, those in which the signature comes to lie where a reader looks, and a sample of the others.

Without HBCORE_FULL=1 the signatures that no reader looks for from the end, the odd times and the long trailers are
tried at every third place, and the programs judge a third of what they judge with it, and all of what has a
signature where they look. Locators and end records stay at every distance, on files and pipes.
"""
import itertools
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile

TOOLS = ["unzip", "7z", "bsdtar"]
# Local header, central header, end, zip64 end, its locator, descriptor, split mark, archive extra data,
# digital signature.
SIGNATURES = [b"PK\3\4", b"PK\1\2", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\7\x08", b"PK00", b"PK\6\x08",
              b"PK\5\5"]
LOCATOR = b"PK\6\7"
ENDS = (b"PK\5\6", b"PK\6\6", LOCATOR)
TIMES = {
    "whole seconds": (1700000000, 0),
    "nanoseconds": (1700000000, 123456789),
    "before 1901": (-3000000000, 0),
    "beyond all": (1 << 40, 5),
    "seconds that are a locator": (0x07064B50, 0),
    "nanoseconds that are a locator": (1700000000, 0x07064B50),
}
# After the name: times (36 + 18), the mark (20), the end record (22); before: locator and record.
REACH = 36 + 18 + 20 + 56
FULL = os.environ.get("HBCORE_FULL", "") == "1"
KEPT = 4  # the shortest name is the signature itself


def go(work):
    """A program that reads with Go's library, which gccgo has; None: it has to do without."""
    if shutil.which("gccgo-12") is None:
        return None
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "readers.go")
    program = os.path.join(work, "go-readers")
    subprocess.run(["gccgo-12", "-o", program, source], check=True)
    return program


class Search:
    def __init__(self, bridge, work):
        self.bridge, self.work, self.rows, self.failures = bridge, work, [], []
        self.go_reader = go(work)

    def add(self, name, time, trailer=b"", sink="file", content=b"content", outside=False):
        path = os.path.join(self.work, f"{len(self.rows)}.zip")
        size = int(content[1:]) if isinstance(content, str) else len(content)
        self.rows.append((path, name, trailer, outside, size,
                          f"{sink} {path} {time[0]} {time[1]} {name.hex()} "
                          f"{content if isinstance(content, str) else content.hex() or '-'} "
                          f"{trailer.hex() or '-'}\n"))

    def fail(self, row, judge, text):
        self.failures.append(f"{judge}: name {row[1]!r}: {row[5][:300]}{text}")

    def is_judged(self, number, row):
        """By the programs."""
        looked_for = any(signature in row[1][-REACH // 4:] for signature in ENDS)
        return row[3] and (FULL or looked_for or number % 3 == 0)

    def run(self):
        wanted = "".join(row[5] for row in self.rows).encode()
        subprocess.run([self.bridge, "last"], input=wanted, check=True)
        self.ourselves()
        if self.go_reader is not None:
            self.go()
        for number, row in enumerate(self.rows):
            self.python(row)
            if self.is_judged(number, row):
                self.programs(row)
            os.unlink(row[0])
        count, self.rows = len(self.rows), []
        return count

    def ourselves(self):
        done = subprocess.run([self.bridge, "list"], check=True, stdout=subprocess.PIPE,
                              input="".join(row[0] + "\n" for row in self.rows).encode())
        lines = done.stdout.decode().splitlines()
        for row, line in zip(self.rows, lines):
            if line != f"{b'first'.hex()} {row[1].hex()} trailer {len(row[2])}":
                self.fail(row, "ourselves", line)
        if len(lines) != len(self.rows):
            self.failures.append(f"{len(self.rows)} archives, {len(lines)} lines")

    def go(self):
        done = subprocess.run([self.go_reader], check=True, stdout=subprocess.PIPE,
                              input="".join(row[0] + "\n" for row in self.rows).encode())
        for row, line in itertools.zip_longest(self.rows, done.stdout.decode().splitlines()):
            if line is None or line.split()[2::3] != [b"first".hex(), row[1].hex()]:
                self.fail(row, "Go", line or "nothing")

    def python(self, row):
        try:
            with zipfile.ZipFile(row[0]) as opened:
                names = [info.orig_filename.encode(
                    "utf-8" if info.flag_bits & 0x800 else "cp437") for info in opened.infolist()]
                bad = opened.testzip()
            if names != [b"first", row[1]] or bad is not None:
                self.fail(row, "Python", f"{names} {bad}")
        except (zipfile.BadZipFile, OSError, struct.error, NotImplementedError) as error:
            self.fail(row, "Python", repr(error))

    def programs(self, row):
        for command, count in ((["unzip", "-tqq", row[0]], None), (["bsdtar", "-tf", row[0]], 2),
                               (["7z", "l", "-ba", "-slt", row[0]], 2), (["7z", "t", row[0]], None)):
            self.program(row, command, count)
        with open(row[0], "rb") as file:  # from a pipe, where it cannot seek
            self.program(row, ["bsdtar", "-tf", "-"], 2, file.read())

    def program(self, row, command, count, data=b""):
        done = subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False)
        text = done.stdout.decode(errors="replace")
        if command[0] == "7z":
            found = text.count("Path = ")
        else:
            found = len(text.splitlines())
        odd = "WARNING" in text or "rror" in text
        if done.returncode != 0 or odd or (count is not None and found != count):
            self.fail(row, " ".join(command[:2]), f"exit {done.returncode}, {text}")


def names(search):
    """Every signature at every distance; those of the end records with all sinks, a locator with all times."""
    for signature, distance, (kind, time) in itertools.product(
            SIGNATURES, range(KEPT, REACH + 1), TIMES.items()):
        name = b"n" + signature + b"z" * (distance - len(signature))
        variants = ((b"trailer", "file"), (b"", "file"), (b"trailer", "pipe"))
        if kind != "whole seconds":
            variants = variants[:1] if signature == LOCATOR else ()
        elif signature not in ENDS:
            variants = variants[:1]
        if not FULL and distance % 3 != 0 and (kind != "whole seconds" or signature not in ENDS):
            continue
        for trailer, sink in variants:
            started = sink == "file" and kind == "whole seconds" and (
                signature == LOCATOR and distance <= 24 or (distance + len(trailer)) % 41 == 0)
            search.add(name, time, trailer, sink, outside=started)


def forged_ends(search):
    """A name that holds a whole zip64 record and its locator, in front of what follows it."""
    record = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 47, 0).replace(b"\0", b"\1")
    for place, behind in itertools.product((0, 1, 1 << 20, 1 << 40), range(0, 24)):
        locator = struct.pack("<4sLQL", LOCATOR, 0, place, 1).replace(b"\0", b"\1")
        search.add(record + locator + b"z" * behind, TIMES["whole seconds"], b"trailer",
                   outside=behind % 5 == 0)


def trailers(search):
    """What a stream reader finds on its way from the last entry to the directory."""
    header = b"PK\3\4" + struct.pack("<HHHHHLLLHH", 20, 0, 0, 0, 33, 0, 0, 0, 1, 0) + b"X"
    for signature, size in itertools.product(SIGNATURES, (4, 5, 6, 7, 30)):
        for at in range(0, size - 3, 1 if FULL or size < 30 else 3):
            block = (b"t" * at + signature + b"P" * size)[:size]
            search.add(b"last", (1, 0), block, outside=size < 7)
    for block in (header, header * 3, b"P", b"K", b"PK", b"PKPKPK\3", b"P\0K\3\4", b"\0" * 5,
                  b"PP\3\4PK", bytes(range(256)) * 3 + header):
        search.add(b"last", (1, 0), block, outside=True)


def checks(search):
    """Trailers whose checksum, which is the first of the frame behind them, is a signature."""
    import zlib
    for signature in SIGNATURES:
        wanted = struct.unpack("<L", signature)[0]
        search.add(b"last", (1, 0), b"block" + crc_suffix(zlib.crc32(b"block"), wanted), outside=True)


def crc_suffix(crc, wanted):
    """Four bytes after which a CRC-32 that stood at `crc` is `wanted`."""
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        table.append(value)
    state, indexes = wanted ^ 0xFFFFFFFF, []
    for _ in range(4):
        index = next(i for i in range(256) if table[i] >> 24 == state >> 24)
        indexes.append(index)
        state = (state ^ table[index]) << 8 & 0xFFFFFFFF
    state, suffix = crc ^ 0xFFFFFFFF, b""
    for index in reversed(indexes):
        suffix += bytes([(state ^ index) & 0xFF])
        state = state >> 8 ^ table[index]
    return suffix


def contents(search):
    """Stored content right in front of the gap, the directory or a descriptor."""
    for signature, sink, trailer in itertools.product(SIGNATURES, ("file", "pipe"), (b"", b"trailer")):
        search.add(b"last", (1, 0), trailer, sink, signature * 20, outside=True)
        search.add(b"last", (1, 0), trailer, sink, signature, outside=True)


def directory_offset(path):
    """Of the end record; where that does not say it, of the zip64 record: 56, 20 and 22 bytes are the last."""
    with open(path, "rb") as file:
        file.seek(-6, 2)
        offset = struct.unpack("<L", file.read(4))[0]
        if offset < 0xFFFFFFFF:
            return offset
        file.seek(-98 + 48, 2)
        return struct.unpack("<Q", file.read(8))[0]


def sizes(search):
    """An archive so long that the directory's offset, in the end record, would be an end record's signature."""
    probe = os.path.join(search.work, "probe.zip")
    subprocess.run([search.bridge, "last"], check=True,
                   input=f"file {probe} 1 0 {b'last'.hex()} @2000000 -\n".encode())
    offset = directory_offset(probe)
    os.unlink(probe)
    wanted = struct.unpack("<L", b"PK\5\6")[0]
    bytes_ = 2000000 + wanted - offset
    for _ in range(4):  # stored blocks have headers of their own
        search.add(b"last", (1, 0), b"", "file", f"@{bytes_}", outside=True)
        path = search.rows[-1][0]
        subprocess.run([search.bridge, "last"], check=True, input=search.rows[-1][5].encode())
        found = directory_offset(path)
        if found == wanted:
            return
        search.rows.pop()
        bytes_ += wanted - found
    raise SystemExit("no size gives this offset")


def main():
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        print("skipped: not installed:", *missing)
        return 77
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", os.getcwd())) as work:
        search = Search(os.path.abspath(sys.argv[1]), work)
        for part in names, forged_ends, trailers, checks, contents, sizes:
            part(search)
            print(f"{part.__name__}: {search.run()} archives")
    for failure in search.failures[:20]:
        print(failure)
    print(f"{len(search.failures)} failures")
    return 1 if search.failures else 0


if __name__ == "__main__":
    sys.exit(main())
