# SPDX-License-Identifier: Apache-2.0
"""A plugin that cannot be used is refused by name, with the reason and what to do."""
import os
import shutil
import subprocess
import unittest

import hb

CODE = """
#include <hbcore/format.h>
static int begin(void *s, const struct hb_sink *k, const struct hb_entry *e)
{ (void)s; (void)k; (void)e; return HB_OK; }
static int append(void *s, const struct hb_sink *k, const struct hb_unit *u)
{ (void)s; return hb_sink_write_unit(k, u); }
static int finish(void *s, const struct hb_sink *k, const void *t, size_t b)
{ (void)s; (void)k; (void)t; (void)b; return HB_OK; }
#ifndef NO_WALK
static int walk(void *s, const struct hb_input *i, const struct hb_visitor *v)
{ (void)s; (void)i; (void)v; return HB_OK; }
#endif
static int create(const struct hb_host *h, const struct hb_settings *t, void **s)
{ (void)h; (void)t; *s = NULL; return HB_OK; }
static const char *const suffixes[] = {".broken", NULL};
static const struct hb_format_ops ops = {
    .size = sizeof(ops), .suffixes = suffixes, .begin_entry = begin, .append = append,
    .end_entry = begin, .finish = finish,
#ifndef NO_WALK
    .walk = walk,
#endif
};
#ifndef ABI
#define ABI HB_ABI
#endif
#ifndef HOST_SIZE
#define HOST_SIZE sizeof(struct hb_host)
#endif
static const struct hb_plugin plugin = {
    .size = sizeof(plugin), .abi = ABI, .kind = HB_KIND_FORMAT, .host_size = HOST_SIZE,
    .name = "broken", .version = "1", .summary = "for tests",
#ifndef NO_CREATE
    .create = create,
#endif
    .ops = &ops };
#ifdef NOTE
HB_PLUGIN_KIND(NOTE);
#endif
#ifdef LOADED
#include <stdio.h>
__attribute__((constructor)) static void loaded(void) { fclose(fopen(LOADED, "w")); }
#endif
#ifndef NO_SYMBOL
const struct hb_plugin *hb_plugin_v1(void) { (void)create; return &plugin; }
#else
HB_EXPORT const void *something_else(void);
const void *something_else(void) { (void)create; return &plugin; }
#endif
"""

# name: (flags, words that the message must have besides the file)
BROKEN = {
    "wrong ABI": (["-DABI=7"], ["ABI", "7", "newer hbcore"]),
    "missing callback": (["-DNO_WALK"], ["walk"]),
    "missing create": (["-DNO_CREATE"], ["create"]),
    "no symbol": (["-DNO_SYMBOL"], ["hb_plugin_v1"]),
    "a note of another kind": (["-DNOTE=HB_KIND_STORE"], ["contradicts itself", "note", "store", "format"]),
    "a note of a kind to come": (["-DNOTE=4711"], ["contradicts itself", "unknown", "format"]),
    "needs a newer host": (["-DHOST_SIZE=9999"], ["newer"]),
}


class PluginErrors(hb.Case):
    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.plugins = self.dir / "plugins"
        self.plugins.mkdir(mode=0o755)
        self.file = self.plugins / "broken.so"
        self.out = self.dir / "out"
        self.out.mkdir()

    def build(self, *flags, after=()):
        done = subprocess.run(
            [os.environ["HBCORE_CC"], "-std=c11", "-fPIC", "-shared", "-fvisibility=hidden",
             "-Wno-unused", "-I", str(hb.SOURCE / "core/include"), *flags, "-x", "c", "-", "-o",
             str(self.file), "-x", "none", *after],
            input=CODE, text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.file.chmod(0o755)

    def use(self, expect, *arguments):
        return self.hbcore("--set", f"plugins.path={self.plugins}", "--home", self.home, "backup",
                           "-o", self.out, *arguments, expect=expect)

    def refuse(self, *words):
        done = self.use(2, "--format", "broken")
        self.assertEqual(list(self.out.iterdir()), [], "an archive was made all the same")
        self.assert_mentions(done, self.file, *words)
        lines = [line for line in done.stderr.decode().splitlines() if line.strip()]
        self.assertGreaterEqual(len(lines), 2, "no line says what to do\n" + self.describe(done))
        self.assertTrue(lines[0].startswith("hbcore: "), self.describe(done))
        # It takes down only who selects it.
        self.use(0, "--format", "zip")
        listed = self.hbcore("--set", f"plugins.path={self.plugins}", "plugins", "list", expect=3)
        self.assert_mentions(listed, self.file.name, *words[:1])

    def test_a_whole_one_is_accepted(self):
        self.build()
        self.use(0, "--format", "broken")

    def test_what_is_of_no_use_is_not_loaded(self):
        """What says that it is of another kind than the one looked for; not what is of it, or does not say."""
        loaded = self.dir / "loaded"
        for note, expected in ((["-DNOTE=HB_KIND_STORE"], False), (["-DNOTE=HB_KIND_HOOK"], False),
                               (["-DNOTE=4711"], False), (["-DNOTE=HB_KIND_FORMAT"], True), ([], True)):
            with self.subTest(note=note):
                self.build(f'-DLOADED="{loaded}"', *note)
                self.use(0, "--format", "zip")
                self.assertEqual(loaded.exists(), expected)
                loaded.unlink(missing_ok=True)

    def test_notes_that_are_damaged(self):
        """Whatever stands there, nothing is read beyond it, and the plugin is loaded or refused."""
        self.build("-DNOTE=HB_KIND_FORMAT")
        whole = self.file.read_bytes()
        at = whole.index(b"hbcore\0\0") - 12
        for offset, value in ((0, 0xffffffff), (0, 0), (0, 0x7ffffffd), (4, 0xffffffff), (4, 0xfffffffd), (8, 7)):
            with self.subTest(offset=offset, value=value):
                self.file.write_bytes(whole[:at + offset] + value.to_bytes(4, "little") + whole[at + offset + 4:])
                self.use(0, "--format", "broken")

    def test_each(self):
        for name, (flags, words) in BROKEN.items():
            with self.subTest(broken=name):
                self.build(*flags)
                self.refuse(*words)
                for made in self.out.iterdir():
                    made.unlink()

    @unittest.skipUnless(os.uname().machine == "x86_64", "the plugins of the release before are for x86-64")
    def test_of_the_release_before(self):
        """Compiled then, of ABI 0, where other values had other meanings: they are refused, and by name."""
        for name, selected in (("example", ("--set", "filter:old.plugin=example")), ("cpio", ("--format", "cpio"))):
            with self.subTest(plugin=name):
                self.file = self.plugins / f"{name}.so"
                shutil.copy(hb.SOURCE / f"tests/abi/release-0/{name}.so", self.file)
                done = self.use(2, *selected)
                self.assert_mentions(done, self.file, "made for ABI 0,", "install a newer release of the plugin")
                self.assertEqual(list(self.out.iterdir()), [])
                done = self.hbcore("plugins", "check", self.file, expect=1)
                self.assert_mentions(done, self.file, "made for ABI 0,")

    def test_missing_library(self):
        gone = self.dir / "libgone.so"
        subprocess.run([os.environ["HBCORE_CC"], "-shared", "-fPIC", "-x", "c", "-", "-o",
                        str(gone)], input="int gone(void){return 1;}", text=True, check=True)
        self.build(after=["-Wl,--no-as-needed", f"-L{self.dir}", "-lgone"])
        gone.unlink()
        self.refuse("libgone.so")

    def test_no_shared_object(self):
        self.file.write_text("hello\n")
        self.file.chmod(0o755)
        self.refuse()

    def test_writable_by_others(self):
        self.build()
        for mode in (0o757, 0o777):
            self.file.chmod(mode)
            self.refuse("written to")
            for made in self.out.iterdir():
                made.unlink()

    def test_in_a_directory_writable_by_others(self):
        self.build()
        self.plugins.chmod(0o777)
        self.refuse("written to")

    def test_owned_by_somebody_else(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give files away")
        self.build()
        os.chown(self.file, 65534, 65534)
        self.refuse("own")

    def test_not_found_names_where_it_looked(self):
        done = self.use(2, "--format", "brokn")
        self.assert_mentions(done, "brokn", self.plugins)
        self.build()
        self.assert_mentions(self.use(2, "--format", "brokn"), "broken")

    def test_list_and_show(self):
        for name in ("zip", "tar-zstd", "sqlite-snap", "runtime-filter"):
            with self.subTest(plugin=name):
                self.assert_mentions(self.hbcore("plugins", "list"), name)
                self.assert_mentions(self.hbcore("plugins", "show", name), name)
        self.assert_mentions(self.hbcore("plugins", "show", "zip"), "level", ".zip")
        self.assert_mentions(self.hbcore("plugins", "show", "zipp", expect=1), "zipp")


if __name__ == "__main__":
    unittest.main()
