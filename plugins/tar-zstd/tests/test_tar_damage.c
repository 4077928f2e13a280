/* SPDX-License-Identifier: Apache-2.0 */
/* Damaged archives and full disks: refused, or the entries are the same as before. */
#include "fixture.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct fake_host));
    fake_host_init(*state);
    return 0;
}

static int teardown(void **state)
{
    fake_host_finish(*state);
    free(*state);
    return 0;
}

static bool has_trailer(const struct content *content)
{
    return content->has_trailer && content->trailer_bytes == 7 &&
           memcmp(content->trailer, "TRAILER", 7) == 0;
}

/* Where damage costs an entry, or the proof that all is there: data, trailer, the tar's end. */
struct parts {
    size_t index, trailer, trailer_end, table;
};

static struct parts parts_of(const struct memory *memory)
{
    const unsigned char *index = memmem(memory->data, memory->bytes, "hbindex1", 8);
    const unsigned char *trailer = memmem(memory->data, memory->bytes, "hbtrail1", 8);
    const unsigned char *end = memmem(memory->data, memory->bytes, "TRAILER", 7);
    const unsigned char *table = memmem(memory->data, memory->bytes, "\x5e\x2a\x4d\x18", 4);
    assert_true(index != NULL && trailer != NULL && end != NULL && table != NULL);
    return (struct parts){(size_t)(index - memory->data) - 8, (size_t)(trailer - memory->data),
                          (size_t)(end - memory->data) + 7, (size_t)(table - memory->data)};
}

static bool costs_nothing(const struct parts *parts, size_t at)
{
    return (at >= parts->index && at < parts->trailer) || at >= parts->table;
}

static void check_flipped(struct fake_host *fake, struct memory *memory,
                          const struct content *original, const struct parts *parts, size_t bit,
                          size_t refused[3])
{
    struct content content = {0};
    int status = read_by_list(fake, memory, &content);
    if (status == HB_OK && !same_content(&content, original))
        fail_msg("bit %zu: listed and decoded with other content", bit);
    refused[0] += status != HB_OK;
    content_free(&content);
    status = read_by_walk(fake, memory, (bit & 1) != 0, &content);
    if (status == HB_OK && !(same_content(&content, original) && has_trailer(&content)))
        fail_msg("bit %zu: walked with other content or without trailer", bit);
    if (status != HB_OK && costs_nothing(parts, bit / 8))
        fail_msg("bit %zu, which costs nothing (byte %zu; %zu, %zu, %zu): %s", bit, bit / 8,
                 parts->index, parts->trailer, parts->table, fake->message);
    refused[1] += status != HB_OK;
    content_free(&content);
    status = read_trailer(fake, memory, &content);
    if (status == HB_OK && !has_trailer(&content))
        fail_msg("bit %zu: another trailer", bit);
    refused[2] += status != HB_OK;
    content_free(&content);
}

static void every_bit(void **state)
{
    struct fake_host *fake = *state;
    struct memory memory;
    struct content original = {0};
    size_t refused[3] = {0};
    small_archive(fake, &memory);
    assert_int_equal(read_by_list(fake, &memory, &original), HB_OK);
    const struct parts parts = parts_of(&memory);
    for (size_t bit = 0; bit < memory.bytes * 8; bit++) {
        memory.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        check_flipped(fake, &memory, &original, &parts, bit, refused);
        memory.data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    /* Most of the archive matters to each reader; a reader that accepts it all is broken. */
    for (size_t i = 0; i < 3; i++)
        assert_true(refused[i] > memory.bytes);
    content_free(&original);
    memory_free(&memory);
}

static void every_length(void **state)
{
    struct fake_host *fake = *state;
    struct memory memory;
    small_archive(fake, &memory);
    const size_t whole = memory.bytes;
    for (memory.bytes = 0; memory.bytes < whole; memory.bytes++) {
        for (int seekable = 0; seekable < 2; seekable++) {
            struct content content = {0};
            if (read_by_walk(fake, &memory, seekable, &content) >= 0)
                fail_msg("walk took the first %zu of %zu bytes for all", memory.bytes, whole);
            content_free(&content);
        }
        struct content content = {0};
        if (read_by_list(fake, &memory, &content) == HB_OK)
            fail_msg("list took the first %zu of %zu bytes for all", memory.bytes, whole);
        content_free(&content);
        if (read_trailer(fake, &memory, &content) == HB_OK)
            fail_msg("a trailer in the first %zu of %zu bytes", memory.bytes, whole);
        content_free(&content);
    }
    memory_free(&memory);
}

/* Of a seek table that begins wrongly, only its length shows that the archive is whole. */
static void every_length_of_a_damaged_table(void **state)
{
    struct fake_host *fake = *state;
    struct memory memory;
    small_archive(fake, &memory);
    const size_t whole = memory.bytes, table = parts_of(&memory).table;
    memory.data[table] ^= 1;
    for (memory.bytes = table; memory.bytes <= whole; memory.bytes++) {
        struct content content = {0};
        int status = read_by_walk(fake, &memory, false, &content);
        if (status != (memory.bytes == whole ? HB_OK : HB_STATUS_FATAL))
            fail_msg("%zu of %zu bytes, damaged: %d", memory.bytes, whole, status);
        content_free(&content);
    }
    memory.bytes = whole;
    memory_free(&memory);
}

/* Frames that are whole but not there, twice there, or swapped. */
static void moved_frames(void **state)
{
    struct fake_host *fake = *state;
    struct memory memory, changed;
    struct sample samples[9];
    unsigned char *data = noise(9 * 200000, 7);
    char paths[9][2];
    for (size_t i = 0; i < 9; i++) {
        paths[i][0] = (char)('a' + i);
        paths[i][1] = '\0';
        samples[i] = sample_file(paths[i], data + i * 200000, 200000); /* a frame for each */
    }
    memory_init(&memory, true);
    assert_int_equal(write_archive(fake, "frame-size=256K", &memory, samples, 9, "TRAILER", 7),
                     HB_OK);
    const unsigned char *table = memory.data + memory.bytes - 9 - 12 * 12;
    size_t start[10] = {0};
    for (size_t i = 0; i < 9; i++)
        start[i + 1] = start[i] + ((size_t)table[i * 12] | (size_t)table[i * 12 + 1] << 8 |
                                   (size_t)table[i * 12 + 2] << 16);
    for (int how = 0; how < 3; how++) {
        static const size_t orders[3][10] = {
            {0, 1, 3, 4, 5, 6, 7, 8, 9, 9}, /* one is missing */
            {0, 1, 2, 2, 3, 4, 5, 6, 7, 8}, /* one is there twice */
            {0, 2, 1, 3, 4, 5, 6, 7, 8, 9}, /* two are swapped */
        };
        memory_init(&changed, true);
        for (size_t i = 0; i < 10; i++) {
            size_t frame = orders[how][i];
            if (frame < 9)
                changed.sink.write(&changed.sink, memory.data + start[frame],
                                   start[frame + 1] - start[frame]);
        }
        changed.sink.write(&changed.sink, memory.data + start[9], memory.bytes - start[9]);
        struct content content = {0};
        assert_int_equal(read_by_walk(fake, &changed, false, &content), HB_STATUS_FATAL);
        content_free(&content);
        assert_int_not_equal(read_by_list(fake, &changed, &content), HB_OK);
        content_free(&content);
        memory_free(&changed);
    }
    memory_free(&memory);
    free(data);
}

static size_t stored_bytes(const unsigned char *row)
{
    return (size_t)row[0] | (size_t)row[1] << 8 | (size_t)row[2] << 16;
}

/* Frames of one big file are alike in both sizes; only their checksums tell them apart. */
static void swapped_frames_of_one_file(void **state)
{
    struct fake_host *fake = *state;
    enum { FRAME = 256 << 10 };
    struct memory memory;
    unsigned char *data = noise(5 * FRAME, 11), *kept = malloc(FRAME * 2);
    struct sample sample = sample_file("big", data, 5 * FRAME);
    memory_init(&memory, true);
    assert_int_equal(write_archive(fake, "frame-size=256K", &memory, &sample, 1, "TRAILER", 7),
                     HB_OK);
    const unsigned char *table = memory.data + memory.bytes - 9;
    table -= 12 * ((size_t)table[0] | (size_t)table[1] << 8);
    size_t first = stored_bytes(table), length = stored_bytes(table + 12);
    assert_int_equal(length, stored_bytes(table + 24));
    memcpy(kept, memory.data + first, length);
    memmove(memory.data + first, memory.data + first + length, length);
    memcpy(memory.data + first + length, kept, length);
    struct content content = {0};
    assert_int_equal(read_by_walk(fake, &memory, false, &content), HB_STATUS_FATAL);
    content_free(&content);
    assert_int_not_equal(read_by_list(fake, &memory, &content), HB_OK);
    content_free(&content);
    memory_free(&memory);
    free(kept);
    free(data);
}

/*
 * Index and trailer are gone, all else is there: what says of itself that it is incomplete must not
 * look like an archive of somebody else.
 */
static void cut_out(void **state)
{
    struct fake_host *fake = *state;
    for (size_t special = 0; special < 3; special++) {
        struct memory memory, changed;
        struct content content = {0};
        small_archive(fake, &memory);
        const unsigned char *footer = memory.data + memory.bytes - 9;
        size_t rows = (size_t)footer[0] | (size_t)footer[1] << 8, from = 0, index = 0, trailer = 0;
        const unsigned char *table = footer - 12 * rows;
        for (size_t i = 0; i < rows; i++) {
            if (i == rows - 3)
                index = from;
            if (i == rows - 2)
                trailer = from;
            from += stored_bytes(table + i * 12);
        }
        size_t end = trailer + stored_bytes(table + (rows - 2) * 12);
        size_t cut_from = special == 1 ? trailer : index, cut_to = special == 2 ? trailer : end;
        memory_init(&changed, true);
        changed.sink.write(&changed.sink, memory.data, cut_from);
        changed.sink.write(&changed.sink, memory.data + cut_to, memory.bytes - cut_to);
        if (read_by_walk(fake, &changed, true, &content) >= 0)
            fail_msg("cut %zu: walked as if nothing were missing", special);
        content_free(&content);
        assert_int_not_equal(read_by_list(fake, &changed, &content), HB_OK);
        content_free(&content);
        memory_free(&changed);
        memory_free(&memory);
    }
}

static void put32(struct memory *memory, uint32_t number)
{
    const unsigned char bytes[4] = {(unsigned char)number, (unsigned char)(number >> 8),
                                    (unsigned char)(number >> 16), (unsigned char)(number >> 24)};
    memory->sink.write(&memory->sink, bytes, sizeof bytes);
}

/* The trailer is gone, and the seek table was made anew for what is left: the index still tells. */
static void cut_out_of_the_table_too(void **state)
{
    struct fake_host *fake = *state;
    struct memory memory, changed;
    struct content content = {0};
    small_archive(fake, &memory);
    const unsigned char *footer = memory.data + memory.bytes - 9;
    size_t rows = (size_t)footer[0] | (size_t)footer[1] << 8;
    const unsigned char *table = footer - 12 * rows, *last = table + 12 * (rows - 1);
    size_t end = stored_bytes(last), trailer = stored_bytes(last - 12);
    size_t before = memory.bytes - 9 - 12 * rows - 8 - end - trailer;
    memory_init(&changed, true);
    changed.sink.write(&changed.sink, memory.data, before);
    changed.sink.write(&changed.sink, table - 8 - end, end + 4);
    put32(&changed, (uint32_t)(12 * (rows - 1) + 9));
    changed.sink.write(&changed.sink, table, 12 * (rows - 2));
    changed.sink.write(&changed.sink, last, 12);
    put32(&changed, (uint32_t)rows - 1);
    changed.sink.write(&changed.sink, footer + 4, 5);
    assert_int_not_equal(read_by_list(fake, &changed, &content), HB_OK);
    content_free(&content);
    assert_true(read_by_walk(fake, &changed, true, &content) < 0);
    assert_non_null(strstr(fake->message, "trailer"));
    content_free(&content);
    memory_free(&changed);
    memory_free(&memory);
}

static void full_disk(void **state)
{
    struct fake_host *fake = *state;
    struct memory memory;
    small_archive(fake, &memory);
    const size_t whole = memory.bytes;
    memory_free(&memory);
    struct sample samples[] = {sample_file("f", "some text", 9), sample_directory("d")};
    for (size_t limit = 0; limit < whole; limit++) {
        memory_init(&memory, true);
        memory.limit = limit;
        int status = write_archive(fake, "", &memory, samples, 2, "TRAILER", 7);
        struct content content = {0};
        if (status == HB_OK)
            assert_int_equal(read_by_walk(fake, &memory, false, &content), HB_OK);
        else
            assert_int_equal(status, HB_STATUS_FATAL);
        content_free(&content);
        memory_free(&memory);
    }
}

/* The input of another format, and of none. */
static void no_tar(void **state)
{
    struct fake_host *fake = *state;
    static const struct {
        const char *bytes;
        size_t length;
    } inputs[] = {
        {"", 0},
        {"x", 1},
        {"PK\3\4 and so on, which is no tar archive at all", 45},
        /* "hello" in gzip, and in zstd */
        {"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\x48\xcd\xc9\xc9\x07\0\x86\xa6\x10\x36\x05\0\0\0", 25},
        {"\x28\xb5\x2f\xfd\x20\x05\x29\0\0hello", 14},
        {"\x28\xb5\x2f\xfd", 4},
        {"BZh9", 4},
        {"\xfd"
         "7zXZ\0",
         6},
        {"\x5e\x2a\x4d\x18\xff\xff\xff\xff", 8},
    };
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        struct memory memory;
        struct content content = {0};
        memory_init(&memory, true);
        if (inputs[i].length != 0)
            memory.sink.write(&memory.sink, inputs[i].bytes, inputs[i].length);
        fake->message[0] = '\0';
        if (read_by_walk(fake, &memory, true, &content) != HB_STATUS_FATAL ||
            fake->message[0] == '\0')
            fail_msg("input %zu: no refusal with a reason: %s", i, fake->message);
        assert_int_equal(content.count, 0);
        assert_int_equal(read_by_list(fake, &memory, &content), HB_STATUS_NOMATCH);
        content_free(&content);
        memory_free(&memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit),
        cmocka_unit_test(every_length),
        cmocka_unit_test(every_length_of_a_damaged_table),
        cmocka_unit_test(moved_frames),
        cmocka_unit_test(swapped_frames_of_one_file),
        cmocka_unit_test(cut_out),
        cmocka_unit_test(cut_out_of_the_table_too),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(no_tar),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, setup, teardown);
}
