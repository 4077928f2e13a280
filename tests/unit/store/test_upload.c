/* SPDX-License-Identifier: Apache-2.0 */
/* Parts as each store wants them, several at once, some of them copied; the object is what was
 * written, or is not committed. */
#include "base/memory.h"
#include "host/failure.h"
#include "scratch.h"
#include "store/upload.h"

#include <pthread.h>
#include <string.h>

enum { MIB = 1 << 20, KIB = 1 << 10, MOST = 24 * MIB };

/* An object in memory, and another one to copy from. */
struct shelf {
    struct hb_run run;
    struct hb_store_ops ops;
    struct hb_store store;
    struct hb_store_limits limits;
    struct hb_opened from;
    pthread_mutex_t lock;
    pthread_cond_t several;
    bool waits; /* a part is not through until there was a second one */
    unsigned inside, most_inside, parts, copies, commits, ended;
    uint64_t fails_at,
        short_at; /* the part that fails; the end of the part that is below the least */
    unsigned char *data, *other;
    uint64_t bytes;
};

static int limits(void *self, const char *name, struct hb_store_limits *limits)
{
    (void)name;
    *limits = ((struct shelf *)self)->limits;
    return HB_OK;
}

static int put_begin(void *self, const struct hb_put *put, void **upload)
{
    (void)put;
    *upload = self;
    return HB_OK;
}

static void check_part(struct shelf *shelf, uint64_t number, uint64_t offset, uint64_t bytes)
{
    const struct hb_store_limits *limits = &shelf->limits;
    assert_true(number < limits->parts_most && bytes > 0 && bytes <= limits->part_most);
    assert_true(offset + bytes <= MOST);
    if (limits->flags & HB_STORE_EQUAL)
        assert_int_equal(offset % limits->part_least, 0);
    if (bytes < limits->part_least) { /* then it is the last one */
        assert_true(shelf->short_at == 0);
        shelf->short_at = offset + bytes;
    }
    shelf->bytes = offset + bytes > shelf->bytes ? offset + bytes : shelf->bytes;
}

/* With the lock: waits for a second one, but not for ever, for nobody may send it. */
static void stay_inside(struct shelf *shelf)
{
    struct timespec until;
    shelf->inside++;
    if (shelf->inside > shelf->most_inside)
        shelf->most_inside = shelf->inside;
    pthread_cond_broadcast(&shelf->several);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 10;
    if (shelf->waits && shelf->most_inside < 2)
        pthread_cond_timedwait(&shelf->several, &shelf->lock, &until);
}

static int put_part(void *self, void *upload, uint64_t number, uint64_t offset, const void *data,
                    size_t bytes)
{
    struct shelf *shelf = self;
    assert_ptr_equal(upload, self);
    pthread_mutex_lock(&shelf->lock);
    check_part(shelf, number, offset, bytes);
    stay_inside(shelf);
    pthread_mutex_unlock(&shelf->lock);
    memcpy(shelf->data + offset, data, bytes);
    pthread_mutex_lock(&shelf->lock);
    shelf->inside--;
    shelf->parts++;
    pthread_mutex_unlock(&shelf->lock);
    if (number != shelf->fails_at)
        return HB_OK;
    hb_run_explain(&shelf->run, "that part");
    return HB_STATUS_FATAL;
}

static int put_copy(void *self, void *upload, uint64_t number, uint64_t offset,
                    const struct hb_object *from, uint64_t from_offset, uint64_t bytes)
{
    struct shelf *shelf = self;
    (void)upload;
    assert_string_equal(from->name, "other");
    assert_int_equal(shelf->inside, 0);
    shelf->copies++;
    if (number == shelf->fails_at)
        return HB_STATUS_FATAL;
    check_part(shelf, number, offset, bytes);
    memcpy(shelf->data + offset, shelf->other + from_offset, bytes);
    return HB_OK;
}

static int put_commit(void *self, void *upload, const struct hb_put *put, uint64_t bytes)
{
    struct shelf *shelf = self;
    (void)upload;
    (void)put;
    assert_int_equal(shelf->inside, 0);
    assert_int_equal(bytes, shelf->bytes);
    assert_true(shelf->short_at == 0 || shelf->short_at == bytes);
    shelf->commits++;
    return HB_OK;
}

static void put_end(void *self, void *upload)
{
    struct shelf *shelf = self;
    (void)upload;
    assert_int_equal(shelf->inside, 0);
    shelf->ended++;
}

/* Made once: it takes a second under ThreadSanitizer. */
static const unsigned char *some_bytes(void)
{
    static unsigned char *bytes;
    if (bytes == NULL) {
        bytes = hb_alloc(MOST);
        for (size_t i = 0; i < MOST; i++)
            bytes[i] = (unsigned char)(i * 31 + i / 509);
    }
    return bytes;
}

static struct shelf *make(struct hb_store_limits limits_of_it)
{
    struct shelf *shelf = hb_alloc(sizeof *shelf);
    hb_run_init(&shelf->run, NULL);
    shelf->ops = (struct hb_store_ops){.size = sizeof shelf->ops,
                                       .limits = limits,
                                       .put_begin = put_begin,
                                       .put_part = put_part,
                                       .put_commit = put_commit,
                                       .put_end = put_end,
                                       .put_copy = put_copy};
    shelf->store = (struct hb_store){.ops = &shelf->ops, .self = shelf, .run = &shelf->run};
    shelf->limits = limits_of_it;
    shelf->limits.size = sizeof shelf->limits;
    shelf->limits.bytes_most = UINT64_MAX;
    shelf->limits.name_most = 100;
    shelf->fails_at = UINT64_MAX;
    shelf->from = (struct hb_opened){.store = &shelf->store, .object = {.name = "other"}};
    shelf->data = hb_alloc(MOST);
    shelf->other = hb_alloc(MOST);
    memcpy(shelf->other, some_bytes(), MOST);
    pthread_mutex_init(&shelf->lock, NULL);
    pthread_cond_init(&shelf->several, NULL);
    return shelf;
}

static void clear(struct shelf *shelf)
{
    assert_int_equal(shelf->ended, 1);
    pthread_mutex_destroy(&shelf->lock);
    pthread_cond_destroy(&shelf->several);
    hb_run_clear(&shelf->run);
    free(shelf->data);
    free(shelf->other);
    free(shelf);
}

/* As sink.copy() does: what cannot be copied is written until it can. */
static int copy(struct hb_upload *upload, const struct shelf *shelf, uint64_t offset,
                uint64_t bytes)
{
    uint64_t done = 0, copied;
    int status = HB_OK;
    while (status == HB_OK && done < bytes) {
        status = hb_upload_copy(upload, &shelf->from, offset + done, bytes - done, &copied);
        uint64_t room = hb_upload_room(upload), left = bytes - done;
        room = room < MIB ? room : MIB;
        if (status == HB_OK && copied == 0) {
            copied = left < room ? left : room;
            status = hb_upload_write(upload, shelf->other + offset + done, (size_t)copied);
        }
        done += copied;
    }
    return status;
}

/* The other object, as bytes and ranges in turn, of all lengths. */
static int put_all(struct shelf *shelf, uint64_t bytes, bool ranges)
{
    struct hb_put put = {
        .size = sizeof put, .name = "name", .bytes_most = HB_SIZE_UNKNOWN, .run = "1", .home = ""};
    struct hb_upload upload;
    uint64_t done = 0, step = 7;
    int status = hb_upload_begin(&shelf->store, &put, &upload);
    for (bool range = false; status == HB_OK && done < bytes; range = !range) {
        uint64_t part = step < bytes - done ? step : bytes - done;
        step = (step * 13 + 1) % (3 * MIB);
        status = range && ranges ? copy(&upload, shelf, done, part)
                                 : hb_upload_write(&upload, shelf->other + done, (size_t)part);
        done += part;
    }
    if (status == HB_OK)
        status = hb_upload_commit(&upload, &put);
    hb_upload_end(&upload);
    return status;
}

static const struct hb_store_limits stores[] = {
    {.part_most = UINT64_MAX, .parts_most = UINT64_MAX, .parallel = 1},
    {.part_least = 64 * KIB,
     .part_most = 64 * KIB,
     .parts_most = 1000,
     .parallel = 1,
     .flags = HB_STORE_EQUAL},
    {.part_least = 64 * KIB,
     .part_most = 64 * KIB,
     .parts_most = 1000,
     .parallel = 4,
     .flags = HB_STORE_EQUAL | HB_STORE_COPY | HB_STORE_COPY_PINNED},
    {.part_least = 5 * MIB, .part_most = 100 * MIB, .parts_most = 10000, .parallel = 3},
    {.part_least = 2 * MIB,
     .part_most = 3 * MIB,
     .parts_most = 10000,
     .parallel = 8,
     .flags = HB_STORE_COPY | HB_STORE_COPY_PINNED},
    {.part_least = 1,
     .part_most = 1 * MIB,
     .parts_most = 10000,
     .parallel = 1,
     .flags = HB_STORE_COPY | HB_STORE_COPY_PINNED},
    {.part_most = UINT64_MAX,
     .parts_most = UINT64_MAX,
     .parallel = 1,
     .flags = HB_STORE_COPY | HB_STORE_COPY_PINNED},
    {.part_least = 1 * MIB,
     .part_most = 2 * MIB,
     .parts_most = 10000,
     .parallel = 2,
     .flags = HB_STORE_COPY}, /* of whatever version: not for us */
};

static void test_what_was_written(void **state)
{
    static const uint64_t lengths[] = {0, 1, 64 * KIB, 5 * MIB + 1, MOST};
    (void)state;
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++)
        for (size_t j = 0; j < sizeof lengths / sizeof *lengths; j++) {
            struct shelf *shelf = make(stores[i]);
            bool pinned = (stores[i].flags & HB_STORE_COPY_PINNED) != 0;
            shelf->waits = lengths[j] == MOST && stores[i].parallel > 1 && !pinned;
            assert_int_equal(put_all(shelf, lengths[j], true), HB_OK);
            assert_int_equal(shelf->commits, 1);
            assert_int_equal(shelf->bytes, lengths[j]);
            assert_memory_equal(shelf->data, shelf->other, lengths[j]);
            assert_true(shelf->most_inside <= stores[i].parallel);
            if (lengths[j] == MOST) {
                assert_true(pinned || shelf->copies == 0);
                assert_true(!pinned || stores[i].part_least > MIB || shelf->copies > 0);
                assert_true(shelf->most_inside >= 2 || !shelf->waits);
            }
            clear(shelf);
        }
}

static void test_a_part_that_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++)
        for (uint64_t number = 0; number < 3; number++) {
            struct shelf *shelf = make(stores[i]);
            shelf->fails_at = number;
            assert_int_equal(put_all(shelf, MOST, false), HB_STATUS_FATAL);
            assert_string_equal(hb_failure_of(&shelf->run)->text, "that part");
            assert_int_equal(shelf->commits, 0);
            clear(shelf);
        }
}

/* The bytes are sent, and no other copy is tried. */
static void test_a_copy_that_fails(void **state)
{
    struct shelf *shelf = make(stores[6]);
    (void)state;
    shelf->ops.put_part = NULL; /* the first bytes are copied, too */
    struct hb_put put = {.size = sizeof put, .name = "n", .run = "1", .home = ""};
    struct hb_upload upload;
    uint64_t copied;
    assert_int_equal(hb_upload_begin(&shelf->store, &put, &upload), HB_OK);
    assert_int_equal(hb_upload_copy(&upload, &shelf->from, 0, 2 * MIB, &copied), HB_OK);
    assert_int_equal(copied, 2 * MIB);
    shelf->fails_at = 1;
    shelf->ops.put_part = put_part;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(hb_upload_copy(&upload, &shelf->from, 2 * MIB, 2 * MIB, &copied), HB_OK);
        assert_int_equal(copied, 0);
    }
    assert_int_equal(shelf->copies, 2);
    shelf->fails_at = UINT64_MAX;
    assert_int_equal(hb_upload_write(&upload, shelf->other + 2 * MIB, 100), HB_OK);
    assert_int_equal(hb_upload_commit(&upload, &put), HB_OK);
    assert_memory_equal(shelf->data, shelf->other, 2 * MIB + 100);
    hb_upload_end(&upload);
    clear(shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written),
        cmocka_unit_test(test_a_part_that_fails),
        cmocka_unit_test(test_a_copy_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
