/* SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "pipeline/plan.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

enum { MANY = 200000 };

static struct hb_planned planned_of(size_t i, char *name)
{
    return (struct hb_planned){
        .parent = i % 3 == 0 ? UINT32_MAX : (uint32_t)(i % 2),
        .common = (uint32_t)(i % 11),
        .name_bytes = (uint32_t)snprintf(name, 40, "file-%zu-of-many", i),
        .type = (uint8_t)(1 + i % 4),
        .flags = (uint8_t)(i % 8),
        .bytes = i % 13 == 0 ? UINT64_MAX >> 1 : i,
        .inode = i % 17 == 0 ? UINT64_MAX : 5000000 + i,
        .mtime_seconds = i % 19 == 0 ? INT64_MIN : 1700000000,
        .mtime_nanoseconds = (uint32_t)(i * 7919 % 1000000000),
        .ctime_seconds = i % 23 == 0 ? INT64_MAX : 1700000001,
        .ctime_nanoseconds = (uint32_t)(i * 104729 % 1000000000),
    };
}

static void assert_entry(const struct hb_plan *plan, size_t i)
{
    char name[40];
    struct hb_planned expected = planned_of(i, name), found = hb_plan_entry(plan, i);
    assert_int_equal(found.index, i);
    assert_int_equal(found.parent, expected.parent);
    assert_int_equal(found.common, expected.common);
    assert_int_equal(found.type, expected.type);
    assert_int_equal(found.flags, expected.flags);
    assert_true(found.bytes == expected.bytes && found.inode == expected.inode);
    assert_true(found.mtime_seconds == expected.mtime_seconds);
    assert_true(found.ctime_seconds == expected.ctime_seconds);
    assert_int_equal(found.mtime_nanoseconds, expected.mtime_nanoseconds);
    assert_int_equal(found.ctime_nanoseconds, expected.ctime_nanoseconds);
    HB_AUTO_FREE char *path = hb_plan_path(plan, &found);
    HB_AUTO_FREE char *whole = hb_text("%s%s",
                                       expected.parent == UINT32_MAX ? ""
                                       : expected.parent == 0        ? "top/"
                                                                     : "top/in/",
                                       name);
    assert_string_equal(path, whole);
}

/* All of each entry comes back, whatever it is, with its path; also when others were given back. */
static void test_entries_come_back(void **state)
{
    struct hb_plan plan = {.first_claimed = MANY - 3};
    (void)state;
    struct hb_plan_directory top = {.parent = UINT32_MAX, .name_bytes = 3}, in = {.name_bytes = 2};
    assert_int_equal(hb_plan_add_directory(&plan, &top, "top"), 0);
    assert_int_equal(hb_plan_add_directory(&plan, &in, "in"), 1);
    for (size_t i = 0; i < MANY; i++) {
        char name[40];
        struct hb_planned planned = planned_of(i, name);
        hb_plan_add(&plan, &planned, name);
    }
    assert_int_equal(plan.count, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_entry(&plan, i);
    for (size_t from = 0; from < MANY; from += 9973) {
        hb_plan_give_back(&plan, from);
        for (size_t i = from; i < MANY; i += 1009)
            assert_entry(&plan, i);
    }
    assert_true(plan.names_given_back > plan.name_bytes / 2);
    hb_plan_give_back(&plan, MANY - 1); /* claimed entries are never given back */
    for (size_t i = plan.first_claimed; i < MANY; i++)
        assert_entry(&plan, i);
    hb_plan_clear(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
