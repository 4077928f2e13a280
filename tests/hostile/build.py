# SPDX-License-Identifier: Apache-2.0
"""Archives byte by byte, with every field free to lie. No library that would keep one from it."""
import ctypes
import struct
import zlib

DOS_TIME = (2023 - 1980) << 25 | 5 << 21 | 6 << 16 | 7 << 11
FILE, DIRECTORY, LINK = 0o100644, 0o040755, 0o120777


def deflate(data):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def extra(number, data):
    return struct.pack("<HH", number, len(data)) + data


class Member:
    """One member of a zip. `local` and `central` override single fields of that header."""

    def __init__(self, name, data=b"", mode=FILE, method=0, flags=0, local=None, central=None,
                 local_extra=b"", central_extra=b"", packed=None, descriptor=b"", maker=3):
        self.name = name if isinstance(name, bytes) else name.encode()
        self.data = data if isinstance(data, bytes) else data.encode()
        self.packed = packed
        if packed is None:
            self.packed = deflate(self.data) if method == 8 else self.data
        self.common = {"version": 20, "flags": flags, "method": method, "time": DOS_TIME,
                       "crc": zlib.crc32(self.data), "packed": len(self.packed),
                       "bytes": len(self.data), "name": self.name}
        self.local = {**self.common, "extra": local_extra, **(local or {})}
        self.central = {**self.common, "extra": central_extra, "maker": maker << 8 | 30, "disk": 0,
                        "comment": b"", "attributes": mode << 16, **(central or {})}
        self.descriptor = descriptor

    def local_part(self):
        row = self.local
        return struct.pack("<IHHHIIIIHH", 0x04034B50, row["version"], row["flags"], row["method"],
                           row["time"], row["crc"], row["packed"], row["bytes"], len(row["name"]),
                           len(row["extra"])) + row["name"] + row["extra"] \
            + self.packed + self.descriptor

    def central_part(self, offset):
        row = self.central
        return struct.pack("<IHHHHIIIIHHHHHII", 0x02014B50, row["maker"], row["version"],
                           row["flags"], row["method"], row["time"], row["crc"], row["packed"],
                           row["bytes"], len(row["name"]), len(row["extra"]), len(row["comment"]),
                           row["disk"], 0, row["attributes"], row.get("offset", offset)) \
            + row["name"] + row["extra"] + row["comment"]


def end_record(entries, directory, start, **fields):
    row = {"disk": 0, "first": 0, "here": entries, "count": entries, "size": directory,
           "offset": start, "comment": b"", **fields}
    return struct.pack("<IHHHHIIH", 0x06054B50, row["disk"], row["first"], row["here"],
                       row["count"], row["size"], row["offset"], len(row["comment"])) \
        + row["comment"]


def end_64(entries, directory, start, place, **fields):
    """The zip64 end record and its locator."""
    row = {"disk": 0, "first": 0, "here": entries, "count": entries, "size": directory,
           "offset": start, "record": place, "disks": 1, "length": 44, **fields}
    return struct.pack("<IQHHIIQQQQ", 0x06064B50, row["length"], 45, 45, row["disk"], row["first"],
                       row["here"], row["count"], row["size"], row["offset"]) \
        + struct.pack("<IIQI", 0x07064B50, 0, row["record"], row["disks"])


def zip_of(*members, gap=b"", before=b"", wide=None, **end):
    """`gap` lies in front of the directory; `wide`: fields of zip64 end records; `end`: of the end."""
    data, directory = before, b""
    for member in members:
        directory += member.central_part(len(data))
        data += member.local_part()
    data += gap
    start = len(data)
    data += directory
    if wide is not None:
        data += end_64(len(members), len(directory), start, len(data), **wide)
    return data + end_record(len(members), len(directory), start, **end)


# ---- tar ----


def octal(number, width):
    return b"%0*o\0" % (width - 1, number)


def base_256(number, width):
    return ((1 << (width * 8 - 1)) | (number & ((1 << (width * 8 - 2)) - 1))).to_bytes(width, "big")


def header(name, size=0, kind=b"0", link=b"", mode=0o644, mtime=1_700_000_000, checksum=None,
           prefix=b"", magic=b"ustar\00000", tail=None):
    """One block of 512 bytes. Numbers may be given as bytes."""
    name = name if isinstance(name, bytes) else name.encode()
    link = link if isinstance(link, bytes) else link.encode()
    fields = [(name, 100), (mode, 8), (0, 8), (0, 8), (size, 12), (mtime, 12)]
    block = b""
    for value, width in fields:
        value = value if isinstance(value, bytes) else octal(value, width)
        block += value[:width].ljust(width, b"\0")
    rest = kind + link[:100].ljust(100, b"\0")
    rest += (magic.ljust(8, b"\0") + bytes(64) + octal(0, 8) * 2
             + prefix.ljust(155, b"\0") + bytes(12)) if tail is None else tail
    rest = rest.ljust(512 - 156, b"\0")
    if checksum is None:
        checksum = sum(block) + 8 * 32 + sum(rest)
    return block + b"%06o\0 " % checksum + rest


def padded(data):
    return data + bytes(-len(data) % 512)


def tar_file(name, data=b"", **fields):
    data = data if isinstance(data, bytes) else data.encode()
    return header(name, size=fields.pop("size", len(data)), **fields) + padded(data)


def record(key, value):
    """One pax record, its length counted as it must be."""
    value = value if isinstance(value, bytes) else value.encode()
    body = b" " + key.encode() + b"=" + value + b"\n"
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length += 1
    return str(length).encode() + body


def pax(*records, kind=b"x", size=None):
    """An extended header. `records`: (key, value), or raw bytes."""
    data = b"".join(row if isinstance(row, bytes) else record(*row) for row in records)
    return header("pax", size=len(data) if size is None else size, kind=kind) + padded(data)


def gnu_long(text, kind=b"L", size=None):
    text = (text if isinstance(text, bytes) else text.encode()) + b"\0"
    return header("././@LongLink", size=len(text) if size is None else size, kind=kind,
                  magic=b"ustar  \0") + padded(text)


def tar_of(*parts, end=bytes(1024)):
    return b"".join(parts) + end


# ---- zstd ----

SKIPPABLE, INDEX, TRAILER, SEEK = 0x184D2A50, 0x184D2A5B, 0x184D2A5C, 0x184D2A5E


def frame(data, checksum=True, claim=None):
    """One zstd frame (RFC 8878) of raw blocks; `claim`: another content size."""
    size = len(data) if claim is None else claim
    made = struct.pack("<IBQ", 0xFD2FB528, 3 << 6 | 1 << 5 | (4 if checksum else 0), size)
    blocks = [data[at:at + 65536] for at in range(0, len(data), 65536)] or [b""]
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        made += struct.pack("<I", len(block) << 3 | last)[:3] + block
    return made + (struct.pack("<I", xxh64(data) & 0xFFFFFFFF) if checksum else b"")


def zeros_frame(count):
    """A frame of `count` * 128 KiB zero bytes in four bytes each."""
    made = struct.pack("<IBQ", 0xFD2FB528, 3 << 6 | 1 << 5, count << 17)
    block = struct.pack("<I", (1 << 17) << 3 | 1 << 1)[:3] + b"\0"
    return made + block * (count - 1) + struct.pack("<I", (1 << 17) << 3 | 1 << 1 | 1)[:3] + b"\0"


def skippable(magic, data, size=None):
    return struct.pack("<II", magic, len(data) if size is None else size) + data


def _hash(name, data):
    library = ctypes.CDLL("libxxhash.so.0")
    if name == "XXH64":
        library.XXH64.restype = ctypes.c_uint64
        return library.XXH64(data, ctypes.c_size_t(len(data)), ctypes.c_uint64(0))
    library.XXH3_64bits.restype = ctypes.c_uint64
    return library.XXH3_64bits(data, ctypes.c_size_t(len(data)))


def xxh64(data):
    return _hash("XXH64", data)


# ---- the core's trailer ----


def section(kind, data, length=None):
    return struct.pack("<IIQ", kind, 0, len(data) if length is None else length) \
        + data + bytes(-len(data) % 8)


def trailer(*sections, checksum=None):
    body = b"HBTRAIL\1" + b"".join(sections)
    return body + struct.pack("<Q", _hash("XXH3", body) if checksum is None else checksum)


def zip_gap(block, length=None):
    """How a zip carries it: the block, then its frame."""
    return block + struct.pack("<IQ", zlib.crc32(block),
                               len(block) if length is None else length) + b"hbcoreTR"


def content_hash(data):
    """The same of a content of one block at most."""
    return struct.pack("<Q", _hash("XXH3", data))


def entry_hash(name, data, mode=0o644, mtime=1_700_000_000, kind=1, link=b""):
    """As the core makes it for its trailer."""
    name = name if isinstance(name, bytes) else name.encode()
    fixed = struct.pack("<QQqQQQ", kind, mode, mtime, 0, len(data), len(name))
    return struct.pack("<Q", _hash("XXH3", fixed + name + link))
