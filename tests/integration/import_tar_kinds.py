# SPDX-License-Identifier: Apache-2.0
"""Tars of every kind, beside GNU tar: the same is restored, or what is not is named."""
import os
import subprocess
import tarfile
import unittest

import hb

KINDS = ("v7", "oldgnu", "gnu", "ustar", "pax")
END = bytes(1024)


def padded(data):
    return data + bytes(-len(data) % 512)


def header(name, kind=b"0", size=0, link=b"", mtime=None, field=None):
    """A ustar header; mtime and the size field as their bytes."""
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link.decode()
    block = bytearray(info.tobuf(tarfile.USTAR_FORMAT))
    if mtime is not None:
        block[136:148] = mtime
    if field is not None:
        block[124:136] = field
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def member(name, data, **more):
    return header(name, size=len(data), **more) + padded(data)


def pax(*records, kind=b"x"):
    """(key, value) as bytes."""
    data = b""
    for key, value in records:
        rest = len(key) + len(value) + 3
        length = rest + len(str(rest))
        length = rest + len(str(length))
        data += b"%d %s=%s\n" % (length, key, value)
    return member("pax", data, kind=kind)


A, B = member("a", b"aaa"), member("b", b"bbb")
SPARSE = ((b"GNU.sparse.name", b"sp"), (b"GNU.sparse.realsize", b"1000"))
MAPPED = padded(b"1\n0\n3\n") + b"abc"


class TarKinds(hb.Case):
    def setUp(self):
        super().setUp()
        self.config = hb.GENERIC

    def keep(self, data):
        path = self.fresh("archive")
        path.write_bytes(data)
        return path

    def found(self, root):
        """Directories that the archive does not have get the present time from GNU tar."""
        rows = hb.tree(root, directory_times=False)
        return {name: row for name, row in rows.items() if name != b"."}

    def take(self, archive, expect=0):
        target, piped = self.fresh("target"), self.fresh("piped")
        done = self.summary(self.hbcore("--home", target, "--json", "import", archive, expect=expect))
        self.hbcore("--home", piped, "import", "-", input=archive.read_bytes(), expect=expect)
        self.assertEqual(self.found(piped), self.found(target))
        return self.found(target), {row["path"]: row["reason"] for row in done["skipped"]}

    def as_gnu(self, archive, expect=0):
        judge = self.fresh("judge")
        judge.mkdir()
        self.tool("tar", "-C", judge, "-xf", archive, expect=expect)
        self.assertEqual(self.take(archive), (self.found(judge), {}))

    def make_tree(self):
        tree = self.dir / "tree"
        hb.write(tree / "file", b"hello", mode=0o640, mtime_ns=10**18 + 123456789)
        hb.write(tree / "early", b"e", mtime_ns=-1_500_000_000)
        hb.write(tree / "late", b"l", mtime_ns=2**34 * 10**9)
        hb.write(tree / "empty")
        hb.write(tree / ("n" * 120), b"long")
        hb.write(tree / ("d" * 90) / ("e" * 90) / ("f" * 90) / "deep", b"deep")
        hb.write(os.fsencode(tree) + b"/\xff\xfe", b"bytes")
        hb.write(tree / "u\u0308 e\u0301", b"combining")
        os.symlink("t" * 150, tree / "link")
        os.link(tree / ("n" * 120), tree / "hard")
        with open(tree / "sparse", "wb") as stream:
            for hole in range(30):
                stream.seek(hole * 100_000)
                stream.write(b"z" * 5000)
            stream.truncate(3_100_000)
        return tree

    def test_whatever_gnu_tar_writes(self):
        tree = self.make_tree()
        for options in (*((f"--format={kind}",) for kind in KINDS), ("-S", "--format=oldgnu"), ("-S", "--format=gnu"),
                        *(("-S", "--format=pax", f"--sparse-version={version}") for version in ("0.0", "0.1", "1.0")),
                        ("--format=gnu", "-V", "label"), ("--format=pax", "-V", "label"), ("-G",),
                        ("--format=pax", "--pax-option=mtime=77")):
            done = subprocess.run(["tar", "-C", tree, *options, "-cf", "-", "."], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, check=False)
            self.as_gnu(self.keep(done.stdout))

    def test_headers(self):
        for data in (pax((b"size", b"3")) + header("a") + padded(b"aaa") + B,
                     pax((b"path", b"p"), (b"mtime", b"12345.678901234")) + A,
                     pax((b"linkpath", b"target")) + header("s", kind=b"2", link=b"x"),
                     pax((b"mtime", b"-7.25")) + A, pax((b"hdrcharset", b"BINARY"), (b"path", b"\xff")) + A,
                     pax((b"comment", b"0" * 40), kind=b"g") + A,
                     pax((b"mtime", b"1000.5"), kind=b"g") + A + pax((b"mtime", b"77")) + B + member("c", b"c"),
                     header("a", field=b"\x80" + bytes(10) + b"\3") + padded(b"aaa") + B,
                     member("a", b"x", mtime=b"\xff" * 11 + b"\xf6"),
                     member("a", b"x", mtime=b"\x80" + bytes(6) + b"\3" + bytes(4)),
                     member("zz", b"zz", kind=b"Z") + A, member("zz", b"zz", kind=b"7") + A):
            self.as_gnu(self.keep(data + END))

    def test_ends(self):
        for data in (A + bytes(512), A + END + bytes(100_000), A + END + bytes(77)):
            self.as_gnu(self.keep(data))
        garbage = self.keep(A + END + b"garbage" * 300)
        self.as_gnu(garbage)
        self.assert_mentions(self.hbcore("list", garbage), "belong to no entry")
        told = self.hbcore("--home", self.fresh("target"), "import", self.keep(A + END + B + END), expect=3)
        self.assert_mentions(told, "another archive follows")
        for tool, option in (("gzip", "-c"), ("zstd", "-qc"), ("xz", "-c"), ("bzip2", "-c")):
            parts = [subprocess.run([tool, option], input=part, check=True, capture_output=True).stdout
                     for part in (A[:700], A[700:] + B + END)]
            self.as_gnu(self.keep(b"".join(parts)))

    def test_empty_ones(self):
        self.tool("tar", "-V", "label", "-cf", self.dir / "label.tar", "-T", "/dev/null")
        self.tool("tar", "--format=pax", "-V", "label", "-cf", self.dir / "pax.tar", "-T", "/dev/null")
        packed = subprocess.run(["gzip"], input=END, check=True, capture_output=True).stdout
        for archive in (self.keep(bytes(512)), self.keep(END), self.keep(bytes(10240)), self.keep(bytes(700)),
                        self.dir / "label.tar", self.dir / "pax.tar", self.keep(packed),
                        self.keep(pax((b"comment", b"g"), kind=b"g") + END)):
            self.assertEqual(self.hbcore("list", archive).stdout, b"")
            self.assert_mentions(self.hbcore("--home", self.fresh("none"), "import", archive, expect=1), "is empty")
        for data in (bytes(511), bytes(2 << 20), bytes(4096) + b"disk", pax((b"path", b"lost")) + END):
            self.hbcore("list", self.keep(data), expect=1)

    def test_one_member_that_cannot_be_read(self):
        """The rest is restored."""
        for bad, name, reason in (
                (member("m", b"rest", kind=b"M"), "m", "earlier volume"),
                (pax((b"GNU.sparse.major", b"2"), (b"GNU.sparse.minor", b"0"), *SPARSE) + member("x", MAPPED), "sp",
                 "sparse"),
                (pax((b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"7"), *SPARSE) + member("x", MAPPED), "sp",
                 "sparse")):
            archive = self.keep(bad + A + END)
            found, skipped = self.take(archive, expect=3)
            self.assertEqual((set(found), set(skipped)), ({b"a"}, {name}))
            self.assertIn(reason, skipped[name])
            self.hbcore("verify", archive, expect=3)
            self.assertEqual(self.hbcore("cat", archive, "a").stdout, b"aaa")
            self.hbcore("--home", self.fresh("target"), "import", archive, "--exclude", name)

    def test_global_names(self):
        told = self.hbcore("--home", self.fresh("target"), "import",
                           self.keep(pax((b"path", b"all"), kind=b"g") + A + END))
        self.assert_mentions(told, "global pax header")


if __name__ == "__main__":
    unittest.main()
