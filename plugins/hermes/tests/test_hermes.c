/* SPDX-License-Identifier: Apache-2.0 */
#include "alias.h"
#include "fake_host.h"
#include "jobs.h"
#include "text.h"

#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static void counts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int count; /* -1: unknown */
    } cases[] = {
        {"{\"jobs\": [1, {}, \"x\"]}", 3},
        {"{\"jobs\": []}", 0},
        {"{}", 0},
        {"[]", 0},
        {"[{\"id\": 1}, {\"id\": 2}]", 2},
        {" \n{\"version\": 2, \"jobs\": [[]]}\n", 1},
        {"{\"jobs\": [12345678901234567890123]}", 1},
        {"{\"jobs\": [\"\\u0000\"]}", 1},
        {"{\"jobs\": null}", -1},
        {"{\"jobs\": {}}", -1},
        {"{\"jobs\": 3}", -1},
        {"{\"jobs\": \"[]\"}", -1},
        {"null", -1},
        {"7", -1},
        {"\"jobs\"", -1},
        {"", -1},
        {"{\"jobs\": [1", -1},
        {"{\"jobs\": []} x", -1},
        {"[1,]", -1},
        {"[\"\xff\"]", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t count = 0;
        char reason[200] = "";
        bool known =
            jobs_count(cases[i].text, strlen(cases[i].text), "jobs", &count, reason, sizeof reason);
        int found = known ? (int)count : -1;
        if (found != cases[i].count)
            fail_msg("%s: %d, not %d", cases[i].text, found, cases[i].count);
        assert_int_equal(known, *reason == '\0');
    }
}

static void words(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/usr/bin/hermes", "/usr/bin/hermes"},
        {"", "''"},
        {"a b", "'a b'"},
        {"it's", "'it'\"'\"'s'"},
        {"$x", "'$x'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        HERMES_AUTO_FREE char *quoted = hermes_quoted(cases[i][0]);
        assert_string_equal(quoted, cases[i][1]);
    }
    HERMES_AUTO_FREE char *shown = hermes_printable("\xc3\xa4 \x1b[\xff\xc3");
    assert_string_equal(shown, "\xc3\xa4 \\x1B[\\xFF\\xC3");
}

/* ---- guard, with a fake host --------------------------------------------------------- */

static void put(const struct fake_host *fake, const char *path, const char *text)
{
    char full[512];
    snprintf(full, sizeof full, "%s/%s", fake->home, path);
    for (char *slash = strchr(full + strlen(fake->home) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_live(const struct fake_host *fake, const char *text)
{
    char full[512], found[512] = "";
    snprintf(full, sizeof full, "%s/cron/jobs.json", fake->home);
    FILE *file = fopen(full, "r");
    assert_non_null(file);
    size_t bytes = fread(found, 1, sizeof found - 1, file);
    fclose(file);
    found[bytes] = '\0';
    assert_string_equal(found, text);
}

/* As the host calls it, with the snapshot s/1. */
static int run_guard(const struct hb_hook_ops *ops, void *self, bool dry_run)
{
    static const char *const operands[] = {"s/1", NULL};
    struct hb_event event = {
        .size = sizeof event, .command = "guard", .snapshot = "1", .dry_run = dry_run};
    struct hb_invocation invocation = {.size = sizeof invocation,
                                       .command = ops->commands[0],
                                       .event = &event,
                                       .operands = operands,
                                       .operand_count = 1};
    return ops->run(self, &invocation);
}

static void guard(void **state)
{
    (void)state;
    static const char saved[] = "{\"jobs\": [1, 2]}\n";
    static const struct {
        const char *settings, *live;
        bool dry_run, restored;
    } cases[] = {
        {"", "{\"jobs\": []}", false, true},
        {"", "{\"jobs\": []}", true, false},
        {"", "{\"jobs\": [1]}", false, false},
        {"when=fewer\n", "{\"jobs\": [1]}", false, true},
        {"when=fewer\n", "{\"jobs\": [1, 3]}", false, false},
        {"when=fewer\n", "{\"jobs\": null}", false, false},
        {"jobs-member=other\n", "{\"jobs\": []}", false, false}, /* the saved one has none */
    };
    const struct hb_plugin *plugin = hb_plugin_v1();
    const struct hb_hook_ops *ops = plugin->ops;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fake_host fake;
        struct fake_settings *settings;
        void *self;
        fake_host_init(&fake);
        assert_int_equal(fake_create(&fake, plugin, cases[i].settings, &self, &settings), HB_OK);
        put(&fake, "cron/jobs.json", cases[i].live);
        put(&fake, "s/1/cron/jobs.json", saved);
        assert_int_equal(run_guard(ops, self, cases[i].dry_run), HB_OK);
        assert_live(&fake, cases[i].restored ? saved : cases[i].live);
        fake_destroy(plugin, self, settings);
        fake_host_finish(&fake);
    }
}

/* A program writes to the file between the comparison and the publishing. */
static int stage_while_written(const struct hb_host *host, const char *name, struct hb_file *out)
{
    const struct fake_host *fake = host->self;
    put(fake, "cron/jobs.json", "{\"jobs\": [9]}");
    char path[512];
    snprintf(path, sizeof path, "%s/staged-%s", fake->stage, name);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    *out = (struct hb_file){.size = sizeof *out, .fd = fd, .path = strdup(path)};
    return fd < 0 ? HB_STATUS_ENTRY : HB_OK;
}

/* In place, no longer than before, and within the same second. */
static int stage_while_written_quickly(const struct hb_host *host, const char *name,
                                       struct hb_file *out)
{
    static const struct timespec next[] = {{1000000000, 2}, {1000000000, 2}};
    const struct fake_host *fake = host->self;
    int status = stage_while_written(host, name, out);
    char path[512];
    snprintf(path, sizeof path, "%s/cron/jobs.json", fake->home);
    return utimensat(AT_FDCWD, path, next, 0) == 0 ? status : HB_STATUS_FATAL;
}

static void expect_a_writer_goes_first(int (*stage_file)(const struct hb_host *, const char *,
                                                         struct hb_file *))
{
    static const struct timespec before[] = {{1000000000, 1}, {1000000000, 1}};
    const struct hb_plugin *plugin = hb_plugin_v1();
    const struct hb_hook_ops *ops = plugin->ops;
    struct fake_host fake;
    struct fake_settings *settings;
    void *self;
    fake_host_init(&fake);
    fake.host.stage_file = stage_file;
    assert_int_equal(fake_create(&fake, plugin, "", &self, &settings), HB_OK);
    put(&fake, "cron/jobs.json", "{\"jobs\": [ ]}"); /* as long as what the writer writes */
    char path[512];
    snprintf(path, sizeof path, "%s/cron/jobs.json", fake.home);
    assert_int_equal(utimensat(AT_FDCWD, path, before, 0), 0);
    put(&fake, "s/1/cron/jobs.json", "[1]");
    assert_int_equal(run_guard(ops, self, false), HB_STATUS_ENTRY);
    assert_non_null(strstr(fake.message, "another program"));
    assert_live(&fake, "{\"jobs\": [9]}");
    fake_destroy(plugin, self, settings);
    fake_host_finish(&fake); /* fails if the staged file was left */
}

static void guard_gives_way_to_a_writer(void **state)
{
    (void)state;
    expect_a_writer_goes_first(stage_while_written);
    expect_a_writer_goes_first(stage_while_written_quickly);
}

int main(void)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(words),
        cmocka_unit_test(guard),
        cmocka_unit_test(guard_gives_way_to_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
