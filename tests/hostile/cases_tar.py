# SPDX-License-Identifier: Apache-2.0
"""Tar archives made in bad faith: plain, in zstd, and with the index and seek table of ours."""
import gzip
import struct

from build import (INDEX, SEEK, SKIPPABLE, TRAILER, base_256, frame, gnu_long, header, octal, pax,
                   record, section, skippable, tar_file, tar_of, trailer, xxh64, zeros_frame)
from case import Case, collect

HOME = tar_file("config.yaml", "x")
X = {"config.yaml": "x"}
AFTER = tar_file("after", "good")
BOTH = {**X, "after": "good"}
EVIL = b"EVIL"
CASES = []


def add(name, data, code, files=None, suffix=".tar", **keywords):
    CASES.append(Case(name, data, code, files, suffix=suffix, **keywords))


def among(name, parts, code=3, files="both", **keywords):
    """Something between good members. `parts`: bytes, or a function of Where that makes them."""
    if files == "both":
        files = BOTH if code != 1 else None

    def data(where):
        return tar_of(HOME, parts(where) if callable(parts) else parts, AFTER)
    add(name, data, code, files, **keywords)


def long_name(path):
    return pax(("path", path)) + tar_file("short", EVIL)


# ---- names, in each of the ways that a tar can say them ----

BAD = {"absolute": "{outside}/absolute", "over a file": "{outside}/file",
       "dot-dot": "../outside/file", "dot-dot inside": "sub/../../outside/file",
       "dot-dot alone": "..", "dot-dot at the end": "sub/..", "many dot-dots": "../" * 20 + "etc/x"}
for title, target in BAD.items():
    among(f"ustar name {title}", lambda w, t=target: tar_file(w.path(t), EVIL))
    among(f"pax path {title}", lambda w, t=target: long_name(w.path(t)))
    among(f"GNU long name {title}",
          lambda w, t=target: gnu_long(w.path(t)) + tar_file("short", EVIL))
among("ustar prefix leads outside", tar_file("file", EVIL, prefix=b"../outside"))
among("ustar prefix is absolute", lambda w: tar_file("file", EVIL, prefix=w.outside.encode()))
among("pax path with a NUL", long_name(b"sub\0/../../outside/file"), 1)
among("pax path without text", long_name(b""), 0, None)
among("pax path twice", pax(("path", "good"), ("path", "../outside/file")) + tar_file("s", EVIL))
among("pax path, then GNU long name",
      pax(("path", "inner")) + gnu_long("../outside/file") + tar_file("s", EVIL), 0, None)
among("GNU long name, then pax path",
      gnu_long("inner") + pax(("path", "../outside/file")) + tar_file("s", EVIL), 3, None)
among("global pax path", pax(("path", "../outside/file"), kind=b"g") + tar_file("s", EVIL), 0, None)
among("GNU.sparse.name leads outside", pax(
    ("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "../outside/file"),
    ("GNU.sparse.realsize", "4")) + tar_file("s", b"1\n0\n4\n".ljust(512, b"\0") + EVIL))
among("component over 255 bytes", long_name("c" * 256))
among("path over 4096 bytes", long_name("/".join(["deep"] * 1000)), 1, settings=["import.max-path=4096"])
among("too deep", long_name("/".join("d" * 300)), settings=["import.max-depth=200"])
among("no name", tar_file("", EVIL), 1)
among("control bytes in a refused name", tar_file(b"../\x1b]0;title\x07", EVIL))
among("backslashes are a name", tar_file("..\\outside\\file", "odd"), 0,
      {**BOTH, "..\\outside\\file": "odd"})
among("no UTF-8", tar_file(b"\xff\xfe", "odd"), 0, {**BOTH, b"\xff\xfe": "odd"})
among("names that differ in case", tar_file("Sub/a", "1") + tar_file("sub/a", "2"), 0,
      {**BOTH, "Sub/a": "1", "sub/a": "2"})
among("a trailing slash on a file", tar_file("sub/", EVIL), 1)
among("the name of a stage", tar_file(".hbcore-stage-0123456789abcdef/journal", EVIL))

# ---- two of one name ----

among("duplicate", tar_file("twice", "first") + tar_file("twice", "second"), 0,
      {**BOTH, "twice": "second"})
among("a file and a directory", tar_file("both", "file") + header("both/", kind=b"5"), 0, None)
among("a directory and a file", header("both/", kind=b"5") + tar_file("both", "file"), 0, None)
among("a file below a file", tar_file("both", "file") + tar_file("both/below", EVIL), 3, None)

# ---- links and special files ----

for title, kind in {"symbolic link": b"2", "character device": b"3", "block device": b"4",
                    "pipe": b"6"}.items():
    among(title, header("special", kind=kind, link=b"/etc/passwd"))
among("through a link of the archive", lambda w: header(
    "way", kind=b"2", link=w.outside) + tar_file("way/file", EVIL), 3, None)
among("through a link, restored", lambda w: header(
    "way", kind=b"2", link=w.outside) + tar_file("way/file", EVIL), 3, None, generic=True)
among("a directory, then a link of its name, then through it", lambda w: header(
    "way/", kind=b"5") + header("way", kind=b"2", link=w.outside) + tar_file("way/file", EVIL), 3, None,
      generic=True)
among("a link over the home", lambda w: header(".", kind=b"2", link=w.outside)
      + tar_file("file", EVIL), 3, None, generic=True)
among("a link without a target", header("link", kind=b"2"), 1)
among("a link to a target of 5,000 bytes", pax(("linkpath", "t" * 5000)) + header("l", kind=b"2"))
among("a link to a target of 5,000 bytes, where 4096 are allowed",
      pax(("linkpath", "t" * 5000)) + header("l", kind=b"2"), 1, settings=["import.max-path=4096"])
for title, target in {"absolute": "{outside}/private", "dot-dot": "../outside/private",
                      "a file of the home": "good", "itself": "hard", "the home": ".",
                      "an empty name": ""}.items():
    among(f"hard link to {title}", lambda w, t=target: header("hard", kind=b"1", link=w.path(t)))
among("hard link to a member", tar_file("twice", "data") + header("hard", kind=b"1", link=b"twice"),
      0, {**BOTH, "twice": "data", "hard": "data"})
among("hard link to a link of the archive", lambda w: header(
    "way", kind=b"2", link=w.outside + "/private") + header("hard", kind=b"1", link=b"way"), 3, None)
among("hard link to a member that was refused", tar_file("../outside/file", EVIL)
      + header("hard", kind=b"1", link=b"../outside/file"))
among("hard link that comes first", header("hard", kind=b"1", link=b"twice")
      + tar_file("twice", "data"), 0, None)
among("hard links in a ring", header("h1", kind=b"1", link=b"h2")
      + header("h2", kind=b"1", link=b"h1"))
among("hard link with data", tar_file("twice", "data")
      + tar_file("hard", "other", kind=b"1", link=b"twice"), 1)
among("pax linkpath leads outside", pax(("linkpath", "../outside/private"))
      + header("hard", kind=b"1", link=b"after"))
among("setuid, setgid, sticky", tar_file("tool", "#!", mode=0o7755), 0, {**BOTH, "tool": "#!"},
      modes={"tool": 0o755})
among("an unknown type", tar_file("special", EVIL, kind=b"Z"), 0, None)
among("a volume label", header("label", kind=b"V"), 0, None)
among("continued from another volume", tar_file("special", EVIL, kind=b"M"), 3, None)
among("contiguous file", tar_file("again", "text", kind=b"7"), 0, {**BOTH, "again": "text"})
among("old tar, a directory by its slash", header("open/", kind=b"\0", tail=b"\0"), 0, None)

# ---- numbers that lie ----

among("wrong checksum", header("again", checksum=1234), 1)
among("negative size", tar_file("again", "text", size=b"\xff" * 12), 1)
among("an exabyte", tar_file("again", "text", size=base_256(1 << 60, 12)), 1)
among("size over 2^64", tar_file("again", "text", size=b"\x80" + b"\x7f" * 11), 1)
among("size that is no number", tar_file("again", "text", size=b"zzzzzzzzzzz\0"), 1)
among("size beyond the end", tar_file("again", "text", size=1 << 20), 1)
among("pax size of another file", pax(("size", "600")) + tar_file("again", "text"), 1)
among("pax size of 2^63", pax(("size", str(1 << 63))) + tar_file("again", "text"), 1)
among("pax size, negative", pax(("size", "-1")) + tar_file("again", "text"), 1)
among("pax header of 8 GiB", pax(("path", "x"), size=1 << 33) + tar_file("again", "text"), 1)
among("pax header of 2 MiB", pax(("comment", "c" * (2 << 20))) + tar_file("again", "text"), 1)
among("pax record longer than the header", pax(b"999 path=x\n") + tar_file("again", "text"), 1)
among("pax record of no length", pax(b"0 path=x\n") + tar_file("again", "text"), 1)
among("pax record of 2^64 bytes", pax(b"18446744073709551616 path=x\n") + tar_file("again", "text"),
      1)
among("pax record without =", pax(b"9 nothing\n"[:8] + b"\n") + tar_file("again", "text"), 1)
among("two pax headers", pax(("path", "../outside/file")) + pax(("path", "inner"))
      + tar_file("again", "text"), 1)
add("pax header in front of nothing", tar_of(HOME, pax(("path", "inner"))), 1)
among("GNU long name of 8 GiB", gnu_long("x", size=1 << 33) + tar_file("again", "text"), 1)
add("GNU long name in front of nothing", tar_of(HOME, gnu_long("x")), 1)
among("a hundred GNU long names", gnu_long("../outside/file") * 100 + tar_file("a", EVIL), 1)
among("absurd times", pax(("mtime", "9" * 30)) + tar_file("again", "text")
      + pax(("mtime", "-99999999999999999999")) + tar_file("good", "text", mtime=base_256(-5, 12)),
      0, None)
among("absurd mode and owner", tar_file("again", "text", mode=b"\xff" * 8), 0, None)

# ---- sparse files ----


def sparse_map(text, data=EVIL, size=4):
    return pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "again"),
               ("GNU.sparse.realsize", str(size))) + tar_file("s", text.ljust(512, b"\0") + data)


among("sparse, right", sparse_map(b"1\n4\n4\n", size=8), 0, {**BOTH, "again": "\0\0\0\0EVIL"})
among("sparse map beyond the file", sparse_map(b"1\n100\n4\n"), 1)
among("sparse pieces that overlap", sparse_map(b"2\n0\n4\n2\n4\n", EVIL * 2, 8), 1)
among("sparse pieces that run backwards", sparse_map(b"2\n8\n4\n0\n4\n", EVIL * 2, 12), 1)
among("sparse map of a billion pieces", sparse_map(b"1000000000\n0\n1\n"), 1)
among("sparse map that is no number", sparse_map(b"x\ny\n"), 1)
among("sparse file of an exabyte", sparse_map(b"1\n0\n4\n", size=1 << 60), 1)
among("sparse piece at 2^63", sparse_map(b"1\n9223372036854775804\n4\n", size=(1 << 63) - 1), 1)


def old_sparse(*pieces, size, data=EVIL * 2):
    """GNU's own header: the map lies at 386, the size of the whole at 483."""
    rows = b"".join(octal(start, 12) + octal(count, 12) for start, count in pieces)
    tail = b"ustar  \0".ljust(386 - 257, b"\0") + rows.ljust(97, b"\0") + octal(size, 12)
    return header("again", size=len(data), kind=b"S", tail=tail) + data + bytes(-len(data) % 512)


among("old sparse, right", old_sparse((4, 4), (12, 4), size=16), 0,
      {**BOTH, "again": "\0\0\0\0EVIL\0\0\0\0EVIL"})
among("old sparse, pieces overlap", old_sparse((0, 4), (2, 4), size=8), 1)
among("old sparse, beyond the file", old_sparse((0, 4), (100, 4), size=8), 1)

# ---- how it ends ----

add("cut off in a header", tar_of(HOME, end=AFTER[:300]), 1)
add("cut off in the data", tar_of(HOME, end=AFTER[:514]), 1)
add("cut off behind the data", tar_of(HOME, end=AFTER[:516]), 1)
add("no blocks of zeros", tar_of(HOME, AFTER, end=b""), 1)
add("one block of zeros", tar_of(HOME, AFTER, end=bytes(512)), 0, BOTH)
add("a second archive behind the end", tar_of(HOME) + tar_of(AFTER), 3, X)
add("junk behind the end", tar_of(HOME) + b"junk" * 1000, 0, X)
add("nothing but zeros", bytes(10240), 1)
add("only a directory", tar_of(header("d/", kind=b"5")), 1)
add("gzip, cut off", gzip.compress(tar_of(HOME, AFTER))[:-9], 1, suffix=".tar.gz")
add("gzip, wrong checksum", gzip.compress(tar_of(HOME))[:-8] + bytes(8), 1, suffix=".tar.gz")
add("gzip with junk behind", gzip.compress(tar_of(HOME)) + b"junk", 0, suffix=".tar.gz")

# ---- zstd ----

GOOD = tar_of(HOME, AFTER)


def zst(name, data, code, files=None, **keywords):
    add(f"zstd: {name}", data, code, files, suffix=".tar.zst", **keywords)


zst("plain", frame(GOOD), 0, BOTH)
zst("two frames", frame(GOOD[:700]) + frame(GOOD[700:]), 0, BOTH)
zst("wrong checksum", frame(GOOD)[:-4] + bytes(4), 1)
zst("cut off in a frame", frame(GOOD)[:-600], 1)
zst("cut off between frames", frame(GOOD[:1024]), 1)
zst("claims an exabyte", frame(GOOD, claim=1 << 60), 1)
zst("claims less than it has", frame(GOOD, claim=100), 1)
zst("a window of 2^41", struct.pack("<IBB", 0xFD2FB528, 0, 31 << 3) + b"\1\0\0", 1)
zst("a reserved block", struct.pack("<IBBI", 0xFD2FB528, 0, 0, 7), 1)
zst("a bomb in the padding", frame(GOOD) + zeros_frame(1000), 0, BOTH)
zst("a bomb as a file", frame(HOME + header("bomb", size=base_256(1 << 50, 12)))
    + zeros_frame(100), 1)
zst("skippable frames around", skippable(SKIPPABLE, b"who knows") + frame(GOOD)
    + skippable(SKIPPABLE + 3, b""), 0, BOTH)
zst("a skippable frame beyond the end", frame(GOOD) + skippable(SKIPPABLE, b"", 1 << 30), 1)
zst("junk behind", frame(GOOD) + b"junk and more", 1)
zst("nothing but a skippable frame", skippable(SKIPPABLE, b"x"), 1)


# ---- with an index and a seek table ----

def seek_table(rows, count=None, flags=0x80):
    body = b"".join(struct.pack("<III", *row) for row in rows)
    return skippable(SEEK, body + struct.pack("<IBI", len(rows) if count is None else count, flags,
                                              0x8F92EAB1))


def row_of(part, raw):
    return len(part), raw, struct.unpack("<I", part[-4:])[0] if raw else 0x51D8E999


def varint(number):
    made = b""
    while number >= 0x80:
        made += bytes([number & 0x7F | 0x80])
        number >>= 7
    return made + bytes([number])


def member_record(path, size, mode=0o644, mtime=1_700_000_000, kind=1, blocks=1):
    path = path.encode()
    body = bytes([kind, 7]) + varint(len(path)) + path + varint(blocks) + varint(size) + varint(mode) \
        + struct.pack("<q", mtime) + varint(0) + varint(0) + varint(0)
    return varint(len(body)) + body


def ours(rows=None, records=None, content=HOME + AFTER, members=2, raw_bytes=None, block=None,
         flags=None, tar_bytes=None, frames=None, table=seek_table, cut=None, hashed=None, tail=bytes(1024)):
    """An archive as ours lies on disk, its checksums right, its claims free.

    The content lies in one frame, or in two (`cut`: where the second begins). `rows` are made of what they are given,
    (stored bytes, content bytes, checksum) of each frame; `hashed` are those that the index knows. `tail` ends the tar.
    """
    records = member_record("config.yaml", 1) + member_record("after", 4) if records is None \
        else records
    parts = [content] if cut is None else [content[:cut], content[cut:]]
    end, packed = frame(tail), frame(records)
    true = [row_of(frame(part), len(part)) for part in parts]
    data = b"".join(map(frame, parts))
    listed = true if rows is None else rows(*true)
    flags = (1 if block is not None else 0) if flags is None else flags
    head = b"hbindex1" + struct.pack(
        "<IIQQQQQQ", 1, flags, members, len(records) if raw_bytes is None else raw_bytes,
        len(content) if tar_bytes is None else tar_bytes, len(parts) if frames is None else frames,
        xxh64(b"".join(struct.pack("<III", *row) for row in (true if hashed == "true" else listed))),
        xxh64(packed))
    specials = [skippable(INDEX, head + struct.pack("<Q", xxh64(head)) + packed)]
    if block is not None:
        specials.append(skippable(TRAILER, b"hbtrail1" + struct.pack("<Q", xxh64(block)) + block))
    listed = listed + [(len(part), 0, 0x51D8E999) for part in specials] + [row_of(frame(bytes(1024)), 1024)]
    listed[-1] = (len(end), *listed[-1][1:])
    return data + b"".join(specials) + end + table(listed)


# The headers that an index stands for are made again and compared, so these must be as ours are.
zst("index: as ours", ours(), 0, BOTH)
# Over a pipe the index is not needed: the headers count, as for any other tar.
HEADERS = (0, BOTH)
zst("index: other names than the headers", ours(
    records=member_record("config.yaml", 1) + member_record("other", 4)), 1,
    piped=HEADERS)
zst("index: leads outside", ours(records=member_record("config.yaml", 1)
                                 + member_record("../outside/file", 4)), 1,
    piped=HEADERS)
zst("index: other mode", ours(records=member_record("config.yaml", 1)
                              + member_record("after", 4, mode=0o7777)), 1,
    piped=HEADERS)
zst("index: a directory instead", ours(records=member_record("config.yaml", 1)
                                       + member_record("after", 0, kind=2)), 1,
    piped=HEADERS)
zst("index: a type that is none", ours(records=member_record("config.yaml", 1)
                                       + member_record("after", 4, kind=99)), 1,
    piped=HEADERS)
zst("index: an exabyte", ours(records=member_record("config.yaml", 1)
                              + member_record("after", 1 << 60)), 1,
    piped=HEADERS)
zst("index: fewer members", ours(records=member_record("config.yaml", 1), members=1), 1,
    piped=HEADERS)
zst("index: counts more members", ours(members=3), 1,
    piped=HEADERS)
zst("index: more records than it says", ours(raw_bytes=5), 1,
    piped=HEADERS)
# What an index would hide is in the tar, for every other program. AGAIN would take the place of a good file.
AGAIN, HIDDEN = tar_file("after", "evil"), tar_file("hidden", "x")
ALL = BOTH | {"after": "evil", "hidden": "x"}
for name, blocks, content in (("at the end", (1, 5), HOME + AFTER + AGAIN + HIDDEN), ("within", (5, 1), HOME + AGAIN + HIDDEN + AFTER),
                              ("at the start", (3, 1), AGAIN + HOME + AFTER)):
    zst(f"index: a header that hides members {name}", ours(content=content, records=member_record(
        "config.yaml", 1, blocks=blocks[0]) + member_record("after", 4, blocks=blocks[1])), 1,
        piped=(0, ALL if name == "at the end" else BOTH | {"hidden": "x"} if name == "within" else BOTH))
zst("index: a header of no blocks", ours(records=member_record("config.yaml", 1) + member_record("after", 4, blocks=0)), 1,
    piped=HEADERS)
zst("index: the end of the tar holds members", ours(tail=AGAIN + HIDDEN + bytes(1024)), 0, ALL)
zst("index: the end of the tar holds a member, and no end", ours(tail=HIDDEN), 1)
zst("index: the end of the tar is something else", ours(tail=b"x" * 1024), 1)
BROKEN = frame(HIDDEN + bytes(1024))
zst("index: the end of the tar holds a member, and is damaged", ours(tail=HIDDEN + bytes(1024)).replace(
    BROKEN, BROKEN[:-1] + bytes([BROKEN[-1] ^ 1])), 1)
zst("index: the end of the tar is longer", ours(tail=bytes(2048)), 0, BOTH)
zst("seek table: a frame without content", ours(cut=0), 0, BOTH)
zst("seek table: says that a frame has no content", ours(
    content=HOME + AFTER + AGAIN, cut=2048, rows=lambda one, two: [one, (two[0], 0, two[2])], tar_bytes=2048), 1)
zst("index: shorter stream", ours(tar_bytes=1024), 1)
zst("index: other number of frames", ours(frames=2), 1)
zst("index: announces a trailer that is not there", ours(flags=1), 1)
zst("index: a trailer of somebody else", ours(block=b"what"), 1)
zst("index: a trailer for other entries", ours(block=trailer(
    section(1, b'{"entries":2,"incomplete":false}'), section(2, bytes(16)))), 1)
zst("index: trailer with a section of 2^64", ours(block=trailer(
    section(1, b"{}", length=(1 << 64) - 1))), 1)
zst("seek table: other lengths", ours(rows=lambda _: [(5, 2048, 0)]), 1)
# Not found by its end, so that all is read from the front, and nothing is amiss there.
zst("seek table: claims 2^27 frames", ours(table=lambda rows: seek_table(rows, count=1 << 27)), 0,
    BOTH)
zst("seek table: sums to more", ours(rows=lambda _: [(0xFFFFFFFF, 0xFFFFFFFF, 0)]), 1)
zst("seek table: two frames", ours(cut=1024), 0, BOTH)
# The sums are right, but the index knows other rows: it does not count, and all is read from the front.
zst("seek table: rows that were shifted", ours(
    cut=1024, hashed="true", rows=lambda one, two: [(one[0], one[1] + 512, one[2]), (two[0], two[1] - 512, two[2])]),
    0, BOTH)
zst("seek table: a frame that is not as long as its row says", ours(
    rows=lambda one: [(one[0], one[1] + 512, one[2])], tar_bytes=2560), 1)
HOLE = tar_file("after", b"A" * 512 + b"B" * 512 + b"C" * 512)
zst("seek table: a frame that is shorter than its row says, within a file", ours(
    cut=2048, content=HOME + HOLE[:1024] + HOLE[-512:], rows=lambda one, two: [(one[0], one[1] + 512, one[2]), two],
    tar_bytes=3072, records=member_record("config.yaml", 1) + member_record("after", 1536)), 1)
zst("seek table: a last frame that is not as long as its row says", ours(
    cut=1024, rows=lambda one, two: [one, (two[0], two[1] + 512, two[2])], tar_bytes=2560), 1)
zst("seek table: none", ours(table=lambda rows: b""), 1)
zst("seek table: of another archive behind a good one", frame(GOOD) + seek_table([(9, 9, 0)]), 1)

# ---- bounds ----

add("more entries than allowed", tar_of(HOME, *(tar_file(f"f{i}", "x") for i in range(5))), 1,
    settings=["import.max-entries=5"])
add("more bytes than allowed", tar_of(HOME, tar_file("f", "x" * 5000)), 1,
    settings=["import.max-bytes=4096"])
add("a longer path than allowed", tar_of(HOME, tar_file("a" * 99, "x"), AFTER), 1,
    settings=["import.max-path=98"])
add("more names than allowed", tar_of(HOME, *(tar_file(f"{i:090}", "x") for i in range(50))), 1,
    settings=["import.max-names=4096"])

assert record("a", "b") == b"6 a=b\n"
collect("tar", CASES)
