/* SPDX-License-Identifier: Apache-2.0 */
/* What is listed is what comes out again, and each path leads to its member. */
#include "archive/catalog.h"
#include "base/memory.h"
#include "scratch.h"

#include <stdio.h>
#include <string.h>

enum { MANY = 3000, ANOTHER_FLAG = 0x40 };

static struct hb_entry numbered(size_t number, char path[32], char link[32])
{
    snprintf(path, 32, "directory/%zu", number);
    snprintf(link, 32, "to/%zu", number);
    return (struct hb_entry){.size = sizeof(struct hb_entry),
                             .type = number % 3 == 0 ? HB_TYPE_SYMLINK : HB_TYPE_FILE,
                             .path = path,
                             .path_bytes = strlen(path),
                             .link = number % 3 == 0 ? link : NULL,
                             .bytes = number * UINT64_C(0x100000001),
                             .mtime = {.tv_sec = -(time_t)number, .tv_nsec = 999999999},
                             .mode = 0100000u | (number & 07777),
                             .flags = number % 8,
                             .uid = UINT32_MAX,
                             .gid = (uint32_t)number};
}

static void fill(struct hb_catalog *catalog)
{
    char path[32], link[32];
    for (size_t i = 0; i < MANY; i++) {
        struct hb_entry entry = numbered(i, path, link);
        struct hb_member member = {.size = sizeof member,
                                   .flags = ANOTHER_FLAG,
                                   .group = i / 10,
                                   .token = i * 7,
                                   .stored_bytes = i + 1};
        assert_int_equal(hb_catalog_add(catalog, &entry, i % 2 == 0 ? &member : NULL), i);
    }
}

static void expect_plain(uint32_t type, const char *path, const char *plain)
{
    struct hb_catalog catalog = {0};
    struct hb_entry entry = {
        .size = sizeof entry, .type = type, .path = path, .path_bytes = strlen(path)};
    hb_catalog_add(&catalog, &entry, NULL);
    hb_catalog_entry(&catalog, 0, &entry);
    assert_string_equal(entry.path, plain);
    assert_int_equal(entry.path_bytes, strlen(plain));
    hb_catalog_clear(&catalog);
}

/* What would be refused by its path keeps it, to be refused. */
static void test_plain_spelling(void **state)
{
    (void)state;
    expect_plain(HB_TYPE_FILE, "d//a", "d/a");
    expect_plain(HB_TYPE_SYMLINK, "d/./a", "d/a");
    expect_plain(HB_TYPE_HARDLINK, "d///././b//a", "d/b/a");
    expect_plain(HB_TYPE_FILE, "./d//a", "d/a");
    expect_plain(HB_TYPE_FILE, "././/d/a", "d/a");
    expect_plain(HB_TYPE_DIRECTORY, "./d", "d");
    expect_plain(HB_TYPE_DIRECTORY, "d/.", "d");
    expect_plain(HB_TYPE_DIRECTORY, "d//", "d");
    static const char *const kept[] = {"d/a", "./../a", "../d//a", "d//../a", "d/./..", "/d//a",
                                       "//d", "",       ".",       "d/...",   "d/.a",   "d/a."};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        expect_plain(HB_TYPE_FILE, kept[i], kept[i]);
    expect_plain(HB_TYPE_FILE, "d/.", "d/.");
    expect_plain(HB_TYPE_FILE, "d//", "d//");
    static const char *const roots[] = {"/", "./.", ".", "./", "//", "/."};
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++)
        expect_plain(HB_TYPE_DIRECTORY, roots[i], ".");
    expect_plain(HB_TYPE_FILE, "/", "/");
    expect_plain(HB_TYPE_DIRECTORY, "/a", "/a");
    expect_plain(HB_TYPE_DIRECTORY, "", "");
}

static void test_what_was_listed(void **state)
{
    struct hb_catalog catalog = {0};
    char path[32], link[32];
    (void)state;
    fill(&catalog);
    for (size_t i = 0; i < MANY; i++) {
        struct hb_entry expected = numbered(i, path, link), entry;
        struct hb_member member;
        hb_catalog_member(&catalog, i, &entry, &member);
        assert_int_equal(entry.type, expected.type);
        assert_string_equal(entry.path, path);
        assert_int_equal(entry.path_bytes, strlen(path));
        assert_true(entry.bytes == expected.bytes);
        assert_int_equal(entry.mtime.tv_sec, expected.mtime.tv_sec);
        assert_int_equal(entry.mtime.tv_nsec, 999999999);
        assert_int_equal(entry.mode, expected.mode & 07777); /* no type in it */
        assert_int_equal(entry.flags, expected.flags);
        assert_int_equal(entry.uid, expected.uid);
        assert_int_equal(entry.gid, expected.gid);
        assert_int_equal(entry.index, i);
        assert_int_equal(entry.link == NULL, expected.link == NULL);
        if (entry.link != NULL)
            assert_string_equal(entry.link, link);
        assert_true(member.entry == &entry);
        assert_int_equal(member.group, i % 2 == 0 ? i / 10 : 0);
        assert_int_equal(member.token, i % 2 == 0 ? i * 7 : 0);
        assert_int_equal(member.stored_bytes, i % 2 == 0 ? i + 1 : 0);
        assert_int_equal(member.flags, i % 2 == 0 ? ANOTHER_FLAG : 0);
    }
    hb_catalog_clear(&catalog);
    assert_int_equal(catalog.count, 0);
}

static size_t add(struct hb_catalog *catalog, const char *path, size_t bytes)
{
    struct hb_entry entry = {
        .size = sizeof entry, .type = HB_TYPE_FILE, .path = path, .path_bytes = bytes};
    return hb_catalog_add(catalog, &entry, NULL);
}

/* The bytes that the entry says, whatever stands behind them. */
static void test_paths_are_counted(void **state)
{
    struct hb_catalog catalog = {0};
    (void)state;
    assert_int_equal(add(&catalog, "abcdef", 3), 0);
    assert_string_equal(hb_catalog_path(&catalog, 0), "abc");
    assert_null(hb_catalog_link(&catalog, 0));
    hb_catalog_clear(&catalog);
}

/* A link's target is found behind a path that was made shorter, and reasons beside owners. */
static void test_links_and_reasons(void **state)
{
    struct hb_catalog catalog = {0};
    char path[32];
    (void)state;
    for (uint32_t i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "./d//./%u", i);
        struct hb_entry entry = {.size = sizeof entry,
                                 .type = HB_TYPE_SYMLINK,
                                 .path = path,
                                 .path_bytes = strlen(path),
                                 .link = path + 2,
                                 .uid = i % 3};
        hb_catalog_add(&catalog, &entry, NULL);
        if (i % 2 == 0)
            hb_catalog_set_unreadable(&catalog, i, i % 4 == 0 ? "is encrypted" : "is torn");
    }
    for (uint32_t i = 0; i < MANY; i++) {
        struct hb_entry entry;
        hb_catalog_entry(&catalog, i, &entry);
        snprintf(path, sizeof path, "d//./%u", i);
        assert_string_equal(entry.link, path);
        snprintf(path, sizeof path, "d/%u", i);
        assert_string_equal(entry.path, path);
        assert_int_equal(entry.uid, i % 3);
        const char *why = hb_catalog_unreadable(&catalog, i);
        if (i % 2 == 0)
            assert_string_equal(why, i % 4 == 0 ? "is encrypted" : "is torn");
        else
            assert_null(why);
    }
    hb_catalog_clear(&catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_listed),
        cmocka_unit_test(test_plain_spelling),
        cmocka_unit_test(test_paths_are_counted),
        cmocka_unit_test(test_links_and_reasons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
