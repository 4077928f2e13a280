# SPDX-License-Identifier: Apache-2.0
"""What a plugin says of its options is kept: required, secret, advanced, deprecated, paths; and its check() is asked."""
import json
import os
import subprocess
import unittest

import hb

SECRET = "a very secret word"
CODE = r"""
#include <hbcore/filter.h>
#include <stdlib.h>
#include <string.h>
enum { PLACE, WORD, OLD, RARE, SKIP, OPTIONS };
struct asking { const struct hb_host *host; struct hb_patterns *skip; };
static const struct hb_option *const options[OPTIONS] = {
    [PLACE] = &(const struct hb_option){.size = sizeof(struct hb_option), .type = HB_OPTION_PATH, .key = "place",
                                        .help = "Where it is", .flags = HB_OPTION_REQUIRED},
    [WORD] = &(const struct hb_option){.size = sizeof(struct hb_option), .type = HB_OPTION_STRING, .key = "word",
                                       .default_text = "", .help = "The word", .flags = HB_OPTION_SECRET},
    [OLD] = &(const struct hb_option){.size = sizeof(struct hb_option), .type = HB_OPTION_INTEGER, .key = "old",
                                      .default_text = "1", .help = "use place", .flags = HB_OPTION_DEPRECATED},
    [RARE] = &(const struct hb_option){.size = sizeof(struct hb_option), .type = HB_OPTION_INTEGER, .key = "aside",
                                       .default_text = "1", .help = "Rarely used", .flags = HB_OPTION_ADVANCED},
    [SKIP] = &(const struct hb_option){.size = sizeof(struct hb_option), .type = HB_OPTION_LIST, .key = "skip",
                                       .default_text = "", .help = "Which not"},
};
static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    *self = NULL;
    if (strcmp(settings->values[WORD]->text, "wrong") == 0)
        return host->fail(host, HB_STATUS_FATAL, "create() was called");
    if (strcmp(settings->values[WORD]->text, "ask") == 0) {
        int fd = host->open_beneath(host, "not/there", 0, 0);
        return host->fail_as(host, HB_STATUS_FATAL, host->cause(host), "look elsewhere", "opened %d, cause %u", fd,
                             (unsigned)host->cause(host));
    }
    host->note(host, NULL, "place is %s, word has %zu letters", settings->values[PLACE]->text,
               strlen(settings->values[WORD]->text));
    struct asking *asking = calloc(1, sizeof *asking);
    const struct hb_value *skip = settings->values[SKIP];
    asking->host = host;
    asking->skip = host->patterns_create(host, "skip", skip->list, skip->list_count);
    *self = asking;
    if (asking->skip == NULL)
        free(asking);
    return asking->skip == NULL ? HB_STATUS_FATAL : HB_OK;
}
static void destroy(void *self)
{
    struct asking *asking = self;
    asking->host->patterns_free(asking->host, asking->skip);
    free(asking);
}
static int check(const struct hb_host *host, const struct hb_settings *settings)
{
    if (strcmp(settings->values[PLACE]->text, "/nowhere") != 0)
        return HB_OK;
    host->fail(host, HB_STATUS_FATAL, "[%s] place: there is nothing", settings->section);
    return host->fail(host, HB_STATUS_FATAL, "[%s] old: nor was there", settings->section);
}
static int verdict(void *self, int direction, const struct hb_entry *entry, struct hb_verdict *verdict)
{
    struct asking *asking = self;
    (void)direction;
    if (asking->host->patterns_match(asking->host, asking->skip, entry->path, entry->path_bytes, entry->type))
        verdict->kind = HB_VERDICT_LEAVE_OUT;
    return HB_OK;
}
static const struct hb_filter_ops ops = {.size = sizeof ops, .verdict = verdict};
static const struct hb_plugin plugin = {
    .size = sizeof plugin, .abi = HB_ABI, .kind = HB_KIND_FILTER, .host_size = sizeof(struct hb_host), .name = "asking",
    .version = "1", .summary = "asks", .options = options, .option_count = OPTIONS, .create = create, .destroy = destroy, .ops = &ops,
    .check = check};
HB_EXPORT const struct hb_plugin *hb_plugin_v1(void) { return &plugin; }
"""


class PluginOptions(hb.Case):
    config = None

    def setUp(self):
        super().setUp()
        self.home = self.make_home()
        self.plugins = self.dir / "plugins"
        self.plugins.mkdir(mode=0o755)
        done = subprocess.run(
            [os.environ["HBCORE_CC"], "-std=c11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared",
             "-fvisibility=hidden", "-I", str(hb.SOURCE / "core/include"), "-x", "c", "-", "-o",
             str(self.plugins / "asking.so")], input=CODE, text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def use(self, lines, *arguments, expect=0):
        config = self.write_config(f"[plugins]\npath = {self.plugins}\n[format:zip]\n[filter:x]\nplugin = asking\n{lines}")
        return self.hbcore("--config", config, "--home", self.home, *arguments, expect=expect)

    def test_required(self):
        for lines in ("word = wrong\n", "place = /nowhere\nold = many\n"):  # the plugin would have more to say
            done = self.use(lines, "config", "check", expect=2)
            self.assertEqual(done.stderr.count(b"hbcore: "), 1, self.describe(done))
        for command in (("config", "check"), ("backup", "-o", self.dir / "a.zip")):
            done = self.use("word = x\n", *command, expect=2)
            self.assert_mentions(done, ":4: [filter:x]: the plugin asking needs a value for 'place'", "add a line place = ")
            self.assertEqual(done.stderr.count(b"hbcore: "), 1, self.describe(done))
        done = self.use("place = /x\n", "config", "check")
        self.assertEqual(self.use("place = x y\n", "config", "check").returncode, done.returncode)
        self.use("", "--set", "filter:x.place=/y", "config", "check")

    def test_path(self):
        done = self.use("place = ~/there\n", "backup", "-o", self.dir / "a.zip")
        self.assert_mentions(done, f"place is {self.user}/there,")
        done = self.use("place = ~nobody-such/there\n", "backup", "-o", self.dir / "b.zip")
        self.assert_mentions(done, "place is ~nobody-such/there,")

    def test_secret(self):
        """It reaches the plugin, and nothing that is shown."""
        lines = f"place = /x\nword = {SECRET}\n"
        done = self.use(lines, "backup", "-o", self.dir / "a.zip")
        self.assert_mentions(done, f"word has {len(SECRET)} letters")
        for command in (("config", "show"), ("--json", "config", "show"), ("config", "check"),
                        ("--verbose", "backup", "-o", self.dir / "b.zip"), ("--json", "verify", self.dir / "a.zip")):
            done = self.use(lines, *command)
            self.assertNotIn(SECRET.encode(), done.stdout + done.stderr, command)
        self.check_hints()
        shown = self.use(lines, "--json", "config", "show").stdout.splitlines()
        values = {line["key"]: line["value"] for line in map(json.loads, shown) if line.get("section") == "filter:x"}
        self.assertEqual((values["word"], values["place"]), ("(secret)", "/x"))
        self.assertNotIn(SECRET.encode(), (self.dir / "a.zip").read_bytes())

    def check_hints(self):
        """They repeat what was typed, once, without what is secret; and say that it is needed."""
        typed, same = ("--set", f"filter:x.word={SECRET}", "--set", "backup.workers=2"), b" (with the same --set filter:x.word)"
        for command in (("snapshot", "restore", "1"), ("list", "latest")):
            done = self.use("place = /x\n[preset:nightly]\ndirectory = nowhere\n", *typed, *command, expect=1)
            hint = done.stderr.splitlines()[-1]
            self.assertEqual((hint.count(b"workers=2"), hint.count(b"filter:x.word"), hint.count(same)), (1, 1, 1), self.describe(done))
            self.assertNotIn(b"word=", hint)
            self.assertNotIn(SECRET.encode(), done.stdout + done.stderr)
        done = self.use("place = /x\n", *typed, "backup", "-o", self.dir / "c.zip")
        self.assertIn(b"c.zip" + same + b"\n", done.stdout)

    def test_a_value_that_nobody_knows_may_be_secret(self):
        """Of a section that cannot be resolved, or not yet: hints repeat what was typed, but not its value."""
        for section, more in (("store:box", ()), ("filter:unlike", ()), ("stroe:box", ("--set", "store:y.z=1")),
                              ("filter:x", ("--set", "store:y.z=1"))):
            for command in (("config", "show"), ("--json", "config", "check"), ("backup", "-o", self.dir / "x.zip"),
                            ("plugins", "list"), ("plugins", "show", "nonesuch"), ("put-it",)):
                with self.subTest(section=section, command=command):
                    done = self.use("place = /x\n", *more, "--set", f"{section}.word={SECRET}", *command, expect=None)
                    self.assertNotEqual(done.returncode, 0)
                    self.assertNotIn(SECRET.encode(), done.stdout + done.stderr)
                    if command[0] == "config" or command[-1] == "check":
                        self.assert_mentions(done, f"--set {section}.word=… ")
        done = self.use("place = /x\n", "--set", f"store:word={SECRET}", "config", "check", expect=2)
        self.assert_mentions(done, "--set 'store:word=…': it has no SECTION.KEY")
        self.assertNotIn(SECRET.encode(), done.stderr)
        done = self.use("place = /x\n", "--set", "filter:box.plugin=nonesuch", "--set", "backup.workers=2", "config", "check", expect=2)
        self.assert_mentions(done, "--set 'filter:box.plugin=nonesuch' --set 'backup.workers=2' ")

    def test_what_is_shown_is_no_secret(self):
        """config show is a configuration; in it a secret is missing, and never "(secret)" itself."""
        shown = self.use(f"place = /x\nword = {SECRET}\n", "config", "show").stdout.decode()
        self.assertIn("\n# word = (secret)\n", shown)
        self.assertNotIn("\nword = ", shown)
        again = self.hbcore("--config", self.write_config(shown), "config", "show").stdout.decode()
        self.assertIn("\nword =\n", again)
        self.assertNotIn("(secret)", again)
        self.assertIn("\nword =\n", self.use("place = /x\n", "config", "show").stdout.decode())
        for lines, arguments in (("word = (secret)\n", ()), ("word =\n  (secret)\n", ()), ("", ("--set", "filter:x.word=(secret)"))):
            done = self.use("place = /x\n" + lines, *arguments, "config", "check", expect=2)
            self.assert_mentions(done, "word: '(secret)' is what is shown in place of a secret", "word = file:PATH")
        self.use("place = (secret)\n", "config", "check")  # no secret, and a path like others

    def test_deprecated(self):
        done = self.use("place = /x\nold = 3\n", "config", "check")
        self.assert_mentions(done, ":7:", "[filter:x] old is taken still", "use place")
        self.assertNotIn(b"taken still", self.use("place = /x\n", "config", "check").stderr)

    def test_shown(self):
        done = self.use("place = /x\n", "plugins", "show", "asking")
        text = done.stdout.decode()
        self.assertLess(text.index("\n  old = 1\n      integer, deprecated\n"), text.index("\n  aside = 1\n"))
        for part in ("\n  place = \n      path, required\n", "text, secret\n", "integer, advanced\n"):
            self.assertIn(part, text)
        line, = map(json.loads, self.use("place = /x\n", "--json", "plugins", "show", "asking").stdout.splitlines())
        place, word, *_ = line["options"]
        self.assertEqual((place["type"], place["required"], "default" in place, word["secret"]), ("path", True, False, True))

    def test_patterns_are_told_by_their_option(self):
        for lines, said in (("skip = /nowhere\n", "[filter:x] skip: its only pattern matches nothing in the home: '/nowhere'"),
                            ("skip = * /no /none\n", "[filter:x] skip: 2 of its 3 patterns match nothing in the home:")):
            done = self.use("place = /x\n" + lines, "backup", "-o", self.dir / "a.zip")
            self.assert_mentions(done, said)
            self.assertNotIn(b"patterns: ", done.stdout + done.stderr)
        for command in (("config", "check"), ("backup", "-o", self.dir / "b.zip")):
            done = self.use("place = /x\nskip = ok ./a\n", *command, expect=2)
            self.assert_mentions(done, ':7: asking: [filter:x] skip: "./a" would never match')

    def test_check_is_asked(self):
        done = self.use("place = /nowhere\nold = 2\n", "config", "check", expect=2)
        self.assert_mentions(done, ":6: asking: [filter:x] place: there is nothing", ":7: asking: [filter:x] old: nor was there")
        done = self.use("place = /x\nword = wrong\n", "backup", "-o", self.dir / "a.zip", expect=None)
        self.assertNotEqual(done.returncode, 0)
        self.assert_mentions(done, "create() was called")

    def test_cause_and_hint(self):
        done = self.use("place = /x\nword = ask\n", "backup", "-o", self.dir / "a.zip", expect=1)
        self.assert_mentions(done, "asking: opened -1, cause 3\n  look elsewhere\n")


if __name__ == "__main__":
    unittest.main()
