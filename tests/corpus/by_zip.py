# SPDX-License-Identifier: Apache-2.0
"""Zips by Info-ZIP and 7z."""
import recipes
import trees

WAYS = {
    "store": "-0", "level1": "-1", "level9": "-9", "bzip2": "-Zbzip2", "bare": "-X", "no-directories": "-D", "dos": "-k",
    "crlf": "-l", "lf": "-ll", "zip64": "-fz", "not-zip64": "-fz-", "junk": "-j", "newest": "-o",
    "utf8": "-UN=UTF8", "escape": "-UN=Escape", "ignore": "-UN=Ignore", "links-followed": "", "encrypted": "-P" + recipes.SECRET,
    "suffixes": "-n:.sh", "only": "-i*.txt", "except": "-x*noise",
}


@recipes.recipe("infozip", "zip")
def options(bench):
    for name, option in WAYS.items():
        keep = ["-y"] if name != "links-followed" else []
        bench.run("zip", "-qr", *keep, *([option] if option else []), bench.path(name + ".zip"), ".", cwd=bench.tree("mixed"))


@recipes.recipe("infozip-trees", "zip")
def shapes(bench):
    for shape in trees.SHAPES:
        okay = (0, 18)  # it leaves pipes out
        bench.run("zip", "-qry", bench.path(shape + ".zip"), ".", cwd=bench.tree(shape), okay=okay)
        bench.run("zip", "-qryX", "-", ".", cwd=bench.tree(shape), to=shape + "-piped.zip", okay=okay)


@recipes.recipe("infozip-edits", "zip")
def edits(bench):
    tree = bench.tree("mixed")

    def start(name):
        bench.run("zip", "-qry", bench.path(name), ".", cwd=tree)
        return bench.path(name)

    bench.run("zip", "-qd", start("deleted.zip"), "text")
    bench.run("zip", "-qg", start("grown.zip"), "a", cwd=bench.tree("one"))
    bench.run("zip", "-qu", start("updated.zip"), "a", cwd=bench.tree("one"))
    bench.run("zip", "-qrFS", start("synchronised.zip"), ".", cwd=bench.tree("one"))
    bench.run("zip", "-qz", start("commented.zip"), input=b"a comment\nof two lines\n.\n")
    bench.run("zip", "-qF", start("whole.zip"), "--out", bench.path("fixed.zip"))
    bench.run("zip", "-qFF", bench.path("whole.zip"), "--out", bench.path("fixed-more.zip"), input=b"y\n")
    bench.run("zip", "-qU", bench.path("whole.zip"), "--out", bench.path("copied.zip"))
    bench.run("zip", "-q", bench.path("standard-input.zip"), "-", input=trees.TEXT * 100)
    bench.run("zip", "-q", "-Zstore", bench.path("standard-input-stored.zip"), "-", input=trees.TEXT)
    bench.run("zip", "-q", "-", "-", to="standard-input-piped.zip", input=trees.TEXT)
    bench.run("zip", "-qry", "-s", "64k", bench.path("split.zip"), ".", cwd=bench.tree("big"))
    bench.drop("split.z01")
    data = bench.read("whole.zip")
    bench.write("stub-unadjusted.zip", b"#!/bin/sh\nexit 0\n" + data)
    bench.write("stub-adjusted.zip", b"#!/bin/sh\nexit 0\n" + data)
    bench.run("zip", "-qA", bench.path("stub-adjusted.zip"), okay=(0, 12))
    bench.write("padded.zip", data + bytes(512))
    bench.write("garbage-behind.zip", data + b"some bytes that nobody asked for\n" * 20)
    bench.write("cut.zip", data[:-200])
    bench.write("cut-in-half.zip", data[:len(data) // 2])
    bench.write("twice.zip", data + data)


METHODS = ("Copy", "Deflate", "Deflate64", "BZip2", "LZMA", "PPMd")


@recipes.recipe("7z", "7z")
def seven(bench):
    def make(name, shape, *options):
        bench.run("7z", "a", "-bd", *options, bench.path(name), ".", cwd=bench.tree(shape))

    for method in METHODS:
        for shape in ("mixed", "big", "hollow", "many"):
            make(f"{method.lower()}-{shape}.zip", shape, "-tzip", "-mm=" + method)
    for encryption in ("ZipCrypto", "AES128", "AES192", "AES256"):
        for method in ("Copy", "Deflate"):
            make(f"{encryption.lower()}-{method.lower()}.zip", "mixed", "-tzip", "-mm=" + method, "-p" + recipes.SECRET,
                 "-mem=" + encryption)
    for level in (0, 1, 9):
        make(f"level{level}.zip", "mixed", "-tzip", f"-mx={level}")
    make("utf8.zip", "unicode", "-tzip", "-mcu=on")
    make("local.zip", "unicode", "-tzip", "-mcl=on")
    make("links-kept.zip", "links", "-tzip", "-snl")
    make("links-kept.tar", "links", "-ttar", "-snl")
    make("hard-links-kept.tar", "hard", "-ttar", "-snh")
    for shape in ("mixed", "one", "deep", "long", "unicode", "modes", "times", "odd-names", "twins", "zeros"):
        make(shape + ".zip", shape, "-tzip")
        make(shape + ".tar", shape, "-ttar")
    bench.run("7z", "a", "-bd", "-tzip", "-siname", bench.path("standard-input.zip"), input=trees.TEXT)
    bench.run("7z", "a", "-bd", "-tgzip", bench.path("tar.tar.gz"), bench.path("mixed.tar"))
    bench.run("7z", "a", "-bd", "-txz", bench.path("tar.tar.xz"), bench.path("mixed.tar"))
    bench.run("7z", "a", "-bd", "-tbzip2", bench.path("tar.tar.bz2"), bench.path("mixed.tar"))
