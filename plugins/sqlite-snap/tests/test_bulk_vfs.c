/* SPDX-License-Identifier: Apache-2.0 */
/* The VFS for copies of whole databases: what is read and what ends up in the file is what a plain
 * one gives. */
#include "bulk_vfs.h"
#include "fault_vfs.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka.h needs those before it. */
#include <cmocka.h>

enum { ROOM = 1 << 20, PIECE = 100 << 10, ROUNDS = 20000 };

struct model {
    char path[64];
    sqlite3 *db;
    sqlite3_file *file;
    unsigned char *bytes;
    int size;
    uint32_t random;
};

static int any(struct model *model, int below)
{
    model->random = model->random * 1664525u + 1013904223u;
    return (int)((model->random >> 8) % (uint32_t)below);
}

/* A file in the VFS, through a connection that is not used otherwise. */
static int set_up(void **state)
{
    struct model *model = calloc(1, sizeof *model);
    const char *base = getenv("TMPDIR");
    char uri[100];
    assert_non_null(model);
    assert_true(bulk_vfs_register() && bulk_vfs_register());
    snprintf(model->path, sizeof model->path, "%.40s/bulk-XXXXXX", base == NULL ? "/tmp" : base);
    int fd = mkstemp(model->path);
    assert_true(fd >= 0);
    close(fd);
    snprintf(uri, sizeof uri, "file:%s?vfs=" BULK_VFS, model->path);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_URI;
    assert_int_equal(sqlite3_open_v2(uri, &model->db, flags, NULL), SQLITE_OK);
    assert_int_equal(
        sqlite3_file_control(model->db, "main", SQLITE_FCNTL_FILE_POINTER, &model->file),
        SQLITE_OK);
    model->bytes = calloc(1, ROOM + PIECE);
    model->random = 7;
    *state = model;
    return 0;
}

static int tear_down(void **state)
{
    struct model *model = *state;
    fault_vfs_arm(FAULT_NONE, 0);
    sqlite3_close(model->db);
    unlink(model->path);
    free(model->bytes);
    free(model);
    return 0;
}

static int put(struct model *model, int at, int bytes)
{
    unsigned char piece[PIECE];
    for (int i = 0; i < bytes; i++)
        piece[i] = (unsigned char)any(model, 256);
    int result = model->file->pMethods->xWrite(model->file, piece, bytes, at);
    memcpy(model->bytes + at, piece, (size_t)bytes);
    if (at + bytes > model->size)
        model->size = at + bytes;
    return result;
}

static void compare(struct model *model, int at, int bytes)
{
    static unsigned char piece[PIECE];
    int result = model->file->pMethods->xRead(model->file, piece, bytes, at);
    assert_int_equal(result, at + bytes > model->size ? SQLITE_IOERR_SHORT_READ : SQLITE_OK);
    assert_memory_equal(piece, model->bytes + at, (size_t)bytes); /* zero behind the end */
}

static void truncate_at(struct model *model, int at)
{
    assert_int_equal(model->file->pMethods->xTruncate(model->file, at), SQLITE_OK);
    if (at < model->size)
        memset(model->bytes + at, 0, (size_t)(model->size - at));
    model->size = at;
}

/* What lies in the file, seen by others. */
static void compare_file(struct model *model)
{
    unsigned char *there = malloc(ROOM + PIECE);
    int fd = open(model->path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, there, ROOM + PIECE), model->size);
    assert_memory_equal(there, model->bytes, (size_t)model->size);
    close(fd);
    free(there);
}

static void test_anything_in_any_order(void **state)
{
    struct model *model = *state;
    int next = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int bytes = any(model, 50) == 0 ? 1 + any(model, PIECE) : 1 + any(model, 5000);
        int at = any(model, 4) == 0 ? any(model, ROOM) : next;
        sqlite3_int64 size;
        if (at + bytes > ROOM)
            at = 0;
        switch (any(model, 12)) {
        case 0:
            truncate_at(model, any(model, model->size + 1));
            break;
        case 1:
            assert_int_equal(model->file->pMethods->xFileSize(model->file, &size), SQLITE_OK);
            assert_int_equal(size, model->size);
            break;
        case 2:
            assert_int_equal(bulk_flush(model->db), SQLITE_OK);
            compare_file(model);
            break;
        case 3:
        case 4:
        case 5:
            compare(model, at, bytes);
            next = at + bytes;
            break;
        default:
            assert_int_equal(put(model, at, bytes), SQLITE_OK);
            next = at + bytes;
        }
    }
}

static void test_reading_ahead(void **state)
{
    struct model *model = *state;
    static const int pages[] = {512, 1000, 4096, 65536, 70000};
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        truncate_at(model, 0);
        for (int at = 0; at < 5 * PIECE; at += 4096)
            assert_int_equal(put(model, at, 4096 - (int)i), SQLITE_OK);
        assert_int_equal(bulk_read_ahead(model->db), SQLITE_OK);
        for (int at = 0; at < model->size + pages[i]; at += pages[i]) {
            compare(model, at, pages[i]);
            if (any(model, 10) == 0)
                compare(model, any(model, model->size), pages[i]);
        }
        assert_int_equal(put(model, 0, 10), SQLITE_OK); /* and what is written is seen */
        compare(model, 0, 600);
    }
}

static void test_writing_fails(void **state)
{
    struct model *model = *state;
    assert_int_equal(put(model, 0, 4096), SQLITE_OK);
    fault_vfs_arm(FAULT_ERROR, 1);
    assert_int_equal(put(model, 4096, 4096), SQLITE_OK); /* not written yet */
    int result = bulk_flush(model->db);
    assert_true(result == SQLITE_FULL || result == SQLITE_IOERR_WRITE);
    assert_int_equal(fault_vfs_points(), 1);
    /* From then on the file lacks something: nothing may seem to succeed. */
    assert_int_equal(bulk_flush(model->db), result);
    assert_int_equal(put(model, 8192, 4096), result);
    assert_int_equal(model->file->pMethods->xSync(model->file, SQLITE_SYNC_NORMAL), result);
    assert_int_equal(fault_vfs_points(), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_anything_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reading_ahead, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writing_fails, set_up, tear_down),
    };
    fault_vfs_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
