/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows were begun: what is marked comes back, and half a line is none. */
#include "base/memory.h"
#include "restore/begun.h"
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static struct hb_stage stage_in(const char *directory)
{
    struct hb_stage stage = HB_STAGE_NONE;
    stage.fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return stage;
}

static void test_marks(void **state)
{
    struct hb_stage stage = stage_in(*state);
    struct hb_begun begun, left;
    assert_int_equal(hb_begun_read(stage.fd, HB_MARK_BEGUN, &begun), 0); /* none: nothing */
    assert_false(hb_begun_has(&begun, 0));
    assert_int_equal(hb_begun_mark(&stage, HB_MARK_BEGUN, 17), 0);
    assert_int_equal(hb_begun_mark(&stage, HB_MARK_BEGUN, UINT64_MAX), 0);
    assert_int_equal(hb_begun_mark(&stage, HB_MARK_LEFT, 3), 0);
    assert_int_equal(hb_begun_read(stage.fd, HB_MARK_BEGUN, &begun), 0);
    assert_int_equal(hb_begun_read(stage.fd, HB_MARK_LEFT, &left), 0);
    assert_true(hb_begun_has(&begun, 17));
    assert_true(hb_begun_has(&begun, UINT64_MAX));
    assert_false(hb_begun_has(&begun, 3));
    assert_false(hb_begun_has(&begun, 1));
    assert_true(hb_begun_has(&left, 3));
    assert_false(hb_begun_has(&left, 17));
    assert_false(hb_begun_has(NULL, 17));
    hb_begun_clear(&begun);
    hb_begun_clear(&left);
    close(stage.fd);
}

/* The process was killed in the middle of a line; somebody wrote into the file. */
static void test_what_is_no_line(void **state)
{
    struct hb_stage stage = stage_in(*state);
    struct hb_begun begun;
    free(scratch_write(*state, "begun", "5\nx\n\n-6\n7 \n8\n9"));
    assert_int_equal(hb_begun_read(stage.fd, HB_MARK_BEGUN, &begun), 0);
    assert_int_equal(begun.count, 2);
    assert_true(hb_begun_has(&begun, 5));
    assert_true(hb_begun_has(&begun, 8));
    hb_begun_clear(&begun);
    close(stage.fd);
}

static void test_what_is_no_file(void **state)
{
    struct hb_stage stage = stage_in(*state);
    struct hb_begun begun;
    assert_int_equal(mkfifoat(stage.fd, "begun", 0600), 0);
    assert_int_equal(hb_begun_read(stage.fd, HB_MARK_BEGUN, &begun), -EBADMSG);
    hb_begun_clear(&begun);
    free(scratch_write(*state, "other", "5\n"));
    assert_int_equal(symlinkat("other", stage.fd, "left"), 0);
    assert_int_equal(hb_begun_read(stage.fd, HB_MARK_LEFT, &begun), -ELOOP);
    hb_begun_clear(&begun);
    assert_int_equal(hb_begun_mark(&stage, HB_MARK_LEFT, 3), -ELOOP);
    close(stage.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(test_marks),
        scratch_test(test_what_is_no_line),
        scratch_test(test_what_is_no_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
