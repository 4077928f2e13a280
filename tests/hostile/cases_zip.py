# SPDX-License-Identifier: Apache-2.0
"""Zip archives made in bad faith. What each does to an empty home: exit code and files."""
import json
import struct
import zlib

from build import (DIRECTORY, LINK, Member, content_hash, deflate, end_64, end_record, entry_hash, extra,
                   section, trailer, zip_gap, zip_of)
from case import Case, collect

HOME = Member("config.yaml", "x")  # what makes it a backup of such a home
X = {"config.yaml": "x"}
CASES = []


def add(name, data, code, files=None, **keywords):
    CASES.append(Case(name, data, code, files, suffix=".zip", **keywords))


def bad_name(name, path, code=3, settings=(), **keywords):
    """One member of that name among good ones; with 3 the others are restored."""
    files = {**X, "after": "good"} if code != 1 else None
    add(name, lambda where: zip_of(HOME, Member(where.path(path), "EVIL", **keywords),
                                   Member("after", "good")), code, files, settings=list(settings))


# ---- names ----

bad_name("absolute", "{outside}/absolute")
bad_name("absolute over a file", "{outside}/file")
bad_name("absolute, two slashes", "/{outside}/absolute")
bad_name("dot-dot", "../outside/new")
bad_name("dot-dot over a file", "../outside/file")
bad_name("dot-dot inside", "sub/../../outside/file")
bad_name("dot-dot that stays inside", "sub/../inside")
bad_name("dot-dot alone", "..")
bad_name("dot-dot at the end", "sub/..")
bad_name("dot and dot-dot", "./../outside/file")
bad_name("many dot-dots", "../" * 60 + "{outside}/file")
bad_name("empty component and dot-dot", "sub//../file")
bad_name("dot component and dot-dot", "sub/./../../outside/file")
add("empty and dot components", zip_of(HOME, Member("sub//file", "odd"), Member("sub/.//./other", "odd")), 0,
    {**X, "sub/file": "odd", "sub/other": "odd"})
bad_name("component over 255 bytes", "c" * 256)
bad_name("path over 4096 bytes", "/".join(["deep"] * 1000), 1, settings=["import.max-path=4096"])
bad_name("too deep", "/".join("d" * 300), settings=["import.max-depth=200"])
bad_name("no name", b"", 1)
bad_name("a slash for a name", b"/", 0)
bad_name("NUL in the name", b"safe\0/../../outside/file", 1)
bad_name("name of 65,535 bytes", b"n" * 65535)
bad_name("name of 65,535 bytes, where 4096 are allowed", b"n" * 65535, 1, settings=["import.max-path=4096"])
for maker in (0, 3, 10, 11):  # MS-DOS, UNIX, NTFS
    add(f"backslashes lead outside, by {maker}", zip_of(HOME, Member("..\\outside\\file", "odd", maker=maker)),
        3, X)
    add(f"backslashes lead outside from below, by {maker}",
        zip_of(HOME, Member("sub\\..\\..\\outside\\file", "odd", maker=maker)), 3, X)
    add(f"a drive and a backslash, by {maker}", zip_of(HOME, Member("C:\\file", "odd", maker=maker)), 3, X)
    add(f"a drive and a slash, by {maker}", zip_of(HOME, Member("c:/file", "odd", maker=maker)), 3, X)
add("backslashes on UNIX are a name", zip_of(HOME, Member("sub\\file", "odd")), 0, {**X, "sub\\file": "odd"})
add("backslashes on Windows are directories", zip_of(HOME, Member("sub\\file", "odd", maker=0)), 0,
    {**X, "sub/file": "odd"})
add("an absolute path with backslashes", zip_of(HOME, Member("\\file", "odd", maker=0)), 3, X)
add("drive letter on Windows", zip_of(HOME, Member("C:file", "odd", maker=0)), 3, X)
add("drive letter is a name", zip_of(HOME, Member("C:file", "odd")), 0, {**X, "C:file": "odd"})
add("control bytes in the name", zip_of(HOME, Member(b"a\x1b[31m\nb", "odd")), 0,
    {**X, "a\x1b[31m\nb": "odd"})
add("refused name with control bytes", zip_of(HOME, Member(b"../\x1b]0;title\x07\n", "odd")), 3, X)
add("no UTF-8 although it says so", zip_of(HOME, Member(b"\xff\xfe", "odd", flags=2048)), 0,
    {**X, b"\xff\xfe": "odd"})
add("Unicode field leads outside", zip_of(HOME, Member(
    "safe", "EVIL", central_extra=extra(0x7075, b"\1" + struct.pack("<I", zlib.crc32(b"safe"))
                                        + b"../outside/file"))), 3, X)
add("Unicode field with a NUL", zip_of(HOME, Member(
    "safe", "EVIL", central_extra=extra(0x7075, b"\1" + struct.pack("<I", zlib.crc32(b"safe"))
                                        + b"a\0b"))), 1)
add("names that differ in case", zip_of(HOME, Member("Sub/a", "1"), Member("sub/a", "2"),
                                        Member("SUB", "3")), 0,
    {**X, "Sub/a": "1", "sub/a": "2", "SUB": "3"})
add("the name of a stage", zip_of(HOME, Member(".hbcore-stage-0123456789abcdef/journal", "EVIL")), 3,
    X)
add("the name of a stage below", zip_of(HOME, Member("sub/.hbcore-stage-0123456789abcdef/", "",
                                                     mode=DIRECTORY)), 3, X)

# ---- two of one name ----

add("duplicate", zip_of(HOME, Member("twice", "first"), Member("twice", "second")), 0,
    {**X, "twice": "second"})
add("duplicate with ./", zip_of(HOME, Member("twice", "first"), Member("./twice", "second")), 0,
    {**X, "twice": "second"})
add("a file and a directory", zip_of(HOME, Member("both", "file"), Member("both/", mode=DIRECTORY)),
    0)
add("a directory and a file", zip_of(HOME, Member("both/", mode=DIRECTORY), Member("both", "file")),
    0)
add("a file below a file", zip_of(HOME, Member("both", "file"), Member("both/below", "EVIL")), 3)
add("a file over its directory", zip_of(HOME, Member("both/below", "file"), Member("both", "EVIL")),
    3)
add("wrapper twice", zip_of(Member(".hermes/config.yaml", "x"),
                            Member(".hermes/../../outside/file", "EVIL")), 3, None)

# ---- types ----

add("symbolic link", zip_of(HOME, Member("special", "/etc/passwd", mode=LINK), Member("after", "good")), 3,
    {**X, "after": "good"})
for kind, bits in {"pipe": 0o010644, "character device": 0o020644, "block device": 0o060644,
                   "socket": 0o140644}.items():
    add(f"{kind} with content", zip_of(HOME, Member("special", "/etc/passwd", mode=bits)), 0,
        {**X, "special": "/etc/passwd"})
    add(kind, zip_of(HOME, Member("special", mode=bits), Member("after", "good")), 3, {**X, "after": "good"})
add("through a link of the archive", lambda where: zip_of(
    HOME, Member("way", where.path("{outside}"), mode=LINK), Member("way/file", "EVIL")), 3)
add("through a link, restored", lambda where: zip_of(
    HOME, Member("way", where.path("{outside}"), mode=LINK), Member("way/file", "EVIL")), 3,
    generic=True)
add("a link after the file below it", lambda where: zip_of(
    HOME, Member("way/file", "EVIL"), Member("way", where.path("{outside}"), mode=LINK)), 3,
    generic=True)
add("a link, then a file of its name", lambda where: zip_of(
    HOME, Member("way", where.path("{outside}/file"), mode=LINK), Member("way", "good")), 0,
    {**X, "way": "good"}, generic=True)
add("a link to the home's parent, then through it", zip_of(
    HOME, Member("up", "..", mode=LINK), Member("up/outside/file", "EVIL")), 3, generic=True)
add("a link with a NUL", zip_of(HOME, Member("link", b"a\0b", mode=LINK)), 3, X)
add("a link to nothing", zip_of(HOME, Member("link", b"", mode=LINK)), 3, X)
add("a link of 5,000 bytes", zip_of(HOME, Member("link", b"t" * 5000, mode=LINK)), 3, X)
add("a link that cannot be unpacked", zip_of(HOME, Member("link", b"BZh", mode=LINK, method=12)), 1)
add("setuid, setgid, sticky", zip_of(HOME, Member("tool", "#!", mode=0o107755)), 0,
    {**X, "tool": "#!"}, modes={"tool": 0o755})
add("a directory that all may write to", zip_of(HOME, Member("open/", mode=0o041777)), 0, X,
    modes={"open": 0o1777})
add("a directory with content", zip_of(HOME, Member("sub/", "EVIL", mode=DIRECTORY)), 0, X)
add("a file with the mode of a directory", zip_of(HOME, Member("sub", "good", mode=DIRECTORY)), 0,
    {**X, "sub": "good"})
add("the home itself as a directory", zip_of(HOME, Member("./", mode=0o040000)), 0, X)

# ---- the headers against each other ----

for field, value in {"name": b"other", "bytes": 5, "packed": 3, "crc": 1, "method": 8,
                     "flags": 1}.items():
    add(f"local {field} differs", zip_of(HOME, Member("again", "text", local={field: value})), 1)
add("local name leads outside", zip_of(HOME, Member("sub/ab", "EVIL",
                                                    local={"name": b"../abc"})), 1)
add("directory's local name differs", zip_of(HOME, Member("one/", mode=DIRECTORY,
                                                          local={"name": b"two/"})), 1)
add("no local header", zip_of(HOME, Member("again", "text", central={"offset": 7})), 1)
add("offset beyond the end", zip_of(HOME, Member("again", "text", central={"offset": 1 << 31})), 1)
add("two names for one local header", zip_of(HOME, Member("good", "text"),
                                             Member("evil", "text", central={"offset": 42})), 1)
add("overlap by one byte", zip_of(HOME, Member(
    "again", "text", central={"packed": 5, "bytes": 5}, local={"packed": 5, "bytes": 5}),
    Member("next", "text")), 1)
add("quoted entries", zip_of(Member("config.yaml", Member("inner", "EVIL" * 100).local_part()),
                             Member("inner", "EVIL" * 100, central={"offset": 41})), 1)
add("reaches into the directory", zip_of(HOME, Member("long", b"t", central={"packed": 40,
                                                                           "bytes": 40})), 1)

# ---- sizes and checksums ----

BOMB = deflate(bytes(50 << 20))
add("more than it declares", zip_of(HOME, Member(
    "bomb", b"z" * 10, packed=BOMB, local={"method": 8}, central={"method": 8})), 1)
add("less than it declares", zip_of(HOME, Member(
    "short", b"z" * 10, method=8, local={"bytes": 11}, central={"bytes": 11})), 1)
add("stored, with two sizes", zip_of(HOME, Member(
    "stored", b"z" * 10, local={"bytes": 11}, central={"bytes": 11})), 1)
add("wrong checksum, both headers", zip_of(HOME, Member("again", "text", local={"crc": 7},
                                                        central={"crc": 7})), 1)
add("junk after the deflate stream", zip_of(HOME, Member(
    "again", "text", method=8, packed=deflate(b"text") + b"junk")), 1)
add("no deflate stream", zip_of(HOME, Member("again", "text", method=8, packed=b"\xff" * 9)), 1)
add("a thousand to one is no crime", zip_of(HOME, Member("zeros", bytes(1 << 20), method=8)), 0)
FULL_64 = {"bytes": 0xFFFFFFFF, "packed": 0xFFFFFFFF}
add("an exabyte", zip_of(HOME, Member(
    "huge", b"", method=8, packed=deflate(b""), local={"bytes": 0xFFFFFFFF, "extra": extra(
        1, struct.pack("<QQ", 1 << 60, 2))},
    central={"bytes": 0xFFFFFFFF, "extra": extra(1, struct.pack("<Q", 1 << 60))})), 1)
add("sizes whose sum wraps around", zip_of(HOME, *(Member(
    f"huge{i}", b"", method=8, packed=deflate(b""), local={"bytes": 0xFFFFFFFF, "extra": extra(
        1, struct.pack("<QQ", 1 << 63, 2))},
    central={"bytes": 0xFFFFFFFF, "extra": extra(1, struct.pack("<Q", 1 << 63))})
    for i in range(2))), 1)
add("data descriptor that lies", zip_of(HOME, Member(
    "again", "text", flags=8, local={"crc": 0, "packed": 0, "bytes": 0},
    descriptor=struct.pack("<IIII", 0x08074B50, 1, 2, 3))), 1)
add("data descriptor", zip_of(HOME, Member(
    "again", "text", flags=8, local={"crc": 0, "packed": 0, "bytes": 0},
    descriptor=struct.pack("<IIII", 0x08074B50, zlib.crc32(b"text"), 4, 4))), 0,
    {**X, "again": "text"})

# ---- what cannot be read ----

add("encrypted", zip_of(HOME, Member("again", "text", flags=1)), 3, X)
add("strongly encrypted", zip_of(HOME, Member("again", "text", flags=64 | 1)), 3, X)
add("unknown method", zip_of(HOME, Member("again", "text", method=77)), 3, X)
add("a patch", zip_of(HOME, Member("again", "text", flags=32)), 3, X)

# ---- zip64 ----

add("zip64 field too short", zip_of(HOME, Member(
    "again", "text", central={**FULL_64, "extra": extra(1, struct.pack("<Q", 4))})), 1)
add("zip64 offset beyond the end", zip_of(HOME, Member(
    "again", "text", central={"offset": 0xFFFFFFFF,
                              "extra": extra(1, struct.pack("<Q", (1 << 64) - 1))})), 1)
add("zip64 record contradicts", zip_of(HOME, wide={"count": 2, "here": 2}), 1)
add("zip64 locator to nowhere", zip_of(HOME, wide={"record": 1 << 40}), 0, X)
add("zip64 with a billion entries", zip_of(HOME, wide={"count": 1 << 30, "here": 1 << 30},
                                           count=65535, here=65535), 1)
add("zip64 directory of 2^63 bytes", zip_of(HOME, wide={"size": 1 << 63}, size=0xFFFFFFFF), 1)
add("zip64 on two disks", zip_of(HOME, wide={"disk": 1, "disks": 2}), 1)

# ---- the end record ----

add("fewer entries than there are", zip_of(HOME, Member("hidden", "EVIL"), count=1, here=1), 1)
add("more entries than there are", zip_of(HOME, count=3, here=3), 1)
add("directory beyond the end", zip_of(HOME, offset=1 << 31), 1)
add("directory too long", zip_of(HOME, size=1 << 31), 1)
add("one disk of several", zip_of(HOME, disk=1, first=1), 1)
add("a member on another disk", zip_of(HOME, Member("again", "text", central={"disk": 1})), 1)
add("no entries", zip_of(), 1)
add("an archive in the comment", zip_of(HOME, Member("outer", "outer"),
                                        comment=zip_of(HOME, Member("inner", "inner"))), 0,
    {**X, "inner": "inner"})
add("an end record of zeros", zip_of(HOME, count=0, here=0, size=0, offset=0), 1)
add("an empty archive in the comment", zip_of(HOME, comment=end_record(0, 0, 0)), 0, X)
add("an end record in the comment", zip_of(HOME, comment=end_record(0, 0, 0) + b"!"), 0, X)
add("something in front", zip_of(HOME, before=b"#!/bin/sh\nexit 1\n"), 0, X)
add("something in front, not counted", b"#!/bin/sh\n" + zip_of(HOME), 0, X)
add("something behind", zip_of(HOME) + b"junk", 0, X)
add("something in front and behind", b"#!/bin/sh\n" + zip_of(HOME) + b"junk", 0, X)
add("more behind than a comment can be", zip_of(HOME) + b"j" * 65536, 1)
add("the end is gone, but not that of a stored zip", zip_of(
    HOME, Member("stored", zip_of(HOME, Member("evil", "EVIL"))), Member("after", "good"))[:-22] + b"junk", 1)
add("two archives", zip_of(HOME, Member("first", "1")) + zip_of(HOME, Member("second", "2")), 0,
    {**X, "second": "2"})
add("only an end record", end_record(0, 0, 0), 1)
add("only zip64 end records", end_64(0, 0, 0, 0) + end_record(0xFFFF, 0, 0xFFFFFFFF), 1)
add("extra field that does not parse", zip_of(HOME, Member("again", "text",
                                                           central_extra=b"\1\2\3\4\5")), 0,
    {**X, "again": "text"})
add("times that cannot be", zip_of(HOME, Member(
    "again", "text", central={"time": 0xFFFFFFFF, "extra": extra(
        0x6268, b"\1\3" + struct.pack("<qI", 1 << 62, 999_999_999))})), 0, {**X, "again": "text"})
add("nanoseconds that cannot be", zip_of(HOME, Member(
    "again", "text", central_extra=extra(0x6268, b"\1\3" + struct.pack("<qI", 5, 0xFFFFFFFF)))), 0,
    {**X, "again": "text"})


def truncations():
    """Cut at the start and within each structure."""
    whole = zip_of(HOME, Member("again", "text" * 9, method=8), gap=zip_gap(trailer()))
    directory = whole.index(b"PK\1\2")
    for at in (1, 4, 30, 41, 42, 60, directory - 1, directory, directory + 46, len(whole) - 23,
               len(whole) - 22, len(whole) - 1):
        add(f"cut off at byte {at}", whole[:at], 1)


truncations()

# ---- trailers ----


def summary(**fields):
    row = {"entries": 1, "incomplete": False, "skipped": [], "doubtful": [], **fields}
    return section(1, json.dumps(row).encode())


STAMP = extra(0x5455, b"\1" + struct.pack("<i", 1_700_000_000))
STAMPED = Member("config.yaml", "x", central_extra=STAMP)
RIGHT = entry_hash("config.yaml", b"x")


def forged(name, block, code, files=None, **keywords):
    add(f"trailer: {name}", zip_of(STAMPED, gap=zip_gap(block)), code, files, **keywords)


forged("right", trailer(summary(), section(2, RIGHT)), 0, X)
forged("of another archive", trailer(summary(), section(2, entry_hash("other", b"x"))), 1)
forged("for more entries", trailer(summary(), section(2, RIGHT * 2)), 1)
forged("for none", trailer(summary(), section(2, b"")), 1)
forged("hashes twice", trailer(summary(), section(2, RIGHT), section(2, RIGHT)), 1)
forged("summary twice", trailer(summary(), summary(incomplete=True), section(2, RIGHT)), 3)
forged("no summary", trailer(section(2, RIGHT)), 1)
forged("no hashes", trailer(summary()), 1)
forged("wrong checksum", trailer(summary(), section(2, RIGHT), checksum=1), 1)
forged("section beyond the end", trailer(summary(), section(2, RIGHT, length=1 << 40)), 1)
forged("section of 2^64 bytes", trailer(summary(), section(2, RIGHT, length=(1 << 64) - 1)), 1)
forged("half a hash", trailer(summary(), section(2, RIGHT[:5])), 1)
forged("no JSON", trailer(section(1, b"{]"), section(2, RIGHT)), 1)
forged("nested deeper than any stack", trailer(section(1, b"[" * 100_000), section(2, RIGHT)), 1)
forged("an unknown section", trailer(summary(), section(77, b"what"), section(2, RIGHT)), 0, X)
forged("contents", trailer(summary(), section(2, RIGHT), section(5, content_hash(b"x"))), 0, X)
forged("contents in front", trailer(summary(), section(5, content_hash(b"x")), section(2, RIGHT)), 0, X)
forged("contents of another", trailer(summary(), section(2, RIGHT), section(5, content_hash(b"y"))), 1)
forged("contents of more", trailer(summary(), section(2, RIGHT), section(5, content_hash(b"x") * 2)), 1)
forged("contents of none", trailer(summary(), section(2, RIGHT), section(5, b"")), 1)
forged("contents twice", trailer(summary(), section(2, RIGHT), section(5, content_hash(b"x")), section(5, content_hash(b"x"))), 1)
forged("half of the contents", trailer(summary(), section(2, RIGHT), section(5, content_hash(b"x")[:5])), 1)
forged("contents without metadata", trailer(summary(), section(5, content_hash(b"x"))), 1)
forged("reasons of another type", trailer(summary(incomplete=True, skipped=7, doubtful=[[]]),
                                          section(2, RIGHT)), 3)
forged("reasons with control bytes", trailer(
    summary(incomplete=True, skipped=[{"path": "\x1b]0;t\x07", "reason": "\x1b[2J"}]),
    section(2, RIGHT)), 3)


def forged_link(name, target, code):
    """Where a link leads is as much of an entry as its name."""
    links = entry_hash("way", b"", mode=0o777, kind=3, link=b"config.yaml")
    add(f"trailer: {name}", zip_of(STAMPED, Member("way", target, mode=LINK, central_extra=STAMP),
                                   gap=zip_gap(trailer(summary(entries=2), section(2, RIGHT + links)))),
        code, generic=True)


forged_link("a link as it was stored", "config.yaml", 0)
forged_link("a link that leads elsewhere", "elsewhere!!", 1)
add("trailer: longer than its gap", zip_of(STAMPED, gap=zip_gap(trailer(summary()), 1 << 40)), 1)
add("trailer: marked, but not there", zip_of(Member("config.yaml", "x",
                                                    central_extra=extra(0x7468, b"\1"))), 1)
add("trailer: within the last member", zip_of(HOME, Member(
    "last", zip_gap(trailer(summary(incomplete=True), section(2, RIGHT))))), 0)

# ---- bounds ----

add("more entries than allowed", zip_of(HOME, *(Member(f"f{i}", "x") for i in range(5))), 1,
    settings=["import.max-entries=5"])
add("more bytes than allowed", zip_of(HOME, Member("f", "x" * 5000)), 1,
    settings=["import.max-bytes=4096"])
add("a longer path than allowed", zip_of(HOME, Member("a" * 101, "x")), 1,
    settings=["import.max-path=100"])
add("more names than allowed", zip_of(HOME, *(Member(f"{i:0200}", "x") for i in range(30))), 1,
    settings=["import.max-names=4096"])

collect("zip", CASES)
