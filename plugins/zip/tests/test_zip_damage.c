/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damage is found: no flipped bit and no cut gives other names or other content. Modes, times
 * and types have no checksum in a zip; the host's trailer holds theirs.
 */
#include "zip_test.h"

#include "zip_bytes.h"
#include "zip_layout.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 7 };

static const char text[] = "some words, some words, some words, some words, some words";

static void make_samples(struct sample samples[SAMPLES])
{
    samples[0] = zip_test_file("deflated", text, sizeof text - 1);
    samples[1] = zip_test_file("stored", "short", 5);
    samples[2] = zip_test_directory("directory");
    samples[3] = zip_test_link("link", "target");
    samples[4] = zip_test_file("bytes-\xff", "y", 1);
    samples[5] = zip_test_file("utf-8-\xc3\xa4", "z", 1);
    samples[6] = zip_test_file("empty", NULL, 0);
    samples[6].entry.mtime.tv_sec = 7258118400;
}

/* Is every name and every content that was accepted what was written? */
static bool harmless(const struct sample *samples, const struct found_list *list)
{
    if (list->status != HB_OK)
        return true;
    if (list->count != SAMPLES)
        return false;
    for (size_t i = 0; i < SAMPLES; i++) {
        const struct hb_entry *entry = &samples[i].entry;
        const struct found *found = &list->members[i];
        if (found->status != HB_OK)
            continue;
        if (found->path_bytes != entry->path_bytes ||
            memcmp(found->path, entry->path, entry->path_bytes) != 0)
            return false;
        if (entry->type == HB_TYPE_FILE && found->type == HB_TYPE_FILE &&
            (found->data_bytes != entry->bytes ||
             (entry->bytes > 0 && memcmp(found->data, samples[i].data, entry->bytes) != 0)))
            return false;
        if (found->type == HB_TYPE_SYMLINK && entry->type == HB_TYPE_SYMLINK &&
            strcmp(found->link, entry->link) != 0)
            return false;
    }
    return true;
}

static void read_trailer(struct zip_test *test, struct memory *memory, char *block, size_t size)
{
    void *data = NULL;
    size_t bytes = 0;
    zip_test_again(test);
    memory_rewind(memory, true);
    if (test->ops->read_trailer(test->self, &memory->input, &data, &bytes) == HB_OK)
        snprintf(block, size, "%.*s", (int)bytes, (const char *)data);
    test->fake.host.release(&test->fake.host, data);
}

static void flip_each_bit(bool seekable)
{
    struct sample samples[SAMPLES];
    struct zip_test test;
    struct memory memory;
    size_t refused = 0;
    zip_test_start(&test, 6);
    make_samples(samples);
    assert_int_equal(zip_test_write(&memory, seekable, 6, samples, SAMPLES, "trailer", 7), HB_OK);
    for (size_t bit = 0; bit < memory.bytes * 8; bit++) {
        struct found_list list;
        char block[16] = "trailer";
        memory.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        zip_test_read_with(&test, &memory, &list);
        if (!harmless(samples, &list))
            fail_msg("bit %zu of byte %zu: accepted with other names or content", bit % 8, bit / 8);
        refused += list.status != HB_OK;
        read_trailer(&test, &memory, block, sizeof block);
        if (strcmp(block, "trailer") != 0)
            fail_msg("bit %zu of byte %zu: trailer became %s", bit % 8, bit / 8, block);
        memory.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        zip_test_free(&list);
    }
    assert_true(refused > memory.bytes * 3); /* it is not that nothing was read */
    zip_test_end(&test);
    memory_free(&memory);
}

static void flipped_bits(void **state)
{
    (void)state;
    flip_each_bit(true);
}

/* A large entry with a data descriptor; the sizes in its headers are flipped, and some data. */
static void flipped_bits_of_a_stream(void **state)
{
    (void)state;
    unsigned char *data = zip_test_text((1 << 20) + 1000);
    struct sample sample = zip_test_file("large", data, (1 << 20) + 1000);
    struct memory memory;
    assert_int_equal(zip_test_write(&memory, false, 1, &sample, 1, NULL, 0), HB_OK);
    for (size_t bit = 0; bit < memory.bytes * 8; bit += bit < 1000 ? 1 : 40009) {
        struct found_list list;
        memory.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        zip_test_read(&memory, &list);
        if (list.status == HB_OK && list.members[0].status == HB_OK &&
            (list.members[0].data_bytes != sample.entry.bytes ||
             memcmp(list.members[0].data, data, sample.entry.bytes) != 0))
            fail_msg("bit %zu: accepted with other content", bit);
        memory.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        zip_test_free(&list);
    }
    memory_free(&memory);
    free(data);
}

static void every_truncation(void **state)
{
    (void)state;
    struct sample samples[SAMPLES];
    struct memory memory;
    make_samples(samples);
    assert_int_equal(zip_test_write(&memory, true, 6, samples, SAMPLES, "trailer", 7), HB_OK);
    size_t whole = memory.bytes;
    for (memory.bytes = 0; memory.bytes < whole; memory.bytes++) {
        struct found_list list;
        zip_test_read(&memory, &list);
        if (list.status != HB_STATUS_FATAL)
            fail_msg("cut to %zu of %zu bytes: accepted", memory.bytes, whole);
        assert_true(list.message[0] != '\0');
        zip_test_free(&list);
    }
    memory_free(&memory);
}

/* ---- the trailer ------------------------------------------------------------------------------
 */

static int trailer_status(struct memory *memory)
{
    struct zip_test test;
    void *data = NULL;
    size_t bytes = 0;
    zip_test_start(&test, 6);
    memory_rewind(memory, true);
    int status = test.ops->read_trailer(test.self, &memory->input, &data, &bytes);
    test.fake.host.release(&test.fake.host, data);
    zip_test_end(&test);
    return status;
}

/* An archive that had a trailer is not taken for one that never had: it may say "incomplete". */
static void lost_trailer(void **state)
{
    (void)state;
    struct sample samples[SAMPLES];
    struct memory memory;
    make_samples(samples);
    assert_int_equal(zip_test_write(&memory, true, 6, samples, SAMPLES, "trailer", 7), HB_OK);
    const unsigned char *end = memory.data + memory.bytes - ZIP_END_BYTES;
    size_t directory = zip_get32(end + 16), block = 7 + ZIP_TRAILER_FRAME;
    assert_int_equal(trailer_status(&memory), HB_OK);
    for (size_t at = directory - block; at < directory; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            memory.data[at] ^= (unsigned char)(1u << bit);
            if (trailer_status(&memory) != HB_STATUS_FATAL)
                fail_msg("bit %u, %zu bytes before the directory: accepted", bit, directory - at);
            memory.data[at] ^= (unsigned char)(1u << bit);
        }
    }
    memset(memory.data + directory - block, 0, block);
    assert_int_equal(trailer_status(&memory), HB_STATUS_FATAL);
    /* Cut out without a trace, but for the mark. */
    memmove(memory.data + directory - block, memory.data + directory, memory.bytes - directory);
    memory.bytes -= block;
    zip_put32(memory.data + memory.bytes - ZIP_END_BYTES + 16, (uint32_t)(directory - block));
    assert_int_equal(trailer_status(&memory), HB_STATUS_FATAL);
    memory_free(&memory);
}

/* Where the central header of member `number` lies. */
static unsigned char *central(struct memory *memory, unsigned number)
{
    unsigned char *end = memory->data + memory->bytes - ZIP_END_BYTES;
    unsigned char *at = memory->data + zip_get32(end + 16);
    while (number-- > 0)
        at += zip_central_bytes(at);
    return at;
}

/* Its length and checksum are right, for bytes that belong to an entry. */
static void trailer_that_lies_in_a_member(void **state)
{
    (void)state;
    struct sample samples[SAMPLES];
    struct memory memory;
    make_samples(samples);
    assert_int_equal(zip_test_write(&memory, true, 6, samples, SAMPLES, "trailer", 7), HB_OK);
    unsigned char *frame = central(&memory, 0) - ZIP_TRAILER_FRAME;
    size_t last = zip_get32(central(&memory, SAMPLES - 1) + 42) + ZIP_LOCAL_BYTES;
    for (size_t length = 7; frame - memory.data >= (ptrdiff_t)length;
         length += length < 100 ? 1 : 37) {
        bool free = (size_t)(frame - memory.data) - length >= last + strlen("empty");
        zip_put32(frame, libdeflate_crc32(0, frame - length, length));
        zip_put64(frame + 4, length);
        if (trailer_status(&memory) != (free ? HB_OK : HB_STATUS_FATAL))
            fail_msg("%zu bytes are %s", length, free ? "refused" : "accepted");
    }
    memory_free(&memory);
}

static void no_trailer(void **state)
{
    (void)state;
    struct memory memory;
    struct sample sample = zip_test_file("one", text, sizeof text - 1);
    assert_int_equal(zip_test_write(&memory, true, 6, &sample, 1, NULL, 0), HB_OK);
    assert_int_equal(trailer_status(&memory), HB_STATUS_NOMATCH);
    memory_free(&memory);
}

/* ---- forged headers ------------------------------------------------------------------------- */

static void expect(struct memory *memory, const char *reason)
{
    struct found_list list;
    zip_test_read(memory, &list);
    if (list.status != HB_STATUS_FATAL || strstr(list.message, reason) == NULL)
        fail_msg("expected \"%s\", got status %d: %s", reason, list.status, list.message);
    zip_test_free(&list);
    memory_free(memory);
}

static void write_two(struct memory *memory)
{
    struct sample samples[] = {zip_test_file("one", text, sizeof text - 1),
                               zip_test_file("two", text, sizeof text - 1)};
    assert_int_equal(zip_test_write(memory, true, 6, samples, 2, NULL, 0), HB_OK);
}

static void forged(void **state)
{
    (void)state;
    struct memory memory;
    write_two(&memory);
    zip_put32(central(&memory, 1) + 42, 0);
    expect(&memory, "overlap");
    write_two(&memory);
    zip_put32(central(&memory, 0) + 20, 60); /* longer than up to the next entry */
    expect(&memory, "overlap");
    write_two(&memory);
    zip_put32(central(&memory, 1) + 42, (uint32_t)memory.bytes - 100);
    expect(&memory, "beyond the start of the central directory");
    write_two(&memory);
    memset(memory.data + memory.bytes - 18, 0, 18); /* else it would be an empty archive */
    expect(&memory, "no entries");
    write_two(&memory);
    central(&memory, 1)[46] = '\0';
    expect(&memory, "NUL");
    write_two(&memory);
    central(&memory, 1)[47] = 'x';
    expect(&memory, "name in the local header");
    write_two(&memory);
    zip_put16(central(&memory, 0) + 34, 1);
    expect(&memory, "another disk");
    write_two(&memory);
    zip_put16(memory.data + memory.bytes - 12, 1);
    expect(&memory, "one disk of several");
    write_two(&memory);
    zip_put16(memory.data + memory.bytes - 12, 1);
    zip_put16(memory.data + memory.bytes - 14, 1);
    expect(&memory, "more than its number of entries");
    write_two(&memory);
    zip_put16(memory.data + memory.bytes - 12, 3);
    zip_put16(memory.data + memory.bytes - 14, 3);
    expect(&memory, "damaged");
}

/* It declares fewer bytes, in both headers, than it decompresses to. */
static void bomb(size_t bytes, size_t declared)
{
    unsigned char *zeros = calloc(1, bytes);
    struct sample sample = zip_test_file("bomb", zeros, bytes);
    struct memory memory;
    assert_int_equal(zip_test_write(&memory, true, 6, &sample, 1, NULL, 0), HB_OK);
    zip_put32(memory.data + 22, (uint32_t)declared);
    zip_put32(central(&memory, 0) + 24, (uint32_t)declared);
    expect(&memory, declared < bytes ? "more than its size" : "its size");
    free(zeros);
}

static void bombs(void **state)
{
    (void)state;
    bomb(1000, 10);
    bomb(1000, 1001);
    bomb(1 << 20, 5);
    bomb(8 << 20, 1 << 20);
    bomb(8 << 20, (8 << 20) - 1);
    bomb(8 << 20, 5 << 20);
}

/* `bytes` zeros behind the data of the only member; both headers and the end record count them. */
static void lengthen_data(struct memory *memory, size_t bytes)
{
    unsigned char *end = memory->data + memory->bytes - ZIP_END_BYTES;
    size_t directory = zip_get32(end + 16), behind = memory->bytes - directory;
    uint32_t packed = zip_get32(memory->data + directory + 20) + (uint32_t)bytes;
    struct memory longer;
    memory_init(&longer, true);
    unsigned char *zeros = calloc(1, bytes);
    longer.sink.write(&longer.sink, memory->data, directory);
    longer.sink.write(&longer.sink, zeros, bytes);
    longer.sink.write(&longer.sink, memory->data + directory, behind);
    free(zeros);
    memory_free(memory);
    *memory = longer;
    memory->sink.self = memory;
    memory->input.self = memory;
    zip_put32(memory->data + memory->bytes - ZIP_END_BYTES + 16, (uint32_t)(directory + bytes));
    zip_put32(memory->data + 18, packed);
    zip_put32(memory->data + directory + bytes + 20, packed);
}

/* The compressed data end before what is said to be theirs does: other bytes are hidden there. */
static void data_behind_the_end(void **state)
{
    (void)state;
    static const size_t contents[] = {sizeof text - 1, (1 << 20) + 1000, 3 << 20};
    unsigned char *data = zip_test_text(3 << 20);
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        struct sample sample = zip_test_file("one", data, contents[i]);
        struct memory memory;
        assert_int_equal(zip_test_write(&memory, true, 6, &sample, 1, NULL, 0), HB_OK);
        lengthen_data(&memory, 1 + i * 70000);
        expect(&memory, "compressed data are broken");
    }
    free(data);
}

/* A reader of a stream believes it: each of its three numbers must be right. */
static void forged_descriptor(void **state)
{
    (void)state;
    unsigned char *data = zip_test_text((1 << 20) + 1000);
    struct sample sample = zip_test_file("large", data, (1 << 20) + 1000);
    struct memory memory;
    assert_int_equal(zip_test_write(&memory, false, 6, &sample, 1, NULL, 0), HB_OK);
    unsigned char *numbers = central(&memory, 0);
    while (zip_get32(--numbers) != ZIP_DESCRIPTOR_SIGNATURE)
        assert_true(central(&memory, 0) - numbers < 24);
    for (unsigned char *at = numbers + 4; at < central(&memory, 0); at++) {
        struct found_list list;
        *at ^= 1;
        zip_test_read(&memory, &list);
        if (list.status != HB_STATUS_FATAL ||
            strstr(list.message, "data descriptor differs") == NULL)
            fail_msg("byte %d: status %d: %s", (int)(at - numbers), list.status, list.message);
        *at ^= 1;
        zip_test_free(&list);
    }
    memory_free(&memory);
    free(data);
}

/* Its own extra field, which only the local header tells, pushes the data over what follows. */
static void data_over_what_follows(void **state)
{
    (void)state;
    for (unsigned number = 0; number < 2; number++) {
        struct memory memory;
        write_two(&memory);
        unsigned char *local = memory.data + zip_get32(central(&memory, number) + 42);
        zip_put16(local + 28, zip_get16(local + 28) + 1);
        expect(&memory, "its data overlap what follows it");
    }
}

/* "a" and "a\0b" would be the same place for one reader, and two for another. */
static void target_with_a_nul_byte(void **state)
{
    (void)state;
    static const char *const targets[] = {"a\0b", "ab\0", "\0ab"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        struct sample sample = zip_test_file("link", targets[i], 3);
        struct memory memory;
        struct found_list list;
        assert_int_equal(zip_test_write(&memory, true, 6, &sample, 1, NULL, 0), HB_OK);
        zip_put32(central(&memory, 0) + 38, 0120777u << 16);
        zip_test_walk(&memory, true, &list);
        assert_int_equal(list.status, HB_OK);
        assert_int_equal(list.members[0].type, HB_TYPE_FILE);
        assert_null(list.members[0].link);
        assert_non_null(list.members[0].why);
        assert_non_null(strstr(list.members[0].why, "NUL byte in its target"));
        zip_test_free(&list);
        memory_free(&memory);
    }
}

static void refused_methods(void **state)
{
    (void)state;
    struct memory memory;
    struct found_list list;
    write_two(&memory);
    zip_put16(memory.data + 8, 9);
    zip_put16(central(&memory, 0) + 10, 9);
    zip_put16(central(&memory, 1) + 8, 1);
    zip_test_read(&memory, &list);
    assert_int_equal(list.status, HB_OK);
    assert_int_equal(list.members[0].status, HB_STATUS_ENTRY);
    assert_int_equal(list.members[1].status, HB_STATUS_ENTRY);
    assert_non_null(strstr(list.members[0].why, "Deflate64 (method 9)"));
    assert_non_null(strstr(list.members[1].why, "is encrypted"));
    zip_test_free(&list);
    zip_test_walk(&memory, true, &list);
    assert_int_equal(list.status, HB_OK);
    assert_int_equal(list.count, 2);
    assert_non_null(strstr(list.members[0].why, "Deflate64 (method 9)"));
    assert_non_null(strstr(list.members[1].why, "is encrypted"));
    zip_test_free(&list);
    zip_test_walk(&memory, false, &list);
    assert_int_equal(list.status, HB_STATUS_FATAL);
    assert_int_equal(list.count, 1);
    assert_non_null(strstr(list.message, "Deflate64"));
    zip_test_free(&list);
    memory_free(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flipped_bits),
        cmocka_unit_test(flipped_bits_of_a_stream),
        cmocka_unit_test(every_truncation),
        cmocka_unit_test(lost_trailer),
        cmocka_unit_test(trailer_that_lies_in_a_member),
        cmocka_unit_test(no_trailer),
        cmocka_unit_test(forged),
        cmocka_unit_test(bombs),
        cmocka_unit_test(data_behind_the_end),
        cmocka_unit_test(forged_descriptor),
        cmocka_unit_test(data_over_what_follows),
        cmocka_unit_test(target_with_a_nul_byte),
        cmocka_unit_test(refused_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
