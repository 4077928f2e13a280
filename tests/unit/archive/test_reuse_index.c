/* SPDX-License-Identifier: Apache-2.0 */
/* What a later backup is told about an archive: it comes back as it was, and nothing else is taken.
 */
#include "archive/reuse_index.h"
#include "base/memory.h"
#include "scratch.h"

#include <endian.h>
#include <string.h>

/* Two entries that share a unit, one of three units, one of one. */
static void fill(struct hb_reuse_index *index)
{
    static const struct hb_entry entry = {.size = sizeof entry, .path = "long", .path_bytes = 4};
    struct hb_fingerprint fingerprint = {{7}};
    struct hb_unit unit = {.size = sizeof unit, .bytes = 100};
    struct hb_unit_mark mark = {.check = 11};
    *index = (struct hb_reuse_index){0};
    memset(index->key, 3, sizeof index->key);
    hb_reuse_add_unit(index, &unit, &mark, true);
    hb_reuse_add_entry(index, &entry, &fingerprint, 1);
    hb_reuse_add_entry(index, &entry, &fingerprint, 1);
    for (uint64_t i = 0; i < 3; i++) {
        mark.check = 20 + i;
        mark.hash[0] = (unsigned char)i;
        unit.note[63] = (unsigned char)(40 + i);
        unit.bytes = 1000 + i;
        hb_reuse_add_unit(index, &unit, &mark, false);
    }
    hb_reuse_add_entry(index, &entry, &fingerprint, 3);
    mark.check = 30;
    hb_reuse_add_unit(index, &unit, &mark, true);
    hb_reuse_add_entry(index, &entry, &fingerprint, 1);
}

static unsigned char *written(size_t *bytes)
{
    struct hb_reuse_index index;
    fill(&index);
    *bytes = hb_reuse_bytes(&index);
    unsigned char *data = hb_alloc(*bytes);
    hb_reuse_write(&index, data);
    hb_reuse_clear(&index);
    return data;
}

static void assert_units(const struct hb_reuse_index *index)
{
    assert_int_equal(hb_reuse_units(index, 0), 1);
    assert_int_equal(hb_reuse_units(index, 1), 1);
    assert_int_equal(hb_reuse_units(index, 2), 3);
    assert_int_equal(hb_reuse_units(index, 3), 1);
}

static void test_it_comes_back(void **state)
{
    size_t bytes;
    struct hb_reuse_index before, after;
    HB_AUTO_FREE unsigned char *data = written(&bytes);
    (void)state;
    fill(&before);
    assert_units(&before);
    assert_false(before.overflowed);
    assert_true(hb_reuse_parse(data, bytes, &after));
    assert_units(&after);
    assert_memory_equal(after.key, before.key, sizeof after.key);
    assert_int_equal(after.count, 4);
    assert_int_equal(after.unit_count, 5);
    assert_memory_equal(after.fingerprints, before.fingerprints, 4 * sizeof *after.fingerprints);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(hb_reuse_first_unit(&after, i), hb_reuse_first_unit(&before, i));
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(hb_reuse_check(&after, i), hb_reuse_check(&before, i));
    assert_int_equal(after.part_count, 3);
    assert_memory_equal(after.parts, before.parts, 3 * sizeof *after.parts);
    assert_int_equal(after.long_count, 1);
    assert_int_equal(after.long_entries[0].entry, 2);
    hb_reuse_clear(&before);
    hb_reuse_clear(&after);
}

/* Where the numbers stand, in the order of the file's comment. */
enum {
    AT_COUNTS = 32,
    AT_SHARES = 64 + 4 * 16,
    AT_LONG = AT_SHARES + 1 + 5 * 8 + 16,
};

static void put32(unsigned char *at, uint32_t number)
{
    number = htole32(number);
    memcpy(at, &number, sizeof number);
}

static void expect_refused(size_t at, uint32_t number, const char *why)
{
    size_t bytes;
    struct hb_reuse_index index;
    HB_AUTO_FREE unsigned char *data = written(&bytes);
    put32(data + at, number);
    if (hb_reuse_parse(data, bytes, &index))
        fail_msg("taken: %s", why);
    assert_null(index.checks); /* nothing of it stays */
}

static void test_what_contradicts_itself(void **state)
{
    (void)state;
    expect_refused(AT_SHARES, 3, "the first entry does not begin with the first unit");
    expect_refused(AT_SHARES, 0, "there is no such unit");
    expect_refused(AT_SHARES, 6, "an entry shares a unit and has others");
    expect_refused(AT_SHARES, 10, "an entry shares the first of another's several units");
    expect_refused(AT_SHARES, 0x12, "a bit is set that is no entry's");
    expect_refused(AT_LONG + 4, 4, "there is no unit for the last entry");
    expect_refused(AT_LONG + 4, 2, "there is a unit that no entry has");
    expect_refused(AT_LONG + 4, 1, "an entry of one unit has a row");
    expect_refused(AT_LONG + 4, 0, "an entry has no unit");
    expect_refused(AT_LONG + 4, UINT32_MAX, "there cannot be so many units");
    expect_refused(AT_LONG, 1, "the row is of another entry");
    expect_refused(AT_COUNTS, 3, "an entry is left over");
    expect_refused(AT_COUNTS, 5, "an entry is lacking");
    expect_refused(AT_COUNTS + 7, 0x7f, "there cannot be so many");
    expect_refused(AT_COUNTS + 16, 0, "a row of a long entry is lacking");
    expect_refused(AT_COUNTS + 24, 2, "a part is lacking");
}

/* Of single units, where no row of a long entry would give it away. */
static void test_units_of_nobody(void **state)
{
    struct hb_reuse_index index = {0}, found;
    struct hb_entry entry = {.size = sizeof entry, .path = "x", .path_bytes = 1};
    struct hb_unit unit = {.size = sizeof unit, .bytes = 1};
    struct hb_unit_mark mark = {.check = 1};
    struct hb_fingerprint fingerprint = {{1}};
    (void)state;
    for (int i = 0; i < 4; i++) {
        if (i < 2)
            hb_reuse_add_unit(&index, &unit, &mark, true);
        hb_reuse_add_entry(&index, &entry, &fingerprint, 1);
    }
    size_t bytes = hb_reuse_bytes(&index);
    HB_AUTO_FREE unsigned char *data = hb_alloc(bytes);
    hb_reuse_write(&index, data);
    assert_true(hb_reuse_parse(data, bytes, &found));
    hb_reuse_clear(&found);
    assert_int_equal(data[AT_SHARES], 12); /* 0, 1, 1, 1 */
    data[AT_SHARES] = 8;                   /* there are two */
    assert_false(hb_reuse_parse(data, bytes, &found));
    data[AT_SHARES] = 4;
    assert_false(hb_reuse_parse(data, bytes, &found));
    data[AT_SHARES] = 14;
    assert_false(hb_reuse_parse(data, bytes, &found));
    hb_reuse_clear(&index);
}

/* Of four units that all are parts of an entry; another one begins with the first, too. */
static void test_a_shared_unit_is_all_there_is(void **state)
{
    struct hb_reuse_index index = {0}, found;
    struct hb_entry entry = {.size = sizeof entry, .path = "x", .path_bytes = 1};
    struct hb_unit unit = {.size = sizeof unit, .bytes = 1};
    struct hb_unit_mark mark = {.check = 1};
    struct hb_fingerprint fingerprint = {{1}};
    (void)state;
    for (int i = 0; i < 4; i++)
        hb_reuse_add_unit(&index, &unit, &mark, false);
    hb_reuse_add_entry(&index, &entry, &fingerprint, 4);
    hb_reuse_add_entry(&index, &entry, &fingerprint, 1);
    size_t bytes = hb_reuse_bytes(&index), shares = 64 + 2 * 16;
    HB_AUTO_FREE unsigned char *data = hb_alloc(bytes);
    hb_reuse_write(&index, data);
    data[shares] = 2;
    assert_false(hb_reuse_parse(data, bytes, &found));
    put32(data + shares + 1 + 4 * 8 + 16, 1); /* the row says that it is the second's */
    assert_false(hb_reuse_parse(data, bytes, &found));
    hb_reuse_clear(&index);
}

static void test_another_length(void **state)
{
    size_t bytes;
    struct hb_reuse_index index;
    HB_AUTO_FREE unsigned char *data = written(&bytes);
    HB_AUTO_FREE unsigned char *longer = hb_alloc(bytes + 104);
    (void)state;
    for (size_t cut = 0; cut < bytes; cut++) {
        HB_AUTO_FREE unsigned char *part = hb_alloc(cut + 1);
        memcpy(part, data, cut);
        assert_false(hb_reuse_parse(part, cut, &index));
    }
    memcpy(longer, data, bytes);
    assert_false(hb_reuse_parse(longer, bytes + 1, &index));
    assert_false(hb_reuse_parse(longer, bytes + 104, &index));
    longer[56] = 4; /* one more part that belongs to nobody */
    assert_false(hb_reuse_parse(longer, bytes + 104, &index));
}

/* One more row for a long entry than there are long ones. */
static void test_a_row_too_many(void **state)
{
    size_t bytes;
    struct hb_reuse_index index;
    HB_AUTO_FREE unsigned char *data = written(&bytes);
    HB_AUTO_FREE unsigned char *more = hb_alloc(bytes + 24);
    size_t head = AT_LONG + 8; /* up to the end of the row that is there */
    (void)state;
    memcpy(more, data, head);
    memcpy(more + head, data + head - 24, 24);
    memcpy(more + head + 24, data + head, bytes - head);
    more[48] = 2;
    assert_false(hb_reuse_parse(more, bytes + 24, &index));
}

static void test_what_has_no_room(void **state)
{
    struct hb_reuse_index index = {0};
    struct hb_unit unit = {.size = sizeof unit, .bytes = UINT32_MAX};
    struct hb_unit_mark mark = {.check = 1};
    (void)state;
    hb_reuse_add_unit(&index, &unit, &mark, true);
    assert_false(index.overflowed);
    unit.bytes++;
    hb_reuse_add_unit(&index, &unit, &mark, true);
    assert_true(index.overflowed);
    hb_reuse_clear(&index);
}

/* Room for all, and for fewer than come. */
static void test_room_that_was_reserved(void **state)
{
    struct hb_reuse_index index = {0};
    struct hb_entry entry = {.size = sizeof entry, .path = "x", .path_bytes = 1};
    struct hb_unit unit = {.size = sizeof unit, .bytes = 1};
    struct hb_fingerprint fingerprint = {{1}};
    (void)state;
    hb_reuse_reserve(&index, 2, 2);
    for (uint64_t i = 0; i < 1000; i++) {
        struct hb_unit_mark mark = {.check = i};
        hb_reuse_add_unit(&index, &unit, &mark, true);
        hb_reuse_add_entry(&index, &entry, &fingerprint, 1);
    }
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(hb_reuse_first_unit(&index, i), i);
        assert_int_equal(hb_reuse_check(&index, i), i);
    }
    hb_reuse_clear(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_comes_back),
        cmocka_unit_test(test_what_contradicts_itself),
        cmocka_unit_test(test_units_of_nobody),
        cmocka_unit_test(test_a_shared_unit_is_all_there_is),
        cmocka_unit_test(test_another_length),
        cmocka_unit_test(test_a_row_too_many),
        cmocka_unit_test(test_what_has_no_room),
        cmocka_unit_test(test_room_that_was_reserved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
