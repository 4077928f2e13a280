# SPDX-License-Identifier: Apache-2.0
"""Archives by Python, Perl, git, and two packages for Node."""
import io
import os
import tarfile
import zipfile

import recipes
import trees


class Unseekable(io.RawIOBase):
    """What zipfile takes for a pipe."""

    def __init__(self, file):
        super().__init__()
        self.file = file

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)


def add(made, tree, method, wide=False):
    for place, _, files in sorted(os.walk(tree)):
        for name in sorted(files):
            path = os.path.join(place, name)
            if os.path.isfile(path) and not os.path.islink(path):
                info = zipfile.ZipInfo.from_file(path, os.path.relpath(path, tree), strict_timestamps=False)
                info.compress_type = method
                with made.open(info, "w", force_zip64=wide) as to, open(path, "rb") as source:
                    to.write(source.read())


@recipes.recipe("python-zip")
def python_zip(bench):
    methods = {"stored": 0, "deflated": 8, "bzip2": 12, "lzma": 14}
    for name, method in methods.items():
        for shape in ("mixed", "big", "many"):
            with zipfile.ZipFile(bench.path(f"{name}-{shape}.zip"), "w") as made:
                add(made, bench.tree(shape), method)
        for wide in (False, True):
            with open(bench.path(f"{name}-streamed{'-wide' * wide}.zip"), "wb") as file:
                with zipfile.ZipFile(Unseekable(file), "w") as made:
                    add(made, bench.tree("mixed"), method, wide)
    for shape in ("unicode", "deep", "times", "modes", "zeros", "twins", "odd-names"):
        with zipfile.ZipFile(bench.path(f"{shape}.zip"), "w", strict_timestamps=False) as made:
            add(made, bench.tree(shape), 8)
    with zipfile.ZipFile(bench.path("empty.zip"), "w") as made:
        made.comment = b""
    with zipfile.ZipFile(bench.path("comment.zip"), "w") as made:
        made.writestr(plain("a"), b"a")
        made.comment = b"c" * 65535
    with zipfile.ZipFile(bench.path("odd.zip"), "w") as made:
        for name, keys in {"no-mode": {"external_attr": 0}, "dos": {"create_system": 0}, "system11": {"create_system": 11},
                           "commented": {"comment": b"one member's"}, "dir/": {"external_attr": 0x10},
                           "only-mode-dir/": {"external_attr": 0o40755 << 16}, "volume": {"volume": 0}}.items():
            info = plain(name)
            for key, value in keys.items():
                setattr(info, key, value)
            made.writestr(info, b"" if name.endswith("/") else name.encode())


def plain(name):
    return zipfile.ZipInfo(name, (2023, 11, 14, 22, 13, 20))


@recipes.recipe("python-tar")
def python_tar(bench):
    forms = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
    for form, number in forms.items():
        for shape in ("mixed", "long", "latin", "unicode", "hard", "times", "links", "zeros"):
            path = bench.path(f"{form}-{shape}.tar")
            try:
                with tarfile.open(path, "w", format=number, errors="surrogateescape") as made:
                    made.add(bench.tree(shape), "")
            except ValueError:  # a name or a time that this format has no room for
                os.unlink(path)
    for how in ("gz", "bz2", "xz"):
        with tarfile.open(bench.path(f"packed.tar.{how}"), "w:" + how) as made:
            made.add(bench.tree("mixed"), ".")
        with open(bench.path(f"streamed.tar.{how}"), "wb") as file, tarfile.open(fileobj=file, mode="w|" + how) as made:
            made.add(bench.tree("mixed"), "top")
    with tarfile.open(bench.path("empty.tar"), "w"):
        pass
    with tarfile.open(bench.path("global.tar"), "w", pax_headers={"comment": "all", "mtime": "1234567890.25"}) as made:
        made.add(bench.tree("mixed"), ".")


PERL = r"""
use strict; use warnings; use Archive::Zip qw(:CONSTANTS :ERROR_CODES); use Archive::Tar; use IO::Compress::Zip qw(:all);
my ($tree, $out) = @ARGV; chdir $tree or die;
for my $level (0, 1, 9) {
    my $zip = Archive::Zip->new(); $zip->addTree('.', ''); $_->desiredCompressionLevel($level) for $zip->members;
    $zip->writeToFileNamed("$out/zip-level$level.zip") == AZ_OK or die;
}
my $zip = Archive::Zip->new(); $zip->addTree('.', 'top'); $zip->zipfileComment('comment');
$zip->addString('text', 'string.txt')->setLastModFileDateTimeFromUnix(1700000000);
my $dir = $zip->addDirectory('made/'); $dir->setLastModFileDateTimeFromUnix(1700000000);
$zip->writeToFileNamed("$out/zip-made.zip") == AZ_OK or die;
for my $gz (0, 1) {
    my $tar = Archive::Tar->new(); $tar->add_files(qw(text empty sub/noise sub/link bin/run.sh));
    $tar->add_data('data', 'data', {mtime => 1700000000});
    $tar->write("$out/tar$gz.tar", $gz ? COMPRESS_GZIP : ()) or die;
    $tar->write("$out/tar-prefixed$gz.tar", $gz ? COMPRESS_GZIP : (), 'prefix') or die;
}
my %how = (plain => [], stream => [Stream => 1], zip64 => [Zip64 => 1], both => [Stream => 1, Zip64 => 1],
           store => [Method => ZIP_CM_STORE], bzip2 => [Method => ZIP_CM_BZIP2], minimal => [Minimal => 1],
           exact => [exTime => [1700000000, 1700000000, undef]], canonical => [CanonicalName => 1],
           empty => []);
for my $name (sort keys %how) {
    my @files = $name eq 'empty' ? ['empty'] : ['text', 'sub/noise', 'empty'];
    zip @files => "$out/io-$name.zip", Time => 1700000000, @{$how{$name}} or die $ZipError;
}
"""


@recipes.recipe("perl", "perl")
def perl(bench):
    bench.run("perl", "-e", PERL, bench.tree("mixed"), bench.out)


NODE = r"""
const fs = require('fs'), path = require('path'), JSZip = require('jszip'), yazl = require('yazl');
const [tree, out] = process.argv.slice(1), date = new Date(1700000000000);
function walk(dir) {
    return fs.readdirSync(dir).sort().flatMap(name => {
        const full = path.join(dir, name), stat = fs.lstatSync(full);
        return stat.isDirectory() ? [[full, stat], ...walk(full)] : stat.isFile() ? [[full, stat]] : [];
    });
}
async function jszip(name, options, each) {
    const zip = new JSZip();
    for (const [full, stat] of walk(tree)) {
        const relative = path.relative(tree, full);
        if (stat.isDirectory()) zip.file(relative, null, {dir: true, date, unixPermissions: 0o755});
        else zip.file(relative, fs.readFileSync(full), {date, unixPermissions: stat.mode, ...each});
    }
    fs.writeFileSync(`${out}/jszip-${name}.zip`, await zip.generateAsync({type: 'nodebuffer', ...options}));
}
function yazlZip(name, options, end) {
    return new Promise(resolve => {
        const zip = new yazl.ZipFile();
        for (const [full, stat] of walk(tree)) {
            const relative = path.relative(tree, full);
            if (stat.isDirectory()) zip.addEmptyDirectory(relative, {mtime: date, mode: 0o40755});
            else if (name === 'buffers') zip.addBuffer(fs.readFileSync(full), relative, {mtime: date, mode: stat.mode, ...options});
            else if (name === 'streams') zip.addReadStream(fs.createReadStream(full), relative, {mtime: date, mode: stat.mode});
            else zip.addFile(full, relative, {mtime: date, mode: stat.mode, ...options});
        }
        zip.end(end);
        zip.outputStream.pipe(fs.createWriteStream(`${out}/yazl-${name}.zip`)).on('close', resolve);
    });
}
(async () => {
    await jszip('stored', {compression: 'STORE'}, {});
    await jszip('deflated', {compression: 'DEFLATE'}, {});
    await jszip('level1', {compression: 'DEFLATE', compressionOptions: {level: 1}}, {});
    await jszip('unix', {compression: 'DEFLATE', platform: 'UNIX'}, {});
    await jszip('dos', {compression: 'DEFLATE', platform: 'DOS'}, {});
    await jszip('streamed', {compression: 'DEFLATE', streamFiles: true}, {});
    await jszip('streamed-stored', {compression: 'STORE', streamFiles: true}, {});
    await jszip('folders', {compression: 'DEFLATE'}, {createFolders: true});
    await jszip('comments', {comment: 'archive', platform: 'UNIX'}, {comment: 'member'});
    await jszip('read-only-dos', {platform: 'DOS'}, {dosPermissions: 1});
    const latin = new JSZip();
    latin.file('größe', 'umlaut', {date}); latin.file('日本', 'kanji', {date});
    fs.writeFileSync(`${out}/jszip-unicode.zip`, await latin.generateAsync({type: 'nodebuffer'}));
    fs.writeFileSync(`${out}/jszip-empty.zip`, await new JSZip().generateAsync({type: 'nodebuffer'}));
    await yazlZip('files', {});
    await yazlZip('stored', {compress: false});
    await yazlZip('zip64', {forceZip64Format: true});
    await yazlZip('end64', {}, {forceZip64Format: true});
    await yazlZip('comment', {fileComment: 'member'}, {comment: 'archive'});
    await yazlZip('dos-timestamp', {forceDosTimestamp: true});
    await yazlZip('buffers', {});
    await yazlZip('streams', {});
})();
"""


@recipes.recipe("node", "node")
def node(bench):
    bench.run("node", "-e", NODE, bench.tree("mixed"), bench.out)


@recipes.recipe("git", "git")
def git(bench):
    who = {f"GIT_{role}_{what}": value for role in ("AUTHOR", "COMMITTER")
           for what, value in (("NAME", "a"), ("EMAIL", "a@b"), ("DATE", f"{trees.NOW} +0000"))}
    for shape in ("mixed", "unicode", "links", "long"):
        copy = bench.copy(shape, "copy")
        with open(copy + "/.gitattributes", "w", encoding="ascii") as file:
            file.write("*.sh export-ignore\n" if shape == "mixed" else "")
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
            bench.run("git", *command, cwd=copy, environment=who)
        for suffix in ("zip", "tar", "tar.gz"):
            bench.run("git", "archive", "-o", bench.path(f"{shape}.{suffix}"), "HEAD", cwd=copy)
        if shape == "mixed":
            bench.run("git", "archive", "--prefix=top/", "-o", bench.path("prefix.zip"), "HEAD", cwd=copy)
            bench.run("git", "archive", "--prefix=top/", "-o", bench.path("prefix.tar"), "HEAD", cwd=copy)
            bench.run("git", "archive", "-0", "-o", bench.path("stored.zip"), "HEAD", cwd=copy)
            bench.run("git", "archive", "-9", "-o", bench.path("smallest.zip"), "HEAD", cwd=copy)
        bench.drop("copy")
