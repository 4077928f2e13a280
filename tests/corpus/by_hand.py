# SPDX-License-Identifier: Apache-2.0
"""Archives byte by byte: valid but odd, as tools made them that are not at hand; and broken."""
import gzip
import lzma
import struct
import zlib

import build
import recipes
from build import DIRECTORY, FILE, LINK, Member, extra, pax, tar_file, tar_of, zip_of

NOW = 1_700_000_000


def unix_time(seconds):
    return extra(0x5455, b"\1" + struct.pack("<i", seconds))


def descriptor(data, packed, signed=True, wide=False):
    return (b"PK\7\10" if signed else b"") + struct.pack("<IQQ" if wide else "<III", zlib.crc32(data), len(packed), len(data))


def streamed(name, data, signed=True, wide=False):
    packed = build.deflate(data)
    version = {"version": 45} if wide else {}
    zero = {"crc": 0, "packed": 0xFFFFFFFF if wide else 0, "bytes": 0xFFFFFFFF if wide else 0, **version}
    return Member(name, data, method=8, flags=8, local=zero, packed=packed, descriptor=descriptor(data, packed, signed, wide),
                  local_extra=extra(1, bytes(16)) if wide else b"")


def valid_zips():
    a = Member("a", b"hello", local_extra=unix_time(NOW), central_extra=unix_time(NOW))
    text = b"some text " * 300
    return {
        "plain": zip_of(a),
        "none": zip_of(),
        "empty-member": zip_of(Member("e", b"")),
        "deflated-empty": zip_of(Member("e", b"", method=8)),
        "descriptor": zip_of(streamed("s", text)),
        "descriptor-unsigned": zip_of(streamed("s", text, signed=False)),
        "descriptor-wide": zip_of(streamed("s", text, wide=True)),
        "stored-blocks": zip_of(
            Member("s", text, method=8, packed=b"\1" + struct.pack("<HH", 3000, 3000 ^ 65535) + text)),
        "made-on-dos": zip_of(Member("a", b"dos", maker=0, central={"attributes": 0x20})),
        "dos-directory": zip_of(
            Member("d/", maker=0, central={"attributes": 0x10}),
            Member("d/a", b"x", maker=0, central={"attributes": 0})),
        "dos-directory-without-slash": zip_of(
            Member("d", maker=0, central={"attributes": 0x10}),
            Member("d/a", b"x", maker=0, central={"attributes": 0})),
        "backslashes": zip_of(Member("d\\e\\a", b"back", maker=0, central={"attributes": 0})),
        "backslashes-mixed": zip_of(
            Member("d/e\\a", b"back", maker=0, central={"attributes": 0}),
            Member("f/g", b"forward", maker=0)),
        "backslash-directory": zip_of(
            Member("d\\", maker=0, central={"attributes": 0x10}),
            Member("d\\a", b"x", maker=0)),
        "backslash-on-unix": zip_of(Member("d\\e", b"a name with a backslash")),
        "read-only-dos": zip_of(Member("a", b"x", maker=0, central={"attributes": 0x21})),
        "read-only-directory-dos": zip_of(
            Member("d/", maker=0, central={"attributes": 0x11}),
            Member("d/a", b"x", maker=0, central={"attributes": 1})),
        "ntfs-maker": zip_of(Member("a", b"x", maker=10, central={"attributes": 0x20})),
        "macos-maker": zip_of(Member("a", b"x", maker=19)),
        "mode-fifo": zip_of(Member("-", b"mysqldump", mode=0o010600)),
        "mode-fifo-deflated": zip_of(Member("-", b"mysqldump" * 99, mode=0o010600, method=8)),
        "mode-device": zip_of(Member("dev", b"content", mode=0o060644)),
        "mode-socket": zip_of(Member("sock", b"content", mode=0o140644)),
        "mode-zero": zip_of(Member("a", b"x", mode=0)),
        "mode-bits-only": zip_of(Member("a", b"x", mode=0o640)),
        "mode-directory-with-content": zip_of(Member("a", b"content", mode=DIRECTORY)),
        "mode-directory-no-content": zip_of(Member("a", b"", mode=DIRECTORY), Member("a/b", b"x")),
        "mode-file-with-slash": zip_of(Member("d/", b"", mode=FILE)),
        "setuid": zip_of(Member("a", b"x", mode=0o104755)),
        "link": zip_of(Member("l", b"a", mode=LINK), Member("a", b"x")),
        "link-deflated": zip_of(Member("l", b"a" * 60, mode=LINK, method=8)),
        "link-empty": zip_of(Member("l", b"", mode=LINK), Member("a", b"x")),
        "link-too-long": zip_of(Member("l", b"x/" * 3000, mode=LINK), Member("a", b"x")),
        "link-made-on-dos": zip_of(Member("l", b"a", mode=LINK, maker=0), Member("a", b"x")),
        "duplicate": zip_of(Member("a", b"first"), Member("a", b"second")),
        "duplicate-same": zip_of(Member("a", b"same"), Member("a", b"same")),
        "duplicate-in-directory": zip_of(Member("d/a", b"1"), Member("d/./a", b"2"), Member("./d/a", b"3")),
        "file-against-directory": zip_of(Member("a", b"file"), Member("a/b", b"below it")),
        "directory-against-file": zip_of(Member("a/b", b"below it"), Member("a", b"file")),
        "dot-slash": zip_of(Member("./a", b"x"), Member("./d/b", b"y")),
        "dot": zip_of(Member("./", mode=DIRECTORY), Member("a", b"x")),
        "double-slash": zip_of(Member("d//a", b"x")),
        "inner-dot": zip_of(Member("d/./a", b"x")),
        "dot-at-end": zip_of(Member("d/./", mode=DIRECTORY), Member("d/./a", b"x")),
        "root": zip_of(Member("/", mode=DIRECTORY), Member("a", b"x")),
        "absolute": zip_of(Member("/a", b"x"), Member("b", b"y")),
        "drive": zip_of(Member("C:\\a", b"x", maker=0), Member("b", b"y")),
        "parent": zip_of(Member("../a", b"x"), Member("b", b"y")),
        "parent-inside": zip_of(Member("d/../a", b"x"), Member("b", b"y")),
        "parent-backslash": zip_of(Member("..\\a", b"x", maker=0), Member("b", b"y")),
        "utf8-flag": zip_of(Member("größe", b"x", flags=0x800)),
        "utf8-unflagged": zip_of(Member("größe", b"x")),
        "latin-on-macos": zip_of(Member(b"caf\xe9", b"x", maker=19)),
        "cp437": zip_of(Member(b"caf\x82", b"x", maker=0, central={"attributes": 0})),
        "utf8-flag-but-latin": zip_of(Member(b"caf\xe9", b"x", flags=0x800)),
        "unicode-path": zip_of(
            Member(b"caf_", b"x", central_extra=extra(0x7075, b"\1" + struct.pack("<I", zlib.crc32(b"caf_")) + "café".encode()), local_extra=extra(0x7075, b"\1" + struct.pack("<I", zlib.crc32(b"caf_")) + "café".encode()))),
        "unicode-path-stale": zip_of(
            Member(b"caf_", b"x", central_extra=extra(0x7075, b"\1\0\0\0\0" + "café".encode()))),
        "empty-name": zip_of(Member("", b"x"), Member("b", b"y")),
        "control-name": zip_of(Member("a\x1b[1mb\n", b"x")),
        "time-negative": zip_of(Member("a", b"x", central_extra=unix_time(-86400), local_extra=unix_time(-86400))),
        "time-ntfs": zip_of(
            Member("a", b"x", central_extra=extra(10, bytes(4) + struct.pack("<HHQQQ", 1, 24, *[(NOW + 11644473600) * 10**7 + 5] * 3)))),
        "time-ntfs-early": zip_of(
            Member("a", b"x", central_extra=extra(10, bytes(4) + struct.pack("<HHQQQ", 1, 24, 1, 1, 1)))),
        "time-old-unix": zip_of(
            Member("a", b"x", central_extra=extra(0x5855, struct.pack("<ii", NOW, NOW)), local_extra=extra(0x5855, struct.pack("<iiHH", NOW, NOW, 0, 0)))),
        "time-zero": zip_of(Member("a", b"x", local={"time": 0}, central={"time": 0})),
        "time-impossible": zip_of(Member("a", b"x", local={"time": 0xFFFFFFFF}, central={"time": 0xFFFFFFFF})),
        "extra-unknown": zip_of(
            Member("a", b"x", central_extra=extra(0xCAFE, b"x" * 9), local_extra=extra(0xCAFE, b"x" * 9))),
        "extra-cut": zip_of(
            Member("a", b"x", central_extra=extra(0xCAFE, b"x" * 9)[:-4], local_extra=extra(0xCAFE, b"x")[:-1])),
        "extra-three-bytes": zip_of(Member("a", b"x", central_extra=b"\0\0\0", local_extra=b"\0\0\0")),
        "extra-only-local": zip_of(Member("a", b"x", local_extra=extra(0xCAFE, b"x" * 900))),
        "wide": zip_of(a, wide={}),
        "wide-fields": zip_of(
            Member("a", b"hello", central={"packed": 0xFFFFFFFF, "bytes": 0xFFFFFFFF}, central_extra=extra(1, struct.pack("<QQ", 5, 5)))),
        "wide-end": zip_of(a, wide={}, here=65535, count=65535, size=0xFFFFFFFF, offset=0xFFFFFFFF),
        "comment": zip_of(a, comment=b"a comment"),
        "comment-signature": zip_of(a, comment=b"PK\5\6" + bytes(18)),
        "comment-long": zip_of(a, comment=b"c" * 65535),
        "member-comment": zip_of(Member("a", b"x", central={"comment": b"mine"})),
        "before": zip_of(a, before=b"MZ" + bytes(998)),
        "before-unadjusted": b"#!/bin/sh\n" + zip_of(a),
        "gap": zip_of(a, gap=b"nothing" * 9),
        "behind-zeros": zip_of(a) + bytes(3000),
        "behind-newline": zip_of(a) + b"\n",
        "spanned-marker": zip_of(a, before=b"PK00"),
        "version-needed": zip_of(Member("a", b"x", local={"version": 63}, central={"version": 63})),
        "method-unknown": zip_of(Member("u", b"x" * 9, method=99), Member("a", b"x")),
        "method-shrink": zip_of(Member("u", b"x" * 9, method=1), Member("a", b"x")),
        "method-zstd": zip_of(
            Member("u", b"", method=93, packed=build.frame(b"")),
            Member("z", b"zstd", method=93, packed=build.frame(b"zstd"))),
        "encrypted-flag": zip_of(Member("e", b"x" * 20, flags=1), Member("a", b"x")),
        "strong-encryption": zip_of(Member("e", b"x" * 20, flags=0x41), Member("a", b"x")),
        "patched-data": zip_of(Member("e", b"x" * 20, flags=0x20), Member("a", b"x")),
        "order": zip_of(
            Member("z", b"last"),
            Member("a/b/c", b"deep"),
            Member("a/", mode=DIRECTORY),
            Member("a", mode=DIRECTORY)),
        "many-slashes": zip_of(Member("a///", mode=DIRECTORY)),
        "trailing-dot": zip_of(Member("a.", b"1"), Member("a ", b"2")),
    }


def dictionaries():
    """LZMA and xz whose dictionaries are larger than anybody needs for a short text."""
    text = b"some text " * 300
    alone = lzma.compress(text, lzma.FORMAT_ALONE)
    huge = lzma.compress(text, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}])
    packed = b"\x09\x14\5\0" + alone[:1] + struct.pack("<I", 1 << 28) + alone[13:]
    return {"dictionary-lzma": zip_of(Member("l", text, method=14, flags=2, packed=packed), Member("a", b"x")),
            "dictionary-xz": zip_of(Member("u", text, method=95, packed=huge), Member("a", b"x"))}


def broken_zips():
    def bad(**fields):
        return zip_of(Member("a", b"hello", **fields), Member("b", b"fine"))

    good = bad()
    return {
        "crc-both": bad(local={"crc": 1}, central={"crc": 1}),
        "crc-local": bad(local={"crc": 1}),
        "crc-central": bad(central={"crc": 1}),
        "size-central": bad(central={"bytes": 4}),
        "size-both": bad(local={"bytes": 4}, central={"bytes": 4}),
        "packed-central": bad(central={"packed": 4}),
        "packed-huge": bad(central={"packed": 99999}),
        "name-differs": bad(local={"name": b"c"}),
        "method-differs": bad(local={"method": 8}),
        "offset": bad(central={"offset": 7}),
        "offset-huge": bad(central={"offset": 0xFFFFFFF0}),
        "disk": bad(central={"disk": 3}),
        "deflate": zip_of(Member("a", b"hello", method=8, packed=b"\xff\xff\xff"), Member("b", b"fine")),
        "deflate-short": zip_of(
            Member("a", b"hello" * 99, method=8, packed=build.deflate(b"hello" * 99)[:-3]),
            Member("b", b"fine")),
        "deflate-long": zip_of(
            Member("a", b"hello", method=8, packed=build.deflate(b"hello") + b"more"),
            Member("b", b"fine")),
        "bzip2": zip_of(Member("a", b"hello", method=12, packed=b"BZh9rubbish"), Member("b", b"fine")),
        "lzma": zip_of(Member("a", b"hello", method=14, packed=b"\x09\x14\x05\0rubbish-rubbish"), Member("b", b"fine")),
        "zstd": zip_of(Member("a", b"hello", method=93, packed=b"rubbish"), Member("b", b"fine")),
        "descriptor": zip_of(Member("a", b"hello", flags=8, descriptor=b"PK\7\10" + bytes(12), method=8)),
        "count": good[:-12] + struct.pack("<H", 5) + good[-10:],
        "no-directory": good[:60],
        "only-end": build.end_record(0, 0, 0)[:-2],
        "only-signature": b"PK\3\4",
        "directory-offset": zip_of(Member("a", b"x"), offset=1),
        "directory-size": zip_of(Member("a", b"x"), size=9999),
        "nul-in-name": zip_of(Member(b"a\0b", b"x")),
        "name-too-long": zip_of(Member("n" * 300, b"x"), Member("b", b"fine")),
        "local-signature": good.replace(b"PK\3\4", b"PK\3\5", 1),
    }


def valid_tars():
    a = tar_file("a", b"hello")
    long = "d/" + "n" * 200
    return {
        "plain": tar_of(a),
        "none": bytes(1024),
        "one-block": bytes(512),
        "block-and-rubbish": bytes(512) + b"x" * 512,
        "none-padded": bytes(10240),
        "one-end-block": tar_of(a, end=bytes(512)),
        "blocking": tar_of(a, end=bytes(10240)),
        "old-v7": tar_of(tar_file("a", b"v7", magic=b"", tail=b"0" + bytes(100))),
        "nul-kind": tar_of(tar_file("a", b"x", kind=b"\0")),
        "kind-7": tar_of(tar_file("a", b"contiguous", kind=b"7")),
        "kind-unknown": tar_of(tar_file("a", b"x", kind=b"Q"), tar_file("b", b"y")),
        "slash-in-v7": tar_of(build.header("d/", kind=b"\0"), tar_file("d/a", b"x")),
        "pax-path": tar_of(pax(("path", long)), tar_file("short", b"x")),
        "pax-size": tar_of(pax(("size", "5")), tar_file("a", b"hello", size=0)),
        "pax-mtime": tar_of(pax(("mtime", "1700000000.5")), tar_file("a", b"x")),
        "pax-negative": tar_of(pax(("mtime", "-1.5")), tar_file("a", b"x")),
        "pax-mtime-huge": tar_of(pax(("mtime", "99999999999999999999")), tar_file("a", b"x")),
        "pax-link": tar_of(pax(("linkpath", "t" * 150)), build.header("l", kind=b"2", link="x")),
        "pax-unknown": tar_of(pax(("VENDOR.key", "value")), tar_file("a", b"x")),
        "pax-empty": tar_of(pax(), tar_file("a", b"x")),
        "pax-twice": tar_of(pax(("path", "first")), pax(("path", "second")), tar_file("a", b"x")),
        "pax-repeated": tar_of(pax(("path", "first"), ("path", "second")), tar_file("a", b"x")),
        "pax-deleted": tar_of(pax(("path", "")), tar_file("a", b"x")),
        "pax-global": tar_of(pax(("mtime", "1600000000"), kind=b"g"), tar_file("a", b"x"), tar_file("b", b"y")),
        "pax-global-path": tar_of(pax(("path", "global"), kind=b"g"), tar_file("a", b"x")),
        "pax-at-end": tar_of(a, pax(("path", "nobody"))),
        "pax-newline": tar_of(pax(("path", "a\nb")), tar_file("a", b"x")),
        "pax-xattr": tar_of(pax(("SCHILY.xattr.user.x", "v")), tar_file("a", b"x")),
        "pax-solaris": tar_of(build.header("x", size=0, kind=b"X"), tar_file("a", b"x")),
        "gnu-long": tar_of(build.gnu_long(long), tar_file("short", b"x", magic=b"ustar  \0")),
        "gnu-long-link": tar_of(
            build.gnu_long("t" * 150, kind=b"K"),
            build.header("l", kind=b"2", link="t" * 100, magic=b"ustar  \0")),
        "gnu-long-both": tar_of(build.gnu_long(long), pax(("path", "pax")), tar_file("short", b"x")),
        "prefix": tar_of(tar_file("a", b"x", prefix=b"p/q")),
        "base256-size": tar_of(tar_file("a", b"hello", size=build.base_256(5, 12))),
        "base256-mtime": tar_of(tar_file("a", b"x", mtime=build.base_256(-5, 12))),
        "mtime-max": tar_of(tar_file("a", b"x", mtime=b"777777777777")),
        "mode-0": tar_of(tar_file("a", b"x", mode=0)),
        "mode-setuid": tar_of(tar_file("a", b"x", mode=0o4755)),
        "mode-with-type": tar_of(tar_file("a", b"x", mode=0o100644)),
        "spaces-in-numbers": tar_of(tar_file("a", b"hello", size=b"          5 ")),
        "blank-mode": tar_of(tar_file("a", b"x", mode=b"       \0")),
        "signed-checksum": tar_of(
            build.header(b"caf\xe9", size=1, checksum=signed_sum(build.header(b"caf\xe9", size=1))) + build.padded(b"x")),
        "link-size": tar_of(build.header("l", size=5, kind=b"2", link="a"), tar_file("b", b"x")),
        "directory-size": tar_of(build.header("d", size=1024, kind=b"5"), tar_file("d/b", b"x")),
        "hard-link": tar_of(a, build.header("b", kind=b"1", link="a")),
        "hard-dotted": tar_of(tar_file("d/a", b"x"), build.header("b", kind=b"1", link="./d//a")),
        "hard-to-itself": tar_of(a, build.header("a", kind=b"1", link="a")),
        "hard-dangling": tar_of(build.header("b", kind=b"1", link="nowhere"), a),
        "hard-forward": tar_of(build.header("b", kind=b"1", link="a"), a),
        "hard-to-link": tar_of(build.header("l", kind=b"2", link="a"), build.header("m", kind=b"1", link="l"), a),
        "hard-chain": tar_of(a, build.header("b", kind=b"1", link="a"), build.header("c", kind=b"1", link="b")),
        "hard-with-same-data": tar_of(a, tar_file("b", b"hello", kind=b"1", link="a")),
        "hard-with-other-data": tar_of(a, tar_file("b", b"world", kind=b"1", link="a")),
        "hard-to-directory": tar_of(build.header("d", kind=b"5"), build.header("b", kind=b"1", link="d"), a),
        "hard-duplicate": tar_of(a, tar_file("a", b"again"), build.header("b", kind=b"1", link="a")),
        "duplicate": tar_of(tar_file("a", b"1"), tar_file("a", b"2")),
        "duplicate-dotted": tar_of(tar_file("a", b"1"), tar_file("./a", b"2")),
        "link-then-file": tar_of(build.header("a", kind=b"2", link="b"), tar_file("a", b"2")),
        "file-then-link": tar_of(tar_file("a", b"1"), build.header("a", kind=b"2", link="b")),
        "file-then-directory": tar_of(tar_file("a", b"1"), build.header("a/", kind=b"5"), tar_file("a/b", b"x")),
        "directory-then-file": tar_of(build.header("a/", kind=b"5"), tar_file("a/b", b"x"), tar_file("a", b"1")),
        "through-link": tar_of(
            build.header("l", kind=b"2", link="d"),
            build.header("d", kind=b"5"),
            tar_file("l/a", b"x")),
        "fifo": tar_of(build.header("p", kind=b"6"), a),
        "link-empty": tar_of(build.header("l", kind=b"2", link=""), a),
        "link-too-long": tar_of(pax(("linkpath", "x/" * 3000)), build.header("l", kind=b"2", link="x"), a),
        "absolute": tar_of(tar_file("/a", b"x"), tar_file("b", b"y")),
        "parent": tar_of(tar_file("../a", b"x"), tar_file("b", b"y")),
        "double-slash": tar_of(tar_file("d//a", b"x")),
        "dot-at-end": tar_of(build.header("d/./", kind=b"5", mode=0o755), tar_file("d/./a", b"x")),
        "root": tar_of(build.header("/", kind=b"5", mode=0o755), a),
        "dot": tar_of(build.header("./", kind=b"5", mode=0o755), a),
        "label": tar_of(build.header("label", kind=b"V", magic=b"ustar  \0"), a),
        "label-only": tar_of(build.header("label", kind=b"V", magic=b"ustar  \0")),
        "dump": tar_of(
            build.header("d", size=5, kind=b"D", magic=b"ustar  \0") + build.padded(b"Ya\0\0\0"),
            tar_file("d/a", b"x")),
        "sparse-old": tar_of(old_sparse()),
        "ends-in-zip": tar_of(a, tar_file("last.zip", zip_of(Member("inner", b"zip")))),
        "v7-ends-in-zip": tar_of(
            tar_file("a", b"v7", magic=b"", tail=b"0" + bytes(100)),
            tar_file("z", zip_of(Member("inner", b"zip")), magic=b"", tail=b"0" + bytes(100))),
        "nested": tar_of(tar_file("inner.tar", tar_of(a))),
        "name-full": tar_of(tar_file("n" * 100, b"x")),
        "deep-prefix": tar_of(tar_file("n" * 100, b"x", prefix=b"p" * 155)),
    }


def signed_sum(block):
    unsigned = sum(block) - sum(block[148:156]) + 8 * 32
    return unsigned - sum(256 for byte in block[:148] + block[156:] if byte > 127)


def old_sparse():
    """GNU's old format: data at 0 and at 1000, of 2000 bytes."""
    tail = b"S" + bytes(100) + b"ustar  \0" + bytes(32 + 32 + 8 + 8) + bytes(41)
    for offset, count in ((0, 4), (1000, 4), (2000, 0), (0, 0)):
        tail += build.octal(offset, 12) + build.octal(count, 12) if offset or count else bytes(24)
    tail += b"\0" + build.octal(2000, 12)
    return build.header("s", size=8, tail=tail) + build.padded(b"datadata")


def broken_tars():
    good = tar_of(tar_file("a", b"hello"), tar_file("b", b"fine"))
    return {
        "checksum": good[:1024] + b"X" + good[1025:],
        "checksum-first": b"X" + good[1:],
        "cut-header": good[:1300],
        "cut-content": good[:700],
        "no-end": good[:2048],
        "size-beyond": tar_of(tar_file("a", b"x", size=99999)),
        "size-negative": tar_of(tar_file("a", b"x", size=build.base_256(-5, 12))),
        "size-rubbish": tar_of(tar_file("a", b"x", size=b"rubbish\0")),
        "pax-rubbish": tar_of(pax(b"rubbish"), tar_file("a", b"x")),
        "pax-length": tar_of(pax(b"99 path=x\n"), tar_file("a", b"x")),
        "pax-cut": tar_of(pax(("path", "x"), size=5000)),
        "pax-nul": tar_of(pax(("path", b"a\0b")), tar_file("a", b"x")),
        "long-cut": tar_of(build.gnu_long("name", size=99999)),
        "garbage-in-the-middle": tar_of(tar_file("a", b"x"), b"garbage!" * 64, tar_file("b", b"y")),
        "rubbish": b"this is no archive at all\n" * 99,
        "text-then-tar": b"x" * 512 + good,
        "empty-file": b"",
        "one-byte": b"\0",
        "zeros-then-member": bytes(512) + tar_of(tar_file("a", b"x")),
        "two-ends-then-member": bytes(1024) + tar_of(tar_file("a", b"x")),
    }


def packed_tars():
    good = tar_of(tar_file("a", b"hello"), tar_file("b", b"fine" * 4000))
    squeezed = gzip.compress(good, mtime=0)
    frame = build.frame(good)
    return {
        "gzip.tar.gz": squeezed,
        "gzip-name.tar.gz": b"\x1f\x8b\x08\x08" + bytes(6) + b"name.tar\0" + squeezed[10:],
        "gzip-two.tar.gz": gzip.compress(good[:2000], mtime=0) + gzip.compress(good[2000:], mtime=0),
        "gzip-padded.tar.gz": squeezed + bytes(100),
        "gzip-garbage.tar.gz": squeezed + b"garbage",
        "gzip-cut.tar.gz": squeezed[:-9],
        "gzip-crc.tar.gz": squeezed[:-8] + b"\0\0\0\0" + squeezed[-4:],
        "gzip-empty.tar.gz": gzip.compress(b"", mtime=0),
        "gzip-in-gzip.tar.gz": gzip.compress(squeezed, mtime=0),
        "gzip-no-tar.gz": gzip.compress(b"just text\n" * 99, mtime=0),
        "zstd.tar.zst": frame,
        "zstd-skippable-first.tar.zst": build.skippable(0x184D2A50, b"anything") + frame,
        "zstd-frames.tar.zst": b"".join(build.frame(good[at:at + 3000]) for at in range(0, len(good), 3000)),
        "zstd-empty-frames.tar.zst": build.frame(b"") + frame + build.frame(b""),
        "zstd-cut.tar.zst": frame[:-2],
        "zstd-checksum.tar.zst": frame[:-1] + bytes([frame[-1] ^ 1]),
        "zstd-no-checksum.tar.zst": build.frame(good, checksum=False),
        "zstd-claim.tar.zst": build.frame(good, claim=len(good) + 1),
        "zstd-garbage.tar.zst": frame + b"garbage",
        "wrong-suffix.zip": tar_of(tar_file("a", b"a tar")),
        "wrong-suffix.tar": zip_of(Member("a", b"a zip")),
        "no-suffix": zip_of(Member("a", b"a zip")),
    }


@recipes.recipe("hand")
def hand(bench):
    for kind, suffix, made in (("zip", ".zip", {**valid_zips(), **dictionaries()}), ("bad-zip", ".zip", broken_zips()), ("tar", ".tar", valid_tars()),
                               ("bad-tar", ".tar", broken_tars()), ("packed", "", packed_tars())):
        for name, data in made.items():
            bench.write(f"{kind}-{name}{suffix}", data)
