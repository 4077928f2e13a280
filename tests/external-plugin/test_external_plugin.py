# SPDX-License-Identifier: Apache-2.0
"""Plugins from outside, built against the installed headers alone, back up and import."""
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import hb  # noqa: E402

PLUGIN = HERE / "plugin"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
BUILDS = ("pkg-config", "cmake")
built = {}


def call(*arguments, **keywords):
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, **keywords)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build_with_pkg_config(prefix, target):
    metadata = [str(path.parent) for path in prefix.rglob("hbcore.pc")]
    environment = dict(os.environ, PKG_CONFIG_PATH=":".join(metadata))
    flags = call("pkg-config", "--cflags", "hbcore", "libarchive", env=environment).split()
    libraries = call("pkg-config", "--libs", "libarchive", env=environment).split()
    shared = [*WARNINGS, "-O1", "-fPIC", "-shared", "-fvisibility=hidden", *flags]
    target.mkdir()
    call(os.environ["HBCORE_CC"], "-std=c11", *shared, str(PLUGIN / "cpio.c"),
         "-o", str(target / "cpio.so"), *libraries)
    call(os.environ["HBCORE_CXX"], "-std=c++17", *shared, str(PLUGIN / "size_limit.cc"),
         f"-Wl,--version-script={PLUGIN / 'plugin.map'}", "-o", str(target / "size-limit.so"))


def build_with_cmake(prefix, target):
    call("cmake", "-G", "Ninja", "-S", str(PLUGIN), "-B", str(target),
         f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_C_COMPILER={os.environ['HBCORE_CC']}",
         f"-DCMAKE_CXX_COMPILER={os.environ['HBCORE_CXX']}")
    call("cmake", "--build", str(target))


def setUpModule():
    root = pathlib.Path(tempfile.mkdtemp(prefix="hbcore-external-", dir=hb.scratch()))
    unittest.addModuleCleanup(shutil.rmtree, root)
    prefix = root / "prefix"
    call("cmake", "--install", os.environ["HBCORE_BUILD"], "--prefix", str(prefix))
    built["prefix"] = prefix
    built["pkg-config"] = root / "plugins-pkg-config"
    built["cmake"] = root / "plugins-cmake"
    build_with_pkg_config(prefix, built["pkg-config"])
    build_with_cmake(prefix, built["cmake"])


class External(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.binary = str(built["prefix"] / "bin" / "hbcore")

    def with_plugins(self, how, *arguments, **keywords):
        return self.hbcore("--set", f"plugins.path={built[how]}", *arguments, **keywords)

    def test_one_symbol(self):
        for how in BUILDS:
            for path in built[how].glob("*.so"):
                names = call("nm", "-D", "--defined-only", str(path)).split()[2::3]
                self.assertEqual(names, ["hb_plugin_v1"], path)

    def test_format_writes_and_reads(self):
        home = self.make_home(whole_seconds=True)
        for how in BUILDS:
            archive = self.dir / f"{how}.cpio"
            self.with_plugins(how, "--home", home, "--set", "backup.links=store", "backup",
                              "--format", "cpio", "-o", archive)
            self.check_foreign(archive, home)
            listed = self.with_plugins(how, "list", archive).stdout
            self.assertIn(b"sub/deep/file.txt", listed)
            self.with_plugins(how, "verify", archive)
            member = self.with_plugins(how, "cat", archive, "sub/deep/file.txt").stdout
            self.assertEqual(member, (home / "sub/deep/file.txt").read_bytes())
            target = self.dir / f"target-{how}"
            self.with_plugins(how, "--home", target, "import", archive, "--force")
            self.assert_same_tree(home, target)

    def check_foreign(self, archive, home):
        """A reader that is not ours agrees on every byte."""
        out = self.dir / (archive.name + ".bsdtar")
        out.mkdir()
        call("bsdtar", "-xpf", str(archive), "-C", str(out))
        self.assert_same_tree(home, out, directory_times=False)

    def test_import_over_a_pipe(self):
        home = self.make_home(whole_seconds=True)
        for how in BUILDS:
            sent = self.with_plugins(how, "--home", home, "--set", "backup.links=store", "backup",
                                     "--format", "cpio", "-o", "-").stdout
            target = self.dir / f"piped-{how}"
            self.with_plugins(how, "--home", target, "import", "-", "--force", input=sent)
            self.assert_same_tree(home, target)

    def test_the_guide_leads_to_what_is_installed(self):
        guide, = built["prefix"].rglob("plugin-guide.md")
        links = re.findall(r"\]\(([^)]+)\)", guide.read_text())
        self.assertGreater(len(links), 10)
        for link in links:
            self.assertTrue(link.startswith("http") or (guide.parent / link).exists(), link)

    def test_each_example_builds_as_the_guide_says(self):
        """What is installed is there to be built: each source with the guide's own line, and no warning."""
        guide, = built["prefix"].rglob("plugin-guide.md")
        examples = guide.parent / "examples"
        line = re.search(r"^    cc (.*)$", guide.read_text(), re.MULTILINE).group(1)
        metadata = ":".join(str(path.parent) for path in built["prefix"].rglob("hbcore.pc"))
        flags = call("pkg-config", "--cflags", "hbcore", env=dict(os.environ, PKG_CONFIG_PATH=metadata)).strip()
        words = shlex.split(line.replace("$(pkg-config --cflags hbcore)", flags))
        sources = sorted(path for path in examples.rglob("*") if path.suffix in (".c", ".cc"))
        self.assertGreaterEqual({path.name for path in sources},
                                {"cpio.c", "odd_store.c", "serving.c", "toy.c", "size_limit.cc", "fake_host.c"})
        self.assertEqual(list(examples.rglob("*.py")), [])
        for path in sources:
            with self.subTest(path=path.name):
                compiler = os.environ["HBCORE_CC"] if path.suffix == ".c" else os.environ["HBCORE_CXX"]
                own = [{"limit.c": str(path), "limit.so": str(self.dir / f"{path.stem}.so"),
                        "-std=c11": "-std=c11" if path.suffix == ".c" else "-std=c++17"}.get(word, word)
                       for word in words if path.suffix == ".c" or not word.startswith("-Werror=implicit")]
                call(compiler, "-Wall", "-Wextra", "-Werror", *own)
        for name, plugin in (("odd", "store"), ("serving", "hook")):
            done = self.hbcore("plugins", "check", built["cmake"] / f"{name}.so")
            self.assertIn(f"ok, {plugin} plugin {name}".encode(), done.stdout)

    def test_the_host_for_unit_tests_builds(self):
        examples, = (path.parent for path in built["prefix"].rglob("fake_host.h"))
        flags = call("pkg-config", "--cflags", "hbcore", env=dict(os.environ, PKG_CONFIG_PATH=":".join(
            str(path.parent) for path in built["prefix"].rglob("hbcore.pc")))).split()
        call(os.environ["HBCORE_CC"], "-std=gnu11", "-Wall", "-Wextra", "-Werror", *flags, "-c",
             str(examples / "fake_host.c"), "-o", str(self.dir / "fake_host.o"))

    def test_what_the_format_cannot_do_is_told_when_it_is_set(self):
        start = f"[plugins]\npath = {built['cmake']}\n[format:cpio]\n[format:zip]\n"
        for lines, told in (("[backup]\nformat = cpio\n", ()),
                            ("[backup]\nformat = cpio\nworkers = 4\nreuse = yes\n[preset:a]\n[preset:b]\nreuse = yes\n",
                             ("[backup] reuse", "[backup] workers", "[preset:b] reuse")),
                            ("[backup]\nformat = zip\nworkers = 4\nreuse = yes\n[preset:b]\nreuse = yes\n", ())):
            done = self.hbcore("--config", self.write_config(start + lines), "config", "check")
            notes = [line.split(": ")[2] for line in done.stderr.decode().splitlines() if "the format cpio" in line]
            self.assertEqual([note.split(": ")[0] for note in notes], list(told), self.describe(done))

    def test_truncated_archive_is_refused(self):
        home = self.make_home(whole_seconds=True)
        archive = self.dir / "whole.cpio"
        self.with_plugins("cmake", "--home", home, "backup", "--format", "cpio", "-o", archive)
        data = archive.read_bytes()
        for length in (len(data) // 2, len(data) - 700):
            with self.subTest(length=length):
                torn = self.dir / "torn.cpio"
                torn.write_bytes(data[:length])
                target = self.dir / f"torn-{length}"
                target.mkdir()
                self.with_plugins("cmake", "--home", target, "import", torn, "--force", expect=1)
                self.assertEqual(hb.tree(target).keys() - {b"."}, set())

    def test_filter_in_cxx(self):
        home = self.make_home()
        (home / "large.bin").write_bytes(b"x" * 5000)
        (home / "exempt.bin").write_bytes(b"x" * 5000)
        config = self.write_config(
            "[filter:large]\nplugin = size-limit\non = backup\nlargest = 4K\nexempt = exempt.bin\n")
        for how in BUILDS:
            archive = self.dir / f"filtered-{how}.cpio"
            self.with_plugins(how, "--config", config, "--home", home, "backup",
                              "--format", "cpio", "-o", archive)
            names = call("bsdtar", "-tf", str(archive)).split("\n")
            self.assertNotIn("large.bin", names)
            self.assertIn("exempt.bin", names)

    def test_filter_options_are_validated(self):
        config = self.write_config("[filter:large]\nplugin = size-limit\nlargst = 4K\n")
        done = self.with_plugins("cmake", "--config", config, "--home", self.make_home(), "backup",
                                 "-o", self.dir / "x", expect=2)
        self.assertIn(b"largest", done.stderr)
        self.assertIn(str(config).encode() + b":3", done.stderr)


if __name__ == "__main__":
    unittest.main()
