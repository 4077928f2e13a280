/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More than 4 GiB, without 4 GiB of anything: a unit is position-independent, so one is encoded
 * and appended thousands of times, to a sink that remembers where instead of copying.
 */
#include "zip_test.h"

#include <stdlib.h>
#include <string.h>

enum { MIB = 1 << 20, UNITS = 4100 };

struct piece {
    uint64_t offset;
    size_t bytes;
    unsigned char *own; /* small ones are copied, units are not */
    const unsigned char *data;
};

struct pieces {
    struct piece *all;
    size_t count;
    uint64_t bytes;
    struct hb_sink sink;
    struct hb_input input;
};

static int add_piece(const struct hb_sink *sink, const void *data, size_t bytes)
{
    struct pieces *pieces = sink->self;
    if ((pieces->count & (pieces->count + 1)) == 0)
        pieces->all = realloc(pieces->all, (2 * pieces->count + 2) * sizeof *pieces->all);
    struct piece *piece = &pieces->all[pieces->count++];
    *piece = (struct piece){.offset = pieces->bytes, .bytes = bytes, .data = data};
    if (bytes <= ZIP_BUFFER_BYTES) {
        piece->data = piece->own = malloc(bytes);
        memcpy(piece->own, data, bytes);
    }
    pieces->bytes += bytes;
    return HB_OK;
}

static struct piece *piece_at(const struct pieces *pieces, uint64_t offset)
{
    size_t low = 0, high = pieces->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (pieces->all[middle].offset <= offset)
            low = middle;
        else
            high = middle;
    }
    return &pieces->all[low];
}

static int patch_piece(const struct hb_sink *sink, uint64_t offset, const void *data, size_t bytes)
{
    struct piece *piece = piece_at(sink->self, offset);
    if (piece->own == NULL || offset + bytes > piece->offset + piece->bytes)
        abort();
    memcpy(piece->own + (offset - piece->offset), data, bytes);
    return HB_OK;
}

static uint64_t tell(const struct hb_sink *sink)
{
    return ((const struct pieces *)sink->self)->bytes;
}

static int64_t read_pieces(const struct hb_input *input, void *buffer, size_t bytes,
                           uint64_t offset)
{
    const struct pieces *pieces = input->self;
    size_t done = 0;
    while (done < bytes && offset + done < pieces->bytes) {
        const struct piece *piece = piece_at(pieces, offset + done);
        size_t skip = (size_t)(offset + done - piece->offset), part = piece->bytes - skip;
        if (part > bytes - done)
            part = bytes - done;
        memcpy((char *)buffer + done, piece->data + skip, part);
        done += part;
    }
    return (int64_t)done;
}

static void pieces_init(struct pieces *pieces, bool seekable)
{
    *pieces = (struct pieces){0};
    pieces->sink = (struct hb_sink){.size = sizeof pieces->sink,
                                    .self = pieces,
                                    .write = add_piece,
                                    .tell = tell,
                                    .patch = seekable ? patch_piece : NULL};
}

static void pieces_free(struct pieces *pieces)
{
    for (size_t i = 0; i < pieces->count; i++)
        free(pieces->all[i].own);
    free(pieces->all);
}

/* ---- a large entry, and one after it ----------------------------------------------------------
 */

static int encode(struct zip_test *test, const struct hb_entry *entry, uint32_t flags,
                  const void *data, size_t bytes, struct hb_unit *unit)
{
    struct hb_segment segment = {
        .size = sizeof segment, .flags = flags, .entry = entry, .data = data, .bytes = bytes};
    const struct hb_segment *segments[] = {&segment};
    void *worker = test->ops->worker_create(test->self);
    *unit = (struct hb_unit){
        .size = sizeof *unit, .flags = flags, .entry = entry, .raw_bytes = bytes, .entries = 1};
    int status = test->ops->encode(test->self, worker, segments, 1, unit);
    test->ops->worker_destroy(test->self, worker);
    return status;
}

static int write_large(struct zip_test *test, struct pieces *pieces, struct hb_entry *entry,
                       const unsigned char *content, struct hb_unit units[2])
{
    const struct hb_sink *sink = &pieces->sink;
    struct sample after = zip_test_file("after", "after", 5);
    assert_int_equal(encode(test, entry, 0, content, MIB, &units[0]), HB_OK);
    assert_int_equal(
        encode(test, &after.entry, HB_UNIT_FIRST | HB_UNIT_LAST, "after", 5, &units[1]), HB_OK);
    int status = test->ops->begin_entry(test->self, sink, entry);
    for (unsigned i = 0; status == HB_OK && i < UNITS; i++)
        status = test->ops->append(test->self, sink, &units[0]);
    entry->bytes = (uint64_t)UNITS * MIB;
    if (status == HB_OK)
        status = test->ops->end_entry(test->self, sink, entry);
    if (status == HB_OK)
        status = test->ops->begin_entry(test->self, sink, &after.entry);
    if (status == HB_OK)
        status = test->ops->append(test->self, sink, &units[1]);
    if (status == HB_OK)
        status = test->ops->end_entry(test->self, sink, &after.entry);
    return status == HB_OK ? test->ops->finish(test->self, sink, "trailer", 7) : status;
}

struct reading {
    struct hb_member members[2];
    uint64_t sizes[2];
    size_t count;
    const unsigned char *content; /* of one unit, repeated */
    uint64_t done;
};

static int keep_member(const struct hb_lister *lister, const struct hb_member *member)
{
    struct reading *reading = lister->self;
    assert_true(reading->count < 2);
    reading->sizes[reading->count] = member->entry->bytes;
    reading->members[reading->count++] = *member;
    return HB_OK;
}

static int compare(const struct hb_output *output, const void *data, size_t bytes, uint64_t offset)
{
    struct reading *reading = output->self;
    assert_int_equal(offset, reading->done);
    for (size_t at = 0; at < bytes;) {
        size_t place = (size_t)((offset + at) % MIB), part = MIB - place;
        if (part > bytes - at)
            part = bytes - at;
        if (memcmp((const char *)data + at, reading->content + place, part) != 0)
            fail_msg("other bytes at %llu", (unsigned long long)(offset + at));
        at += part;
    }
    reading->done += bytes;
    return HB_OK;
}

static void read_large(struct zip_test *test, struct pieces *pieces, const unsigned char *content)
{
    struct reading reading = {.content = content};
    struct hb_input input = {
        .size = sizeof input, .self = pieces, .bytes = pieces->bytes, .read_at = read_pieces};
    struct hb_lister lister = {.size = sizeof lister, .self = &reading, .member = keep_member};
    struct hb_output output = {.size = sizeof output, .self = &reading, .write = compare};
    const struct hb_output *outputs[] = {&output};
    int status = test->ops->list(test->self, &input, &lister);
    if (status != HB_OK)
        fail_msg("%s", test->fake.message);
    assert_int_equal(reading.count, 2);
    assert_int_equal(reading.sizes[0], (uint64_t)UNITS * MIB);
    void *worker = test->ops->worker_create(test->self);
    for (size_t i = 0; i < 2; i++) {
        const struct hb_member *members[] = {&reading.members[i]};
        reading.done = 0;
        if (i == 1)
            reading.content = (const unsigned char *)"after";
        status = test->ops->decode(test->self, worker, &input, members, 1, outputs);
        if (status != HB_OK)
            fail_msg("%s", test->fake.message);
        assert_int_equal(reading.done, reading.sizes[i]);
    }
    test->ops->worker_destroy(test->self, worker);
}

static void check(bool seekable, uint64_t announced, const unsigned char *content, bool fits)
{
    struct zip_test test;
    struct pieces pieces;
    struct hb_unit units[2];
    struct sample sample = zip_test_file("large", NULL, announced);
    zip_test_start(&test, 1);
    pieces_init(&pieces, seekable);
    int status = write_large(&test, &pieces, &sample.entry, content, units);
    assert_int_equal(status, fits ? HB_OK : HB_STATUS_FATAL);
    if (fits)
        read_large(&test, &pieces, content);
    else
        assert_non_null(strstr(test.fake.message, "4 GiB"));
    pieces_free(&pieces);
    for (int i = 0; i < 2; i++)
        test.fake.host.release(&test.fake.host, (void *)(uintptr_t)units[i].data);
    zip_test_end(&test);
}

static void large_content(void **state)
{
    (void)state;
    unsigned char *zeros = calloc(1, MIB);
    uint64_t true_size = (uint64_t)UNITS * MIB;
    check(true, true_size, zeros, true);
    check(false, HB_SIZE_UNKNOWN, zeros, true);
    free(zeros);
}

/* Its compressed size too, and the offset of what follows. */
static void large_data(void **state)
{
    (void)state;
    unsigned char *noise = zip_test_noise(MIB, 9);
    check(true, 2 * MIB, noise, true); /* it grew, and the header is mended */
    check(false, (uint64_t)UNITS * MIB, noise, true);
    free(noise);
}

static void grown_on_a_pipe(void **state)
{
    (void)state;
    unsigned char *zeros = calloc(1, MIB);
    check(false, 2 * MIB, zeros, false);
    free(zeros);
}

/* The order of calls is the host's promise; units of others are not taken. */
static void foreign_units(void **state)
{
    (void)state;
    struct zip_test test;
    struct pieces pieces;
    struct sample sample = zip_test_file("file", "x", 1);
    struct hb_unit unit = {.size = sizeof unit, .data = "x", .bytes = 1};
    zip_test_start(&test, 6);
    pieces_init(&pieces, true);
    assert_int_equal(test.ops->append(test.self, &pieces.sink, &unit), HB_STATUS_FATAL);
    assert_int_equal(test.ops->begin_entry(test.self, &pieces.sink, &sample.entry), HB_OK);
    assert_int_equal(test.ops->append(test.self, &pieces.sink, &unit), HB_STATUS_FATAL);
    pieces_free(&pieces);
    zip_test_end(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_content),
        cmocka_unit_test(large_data),
        cmocka_unit_test(grown_on_a_pipe),
        cmocka_unit_test(foreign_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
