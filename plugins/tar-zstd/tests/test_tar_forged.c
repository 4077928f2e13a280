/* SPDX-License-Identifier: Apache-2.0 */
/* Indexes with right checksums and wrong content: never believed against the archive itself. */
#include "fixture.h"
#include "tar_bytes.h"
#include "tar_list.h"
#include "tar_table.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

struct forgery {
    struct fake_host fake;
    struct memory memory;
    struct content original;
    struct tar_zstd tar;
    struct tar_table *table;
    unsigned char *records; /* decompressed */
    size_t bytes;
};

static int setup(void **state)
{
    struct forgery *forgery = calloc(1, sizeof *forgery);
    *state = forgery;
    fake_host_init(&forgery->fake);
    small_archive(&forgery->fake, &forgery->memory);
    forgery->tar.host = &forgery->fake.host;
    memory_rewind(&forgery->memory, true);
    if (read_by_list(&forgery->fake, &forgery->memory, &forgery->original) != HB_OK ||
        tar_table_read(&forgery->tar, &forgery->memory.input, &forgery->table) != HB_OK)
        return -1;
    forgery->bytes = (size_t)forgery->table->index.raw_bytes;
    forgery->records = malloc(forgery->bytes + 1);
    size_t got = ZSTD_decompress(forgery->records, forgery->bytes,
                                 forgery->memory.data + forgery->table->records_offset,
                                 (size_t)forgery->table->records_bytes);
    return got == forgery->bytes ? 0 : -1;
}

static int teardown(void **state)
{
    struct forgery *forgery = *state;
    free(forgery->records);
    tar_table_free(forgery->table);
    content_free(&forgery->original);
    memory_free(&forgery->memory);
    fake_host_finish(&forgery->fake);
    free(forgery);
    return 0;
}

static void put(struct memory *memory, const void *data, size_t bytes)
{
    if (memory->sink.write(&memory->sink, data, bytes) != HB_OK)
        abort();
}

/* The archive with these records in its index, and every checksum right. */
static void forge(const struct forgery *forgery, const unsigned char *records, size_t bytes,
                  const struct tar_index_header *claims, struct memory *out)
{
    const struct memory *memory = &forgery->memory;
    unsigned char packed[4096], head[TAR_INDEX_HEADER], start[TAR_SKIPPABLE_HEADER];
    size_t length = ZSTD_compress(packed, sizeof packed, records, bytes, 1);
    struct tar_index_header header = *claims;
    size_t count = forgery->table->count + 3; /* index, trailer, end */
    size_t seek = memory->bytes - TAR_SEEK_FOOTER_SIZE - count * TAR_SEEK_ROW;
    size_t index_start = (size_t)forgery->table->records_offset - sizeof head - sizeof start;
    size_t index_end = (size_t)(forgery->table->records_offset + forgery->table->records_bytes);
    header.payload_hash = XXH64(packed, length, 0);
    tar_index_header_write(&header, head);
    tar_put32(start, TAR_MAGIC_INDEX);
    tar_put32(start + 4, (uint32_t)(sizeof head + length));
    memory_init(out, true);
    put(out, memory->data, index_start);
    put(out, start, sizeof start);
    put(out, head, sizeof head);
    put(out, packed, length);
    put(out, memory->data + index_end, seek - index_end);
    size_t row = out->bytes + forgery->table->count * TAR_SEEK_ROW;
    put(out, memory->data + seek, memory->bytes - seek);
    tar_put32(out->data + row, (uint32_t)(sizeof start + sizeof head + length));
}

static void expect_no_lies(struct forgery *forgery, const unsigned char *records, size_t bytes,
                           const struct tar_index_header *claims, const char *what, size_t at)
{
    struct memory forged;
    struct content content = {0};
    forge(forgery, records, bytes, claims, &forged);
    int status = read_by_list(&forgery->fake, &forged, &content);
    if (status == HB_OK && !same_content(&content, &forgery->original))
        fail_msg("%s at %zu: believed", what, at);
    content_free(&content);
    memory_free(&forged);
}

static void untouched(void **state)
{
    struct forgery *forgery = *state;
    struct memory forged;
    struct content content = {0};
    forge(forgery, forgery->records, forgery->bytes, &forgery->table->index, &forged);
    assert_int_equal(read_by_list(&forgery->fake, &forged, &content), HB_OK);
    assert_true(same_content(&content, &forgery->original));
    content_free(&content);
    memory_free(&forged);
}

static void every_byte_of_the_records(void **state)
{
    struct forgery *forgery = *state;
    for (size_t at = 0; at < forgery->bytes; at++) {
        unsigned char right = forgery->records[at];
        for (unsigned wrong = 0; wrong < 256; wrong++) {
            forgery->records[at] = (unsigned char)wrong;
            expect_no_lies(forgery, forgery->records, forgery->bytes, &forgery->table->index,
                           "byte", at);
        }
        forgery->records[at] = right;
    }
}

static void every_length_of_the_records(void **state)
{
    struct forgery *forgery = *state;
    for (size_t bytes = 0; bytes < forgery->bytes; bytes++) {
        struct tar_index_header claims = forgery->table->index;
        struct memory forged;
        struct content content = {0};
        claims.raw_bytes = bytes;
        forge(forgery, forgery->records, bytes, &claims, &forged);
        assert_int_equal(read_by_list(&forgery->fake, &forged, &content), HB_STATUS_FATAL);
        content_free(&content);
        memory_free(&forged);
    }
}

static void claims_of_the_head(void **state)
{
    struct forgery *forgery = *state;
    static const uint64_t numbers[] = {0, 1, 2, 1 << 16, UINT32_MAX, UINT64_MAX / 2, UINT64_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        for (int field = 0; field < 6; field++) {
            struct tar_index_header claims = forgery->table->index;
            if (field == 0)
                claims.flags = (uint32_t)numbers[i];
            else
                *(uint64_t *[]){&claims.members, &claims.raw_bytes, &claims.tar_bytes,
                                &claims.frames, &claims.rows_hash}[field - 1] = numbers[i];
            expect_no_lies(forgery, forgery->records, forgery->bytes, &claims, "head", i);
        }
    }
}

/* The fields of the seek table, with the index's hash of it made to fit. */
static void rows_of_the_seek_table(void **state)
{
    struct forgery *forgery = *state;
    static const uint32_t numbers[] = {0, 1, 511, 512, 1 << 20, UINT32_MAX - 1, UINT32_MAX};
    size_t count = forgery->table->count + 3;
    for (size_t field = 0; field < count * 3; field++) {
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
            struct memory forged;
            struct content content = {0};
            struct tar_index_header claims = forgery->table->index;
            size_t seek = forgery->memory.bytes - TAR_SEEK_FOOTER_SIZE - count * TAR_SEEK_ROW;
            unsigned char *row = forgery->memory.data + seek + field * 4;
            uint32_t right = tar_get32(row);
            tar_put32(row, numbers[i]);
            claims.rows_hash =
                XXH64(forgery->memory.data + seek, forgery->table->count * TAR_SEEK_ROW, 0);
            if (field == 1) /* the sum, too */
                claims.tar_bytes = claims.tar_bytes - right + numbers[i];
            forge(forgery, forgery->records, forgery->bytes, &claims, &forged);
            tar_put32(row, right);
            if (read_by_list(&forgery->fake, &forged, &content) == HB_OK &&
                !same_content(&content, &forgery->original))
                fail_msg("field %zu of the seek table, %u: believed", field, numbers[i]);
            content_free(&content);
            memory_free(&forged);
        }
    }
}

/*
 * A row that promises more than its frame holds, with the right checksum, sum and hash, and records
 * of which one byte goes along with it.
 */
static void a_frame_that_is_shorter_than_its_row(void **state)
{
    struct forgery *forgery = *state;
    enum { MORE = 512 };
    size_t count = forgery->table->count + 3;
    unsigned char *rows =
        forgery->memory.data + forgery->memory.bytes - TAR_SEEK_FOOTER_SIZE - count * TAR_SEEK_ROW;
    struct tar_index_header claims = forgery->table->index;
    assert_int_equal(forgery->table->count, 1);
    tar_put32(rows + 4, tar_get32(rows + 4) + MORE);
    claims.rows_hash = XXH64(rows, TAR_SEEK_ROW, 0);
    claims.tar_bytes += MORE;
    for (size_t at = 0; at < forgery->bytes; at++) {
        unsigned char right = forgery->records[at];
        for (unsigned wrong = 0; wrong < 256; wrong++) {
            struct memory forged;
            struct content content = {0};
            forgery->records[at] = (unsigned char)wrong;
            forge(forgery, forgery->records, forgery->bytes, &claims, &forged);
            if (read_by_list(&forgery->fake, &forged, &content) == HB_OK)
                fail_msg("byte %zu is %u: believed", at, wrong);
            content_free(&content);
            memory_free(&forged);
        }
        forgery->records[at] = right;
    }
    tar_put32(rows + 4, tar_get32(rows + 4) - MORE);
}

/* Rows that the index's hash does not fit are not the rows that the index was made for. */
static void rows_of_another_index(void **state)
{
    struct forgery *forgery = *state;
    for (int wrong = 0; wrong < 2; wrong++) {
        struct tar_index_header claims = forgery->table->index;
        struct tar_table *table = NULL;
        struct memory forged;
        claims.rows_hash += (uint64_t)wrong;
        forge(forgery, forgery->records, forgery->bytes, &claims, &forged);
        memory_rewind(&forged, true);
        assert_int_equal(tar_table_read(&forgery->tar, &forged.input, &table),
                         wrong ? HB_STATUS_NOMATCH : HB_OK);
        tar_table_free(table);
        memory_free(&forged);
    }
}

static int count_member(const struct hb_lister *lister, const struct hb_member *member)
{
    (void)member;
    ++*(int *)lister->self;
    return HB_OK;
}

/* Who lists, and reads nothing, sees no name that ends before its end. */
static void a_name_with_a_nul_byte(void **state)
{
    struct forgery *forgery = *state;
    struct memory forged;
    int count = 0;
    const struct hb_lister lister = {.size = sizeof lister, .self = &count, .member = count_member};
    unsigned char *name = memmem(forgery->records, forgery->bytes, "d/f", 3);
    assert_non_null(name);
    for (int wrong = 0; wrong < 2; wrong++) {
        struct tar_zstd tar = {.host = &forgery->fake.host};
        name[1] = wrong ? '\0' : '/';
        forge(forgery, forgery->records, forgery->bytes, &forgery->table->index, &forged);
        memory_rewind(&forged, true);
        assert_int_equal(tar_list(&tar, &forged.input, &lister), wrong ? HB_STATUS_FATAL : HB_OK);
        tar_table_free(tar.table);
        memory_free(&forged);
    }
    name[1] = '/';
    assert_int_equal(count, 5 + 1); /* what comes before it */
}

/* Nothing is listed from an index that is not as it was written. */
static void damage_to_the_index(void **state)
{
    struct forgery *forgery = *state;
    int count = 0;
    const struct hb_lister lister = {.size = sizeof lister, .self = &count, .member = count_member};
    unsigned char *records = forgery->memory.data + forgery->table->records_offset;
    for (size_t at = 0; at < forgery->table->records_bytes; at++) {
        struct tar_zstd tar = {.host = &forgery->fake.host};
        records[at] ^= 4;
        memory_rewind(&forgery->memory, true);
        assert_int_equal(tar_list(&tar, &forgery->memory.input, &lister), HB_STATUS_NOMATCH);
        tar_table_free(tar.table);
        records[at] ^= 4;
    }
    assert_int_equal(count, 0);
}

/* One byte of the tar is another one; its frame, the checksum and the row of that are made anew. */
static int read_altered(const struct forgery *forgery, const unsigned char *tar, size_t bytes)
{
    struct forgery other = *forgery;
    struct tar_table table = *forgery->table;
    struct content content = {0};
    struct memory forged;
    unsigned char frame[8192];
    const struct memory *memory = &forgery->memory;
    size_t stored = (size_t)table.frames[1].file_offset, count = table.count + 3;
    ZSTD_CCtx *compressor = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(compressor, ZSTD_c_checksumFlag, 1);
    size_t length = ZSTD_compress2(compressor, frame, sizeof frame, tar, bytes);
    ZSTD_freeCCtx(compressor);
    assert_false(ZSTD_isError(length));
    memory_init(&other.memory, true);
    put(&other.memory, frame, length);
    put(&other.memory, memory->data + stored, memory->bytes - stored);
    unsigned char *rows =
        other.memory.data + other.memory.bytes - TAR_SEEK_FOOTER_SIZE - count * TAR_SEEK_ROW;
    tar_put32(rows, (uint32_t)length);
    memcpy(rows + 8, frame + length - 4, 4);
    table.records_offset = table.records_offset - stored + length;
    table.index.rows_hash = XXH64(rows, TAR_SEEK_ROW, 0);
    other.table = &table;
    forge(&other, forgery->records, forgery->bytes, &table.index, &forged);
    int status = read_by_list(&other.fake, &forged, &content);
    content_free(&content);
    memory_free(&forged);
    memory_free(&other.memory);
    return status;
}

/* Only the content of files may be another: that is not in the index. */
static void every_byte_of_the_tar(void **state)
{
    struct forgery *forgery = *state;
    unsigned char tar[16384];
    size_t accepted = 0, bytes = (size_t)forgery->table->frames[1].tar_offset;
    assert_int_equal(forgery->table->count, 1);
    assert_true(bytes <= sizeof tar);
    assert_int_equal(ZSTD_decompress(tar, sizeof tar, forgery->memory.data,
                                     (size_t)forgery->table->frames[1].file_offset),
                     bytes);
    assert_int_equal(read_altered(forgery, tar, bytes), HB_OK);
    for (size_t at = 0; at < bytes; at++) {
        tar[at] ^= 1;
        accepted += read_altered(forgery, tar, bytes) == HB_OK;
        tar[at] ^= 1;
    }
    assert_int_equal(accepted, 9 + 4);
}

/* As another program packs it: nothing but the tar. */
static int walk_plain(struct forgery *forgery, const unsigned char *tar, size_t bytes)
{
    struct memory plain;
    struct content content = {0};
    unsigned char frame[8192];
    size_t length = ZSTD_compress(frame, sizeof frame, tar, bytes, 1);
    assert_false(ZSTD_isError(length));
    memory_init(&plain, true);
    put(&plain, frame, length);
    memory_rewind(&plain, true);
    int status = read_by_walk(&forgery->fake, &plain, false, &content);
    content_free(&content);
    memory_free(&plain);
    return status;
}

/* A header of zeros, and the end of the archive, look alike but for what comes behind them. */
static void a_header_that_was_lost(void **state)
{
    struct forgery *forgery = *state;
    unsigned char tar[16384] = {0};
    size_t bytes = (size_t)forgery->table->frames[1].tar_offset;
    assert_true(bytes + TAR_END_BYTES <= sizeof tar);
    assert_int_equal(ZSTD_decompress(tar, sizeof tar, forgery->memory.data,
                                     (size_t)forgery->table->frames[1].file_offset),
                     bytes);
    memset(tar + bytes, 0, TAR_END_BYTES); /* zstd may have used the room behind its output */
    assert_int_equal(walk_plain(forgery, tar, bytes + TAR_END_BYTES), HB_OK);
    assert_int_equal(walk_plain(forgery, tar, bytes), HB_STATUS_FATAL); /* cut off */
    unsigned char *text = memmem(tar, bytes, "some text", 9);
    assert_non_null(text);
    memset(text - TAR_BLOCK, 0, TAR_BLOCK);
    assert_int_equal(walk_plain(forgery, tar, bytes + TAR_END_BYTES), HB_STATUS_FATAL);
}

/*
 * "d/f" is said to have a longer header, within which lies the member behind it, that no record
 * tells of. All sums are right. Without the index, as from a pipe, both are there.
 */
static void a_header_that_hides_a_member(void **state)
{
    struct forgery *forgery = *state;
    struct tar_index_header claims = forgery->table->index;
    unsigned char records[1024];
    struct memory forged;
    struct content content = {0};
    assert_true(forgery->bytes <= sizeof records);
    memcpy(records, forgery->records, forgery->bytes);
    unsigned char *longer = memmem(records, forgery->bytes, "d/f", 3);
    unsigned char *hidden = memmem(records, forgery->bytes, "d/empty", 7);
    assert_true(longer != NULL && hidden != NULL && longer[3] == 1);
    longer[3]++;
    hidden -= 4; /* length, type, flags, length of the path */
    size_t length = (size_t)*hidden + 1, bytes = forgery->bytes - length;
    memmove(hidden, hidden + length, bytes - (size_t)(hidden - records));
    claims.members--;
    claims.raw_bytes = bytes;
    forge(forgery, records, bytes, &claims, &forged);
    assert_int_equal(read_by_list(&forgery->fake, &forged, &content), HB_STATUS_FATAL);
    assert_non_null(strstr(forgery->fake.message, "forged"));
    content_free(&content);
    assert_int_equal(read_by_walk(&forgery->fake, &forged, false, &content), HB_OK);
    assert_true(same_content(&content, &forgery->original));
    content_free(&content);
    memory_free(&forged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(untouched),
        cmocka_unit_test(every_byte_of_the_records),
        cmocka_unit_test(every_length_of_the_records),
        cmocka_unit_test(claims_of_the_head),
        cmocka_unit_test(rows_of_the_seek_table),
        cmocka_unit_test(a_frame_that_is_shorter_than_its_row),
        cmocka_unit_test(rows_of_another_index),
        cmocka_unit_test(damage_to_the_index),
        cmocka_unit_test(every_byte_of_the_tar),
        cmocka_unit_test(a_name_with_a_nul_byte),
        cmocka_unit_test(a_header_that_was_lost),
        cmocka_unit_test(a_header_that_hides_a_member),
    };
    setlocale(LC_CTYPE, "C.UTF-8");
    return cmocka_run_group_tests(tests, setup, teardown);
}
