/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and reads archives in memory, for the tests of the zip plugin. */
#ifndef ZIP_TEST_H
#define ZIP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "zip.h"

#include <fake_host.h>
#include <hbcore/format.h>
#include <memory_archive.h>

/* A host and an instance of the plugin. */
struct zip_test {
    struct fake_host fake;
    void *self;
    struct fake_settings *settings;
    const struct hb_format_ops *ops;
};

void zip_test_start(struct zip_test *test, int level);
void zip_test_end(struct zip_test *test);

/* A member that was read back. */
struct found {
    char *path;
    size_t path_bytes;
    char *link;
    uint32_t type, mode, flags;
    struct timespec mtime;
    uint64_t bytes, token, group;
    unsigned char *data;
    uint64_t data_bytes;
    int status; /* of decode() */
    char *why;  /* NULL: not HB_MEMBER_UNREADABLE */
};

struct found_list {
    struct found *members;
    size_t count;
    int status; /* of list(), or the first of decode() that is HB_STATUS_FATAL */
    char message[512];
};

/* A fresh instance with the same host, which takes a while to make. */
void zip_test_again(struct zip_test *test);

/* Lists and decodes everything, with a host of its own or a fresh instance of the one given. */
void zip_test_read(struct memory *memory, struct found_list *list);
void zip_test_read_with(struct zip_test *test, struct memory *memory, struct found_list *list);
/* By walk(); `unreadable`: with a host that takes such members, else the walk fails at the first.
 */
void zip_test_walk(struct memory *memory, bool unreadable, struct found_list *list);
void zip_test_free(struct found_list *list);

/* Writes with a fresh instance; returns the status. */
int zip_test_write(struct memory *memory, bool seekable, int level, const struct sample *samples,
                   size_t count, const void *trailer, size_t trailer_bytes);

/* Entries with mode 0640 and a time. */
struct sample zip_test_file(const char *path, const void *data, uint64_t bytes);
struct sample zip_test_directory(const char *path);
struct sample zip_test_link(const char *path, const char *target);

/* Asserts that what was read is what was written: names, types, modes, times, content. */
void zip_test_same(const struct sample *samples, size_t count, const struct found_list *list);

/* Bytes that do not compress, and that do; to be freed. The same at each call. */
unsigned char *zip_test_noise(size_t bytes, uint64_t seed);
unsigned char *zip_test_text(size_t bytes);

#endif
