/* SPDX-License-Identifier: Apache-2.0 */
/* Services for plugins that no command of the suite uses: secrets, directories beneath, clocks. */
#include "base/memory.h"
#include "config/section.h"
#include "host/failure.h"
#include "host/services.h"
#include "plugin/loader.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct test {
    struct hb_run run;
    struct hb_instance instance;
    struct hb_plugin plugin;
    struct hb_section section;
    char *directory;
    const struct hb_host *host;
};

static int set_up(void **state)
{
    struct test *test = hb_alloc(sizeof *test);
    hb_run_init(&test->run, NULL);
    test->plugin = (struct hb_plugin){.size = sizeof test->plugin, .name = "odd"};
    test->section.name = "store:far";
    test->instance.run = &test->run;
    test->instance.plugin = &test->plugin;
    test->instance.section = &test->section;
    hb_services_fill(&test->instance);
    test->host = &test->instance.host;
    test->directory = scratch_new();
    test->run.home.fd = open(test->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    test->run.home.path = hb_copy_text(test->directory);
    *state = test;
    return 0;
}

static int tear_down(void **state)
{
    struct test *test = *state;
    hb_run_clear(&test->run);
    scratch_remove(test->directory);
    free(test);
    return 0;
}

/* ---- secrets -------------------------------------------------------------------------------- */

static void expect_secret(struct test *test, const char *text, const char *secret)
{
    struct hb_secret got;
    if (test->host->secret(test->host, "token", text, &got) != HB_OK)
        fail_msg("%s: %s", text, hb_failure_of(&test->run)->text);
    assert_string_equal(got.text, secret);
    assert_int_equal(got.bytes, strlen(secret));
    test->host->secret_release(test->host, &got);
    assert_null(got.text);
}

static void expect_none(struct test *test, const char *text, const char *why)
{
    struct hb_secret got;
    assert_int_equal(test->host->secret(test->host, "token", text, &got), HB_STATUS_ENTRY);
    assert_null(got.text);
    assert_contains(hb_failure_of(&test->run)->text, "[store:far] token: ");
    assert_contains(hb_failure_of(&test->run)->text, why);
}

static void test_secret_texts(void **state)
{
    struct test *test = *state;
    expect_secret(test, "s3cret", "s3cret");
    expect_secret(test, "text:file:not-one", "file:not-one");
    expect_secret(test, "", "");
    setenv("HB_TEST_SECRET", "from there", 1);
    expect_secret(test, "env:HB_TEST_SECRET", "from there");
    unsetenv("HB_TEST_SECRET");
    expect_none(test, "env:HB_TEST_SECRET", "the environment has no HB_TEST_SECRET");
}

static void test_secret_files(void **state)
{
    struct test *test = *state;
    HB_AUTO_FREE char *path = scratch_write(test->directory, "token", "from a file\r\n");
    HB_AUTO_FREE char *text = hb_text("file:%s", path);
    chmod(path, 0600);
    expect_secret(test, text, "from a file");
    assert_int_equal(test->run.report.count, 0);
    chmod(path, 0640);
    expect_secret(test, text, "from a file");
    expect_secret(test, text, "from a file");
    assert_int_equal(test->run.report.count, 1); /* said once */
    assert_int_equal(test->run.report.findings[0].kind, HB_FOUND_NOTE);
    assert_contains(test->run.report.findings[0].reason, "others can read this secret (mode 0640)");
    assert_null(strstr(test->run.report.findings[0].reason, "from a file"));
    HB_AUTO_FREE char *lines = scratch_write(test->directory, "lines", "two\nlines\n\n");
    HB_AUTO_FREE char *both = hb_text("file:%s", lines);
    expect_secret(test, both, "two\nlines\n");
    expect_none(test, "file:relative", "relative: the path of a secret is absolute");
    expect_none(test, "file:/nowhere/token", "/nowhere/token: cannot be opened: No such file");
    HB_AUTO_FREE char *directory = hb_text("file:%s", test->directory);
    expect_none(test, directory, "is not a regular file");
    HB_AUTO_FREE char *nothing = scratch_write(test->directory, "empty", "\n");
    HB_AUTO_FREE char *empty = hb_text("file:%s", nothing);
    expect_none(test, empty, "empty: is empty");
    HB_AUTO_FREE char *large = hb_text("%70000s", "x");
    HB_AUTO_FREE char *long_file = scratch_write(test->directory, "long", large);
    HB_AUTO_FREE char *too_long = hb_text("file:%s", long_file);
    expect_none(test, too_long, "is longer than 65536 bytes");
    expect_none(test, large, "is longer than 65536 bytes");
}

static void test_secret_commands(void **state)
{
    struct test *test = *state;
    expect_secret(test, "command:echo \"two words\"", "two words");
    expect_secret(test, "command:sh -c \"printf '%s' $HOME\" ", getenv("HOME"));
    expect_none(test, "command:hb-no-such-program", "cannot be started: No such file");
    expect_none(test, "command:", "there is no program");
    expect_none(test, "command:echo \"open", "its command is not valid");
    expect_none(test, "command:sh -c \"echo s3cret; echo one >&2; echo locked >&2; exit 4\"",
                "sh: exit status 4: locked");
    assert_null(strstr(hb_failure_of(&test->run)->text, "s3cret"));
    expect_none(test, "command:false", "false: exit status 1");
    assert_null(strstr(hb_failure_of(&test->run)->text, "status 1:"));
    expect_none(test, "command:sh -c \"kill -9 $$\"", "sh: ended by signal 9");
    expect_none(test, "command:true", "true: is empty");
    expect_none(test, "command:head -c 1000000 /dev/zero", "head: is longer than 65536 bytes");
}

/* ---- beneath -------------------------------------------------------------------------------- */

struct names {
    char text[400];
    uint32_t types;
    const char *end_at;
};

static int add_name(void *context, const char *name, uint32_t type)
{
    struct names *names = context;
    size_t used = strlen(names->text);
    snprintf(names->text + used, sizeof names->text - used, "%s ", name);
    names->types |= 1u << type;
    return names->end_at != NULL && strcmp(names->end_at, name) == 0 ? 77 : 0;
}

static void test_listing(void **state)
{
    struct test *test = *state;
    const struct hb_host *host = test->host;
    HB_AUTO_FREE char *inner = scratch_path(test->directory, "in");
    mkdir(inner, 0700);
    free(scratch_write(test->directory, "in/file", ""));
    assert_int_equal(symlinkat("/etc", test->run.home.fd, "away"), 0);
    assert_int_equal(symlinkat("in", test->run.home.fd, "stays"), 0);
    struct names names = {.text = ""};
    assert_int_equal(host->list_beneath(host, HB_BENEATH_HOME, "", add_name, &names), HB_OK);
    assert_contains(names.text, "in ");
    assert_contains(names.text, "away ");
    assert_int_equal(names.types, 1u << HB_TYPE_DIRECTORY | 1u << HB_TYPE_SYMLINK);
    names = (struct names){.text = ""};
    assert_int_equal(host->list_beneath(host, test->run.home.fd, "in", add_name, &names), HB_OK);
    assert_string_equal(names.text, "file ");
    names.end_at = "file";
    assert_int_equal(host->list_beneath(host, HB_BENEATH_HOME, "in", add_name, &names), 77);
    static const char *const not [] = {"away", "stays", "in/file", "none", "..", "../in", "/etc"};
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        if (host->list_beneath(host, HB_BENEATH_HOME, not [i], add_name, &names) != HB_STATUS_ENTRY)
            fail_msg("%s was listed", not [i]);
    assert_int_equal(host->list_beneath(host, HB_BENEATH_HOME, "none", add_name, &names),
                     HB_STATUS_ENTRY);
    assert_int_equal(host->cause(host), HB_CAUSE_NOT_FOUND);
}

static bool is_there(const struct test *test, const char *name)
{
    struct stat status;
    return fstatat(test->run.home.fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static void test_unlinking(void **state)
{
    struct test *test = *state;
    const struct hb_host *host = test->host;
    int home = test->run.home.fd;
    char *outside = scratch_new();
    free(scratch_write(outside, "kept", ""));
    assert_int_equal(symlinkat(outside, home, "away"), 0);
    assert_int_equal(mkdirat(home, "in", 0700), 0);
    free(scratch_write(test->directory, "in/one", ""));
    free(scratch_write(test->directory, "in/two", ""));
    static const char *const not [] = {"away/kept", "in", "in/../in/one", "", ".", "in/", "none"};
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        if (host->unlink_beneath(host, HB_BENEATH_HOME, not [i]) != HB_STATUS_ENTRY)
            fail_msg("%s was removed", not [i]);
    assert_true(is_there(test, "in/one"));
    assert_int_equal(host->unlink_beneath(host, HB_BENEATH_HOME, "in/one"), HB_OK);
    HB_AUTO_CLOSE int in = openat(home, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(host->unlink_beneath(host, in, "two"), HB_OK);
    assert_int_equal(host->unlink_beneath(host, HB_BENEATH_HOME, "in"), HB_OK);
    assert_int_equal(host->unlink_beneath(host, HB_BENEATH_HOME, "away"), HB_OK); /* the link */
    assert_false(is_there(test, "in") || is_there(test, "away"));
    HB_AUTO_FREE char *kept = scratch_path(outside, "kept");
    assert_int_equal(access(kept, F_OK), 0);
    scratch_remove(outside);
}

/* ---- staged directories --------------------------------------------------------------------- */

static void test_staged_directories(void **state)
{
    struct test *test = *state;
    const struct hb_host *host = test->host;
    struct hb_file one, two;
    struct stat status;
    test->run.stage_on_demand = true;
    assert_int_equal(host->stage_directory(host, "work", &one), HB_OK);
    assert_int_equal(host->stage_directory(host, "work", &two), HB_OK);
    assert_int_equal(fstat(one.fd, &status), 0);
    assert_true(S_ISDIR(status.st_mode));
    assert_int_equal(status.st_mode & 07777, 0700);
    assert_int_equal(mkdirat(one.fd, "deep", 0700), 0);
    free(scratch_write(one.path, "deep/file", "x"));
    HB_AUTO_FREE char *first = hb_copy_text(one.path), *second = hb_copy_text(two.path);
    assert_int_equal(host->publish(host, &one, "not-a-file", 0600), HB_STATUS_ENTRY);
    host->stage_release(host, &one);
    assert_int_equal(access(first, F_OK), -1);
    assert_int_equal(access(second, F_OK), 0);
    free(scratch_write(two.path, "left", "x")); /* which goes with the run */
    close(two.fd);
    free(two.reserved);
    free((void *)(uintptr_t)two.path);
    hb_run_close_stage(&test->run, &test->run.stage, HB_OK);
    assert_int_equal(access(second, F_OK), -1);
    assert_int_equal(test->run.report.count, 0);
}

/* ---- clocks, and the rest ------------------------------------------------------------------- */

static void test_clocks(void **state)
{
    struct test *test = *state;
    const struct hb_host *host = test->host;
    struct timespec one, two;
    assert_int_equal(host->clock(host, HB_CLOCK_STEADY, &one), HB_OK);
    assert_int_equal(host->clock(host, HB_CLOCK_STEADY, &two), HB_OK);
    assert_true(two.tv_sec > one.tv_sec ||
                (two.tv_sec == one.tv_sec && two.tv_nsec >= one.tv_nsec));
    setenv("SOURCE_DATE_EPOCH", "1000000000", 1);
    assert_int_equal(host->clock(host, HB_CLOCK_WALL, &one), HB_OK);
    assert_int_equal(one.tv_sec, 1000000000);
    assert_int_equal(one.tv_nsec, 0);
    setenv("SOURCE_DATE_EPOCH", "99999999999", 1); /* later than now: now */
    assert_int_equal(host->clock(host, HB_CLOCK_WALL, &one), HB_OK);
    assert_true(one.tv_sec > 1000000000 && one.tv_sec < 99999999999);
    unsetenv("SOURCE_DATE_EPOCH");
    assert_int_equal(host->clock(host, HB_CLOCK_WALL, &two), HB_OK);
    assert_true(two.tv_sec >= one.tv_sec);
    assert_int_equal(host->clock(host, 3, &one), HB_STATUS_ENTRY);
    assert_contains(hb_failure_of(&test->run)->text, "no clock 3");
}

static void test_what_is_unknown(void **state)
{
    struct test *test = *state;
    const struct hb_host *host = test->host;
    assert_int_equal(host->fail_as(host, HB_STATUS_ENTRY, 77, NULL, "why"), HB_STATUS_ENTRY);
    assert_int_equal(host->cause(host), HB_CAUSE_NONE);
    host->fail_as(host, HB_STATUS_ENTRY, HB_CAUSE_EXISTS, NULL, "why");
    assert_int_equal(host->cause(host), HB_CAUSE_EXISTS);
    struct hb_child child = {
        .size = sizeof child, .flags = 8, .argv = (const char *const[]){"true", NULL}};
    assert_int_equal(host->run_child(host, &child), HB_STATUS_ENTRY);
    assert_contains(hb_failure_of(&test->run)->text, "flags that are unknown");
    child = (struct hb_child){.size = sizeof child, .argv = (const char *const[]){NULL}};
    assert_int_equal(host->run_child(host, &child), HB_STATUS_ENTRY);
    assert_int_equal(host->dry_run(host), 0);
    test->run.dry_run = true;
    assert_int_equal(host->dry_run(host), 1);
    struct hb_file file;
    test->run.stage_on_demand = true;
    assert_int_equal(host->stage_file(host, "f", &file), HB_OK);
    assert_int_equal(host->publish(host, &file, "f", 0100644), HB_STATUS_ENTRY);
    assert_contains(hb_failure_of(&test->run)->text, "its mode 0100644 is none");
    host->stage_release(host, &file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_secret_texts), TEST(test_secret_files),    TEST(test_secret_commands),
        TEST(test_listing),      TEST(test_unlinking),       TEST(test_staged_directories),
        TEST(test_clocks),       TEST(test_what_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
