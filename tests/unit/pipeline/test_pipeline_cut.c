/* SPDX-License-Identifier: Apache-2.0 */
/* Where small files that share a unit are cut from each other. */
#include "base/memory.h"
#include "pipeline/pipeline_cut.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

enum { MOST = 4000, UNIT = 100000, OVERHEAD = 50 };

static const struct hb_unit_policy spanning = {
    .size = sizeof spanning, .unit_bytes = UNIT, .spans = 1, .overhead = OVERHEAD};

static struct hb_plan new_plan(void)
{
    return (struct hb_plan){.count = 0};
}

static void add(struct hb_plan *plan, uint64_t number, uint64_t bytes)
{
    char name[24];
    struct hb_planned planned = {.parent = UINT32_MAX, .bytes = bytes, .type = HB_TYPE_FILE};
    hb_plan_set_common(plan, &planned, &(struct hb_plan_common){0});
    planned.name_bytes = (uint32_t)snprintf(name, sizeof name, "f%llu", (unsigned long long)number);
    hb_plan_add(plan, &planned, name);
}

/* A plan does not change: the same once more, but for one entry. */
static void change(struct hb_plan *plan, size_t index, uint8_t type, uint64_t bytes,
                   uint16_t content)
{
    struct hb_plan changed = new_plan();
    for (size_t i = 0; i < plan->count; i++) {
        struct hb_planned planned = hb_plan_entry(plan, i);
        struct hb_plan_common common = *hb_plan_common(plan, &planned);
        planned.type = i == index ? type : planned.type;
        planned.bytes = i == index ? bytes : planned.bytes;
        common.content = i == index ? content : common.content;
        hb_plan_set_common(&changed, &planned, &common);
        hb_plan_add(&changed, &planned, plan->names + planned.name);
    }
    hb_plan_clear(plan);
    *plan = changed;
}

static size_t cut(const struct hb_plan *plan, size_t first)
{
    return hb_item_entries(plan, &spanning, first, plan->count);
}

static void test_what_stands_alone(void **state)
{
    struct hb_unit_policy alone = spanning;
    struct hb_plan plan = new_plan();
    (void)state;
    alone.spans = 0;
    add(&plan, 0, 10);
    add(&plan, 1, 10);
    add(&plan, 2, 10);
    assert_int_equal(hb_item_entries(&plan, &alone, 0, 3), 1);
    change(&plan, 0, HB_TYPE_FILE, 10, 1); /* claimed */
    assert_int_equal(cut(&plan, 0), 1);
    change(&plan, 0, HB_TYPE_FILE, UNIT / 2 + 1, 0);
    assert_int_equal(cut(&plan, 0), 1);
    hb_plan_clear(&plan);
}

/* Names of which none ends an item, so that only the rest decides. */
static void add_quiet(struct hb_plan *plan, size_t count, uint64_t bytes)
{
    uint64_t number = 0;
    while (count > 0) {
        struct hb_plan trial = new_plan();
        add(&trial, number, UNIT / 2); /* filled enough for every rule */
        add(&trial, 1u << 20, 1);
        if (cut(&trial, 0) == 2) {
            add(plan, number, bytes);
            count--;
        }
        number++;
        hb_plan_clear(&trial);
    }
}

static void test_an_item_is_filled(void **state)
{
    struct hb_plan plan = new_plan();
    (void)state;
    add_quiet(&plan, 12, UNIT / 10 - OVERHEAD); /* ten fit, to the byte */
    assert_int_equal(cut(&plan, 0), 10);
    assert_int_equal(cut(&plan, 5), 7);
    change(&plan, 9, HB_TYPE_FILE, UNIT / 10 - OVERHEAD + 1, 0);
    assert_int_equal(cut(&plan, 0), 9);
    assert_int_equal(hb_item_entries(&plan, &spanning, 0, 4), 4); /* no further than it may look */
    change(&plan, 3, HB_TYPE_FILE, UNIT / 2 + 1, 0); /* a big one, or a claimed one, ends an item */
    assert_int_equal(cut(&plan, 0), 3);
    change(&plan, 3, HB_TYPE_FILE, 10, 0);
    change(&plan, 2, HB_TYPE_FILE, 10, 1);
    assert_int_equal(cut(&plan, 0), 2);
    for (size_t i = 0; i < plan.count; i++)
        change(&plan, i, HB_TYPE_DIRECTORY, UNIT, 0); /* its size is nothing that is stored */
    assert_int_equal(cut(&plan, 0), plan.count);
    hb_plan_clear(&plan);
}

static size_t cuts_of(const struct hb_plan *plan, uint64_t *starts)
{
    size_t count = 0;
    for (size_t at = 0; at < plan->count; at += cut(plan, at))
        starts[count++] = at;
    return count;
}

/* Another file at the front, and some way behind it the cuts are the same as before. */
static void test_a_change_stays_near(void **state)
{
    static uint64_t before[MOST], after[MOST];
    struct hb_plan plan = new_plan(), grown = new_plan();
    (void)state;
    add(&grown, 999999, UNIT / 5);
    for (uint64_t i = 0; i < MOST - 1; i++) {
        add(&plan, i, 500);
        add(&grown, i, 500);
    }
    size_t count = cuts_of(&plan, before), grown_count = cuts_of(&grown, after), same = 0;
    for (size_t i = 0, j = 0; i < count && j < grown_count;) {
        same += before[i] + 1 == after[j];
        if (before[i] + 1 < after[j])
            i++;
        else
            j++;
    }
    assert_true(count > 20 && count < MOST / 10);
    if (same < count - 8)
        fail_msg("of %zu cuts %zu are the same", count, same);
    for (size_t i = 1; i < count; i++) /* a little is in each: an eighth, if no rare path comes */
        assert_true((before[i] - before[i - 1]) * 550 >= UNIT / 64);
    hb_plan_clear(&plan);
    hb_plan_clear(&grown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_stands_alone),
        cmocka_unit_test(test_an_item_is_filled),
        cmocka_unit_test(test_a_change_stays_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
