# SPDX-License-Identifier: Apache-2.0
"""Tars by GNU tar, and tars and zips by bsdtar."""
import os

import recipes
import trees

GNU = ("v7", "oldgnu", "gnu", "ustar", "posix")
BSD = {"v7tar": ".tar", "ustar": ".tar", "pax": ".tar", "paxr": ".tar", "gnutar": ".tar", "zip": ".zip"}
PACKERS = {"gz": "gzip", "xz": "xz", "bz2": "bzip2", "zst": "zstd", "lz": "lzip", "lzma": "lzma", "Z": "compress"}
# Names that GNU tar cannot store in a format cost the entry, and its exit code.
FAIRLY = (0, 1, 2)


def tar(bench, name, shape, *options, okay=(0,)):
    bench.run("tar", "--sort=name", "--owner=user:1000", "--group=user:1000", "-C", bench.tree(shape), *options, "-cf",
              bench.path(name), ".", okay=okay)


@recipes.recipe("gnu", "tar")
def shapes(bench):
    for form in GNU:
        for shape in trees.SHAPES:
            tar(bench, f"{form}-{shape}.tar", shape, "-H", form, okay=FAIRLY)


@recipes.recipe("gnu-sparse", "tar")
def sparse(bench):
    for version in ("0.0", "0.1", "1.0"):
        tar(bench, f"posix-{version}.tar", "sparse", "-H", "posix", "-S", "--sparse-version=" + version)
    for form in ("oldgnu", "gnu"):
        tar(bench, form + ".tar", "sparse", "-H", form, "-S")
    tar(bench, "raw.tar", "sparse", "-H", "posix", "-S", "--hole-detection=raw")
    tar(bench, "zeros.tar", "zeros", "-H", "posix", "-S", "--hole-detection=raw")
    tar(bench, "packed.tar.zst", "sparse", "-H", "posix", "-S", "--zstd")


@recipes.recipe("gnu-packed", "tar", *PACKERS.values())
def packed(bench):
    for suffix, program in PACKERS.items():
        for shape in ("mixed", "many"):
            tar(bench, f"{shape}.tar.{suffix}", shape, "-I", program)
    for options in ("--fast", "-19", "--no-check", "--long=24", "--ultra -22", "-T2 -B16384"):
        tar(bench, f"zstd{options.replace(' ', '')}.tar.zst", "mixed", "-I", "zstd " + options)
    tar(bench, "whole.tar", "mixed")
    data = bench.read("whole.tar")
    for suffix, program in (("gz", "gzip"), ("xz", "xz"), ("bz2", "bzip2"), ("zst", "zstd")):
        for part, piece in enumerate((data[:7000], data[7000:])):
            bench.run(program, "-c", input=piece, to=f"part{part}")
        both = bench.read("part0") + bench.read("part1")
        bench.write(f"two-streams.tar.{suffix}", both)
        bench.write(f"cut.tar.{suffix}", both[:-100])
    bench.write("cut.tar", data[:9000])
    bench.drop("part0", "part1")


@recipes.recipe("gnu-options", "tar")
def options(bench):
    for form in ("gnu", "posix", "oldgnu"):
        tar(bench, f"label-{form}.tar", "mixed", "-H", form, "-V", "a label")
    for form in GNU:
        tar(bench, f"label-only-{form}.tar", "one", "-H", form, "-V", "a label", "--exclude=*", okay=FAIRLY)
    ways = {
        "blocking1": "-b1", "blocking200": "-b200", "dereferenced": "-h", "numeric": "--numeric-owner",
        "seekable": "-n", "no-recursion": "--no-recursion", "renamed": "--transform=s,^./,top/,", "dated": "--mtime=@1234567890",
        "moded": "--mode=a+rwx", "headers": "--pax-option=exthdr.name=%d/X/%f", "no-mtime": "--pax-option=delete=mtime",
        "global": "--pax-option=globexthdr.name=/tmp/g,comment=all", "override": "--pax-option=mtime:=@1234567890.5",
        "overridden-mode": "--pax-option=comment:=each", "full-times": "--full-time",
    }
    for name, option in ways.items():
        posix = ["-H", "posix"] if "pax" in option else []
        tar(bench, f"{name}.tar", "mixed", *posix, option)
    tar(bench, "hard-dereferenced.tar", "hard", "--hard-dereference")
    tar(bench, "checkpoint.tar", "hard", "-H", "posix", "--check-device")


@recipes.recipe("gnu-edits", "tar")
def edits(bench):
    for form in ("gnu", "posix"):
        tar(bench, f"joined-{form}.tar", "mixed", "-H", form)
        tar(bench, "second", "one", "-H", form)
        bench.run("tar", "-Af", bench.path(f"joined-{form}.tar"), bench.path("second"))
        tar(bench, f"appended-{form}.tar", "one", "-H", form)
        bench.run("tar", "-rf", bench.path(f"appended-{form}.tar"), "-H", form, "-C", bench.tree("mixed"), "text", "sub")
        tar(bench, f"deleted-{form}.tar", "mixed", "-H", form)
        bench.run("tar", "-f", bench.path(f"deleted-{form}.tar"), "--delete", "./text")
        tar(bench, f"twice-{form}.tar", "mixed", "-H", form)
        bench.run("tar", "-rf", bench.path(f"twice-{form}.tar"), "-H", form, "-C", bench.tree("mixed"), ".")
        plain = bench.read(f"joined-{form}.tar")
        bench.write(f"garbage-behind-{form}.tar", plain + b"garbage " * 100)
        bench.write(f"zeros-behind-{form}.tar", plain + bytes(100_000))
    data = bench.read("second")
    bench.write("concatenated.tar", data + bench.read("appended-posix.tar"))
    bench.write("no-end.tar", data[:1024 + 1024])
    bench.drop("second")
    for form in ("gnu", "posix"):
        copy = bench.copy("mixed", "copy")
        options = ["tar", "-C", copy, "-H", form, "-g", bench.path("state"), "--no-check-device"]
        bench.run(*options, "-cf", bench.path(f"level0-{form}.tar"), ".")
        os.unlink(copy + "/text")
        os.utime(copy, (trees.NOW, trees.NOW))
        bench.run(*options, "-cf", bench.path(f"level1-{form}.tar"), ".")
        bench.drop("copy", "state")
        bench.run("tar", "-C", bench.tree("big"), "-H", form, "-M", "-L", "1500", "-cf", bench.path(f"volume1-{form}.tar"),
                  "-f", bench.path(f"volume2-{form}.tar"), "-f", bench.path(f"volume3-{form}.tar"), ".")


@recipes.recipe("bsd", "bsdtar")
def bsd(bench):
    for form, suffix in BSD.items():
        for shape in trees.SHAPES:
            bench.run("bsdtar", "--format", form, "-C", bench.tree(shape), "-cf", bench.path(f"{form}-{shape}{suffix}"), ".",
                      okay=(0, 1))


@recipes.recipe("bsd-options", "bsdtar")
def bsd_options(bench):
    def make(name, *options, shape="mixed"):
        bench.run("bsdtar", "-C", bench.tree(shape), *options, "-cf", bench.path(name), ".", okay=(0, 1))

    for how in ("gzip", "xz", "bzip2", "zstd", "lz4", "lzma", "lzip", "compress", "lzop", "uuencode", "b64encode"):
        make(f"{how}.tar", "--" + how)
    for how in ("store", "deflate"):
        make(f"{how}.zip", "--format", "zip", "--options", "zip:compression=" + how)
    for how in ("traditional", "aes128", "aes256"):
        make(f"{how}.zip", "--format", "zip", "--options", "zip:encryption=" + how, "--passphrase", recipes.SECRET)
    make("zip64.zip", "--format", "zip", "--options", "zip:zip64")
    make("no-zip64.zip", "--format", "zip", "--options", "zip:!zip64")
    make("charset.zip", "--format", "zip", "--options", "zip:hdrcharset=UTF-8", shape="unicode")
    make("binary.tar", "--format", "pax", "--options", "pax:hdrcharset=BINARY", shape="latin")
    make("numeric.tar", "--numeric-owner")
    make("no-xattrs.tar", "--no-xattrs", "--no-acls", "--no-fflags")
    bench.run("bsdtar", "--format", "zip", "-C", bench.tree("mixed"), "-cf", "-", ".", to="streamed.zip")
    bench.run("bsdtar", "--format", "zip", "-C", bench.tree("mixed"), "--options", "zip:compression=store", "-cf", "-", ".",
              to="streamed-stored.zip")
    for form in ("cpio", "shar", "iso9660", "7zip", "xar", "mtree", "ar", "warc"):
        make(f"no-tar-{form}.tar", "--format", form, shape="one")
