/* SPDX-License-Identifier: Apache-2.0 */
/* The core's block in an archive: what is in it, what seals it, and what an older one lacks. */
#include "archive/trailer.h"
#include "base/memory.h"
#include "scratch.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

static const unsigned char key[HB_SEAL_BYTES] = {1, 2, 3};
static const unsigned char other_key[HB_SEAL_BYTES] = {1, 2, 4};

struct block {
    unsigned char *data;
    size_t bytes;
};

static struct hb_entry entry_of(const char *path, const char *link)
{
    return (struct hb_entry){.size = sizeof(struct hb_entry),
                             .type = link == NULL ? HB_FILE : HB_SYMLINK,
                             .path = path,
                             .path_bytes = strlen(path),
                             .link = link,
                             .mode = 0644,
                             .flags = HB_ENTRY_HAS_MODE};
}

static struct block build(const struct hb_origin *origin, const unsigned char *seal_key)
{
    struct hb_trailer trailer = {0};
    struct hb_report report;
    struct block block;
    struct hb_entry file = entry_of("a", NULL), link = entry_of("b", "a");
    hb_report_init(&report);
    hb_trailer_add(&trailer, &file);
    hb_trailer_add(&trailer, &link);
    hb_trailer_build(&trailer, &report, NULL, origin, seal_key, &block.data, &block.bytes);
    hb_report_clear(&report);
    hb_trailer_clear(&trailer);
    return block;
}

static struct hb_origin origin_of(const char *path)
{
    struct hb_origin origin = {.host = (char *)(uintptr_t) "machine",
                               .path = (char *)(uintptr_t)path,
                               .preset = (char *)(uintptr_t) "nightly",
                               .started = 1764346614,
                               .ended = 1764346615,
                               .files = 3,
                               .bytes = 77,
                               .sequence = 9};
    memcpy(origin.home, "0123456789abcdef0123456789abcdef", HB_ID_BYTES);
    memcpy(origin.stamp, "2026-01-31-235959", sizeof "2026-01-31-235959");
    return origin;
}

static void parse(const struct block *block, struct hb_trailer *trailer)
{
    struct hb_error error;
    assert_int_equal(hb_trailer_parse(block->data, block->bytes, trailer, &error), HB_OK);
    assert_int_equal(trailer->count, 2);
}

static void checksum(struct block *block)
{
    size_t body = block->bytes - sizeof(uint64_t);
    uint64_t sum = htole64(XXH3_64bits(block->data, body));
    memcpy(block->data + body, &sum, sizeof sum);
}

static void what_it_says(void **state)
{
    (void)state;
    struct hb_origin origin = origin_of("/home/\xff");
    struct block block = build(&origin, key);
    struct hb_trailer trailer;
    parse(&block, &trailer);
    assert_true(trailer.has_origin);
    assert_string_equal(trailer.origin.home, origin.home);
    assert_string_equal(trailer.origin.host, "machine");
    assert_string_equal(trailer.origin.preset, "nightly");
    assert_string_equal(trailer.origin.stamp, origin.stamp);
    assert_int_equal(trailer.origin.sequence, 9);
    assert_int_equal(trailer.origin.started, 1764346614);
    hb_trailer_clear(&trailer);
    free(block.data);
}

/* Each byte but the checksum. */
static void the_seal_covers_all(void **state)
{
    (void)state;
    struct hb_origin origin = origin_of("/home");
    struct block block = build(&origin, key);
    assert_true(hb_trailer_is_sealed(block.data, block.bytes, key));
    assert_false(hb_trailer_is_sealed(block.data, block.bytes, other_key));
    for (size_t i = 8; i < block.bytes - sizeof(uint64_t); i++) {
        struct hb_trailer trailer;
        struct hb_error error;
        block.data[i] ^= 1;
        checksum(&block);
        if (hb_trailer_parse(block.data, block.bytes, &trailer, &error) == HB_OK)
            assert_false(hb_trailer_is_sealed(block.data, block.bytes, key));
        hb_trailer_clear(&trailer);
        block.data[i] ^= 1;
    }
    free(block.data);
    block = build(&origin, NULL);
    assert_false(hb_trailer_is_sealed(block.data, block.bytes, key));
    free(block.data);
}

/* Nothing but magic and version is known of it: neither its length nor its checksum. */
static void of_a_later_version(void **state)
{
    (void)state;
    struct block block = build(NULL, NULL);
    for (size_t bytes = 0; bytes <= block.bytes; bytes = bytes < 24 ? bytes + 1 : block.bytes) {
        for (int version = 0; version < 256; version += version < 3 ? 1 : 126) {
            struct hb_trailer trailer;
            struct hb_error error = {0};
            block.data[7] = (unsigned char)version;
            int status = hb_trailer_parse(block.data, bytes, &trailer, &error);
            int expected = version == 1 && bytes == block.bytes ? HB_OK
                           : version > 1 && bytes >= 8          ? HB_LATER
                                                                : HB_FATAL;
            assert_int_equal(status, expected);
            hb_trailer_clear(&trailer);
        }
        if (bytes == block.bytes)
            break;
    }
    free(block.data);
}

/* Its length stays, so that nothing moves behind it; what is in front is the same. */
static void only_the_last_section_differs(void **state)
{
    (void)state;
    struct hb_origin one = origin_of("/home"), other = origin_of("/another/one");
    other.sequence = 1000000;
    struct block a = build(&one, key), b = build(&other, other_key), none = build(NULL, key);
    size_t before = none.bytes - sizeof(uint64_t);
    assert_int_equal(a.bytes, b.bytes);
    assert_memory_equal(a.data, none.data, before);
    assert_memory_equal(b.data, none.data, before);
    struct hb_trailer trailer;
    parse(&none, &trailer);
    assert_false(trailer.has_origin);
    hb_trailer_clear(&trailer);
    assert_false(hb_trailer_is_sealed(none.data, none.bytes, key));
    free(a.data);
    free(b.data);
    free(none.data);
}

/* What a later release may add is passed over; the seal is then not the last section's. */
static void one_more_section(void **state)
{
    (void)state;
    static const unsigned char more[24] = {99, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 'x'};
    struct hb_origin origin = origin_of("/home");
    struct block block = build(&origin, key);
    size_t body = block.bytes - sizeof(uint64_t);
    block.data = hb_resize(block.data, block.bytes + sizeof more, 1);
    memcpy(block.data + body, more, sizeof more);
    block.bytes += sizeof more;
    checksum(&block);
    struct hb_trailer trailer;
    parse(&block, &trailer);
    assert_true(trailer.has_origin);
    assert_false(hb_trailer_is_sealed(block.data, block.bytes, key));
    hb_trailer_clear(&trailer);
    free(block.data);
}

static void every_attribute_is_hashed(void **state)
{
    (void)state;
    struct block block = build(NULL, NULL);
    struct hb_trailer trailer;
    parse(&block, &trailer);
    struct hb_entry link = entry_of("b", "a"), other = entry_of("b", "c"),
                    file = entry_of("b", NULL);
    link.index = other.index = file.index = 1;
    assert_true(hb_trailer_matches(&trailer, &link));
    assert_false(hb_trailer_matches(&trailer, &other));
    assert_false(hb_trailer_matches(&trailer, &file));
    link.mode = 0600;
    assert_false(hb_trailer_matches(&trailer, &link));
    hb_trailer_clear(&trailer);
    free(block.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says),       cmocka_unit_test(the_seal_covers_all),
        cmocka_unit_test(of_a_later_version), cmocka_unit_test(only_the_last_section_differs),
        cmocka_unit_test(one_more_section),   cmocka_unit_test(every_attribute_is_hashed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
