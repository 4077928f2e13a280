# SPDX-License-Identifier: Apache-2.0
"""Zips that others made: other methods, encryption, bytes around them, names of Windows, times, thousands of duplicates."""
import os
import random
import stat
import struct
import subprocess
import unittest
import warnings
import zipfile
import zlib

import hb

CONTENT = b"hello world, " * 3000 + random.Random(1).randbytes(5000)


class Foreign(hb.Case):
    def setUp(self):
        super().setUp()
        self.target = self.dir / "target"

    def take(self, archive, expect=0, *arguments):
        return self.hbcore("--config", hb.GENERIC, "--home", self.target, "import", archive, "--force", *arguments,
                           expect=expect)

    def made(self, rows, name="made.zip", method=zipfile.ZIP_STORED, system=3):
        path = self.dir / name
        with zipfile.ZipFile(path, "w", method) as made, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, content, *attributes in rows:
                info = zipfile.ZipInfo("x", (2023, 5, 6, 7, 8, 10))
                info.filename, info.create_system, info.compress_type = name, system, method
                info.external_attr = attributes[0] if attributes else 0o100644 << 16
                made.writestr(info, content)
        return path

    def renamed_method(self, method, packed):
        """One member "a", whose packed bytes and method are these."""
        path = self.made([("a", packed)], f"{method}.zip")
        data = bytearray(path.read_bytes())
        for header, at in ((0, 8), (data.index(b"PK\1\2"), 10)):
            struct.pack_into("<H", data, header + at, method)
            struct.pack_into("<L", data, header + at + 6, zlib.crc32(CONTENT))
            struct.pack_into("<L", data, header + at + 14, len(CONTENT))
        path.write_bytes(data)
        return path

    def packed_by_7z(self, *options):
        self.need("7z")
        source = self.dir / "data"
        source.write_bytes(CONTENT)
        path = self.dir / f"{'-'.join(options)}.zip"
        self.tool("7z", "a", "-tzip", *options, path, source)
        with zipfile.ZipFile(path, "a") as more:
            more.writestr("plain", "plain")
        return path


class Methods(Foreign):
    def test_of_python(self):
        for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            with self.subTest(method=method):
                self.take(self.made([(f"{method}", CONTENT), (f"{method} empty", b"")], method=method))
                self.assertEqual((self.target / f"{method}").read_bytes(), CONTENT)
                self.assertEqual((self.target / f"{method} empty").read_bytes(), b"")

    def test_of_7z(self):
        for method in ("LZMA", "BZip2", "PPMd"):
            with self.subTest(method=method):
                self.take(self.packed_by_7z(f"-mm={method}"))
                self.assertEqual((self.target / "data").read_bytes(), CONTENT)

    def test_zstd_and_xz(self):
        for program, method in (("zstd", 93), ("xz", 95)):
            with self.subTest(method=program):
                self.need(program)
                packed = subprocess.run([program, "-qc"], input=CONTENT, stdout=subprocess.PIPE, check=True).stdout
                self.take(self.renamed_method(method, packed))
                self.assertEqual((self.target / "a").read_bytes(), CONTENT)
                damaged = self.renamed_method(method, packed[:-8] + bytes(8))
                self.take(damaged, 1)
                self.take(self.renamed_method(method, packed[:-9]), 1)

    def test_what_is_not_read_costs_itself(self):
        for options, words in ((("-mm=Deflate64",), ("Deflate64", "7z x")), (("-psecret",), ("encrypted", "7z x")),
                               (("-psecret", "-mem=AES256"), ("encrypted", "7z x"))):
            with self.subTest(options=options):
                archive = self.packed_by_7z(*options)
                done = self.take(archive, 3)
                self.assert_mentions(done, "data", *words)
                self.assertEqual((self.target / "plain").read_bytes(), b"plain")
                self.assertFalse((self.target / "data").exists())
                self.take(archive, 0, "--exclude", "data")
                done = self.hbcore("--config", hb.GENERIC, "verify", archive, expect=3)
                self.assert_mentions(done, "data", *words)


class Around(Foreign):
    """Bytes in front of it and behind it."""

    def test_self_extracting_and_more(self):
        archive = self.made([("a", CONTENT)]).read_bytes()
        for name, data in {"front": b"MZ" + bytes(5000) + archive, "behind": archive + b"\r\n",
                           "both": b"#!/bin/sh\n" + archive + b"junk" * 5000, "padded": archive + bytes(20000)}.items():
            with self.subTest(where=name):
                path = self.dir / f"{name}.zip"
                path.write_bytes(data)
                self.take(path)
                self.assertEqual((self.target / "a").read_bytes(), CONTENT)
                (self.target / "a").unlink()
                self.hbcore("--config", hb.GENERIC, "--home", self.target, "import", "-", "--force", input=data)
                self.assertEqual((self.target / "a").read_bytes(), CONTENT)
                (self.target / "a").unlink()

    def test_a_member_that_is_a_zip_is_not_the_archive(self):
        """The archive lost its end: what is left ends within a zip, or behind one."""
        inner = self.made([("evil", b"EVIL")], "inner.zip").read_bytes()
        whole = self.made([("a", b"a"), ("inner.zip", inner), ("z", b"z")]).read_bytes()
        end = whole.index(inner) + len(inner)
        for cut in (end, end + 1, end + 20, len(whole) - 22, len(whole) - 1):
            with self.subTest(cut=cut):
                path = self.dir / "cut.zip"
                path.write_bytes(whole[:cut])
                self.take(path, 1)
                self.assertFalse((self.target / "evil").exists())

    def test_which_end_record(self):
        """Of two zips in one file the second, as Info-ZIP, bsdtar and Python have it, whatever lies behind; but if the
        comment of the first ends with the file, it is that one. What only looks like a record is none."""
        outer, inner = (self.made([(name, name.encode())]).read_bytes() for name in ("outer", "inner"))
        record = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 1, 1, 46, 0, 0)  # no directory is there

        def commented(comment):
            return outer[:-2] + struct.pack("<H", len(comment)) + comment

        for name, data, there in (("joined", outer + inner, "inner"), ("more behind", outer + inner + b"\r\n", "inner"),
                                  ("between, too", outer + b"junk" + inner + b"junk", "inner"),
                                  ("a comment", commented(inner), "inner"),
                                  ("a longer comment", commented(inner + b"junk"), "outer"),
                                  ("it imitates a record", commented(b"junk" + record), "outer"),
                                  ("with more behind", commented(record + b"junk") + b"\r\n", "outer")):
            for front in (b"", b"#!/bin/sh\n"):
                with self.subTest(name, front=front):
                    path = self.dir / "two.zip"
                    path.write_bytes(front + data)
                    self.take(path)
                    self.assertEqual({name for name in os.listdir(self.target) if name in ("outer", "inner")}, {there})
                    (self.target / there).unlink()


class Entries(Foreign):
    def test_windows(self):
        done = self.take(self.made([("top\\sub\\file", b"1"), ("top\\empty\\", b""), ("plain", b"2"), ("d", b"", 0x10),
                                    ("d/file", b"3"), ("..\\out", b"4"), ("C:\\out", b"5"), ("d:out", b"6")], system=0), 3)
        self.assertEqual((self.target / "top/sub/file").read_bytes(), b"1")
        self.assertTrue((self.target / "top/empty").is_dir())
        self.assertEqual((self.target / "d/file").read_bytes(), b"3")
        self.assertEqual(sorted(os.listdir(self.target)), [hb.HOME_ID] * (self.target / hb.HOME_ID).exists()
                         + ["d", "plain", "top"])
        self.assertFalse((self.dir / "out").exists())
        self.assert_mentions(done, "../out", "C:/out", "d:out", "Windows")

    def test_backslashes_and_drives_of_ours_come_back(self):
        """On UNIX they are names like any others."""
        home = self.dir / "home"
        for name in ("a\\b", "..\\x", "C:", "C:\\y", "x\\..", "c:/z"):
            hb.write(home / name / "file" if name == "C:" else home / name, name.encode())
        self.hbcore("--config", hb.GENERIC, "--home", home, "backup", "-o", self.dir / "ours.zip")
        self.take(self.dir / "ours.zip")
        self.assert_same_tree(home, self.target)

    def test_over_a_thousand_duplicates_with_links(self):
        link, plain = (stat.S_IFLNK | 0o777) << 16, (stat.S_IFREG | 0o644) << 16
        rows = [(f"d{i % 3}", f"target {i}".encode(), link if i % 2 else plain) for i in range(3001)]
        self.take(self.made(rows))
        last = {name: (content, attributes) for name, content, attributes in rows}
        for name, (content, attributes) in last.items():
            path = self.target / name
            if attributes == link:
                self.assertEqual(os.readlink(path).encode(), content)
            else:
                self.assertEqual(path.read_bytes(), content)

    def test_a_dump_from_a_pipe(self):
        self.need("zip")
        made = subprocess.run(["zip", "-q", "-", "-"], input=CONTENT, stdout=subprocess.PIPE, check=True).stdout
        (self.dir / "dump.zip").write_bytes(made)
        self.take(self.dir / "dump.zip")
        self.assertEqual((self.target / "-").read_bytes(), CONTENT)

    def test_times_that_the_old_fields_cannot_hold(self):
        home = self.dir / "home"
        for second in (-2_000_000_000, -1, 2_147_483_648, 4_354_819_200, 9_000_000_000):
            hb.write(home / f"at {second}", b"x", 0o644, second * 10**9)
        self.hbcore("--config", hb.GENERIC, "--home", home, "backup", "-o", self.dir / "times.zip")
        self.take(self.dir / "times.zip")
        for path in home.glob("at *"):
            self.assertEqual((self.target / path.name).stat().st_mtime_ns, path.stat().st_mtime_ns)


if __name__ == "__main__":
    unittest.main()
