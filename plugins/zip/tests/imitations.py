#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No record where content can put one: a search over all places and all signatures.

Readers find records by signatures: of a local header, data descriptor, central header, digital signature, end record,
zip64 end record and its locator, archive extra data, and the marks of archives in several parts. Whoever chooses names,
times, contents and link targets, and with them sizes and checksums, must not be able to put one where a reader looks.

How it is exhaustive
--------------------
Where a reader looks. From the specification (APPNOTE 4.3) and the sources of Info-ZIP, 7-Zip, libarchive, Python, Go and
Java; what is looked for is in `looks()`, and nothing else is looked at by its signature:

  start          the first byte of the file                             all
  end record     22 bytes before the end, then backwards until found    all; found at once, for ours has no comment.
                                                                        Info-ZIP's zip begins at the last byte
  locator        20 bytes before the end record                         all but Go, which looks if a number there is full
                                                                        or the directory has 65,535 bytes
  zip64 record   56 bytes before the locator, or where it says          all; none without a locator
  directory      where the end record says, and after each header       all; behind the last one Info-ZIP and 7-Zip
  local headers  where the directory says                               all
  behind data    descriptor, header, archive extra data, directory      readers of streams: bsdtar, funzip, Java; 7-Zip
  the gap        each byte between the last entry and the directory     bsdtar from a pipe

Which bytes can be chosen. `proof()` does not guess them. It writes each shape of archive several times, with all that can be
chosen drawn anew: a byte that ever differs counts as free. At each of the places above, all bytes of the signature
that is due must be fixed; where none is due, at least one byte that is fixed must differ from those of every signature.
The shapes are all combinations of what decides which fields there are: sink, trailer, kind of time, kind of entry, kind
of name. So no value of any name, time, content, size or checksum can change what is found there.

The gap's bytes are free, so there the writer itself must see to it: `gap()` tries all trailers of up to 4 bytes over an
alphabet that all signatures are made of, and each signature at each place of longer ones.

`inside()` is the counter-check, without any opinion on where readers look. It puts every signature at every distance
from both ends of names, link targets and contents that is less than the longest record; into each number that can be
chosen (times, checksums, sizes, the number of entries); and whole records that fit into contents. All entries are in
few archives, and all readers that are installed read all of each: names and every byte. Those that come last in an archive,
one by one, are what places.py is about.

With HBCORE_FULL=1 each signature is a size, too (up to 800 MB); else the smallest of them.
"""
import collections
import itertools
import os
import random
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib

from places import crc_suffix, go

TOOLS = ["unzip", "zip", "7z", "bsdtar", "funzip"]
SIGNATURES = [b"PK\3\4", b"PK\7\x08", b"PK\1\2", b"PK\5\5", b"PK\5\6", b"PK\6\6", b"PK\6\7", b"PK\6\x08", b"PK00"]
LOCAL, DESCRIPTOR, CENTRAL, END = b"PK\3\4", b"PK\7\x08", b"PK\1\2", b"PK\5\6"
LONGEST = 56 + 20  # a zip64 record and its locator
FULL = os.environ.get("HBCORE_FULL", "") == "1"
UNIT = 1 << 20
SEED = 17

Entry = collections.namedtuple("Entry", "kind seconds nanoseconds name content")


def file(name, content=b"content", seconds=1700000000, nanoseconds=0):
    """An entry that is a file."""
    return Entry("f", seconds, nanoseconds, name, content)


def data_of(content):
    """What the bridge makes of it: bytes, or "@N+HEX", N zeros and some bytes."""
    if not isinstance(content, str):
        return content
    zeros, _, rest = content[1:].partition("+")
    return bytes(int(zeros)) + bytes.fromhex(rest)


class Search:
    def __init__(self, bridge, work):
        self.bridge, self.work, self.count, self.failures = bridge, work, 0, []

    def bridge_run(self, mode, text):
        return subprocess.run([self.bridge, mode], input=text.encode(), check=True, stdout=subprocess.PIPE).stdout.decode()

    def write(self, archives):
        """Of (sink, trailer, entries) each; returns the paths."""
        lines, paths = [], []
        for sink, trailer, entries in archives:
            paths.append(os.path.join(self.work, f"{self.count}.zip"))
            self.count += 1
            lines.append(f"archive {sink} {paths[-1]} {trailer.hex() or '-'}\n")
            for entry in entries:
                content = entry.content if isinstance(entry.content, str) else entry.content.hex() or "-"
                lines.append(f"entry {entry.kind} {entry.seconds} {entry.nanoseconds} {entry.name.hex()} {content}\n")
        self.bridge_run("archives", "".join(lines))
        return paths

    def fail(self, judge, path, text):
        self.failures.append(f"{judge}: {path}: {text[:400]}")


# ---- which bytes can be chosen ----

# Kinds of time, by the fields that they are stored in.
TIMES = {
    "whole seconds": lambda draw: (draw.randrange(1 << 31), 0),
    "nanoseconds": lambda draw: (draw.randrange(1 << 31), draw.randrange(1, 10**9)),
    "before 1970": lambda draw: (-draw.randrange(1, 1 << 33), 0),
    "NTFS": lambda draw: (draw.randrange(1 << 31, 1 << 39), draw.randrange(1, 10**7) * 100),
    "beyond NTFS": lambda draw: (draw.randrange(1 << 41, 1 << 62), draw.randrange(1, 10**9)),
}
NAMES = {  # short and long, ASCII, UTF-8, and bytes that are neither
    "one byte": lambda draw: bytes([draw.choice(b"abcPK\1\5\6\7xyz")]),
    "ASCII": lambda draw: bytes(draw.choice(range(1, 128)) for _ in range(90)).replace(b"/", b"P"),
    "UTF-8": lambda draw: "".join(chr(draw.randrange(0x100, 0x7ff)) for _ in range(45)).encode(),
    "bytes": lambda draw: b"\xff" + bytes(draw.choice(range(1, 256)) for _ in range(89)).replace(b"/", b"P"),
}
KINDS = {
    "empty": ("f", lambda draw: b""),
    "stored": ("f", lambda draw: draw.randbytes(100)),
    "deflated": ("f", lambda draw: bytes([draw.randrange(256)]) * 1000),
    "units, into a file": ("f", lambda draw: f"@{UNIT}+{draw.randbytes(1000).hex()}"),
    "units, on a pipe": ("f", lambda draw: f"@{UNIT}+{draw.randbytes(1000).hex()}"),  # others are written the same there
    "link": ("l", lambda draw: bytes(draw.choice(range(1, 256)) for _ in range(100))),
    "directory": ("d", lambda draw: b""),
}
TRAILERS = {"no trailer": lambda draw: b"", "trailer": lambda draw: draw.randbytes(200)}
DRAWS = 4  # a byte that can be chosen is the same in all of them once in millions of times


def positions(data):
    """Of the records: the end record's, the directory's, and (local header, end of data) of each entry."""
    end = len(data) - 22
    start, = struct.unpack_from("<L", data, end + 16)
    at, headers, entries = start, [], []
    while data[at:at + 4] == CENTRAL:
        headers.append(at)
        packed, = struct.unpack_from("<L", data, at + 20)
        lengths = struct.unpack_from("<HHH", data, at + 28)
        local, = struct.unpack_from("<L", data, at + 42)
        extent = local + 30 + sum(struct.unpack_from("<HH", data, local + 26)) + packed
        entries.append((local, extent, struct.unpack_from("<H", data, local + 6)[0] & 8 != 0))
        at += 46 + sum(lengths)
    return end, start, headers, entries, at


def looks(data):
    """(place, the signature that is due or None) of all readers."""
    end, start, headers, entries, behind = positions(data)
    yield 0, LOCAL
    yield end, END
    yield end - 20, None  # a locator; only one leads to a zip64 record
    for header in headers:
        yield header, CENTRAL
    yield behind, END  # Info-ZIP and 7-Zip look for a signature, zip64 records and the end
    for number, (local, extent, described) in enumerate(entries):
        yield local, LOCAL
        if described:
            yield extent, DESCRIPTOR
            extent += 16
        if number + 1 < len(entries):
            yield extent, LOCAL
        elif extent == start:
            yield extent, CENTRAL


def shapes():
    for kind, clock, name, trailer, sink in itertools.product(KINDS, TIMES, NAMES, TRAILERS, ("file", "pipe")):
        if (sink == "file") == (kind != "units, on a pipe"):
            yield kind, clock, name, trailer, sink


def draw_one(draw, shape):
    kind, clock, name, trailer, sink = shape
    letter, content = KINDS[kind]
    entries = []
    for first in b"12":
        chosen = NAMES[name](draw)
        chosen = chosen if name == "one byte" else chosen[:-1] + bytes([first])
        while entries and chosen == entries[0].name:
            chosen = NAMES[name](draw)
        entries.append(Entry(letter, *TIMES[clock](draw), chosen, content(draw)))
    return sink, TRAILERS[trailer](draw), entries


def proof(search):
    """Content cannot change what is found at any place where a reader looks."""
    draw, groups = random.Random(SEED), list(shapes())
    for some in (groups[at:at + 40] for at in range(0, len(groups), 40)):
        paths = search.write([draw_one(draw, shape) for shape in some for _ in range(DRAWS)])
        for number, shape in enumerate(some):
            read = []
            for path in paths[number * DRAWS:(number + 1) * DRAWS]:
                with open(path, "rb") as opened:
                    read.append(opened.read())
                os.unlink(path)
            check_looks(search, shape, read)
    return f"{len(groups)} shapes, each with {DRAWS} draws"


def check_looks(search, shape, read):
    # Lengths may differ from draw to draw, so the places are compared one by one, in the order of looks().
    for row in zip(*(list(looks(data)) for data in read)):
        signature = row[0][1]
        found = [data[place:place + 4] for data, (place, _) in zip(read, row)]
        fixed = [len({four[i] for four in found}) == 1 for i in range(4)]
        if signature is not None:
            good = all(fixed) and found[0] == signature
        else:
            good = all(any(fixed[i] and found[0][i] != other[i] for i in range(4)) for other in SIGNATURES)
        if not good or any(due != signature for _, due in row):
            search.fail("proof", " ".join(shape), f"{row[0]}: {found}")


# ---- the gap ----

def gap(search):
    """No trailer becomes what a reader of a stream looks for."""
    blocks = [bytes(some) for size in range(1, 5) for some in itertools.product(b"PK\3\x1fx", repeat=size)]
    blocks += [(b"x" * at + signature + b"x" * 30)[:34] for signature in SIGNATURES for at in range(31)]
    blocks += [block[-at:] for block in (b"xxPK\3\4P", b"PKPK\5\6PK", b"P\0K\3\4\0P") for at in range(1, 9)]
    paths = search.write([("file", block, [file(b"f", b"")]) for block in blocks])
    lines = iter(search.bridge_run("show", "".join(f"{path}\n" for path in paths)).splitlines())
    for path, block in zip(paths, blocks):
        with open(path, "rb") as opened:
            data = opened.read()
        os.unlink(path)
        _, start, _, entries, _ = positions(data)
        between = data[entries[-1][1]:start]
        if any(between[at:at + 2] == b"PK" and max(between[at + 2:at + 4]) < 32 for at in range(len(between) - 3)):
            search.fail("gap", block.hex(), between.hex())
        found = [next(lines), next(lines)]
        if found[1] != f"trailer {len(block)} {zlib.crc32(block):08x}":
            search.fail("ourselves", block.hex(), " ".join(found))
    return f"{len(blocks)} trailers"


# ---- every signature in everything that can be chosen, read by all ----

def placed(signature, size=LONGEST):
    """At each distance from the start, and at each from the end; whole, and begun at the very end."""
    own = b"%x" % SIGNATURES.index(signature)
    for at in range(size):
        yield b"z" * at + signature + own + b"%04x" % at
        yield own + b"%04x" % at + signature + b"z" * at
    for part in range(1, 4):
        yield b"part" + own + signature[:part]


def numbers(tag):
    """Signatures as times and checksums. Ticks of NTFS and our seconds have them at each of their bytes."""
    for i, signature in enumerate(SIGNATURES):
        value, = struct.unpack("<L", signature)
        yield file(b"%s seconds %d" % (tag, i), b"1", value)
        yield file(b"%s nanoseconds %d" % (tag, i), b"2", 1700000000, value)
        yield file(b"%s both %d" % (tag, i), b"3", value, value)
        for at in range(5):
            ticks = value << 8 * at | (0 if at == 4 else 2 << 56)
            yield file(b"%s ticks %d %d" % (tag, i, at), b"4", ticks // 10**7 - 11644473600, ticks % 10**7 * 100)
            yield file(b"%s beyond %d %d" % (tag, i, at), b"5", value << 8 * at | (0 if at == 4 else 1 << 61))
        for size in (0, 3, UNIT + 1):
            yield file(b"%s crc %d %d" % (tag, i, size), f"@{size}+{crc_suffix(zlib.crc32(bytes(size)), value).hex()}")
    yield file(b"%s MS-DOS" % tag, b"6", 1074244592)  # 2004-01-16 09:26:32: "PK00"


def whole_records():
    """Records that fit: a reader that came there would go on with them."""
    local = LOCAL + struct.pack("<HHHHHLLLHH", 20, 0, 0, 0, 33, zlib.crc32(b"EVIL"), 4, 4, 4, 0) + b"evilEVIL"
    central = CENTRAL + struct.pack("<HHHHHHLLLHHHHHLL", 20, 20, 0, 0, 0, 33, zlib.crc32(b"EVIL"), 4, 4, 4, 0, 0, 0, 0,
                                    0, 0) + b"evil"
    end = END + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(central), len(local), 0)
    wide = b"PK\6\6" + struct.pack("<QHHLLQQQQ", 44, 45, 45, 0, 0, 1, 1, len(central), len(local))
    locator = b"PK\6\7" + struct.pack("<LQL", 0, len(local) + len(central), 1)
    descriptor = DESCRIPTOR + struct.pack("<LLL", 0, 0, 0)
    yield from (local, central, end, wide + locator, descriptor, local + central + end,
                local + central + wide + locator + end, descriptor + local, b"PK00" + local, b"PK\7\x08" + local,
                b"PK\6\x08" + struct.pack("<L", 0) + local, b"PK\5\5" + struct.pack("<H", 0) + end)


def entries_inside():
    for signature in SIGNATURES:
        for number, text in enumerate(placed(signature)):
            if number % 2 == 0 or number > 2 * LONGEST - 1:
                yield Entry("l", 1700000000, 0, b"link%d" % number + signature, text)
            yield file(text)
            yield file(b"%d" % number + signature + b"content", text)
    for number, record in enumerate(whole_records()):
        yield file(b"record %d" % number, record)
        yield file(b"end of record %d" % number, random.Random(SEED).randbytes(200) + record)
        yield file(b"long record %d" % number, f"@{UNIT}+{(random.Random(SEED).randbytes(200) + record).hex()}")
        yield Entry("d", 1700000000, 0, b"directory %d" % number + SIGNATURES[number % len(SIGNATURES)], b"")
    yield from numbers(b"number")


def sizes():
    """The content of these is zeros, and its size a signature."""
    values = sorted(struct.unpack("<L", signature)[0] for signature in SIGNATURES)
    for value in values if FULL else values[:1]:
        yield file(b"size %d" % value, f"@{value}")


def counted():
    """The number of entries is "PK", and the length of the directory goes on with each signature."""
    count, = struct.unpack("<H", b"PK")
    names = [b"%05d" % i for i in range(count)]
    bytes_ = count * (46 + 5 + 9) + 20  # a time of whole seconds takes 9 bytes, the mark 20
    for signature in (END,) if not FULL else SIGNATURES:
        wanted, = struct.unpack("<H", signature[2:])
        more = (wanted - bytes_) % 65536
        longer, left = list(names), more
        for i in range(count):
            step = min(left, 200)
            longer[i] += b"n" * step
            left -= step
        yield [file(name, b"") for name in longer]


def inside(search):
    """All readers find all names and all bytes."""
    archives = [(sink, b"trailer", list(entries_inside()) + (list(sizes()) if sink == "file" else []))
                for sink in ("file", "pipe")]
    archives += [("file", b"", entries) for entries in counted()]
    paths = search.write(archives)
    for path, (_, trailer, entries) in zip(paths, archives):
        if len({entry.name for entry in entries}) != len(entries):
            raise SystemExit("two entries have one name")
        ourselves(search, path, trailer, entries)
        python(search, path, entries)
        programs(search, path, entries)
    readers = libraries(search, paths, archives)
    return f"{sum(len(entries) for _, _, entries in archives)} entries; {readers}"


def ourselves(search, path, trailer, entries):
    lines = search.bridge_run("show", path + "\n").splitlines()
    wanted = [f"{entry.kind} {entry.seconds} {entry.nanoseconds} {entry.name.hex()} {len(data_of(entry.content))} "
              f"{zlib.crc32(data_of(entry.content)):08x}" for entry in entries]
    wanted.append(f"trailer {len(trailer)} {zlib.crc32(trailer):08x}")
    for line, due in itertools.zip_longest(lines, wanted):
        if line != due:
            return search.fail("ourselves", path, f"{due} became {line}")


def python(search, path, entries):
    with zipfile.ZipFile(path) as opened:
        infos = opened.infolist()
        if len(infos) != len(entries):
            return search.fail("Python", path, f"{len(infos)} of {len(entries)} entries")
        for info, entry in zip(infos, entries):
            name = info.orig_filename.encode("utf-8" if info.flag_bits & 0x800 else "cp437")
            kind = "d" if info.is_dir() else "l" if stat.S_ISLNK(info.external_attr >> 16) else "f"
            if (kind, name.rstrip(b"/")) != (entry.kind, entry.name) or opened.read(info) != data_of(entry.content):
                search.fail("Python", path, f"{entry.name} became {name}, or has another content")


def run(command, data=None):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          env={**os.environ, "LC_ALL": "C.UTF-8"})


def programs(search, path, entries):
    """What they write to standard output is all contents, one after the other."""
    everything = b"".join(data_of(entry.content) for entry in entries)
    files = b"".join(data_of(entry.content) for entry in entries if entry.kind == "f")
    with open(path, "rb") as opened:
        data = opened.read()
    first = next(data_of(entry.content) for entry in entries if entry.kind != "d")
    for command, piped, wanted in (
            (["unzip", "-pqq", path], None, everything), (["7z", "x", "-so", path], None, everything),
            (["bsdtar", "-xOf", path], None, files),
            (["bsdtar", "-xOf", "-"], data, everything),  # from a pipe it cannot know what is a link
            (["funzip"], data, first)):
        done = run(command, piped)
        # funzip says that it passes over all others.
        if done.stdout != wanted or (done.returncode != 0 and command[0] != "funzip"):
            search.fail(" ".join(command), path, f"exit {done.returncode}, {len(done.stdout)} of {len(wanted)} bytes, "
                        f"{done.stderr[-200:]}")
    for command in (["zip", "-qT", path], ["unzip", "-tqq", path], ["7z", "t", path]):
        done = run(command)
        text = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode != 0 or "arning" in text or "rror" in text.replace("Errors: 0", ""):
            search.fail(" ".join(command[:2]), path, f"exit {done.returncode}, {text[-300:]}")
    for command, piped in ((["unzip", "-Z1", path], None), (["bsdtar", "-tf", path], None), (["bsdtar", "-tf", "-"], data)):
        found = len(run(command, piped).stdout.splitlines())
        if found != len(entries):
            search.fail(" ".join(command[:2]), path, f"lists {found} of {len(entries)} entries")


def java():
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "Readers.java")
    return ["java", "-Xshare:auto", "-XX:TieredStopAtLevel=1", source]


def libraries(search, paths, archives):
    """Each reads all archives in one process. Where one lacks, the tests do without."""
    done = []
    reader = go(search.work)
    if reader is not None:
        library(search, paths, archives, [reader], ["archive/zip"])
    done.append("no gccgo-12 here" if reader is None else "Go, too")
    if shutil.which("java") is not None:
        compiled = library(search, paths, archives, java(), ["ZipFile", "ZipInputStream"])
        done.append("Java, too" if compiled else "no Java compiler here")
    else:
        done.append("no java here")
    return ", ".join(done)


def library(search, paths, archives, command, readers):
    """It writes a line for each archive and reader. False: it could not be compiled."""
    done = run(command, "".join(f"{path}\n" for path in paths).encode())
    if done.returncode != 0 and not done.stdout and b"rror:" in done.stderr:
        return False
    lines = iter(done.stdout.decode().splitlines())
    for path, (_, _, entries) in zip(paths, archives):
        for reader in readers:
            wanted = [f"{reader} {path}"]
            for entry in entries:
                name = entry.name + (b"/" if entry.kind == "d" else b"")
                wanted.append(f"{name.hex()} {len(data_of(entry.content))} {zlib.crc32(data_of(entry.content))}")
            line = next(lines, "nothing")
            if line != " ".join(wanted):
                search.fail(reader, path, line)
    return True


def main():
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        print("skipped: not installed:", *missing)
        return 77
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", os.getcwd())) as work:
        search = Search(os.path.abspath(sys.argv[1]), work)
        for part in proof, gap, inside:
            began = time.monotonic()
            print(f"{part.__name__}: {part(search)}, {time.monotonic() - began:.1f} s", flush=True)
    for failure in search.failures[:20]:
        print(failure)
    print(f"{len(search.failures)} failures")
    return 1 if search.failures else 0


if __name__ == "__main__":
    sys.exit(main())
