# SPDX-License-Identifier: Apache-2.0
"""Which format an archive has, where it holds another one, ends with one, or stands in front of one."""
import io
import os
import shutil
import subprocess
import tarfile
import unittest
import zipfile

import hb

FILTERS = ("--gzip", "--xz", "--bzip2", "--zstd", "--lz4", "--lzip", "--compress")


def zip_of(name, data=b"inside a zip", comment=b"", method=zipfile.ZIP_STORED):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data)
        archive.comment = comment
    return made.getvalue()


class WhichFormat(hb.Case):
    def setUp(self):
        super().setUp()
        self.config = hb.GENERIC
        self.made = 0
        self.tree = self.dir / "tree"
        hb.write(self.tree / "a", b"A" * 700)
        hb.write(self.tree / "z.zip", zip_of("other"))
        hb.write(self.tree / "empty", b"")

    def keep(self, data, name="archive"):
        self.made += 1
        path = self.dir / f"{name}{self.made}"
        path.write_bytes(data)
        return path

    def tar(self, *options, members=("a", "empty", "z.zip")):
        done = subprocess.run(["tar", "-C", self.tree, *options, "-cf", "-", *members], check=True, capture_output=True)
        return done.stdout

    def importing(self, archive, *options, piped=False, expect=0):
        self.made += 1
        target = self.dir / f"target{self.made}"
        done = self.hbcore("--home", target, "import", *options, "-" if piped else archive,
                           input=archive.read_bytes() if piped else None, expect=expect)
        found = {}
        for folder, _, files in os.walk(target):
            for name in files:
                with open(os.path.join(folder, name), "rb") as stream:
                    found[os.path.relpath(os.path.join(folder, name), target)] = stream.read()
        found.pop(hb.HOME_ID, None)
        return found, done

    def is_read(self, archive, format_name, expected):
        done = self.summary(self.hbcore("--json", "list", archive))
        self.assertEqual(done["format"], format_name)
        for piped in (False, True):
            self.assertEqual(self.importing(archive, piped=piped)[0], expected)

    def is_asked(self, archive, by_format, *formats):
        for arguments in (("list", archive), ("verify", archive), ("cat", archive, "a")):
            done = self.hbcore(*arguments, expect=2)
            self.assert_mentions(done, *(f"--format {name}" for name in formats))
        for piped in (False, True):
            found, done = self.importing(archive, piped=piped, expect=2)
            self.assertEqual(found, {})
            self.assert_mentions(done, *(f"--format {name}" for name in formats))
            for name, expected in by_format.items():
                self.assertEqual(self.importing(archive, "--format", name, piped=piped)[0], expected, name)

    def content(self, *members):
        return {name: (self.tree / name).read_bytes() for name in members or ("a", "empty", "z.zip")}

    def test_tars_that_end_with_a_zip(self):
        for kind in ("v7", "oldgnu", "gnu", "ustar", "pax"):
            self.is_read(self.keep(self.tar(f"--format={kind}")), "tar-zstd", self.content())
        comment = zip_of("other", comment=bytes(3000))
        hb.write(self.tree / "z.zip", comment)
        self.is_read(self.keep(self.tar("--format=v7", "-b1")), "tar-zstd", self.content())
        self.is_read(self.keep(self.tar("--format=v7", members=("z.zip",))), "tar-zstd", self.content("z.zip"))

    def test_old_checksums(self):
        """Some tars from before ustar added the bytes of a header up as signed ones."""
        hb.write(os.fsencode(self.tree) + b"/\xe9\xe8", b"name")
        made = bytearray(self.tar("--format=v7", members=(b"\xe9\xe8", "z.zip")))
        for at in (0, 1024):
            made[at + 148:at + 156] = b" " * 8
            made[at + 148:at + 156] = b"%06o\0 " % sum(byte - 256 * (byte > 127) for byte in made[at:at + 512])
        self.is_read(self.keep(made), "tar-zstd", {"\udce9\udce8": b"name", **self.content("z.zip")})

    def test_in_whatever_it_is_packed(self):
        for option in FILTERS:
            packed = self.dir / f"packed{option}"
            self.tool("bsdtar", "-C", self.tree, "--format=ustar", option, "-cf", packed, "a", "empty", "z.zip")
            data = packed.read_bytes()
            self.is_read(packed, "tar-zstd", self.content())
            self.assertEqual(self.importing(self.keep(data[:len(data) // 3]), expect=1)[0], {}, option)
        v7 = self.tar("--format=v7")
        for command in (("gzip", "-1"), ("zstd", "-q", "--no-check"), ("xz", "-0")):
            done = subprocess.run(command, input=v7, check=True, capture_output=True)
            self.is_read(self.keep(done.stdout), "tar-zstd", self.content())

    def test_zips_with_tars_in_them(self):
        v7, ustar = self.tar("--format=v7"), self.tar("--format=ustar")
        for inner in (v7, ustar):
            for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                self.is_read(self.keep(zip_of("inner.tar", inner, method=method)), "zip", {"inner.tar": inner})
        comment = self.tar("--format=v7", members=("a",))
        self.is_read(self.keep(zip_of("x", b"x", comment=comment)), "zip", {"x": b"x"})

    def test_a_zip_behind_something(self):
        """Self-extracting, from a file and from a pipe."""
        self.is_read(self.keep(b"#!/bin/sh\nexec unzip\n" + zip_of("x", b"x")), "zip", {"x": b"x"})
        self.is_read(self.keep(b"\x7fELF".ljust(9000, b"\1") + zip_of("x", b"x")), "zip", {"x": b"x"})

    def test_both(self):
        made = zip_of("x", b"x")
        for kind in ("v7", "ustar", "gnu"):
            self.is_asked(self.keep(self.tar(f"--format={kind}") + made),
                          {"zip": {"x": b"x"}, "tar-zstd": self.content()}, "zip", "tar-zstd")
        many = io.BytesIO()
        with zipfile.ZipFile(many, "w") as archive:  # its directory is longer than what is kept of a stream
            for i in range(2500):
                archive.writestr(f"{i:0100}", b"")
        self.assertEqual(self.importing(self.keep(self.tar() + many.getvalue()), piped=True, expect=2)[0], {})
        packed = subprocess.run(["gzip"], input=self.tar("--format=ustar"), check=True, capture_output=True).stdout
        self.is_asked(self.keep(packed + made), {"zip": {"x": b"x"}}, "zip", "tar-zstd")

    def test_neither(self):
        for data in (b"x", b"PK", bytes(511), b"no archive\n" * 1000):
            archive = self.keep(data)
            self.hbcore("list", archive, expect=1)
            for piped in (False, True):
                self.assertEqual(self.importing(archive, piped=piped, expect=1)[0], {})

    def test_names_that_are_magic(self):
        """A member called PK\\3\\4 stands first in a tar: so do its bytes."""
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            info = tarfile.TarInfo("PK\3\4")
            info.size = 3
            archive.addfile(info, io.BytesIO(b"one"))
        self.is_read(self.keep(made.getvalue()), "tar-zstd", {"PK\3\4": b"one"})
        long = "n" * (257 - 30) + "ustar"
        self.is_read(self.keep(zip_of(long, b"two")), "zip", {long: b"two"})

    def build(self, plugins, magic, probe=None):
        """The template of a format, called zippy; its probe(), if it has one, answers with that number."""
        code = (hb.SOURCE / "templates/format.c").read_text()
        if probe is not None:
            table = "static const struct hb_format_ops ops = {"
            self.assertIn(table, code)
            code = code.replace(table, f"""static int probe(void *self, const struct hb_input *input, const void *head, size_t bytes)
{{
    (void)self, (void)input, (void)head, (void)bytes;
    return {probe};
}}

{table}
    .probe = probe,""")
        for old, new in (("\"example archive 1\\n\"", magic), ("\"example\"", "\"zippy\"")):
            self.assertIn(old, code)
            code = code.replace(old, new)
        subprocess.run([os.environ["HBCORE_CC"], "-std=c11", "-D_GNU_SOURCE", "-fPIC", "-shared", "-fvisibility=hidden",
                        "-I", str(hb.SOURCE / "core/include"), "-x", "c", "-", "-o", str(plugins / "zippy.so")],
                       input=code, text=True, check=True)

    def test_two_plugins(self):
        plugins = self.dir / "plugins"
        plugins.mkdir()
        self.build(plugins, '"PK\\3\\4"')
        archive = self.keep(zip_of("x", b"x"))
        more = ("--set", f"plugins.path={plugins}")
        for piped in (False, True):
            done = self.hbcore(*more, "--home", self.dir / "none", "import", "-" if piped else archive,
                               input=archive.read_bytes() if piped else None, expect=2)
            self.assert_mentions(done, "--format zip", "--format zippy", "same first bytes")
        self.assertEqual(self.hbcore(*more, "cat", "--format", "zip", archive, "x").stdout, b"x")
        self.probes_decide(plugins, archive, more)
        self.build(plugins, '"PK\\3\\4"')
        self.is_read(self.keep(self.tar()), "tar-zstd", self.content())
        (plugins / "zippy.so").unlink()
        shipped = os.path.join(os.environ["HBCORE_PLUGINS"], "zip.so")
        shutil.copy(shipped, plugins / "zip.so")
        done = self.hbcore(*more, "list", archive)
        self.assert_mentions(done, plugins / "zip.so", "not by " + shipped)
        self.assertNotIn(b"read by", self.hbcore("list", archive).stderr)

    def probes_decide(self, plugins, archive, more):
        """Of plugins with the same first bytes: who has a probe() goes by its answer, whatever that is."""
        for probe, said in (("HB_STATUS_NOMATCH", 0), ("HB_STATUS_ENTRY", 0), ("HB_STATUS_SKIP", 1), ("-77", 1)):
            (plugins / "zippy.so").unlink()
            self.build(plugins, '"PK\\3\\4"', probe)
            done = self.summary(self.hbcore(*more, "--json", "--home", self.dir / "none", "import", "--dry-run", archive))
            self.assertEqual(done["format"], "zip", probe)
            told = [row["reason"] for row in done["notes"] if "probe" in row["reason"]]
            self.assertEqual(len(told), said, done["notes"])
            if told:
                self.assertIn("zippy: its probe() returned", told[0])
        (plugins / "zippy.so").unlink()
        self.build(plugins, '"PK\\3\\4"', "HB_OK")  # both say the same: nobody can know
        done = self.hbcore(*more, "list", archive, expect=2)
        self.assert_mentions(done, "--format zip", "--format zippy")
        (plugins / "zippy.so").unlink()
        self.build(plugins, '"PK\\3\\4"', "HB_STATUS_PROVEN")  # the stronger answer wins
        self.assert_mentions(self.hbcore(*more, "list", archive, expect=1), "damaged")
        (plugins / "zippy.so").unlink()


if __name__ == "__main__":
    unittest.main()
