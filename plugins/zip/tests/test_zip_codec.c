/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a unit: what they depend on, and what they do not. */
#include "zip_test.h"

#include "zip_codec.h"

#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIB = 1 << 10, MIB = 1 << 20, MOST_WORKERS = 200 };

struct encoding {
    struct zip_test test;
    struct sample sample;
    void *workers[MOST_WORKERS];
};

static void start(struct encoding *encoding, int level, unsigned workers)
{
    *encoding = (struct encoding){.sample = zip_test_file("file", NULL, 0)};
    zip_test_start(&encoding->test, level);
    for (unsigned i = 0; i < workers; i++)
        encoding->workers[i] = encoding->test.ops->worker_create(encoding->test.self);
}

static void end(struct encoding *encoding)
{
    for (unsigned i = 0; i < MOST_WORKERS; i++)
        if (encoding->workers[i] != NULL)
            encoding->test.ops->worker_destroy(encoding->test.self, encoding->workers[i]);
    zip_test_end(&encoding->test);
}

/* A unit, for drop(). */
static struct hb_unit encode(struct encoding *encoding, unsigned worker, const void *data,
                             uint64_t bytes, uint32_t flags)
{
    struct hb_segment segment = {.size = sizeof segment,
                                 .flags = flags,
                                 .entry = &encoding->sample.entry,
                                 .data = data,
                                 .bytes = bytes};
    const struct hb_segment *segments[] = {&segment};
    struct hb_unit unit = {.size = sizeof unit, .entry = segment.entry};
    assert_int_equal(encoding->test.ops->encode(encoding->test.self, encoding->workers[worker],
                                                segments, 1, &unit),
                     HB_OK);
    return unit;
}

static void drop(struct encoding *encoding, struct hb_unit *unit)
{
    encoding->test.fake.host.release(&encoding->test.fake.host, (void *)(uintptr_t)unit->data);
}

static uint16_t method_of(const struct hb_unit *unit)
{
    struct zip_note note;
    memcpy(&note, unit->note, sizeof note);
    return note.method;
}

/*
 * Small contents in which something comes back from the first bytes on, by many workers, each of
 * which lies somewhere else in memory and has something else behind it.
 */
static void same_by_every_worker(void **state)
{
    (void)state;
    struct encoding encoding;
    char content[1200];
    start(&encoding, ZIP_LEVEL_FAST, MOST_WORKERS);
    for (unsigned i = 0; i < 250; i++) {
        unsigned length = 300 + i * 37 % 900;
        for (unsigned at = 0; at < length; at++)
            content[at] =
                (char)('a' + (at % 29 * (i + 3) + at % 31 * 7 + at / (100 + i % 50)) % 26);
        memcpy(content + length - 120, content, 60);
        struct hb_unit first = encode(&encoding, 0, content, length, HB_UNIT_FIRST | HB_UNIT_LAST);
        assert_int_equal(method_of(&first), ZIP_DEFLATED);
        for (unsigned worker = 1; worker < MOST_WORKERS; worker++) {
            struct hb_unit unit =
                encode(&encoding, worker, content, length, HB_UNIT_FIRST | HB_UNIT_LAST);
            assert_int_equal(unit.bytes, first.bytes);
            assert_memory_equal(unit.data, first.data, first.bytes);
            drop(&encoding, &unit);
        }
        drop(&encoding, &first);
    }
    end(&encoding);
}

/* What came before, and where the content lies, makes no difference. */
static void same_after_anything(void **state)
{
    (void)state;
    unsigned char *text = zip_test_text(MIB), *noise = zip_test_noise(2 * MIB, 21);
    unsigned char *moved = malloc(MIB + 64);
    for (int fast = 0; fast < 2; fast++) {
        struct encoding encoding;
        start(&encoding, fast ? ZIP_LEVEL_FAST : 6, 2);
        struct hb_unit alone = encode(&encoding, 0, text, MIB, HB_UNIT_FIRST);
        for (unsigned i = 0; i < 24; i++) {
            struct hb_unit other =
                encode(&encoding, 1, (i & 1 ? noise : text) + i * 333, (i % 5) * 60 * KIB + 100,
                       i & 2 ? HB_UNIT_FIRST : HB_UNIT_LAST);
            drop(&encoding, &other);
            memcpy(moved + i, text, MIB);
            memcpy(moved + i + MIB, noise + i, 64 - i);
            struct hb_unit unit = encode(&encoding, 1, moved + i, MIB, HB_UNIT_FIRST);
            assert_int_equal(unit.bytes, alone.bytes);
            assert_memory_equal(unit.data, alone.data, alone.bytes);
            drop(&encoding, &unit);
        }
        drop(&encoding, &alone);
        end(&encoding);
    }
    free(text);
    free(noise);
    free(moved);
}

/* Each unit decompresses alone: it has no final block, and an empty one makes it a stream. */
static void units_stand_alone(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1, 7, 100, 3000, 40 * KIB, 200 * KIB, MIB};
    unsigned char *text = zip_test_text(MIB), *stream = malloc(2 * MIB), *plain = malloc(MIB + 1);
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        uint64_t bytes = sizes[i / 2];
        struct encoding encoding;
        size_t got;
        start(&encoding, i % 2 ? ZIP_LEVEL_FAST : 6, 1);
        struct hb_unit unit = encode(&encoding, 0, text, bytes, HB_UNIT_FIRST);
        memcpy(stream, unit.data, unit.bytes);
        assert_int_equal(
            libdeflate_deflate_decompress(decompressor, stream, unit.bytes, plain, MIB + 1, &got),
            LIBDEFLATE_BAD_DATA); /* no end */
        memcpy(stream + unit.bytes, "\3", 2);
        assert_int_equal(libdeflate_deflate_decompress(decompressor, stream, unit.bytes + 2, plain,
                                                       MIB + 1, &got),
                         LIBDEFLATE_SUCCESS);
        assert_int_equal(got, bytes);
        assert_memory_equal(plain, text, bytes);
        drop(&encoding, &unit);
        end(&encoding);
    }
    libdeflate_free_decompressor(decompressor);
    free(text);
    free(stream);
    free(plain);
}

/* What does not compress is stored; what does a little is not taken for it. */
static void told_by_samples(void **state)
{
    (void)state;
    unsigned char *noise = zip_test_noise(MIB, 31), *mixed = malloc(MIB);
    static const uint64_t sizes[] = {4 * KIB, 32 * KIB, 100 * KIB, 128 * KIB, MIB};
    memcpy(mixed, noise, MIB);
    for (size_t i = 0; i < MIB; i += 8)
        mixed[i] = 0; /* 7.5 bits a byte */
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        struct encoding encoding;
        uint64_t bytes = sizes[i / 2];
        start(&encoding, i % 2 ? ZIP_LEVEL_FAST : 6, 1);
        struct hb_unit unit = encode(&encoding, 0, noise, bytes, HB_UNIT_FIRST | HB_UNIT_LAST);
        assert_int_equal(method_of(&unit), ZIP_STORED);
        assert_int_equal(unit.bytes, bytes);
        drop(&encoding, &unit);
        unit = encode(&encoding, 0, mixed, bytes, HB_UNIT_FIRST | HB_UNIT_LAST);
        assert_int_equal(method_of(&unit), ZIP_DEFLATED);
        assert_in_range(unit.bytes, bytes * 85 / 100, bytes * 98 / 100);
        drop(&encoding, &unit);
        end(&encoding);
    }
    free(noise);
    free(mixed);
}

/* A name for each codec, the same in each instance, whatever was encoded before. */
static void names(void **state)
{
    (void)state;
    char seen[ZIP_LEVEL_FAST + 1][160];
    for (int level = 0; level <= ZIP_LEVEL_FAST; level++) {
        struct encoding one, two, in_order;
        start(&one, level, 1);
        start(&two, level, 1);
        start(&in_order, level, 1);
        const char *name = zip_codec_name(one.test.self, true);
        assert_non_null(name);
        snprintf(seen[level], sizeof seen[level], "%s", name);
        assert_ptr_equal(zip_codec_name(one.test.self, true), name);
        struct hb_unit unit = encode(&two, 0, name, strlen(name), HB_UNIT_FIRST);
        drop(&two, &unit);
        assert_string_equal(zip_codec_name(two.test.self, true), name);
        for (int other = 0; other < level; other++)
            assert_string_not_equal(seen[other], name);
        /* Without patch() long entries lie otherwise. */
        assert_string_not_equal(zip_codec_name(in_order.test.self, false), name);
        end(&in_order);
        end(&one);
        end(&two);
    }
    assert_non_null(strstr(seen[0], "524288 stored"));
    assert_non_null(strstr(seen[6], "libdeflate " LIBDEFLATE_VERSION_STRING " level 6, sample "));
    assert_non_null(strstr(seen[ZIP_LEVEL_FAST], "isa-l 2."));
    /* The sample's checksum is told apart even where the words before it are the same. */
    assert_string_not_equal(strstr(seen[5], "sample"), strstr(seen[6], "sample"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_by_every_worker),
        cmocka_unit_test(same_after_anything),
        cmocka_unit_test(units_stand_alone),
        cmocka_unit_test(told_by_samples),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
