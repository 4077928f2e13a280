/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a time of change is believed. */
#include "files/system_kind.h"
#include "scratch.h"
#include <sys/vfs.h>

static uint32_t kind; /* of all file systems, as the kernel says it */

int fstatfs(int fd, struct statfs *system)
{
    *system = (struct statfs){.f_type = (__fsword_t)kind};
    return fd < 0 ? -1 : 0;
}

static void test_times_of_change(void **state)
{
    const struct stat alike = {.st_mtim = {100, 5}, .st_ctim = {100, 5}};
    const struct stat own = {.st_mtim = {100, 5}, .st_ctim = {100, 6}};
    const struct stat later = {.st_mtim = {100, 5}, .st_ctim = {101, 5}};
    (void)state;
    assert_int_equal(hb_change_times_of(-1), HB_CHANGE_TIMES_NONE); /* it cannot be told */
    assert_true(hb_change_time_tells(HB_CHANGE_TIMES_KEPT, &alike));
    assert_true(hb_change_time_tells(HB_CHANGE_TIMES_KEPT, &own));
    assert_false(hb_change_time_tells(HB_CHANGE_TIMES_PERHAPS, &alike));
    assert_true(hb_change_time_tells(HB_CHANGE_TIMES_PERHAPS, &own));
    assert_true(hb_change_time_tells(HB_CHANGE_TIMES_PERHAPS, &later));
    assert_false(
        hb_change_time_tells(HB_CHANGE_TIMES_NONE, &later)); /* kept until the next mount */
}

static void test_which_keep_times_of_change(void **state)
{
    static const struct {
        uint32_t kind;
        enum hb_change_times kept;
    } systems[] = {
        {0xef53, HB_CHANGE_TIMES_KEPT},        /* ext4 */
        {0x4d44, HB_CHANGE_TIMES_NONE},        /* FAT */
        {0x2011bab0, HB_CHANGE_TIMES_NONE},    /* exFAT */
        {0x65735546, HB_CHANGE_TIMES_PERHAPS}, /* FUSE: whatever lies behind it */
        {0xff534d42, HB_CHANGE_TIMES_PERHAPS}, /* CIFS */
    };
    (void)state;
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++) {
        kind = systems[i].kind;
        assert_int_equal(hb_change_times_of(0), systems[i].kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_keep_times_of_change),
        cmocka_unit_test(test_times_of_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
