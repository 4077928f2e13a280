/* SPDX-License-Identifier: Apache-2.0 */
/* The core's block in an archive: what is in it, what seals it, and what an older one lacks. */
#include "archive/trailer.h"
#include "base/memory.h"
#include "scratch.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
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
                             .type = link == NULL ? HB_TYPE_FILE : HB_TYPE_SYMLINK,
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
    hb_trailer_add(&trailer, &file, UINT64_C(0x0123456789abcdef));
    hb_trailer_add(&trailer, &link, 0);
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
    uint64_t content = 1;
    assert_true(hb_trailer_content(&trailer, 0, &content));
    assert_true(content == UINT64_C(0x0123456789abcdef));
    assert_true(hb_trailer_content(&trailer, 1, &content));
    assert_true(content == 0);
    assert_false(hb_trailer_content(&trailer, 2, &content));
    hb_trailer_clear(&trailer);
    free(block.data);
}

static void parse_origin(const struct hb_origin *origin, struct hb_origin *found)
{
    struct block block = build(origin, key);
    struct hb_trailer trailer;
    parse(&block, &trailer);
    *found = trailer.origin;
    trailer.origin = (struct hb_origin){.sequence = 0};
    hb_trailer_clear(&trailer);
    free(block.data);
}

/* What somebody made up is none: an id of other letters, numbers that leave no room above. */
static void what_cannot_be(void **state)
{
    static const struct {
        const char *home;
        uint64_t sequence, read;
    } rows[] = {
        {"0123456789abcdef", 1u << 20, 1u << 20},
        {"../0123456789abcd", 7, 7},
        {"0123456789ABCDEF", 7, 7},
        {"", UINT64_C(1) << 53, UINT64_C(1) << 53},
        {"", (UINT64_C(1) << 53) + 1, 0},
        {"", INT64_MAX, 0},
        {"", UINT64_MAX, 0} /* as a negative one */,
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct hb_origin origin = origin_of("/home"), found;
        snprintf(origin.home, sizeof origin.home, "%s", rows[i].home);
        origin.sequence = rows[i].sequence;
        parse_origin(&origin, &found);
        assert_string_equal(found.home, i == 0 ? rows[i].home : "");
        assert_true(found.sequence == rows[i].read);
        hb_origin_clear(&found);
    }
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

/* Whatever it is, it is no trailer of ours any more. */
static void damage_is_noticed(void **state)
{
    (void)state;
    struct block block = build(NULL, NULL);
    for (size_t i = 8; i < block.bytes; i++) {
        struct hb_trailer trailer;
        struct hb_error error = {0};
        block.data[i] ^= 0x10;
        assert_int_equal(hb_trailer_parse(block.data, block.bytes, &trailer, &error),
                         HB_STATUS_FATAL);
        assert_contains(error.text, "damaged");
        block.data[i] ^= 0x10;
    }
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
                           : version > 1 && bytes >= 8          ? HB_STATUS_LATER
                                                                : HB_STATUS_FATAL;
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

/* The section of this type, head and payload, and where it begins. */
static size_t section_of(const struct block *block, unsigned char type, size_t *bytes)
{
    for (size_t at = 8; at < block->bytes - sizeof(uint64_t); at += *bytes) {
        uint64_t length;
        memcpy(&length, block->data + at + 8, sizeof length);
        *bytes = 16 + ((size_t)le64toh(length) + 7) / 8 * 8;
        if (block->data[at] == type)
            return at;
    }
    fail_msg("there is no section %d", type);
    return 0;
}

/* As the release before made it: nothing is said of contents, and all else is as before. */
static void without_contents(void **state)
{
    (void)state;
    struct block block = build(NULL, NULL);
    size_t bytes, at = section_of(&block, 5, &bytes);
    memmove(block.data + at, block.data + at + bytes, block.bytes - at - bytes);
    block.bytes -= bytes;
    checksum(&block);
    struct hb_trailer trailer;
    struct hb_entry file = entry_of("a", NULL);
    uint64_t content;
    parse(&block, &trailer);
    assert_false(hb_trailer_content(&trailer, 0, &content));
    assert_true(hb_trailer_matches(&trailer, &file));
    hb_trailer_clear(&trailer);
    free(block.data);
}

/* 8 bytes for the metadata, 8 for the content, and nothing else grows with the entries. */
static void sixteen_bytes_an_entry(void **state)
{
    enum { FEW = 1000, MANY = 5000 };
    size_t sizes[2] = {FEW, MANY};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hb_trailer trailer = {0};
        struct hb_report report;
        struct hb_entry entry = entry_of("a", NULL);
        unsigned char *data;
        hb_report_init(&report);
        for (size_t count = sizes[i]; count > 0; count--)
            hb_trailer_add(&trailer, &entry, count);
        hb_trailer_build(&trailer, &report, NULL, NULL, NULL, &data, &sizes[i]);
        free(data);
        hb_report_clear(&report);
        hb_trailer_clear(&trailer);
    }
    assert_int_equal((sizes[1] - sizes[0]) / (MANY - FEW), 16);
}

/* One more section behind all others; `bytes` of it, of which so many are there. */
static void add_section(struct block *block, unsigned char type, size_t bytes, size_t there)
{
    unsigned char head[16] = {type, [8] = (unsigned char)bytes};
    size_t body = block->bytes - sizeof(uint64_t);
    block->bytes += sizeof head + there;
    block->data = hb_resize(block->data, block->bytes, 1);
    memcpy(block->data + body, head, sizeof head);
    memset(block->data + body + sizeof head, 'x', there);
    checksum(block);
}

/* What a later release may add is passed over; the seal is then not the last section's. */
static void one_more_section(void **state)
{
    (void)state;
    struct hb_origin origin = origin_of("/home");
    struct block block = build(&origin, key);
    add_section(&block, 99, 8, 8);
    struct hb_trailer trailer;
    parse(&block, &trailer);
    assert_true(trailer.has_origin);
    assert_false(hb_trailer_is_sealed(block.data, block.bytes, key));
    hb_trailer_clear(&trailer);
    free(block.data);
}

/* Right before memory that may not be touched, so that a step too far is seen without a sanitizer.
 */
static void expect_malformed(struct block block)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *pages =
        mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct hb_trailer trailer;
    struct hb_error error = {0};
    assert_true(pages != MAP_FAILED && block.bytes <= page);
    assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
    memcpy(pages + page - block.bytes, block.data, block.bytes);
    assert_int_equal(hb_trailer_parse(pages + page - block.bytes, block.bytes, &trailer, &error),
                     HB_STATUS_FATAL);
    assert_contains(error.text, "malformed");
    assert_null(trailer.hashes);
    munmap(pages, 2 * page);
    free(block.data);
}

static void twice_or_cut(void **state)
{
    enum { SUMMARY = 1, METADATA = 2, ORIGIN = 4, CONTENT = 5 };
    static const struct {
        unsigned char type;
        size_t bytes, there;
    } rows[] = {
        {METADATA, 8, 8}, {METADATA, 0, 0}, {CONTENT, 16, 16}, {CONTENT, 0, 0},
        {ORIGIN, 64, 64}, {99, 16, 8},      {99, 8, 7},        {99, 5, 5},
        {99, 200, 8},     {SUMMARY, 8, 8}, /* which is no JSON */
    };
    struct hb_origin origin = origin_of("/home");
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct block block = build(&origin, key);
        add_section(&block, rows[i].type, rows[i].bytes, rows[i].there);
        expect_malformed(block);
    }
    struct block same = build(&origin, key); /* the origin again, byte for byte */
    struct block none = build(NULL, key);
    size_t body = same.bytes - sizeof(uint64_t), section = same.bytes - none.bytes;
    same.data = hb_resize(same.data, same.bytes + section, 1);
    memmove(same.data + body, same.data + body - section, section);
    same.bytes += section;
    checksum(&same);
    expect_malformed(same);
    free(none.data);
}

/* No summary; a list of hashes that is cut in the middle of one. */
static void what_must_be_there(void **state)
{
    (void)state;
    struct block block = {hb_alloc(16), 16};
    struct block whole = build(NULL, NULL);
    memcpy(block.data, whole.data, 8);
    checksum(&block);
    expect_malformed(block);
    block = (struct block){hb_alloc(16), 16};
    memcpy(block.data, whole.data, 8);
    add_section(&block, 2, 4, 8);
    expect_malformed(block);
    size_t bytes, at = section_of(&whole, 2, &bytes); /* contents of entries that are not there */
    memmove(whole.data + at, whole.data + at + bytes, whole.bytes - at - bytes);
    whole.bytes -= bytes;
    checksum(&whole);
    expect_malformed(whole);
    whole = build(NULL, NULL);
    at = section_of(&whole, 5, &bytes); /* fewer than there are */
    whole.data[at + 8] -= 8;
    memmove(whole.data + at + bytes - 8, whole.data + at + bytes, whole.bytes - at - bytes);
    whole.bytes -= 8;
    checksum(&whole);
    expect_malformed(whole);
}

/* What an archive may not say otherwise of its second entry. */
static void set_type(struct hb_entry *entry)
{
    entry->type = HB_TYPE_DIRECTORY;
    entry->bytes = 0;
}
static void set_mode(struct hb_entry *entry)
{
    entry->mode = 0600;
}
static void set_seconds(struct hb_entry *entry)
{
    entry->mtime.tv_sec++;
}
static void set_nanoseconds(struct hb_entry *entry)
{
    entry->mtime.tv_nsec++;
}
static void set_size(struct hb_entry *entry)
{
    entry->bytes++;
}
static void set_path(struct hb_entry *entry)
{
    entry->path = "c";
}
static void set_link(struct hb_entry *entry)
{
    entry->link = "x";
}

/* In one go with a short path, in pieces with a long one or a link. */
static void every_attribute_is_hashed(void **state)
{
    static void (*const changes[])(struct hb_entry *) = {
        set_type, set_mode, set_seconds, set_nanoseconds, set_size, set_path, set_link};
    static char longest[300];
    (void)state;
    memset(longest, 'p', sizeof longest - 1);
    for (int kind = 0; kind < 3; kind++) {
        struct hb_trailer trailer = {0};
        struct hb_entry usual = entry_of(kind == 0 ? "b" : longest, kind == 2 ? "a" : NULL);
        usual.type = HB_TYPE_FILE;
        usual.index = 1;
        hb_trailer_add(&trailer, &usual, 0);
        hb_trailer_add(&trailer, &usual, 0);
        assert_true(hb_trailer_matches(&trailer, &usual));
        for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
            struct hb_entry entry = usual;
            changes[i](&entry);
            entry.path_bytes = strlen(entry.path);
            if (hb_trailer_matches(&trailer, &entry))
                fail_msg("kind %d: change %zu is not seen", kind, i);
        }
        usual.index = 2;
        assert_false(hb_trailer_matches(&trailer, &usual));
        hb_trailer_clear(&trailer);
    }
}

/* A directory has no size of its own, whatever a format says; a mode that is not there is none. */
static void what_does_not_count(void **state)
{
    (void)state;
    struct hb_trailer trailer = {0};
    struct hb_entry entry = entry_of("b", NULL);
    entry.type = HB_TYPE_DIRECTORY;
    entry.flags = 0;
    hb_trailer_add(&trailer, &entry, 0);
    entry.bytes = 4096;
    entry.mode = 0;
    assert_true(hb_trailer_matches(&trailer, &entry));
    entry.flags = HB_ENTRY_HAS_MODE;
    assert_false(hb_trailer_matches(&trailer, &entry));
    hb_trailer_clear(&trailer);
}

/* ---- what content plugins said ---- */

static struct block annotated(json_t *rows)
{
    struct hb_trailer trailer = {.annotations = rows};
    struct hb_report report;
    struct block block;
    struct hb_entry file = entry_of("a", NULL), link = entry_of("b", "a");
    hb_report_init(&report);
    hb_trailer_add(&trailer, &file, 1);
    hb_trailer_add(&trailer, &link, 0);
    hb_trailer_build(&trailer, &report, NULL, NULL, NULL, &block.data, &block.bytes);
    hb_report_clear(&report);
    hb_trailer_clear(&trailer);
    return block;
}

/* Only an entry of which something was said costs bytes, and it comes back. */
static void what_was_said_of_entries(void **state)
{
    struct hb_trailer trailer;
    struct hb_error error;
    (void)state;
    json_t *rows = json_array(), *none = json_object();
    json_t *facts = json_pack("{s:I, s:I}", "z", (json_int_t)INT64_MIN, "a", (json_int_t)INT64_MAX);
    json_t *notes = json_pack("[s, s]", "one", "");
    hb_annotations_add(rows, 0, none, NULL);
    struct block plain = annotated(NULL), empty = annotated(json_incref(rows));
    assert_int_equal(plain.bytes, empty.bytes);
    assert_memory_equal(plain.data, empty.data, plain.bytes);
    hb_annotations_add(rows, 1, facts, notes);
    struct block said = annotated(rows);
    assert_int_equal(hb_trailer_parse(said.data, said.bytes, &trailer, &error), HB_OK);
    assert_true(json_equal(hb_annotations_facts(trailer.annotations, 1), facts));
    assert_true(json_equal(hb_annotations_notes(trailer.annotations, 1), notes));
    assert_null(hb_annotations_facts(trailer.annotations, 0));
    assert_null(hb_annotations_notes(trailer.annotations, 2));
    assert_null(hb_annotations_facts(NULL, 1));
    hb_trailer_clear(&trailer);
    json_decref(none);
    json_decref(facts);
    json_decref(notes);
    free(plain.data);
    free(empty.data);
    free(said.data);
}

/* What this version does not know is passed over. */
static void what_a_later_version_may_say(void **state)
{
    static const char text[] =
        "[{\"entry\":0,\"facts\":{\"a\":1.5,\"b\":2,\"c\":\"x\"},\"notes\":[1,\"one\",{}],\"more\":"
        "0},"
        "{\"entry\":1,\"facts\":[],\"notes\":{}},{\"entry\":2,\"facts\":{\"a\":null}}]";
    (void)state;
    json_t *rows = hb_annotations_parse((const void *)text, sizeof text - 1, 3);
    json_t *facts = json_pack("{s:i}", "b", 2), *notes = json_pack("[s]", "one");
    assert_non_null(rows);
    assert_true(json_equal(hb_annotations_facts(rows, 0), facts));
    assert_true(json_equal(hb_annotations_notes(rows, 0), notes));
    for (uint64_t entry = 1; entry < 3; entry++) {
        assert_null(hb_annotations_facts(rows, entry));
        assert_int_equal(json_array_size(hb_annotations_notes(rows, entry)), 0);
    }
    json_decref(rows);
    json_decref(facts);
    json_decref(notes);
}

static void what_nobody_can_have_said(void **state)
{
    static const char *const wrong[] = {
        "",
        "{}",
        "[1]",
        "[{}]",
        "[{\"entry\":-1}]",
        "[{\"entry\":2}]",
        "[{\"entry\":\"0\"}]",
        "[{\"entry\":1},{\"entry\":1}]",
        "[{\"entry\":1},{\"entry\":0}]",
        "[{\"entry\":0,\"facts\":{\"a\":1,\"a\":2}}]",
        "[{\"entry\":0,\"facts\":{\"a\":99999999999999999999}}]",
        "[{\"entry\":0,\"notes\":[\"\\u0000\"]}]",
        "[{\"entry\":0,\"notes\":[\"\xff\"]}]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *rows = hb_annotations_parse((const void *)wrong[i], strlen(wrong[i]), 2);
        if (rows != NULL)
            fail_msg("taken: %s", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_said_of_entries),
        cmocka_unit_test(what_a_later_version_may_say),
        cmocka_unit_test(what_nobody_can_have_said),
        cmocka_unit_test(what_it_says),
        cmocka_unit_test(what_cannot_be),
        cmocka_unit_test(the_seal_covers_all),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(of_a_later_version),
        cmocka_unit_test(only_the_last_section_differs),
        cmocka_unit_test(one_more_section),
        cmocka_unit_test(every_attribute_is_hashed),
        cmocka_unit_test(what_does_not_count),
        cmocka_unit_test(twice_or_cut),
        cmocka_unit_test(what_must_be_there),
        cmocka_unit_test(without_contents),
        cmocka_unit_test(sixteen_bytes_an_entry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
