# SPDX-License-Identifier: Apache-2.0
"""`plugins new`: what it makes builds in both ways against an installation, and works unchanged."""
import json
import os
import pathlib
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
import hb  # noqa: E402

TEMPLATES = hb.SOURCE / "templates"
KINDS = ("format", "content", "filter", "hook", "store", "transform")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
BUILDS = ("pkg-config", "cmake")
NAME = {kind: f"my-own-{kind}" for kind in KINDS}
installed = {}


def call(*arguments, **keywords):
    done = subprocess.run([os.fspath(word) for word in arguments], capture_output=True, text=True,
                          check=False, **keywords)
    if done.returncode != 0:
        raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def metadata():
    return ":".join(str(path.parent) for path in installed["prefix"].rglob("hbcore.pc"))


def build_with_pkg_config(source, target):
    """With the compiler line that the README of the new plugin has, and stricter."""
    line = re.search(r"^    cc (.*)$", (source / "README.md").read_text(), re.MULTILINE).group(1)
    flags = call("pkg-config", "--cflags", "hbcore",
                 env=dict(os.environ, PKG_CONFIG_PATH=metadata())).strip()
    words = shlex.split(line.replace("$(pkg-config --cflags hbcore)", flags))
    output = words.index("-o") + 1
    words[output] = str(target / words[output])
    target.mkdir()
    call(os.environ["HBCORE_CC"], *words, *STRICT, cwd=source)


def build_with_cmake(source, target):
    call("cmake", "-G", "Ninja", "-S", source, "-B", target, f"-DCMAKE_PREFIX_PATH={installed['prefix']}",
         f"-DCMAKE_C_COMPILER={os.environ['HBCORE_CC']}", "-DCMAKE_C_FLAGS=" + " ".join(STRICT))
    call("cmake", "--build", target)


BUILD_WITH = (build_with_pkg_config, build_with_cmake)


def setUpModule():
    unittest.addModuleCleanup(os.umask, os.umask(0o022))  # else what is built here may be refused
    root = pathlib.Path(tempfile.mkdtemp(prefix="hbcore-new-", dir=hb.scratch()))
    unittest.addModuleCleanup(shutil.rmtree, root)
    installed["prefix"] = root / "prefix"
    call("cmake", "--install", os.environ["HBCORE_BUILD"], "--prefix", installed["prefix"])
    installed["binary"] = str(installed["prefix"] / "bin" / "hbcore")
    for kind in KINDS:
        call(installed["binary"], "plugins", "new", kind, NAME[kind], cwd=root)
        source = root / NAME[kind]
        for how, build in zip(BUILDS, BUILD_WITH):
            installed[kind, how] = root / f"{kind}-{how}"
            build(source, installed[kind, how])


class Built(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.binary = installed["binary"]

    def use(self, kind, how, *arguments, **keywords):
        return self.hbcore("--set", f"plugins.path={installed[kind, how]}", *arguments, **keywords)

    def section(self, kind, text=""):
        return self.write_config(f"[{kind}:mine]\nplugin = {NAME[kind]}\n{text}", f"{kind}.ini")


class Any(Built):
    def test_check_and_show(self):
        for kind in KINDS:
            for how in BUILDS:
                path = installed[kind, how] / f"{NAME[kind]}.so"
                self.assert_mentions(self.hbcore("plugins", "check", path),
                                     f"ok, {kind} plugin {NAME[kind]}")
                shown = json.loads(self.use(kind, how, "--json", "plugins", "show",
                                            NAME[kind]).stdout)
                self.assertEqual((shown["name"], shown["kind"], shown["path"]),
                                 (NAME[kind], kind, str(path)))

    def test_one_symbol(self):
        for kind in KINDS:
            for how in BUILDS:
                path = installed[kind, how] / f"{NAME[kind]}.so"
                names = call("nm", "-D", "--defined-only", path).split()[2::3]
                self.assertEqual(names, ["hb_plugin_v1"], path)

    def test_helpers_are_not_exported(self):
        """A function that is not static stays inside, too: both builds hide it."""
        source = self.dir / NAME["filter"]
        self.hbcore("plugins", "new", "filter", source.name, cwd=self.dir)
        with open(source / f"{source.name}.c", "a", encoding="utf-8") as stream:
            stream.write("int helper(void);\nint helper(void)\n{\n    return 0;\n}\n")
        for how, build in zip(BUILDS, BUILD_WITH):
            build(source, self.dir / how)
            path = self.dir / how / f"{source.name}.so"
            self.assertEqual(call("nm", "-D", "--defined-only", path).split()[2::3], ["hb_plugin_v1"])

    def test_no_state_outside_of_instances(self):
        """No variable stays writable but those that the compiler puts into every shared object."""
        empty, least = self.dir / "empty.c", self.dir / "empty.so"
        empty.write_text("static int state;\nint nothing(void);\nint nothing(void)\n"
                         "{\n    return ++state;\n}\n")
        call(os.environ["HBCORE_CC"], "-O2", "-fPIC", "-shared", empty, "-o", least)
        every = self.writable(least)
        self.assertIn("state", every)
        for kind in KINDS:
            path = installed[kind, "pkg-config"] / f"{NAME[kind]}.so"
            self.assertLessEqual(self.writable(path), every - {"state"}, path)

    @staticmethod
    def writable(path):
        """Symbols in .data and .bss; what only the loader writes to is in .data.rel.ro."""
        rows = re.findall(r"^\w+ .* O (?:\.data|\.bss)\t\w+ +(?:\.hidden )?(\w+)",
                          call("objdump", "-t", path), re.MULTILINE)
        return set(rows)

    def test_cmake_installs_it(self):
        target = self.dir / "staged"
        call("cmake", "--install", installed["filter", "cmake"], env=dict(os.environ, DESTDIR=target))
        found = [path.name for path in target.rglob("*.so")]
        self.assertEqual(found, [f"{NAME['filter']}.so"])
        self.assertTrue(list(target.rglob(f"lib/**/hbcore/plugins/{found[0]}")))


    def test_what_it_says_can_be_typed(self):
        """By a name that CMake would not take for a target, and with both ways to build it."""
        said = self.hbcore("plugins", "new", "hook", "test", cwd=self.dir).stdout.decode()
        lines = re.findall(r"^  (\S.*)$", said, re.MULTILINE)
        with_cmake = [line for line in lines if line.startswith("cmake ")]
        with_cc = [line for line in lines if line.startswith(("mkdir ", "cc "))]
        after = [line for line in lines if line.startswith("hbcore ")]
        self.assertEqual([len(with_cmake), len(with_cc), len(after)], [1, 2, 2], said)
        self.assertEqual(len(lines), 5, said)
        path = f"{installed['prefix'] / 'bin'}:{os.environ['PATH']}"
        environment = self.environment(PATH=path, PKG_CONFIG_PATH=metadata(), CMAKE_GENERATOR="Ninja",
                                       CMAKE_PREFIX_PATH=str(installed["prefix"]))
        for build in (with_cmake, with_cc):
            shutil.rmtree(self.dir / "test/build", ignore_errors=True)
            out = call("sh", "-e", "-c", "\n".join(build + after), env=environment,
                       cwd=self.dir)
            self.assertIn("test/build/test.so: ok, hook plugin test", out)
            self.assertIn("Options of a section [hook:LABEL] that selects this plugin", out)


class Filter(Built):
    def test_leaves_out_by_suffix(self):
        home = self.make_home()
        hb.write(home / "sub/one.part", b"x")
        hb.write(home / "two.tmp", b"x")
        config = self.section("filter", "on = backup\nsuffixes = .part\n")
        for how in BUILDS:
            done = self.use("filter", how, "--json", "--config", config, "--home", home, "backup",
                            "--format", "zip", "-o", self.dir / f"{how}.zip")
            self.assertEqual([row["path"] for row in self.summary(done)["left_out"]], ["sub/one.part"])
            listed = self.hbcore("list", self.dir / f"{how}.zip").stdout.decode().split("\n")
            self.assertIn("two.tmp", listed)
            self.assertNotIn("sub/one.part", listed)

    def test_on_import(self):
        home = self.make_home()
        hb.write(home / "one.part", b"x")
        archive = self.backup(home, "a.zip", "--format", "zip")
        config = self.section("filter", "on = import\nsuffixes = .part\n")
        target = self.dir / "target"
        self.use("filter", "cmake", "--config", config, "--home", target, "import", archive, "--force")
        self.assertFalse((target / "one.part").exists())
        (home / "one.part").unlink()
        self.assert_same_tree(home, target, directory_times=False)


class Hook(Built):
    def backup_with(self, how, config, *arguments, expect=0):
        return self.use("hook", how, *arguments, "--config", config, "--home", self.home, "backup",
                        "--format", "zip", "-o", self.dir / "a.zip", expect=expect)

    def setUp(self):
        super().setUp()
        self.home = self.make_home()

    def test_adds_to_the_summary(self):
        config = self.section("hook", "commands = backup\n")
        for how in BUILDS:
            done = self.summary(self.backup_with(how, config, "--json"))
            self.assertEqual(done[NAME["hook"]], {"files": done["files"]})
            self.assertGreater(done["files"], 5)
            self.assertIn(f"{NAME['hook']}: {done['files']} files, 0 skipped or doubtful\n",
                          self.backup_with(how, config).stdout.decode())

    def test_other_commands_are_not_its_own(self):
        done = self.backup_with("cmake", self.section("hook", "commands = import\n"))
        self.assertNotIn(NAME["hook"].encode(), done.stdout)

    def test_vetoes(self):
        config = self.section("hook", "required = sub/mounted\n")
        for how in BUILDS:
            (self.home / "sub/mounted").unlink(missing_ok=True)
            done = self.backup_with(how, config, expect=1)
            self.assert_mentions(done, "sub/mounted", "No such file")
            self.assertFalse((self.dir / "a.zip").exists())
            (self.home / "sub/mounted").touch()
            self.backup_with(how, config)
            line = ("hook", how, "--config", config, "--home", self.home, "import", "--force",
                    self.dir / "a.zip")
            self.use(*line)
            (self.home / "sub/mounted").unlink()
            self.assert_mentions(self.use(*line, expect=1), "sub/mounted", "No such file")
            (self.dir / "a.zip").unlink()


class Content(Built):
    SOUND, CUT, OTHER = b'{"a":1}\n{"b":2}\n', b'{"a":1}\n{"b"', b"no line"

    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        hb.write(self.home / "logs/sound.jsonl", self.SOUND, 0o640)
        hb.write(self.home / "logs/empty.jsonl", b"")
        hb.write(self.home / "logs/other.text", self.OTHER)
        self.big = b"line\n" * 400_000  # more than one unit
        hb.write(self.home / "logs/big.jsonl", self.big)

    def findings(self, done):
        return {row["path"]: (row["method"], row["check"]) for row in done["databases"]}

    def test_sound_files(self):
        for how in BUILDS:
            archive, config = self.dir / f"{how}.zip", self.section("content")
            done = self.use("content", how, "--json", "--config", config, "--home", self.home,
                            "backup", "--format", "zip", "-o", archive)
            mine = {f"logs/{name}.jsonl" for name in ("sound", "empty", "big")}
            self.assertEqual(self.findings(self.summary(done)), {path: ("raw", "ok") for path in mine})
            done = self.use("content", how, "--json", "--config", config, "verify", archive)
            self.assertEqual(self.findings(self.summary(done)),
                             {path: ("check", "ok") for path in mine})
            target = self.dir / f"target-{how}"
            self.use("content", how, "--config", config, "--home", target, "import", archive, "--force")
            self.assert_same_tree(self.home, target, directory_times=False)
            self.assertEqual((target / "logs/big.jsonl").read_bytes(), self.big)

    def test_a_cut_line_is_doubtful(self):
        hb.write(self.home / "logs/cut.jsonl", self.CUT)
        for how in BUILDS:
            archive, config = self.dir / f"{how}.zip", self.section("content")
            done = self.use("content", how, "--json", "--config", config, "--home", self.home,
                            "backup", "--format", "zip", "-o", archive, expect=3)
            self.assertEqual([row["path"] for row in self.summary(done)["doubtful"]],
                             ["logs/cut.jsonl"])
            self.assertEqual(self.hbcore("cat", archive, "logs/cut.jsonl").stdout, self.CUT)
            done = self.use("content", how, "--json", "--config", config, "verify", archive, expect=3)
            self.assertEqual(self.findings(self.summary(done))["logs/cut.jsonl"], ("check", "failed"))
            self.assert_mentions(done, "its last line was cut off")

    def test_suffixes(self):
        config = self.section("content", "suffixes = .text\n")
        done = self.use("content", "cmake", "--json", "--config", config, "--home", self.home, "backup",
                        "--format", "zip", "-o", self.dir / "a.zip", expect=3)
        self.assertEqual(self.findings(self.summary(done)), {"logs/other.text": ("raw", "failed")})


class Store(Built):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.root = self.dir / "root"
        self.root.mkdir()
        self.config = self.section("store", f"root = {self.root}\n[format:zip]\n[format:tar-zstd]\n"
                                            "[preset:p]\ndirectory = mine://.dir/50%\nprefix = n-\nkeep = 2\n")

    def run_in(self, how, *arguments, **keywords):
        return self.use("store", how, "--config", self.config, "--home", self.home, *arguments, **keywords)

    def test_there_and_back(self):
        for how in BUILDS:
            for form, suffix in (("zip", "zip"), ("tar-zstd", "tar.zst")):
                url = f"mine://{how}/a.{suffix}"
                self.run_in(how, "backup", "--format", form, "-o", url)
                self.run_in(how, "verify", url)
                self.assertIn(b"sub/deep/file.txt\n", self.run_in(how, "list", url).stdout)
                self.assertEqual(self.run_in(how, "cat", url, "sub/deep/file.txt").stdout,
                                 (self.home / "sub/deep/file.txt").read_bytes())
                target = self.dir / f"{how}-{form}"
                self.use("store", how, "--config", self.config, "--home", target, "import", url, "--force")
                self.assert_same_tree(self.home, target, directory_times=False)
        self.assertEqual([path.name for path in self.root.iterdir() if path.name.startswith(".")], [])

    def test_a_preset_keeps_its_newest(self):
        for _ in range(4):
            self.run_in("cmake", "backup", "--preset", "p")
        self.assertEqual(len(list(self.root.glob("%2Edir%2F50%25%2Fn-*.zip"))), 2, list(self.root.iterdir()))

    def test_what_is_not_there(self):
        self.assert_mentions(self.run_in("cmake", "list", "mine://none.zip", expect=1), "mine://none.zip")
        self.assert_mentions(self.run_in("cmake", "backup", "-o", "mine://" + "n" * 300 + ".zip", expect=None), "name")
        self.root.rmdir()
        done = self.run_in("cmake", "backup", "-o", "mine://a.zip", expect=2)
        self.assert_mentions(done, "root:", "No such file")


class Transform(Built):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.config = self.section("transform", "[format:zip]\n[format:tar-zstd]\n[backup]\nseal = mine\n")

    def run_in(self, how, *arguments, **keywords):
        return self.use("transform", how, "--config", self.config, "--home", self.home, *arguments, **keywords)

    def test_there_and_back(self):
        for how in BUILDS:
            for form, suffix in (("zip", "zip"), ("tar-zstd", "tar.zst")):
                archive = self.dir / f"{how}.{suffix}.{NAME['transform']}"
                self.run_in(how, "backup", "--format", form, "-o", self.dir / f"{how}.{suffix}")
                self.assertFalse(archive.read_bytes().startswith((b"PK", b"\x28\xb5")))
                self.run_in(how, "verify", archive)
                self.assertEqual(self.run_in(how, "cat", archive, "sub/deep/file.txt").stdout,
                                 (self.home / "sub/deep/file.txt").read_bytes())
                target = self.dir / f"{how}-{form}"
                self.use("transform", how, "--config", self.config, "--home", target, "import", archive, "--force")
                self.assert_same_tree(self.home, target, directory_times=False)

    def test_what_was_changed_is_refused(self):
        archive = self.dir / f"a.zip.{NAME['transform']}"
        self.run_in("cmake", "backup", "-o", self.dir / "a.zip")
        whole = archive.read_bytes()
        for number, changed in enumerate((whole[:-1], whole[:40] + bytes([whole[40] ^ 1]) + whole[41:], whole + b"x")):
            archive.write_bytes(changed)
            with self.subTest(number):
                self.assert_mentions(self.run_in("cmake", "list", archive, expect=1), "sealed by mine")


class Format(Built):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        hb.write(self.home / "sub/big.bin", bytes(range(256)) * 12_000)

    def made(self, how):
        archive = self.dir / f"{how}.{NAME['format']}"
        self.use("format", how, "--home", self.home, "backup", "--format", NAME["format"], "-o", archive)
        return archive

    def test_round_trip(self):
        for how in BUILDS:
            archive = self.made(how)
            listed = self.use("format", how, "list", archive).stdout.decode().split("\n")
            self.assertLessEqual({"sub/deep/file.txt", "sub/empty", ".env", "hollow2/inner"},
                                 {name.rstrip("/") for name in listed})
            self.use("format", how, "verify", archive)
            for member in ("sub/deep/file.txt", "sub/empty", "sub/big.bin"):
                done = self.use("format", how, "cat", archive, member)
                self.assertEqual(done.stdout, (self.home / member).read_bytes())
            target = self.dir / f"target-{how}"
            self.use("format", how, "--home", target, "import", archive, "--force")
            self.assert_same_tree(self.home, target)

    def test_over_a_pipe(self):
        for how in BUILDS:
            sent = self.use("format", how, "--home", self.home, "backup", "--format", NAME["format"],
                            "-o", "-").stdout
            self.assertEqual(sent, self.made(how).read_bytes())
            target = self.dir / f"piped-{how}"
            self.use("format", how, "--home", target, "import", "-", "--force", input=sent)
            self.assert_same_tree(self.home, target)

    def test_it_is_recognised_by_its_first_bytes(self):
        archive = self.made("cmake").rename(self.dir / "no-suffix")
        self.assertEqual(self.summary(self.use("format", "cmake", "--json", "verify", archive))["format"],
                         NAME["format"])

    def small(self, *files):
        """An archive in which each byte can be tried."""
        home = self.dir / "small"
        for path in files or ("d/one",):
            hb.write(home / path, b"words")
        archive = self.dir / "small.bin"
        self.use("format", "pkg-config", "--home", home, "backup", "--format", NAME["format"],
                 "-o", archive)
        return next(self.dir.glob("small.bin*")).read_bytes()

    def assert_refused(self, data, why, *, piped=False):
        """Exit 1, with a reason of the format's, and nothing in the home."""
        target, torn = self.dir / "torn-home", self.dir / "torn"
        target.mkdir(exist_ok=True)
        torn.write_bytes(data)
        source = ("-", data) if piped else (torn, None)
        done = self.use("format", "pkg-config", "--home", target, "import", source[0], "--format",
                        NAME["format"], "--force", input=source[1], expect=1)
        self.assertEqual(os.listdir(target), [], why)
        self.assertRegex(done.stderr.decode(), r"damaged: record \d+ |is not an archive in the format", why)

    def test_every_cut_is_refused(self):
        data = self.small()
        for length in range(1, len(data)):
            self.assert_refused(data[:length], length, piped=length % 2 == 1)

    def test_every_changed_byte_is_refused(self):
        data = self.small()
        for at in range(len(data)):
            changed = bytearray(data)
            changed[at] ^= 1 << at % 8
            self.assert_refused(bytes(changed), at, piped=at % 2 == 1)

    def test_what_follows_the_end_is_refused(self):
        data = self.small()
        self.assert_refused(data + b"x", "one more byte")
        self.assert_refused(data + data, "twice", piped=True)

    def test_a_missing_record_is_refused(self):
        data = self.small("a", "b")
        first, each, end = data.index(b"\n") + 1, 6 * 8 + 1 + 8 + 5 + 8, 6 * 8 + 8
        self.assertEqual(len(data), first + 2 * each + end)
        self.assert_refused(data[:first] + data[first + each:], "the first is missing")
        self.assert_refused(data[:first + each] + data[-end:], "the second is missing", piped=True)

    def test_verify_sees_a_changed_byte_in_large_content(self):
        archive = self.made("cmake")
        data = bytearray(archive.read_bytes())
        data[len(data) // 2] ^= 4
        archive.write_bytes(data)
        self.assert_mentions(self.use("format", "cmake", "verify", archive, expect=1),
                             "has damaged content")

    def test_links_are_passed_over(self):
        os.symlink("config.yaml", self.home / "link")
        done = self.use("format", "cmake", "--home", self.home, "--set", "backup.links=store", "backup",
                        "--format", NAME["format"], "-o", self.dir / "links")
        self.assert_mentions(done, "this format cannot store symbolic links")


class Made(hb.Case):
    """What is written, and what is not."""

    config = None

    def setUp(self):
        super().setUp()
        self.here = self.dir / "here"
        self.here.mkdir()

    def new(self, *arguments, **keywords):
        return self.hbcore(*arguments, cwd=self.here, **keywords)

    def test_files_are_the_templates(self):
        for kind in KINDS:
            self.new("plugins", "new", kind, NAME[kind])
            found = {path.name: path.read_text() for path in (self.here / NAME[kind]).iterdir()}
            expected = {f"{NAME[kind]}.c": TEMPLATES / f"{kind}.c",
                        "CMakeLists.txt": TEMPLATES / "CMakeLists.txt",
                        "README.md": TEMPLATES / "README.md"}
            self.assertEqual(found, {name: path.read_text().replace("example", NAME[kind])
                                     for name, path in expected.items()})
            self.assertIn(NAME[kind], found["CMakeLists.txt"])

    def test_the_name_in_the_templates_is_a_word_of_its_own(self):
        for path in TEMPLATES.iterdir():
            self.assertIsNone(re.search(r"[A-Za-z]example|example[A-Za-z]", path.read_text()), path)

    def test_quiet(self):
        self.assertEqual(self.new("--quiet", "plugins", "new", "hook", "other").stdout, b"")

    def test_json(self):
        done = self.new("--json", "plugins", "new", "filter", "f")
        wanted = {
            "type": "summary", "command": "plugins new", "status": "complete", "kind": "filter",
            "path": str(self.here.resolve() / "f"), "files": 3,
            "made": ["f.c", "CMakeLists.txt", "README.md"]}
        said = self.summary(done)  # and what is in every summary: the schema knows it
        self.assertEqual({key: said[key] for key in wanted}, wanted)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertEqual({path.name for path in (self.here / "f").iterdir()},
                         set(self.summary(done)["made"]))

    def test_json_of_each_kind(self):
        for kind in KINDS:
            said = self.summary(self.new("--json", "plugins", "new", kind, f"of-{kind}"))
            self.assertEqual((said["kind"], said["made"][0]), (kind, f"of-{kind}.c"))

    def test_modes_whatever_the_umask(self):
        for mask, folder, file in ((0, 0o755, 0o644), (0o077, 0o700, 0o600), (0o002, 0o755, 0o644)):
            name = f"mode-{mask}"
            self.new("plugins", "new", "content", name, umask=mask)
            modes = [stat.S_IMODE(path.stat().st_mode) for path in (self.here / name).iterdir()]
            self.assertEqual(stat.S_IMODE((self.here / name).stat().st_mode), folder)
            self.assertEqual(modes, [file] * 3)

    def test_needs_no_configuration(self):
        broken = self.write_config("[backup]\nformatt = zip\n")
        self.new("--config", broken, "plugins", "new", "filter", "f")

    def test_names_that_are_taken(self):
        for name in ("a", "0", "a-", "x--y", "install", "test", "build", "example", "n" * 40):
            self.new("plugins", "new", "filter", name)
            self.assertTrue((self.here / name / f"{name}.c").is_file())

    def refuse(self, code, *arguments, words=(), **keywords):
        before = hb.tree(self.here)
        done = self.new("plugins", "new", *arguments, expect=code, **keywords)
        self.assert_unchanged(before, self.here)
        self.assert_mentions(done, *words)
        self.assertEqual(done.stdout, b"")
        lines = done.stderr.decode().splitlines()
        self.assertEqual(len(lines), 2, lines)
        self.assertRegex(lines[0], "^hbcore: ")
        return lines

    def test_names_that_are_refused(self):
        for name in ("", "Upper", "under_score", "dot.c", "a/b", "/abs", "..", ".", "two words", "n" * 41,
                     "é", "new\nline", b"\xff"):
            self.refuse(2, "filter", name, words=("plugins new: a plugin cannot be called", "a-z, 0-9"))
        self.refuse(2, "filter", "--", "-x", words=("cannot be called '-x'",))

    def test_names_of_installed_plugins(self):
        for name in ("zip", "runtime-filter"):
            self.refuse(2, "format", name, words=(f"a plugin called '{name}' is installed", "choose another name"))

    def test_unknown_kinds(self):
        self.refuse(2, "filtr", "a", words=("'filtr'", "did you mean filter?"))
        self.refuse(2, "Hook", "a", words=("did you mean hook?",))
        self.refuse(2, "zzzzzzzzz", "a", words=("use format, content, filter, hook, store or transform",))
        self.refuse(2, "", "a", words=("use format",))

    def moved(self):
        """The installation, at another place."""
        prefix = self.dir / "moved"
        for part in ("bin", "share"):
            shutil.copytree(installed["prefix"] / part, prefix / part)
        self.binary = str(prefix / "bin/hbcore")
        return prefix / "share/hbcore/templates"

    def test_a_moved_installation_has_its_own_templates(self):
        source = self.moved() / "hook.c"
        source.write_text(source.read_text() + "/* a site's own */\n")
        self.new("plugins", "new", "hook", "mine")
        self.assertTrue((self.here / "mine/mine.c").read_text().endswith("/* a site's own */\n"))

    def test_the_schemas_of_the_json_are_installed(self):
        there = installed["prefix"] / "share/hbcore/schema"
        self.assertEqual({path.name: path.read_bytes() for path in there.iterdir()},
                         {path.name: path.read_bytes() for path in (hb.SOURCE / "docs/schema").iterdir()})

    def test_missing_templates(self):
        templates = self.moved()
        (templates / "README.md").unlink()
        self.refuse(1, "hook", "mine", words=(f"{templates}/README.md: the template cannot be read",
                                              "No such file or directory", "install hbcore again"))
        shutil.rmtree(templates)
        self.refuse(1, "hook", "mine", words=(f"{templates}/hook.c: the template cannot be read",))

    def test_wrong_number_of_arguments(self):
        for arguments in ((), ("filter",), ("filter", "a", "b")):
            self.refuse(2, *arguments, words=("new takes a kind and a name",))

    def test_what_is_there_is_never_touched(self):
        hb.write(self.here / "full/file", b"mine")
        hb.write(self.here / "file", b"mine")
        (self.here / "empty").mkdir()
        os.symlink("nowhere", self.here / "dangling")
        os.symlink("empty", self.here / "link")
        for name in ("full", "file", "empty", "dangling", "link"):
            self.refuse(1, "hook", name, words=(f"{name}: already exists",))
        self.new("plugins", "new", "hook", "mine")
        self.refuse(1, "filter", "mine", words=("mine: already exists",))

    def test_errors_in_json(self):
        (self.here / "there").mkdir()
        for code, words in ((1, ("hook", "there")), (2, ("hok", "x")), (2, ("hook", "X"))):
            done = self.new("--json", "plugins", "new", *words, expect=code)
            row = json.loads(done.stdout)
            self.assertEqual((row["type"], row["exit_status"]), ("error", code))
            self.assertTrue(row["hint"])

    def test_a_directory_that_cannot_be_written_to(self):
        who = self.somebody_else(self.here)
        self.here.chmod(0o555)
        done = self.new("plugins", "new", "filter", "mine", expect=1, **who)
        self.assert_mentions(done, "mine: the directory cannot be made: Permission denied")
        self.assertEqual(os.listdir(self.here), [])

    def test_a_umask_that_locks_the_maker_out(self):
        who = self.somebody_else(self.here)
        for mask, word in ((0o777, "mine: cannot be opened"), (0o200, "mine/mine.c: cannot be written")):
            done = self.new("plugins", "new", "filter", "mine", expect=1, umask=mask, **who)
            self.assert_mentions(done, word, "Permission denied")
            self.assertEqual(os.listdir(self.here), [])


if __name__ == "__main__":
    unittest.main()
