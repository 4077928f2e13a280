/* SPDX-License-Identifier: Apache-2.0 */
/* Each thing that makes an entry another one changes its fingerprint. */
#include "archive/fingerprint.h"
#include "scratch.h"

#include <hbcore/content.h>
#include <string.h>

/* As the index for reuse compares them: one that is not set equals none. */
static bool are_equal(const struct hb_fingerprint *one, const struct hb_fingerprint *other)
{
    return hb_fingerprint_is_set(one) && memcmp(one, other, sizeof *one) == 0;
}

static struct hb_entry usual_entry(void)
{
    return (struct hb_entry){.size = sizeof(struct hb_entry),
                             .type = HB_TYPE_FILE,
                             .path = "a/b",
                             .path_bytes = 3,
                             .bytes = 7,
                             .mtime = {.tv_sec = 1000, .tv_nsec = 5},
                             .mode = 0640,
                             .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME,
                             .uid = 1000,
                             .gid = 100};
}

static struct hb_file_state usual_state(void)
{
    return (struct hb_file_state){.inode = 42, .bytes = 7, .mtime = {1000, 5}, .ctime = {1001, 6}};
}

static void set_type(struct hb_entry *entry)
{
    entry->type = HB_TYPE_DIRECTORY;
}
static void set_flags(struct hb_entry *entry)
{
    entry->flags = HB_ENTRY_HAS_MODE;
}
static void set_mode(struct hb_entry *entry)
{
    entry->mode = 0644;
}
static void set_uid(struct hb_entry *entry)
{
    entry->uid = 1001;
}
static void set_gid(struct hb_entry *entry)
{
    entry->gid = 101;
}
static void set_seconds(struct hb_entry *entry)
{
    entry->mtime.tv_sec++;
}
static void set_nanoseconds(struct hb_entry *entry)
{
    entry->mtime.tv_nsec++;
}
static void set_path(struct hb_entry *entry)
{
    entry->path = "a/c";
}
static void set_link(struct hb_entry *entry)
{
    entry->link = "x";
}

static void (*const entry_changes[])(struct hb_entry *) = {
    set_type,    set_flags,       set_mode, set_uid,  set_gid,
    set_seconds, set_nanoseconds, set_path, set_link,
};

static void test_of_the_entry(void **state)
{
    static const unsigned char identity[32] = {1};
    struct hb_file_state file = usual_state();
    struct hb_entry usual = usual_entry();
    struct hb_fingerprint one[3], other[3];
    (void)state;
    hb_fingerprint_file(&usual, &file, &one[0]);
    hb_fingerprint_content(&usual, identity, HB_SOUNDNESS_SOUND, &one[1]);
    hb_fingerprint_other(&usual, &one[2]);
    for (size_t i = 0; i < sizeof entry_changes / sizeof *entry_changes; i++) {
        struct hb_entry entry = usual;
        entry_changes[i](&entry);
        hb_fingerprint_file(&entry, &file, &other[0]);
        hb_fingerprint_content(&entry, identity, HB_SOUNDNESS_SOUND, &other[1]);
        hb_fingerprint_other(&entry, &other[2]);
        for (size_t kind = 0; kind < 3; kind++)
            if (are_equal(&one[kind], &other[kind]))
                fail_msg("change %zu makes no difference to kind %zu", i, kind);
    }
    for (size_t a = 0; a < 3; a++) /* one kind is not taken for another */
        for (size_t b = 0; b < 3; b++)
            assert_int_equal(are_equal(&one[a], &one[b]), a == b);
}

static void test_of_the_file(void **state)
{
    struct hb_entry entry = usual_entry();
    struct hb_fingerprint one, other;
    struct hb_file_state states[7];
    (void)state;
    for (size_t i = 0; i < 7; i++)
        states[i] = usual_state();
    states[1].inode++;
    states[2].bytes++;
    states[3].mtime.tv_sec++;
    states[4].mtime.tv_nsec++;
    states[5].ctime.tv_sec++;
    states[6].ctime.tv_nsec++;
    hb_fingerprint_file(&entry, &states[0], &one);
    for (size_t i = 0; i < 7; i++) {
        hb_fingerprint_file(&entry, &states[i], &other);
        if (are_equal(&one, &other) != (i == 0))
            fail_msg("state %zu", i);
    }
}

static void test_of_the_content(void **state)
{
    unsigned char identity[32] = {1};
    struct hb_entry entry = usual_entry();
    struct hb_fingerprint one, other;
    (void)state;
    hb_fingerprint_content(&entry, identity, HB_SOUNDNESS_SOUND, &one);
    hb_fingerprint_content(&entry, identity, HB_SOUNDNESS_NOT_CHECKED, &other);
    assert_false(are_equal(&one, &other));
    identity[31] = 1;
    hb_fingerprint_content(&entry, identity, HB_SOUNDNESS_SOUND, &other);
    assert_false(are_equal(&one, &other));
}

/* "ab" with a link to "c" is not "a" with one to "bc". */
static void test_texts_do_not_run_together(void **state)
{
    struct hb_entry one = usual_entry(), other = usual_entry();
    struct hb_fingerprint first, second;
    (void)state;
    one.type = other.type = HB_TYPE_SYMLINK;
    one.path = "ab";
    one.path_bytes = 2;
    one.link = "c";
    other.path = "a";
    other.path_bytes = 1;
    other.link = "bc";
    hb_fingerprint_other(&one, &first);
    hb_fingerprint_other(&other, &second);
    assert_false(are_equal(&first, &second));
    other = one;
    other.link = "d";
    hb_fingerprint_other(&other, &second);
    assert_false(are_equal(&first, &second));
    other.path = "ac";
    hb_fingerprint_path(&one, &first);
    hb_fingerprint_path(&other, &second);
    assert_false(are_equal(&first, &second));
    one.mode = 0;
    hb_fingerprint_path(&one, &second);
    assert_true(are_equal(&first, &second)); /* the path alone */
}

static void test_none_equals_nothing(void **state)
{
    struct hb_fingerprint none = {{0}}, also = {{0}};
    (void)state;
    assert_false(hb_fingerprint_is_set(&none));
    assert_false(are_equal(&none, &also));
    none.bytes[15] = also.bytes[15] = 1;
    assert_true(hb_fingerprint_is_set(&none));
    assert_true(are_equal(&none, &also));
}

static void test_young_times_do_not_count(void **state)
{
    static const struct {
        int64_t mtime, ctime;
        bool racy;
    } rows[] = {{90, 97, false}, {90, 98, true}, {90, 100, true},
                {97, 97, false}, {98, 90, true}, {200, 90, true} /* a time in the future */};
    const struct timespec read = {.tv_sec = 100};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hb_file_state file = {.mtime = {.tv_sec = rows[i].mtime},
                                     .ctime = {.tv_sec = rows[i].ctime}};
        if (hb_state_is_racy(&file, &read) != rows[i].racy)
            fail_msg("row %zu", i);
    }
}

static void hash_of(uint32_t flags, const struct hb_entry *entry, const char *data,
                    unsigned char hash[HB_UNIT_HASH_BYTES])
{
    struct hb_segment segment = {.size = sizeof segment,
                                 .flags = flags,
                                 .entry = entry,
                                 .data = data,
                                 .bytes = strlen(data)};
    hb_segment_hash(&segment, hash);
}

/* The header goes with the first unit, the length with the first and the last. */
static void test_units_of_a_file(void **state)
{
    struct hb_entry entry = usual_entry(), other = usual_entry();
    unsigned char one[HB_UNIT_HASH_BYTES], two[HB_UNIT_HASH_BYTES];
    (void)state;
    hash_of(0, &entry, "data", one);
    hash_of(0, &entry, "date", two);
    assert_memory_not_equal(one, two, sizeof one);
    hash_of(HB_UNIT_LAST, &entry, "data", two);
    assert_memory_not_equal(one, two, sizeof one);
    other.mode = 0600;
    for (uint32_t flags = 0; flags <= (HB_UNIT_FIRST | HB_UNIT_LAST); flags++) {
        hash_of(flags, &entry, "data", one);
        hash_of(flags, &other, "data", two);
        assert_int_equal(memcmp(one, two, sizeof one) != 0, (flags & HB_UNIT_FIRST) != 0);
    }
    other = entry;
    other.bytes++;
    for (uint32_t flags = 0; flags <= (HB_UNIT_FIRST | HB_UNIT_LAST); flags++) {
        hash_of(flags, &entry, "data", one);
        hash_of(flags, &other, "data", two);
        assert_int_equal(memcmp(one, two, sizeof one) != 0, flags != 0);
    }
}

static void test_encoded_units(void **state)
{
    struct hb_unit unit = {.size = sizeof unit, .bytes = 4};
    uint64_t usual = hb_unit_check(&unit, "data");
    (void)state;
    assert_true(hb_unit_check(&unit, "date") != usual);
    unit.note[sizeof unit.note - 1] = 1;
    assert_true(hb_unit_check(&unit, "data") != usual);
    unit.bytes = 0;
    hb_unit_check(&unit, NULL);
}

static void test_keys(void **state)
{
    unsigned char one[32], two[32];
    (void)state;
    hb_key_hash("zip level=6", one);
    hb_key_hash("zip level=7", two);
    assert_memory_not_equal(one, two, sizeof one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_the_entry),
        cmocka_unit_test(test_of_the_file),
        cmocka_unit_test(test_of_the_content),
        cmocka_unit_test(test_texts_do_not_run_together),
        cmocka_unit_test(test_none_equals_nothing),
        cmocka_unit_test(test_young_times_do_not_count),
        cmocka_unit_test(test_units_of_a_file),
        cmocka_unit_test(test_encoded_units),
        cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
