/* SPDX-License-Identifier: Apache-2.0 */
/* What is written is read back: contents, names, modes, times, on files and on pipes. */
#include "zip_test.h"

#include "zip_bytes.h"
#include "zip_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20 };

static void check(const struct sample *samples, size_t count, bool seekable, int level)
{
    struct memory memory;
    struct found_list list;
    assert_int_equal(zip_test_write(&memory, seekable, level, samples, count, NULL, 0), HB_OK);
    zip_test_read(&memory, &list);
    zip_test_same(samples, count, &list);
    zip_test_free(&list);
    memory_free(&memory);
}

static void check_both(const struct sample *samples, size_t count)
{
    check(samples, count, true, 6);
    check(samples, count, false, 6);
}

static void empty_archive(void **state)
{
    (void)state;
    check_both(NULL, 0);
}

static void small_entries(void **state)
{
    (void)state;
    struct sample samples[] = {
        zip_test_file("empty", NULL, 0),
        zip_test_directory("directory"),
        zip_test_directory("directory/below"),
        zip_test_link("link", "../somewhere/else"),
        zip_test_file("one", "x", 1),
        zip_test_file("directory/text", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                      56),
    };
    check_both(samples, 6);
}

static void sizes_around_a_unit(void **state)
{
    (void)state;
    unsigned char *text = zip_test_text(5 * MIB), *noise = zip_test_noise(5 * MIB, 1);
    static const uint64_t sizes[] = {32767,   32768, 65535,   65536,   131071, 131072,
                                     MIB - 1, MIB,   MIB + 1, 2 * MIB, 5 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct sample samples[] = {zip_test_file("text", text, sizes[i]),
                                   zip_test_file("noise", noise, sizes[i]),
                                   zip_test_file("after", "after", 5)};
        check_both(samples, 3);
        check(samples, 3, true, ZIP_LEVEL_FAST);
        check(samples, 3, false, ZIP_LEVEL_FAST);
    }
    free(text);
    free(noise);
}

/* Chunks that compress beside chunks that do not, in each order, also within one chunk. */
static void mixed_chunks(void **state)
{
    (void)state;
    unsigned char *text = zip_test_text(6 * MIB), *noise = zip_test_noise(6 * MIB, 2);
    for (unsigned pattern = 0; pattern < 16; pattern++) {
        unsigned char *mixed = malloc(4 * MIB);
        for (unsigned i = 0; i < 4; i++)
            memcpy(mixed + i * MIB, (pattern >> i & 1 ? text : noise) + i * MIB, MIB);
        memset(mixed + MIB + 5000, 0, 300000);
        struct sample sample = zip_test_file("mixed", mixed, 4 * MIB - pattern);
        check_both(&sample, 1);
        check(&sample, 1, true, ZIP_LEVEL_FAST);
        free(mixed);
    }
    free(text);
    free(noise);
}

static void every_level(void **state)
{
    (void)state;
    unsigned char *text = zip_test_text(2 * MIB + 77), *noise = zip_test_noise(MIB + 3, 3);
    struct sample samples[] = {zip_test_file("text", text, 2 * MIB + 77),
                               zip_test_file("noise", noise, MIB + 3),
                               zip_test_file("short", text, 3000), zip_test_file("none", NULL, 0)};
    for (int level = 0; level <= ZIP_LEVEL_FAST; level++) {
        check(samples, 4, true, level);
        check(samples, 4, false, level);
    }
    free(text);
    free(noise);
}

static void compression(void **state)
{
    (void)state;
    unsigned char *text = zip_test_text(3 * MIB), *noise = zip_test_noise(3 * MIB, 4);
    struct memory memory;
    struct sample sample = zip_test_file("text", text, 3 * MIB);
    assert_int_equal(zip_test_write(&memory, true, 6, &sample, 1, NULL, 0), HB_OK);
    assert_in_range(memory.bytes, 1000, MIB);
    memory_free(&memory);
    sample = zip_test_file("noise", noise, 3 * MIB);
    assert_int_equal(zip_test_write(&memory, true, 6, &sample, 1, NULL, 0), HB_OK);
    assert_in_range(memory.bytes, 3 * MIB, 3 * MIB + 1000); /* 5 bytes in 65535, and headers */
    memory_free(&memory);
    sample = zip_test_file("noise", noise, MIB / 2); /* one unit */
    assert_int_equal(zip_test_write(&memory, true, 6, &sample, 1, NULL, 0), HB_OK);
    assert_in_range(memory.bytes, MIB / 2, MIB / 2 + 300);
    assert_int_equal(zip_get16(memory.data + 8), ZIP_STORED);
    assert_int_equal(zip_get16(memory.data + 6) & ZIP_FLAG_DESCRIPTOR, 0);
    memory_free(&memory);
    free(text);
    free(noise);
}

static void times(void **state)
{
    (void)state;
    static const struct timespec all[] = {
        {-2208988800, 0},
        {-2208988800, 999999999},
        {-1, 1},
        {0, 0},
        {315532799, 0},
        {315532800, 500},
        {1700000001, 99},
        {2147483647, 1},
        {2147483648, 0},
        {4354819199, 7},
        {4354819200, 0},
        {7258118400, 123},
        {-99999999999, 5},
        {INT32_MIN, 0},
        {-2147483649, 0},
        {1152921504606846976, 9},
        {-1152921504606846976, 0},
    };
    struct sample samples[17];
    for (size_t i = 0; i < 17; i++) {
        samples[i] = zip_test_file("file", "x", 1);
        samples[i].entry.mtime = all[i];
    }
    check_both(samples, 17);
}

static void same_bytes_in_every_zone(void **state)
{
    (void)state;
    struct memory here, there;
    struct sample sample = zip_test_file("file", "x", 1);
    assert_int_equal(zip_test_write(&here, true, 6, &sample, 1, NULL, 0), HB_OK);
    setenv("TZ", "Asia/Kolkata", 1);
    tzset();
    assert_int_equal(zip_test_write(&there, true, 6, &sample, 1, NULL, 0), HB_OK);
    unsetenv("TZ");
    tzset();
    assert_int_equal(here.bytes, there.bytes);
    assert_memory_equal(here.data, there.data, here.bytes);
    memory_free(&here);
    memory_free(&there);
}

static void modes(void **state)
{
    (void)state;
    static const uint32_t all[] = {0, 0400, 0600, 0644, 0755, 0777, 04755, 02770, 01777, 07777};
    struct sample samples[10];
    for (size_t i = 0; i < 10; i++) {
        samples[i] = i % 2 ? zip_test_directory("d") : zip_test_file("f", "x", 1);
        samples[i].entry.mode = all[i];
    }
    check_both(samples, 10);
}

static void names(void **state)
{
    (void)state;
    char *longest = malloc(65536);
    memset(longest, 'n', 65535);
    longest[65535] = '\0';
    struct sample samples[] = {
        zip_test_file("with space", "a", 1),
        zip_test_file("new\nline\ttab", "b", 1),
        zip_test_file("gr\xc3\xbc\xc3\x9f\x65", "c", 1),
        zip_test_file("latin-\xfc", "d", 1),
        zip_test_file("\xff\xfe", "e", 1),
        zip_test_directory("dir-\x80\xc3"),
        zip_test_file("overlong-\xc0\xaf", "f", 1),
        zip_test_file("surrogate-\xed\xa0\x80", "g", 1),
        zip_test_file("back\\slash", "h", 1),
        zip_test_file("\xf0\x9f\x98\x80", "i", 1),
        zip_test_file("cut-\xf0\x9f\x98", "j", 1),
        zip_test_link("lien-\xe9", "cible-\xe9"),
        zip_test_file(longest, "k", 1),
    };
    check_both(samples, 13);
    free(longest);
}

static void refused_names(void **state)
{
    (void)state;
    char *longest = malloc(65537);
    memset(longest, 'n', 65536);
    longest[65536] = '\0';
    struct memory memory;
    struct sample sample = zip_test_file(longest, "x", 1);
    assert_int_equal(zip_test_write(&memory, true, 6, &sample, 1, NULL, 0), HB_STATUS_ENTRY);
    memory_free(&memory);
    longest[65535] = '\0';
    sample = zip_test_directory(longest); /* its '/' does not fit */
    assert_int_equal(zip_test_write(&memory, true, 6, &sample, 1, NULL, 0), HB_STATUS_ENTRY);
    memory_free(&memory);
    sample = zip_test_file("", "x", 1);
    assert_int_equal(zip_test_write(&memory, true, 6, &sample, 1, NULL, 0), HB_STATUS_ENTRY);
    memory_free(&memory);
    sample = zip_test_file("hard", NULL, 0);
    sample.entry.type = HB_TYPE_HARDLINK;
    assert_int_equal(zip_test_write(&memory, true, 6, &sample, 1, NULL, 0), HB_STATUS_ENTRY);
    memory_free(&memory);
    free(longest);
}

static void trailer(void **state)
{
    (void)state;
    struct sample sample = zip_test_file("file", "content", 7);
    unsigned char *block = zip_test_noise(300000, 5);
    static const size_t sizes[] = {0, 1, 20, 1000, 300000};
    for (size_t i = 0; i < 5; i++) {
        struct memory memory;
        struct zip_test test;
        void *data = NULL;
        size_t bytes = 0;
        assert_int_equal(
            zip_test_write(&memory, i % 2, 6, &sample, i == 4 ? 0 : 1, block, sizes[i]), HB_OK);
        zip_test_start(&test, 6);
        memory_rewind(&memory, true);
        int status = test.ops->read_trailer(test.self, &memory.input, &data, &bytes);
        assert_int_equal(status, sizes[i] == 0 ? HB_STATUS_NOMATCH : HB_OK);
        assert_int_equal(bytes, sizes[i]);
        if (bytes > 0)
            assert_memory_equal(data, block, bytes);
        test.fake.host.release(&test.fake.host, data);
        zip_test_end(&test);
        memory_free(&memory);
    }
    free(block);
}

/* A stored file that ends like a trailer is a file. */
static void content_is_no_trailer(void **state)
{
    (void)state;
    static const unsigned char forged[] = "T\x0d\xd6\x06\xb8\1\0\0\0\0\0\0\0hbcoreTR";
    struct sample sample = zip_test_file("file", forged, sizeof forged - 1);
    struct memory memory;
    struct zip_test test;
    void *data;
    size_t bytes;
    assert_int_equal(zip_test_write(&memory, true, 0, &sample, 1, NULL, 0), HB_OK);
    zip_test_start(&test, 0);
    memory_rewind(&memory, true);
    assert_int_equal(test.ops->read_trailer(test.self, &memory.input, &data, &bytes),
                     HB_STATUS_NOMATCH);
    zip_test_end(&test);
    memory_free(&memory);
}

static void many_entries(void **state)
{
    (void)state;
    enum { COUNT = 70000 };
    struct sample *samples = calloc(COUNT, sizeof *samples);
    char(*paths)[16] = calloc(COUNT, sizeof *paths);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(paths[i], sizeof paths[i], "d/%zu", i);
        samples[i] = zip_test_file(paths[i], paths[i], i % 5);
    }
    check(samples, 65534, true, 1);
    check(samples, 65535, true, 1);
    check(samples, 65536, false, 1);
    check(samples, COUNT, true, 1);
    free(paths);
    free(samples);
}

/* ---- units by hand -------------------------------------------------------------------------- */

static int add_unit(struct zip_test *test, void *worker, struct memory *memory,
                    const struct sample *sample, uint64_t offset, uint64_t bytes, uint32_t flags)
{
    struct hb_segment segment = {.size = sizeof segment,
                                 .flags = flags,
                                 .entry = &sample->entry,
                                 .offset = offset,
                                 .data = bytes == 0 ? NULL : (const char *)sample->data + offset,
                                 .bytes = bytes};
    const struct hb_segment *segments[] = {&segment};
    struct hb_unit unit = {.size = sizeof unit,
                           .flags = flags,
                           .entry = &sample->entry,
                           .raw_bytes = bytes,
                           .entries = 1};
    int status = test->ops->encode(test->self, worker, segments, 1, &unit);
    if (status == HB_OK)
        status = test->ops->append(test->self, &memory->sink, &unit);
    test->fake.host.release(&test->fake.host, (void *)(uintptr_t)unit.data);
    return status;
}

/* A file that shrank: the host ends the entry although no LAST unit came. */
static void shrunk(bool seekable, uint64_t unit, unsigned units, bool empty_last)
{
    unsigned char *text = zip_test_text(4 * MIB);
    struct sample samples[] = {zip_test_file("shrunk", text, 4 * MIB),
                               zip_test_file("after", "after", 5)};
    struct zip_test test;
    struct memory memory;
    struct found_list list;
    zip_test_start(&test, 6);
    memory_init(&memory, seekable);
    void *worker = test.ops->worker_create(test.self);
    assert_int_equal(test.ops->begin_entry(test.self, &memory.sink, &samples[0].entry), HB_OK);
    for (unsigned i = 0; i < units; i++)
        assert_int_equal(add_unit(&test, worker, &memory, &samples[0], i * unit, unit,
                                  i == 0 ? HB_UNIT_FIRST : 0),
                         HB_OK);
    if (empty_last)
        assert_int_equal(
            add_unit(&test, worker, &memory, &samples[0], units * unit, 0, HB_UNIT_LAST), HB_OK);
    samples[0].entry.bytes = units * unit;
    assert_int_equal(test.ops->end_entry(test.self, &memory.sink, &samples[0].entry), HB_OK);
    assert_int_equal(test.ops->begin_entry(test.self, &memory.sink, &samples[1].entry), HB_OK);
    assert_int_equal(
        add_unit(&test, worker, &memory, &samples[1], 0, 5, HB_UNIT_FIRST | HB_UNIT_LAST), HB_OK);
    assert_int_equal(test.ops->end_entry(test.self, &memory.sink, &samples[1].entry), HB_OK);
    assert_int_equal(test.ops->finish(test.self, &memory.sink, NULL, 0), HB_OK);
    test.ops->worker_destroy(test.self, worker);
    zip_test_end(&test);
    zip_test_read(&memory, &list);
    zip_test_same(samples, 2, &list);
    zip_test_free(&list);
    memory_free(&memory);
    free(text);
}

static void shrunk_entries(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 16; i++)
        shrunk(i & 1, i & 2 ? MIB : 1000, i & 4 ? 3 : 1, i & 8);
    shrunk(true, 0, 1, false); /* a first unit without bytes */
    shrunk(false, 0, 1, true);
    shrunk(true, 0, 0, false); /* no unit at all */
    shrunk(false, 0, 0, false);
}

/*
 * A disk that is full in each of the writes, at their edges and between, and at each byte of the
 * headers with HBCORE_FULL=1: the failure comes through, nothing leaks or crashes.
 */
static void full_disk(void **state)
{
    (void)state;
    const char *full = getenv("HBCORE_FULL");
    size_t step = full != NULL && strcmp(full, "1") == 0 ? 1 : 13;
    unsigned char *text = zip_test_text(MIB + 1);
    struct sample samples[] = {zip_test_file("text", text, MIB + 1), zip_test_file("a", "b", 1),
                               zip_test_directory("c")};
    for (int seekable = 0; seekable < 2; seekable++) {
        struct memory memory;
        struct zip_test test;
        assert_int_equal(zip_test_write(&memory, seekable, 1, samples, 3, "trailer", 7), HB_OK);
        size_t whole = memory.bytes;
        memory_free(&memory);
        for (size_t limit = 0; limit < whole;
             limit += limit < 300 || whole - limit < 800 ? step : 997 * step) {
            zip_test_start(&test, 1);
            memory_init(&memory, seekable);
            memory.limit = limit;
            assert_int_equal(memory_write(test.ops, &test.fake.host, test.self, &memory, samples, 3,
                                          "trailer", 7),
                             HB_STATUS_FATAL);
            zip_test_end(&test);
            memory_free(&memory);
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_archive),
        cmocka_unit_test(small_entries),
        cmocka_unit_test(sizes_around_a_unit),
        cmocka_unit_test(mixed_chunks),
        cmocka_unit_test(every_level),
        cmocka_unit_test(compression),
        cmocka_unit_test(times),
        cmocka_unit_test(same_bytes_in_every_zone),
        cmocka_unit_test(modes),
        cmocka_unit_test(names),
        cmocka_unit_test(refused_names),
        cmocka_unit_test(trailer),
        cmocka_unit_test(content_is_no_trailer),
        cmocka_unit_test(many_entries),
        cmocka_unit_test(shrunk_entries),
        cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
