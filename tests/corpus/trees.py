# SPDX-License-Identifier: Apache-2.0
"""What goes into the archives: one small tree for each thing that tends to get lost."""
import hashlib
import os
import time

NOW = 1_700_000_000  # even, so that the two seconds of MS-DOS hold it
TEXT = b"The quick brown fox jumps over the lazy dog.\n"


def noise(count, seed=b"hbcore"):
    return hashlib.shake_256(seed).digest(count)


def put(root, name, data=b"", mode=0o644, ns=None):
    path = os.path.join(os.fsencode(root), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)
    if ns is not None:
        os.utime(path, ns=(ns, ns))


def link(root, name, target):
    path = os.path.join(os.fsencode(root), name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.symlink(target, path)


def directory(root, name, mode=0o755):
    path = os.path.join(os.fsencode(root), name)
    os.makedirs(path, exist_ok=True)
    os.chmod(path, mode)


def one(root):
    put(root, b"a", b"hello\n")


def hollow(root):
    directory(root, b"hollow/inner")
    directory(root, b"hollow/other", 0o700)


def mixed(root):
    put(root, b"text", TEXT * 200)
    put(root, b"bin/run.sh", b"#!/bin/sh\nexit 0\n", 0o755)
    put(root, b"empty")
    put(root, b"sub/noise", noise(20_000), 0o600)
    put(root, b"sub/deeper/zeros", bytes(70_000), 0o640)
    put(root, b"sub/crlf.txt", b"one\r\ntwo\r\n")
    directory(root, b"sub/hollow")
    link(root, b"sub/link", b"../text")


def deep(root):
    for depth in (1, 9, 40):
        put(root, b"/".join(b"d%d" % i for i in range(depth)) + b"/leaf", b"%d\n" % depth)


def long(root):
    put(root, b"n" * 99, b"99")
    put(root, b"n" * 100, b"100")
    put(root, b"n" * 101, b"101")
    put(root, b"m" * 255, b"255")
    put(root, b"p" * 154 + b"/" + b"q" * 99, b"prefix")
    put(root, b"/".join([b"long" * 30] * 6) + b"/leaf", b"deep")
    link(root, b"to-long", b"m" * 255)


def latin(root):
    put(root, b"caf\xe9", b"latin")
    put(root, b"d\xfcr/x", b"directory")
    link(root, b"zu", b"caf\xe9")


def unicode(root):
    put(root, "größe".encode(), b"composed")
    put(root, "e\u0301t".encode(), b"combining")
    put(root, "日本/語".encode(), b"japanese")
    put(root, "\U0001f600".encode(), b"emoji")


def links(root):
    put(root, b"d/target", b"target")
    link(root, b"d/relative", b"target")
    link(root, b"up", b"d/../d/target")
    link(root, b"to-directory", b"d")
    link(root, b"dangling", b"nowhere")
    link(root, b"long-link", b"d/" + b"x" * 150)


def hard(root):
    base = os.fsencode(root)
    put(root, b"first", b"shared content\n")
    os.link(base + b"/first", base + b"/second")
    directory(root, b"z")
    os.link(base + b"/first", base + b"/z/third")
    put(root, b"lonely", b"alone\n")


def modes(root):
    for mode in (0o400, 0o444, 0o600, 0o644, 0o666, 0o700, 0o711, 0o755, 0o777):
        put(root, b"f%o" % mode, b"%o" % mode, mode)
    directory(root, b"d700", 0o700)
    directory(root, b"d777", 0o777)
    directory(root, b"d550", 0o550)


def special_bits(root):
    put(root, b"setuid", b"u", 0o4755)
    put(root, b"setgid", b"g", 0o2755)
    directory(root, b"sticky", 0o1777)
    directory(root, b"group", 0o2775)


def times(root):
    moments = {b"epoch": 0, b"before": -86_400, b"y1979": 300_000_000, b"y1980": 315_532_800, b"odd": NOW + 1,
               b"y2038": 2_147_483_648, b"y2107": 4_354_819_198, b"y2200": 7_258_118_400}
    for name, seconds in moments.items():
        put(root, name, name, ns=seconds * 10**9)
    put(root, b"fraction", b"f", ns=NOW * 10**9 + 123_456_789)
    put(root, b"before-fraction", b"f", ns=-1_500_000_000)


def sparse(root):
    base = os.fsencode(root)
    for name, size, places in ((b"holes", 1_000_000, (0, 300_000, 700_000)), (b"all-hole", 500_000, ()),
                               (b"many", 800_000, range(0, 800_000, 20_000)), (b"tail", 400_000, (399_999,))):
        with open(base + b"/" + name, "wb") as file:
            for place in places:
                file.seek(place)
                file.write(b"data")
            file.truncate(size)
    put(root, b"plain", b"no hole")


def fifo(root):
    os.mkfifo(os.fsencode(root) + b"/pipe", 0o644)
    put(root, b"file", b"beside a pipe")


def big(root):
    put(root, b"noise", noise(1_300_000))
    put(root, b"text", TEXT * 40_000)


def zeros(root):
    put(root, b"zeros", bytes(2_000_000))
    put(root, b"nothing")


def odd_names(root):
    for number, name in enumerate((b"back\\slash", b"d\\e\\f", b" space ", b"new\nline", b"tab\t", b"-dash", b"star*", b"q?",
                                   b"dot.", b"...", b"~", b"colon:x", b"PK\x03\x04", b"%41", b"a'b\"c", b"CON")):
        put(root, b"o/" + name, b"%d" % number)


def twins(root):
    put(root, b"readme", b"small")
    put(root, b"README", b"large")
    put(root, b"Dir/x", b"1")
    put(root, b"dir/x", b"2")


def many(root):
    for number in range(120):
        put(root, b"m%d/f%03d" % (number % 7, number), b"%d\n" % number * (number % 9))


SHAPES = {shape.__name__.replace("_", "-"): shape for shape in (
    one, hollow, mixed, deep, long, latin, unicode, links, hard, modes, special_bits, times, sparse, fifo, big, zeros,
    odd_names, twins, many)}


def settle(root):
    """What has the time of now gets a fixed one, the deepest first."""
    now = time.time()
    for place, _, files in os.walk(os.fsencode(root), topdown=False):
        for path in [os.path.join(place, name) for name in files] + [place]:
            if abs(os.lstat(path).st_mtime - now) < 3600 or path == place:
                os.utime(path, (NOW, NOW), follow_symlinks=False)


def make_all(root):
    for name, shape in SHAPES.items():
        target = os.path.join(root, name)
        os.mkdir(target)
        shape(target)
        settle(target)
