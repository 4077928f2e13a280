/* SPDX-License-Identifier: Apache-2.0 */
/* Archives as other tools make them, byte by byte: encodings, times, attributes, zip64. */
#include "zip_test.h"

#include "zip_bytes.h"
#include "zip_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One stored file "x", and how its headers say it. */
struct foreign {
    const char *name;
    const unsigned char *extra; /* of the central header */
    uint32_t extra_bytes;
    uint32_t made_by, flags, attributes, dos;
    const char *comment; /* of the archive */
    uint32_t prefix;     /* bytes in front */
    const char *behind;  /* bytes behind it */
    const char *noted;   /* comment of the entry */
    bool zip64;          /* everything that can be is saturated */
    bool empty;          /* the file is */
};

static unsigned char *put_name(unsigned char *to, const char *name)
{
    size_t bytes = strlen(name);
    memcpy(to, name, bytes);
    return to + bytes;
}

static unsigned char *put_central(unsigned char *to, const struct foreign *foreign)
{
    uint32_t extra = foreign->extra_bytes + (foreign->zip64 ? 28 : 0);
    to = zip_put32(to, ZIP_CENTRAL_SIGNATURE);
    to = zip_put16(zip_put16(to, foreign->made_by << 8 | 20), 20);
    to = zip_put16(zip_put16(to, foreign->flags), 0);
    to = zip_put32(to, foreign->dos);
    uint32_t bytes = foreign->empty ? 0 : 1;
    to = zip_put32(to, foreign->empty ? 0 : 0x8cdc1683); /* of "x" */
    to = zip_put32(zip_put32(to, foreign->zip64 ? ZIP_32_FULL : bytes),
                   foreign->zip64 ? ZIP_32_FULL : bytes);
    to = zip_put16(zip_put16(to, (uint32_t)strlen(foreign->name)), extra);
    const char *noted = foreign->noted == NULL ? "" : foreign->noted;
    to = zip_put32(zip_put16(to, (uint32_t)strlen(noted)), 0);
    to = zip_put32(to, foreign->attributes);
    to = zip_put32(to, foreign->zip64 ? ZIP_32_FULL : 0);
    to = put_name(to, foreign->name);
    if (foreign->zip64)
        to = zip_put64(zip_put64(zip_put64(zip_put16(zip_put16(to, 1), 24), 1), 1), 0);
    if (foreign->extra_bytes > 0)
        memcpy(to, foreign->extra, foreign->extra_bytes);
    return put_name(to + foreign->extra_bytes, noted);
}

static unsigned char *put_end(unsigned char *to, const struct foreign *foreign, uint32_t start,
                              uint32_t bytes)
{
    if (foreign->zip64) {
        to = zip_put64(zip_put32(to, ZIP_END64_SIGNATURE), 44);
        to = zip_put64(zip_put32(to, 0x002d002d), 0);
        to = zip_put64(zip_put64(zip_put64(zip_put64(to, 1), 1), bytes), start);
        to = zip_put32(zip_put32(to, ZIP_LOCATOR_SIGNATURE), 0);
        to = zip_put32(zip_put64(to, start + bytes), 1);
    }
    to = zip_put32(zip_put32(to, ZIP_END_SIGNATURE), 0);
    to = zip_put32(to, foreign->zip64 ? ZIP_32_FULL : 0x00010001);
    to = zip_put32(zip_put32(to, foreign->zip64 ? ZIP_32_FULL : bytes),
                   foreign->zip64 ? ZIP_32_FULL : start);
    const char *comment = foreign->comment == NULL ? "" : foreign->comment;
    return put_name(zip_put16(to, (uint32_t)strlen(comment)), comment);
}

static void build(struct memory *memory, const struct foreign *foreign)
{
    unsigned char bytes[2048] = {0}, *local = bytes + foreign->prefix, *to = local;
    to = zip_put32(to, ZIP_LOCAL_SIGNATURE);
    to = zip_put16(zip_put16(zip_put16(to, 20), foreign->flags), 0);
    to = zip_put32(to, foreign->dos);
    to = zip_put32(to, foreign->empty ? 0 : 0x8cdc1683);
    to = zip_put32(zip_put32(to, !foreign->empty), !foreign->empty);
    to = zip_put16(zip_put16(to, (uint32_t)strlen(foreign->name)), 0);
    to = put_name(to, foreign->name);
    if (!foreign->empty)
        *to++ = 'x';
    unsigned char *start = to;
    to = put_central(to, foreign);
    to = put_end(to, foreign, (uint32_t)(start - local), (uint32_t)(to - start));
    to = put_name(to, foreign->behind == NULL ? "" : foreign->behind);
    memory_init(memory, true);
    memory->sink.write(&memory->sink, bytes, (size_t)(to - bytes));
}

/* Reads it; the one member is in list.members[0]. */
static void read_one(const struct foreign *foreign, struct found_list *list)
{
    struct memory memory;
    build(&memory, foreign);
    zip_test_read(&memory, list);
    if (list->status != HB_OK)
        fail_msg("%s", list->message);
    assert_int_equal(list->count, 1);
    if (list->members[0].type == HB_TYPE_FILE && !foreign->empty && list->members[0].why == NULL) {
        assert_int_equal(list->members[0].data_bytes, 1);
        assert_int_equal(list->members[0].data[0], 'x');
    }
    memory_free(&memory);
}

static void expect_name(const struct foreign *foreign, const char *name)
{
    struct found_list list;
    read_one(foreign, &list);
    assert_string_equal(list.members[0].path, name);
    zip_test_free(&list);
}

static void encodings(void **state)
{
    (void)state;
    static const unsigned char unicode[] = "\x75\x70\x0a\0\1\x20\xf7\xdf\x04new-\xc3\xa9";
    expect_name(&(struct foreign){.name = "caf\x82"}, "caf\xc3\xa9");
    expect_name(&(struct foreign){.name = "caf\x82", .made_by = 11}, "caf\xc3\xa9");
    expect_name(&(struct foreign){.name = "caf\x82", .made_by = 3}, "caf\x82");
    expect_name(&(struct foreign){.name = "caf\xe9", .made_by = 19}, "caf\xe9");
    expect_name(&(struct foreign){.name = "caf\xc3\xa9"}, "caf\xe2\x94\x9c\xe2\x8c\x90");
    expect_name(&(struct foreign){.name = "caf\xc3\xa9", .flags = ZIP_FLAG_UTF8}, "caf\xc3\xa9");
    expect_name(&(struct foreign){.name = "caf\xc3\xa9", .made_by = 3}, "caf\xc3\xa9");
    /* Its checksum is of another name: void. */
    expect_name(&(struct foreign){.name = "n\x82", .extra = unicode, .extra_bytes = 14},
                "n\xc3\xa9");
    expect_name(&(struct foreign){.name = "./a/../b"}, "./a/../b");
    expect_name(&(struct foreign){.name = "/etc/passwd"}, "/etc/passwd");
    expect_name(&(struct foreign){.name = "a\\b", .made_by = 3}, "a\\b");
}

static void unicode_path(void **state)
{
    (void)state;
    /* crc32("n\x82") in the field, computed here so that the test does not rest on a constant. */
    unsigned char extra[] = "\x75\x70\x08\0\1....\xe2\x82\xac";
    uint32_t crc = 0xffffffff;
    for (const char *at = "n\x82"; *at != '\0'; at++) {
        crc ^= (unsigned char)*at;
        for (int i = 0; i < 8; i++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    zip_put32(extra + 5, ~crc);
    expect_name(&(struct foreign){.name = "n\x82", .extra = extra, .extra_bytes = 12},
                "\xe2\x82\xac");
    extra[9] = '\0';
    struct memory memory;
    struct found_list list;
    build(&memory, &(struct foreign){.name = "n\x82", .extra = extra, .extra_bytes = 12});
    zip_test_read(&memory, &list);
    assert_int_equal(list.status, HB_STATUS_FATAL);
    zip_test_free(&list);
    memory_free(&memory);
}

static void attributes(void **state)
{
    (void)state;
    static const struct {
        uint32_t made_by, attributes, type, flags, mode;
    } all[] = {
        {3, 0100755u << 16, HB_TYPE_FILE, HB_ENTRY_HAS_MODE, 0755},
        {19, 0100644u << 16, HB_TYPE_FILE, HB_ENTRY_HAS_MODE, 0644},
        {3, 0600u << 16, HB_TYPE_FILE, HB_ENTRY_HAS_MODE, 0600},
        {3, 0, HB_TYPE_FILE, 0, 0},
        {0, 0100755u << 16, HB_TYPE_FILE, 0, 0},
        {0, 0x20, HB_TYPE_FILE, 0, 0},
        {0, 0x21, HB_TYPE_FILE, HB_ENTRY_READ_ONLY, 0},
        {11, 0x01, HB_TYPE_FILE, HB_ENTRY_READ_ONLY, 0},
        {3, 0x01, HB_TYPE_FILE, 0, 0},
        {3, 0100644u << 16 | 0x01, HB_TYPE_FILE, HB_ENTRY_HAS_MODE, 0644},
        /* What has content is a file; mysqldump | zip dump.zip - stores the mode of a pipe. */
        {3, 0020666u << 16, HB_TYPE_FILE, HB_ENTRY_HAS_MODE, 0666},
        {3, 0060666u << 16, HB_TYPE_FILE, HB_ENTRY_HAS_MODE, 0666},
        {3, 0010666u << 16, HB_TYPE_FILE, HB_ENTRY_HAS_MODE, 0666},
        {3, 0140666u << 16, HB_TYPE_FILE, HB_ENTRY_HAS_MODE, 0666},
        {3, 0040755u << 16, HB_TYPE_FILE, HB_ENTRY_HAS_MODE, 0755},
        {0, 0x10, HB_TYPE_FILE, 0, 0},
        {3, 0120777u << 16, HB_TYPE_SYMLINK, HB_ENTRY_HAS_MODE, 0777},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct found_list list;
        read_one(&(struct foreign){.name = "f",
                                   .made_by = all[i].made_by,
                                   .attributes = all[i].attributes,
                                   .dos = 0x58210000},
                 &list);
        assert_int_equal(list.members[0].type, all[i].type);
        assert_int_equal(list.members[0].flags & (HB_ENTRY_HAS_MODE | HB_ENTRY_READ_ONLY),
                         all[i].flags);
        assert_int_equal(list.members[0].mode, all[i].mode);
        if (all[i].type == HB_TYPE_SYMLINK)
            assert_string_equal(list.members[0].link, "x");
        zip_test_free(&list);
    }
}

/* Without content: a directory of MS-DOS is one; else as the mode says. */
static void empty_ones(void **state)
{
    (void)state;
    static const struct {
        uint32_t made_by, attributes, type;
    } all[] = {
        {3, 0010644u << 16, HB_TYPE_SPECIAL},
        {3, 0020644u << 16, HB_TYPE_SPECIAL},
        {3, 0060644u << 16, HB_TYPE_SPECIAL},
        {3, 0140644u << 16, HB_TYPE_SPECIAL},
        {3, 0040755u << 16, HB_TYPE_DIRECTORY},
        {0, 0x10, HB_TYPE_DIRECTORY},
        {0, 0x30, HB_TYPE_DIRECTORY},
        {0, 0x20, HB_TYPE_FILE},
        {11, 0x10, HB_TYPE_FILE},
        {3, 0x10, HB_TYPE_FILE},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct found_list list;
        read_one(&(struct foreign){.name = "f",
                                   .made_by = all[i].made_by,
                                   .attributes = all[i].attributes,
                                   .empty = true},
                 &list);
        assert_int_equal(list.members[0].type, all[i].type);
        zip_test_free(&list);
    }
}

/* Its name says that it is a directory: the content that it has beside that counts for nothing. */
static void directory_with_content(void **state)
{
    (void)state;
    static const struct foreign all[] = {
        {.name = "d/"},
        {.name = "d/", .made_by = 3, .attributes = 0100644u << 16},
        {.name = "d\\", .made_by = 11},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct memory memory;
        struct found_list list;
        build(&memory, &all[i]);
        zip_test_walk(&memory, true, &list);
        memory_free(&memory);
        assert_int_equal(list.status, HB_OK);
        assert_int_equal(list.count, 1);
        assert_string_equal(list.members[0].path, "d");
        assert_int_equal(list.members[0].type, HB_TYPE_DIRECTORY);
        assert_int_equal(list.members[0].bytes, 0);
        assert_int_equal(list.members[0].data_bytes, 0);
        zip_test_free(&list);
    }
}

/* `why` NULL: the path as it is restored, or refused by the host. */
static void expect_path(const char *name, uint32_t made_by, const char *path, const char *why)
{
    struct found_list list;
    read_one(&(struct foreign){.name = name, .made_by = made_by}, &list);
    assert_string_equal(list.members[0].path, path);
    if (why == NULL)
        assert_null(list.members[0].why);
    else
        assert_non_null(strstr(list.members[0].why, why));
    zip_test_free(&list);
}

static void names_of_windows(void **state)
{
    (void)state;
    static const uint32_t windows[] = {0, 6, 10, 11, 14};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        expect_path("a\\b\\c", windows[i], "a/b/c", NULL);
        expect_path("a/b\\c", windows[i], "a/b\\c", NULL);
        expect_path("..\\a", windows[i], "../a", NULL);
        expect_path("\\a", windows[i], "/a", NULL);
        expect_path("C:a", windows[i], "C:a", "Windows drive");
        expect_path("c:\\a", windows[i], "c:/a", "Windows drive");
    }
    expect_path("a\\b", 3, "a\\b", NULL);
    expect_path("..\\a", 3, "..\\a", "contains '..\\'");
    expect_path("a\\..", 3, "a\\..", "contains '..\\'");
    expect_path("a/..\\..\\b", 0, "a/..\\..\\b", "contains '..\\'");
    expect_path("a\\..b", 3, "a\\..b", NULL);
    expect_path("C:\\a", 3, "C:\\a", "Windows drive");
    expect_path("C:/a", 3, "C:/a", "Windows drive");
    expect_path("C:", 3, "C:", NULL);
    expect_path("Ca:\\b", 3, "Ca:\\b", NULL);
}

static void expect_time(const char *extra, uint32_t bytes, uint32_t dos, int64_t seconds, long nsec)
{
    struct found_list list;
    read_one(
        &(struct foreign){
            .name = "f", .extra = (const unsigned char *)extra, .extra_bytes = bytes, .dos = dos},
        &list);
    assert_int_equal(list.members[0].flags & HB_ENTRY_HAS_MTIME, HB_ENTRY_HAS_MTIME);
    assert_int_equal(list.members[0].mtime.tv_sec, seconds);
    assert_int_equal(list.members[0].mtime.tv_nsec, nsec);
    zip_test_free(&list);
}

static void times(void **state)
{
    (void)state;
    /* 2024-01-01 12:30:58 in local time; UT 1700000000; NTFS 2023-11-14 22:13:21.0000001 */
    static const uint32_t dos = 0x582163dd;
    static const char ut[] = "UT\5\0\1\0\xf1\x53\x65";
    static const char ntfs[] = "\x0a\0\x20\0....\1\0\x18\0"
                               "\x81\x16\x38\x0a\x48\x17\xda\x01................"
                               "UT\5\0\1\0\xf1\x53\x65";
    setenv("TZ", "UTC", 1);
    tzset();
    expect_time(NULL, 0, dos, 1704112258, 0);
    setenv("TZ", "XYZ-2", 1);
    tzset();
    expect_time(NULL, 0, dos, 1704112258 - 7200, 0);
    unsetenv("TZ");
    tzset();
    expect_time(ut, 9, dos, 1700000000, 0);
    uint64_t ticks = zip_get64((const unsigned char *)ntfs + 12);
    expect_time(ntfs, 36, dos, (int64_t)(ticks / 10000000) - 11644473600,
                (long)(ticks % 10000000) * 100);
    expect_time(ntfs, 45, dos, (int64_t)(ticks / 10000000) - 11644473600,
                (long)(ticks % 10000000) * 100);
    /* Beyond 2037 other programs leave out what does not fit; before 1970 it has a sign. */
    static const char late[] = "UT\5\0\1\0\0\0\x90";
    expect_time(late, 9, 70u << 25 | 1u << 21 | 1u << 16, 0x90000000, 0);
    expect_time(late, 9, 1u << 21 | 1u << 16, (int32_t)0x90000000, 0);
    struct found_list list;
    read_one(&(struct foreign){.name = "f"}, &list); /* no date at all */
    assert_int_equal(list.members[0].flags & HB_ENTRY_HAS_MTIME, 0);
    zip_test_free(&list);
}

static void shapes(void **state)
{
    (void)state;
    expect_name(&(struct foreign){.name = "f", .comment = "a comment"}, "f");
    expect_name(&(struct foreign){.name = "f", .comment = "PK\5\6 is a comment, too"}, "f");
    expect_name(&(struct foreign){.name = "f", .prefix = 100}, "f");
    expect_name(&(struct foreign){.name = "f", .behind = "something"}, "f");
    expect_name(&(struct foreign){.name = "f", .comment = "c", .behind = "PK\5\6 and more"}, "f");
    expect_name(&(struct foreign){.name = "f", .prefix = 100, .behind = "something"}, "f");
    expect_name(&(struct foreign){.name = "f", .zip64 = true, .behind = "PK\6\7"}, "f");
    expect_name(&(struct foreign){.name = "f", .zip64 = true}, "f");
    expect_name(&(struct foreign){.name = "f", .zip64 = true, .prefix = 333, .comment = "c"}, "f");
    /* An extra field that does not parse is passed over. */
    expect_name(&(struct foreign){.name = "f",
                                  .extra = (const unsigned char *)"UT\xff\xff\1\2\3",
                                  .extra_bytes = 7},
                "f");
    expect_name(
        &(struct foreign){.name = "f", .extra = (const unsigned char *)"\0\0", .extra_bytes = 2},
        "f");
}

/* Four bytes that look like a locator, 20 before the end record, are a part of the name or field.
 */
static void imitations(void **state)
{
    (void)state;
    static const char *const names[] = {
        "PK\6\7zzzzzzzzzzzzzzzz",         "aPK\6\7\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1",
        "PK\6\6PK\6\7PK\6\6zzzzzzzzzzzz", "PK\5\6zzzzzzzzzzzzzzzzzz",
        "PK\6\7PK\5\6zzzzzzzzzzzz",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        expect_name(&(struct foreign){.name = names[i]}, names[i]);
        expect_name(&(struct foreign){.name = names[i], .prefix = 200}, names[i]);
        expect_name(&(struct foreign){.name = names[i], .zip64 = true}, names[i]);
        expect_name(&(struct foreign){.name = names[i], .comment = "a comment"}, names[i]);
    }
    /* A whole locator, that leads nowhere, to the first byte, and behind all. */
    unsigned char extra[24] = {0};
    static const uint64_t places[] = {0, 1, 46, 1 << 20, UINT64_MAX};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        unsigned char *to = zip_put16(zip_put16(extra, 0x4141), 20);
        to = zip_put32(zip_put32(to, ZIP_LOCATOR_SIGNATURE), 0);
        zip_put32(zip_put64(to, places[i]), 1);
        expect_name(&(struct foreign){.name = "f", .extra = extra, .extra_bytes = 24}, "f");
    }
}

/* ---- every signature at every place ---- */

enum { REACH = 22 + 20 + 56 + 4 }; /* an end record, a locator, a zip64 record, and the signature */

static void expect_sound(struct zip_test *test, const struct foreign *foreign, const char *where)
{
    struct memory memory;
    struct found_list list;
    build(&memory, foreign);
    zip_test_read_with(test, &memory, &list);
    if (list.status != HB_OK || list.count != 1 || strcmp(list.members[0].path, foreign->name) != 0)
        fail_msg("%s: %s", where, list.status != HB_OK ? list.message : list.members[0].path);
    assert_int_equal(list.members[0].data_bytes, 1);
    zip_test_free(&list);
    memory_free(&memory);
}

/* With and without zip64 records, bytes in front, a comment, and bytes behind. */
static void in_each_shape(struct zip_test *test, struct foreign foreign, const char *where)
{
    const char *comment = foreign.comment;
    for (unsigned shape = 0; shape < 16; shape++) {
        foreign.zip64 = (shape & 1) != 0;
        foreign.prefix = shape & 2 ? 33 : 0;
        foreign.comment = comment != NULL ? comment : shape & 4 ? "a comment" : NULL;
        foreign.behind = shape & 8 ? "behind" : NULL;
        expect_sound(test, &foreign, where);
    }
}

/*
 * What a foreign archive may have in names, extra fields and comments: each signature, so that it
 * ends at each distance from the end of the text that is below REACH. In a comment it comes to lie
 * everywhere behind the end record, in the others everywhere that one looks back to from it. No
 * place is left out: a reader here looks at the end records and at what their numbers lead to, and
 * the directory ends right before them.
 */
static void everywhere(void **state)
{
    (void)state;
    static const char *const signatures[] = {"PK\3\4",   "PK\1\2",   "PK\5\6", "PK\6\6", "PK\6\7",
                                             "PK\7\x08", "PK\6\x08", "PK\5\5", "PK00"};
    struct zip_test test;
    zip_test_start(&test, 6);
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        for (size_t behind = 0; behind < REACH; behind++) {
            char text[REACH + 8];
            snprintf(
                text, sizeof text, "n%s%.*s", signatures[i], (int)behind,
                "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"
                "zzzzzzzzzzzzzzzzzzzzzzzz");
            unsigned char extra[REACH + 16];
            uint32_t bytes = (uint32_t)strlen(text);
            memcpy(zip_put16(zip_put16(extra, 0x4141), bytes), text, bytes);
            in_each_shape(&test, (struct foreign){.name = text}, "name");
            in_each_shape(&test, (struct foreign){.name = "f", .noted = text}, "entry's comment");
            in_each_shape(&test, (struct foreign){.name = "f", .comment = text}, "comment");
            in_each_shape(&test,
                          (struct foreign){.name = "f", .extra = extra, .extra_bytes = bytes + 4},
                          "extra field");
        }
    }
    zip_test_end(&test);
}

static void probing(void **state)
{
    (void)state;
    static const struct foreign all[] = {
        {.name = "f"},
        {.name = "f", .prefix = 77},
        {.name = "f", .prefix = 77, .zip64 = true},
        {.name = "f", .comment = "c"},
    };
    struct zip_test test;
    struct memory memory;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        zip_test_start(&test, 6);
        build(&memory, &all[i]);
        memory_rewind(&memory, true);
        assert_int_equal(test.ops->probe(test.self, &memory.input, memory.data, memory.bytes),
                         HB_OK);
        memory.bytes -= 1;
        memory_rewind(&memory, true);
        assert_int_equal(test.ops->probe(test.self, &memory.input, memory.data, memory.bytes),
                         HB_STATUS_NOMATCH);
        memory_free(&memory);
        zip_test_end(&test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings),
        cmocka_unit_test(unicode_path),
        cmocka_unit_test(attributes),
        cmocka_unit_test(times),
        cmocka_unit_test(shapes),
        cmocka_unit_test(imitations),
        cmocka_unit_test(probing),
        cmocka_unit_test(everywhere),
        cmocka_unit_test(empty_ones),
        cmocka_unit_test(names_of_windows),
        cmocka_unit_test(directory_with_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
