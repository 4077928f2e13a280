/* SPDX-License-Identifier: Apache-2.0 */
/* Children: what goes in and comes out, how they end, and that none keeps us. */
#include "base/child.h"
#include "base/interrupt.h"
#include "base/memory.h"
#include "scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char output[4096], errors[256];

static struct hb_child child_of(const char *const *argv)
{
    return (struct hb_child){.size = sizeof(struct hb_child),
                             .argv = argv,
                             .output = output,
                             .output_room = sizeof output,
                             .errors = errors,
                             .errors_room = sizeof errors};
}

static bool never(void *context)
{
    (void)context;
    return false;
}

/* After so many looks. */
static bool soon(void *context)
{
    int *looks = context;
    return --*looks < 0;
}

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A script gets its text as a word of the shell's, for the test; no shell is used otherwise. */
#define SCRIPT(text) ((const char *const[]){"sh", "-c", (text), NULL})

static int run(struct hb_child *child, bool (*stopped)(void *context), void *context,
               struct hb_error *error)
{
    error->text[0] = '\0';
    return hb_child_run(child, stopped, context, error);
}

static void expect_ok(struct hb_child *child)
{
    struct hb_error error;
    if (run(child, never, NULL, &error) != HB_OK)
        fail_msg("%s", error.text);
}

static void test_in_and_out(void **state)
{
    (void)state;
    struct hb_child child = child_of(SCRIPT("cat; echo last words >&2; exit 7"));
    child.input = "what it reads";
    child.input_bytes = strlen(child.input);
    expect_ok(&child);
    assert_string_equal(output, "what it reads");
    assert_string_equal(errors, "last words\n");
    assert_int_equal(child.exit_status, 7);
    assert_int_equal(child.signal, 0);
    assert_int_equal(child.output_bytes, 13);
}

static void test_no_shell(void **state)
{
    (void)state;
    struct hb_child child = child_of((const char *const[]){"echo", "$HOME; exit 3", "a b", NULL});
    expect_ok(&child);
    assert_string_equal(output, "$HOME; exit 3 a b\n");
    assert_int_equal(child.exit_status, 0);
}

static void test_nothing_to_read(void **state)
{
    (void)state;
    struct hb_child child = child_of((const char *const[]){"cat", NULL});
    expect_ok(&child);
    assert_string_equal(output, "");
}

static void test_it_does_not_read(void **state)
{
    (void)state;
    HB_AUTO_FREE char *much = hb_alloc(4 << 20);
    struct hb_child child = child_of((const char *const[]){"true", NULL});
    signal(SIGPIPE, SIG_IGN); /* as hb_interrupt_install() does */
    child.input = much;
    child.input_bytes = 4 << 20;
    expect_ok(&child);
    assert_int_equal(child.exit_status, 0);
}

static void test_descriptors(void **state)
{
    (void)state;
    char *directory = scratch_new();
    HB_AUTO_FREE char *from = scratch_write(directory, "from", "by a descriptor");
    HB_AUTO_FREE char *to = scratch_write(directory, "to", "");
    HB_AUTO_CLOSE int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CLOEXEC);
    int open_for_all = open(from, O_RDONLY); /* without O_CLOEXEC: not inherited, either */
    HB_AUTO_FREE char *script =
        hb_text("cat; test ! -e /proc/self/fd/%d || echo inherited >&2", open_for_all);
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct hb_child child = child_of(argv);
    child.flags = HB_CHILD_INPUT_FD | HB_CHILD_OUTPUT_FD;
    child.input_fd = in;
    child.output_fd = out;
    expect_ok(&child);
    assert_int_equal(child.output_bytes, 0);
    assert_string_equal(errors, "");
    char text[64] = "";
    int back = open(to, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(back, text, sizeof text - 1), 15);
    assert_string_equal(text, "by a descriptor");
    close(back);
    close(open_for_all);
    close(out);
    scratch_remove(directory);
}

static void test_environment(void **state)
{
    (void)state;
    setenv("HB_TEST_OLD", "old", 1);
    setenv("HB_TEST_STAYS", "stays", 1);
    struct hb_child child = child_of(SCRIPT("echo $HB_TEST_OLD $HB_TEST_STAYS $HB_TEST_NEW"));
    child.environment = (const char *const[]){"HB_TEST_OLD=new", "HB_TEST_NEW=there", NULL};
    expect_ok(&child);
    assert_string_equal(output, "new stays there\n");
}

/* The first of the output, the last of the errors, and what does not fit is counted. */
static void test_flood(void **state)
{
    (void)state;
    struct hb_child child =
        child_of(SCRIPT("head -c 3000000 /dev/zero | tr '\\0' x; echo end;"
                        "(head -c 500000 /dev/zero | tr '\\0' y; echo why) >&2"));
    expect_ok(&child);
    assert_int_equal(child.output_bytes, 3000004);
    assert_int_equal(strlen(output), sizeof output - 1);
    assert_int_equal(output[0], 'x');
    assert_int_equal(child.errors_bytes, 500004);
    assert_int_equal(strlen(errors), sizeof errors - 1);
    assert_string_equal(errors + sizeof errors - 1 - 5, "ywhy\n");
    child = (struct hb_child){.size = sizeof child, .argv = SCRIPT("echo unheard; echo so >&2")};
    expect_ok(&child); /* no room at all */
    assert_int_equal(child.output_bytes, 8);
}

static void test_signal(void **state)
{
    (void)state;
    struct hb_child child = child_of(SCRIPT("kill -9 $$"));
    expect_ok(&child);
    assert_int_equal(child.exit_status, -1);
    assert_int_equal(child.signal, SIGKILL);
}

static void test_not_started(void **state)
{
    (void)state;
    struct hb_error error;
    struct hb_child child = child_of((const char *const[]){"hb-no-such-program", NULL});
    assert_int_equal(run(&child, never, NULL, &error), HB_STATUS_ENTRY);
    assert_contains(error.text, "hb-no-such-program: cannot be started: No such file");
    child = child_of((const char *const[]){"/etc/passwd", NULL});
    assert_int_equal(run(&child, never, NULL, &error), HB_STATUS_ENTRY);
    assert_contains(error.text, "Permission denied");
}

static void test_too_long(void **state)
{
    (void)state;
    struct hb_error error;
    struct hb_child child = child_of((const char *const[]){"sleep", "100", NULL});
    child.timeout_ms = 50;
    int64_t began = milliseconds();
    assert_int_equal(run(&child, never, NULL, &error), HB_STATUS_ENTRY);
    assert_contains(error.text, "sleep: took too long, and was stopped");
    assert_true(milliseconds() - began < 2000); /* SIGTERM is enough */
}

/* And its own children with it. They say when they are deaf, so that nothing depends on time. */
static void test_deaf_to_sigterm(void **state)
{
    (void)state;
    struct hb_error error;
    struct hb_child child = child_of(SCRIPT("trap '' TERM; sh -c 'echo $$; while :; do sleep 1; "
                                            "done' & wait; while :; do sleep 1; done"));
    int looks = 0;
    child.timeout_ms = 300;
    int64_t began = milliseconds();
    assert_int_equal(run(&child, never, &looks, &error), HB_STATUS_ENTRY);
    int64_t took = milliseconds() - began;
    assert_true(took >= 2000 && took < 10000);
    int inner = atoi(output);
    assert_true(inner > 0);
    for (int i = 0; i < 500 && kill(inner, 0) == 0; i++) /* until somebody has reaped it */
        poll(NULL, 0, 10);
    HB_AUTO_FREE char *path = hb_text("/proc/%d/stat", inner);
    char text[200] = "";
    HB_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof text - 1) > 0)
        assert_contains(text, ") Z "); /* dead, and nobody's child */
}

static void test_stopped(void **state)
{
    (void)state;
    struct hb_error error;
    struct hb_child child = child_of((const char *const[]){"sleep", "100", NULL});
    int looks = 1;
    assert_int_equal(run(&child, soon, &looks, &error), HB_STATUS_CANCELLED);
    assert_contains(error.text, "sleep: was stopped");
}

/* Who has gone its own way holds the pipes open; nobody waits for it. */
static void test_what_it_leaves_behind(void **state)
{
    (void)state;
    struct hb_child child = child_of(SCRIPT("setsid sleep 30 & echo $!"));
    int64_t began = milliseconds();
    expect_ok(&child);
    assert_true(milliseconds() - began < 10000);
    assert_true(atoi(output) > 0);
    kill(atoi(output), SIGKILL);
}

/* Where SIGCHLD is ignored, the kernel reaps: how it ended is not known, which is no success. */
static void test_ignored_sigchld(void **state)
{
    (void)state;
    struct hb_error error;
    struct hb_child child = child_of((const char *const[]){"true", NULL});
    signal(SIGCHLD, SIG_IGN);
    int status = run(&child, never, NULL, &error);
    signal(SIGCHLD, SIG_DFL);
    assert_int_equal(status, HB_STATUS_ENTRY);
    assert_contains(error.text, "nobody knows how it ended");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_and_out),
        cmocka_unit_test(test_no_shell),
        cmocka_unit_test(test_nothing_to_read),
        cmocka_unit_test(test_it_does_not_read),
        cmocka_unit_test(test_descriptors),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_not_started),
        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_deaf_to_sigterm),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_what_it_leaves_behind),
        cmocka_unit_test(test_ignored_sigchld),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
