/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is put into the directory comes out again, whatever is in it and however long it gets. And
 * the record that ends it.
 */
#include "zip_bytes.h"
#include "zip_directory.h"
#include "zip_layout.h"
#include "zip_test.h"

#include <stdlib.h>
#include <string.h>

enum { RECORDS = 4000, LARGEST = 66000, MARK = 8 };

struct kept {
    unsigned char *bytes;
    size_t count;
};

/* Of any length, some that compress and some that do not, one in a hundred very long. */
static size_t make_record(const unsigned char *noise, unsigned number, unsigned char *to)
{
    size_t bytes = number % 100 == 99 ? LARGEST - number % 7 : 46 + number * 31 % 300;
    if (number % 3 == 0)
        memcpy(to, noise + number, bytes);
    else
        memset(to, (int)(number / 50), bytes);
    return bytes;
}

static void add(struct zip_directory *directory, struct kept *kept, const unsigned char *noise,
                unsigned number)
{
    unsigned char *room = zip_directory_room(directory, LARGEST + MARK);
    assert_non_null(room);
    size_t bytes = make_record(noise, number, room);
    zip_directory_added(directory, bytes);
    memcpy(kept->bytes + kept->count, room, bytes);
    kept->count += bytes;
    assert_int_equal(directory->bytes, kept->count);
    assert_ptr_equal(zip_directory_last(directory), room);
}

static void compare_parts(struct zip_directory *directory, const struct kept *kept)
{
    size_t bytes, at = 0;
    const unsigned char *part;
    for (size_t i = 0; (part = zip_directory_part(directory, i, &bytes)) != NULL; i++) {
        assert_true(bytes <= kept->count - at);
        assert_memory_equal(part, kept->bytes + at, bytes);
        at += bytes;
    }
    assert_int_equal(bytes, 0);
    assert_int_equal(at, kept->count);
}

static void records_come_back(void **state)
{
    (void)state;
    struct zip_directory directory = {0};
    struct kept kept = {.bytes = malloc((size_t)RECORDS * 2048 + LARGEST)};
    unsigned char *noise = zip_test_noise(LARGEST + RECORDS, 4);
    assert_null(zip_directory_last(&directory));
    compare_parts(&directory, &kept);
    for (unsigned i = 0; i < RECORDS; i++)
        add(&directory, &kept, noise, i);
    assert_true(directory.block_count > 5);
    compare_parts(&directory, &kept);
    zip_directory_free(&directory);
    free(kept.bytes);
    free(noise);
}

/* The last record may lie right after a full block, and still be made longer. */
static void last_record_grows(void **state)
{
    (void)state;
    unsigned char *noise = zip_test_noise(LARGEST + RECORDS, 4);
    for (unsigned count = 90; count < 110; count++) {
        struct zip_directory directory = {0};
        unsigned char *bytes = malloc((size_t)LARGEST * 8), *last;
        struct kept kept = {.bytes = bytes};
        for (unsigned i = 0; i < count; i++)
            add(&directory, &kept, noise, count % 2 == 0 && i % 30 == 29 ? 99 : i);
        memset(directory.open + directory.fill, 'm', MARK);
        zip_directory_extend(&directory, MARK);
        last = zip_directory_last(&directory);
        last[3] = 'x';
        memset(bytes + kept.count, 'm', MARK);
        kept.count += MARK;
        bytes[kept.count - directory.fill + directory.last + 3] = 'x';
        compare_parts(&directory, &kept);
        zip_directory_free(&directory);
        free(bytes);
    }
    free(noise);
}

/* Like the records of ordinary entries: a seventh of their size is enough. */
static void takes_little(void **state)
{
    (void)state;
    struct zip_directory directory = {0};
    unsigned char *noise = zip_test_noise(110, 7);
    for (unsigned i = 0; i < 40000; i++) {
        unsigned char *room = zip_directory_room(&directory, 200);
        memcpy(room, noise, 100);
        memcpy(room + 20, &i, sizeof i);
        unsigned checksum = i * 2654435761u;
        memcpy(room + 40, &checksum, sizeof checksum);
        zip_directory_added(&directory, 100);
    }
    size_t kept = 0;
    for (size_t i = 0; i < directory.block_count; i++)
        kept += directory.blocks[i].bytes;
    assert_true(kept < (size_t)40000 * 100 / 7);
    zip_directory_free(&directory);
    free(noise);
}

/* The numbers of an end record must not be the signature of another one: zip64 records have them.
 */
static void numbers_like_a_signature(void **state)
{
    (void)state;
    static const struct {
        uint64_t entries, start, bytes;
        bool wide;
    } all[] = {
        {0x4b50, 5, 0x00010605, true}, /* "PK", "PK", \5\6 */
        {0x4b50, 5, 0x00010606, false},
        {1, 5, 0x06054b50, true},
        {1, 0x00020605, 0x4b500001, true}, /* \1\0 "PK", \5\6 */
        {1, 0x06054b50, 46, true},
        {1, 0x4b500000, 46, false},
        {0x4b50, 0x06054b50, 0x06054b50, true},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        unsigned char end[ZIP_END64_BYTES + ZIP_LOCATOR_BYTES + ZIP_END_BYTES];
        size_t bytes = zip_put_end(end, all[i].entries, all[i].start, all[i].bytes);
        assert_int_equal(bytes, all[i].wide ? sizeof end : ZIP_END_BYTES);
        for (size_t at = bytes - ZIP_END_BYTES + 1; at + 4 <= bytes; at++)
            assert_int_not_equal(zip_get32(end + at), ZIP_END_SIGNATURE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_come_back),
        cmocka_unit_test(last_record_grows),
        cmocka_unit_test(takes_little),
        cmocka_unit_test(numbers_like_a_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
