# SPDX-License-Identifier: Apache-2.0
"""Damage to an archive of ours: every kind that disks, copies and forgers come up with.

Each mutation follows from its seed alone, so that one that fails can be made again.
"""
import random
import struct


def zip_sections(data):
    """Where each part of a zip starts: entries, the trailer, central headers, the end; and the end."""
    end = len(data) - 22
    count, _, directory = struct.unpack_from("<HII", data, end + 10)
    starts, at = [], directory
    for _ in range(count):
        starts.append(at)
        name, extra, comment = struct.unpack_from("<HHH", data, at + 28)
        at += 46 + name + extra + comment
    entries = sorted(struct.unpack_from("<I", data, start + 42)[0] for start in starts)
    last = entries[-1]
    packed, _, name, extra = struct.unpack_from("<IIHH", data, last + 18)
    trailer = last + 30 + name + extra + packed
    return entries + [trailer] + starts + [end, len(data)]


def zstd_sections(data):
    """The frames of a seekable archive, its seek table, each part of that; and the end."""
    rows = struct.unpack_from("<I", data, len(data) - 9)[0]
    table = len(data) - 9 - rows * 12
    starts = [0]
    for row in range(rows):
        starts.append(starts[-1] + struct.unpack_from("<I", data, table + row * 12)[0])
    return starts + [table + row * 12 for row in range(rows)] + [len(data) - 9, len(data)]


class Mutator:
    """Makes mutations of `data`; `other` is an archive of the same shape with other content."""

    def __init__(self, data, sections, other, other_sections):
        self.data, self.starts = data, sections
        self.other, self.other_starts = other, other_sections
        self.kinds = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("do_")]

    def make(self, seed):
        """The mutated bytes, which differ from the original, and a description."""
        self.random = random.Random(seed)
        while True:
            kind = self.random.choice(self.kinds)
            made, what = kind()
            if made not in (self.data, self.other):
                return made, f"{kind.__name__[3:]} {what}"

    # ---- places ----

    def section(self):
        number = self.random.randrange(len(self.starts) - 1)
        return self.starts[number], self.starts[number + 1]

    def place(self):
        """Anywhere; every other time evenly over the parts, so that short ones have their turn."""
        if self.random.random() < 0.3:
            return self.random.randrange(len(self.data))
        start, end = self.section()
        return self.random.randrange(start, end)

    def stretch(self):
        if self.random.random() < 0.3:
            return self.section()
        start = self.place()
        longest = self.random.choice([4, 16, 64, 512, 4096, 65536])
        return start, min(len(self.data), start + self.random.randint(1, longest))

    # ---- kinds ----

    def do_bits(self):
        made, places = bytearray(self.data), []
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            at, bit = self.place(), self.random.randrange(8)
            made[at] ^= 1 << bit
            places.append(f"{at}.{bit}")
        return bytes(made), " ".join(places)

    def do_byte(self):
        made, at = bytearray(self.data), self.place()
        made[at] = self.random.choice([0, 1, 0x7F, 0x80, 0xFF, self.random.randrange(256)])
        return bytes(made), f"{at} = {made[at]}"

    def do_truncate(self):
        at = self.place() if self.random.random() < 0.6 else self.random.choice(self.starts[:-1])
        return self.data[:at], f"at {at}"

    def do_zero(self):
        if self.random.random() < 0.5:
            size = self.random.choice([16, 512, 4096])
            start = self.place() // size * size
            end = min(len(self.data), start + size)
        else:
            start, end = self.stretch()
        return self.data[:start] + bytes(end - start) + self.data[end:], f"{start}..{end}"

    def do_cut(self):
        start, end = self.stretch()
        return self.data[:start] + self.data[end:], f"{start}..{end}"

    def do_cut_sections(self):
        first = self.random.randrange(len(self.starts) - 1)
        last = min(len(self.starts) - 1, first + self.random.randint(1, 3))
        start, end = self.starts[first], self.starts[last]
        return self.data[:start] + self.data[end:], f"{start}..{end}"

    def do_duplicate(self):
        start, end = self.stretch()
        at = self.random.choice([end, self.place(), self.random.choice(self.starts)])
        return self.data[:at] + self.data[start:end] + self.data[at:], f"{start}..{end} to {at}"

    def do_splice(self):
        """Bytes from elsewhere in the archive lie over others."""
        start, end = self.stretch()
        length = end - start
        at = self.random.randrange(len(self.data) - length + 1)
        return (self.data[:at] + self.data[start:end] + self.data[at + length:],
                f"{start}..{end} over {at}")

    def do_swap(self):
        """Two parts change places: entries, frames, headers."""
        one, two = sorted(self.random.sample(range(len(self.starts) - 1), 2))
        a, b = self.starts[one], self.starts[one + 1]
        c, d = self.starts[two], self.starts[two + 1]
        return (self.data[:a] + self.data[c:d] + self.data[b:c] + self.data[a:b] + self.data[d:],
                f"{a}..{b} and {c}..{d}")

    def do_insert(self):
        at = self.random.choice([self.place(), self.random.choice(self.starts)])
        count = self.random.choice([1, 4, 22, 512])
        return (self.data[:at] + self.random.randbytes(count) + self.data[at:], f"{count} at {at}")

    def do_append(self):
        count = self.random.choice([1, 8, 22, 512, 4096])
        tail = self.random.choice([self.random.randbytes(count), self.data[-count:]])
        return self.data + tail, f"{len(tail)}"

    def do_foreign(self):
        """A part of the other archive instead of ours, or its bytes at the same place."""
        if len(self.starts) == len(self.other_starts) and self.random.random() < 0.6:
            number = self.random.randrange(len(self.starts) - 1)
            a, b = self.starts[number], self.starts[number + 1]
            c, d = self.other_starts[number], self.other_starts[number + 1]
        else:
            a, b = self.stretch()
            c, d = a, b
        return self.data[:a] + self.other[c:d] + self.data[b:], f"{c}..{d} over {a}..{b}"

    def do_tail_of_other(self):
        at = self.random.randrange(1, len(self.starts) - 1)
        start, begin = self.starts[at], self.other_starts[min(at, len(self.other_starts) - 2)]
        return self.data[:start] + self.other[begin:], f"from {start}"
