/* SPDX-License-Identifier: Apache-2.0 */
#include "fake_host.h"

#include <hbcore/filter.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char exclusions[] = "directories=__pycache__ .git node_modules\n"
                                 "root-names=hermes-agent state-snapshots\n"
                                 "names=gateway.pid cron.pid\n"
                                 "suffixes=.pyc .db-wal\n"
                                 "globs=profiles/*/state-snapshots cache/[0-9]?/*.tmp\n"
                                 "private=.env auth.json\n"
                                 "reason=runtime data\n";

struct filter {
    struct fake_host fake;
    struct fake_settings *settings;
    void *self;
    const struct hb_plugin *plugin;
    const struct hb_filter_ops *ops;
};

static void start(struct filter *filter, const char *text)
{
    fake_host_init(&filter->fake);
    filter->plugin = hb_plugin_v1();
    filter->ops = filter->plugin->ops;
    assert_int_equal(
        fake_create(&filter->fake, filter->plugin, text, &filter->self, &filter->settings), HB_OK);
}

static void stop(struct filter *filter)
{
    fake_destroy(filter->plugin, filter->self, filter->settings);
    fake_host_finish(&filter->fake);
}

static struct hb_verdict ask(struct filter *filter, int direction, uint32_t type, const char *path)
{
    struct hb_entry entry = {
        .size = sizeof entry, .type = type, .path = path, .path_bytes = strlen(path)};
    struct hb_verdict verdict = {.size = sizeof verdict};
    assert_int_equal(filter->ops->verdict(filter->self, direction, &entry, &verdict), HB_OK);
    return verdict;
}

struct expected {
    const char *path;
    uint32_t type;
    uint32_t backup;
    uint32_t import;
};

static void each_rule(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"config.yaml", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"a/b/__pycache__", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"a/b/__pycache__/x.txt", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {".git", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT,
         HB_VERDICT_LEAVE_OUT}, /* a worktree's .git is a file */
        {"a/.Git", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"a/x.git", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"node_modules", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"my_node_modules/x", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"hermes-agent", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"hermes-agent/run.py", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"skills/x/hermes-agent", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"skills/x/hermes-agent/SKILL.md", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"gateway.pid", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"profiles/a/gateway.pid", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"gateway.pid", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"gateway.pid/x", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"gateway.pid2", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"a/x.pyc", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"a/.pyc", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"a/x.PYC", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"a/pyc", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"a.pyc", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"a.pyc/x", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"a.pyc", HB_TYPE_SYMLINK, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"state.db-wal", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"state-snapshots", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"profiles/coder/state-snapshots", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"profiles/.hidden/state-snapshots", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"profiles/\xff\xfe/state-snapshots", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE,
         HB_VERDICT_PRUNE},
        {"profiles/a\nb/state-snapshots", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"profiles/a/b/state-snapshots", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"other/profiles/a/state-snapshots", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        /* On backup its parent was pruned before; in an archive nothing else tells. */
        {"profiles/coder/state-snapshots/1/state.db", HB_TYPE_FILE, HB_VERDICT_KEEP,
         HB_VERDICT_LEAVE_OUT},
        {"profiles/coder/state-snapshots/1", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_PRUNE},
        {"cache/7x/a.tmp", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"cache/xx/a.tmp", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
    };
    struct filter filter;
    start(&filter, exclusions);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct expected *want = &cases[i];
        struct hb_verdict backup = ask(&filter, HB_DIRECTION_BACKUP, want->type, want->path);
        struct hb_verdict import = ask(&filter, HB_DIRECTION_IMPORT, want->type, want->path);
        if (backup.kind != want->backup || import.kind != want->import)
            fail_msg("%s (type %u): backup %u, not %u; import %u, not %u", want->path, want->type,
                     backup.kind, want->backup, import.kind, want->import);
        assert_string_equal(import.reason, want->import == HB_VERDICT_KEEP ? "" : "runtime data");
    }
    stop(&filter);
}

/* A slash is matched by a slash alone, also where a pattern has one in brackets. */
static void slashes_of_globs(void **state)
{
    (void)state;
    struct filter filter;
    start(&filter, "globs=a[/]b c/*d e?f g/[!x]\n");
    static const char *const kept[] = {"a/b", "c/x/d", "e/f", "g/x"};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (ask(&filter, HB_DIRECTION_BACKUP, HB_TYPE_FILE, kept[i]).kind != HB_VERDICT_KEEP)
            fail_msg("%s is left out", kept[i]);
    static const char *const left_out[] = {"c/xd", "exf", "g/y"};
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        assert_int_equal(ask(&filter, HB_DIRECTION_BACKUP, HB_TYPE_FILE, left_out[i]).kind,
                         HB_VERDICT_LEAVE_OUT);
    stop(&filter);
}

/* Of a directory only what is named, in two places; what is called so elsewhere is left alone. */
static void only_these(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"cache", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"cache/images", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"cache/images/deep/x", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"cache/a1", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"cache/a12", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"cache/.hidden", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"cache/Images", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"cache/other/images", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_PRUNE},
        {"cache/other/images/x", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_LEAVE_OUT},
        {"cache/\xff", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"cached/x", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"a/cache/x", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"profiles/p/cache/images", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"profiles/p/cache/a1", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"profiles/p/cache", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"profiles/p/q/cache/x", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
    };
    struct filter filter;
    start(&filter, "only=cache/images profiles/*/cache/images cache/[a-c]?\nreason=no\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct expected *want = &cases[i];
        struct hb_verdict backup = ask(&filter, HB_DIRECTION_BACKUP, want->type, want->path);
        struct hb_verdict import = ask(&filter, HB_DIRECTION_IMPORT, want->type, want->path);
        if (backup.kind != want->backup || import.kind != want->import)
            fail_msg("%s: backup %u, not %u; import %u, not %u", want->path, backup.kind,
                     want->backup, import.kind, want->import);
    }
    stop(&filter);
    start(&filter, "only=sessions\n");
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, "sessions/a/b").kind,
                     HB_VERDICT_KEEP);
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, "other/sessions").kind,
                     HB_VERDICT_LEAVE_OUT);
    stop(&filter);
}

static void private_files(void **state)
{
    (void)state;
    struct filter filter;
    start(&filter, exclusions);
    struct hb_verdict verdict = ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, "profiles/a/.env");
    assert_int_equal(verdict.kind, HB_VERDICT_KEEP);
    assert_int_equal(verdict.flags, HB_VERDICT_MODE);
    assert_int_equal(verdict.mode, 0600);
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, ".env.example").flags, 0);
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_DIRECTORY, ".env").flags, 0);
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, ".env/x").flags, 0);
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, ".git/.env").kind,
                     HB_VERDICT_LEAVE_OUT);
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, ".git/.env").flags, 0);
    stop(&filter);

    start(&filter, "private=.env\nprivate-mode=0640\n");
    assert_int_equal(ask(&filter, HB_DIRECTION_BACKUP, HB_TYPE_FILE, ".env").mode, 0640);
    stop(&filter);
}

static void defaults_keep_everything(void **state)
{
    (void)state;
    struct filter filter;
    start(&filter, "");
    assert_int_equal(ask(&filter, HB_DIRECTION_BACKUP, HB_TYPE_DIRECTORY, ".git").kind,
                     HB_VERDICT_KEEP);
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, "a/b/c.pyc").kind,
                     HB_VERDICT_KEEP);
    stop(&filter);
    start(&filter, "names=x\n");
    assert_string_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, "a/x").reason,
                        "excluded by rule");
    stop(&filter);
}

/* "only these below here", at the root and in each profile. */
static void patterns(void **state)
{
    (void)state;
    static const struct expected cases[] = {
        {"cache", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"cache/images", HB_TYPE_DIRECTORY, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"cache/images/1.png", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"cache/images/tool-output/x", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"cache/tool-output", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"cache/tool-output/images/x", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"cache/index.json", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"cache/images2", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"profiles/a/cache/audio/x", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"profiles/a/cache/x", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"skills/s/cache/x", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"skills/x.tmp", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"skills/\xff.tmp", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"skills/keep.tmp", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"build", HB_TYPE_DIRECTORY, HB_VERDICT_PRUNE, HB_VERDICT_PRUNE},
        {"a/build", HB_TYPE_FILE, HB_VERDICT_KEEP, HB_VERDICT_KEEP},
        {"a/build/x", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"a/build/keep.tmp", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT, HB_VERDICT_LEAVE_OUT},
        {"gone/keep.tmp", HB_TYPE_FILE, HB_VERDICT_LEAVE_OUT,
         HB_VERDICT_LEAVE_OUT}, /* by another option */
    };
    struct filter filter;
    start(&filter, "directories=gone\npatterns=/cache/* !/cache/images profiles/*/cache/* "
                   "!profiles/*/cache/audio *.tmp !keep.tmp build/\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct expected *want = &cases[i];
        uint32_t backup = ask(&filter, HB_DIRECTION_BACKUP, want->type, want->path).kind;
        uint32_t import = ask(&filter, HB_DIRECTION_IMPORT, want->type, want->path).kind;
        if (backup != want->backup || import != want->import)
            fail_msg("%s: backup %u, import %u", want->path, backup, import);
    }
    stop(&filter);
}

/* The host of before has no patterns, and all else works with it. */
static void an_older_host(void **state)
{
    (void)state;
    for (int with = 0; with < 2; with++) {
        struct fake_host fake;
        struct fake_settings *settings;
        void *self;
        fake_host_init(&fake);
        fake.host.size = offsetof(struct hb_host, patterns_create);
        const char *text = with ? "names=x\npatterns=*.tmp\n" : "names=x\n";
        int status = fake_create(&fake, hb_plugin_v1(), text, &self, &settings);
        assert_int_equal(status, with ? HB_STATUS_FATAL : HB_OK);
        struct hb_plugin plugin = *hb_plugin_v1();
        assert_true(plugin.host_size <= fake.host.size);
        if (with) {
            assert_non_null(strstr(fake.message, "[test] patterns: this hbcore is too old"));
            plugin.destroy = NULL;
        }
        fake_destroy(&plugin, self, settings);
        fake_host_finish(&fake);
    }
}

static void sizes(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        uint64_t bytes;
        uint32_t kind;
    } cases[] = {{HB_TYPE_FILE, 2048, HB_VERDICT_KEEP},
                 {HB_TYPE_FILE, 2049, HB_VERDICT_LEAVE_OUT},
                 {HB_TYPE_FILE, HB_SIZE_UNKNOWN, HB_VERDICT_KEEP},
                 {HB_TYPE_DIRECTORY, 4096, HB_VERDICT_KEEP}};
    struct filter filter;
    start(&filter, "exclude-larger-than=2K\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct hb_entry entry = {.size = sizeof entry,
                                 .type = cases[i].type,
                                 .path = "a",
                                 .path_bytes = 1,
                                 .bytes = cases[i].bytes};
        struct hb_verdict verdict = {.size = sizeof verdict};
        assert_int_equal(filter.ops->verdict(filter.self, HB_DIRECTION_BACKUP, &entry, &verdict),
                         HB_OK);
        assert_int_equal(verdict.kind, cases[i].kind);
        assert_string_equal(verdict.reason,
                            cases[i].kind == HB_VERDICT_KEEP ? "" : "larger than 2K");
    }
    stop(&filter);
}

static void rules_that_never_match_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"directories=a a/b\n", "directories: \"a/b\""},
        {"root-names=a/\n", "root-names: \"a/\""},
        {"names=x/y\n", "names: \"x/y\""},
        {"private=x/.env\n", "private: "},
        {"globs=/abs/*\n", "globs: \"/abs/*\""},
        {"globs=a/\n", "globs: \"a/\""},
        {"globs=./a\n", "globs: \"./a\""},
        {"only=/abs\n", "only: \"/abs\""},
        {"only=a/../b\n", "only: \"a/../b\""},
        {"patterns=x ./a\n", "[test] patterns: \"./a\""},
        {"patterns=a[b\n", "patterns: \"a[b\""},
        {"patterns=a\\\n", "patterns: \"a\\\""},
        {"patterns=/\n", "patterns: \"/\""},
        {"patterns=!\n", "patterns: \"!\""},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fake_host fake;
        struct fake_settings *settings;
        void *self;
        fake_host_init(&fake);
        int status = fake_create(&fake, hb_plugin_v1(), wrong[i][0], &self, &settings);
        if (status != HB_STATUS_FATAL || strstr(fake.message, wrong[i][1]) == NULL)
            fail_msg("%s: status %d, \"%s\"", wrong[i][0], status, fake.message);
        /* A plugin whose create() failed has no instance to destroy. */
        struct hb_plugin none = *hb_plugin_v1();
        none.destroy = NULL;
        fake_destroy(&none, NULL, settings);
        fake_host_finish(&fake);
    }
}

static void long_paths_and_many_names(void **state)
{
    (void)state;
    /* Sets of a thousand names, and a path longer than any buffer that was reserved before. */
    char *text = malloc(32 * 1024);
    size_t at = (size_t)snprintf(text, 32 * 1024, "globs=x/y\ndirectories=");
    for (int i = 0; i < 1000; i++)
        at += (size_t)snprintf(text + at, 32 * 1024 - at, "name%d ", i);
    struct filter filter;
    start(&filter, text);
    free(text);

    size_t bytes = 200000;
    char *path = malloc(bytes + 16);
    for (size_t i = 0; i < bytes; i += 2)
        memcpy(path + i, "p/", 2);
    memcpy(path + bytes, "name", 5);
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, path).kind, HB_VERDICT_KEEP);
    memcpy(path + bytes, "name999", 8);
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, path).kind,
                     HB_VERDICT_LEAVE_OUT);
    memcpy(path + bytes, "name999/z", 10);
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, path).kind,
                     HB_VERDICT_LEAVE_OUT);
    memcpy(path + bytes, "name1000", 9);
    assert_int_equal(ask(&filter, HB_DIRECTION_IMPORT, HB_TYPE_FILE, path).kind, HB_VERDICT_KEEP);
    free(path);
    for (int i = 0; i < 400000; i++) {
        char name[64];
        snprintf(name, sizeof name, "sessions/%d/name%d", i, i);
        assert_int_equal(ask(&filter, HB_DIRECTION_BACKUP, HB_TYPE_FILE, name).kind,
                         i < 1000 ? HB_VERDICT_LEAVE_OUT : HB_VERDICT_KEEP);
    }
    stop(&filter);
}

int main(void)
{
    /* As the host promises. */
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule),
        cmocka_unit_test(slashes_of_globs),
        cmocka_unit_test(only_these),
        cmocka_unit_test(private_files),
        cmocka_unit_test(defaults_keep_everything),
        cmocka_unit_test(patterns),
        cmocka_unit_test(an_older_host),
        cmocka_unit_test(sizes),
        cmocka_unit_test(rules_that_never_match_are_refused),
        cmocka_unit_test(long_paths_and_many_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
