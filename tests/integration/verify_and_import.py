# SPDX-License-Identifier: Apache-2.0
"""verify says what import would do, and so does the dry run: one list of odd and hostile archives, three commands.

What depends on what is in the home is not told by verify; these are imported into a home that is not there yet.
"""
import io
import json
import lzma
import os
import resource
import signal
import stat
import struct
import tarfile
import unittest
import warnings
import zipfile
import zlib

import hb

CONFIG = "[backup]\nformat = zip\n[format:zip]\n[format:tar-zstd]\n[content:sqlite]\nplugin = sqlite-snap\n"
LINKS = ("--set", "import.links=restore")
LONG = "n" * 300
UNDAMAGED = "; all of it was read back and is undamaged"

# name: (exit code, what is skipped, members, options). A member: kind, name, target of a link
TARS = {
    "plain": (0, (), ("f a", "d b", "f b/c"), ()),
    "nothing": (1, (), (), ()),
    "only-directories": (0, (), ("d a", "d a/b"), ()),
    "only-refused": (3, ("../a", "p"), ("f ../a", "p p"), ()),
    "special": (3, ("p", "c", "b/b"), ("f a", "p p", "c c", "b b/b"), ()),
    "links-refused": (3, ("l", "out", "abs"), ("f a", "l l a", "l out ../../etc/passwd", "l abs /etc/passwd"), ()),
    "links-restored": (0, (), ("f a", "l l a", "l out ../../etc/passwd", "l abs /etc/passwd"), LINKS),
    "paths": (3, ("../out", "b/../../out", "/abs", "c//../d"), ("f ../out", "f b/../../out", "f /abs", "f c//../d", "f ./e"), ()),
    "spellings": (0, (), ("d /", "d c/.", "f c//d", "f c/./d", "f ./e//f"), ()),
    "root-and-absolute": (3, ("/a", "/b"), ("d /", "d /a", "f /b", "f c"), ()),
    "component": (3, (LONG, f"d/{LONG}/f"), (f"f {LONG}", f"f d/{LONG}/f", "f a"), ()),
    "long-target": (3, ("l",), ("l l " + "x/" * 2048, "l m " + "x/" * 2047, "f a"), LINKS),
    "very-long-target": (3, ("l", "k"), ("l l " + "x/" * 9000, "l k " + "x" * 60000, "f a"), LINKS),
    "file-against-directory": (3, ("x",), ("f x", "f x/y", "f z"), ()),
    "directory-against-file": (3, ("x",), ("f x/y", "f x", "f z"), ()),
    "file-replaces-directory": (0, (), ("d x", "f x"), ()),
    "file-replaces-full-directory": (3, ("x",), ("d x", "f x/y", "f x"), ()),
    "many-files-against-directories": (3, ("x", "x/y", "x.b"), ("f x", "f x/y", "f x/y/z", "f x.a", "f x-a", "f x.b",
                                                                 "f x.b/c", "d x.a.b"), ()),
    "link-against-directory": (3, ("x",), ("l x ../..", "f x/y", "f z"), LINKS),
    "hard-link-against-directory": (3, ("x",), ("f a", "h x a", "f x/y"), ()),
    "origin-against-directory": (3, ("a",), ("f a", "h x a", "f a/y"), ()),
    "database-against-directory": (3, ("x.db",), ("f x.db", "f x.db/y"), ()),
    "duplicates": (0, (), ("f a", "f a", "d b", "d b", "f a"), ()),
    "hard-links": (3, ("gone", "out"), ("f a", "h b a", "h gone nowhere", "h out ../../etc/passwd"), ()),
    "sidecars": (3, ("x.db-wal", "x.db-shm"), ("f a", "f x.db-wal", "f x.db-shm"), ()),
    "ours": (3, (".hbcore-id",), ("f a", "f .hbcore-id"), ()),
    "stage": (3, (".hbcore-stage-0123456789abcdef/journal",), ("f a", "f .hbcore-stage-0123456789abcdef/journal"), ()),
    "too-many": (1, (), ("f a", "f b", "f c"), ("--set", "import.max-entries=2")),
    "too-large": (1, (), ("f a", "f b", "f c"), ("--set", "import.max-bytes=2")),
    "too-long": (1, (), ("f a", "f " + "b/" * 60 + "c"), ("--set", "import.max-path=100")),
    "too-long-together": (1, (), ("f a", "f b", "f c"), ("--set", "import.max-names=3")),
    "too-deep": (3, ("b/c/d",), ("f a", "f b/c/d"), ("--set", "import.max-depth=2")),
    "no-marker": (1, (), ("f a", "f b"), ("--set", "import.markers=config.yaml .env")),
    "marker": (3, ("p",), ("f a", "f deep/.env", "p p"), ("--set", "import.markers=config.yaml .env")),
    "wrapped": (3, ("p", "x"), ("f top/a", "p top/p", "f top/x", "f top/x/y"), ("--set", "import.wrappers=top")),
}


def zip_of(path, members):
    with zipfile.ZipFile(path, "w") as made, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for row in members:
            kind, name, *target = row.split(" ")
            info = zipfile.ZipInfo(name + ("/" if kind == "d" else ""), (2023, 5, 6, 7, 8, 10))
            info.create_system = 3
            mode = {"f": stat.S_IFREG, "d": stat.S_IFDIR, "l": stat.S_IFLNK}[kind] | 0o755
            info.external_attr = mode << 16
            made.writestr(info, name[-8:] if kind == "f" else "".join(target))


def member(name, data=b"", mode=0o100644, flags=0, method=0, packed=None, maker=3, attributes=0):
    """A member as another program may have written it: whatever its fields say."""
    packed = data if packed is None else packed
    fields = struct.pack("<HHHHIII", flags, method, 0, 0x5621, zlib.crc32(data), len(packed), len(data))
    local = b"PK\3\4" + struct.pack("<H", 20) + fields + struct.pack("<HH", len(name), 0) + name + packed
    central = b"PK\1\2" + struct.pack("<HH", maker << 8 | 20, 20) + fields + struct.pack("<HHHHHI", len(name), 0, 0, 0, 0,
                                                                                      mode << 16 | attributes)
    return local, central, name


def zip_by_hand(*members):
    front, directory = b"", b""
    for local, central, name in members:
        directory += central + struct.pack("<I", len(front)) + name
        front += local
    return front + directory + b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(directory), len(front), 0)


def xz_that_claims(data, bits):
    """An xz stream whose header says that it needs a dictionary of 2^bits bytes; what needs it is not in there."""
    made = bytearray(lzma.compress(data, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]))
    size = (made[12] + 1) * 4
    at = made.index(b"\x21\x01\x00", 12)  # LZMA2, one byte of properties, 4 KiB
    made[at + 2] = (bits - 12) * 2
    struct.pack_into("<I", made, 12 + size - 4, zlib.crc32(made[12:12 + size - 4]))
    return bytes(made)


KEPT = member(b"kept", b"k")
CLOSED = {"encrypted": {"flags": 1, "packed": bytes(12)}, "strongly": {"flags": 65}, "masked": {"flags": 8192 | 1}, "patch": {"flags": 32},
          "method 97": {"method": 97, "packed": b"?"}, "method 9": {"method": 9, "packed": b"?"}}
SPECIAL = {"pipe": stat.S_IFIFO | 0o600, "device": stat.S_IFCHR | 0o600, "disk": stat.S_IFBLK | 0o600, "socket": stat.S_IFSOCK | 0o600}


def closed(name, mode, data=b""):
    """One of each kind that cannot be decoded; the name of a kind stands for {}."""
    return [member(name.format(kind).encode(), data, mode, **fields) for kind, fields in CLOSED.items()]


# name: (exit code, what is skipped, members)
ZIPS = {
    # A directory has nothing that would have to be decoded.
    "directories": (0, (), (*closed("{}/", 0o40755), *closed("slash {}/", 0), *closed("mode {}", 0o40755),
                            *closed("{}/below//", 0o40755), *closed("content {}/", 0o40755, b"content"),
                            member(b"dos", b"", 0, maker=0, attributes=16, **CLOSED["encrypted"]))),
    "files and links": (3, (*(f"f {kind}" for kind in CLOSED), *(f"l {kind}" for kind in CLOSED), *(f"d/{kind}" for kind in CLOSED)),
                        (*closed("f {}", 0o100644, b"content"), *closed("l {}", 0o120777, b"kept"), *closed("d/", 0o40755),
                         *closed("d/{}", 0o100644, b"content"))),
    # What Windows means elsewhere is refused of directories, too.
    "places": (3, ("C:\\x", "C:/x", "..\\x", "a\\..\\x"),
               (member(b"C:\\x/", b"", 0o40755), member(b"C:\\x\\", b"", 0, maker=0, attributes=16), member(b"..\\x/", b"", 0o40755),
                member(b"a\\..\\x/", b"", 0o40755, **CLOSED["encrypted"]))),
    # A pipe or a device without content is one; with content it is a file, and so is what came from a pipe.
    "special": (3, (*SPECIAL, "encrypted"), (*(member(kind.encode(), b"", mode) for kind, mode in SPECIAL.items()),
                                             member(b"encrypted", b"", SPECIAL["pipe"], **CLOSED["encrypted"]))),
    "with content": (0, (), [member(kind.encode(), b"content", mode) for kind, mode in SPECIAL.items()]),
    "no pipes": (0, (), (member(b"p", b"", SPECIAL["pipe"], maker=0), member(b"-", b"", SPECIAL["pipe"]))),
    # Only the packed bytes say it.
    "memory": (3, ("more",), (member(b"more", b"text" * 99, method=95, packed=xz_that_claims(b"text" * 99, 30)),
                              member(b"as much as is there", b"text" * 99, method=95, packed=xz_that_claims(b"text" * 99, 27)))),
    "ppmd": (3, ("no such way", "no such order", "in/both"),
             [member(name, b"text" * 99, method=98, packed=struct.pack("<H", word) + b"packed")
              for name, word in ((b"no such way", 0x3074), (b"no such order", 0x2070), (b"in/both", 0xfff0))]),
}


class TheSame(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.config = self.write_config(CONFIG)
        self.count = 0

    def told(self, *words):
        """Exit code, what is skipped and why, how it failed."""
        done = self.hbcore("--json", *words, expect=None)
        last = json.loads(done.stdout.splitlines()[-1])
        rows = [(row["path"], row["reason"]) for row in last.get("skipped", []) + last.get("doubtful", [])]
        message = last.get("message")  # of verify with what it says besides
        return done.returncode, sorted(rows), message and message.replace(UNDAMAGED, "")

    def counts(self, *words):
        """Files and bytes; of an import also how many the archive has."""
        done = self.summary(self.hbcore("--json", *words, expect=None))
        return {key: done.get(key) for key in ("files", "bytes", "members")}

    def compare_counts(self, archive, options, home):
        """One way to count in all commands: a hard link is a file, with the content that an import copies."""
        listed, verified = (self.counts(*options, "--home", home, name, archive) for name in ("list", "verify"))
        would = self.counts(*options, "--home", home, "import", "--dry-run", archive)
        done = self.counts(*options, "--home", home, "import", archive)
        self.assertEqual(would, done)
        self.assertEqual((listed["files"], listed["files"]), (verified["files"], done["members"]))
        self.assertEqual(listed["bytes"], verified["bytes"])
        self.tool("rm", "-rf", home)

    def compare(self, archive, options=(), dry=True):
        self.count += 1
        home = self.dir / f"home{self.count}"
        verified = self.told(*options, "--home", home, "verify", archive)
        if dry:
            self.assertEqual(self.told(*options, "--home", home, "import", "--dry-run", archive), verified)
        self.assertFalse(home.exists())
        if dry and verified[0] != 1 and "cannot be" not in str(verified):
            self.compare_counts(archive, options, home)
        words = ("--json", *options, "--home", home, "import", "-")
        done = self.hbcore(*words, input=archive.read_bytes(), expect=None)
        self.assertEqual(done.returncode, verified[0], self.describe(done))
        piped = hb.tree(home, directory_times=False) if home.exists() else None
        self.tool("rm", "-rf", home)
        self.assertEqual(self.told(*options, "--home", home, "import", archive), verified)
        self.assertEqual(hb.tree(home, directory_times=False) if home.exists() else None, piped)
        if not self.count % 4:
            self.assertEqual(self.told(*options, "verify", archive), verified, "without a home")
        return verified

    def test_tar(self):
        archive = self.dir / "made.tar"
        for name, (code, skipped, members, options) in TARS.items():
            with self.subTest(archive=name):
                hb.tar_of(archive, members)
                found = self.compare(archive, options)
                self.assertEqual((found[0], sorted(path for path, _ in found[1])), (code, sorted(skipped)), found)

    def test_zip(self):
        archive = self.dir / "made.zip"
        for name in ("nothing", "only-directories", "links-refused", "paths", "long-target", "file-against-directory",
                     "duplicates", "no-marker"):
            with self.subTest(archive=name):
                code, skipped, members, options = TARS[name]
                zip_of(archive, members)
                found = self.compare(archive, options)
                self.assertEqual((found[0], sorted(path for path, _ in found[1])), (code, sorted(skipped)), found)

    def test_zips_by_hand(self):
        archive = self.dir / "made.zip"
        for name, (code, skipped, members) in ZIPS.items():
            with self.subTest(archive=name):
                archive.write_bytes(zip_by_hand(KEPT, *members))
                found = self.compare(archive, LINKS)
                self.assertEqual((found[0], sorted(path for path, _ in found[1])), (code, sorted(skipped)), found)

    def test_zips_that_were_joined(self):
        """The first one is not read, and that is said; of a program that unpacks the archive nothing is said."""
        archive = self.dir / "made.zip"
        first, second = zip_by_hand(member(b"first", b"1"), member(b"more", b"2")), zip_by_hand(member(b"second", b"3"))
        program = b"\x7fELF" + bytes(3000) + b"PK\5\6" + bytes(40) + b"PK\3\4" + bytes(40)
        forgotten = bytearray(zip_by_hand(member(b"gone", b"1"), member(b"second", b"3")))
        at = forgotten.index(b"PK\1\2")
        size = 46 + len(b"gone")
        struct.pack_into("<HHII", forgotten, len(forgotten) - 14, 1, 1, len(forgotten) - 22 - at - size, at + size)
        other = "another archive, of {} bytes, lies in front"
        for name, code, data, words in (
                ("joined", 0, first + second, other.format(len(first))),
                ("padded", 0, first + bytes(100) + second, other.format(len(first) + 100)),
                ("three", 0, first + first + second, other.format(2 * len(first))),
                ("behind a program", 0, program + first + second, other.format(len(program + first))),
                ("with bytes behind", 0, first + b"\r\n" + b"?" * 99, None),
                ("nothing in front", 0, zip_by_hand() + second, None),
                ("a program", 0, program + second, None),
                ("a program for Windows", 0, b"MZ" + bytes(5000) + second, None),
                ("a script", 0, b"#!/bin/sh\n# unpacks what is behind it\nexit\n" + second, "43 bytes in front of"),
                ("what was cut off behind a stored zip, and lost its start", 0, bytes(50) + b"a.zip" + second,
                 "55 bytes in front of"),
                ("a stored zip", 0, zip_by_hand(member(b"a.zip", first), member(b"b", b"b")), None),
                ("not named", 0, bytes(forgotten), "begin as an entry does")):
            with self.subTest(name):
                archive.write_bytes(data)
                self.assertEqual(self.compare(archive)[0], code)
                done = self.hbcore("verify", archive, expect=code)
                text = (done.stdout + done.stderr).decode()
                self.assertEqual(text.count("in front"), 0 if words is None else 1, text)
                self.assertIn(words or "", text)
        # Offsets that count from the first byte, as `zip -A` corrects them
        moved = bytearray(first + second)
        struct.pack_into("<I", moved, len(moved) - 6, len(first) + second.index(b"PK\1\2"))
        struct.pack_into("<I", moved, len(first) + second.index(b"PK\1\2") + 42, len(first))
        archive.write_bytes(moved)
        self.compare(archive)
        self.assert_mentions(self.hbcore("list", archive), other.format(len(first)))

    def test_one_spelling(self):
        """Of names with "//" and "/./" in them all commands know the plain one; of two that are one the last counts."""
        rows = ("d /", "d c//.", "f c//first", "f c/./second", "l c//l first", "f ./c/.//same", "f c/same", "f c//same")
        for make, archive in ((hb.tar_of, self.dir / "made.tar"), (zip_of, self.dir / "made.zip")):
            with self.subTest(archive=archive.name):
                make(archive, rows)
                self.assertEqual(self.compare(archive, LINKS)[:2], (0, []))
                home = self.dir / f"home{self.count}"
                self.assertEqual(set(hb.tree(home)) - {b"."}, {b"c", b"c/first", b"c/second", b"c/l", b"c/same"})
                self.assertEqual((home / "c/same").read_bytes(), b"c//same")
                listed = [json.loads(line).get("path") for line in self.hbcore("--json", "list", archive).stdout.splitlines()]
                self.assertEqual([path for path in listed if path],
                                 [".", "c", "c/first", "c/second", "c/l", "c/same", "c/same", "c/same"])
                for name in ("c/first", "c/second", "c/same", "./c/same"):
                    self.assertEqual(self.hbcore("cat", archive, name).stdout, (home / name).read_bytes())
                self.tool("rm", "-rf", home)
                self.hbcore("--home", home, "import", archive, "--include", "c/first", *LINKS)
                self.assertEqual(set(hb.tree(home)) - {b"."}, {b"c", b"c/first"})

    def test_zips_that_cannot_be_decoded(self):
        """Whatever the plugin makes of them, all say the same."""
        archive = self.dir / "made.zip"
        zip_of(archive, ("f a", "f b"))
        whole = archive.read_bytes()
        for what, local, central, value in (("encrypted", 6, 8, 1), ("method 97", 8, 10, 97), ("method 9", 8, 10, 9)):
            with self.subTest(what):
                data = bytearray(whole)
                at = whole.index(b"PK\1\2")
                data[local] |= value
                data[at + central] |= value
                archive.write_bytes(data)
                rows = [json.loads(line) for line in self.hbcore("--json", "list", archive).stdout.splitlines()]
                listed = any("unreadable" in row for row in rows)  # else only who decodes it can tell
                self.assertEqual(self.compare(archive, dry=listed)[0], 3)

    def test_what_was_left_out_is_not_told(self):
        """Also of what would be refused; nothing is left to be told then."""
        archive = self.dir / "made.tar"
        hb.tar_of(archive, ("f a", "p p", "l sub/l a", "f x", "f x/y", "f x.db-wal", "h h gone", "l m " + "x/" * 2048))
        words = ("--home", self.dir / "home", "import", archive, "--force")
        self.assertEqual(self.told(*words)[0], 3)
        out = [word for name in ("p", "sub/l", "x", "x.db-wal", "h", "m") for word in ("--exclude", name)]
        self.assertEqual(self.told(*words, *out)[:2], (0, []))
        self.assertEqual(self.told(*words, "--include", "a")[:2], (0, []))
        self.assertEqual([path for path, _ in self.told(*words, *out[2:])[1]], ["p"])

    def test_how_links_are_counted(self):
        """Also those that are left out, and those to what is no file."""
        archive = self.dir / "made.tar"
        hb.tar_of(archive, ("f four", "h one four", "h two one", "p p", "h pp p", "h none gone", "l l four", "f name", "d d",
                         "h d/n d//../name", "h d/m name"))
        words = (*LINKS, "--home", self.dir / "home", "import", "--dry-run", archive)
        self.assertEqual(self.counts("list", archive), {"files": 5, "bytes": 5 * 4, "members": None})
        self.assertEqual(self.counts(*words), {"files": 5, "bytes": 20, "members": 5})
        self.compare(archive, LINKS)
        self.assert_mentions(self.hbcore(*words, expect=3), "contains 5 files (20 B to restore)", "4 refused", "files skipped (4)")
        for choice, kept, left in ((("--include", "/one"), 1, 4), (("--exclude", "four"), 4, 1), (("--exclude", "p*"), 5, 0)):
            done = self.summary(self.hbcore("--json", *words, *choice, expect=None))
            unwanted = done["unwanted"]
            self.assertEqual((done["members"], done["files"], done["bytes"]), (5, kept, 4 * kept), choice)
            self.assertEqual(unwanted["not_included"] + unwanted["excluded"], left)

    def test_damage_is_told_once(self):
        """The reason stands alone beside its path; the hint for what is whole comes only if something is."""
        archive = self.dir / "pydam.zip"
        with zipfile.ZipFile(archive, "w") as made:
            for name in ("n\xe4me", "b"):
                made.writestr(name, name * 50)
        whole = archive.read_bytes()
        hint, rest = "undamaged members can still be extracted", "to import the rest"
        for names, hinted in ((["n\xe4me"], True), (["b", "n\xe4me"], False)):
            data = bytearray(whole)
            for name in names:
                data[whole.index((name * 50).encode())] ^= 1
            archive.write_bytes(data)
            done = self.hbcore("--json", "verify", archive, expect=1)
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            damaged = [row for row in rows if row["type"] == "damaged"]
            self.assertEqual([row["path"] for row in damaged], names)
            for row in damaged:
                self.assertFalse(any(word in row["reason"] for word in ("pydam", "n\xe4me", "zip: ")), row)
            text = self.hbcore("verify", archive, expect=1).stderr.decode()
            self.assertEqual(hint in text, hinted, text)
        tree = self.dir / "tree"
        hb.write(tree / "a", os.urandom(9000))
        hb.write(tree / "b", os.urandom(9000))
        packed = self.dir / "one.tar.zst"
        self.hbcore("--home", tree, "backup", "--format", "tar-zstd", "-o", packed)
        data = bytearray(packed.read_bytes())
        data[9000] ^= 1
        packed.write_bytes(data)
        for words in (("verify",), ("--home", self.dir / "new", "import")):
            text = self.hbcore(*words, packed, expect=1).stderr.decode()
            self.assertFalse(hint in text or rest in text, text)

    def test_list_says_what_is_doubtful(self):
        """As verify does: of tars that were joined the second one is not read."""
        self.need("tar", "zstd")
        one, joined = self.dir / "one.tar.zst", self.dir / "joined.tar.zst"
        hb.write(self.dir / "a", b"a")
        self.tool("tar", "-C", self.dir, "--zstd", "-cf", one, "a")
        joined.write_bytes(one.read_bytes() * 2)
        for archive, code in ((one, 0), (joined, 3)):
            for words in ((), ("--json",)):
                done = self.hbcore(*words, "list", archive, expect=code)
                self.assertEqual(b"doubtful" in done.stderr, code == 3, self.describe(done))
            self.assertEqual(self.summary(done)["status"], "incomplete" if code else "complete")
            self.assertEqual(self.told("list", archive), self.told("verify", archive))

    def test_the_words_of_list(self):
        archive = self.dir / "made.tar"
        hb.tar_of(archive, ("f a/./b", "f ./e", "h ./h a/b", "f a/../d"))
        self.assertEqual(self.hbcore("list", archive).stdout.decode().split(), ["a/b", "e", "h", "a/../d"])
        self.assertEqual([line[0] for line in self.hbcore("list", "--long", archive).stdout.decode().splitlines()],
                         ["-", "-", "h", "-"])
        for name in ("e", "./e", "a/b", "h"):
            self.hbcore("cat", archive, name)
        done = self.hbcore("verify", archive, expect=3)
        self.assert_mentions(done, "a/../d: refused: contains '..'")

    def test_what_an_archive_says_of_itself(self):
        """Of a file that is missing or doubtful all three say so, once a file, unless it is left out."""
        home, archive = self.dir / "home", self.dir / "a.zip"
        hb.write(home / "fine", b"fine")
        for name in ("one.db", "sub/two.db"):
            self.make_database(home / name, rows=500)
            data = bytearray((home / name).read_bytes())
            data[-2000:-1000] = b"\xff" * 1000
            hb.write(home / name, bytes(data))
        saved = self.summary(self.hbcore("--home", home, "--json", "backup", "-o", archive, expect=3))
        paths = [row["path"] for row in saved["doubtful"]]
        self.assertEqual(paths, ["one.db", "sub/two.db"])
        for words in (("verify",), ("import", "--dry-run"), ("import",), ("import", "--force"), ("import", "-f", "--dry-run")):
            code, rows, _ = self.told("--home", self.dir / "new", *words, archive)
            self.assertEqual((code, [path for path, _ in rows]), (3, paths), words)
        for words in ((), ("--dry-run",)):
            done = self.told("--home", self.dir / f"of{len(words)}", "import", *words, archive, "--exclude", "/sub")
            self.assertEqual((done[0], [path for path, _ in done[1]]), (3, paths[:1]))
            done = self.told("--home", self.dir / f"on{len(words)}", "import", *words, archive, "--exclude", "*.db")
            self.assertEqual(done[:2], (0, []))
        self.assert_mentions(self.hbcore("verify", archive, expect=3), "2 problems")

    def test_a_file_that_is_too_large_for_the_file_system(self):
        """It costs itself and the links to it; EFBIG is what the kernel says then."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 18, 1 << 18))

        archive = self.dir / "made.tar"
        with tarfile.open(archive, "w") as made:
            for name, kind, size, target in (("a", "f", 5, ""), ("new/big", "f", 1 << 20, ""), ("top", "f", 1 << 20, ""),
                                             ("hard", "h", 0, "top"), ("new/c", "f", 5, "")):
                info = tarfile.TarInfo(name)
                info.type, info.size, info.linkname, info.mode = hb.TAR_KINDS[kind], size, target, 0o644
                made.addfile(info, io.BytesIO(b"x" * size))
        for piped in (False, True):
            home = self.dir / f"home-{piped}"
            stream = {"input": archive.read_bytes()} if piped else {}
            done = self.hbcore("--json", "--home", home, "import", "-" if piped else archive, expect=3, preexec_fn=limit,
                               restore_signals=False, **stream)
            self.assertEqual({row["path"] for row in self.summary(done)["skipped"]}, {"new/big", "top", "hard"})
            self.assertEqual(set(hb.tree(home)) - {b"."}, {b"a", b"new", b"new/c"})

    def test_what_the_home_has_in_the_way(self):
        """The dry run finds it, as the import will: also where only a directory of the archive is concerned."""
        archive = self.dir / "made.tar"
        for name, names, made, refused in (("file", ("f a", "d d"), "file", {"d"}), ("pipe", ("f a", "d d"), "pipe", {"d"}),
                                           ("below", ("f a", "f d/e"), "file", {"d/e"}), ("full", ("f a", "f d"), "dir", {"d"}),
                                           ("directory", ("f a", "d d"), "dir", set()), ("link", ("f a", "d d"), "link", set())):
            with self.subTest(name):
                hb.tar_of(archive, names)
                home = self.dir / name
                (home / "else").mkdir(parents=True)
                {"file": lambda at: at.write_bytes(b"old"), "pipe": os.mkfifo, "dir": os.mkdir,
                 "link": lambda at: at.symlink_to("else")}[made](home / "d")
                told = [self.told("--home", home, "import", archive, "--force", *words) for words in (("--dry-run",), ())]
                for code, skipped, *_ in told:
                    self.assertEqual(code, 3 if refused else 0)
                    self.assertLessEqual(refused, {path for path, _ in skipped})

    def test_a_foreign_archive(self):
        """Import refuses it by what is in it. That it is whole is said as well."""
        archive = self.dir / "made.zip"
        zip_of(archive, ("f photo.jpg",))
        done = self.hbcore("--set", "import.markers=config.yaml", "verify", archive, expect=1)
        self.assert_mentions(done, "does not look like a backup", "config.yaml", "undamaged")
        data = bytearray(archive.read_bytes())
        data[30 + len("photo.jpg")] ^= 1
        archive.write_bytes(data)
        done = self.hbcore("--set", "import.markers=config.yaml", "verify", archive, expect=1)
        self.assertIn(b"damage", done.stderr)
        self.assertNotIn(b"does not look like", done.stderr)


if __name__ == "__main__":
    unittest.main()
