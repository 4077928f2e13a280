/* SPDX-License-Identifier: Apache-2.0 */
/* What is written comes out in order, each block sealed once, the last one marked, by any threads.
 */
#include "fake_transform.h"
#include "transform/sealer.h"

struct sink {
    struct fake *fake;
    unsigned char *bytes;
    size_t used, room;
    uint64_t next; /* number of the next block */
    size_t kept;
    int status;
};

static int put(void *context, const struct hb_sealed *sealed)
{
    struct sink *sink = context;
    assert_int_equal(sealed->first, sink->next);
    sink->next += sealed->count;
    if (sink->used + sealed->bytes > sink->room) {
        sink->room = (sink->used + sealed->bytes) * 2;
        sink->bytes = hb_resize(sink->bytes, sink->room, 1);
    }
    memcpy(sink->bytes + sink->used, sealed->data, sealed->bytes);
    sink->used += sealed->bytes;
    for (size_t i = 0; i < sealed->count; i++)
        sink->kept += sealed->kept[i];
    return sink->status;
}

/* In pieces of that many bytes; the first byte that is to be kept, up to `kept_to`. */
static int write_all(struct hb_sealer *sealer, size_t bytes, size_t piece, size_t kept_from,
                     size_t kept_to)
{
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(piece);
    int status = HB_OK;
    for (size_t done = 0; done < bytes && status == HB_OK;) {
        size_t part = bytes - done < piece ? bytes - done : piece;
        for (size_t i = 0; i < part; i++)
            buffer[i] = fake_byte(done + i);
        status = hb_sealer_write(sealer, buffer, part, done < kept_to && done + part > kept_from);
        done += part;
    }
    return status;
}

/* Does it open, block by block, the last one as the last? */
static void judge(struct fake *fake, const struct sink *sink, size_t bytes)
{
    unsigned char plain[FAKE_PLAIN];
    uint64_t blocks = hb_key_blocks(&fake->key, bytes);
    assert_int_equal(sink->used + FAKE_HEADER, hb_key_sealed(&fake->key, bytes));
    assert_int_equal(sink->next, blocks);
    for (uint64_t i = 0; i < blocks; i++) {
        size_t at = (size_t)i * (FAKE_PLAIN + FAKE_EXTRA);
        size_t part =
            sink->used - at < FAKE_PLAIN + FAKE_EXTRA ? sink->used - at : FAKE_PLAIN + FAKE_EXTRA;
        assert_int_equal(
            hb_key_unseal(&fake->key, i, i + 1 == blocks, sink->bytes + at, part, plain), HB_OK);
        for (size_t j = 0; j < part - FAKE_EXTRA; j++)
            assert_int_equal(plain[j], fake_byte(i * FAKE_PLAIN + j));
        assert_int_equal(fake->sealed[i], 1);
    }
}

static void seal_so_many(size_t bytes, unsigned workers, size_t piece)
{
    struct fake *fake = fake_new();
    struct sink sink = {.fake = fake};
    struct hb_sealer *sealer =
        hb_sealer_start(&fake->key, workers, (struct hb_sealed_out){&sink, put});
    assert_int_equal(write_all(sealer, bytes, piece, 0, 0), HB_OK);
    assert_int_equal(hb_sealer_tell(sealer), bytes);
    assert_int_equal(hb_sealer_finish(sealer), HB_OK);
    assert_int_equal(hb_sealer_finish(sealer), HB_OK);
    judge(fake, &sink, bytes);
    assert_int_equal(sink.kept, 0);
    hb_sealer_free(sealer);
    free(sink.bytes);
    fake_free(fake);
}

static void test_lengths(void **state)
{
    static const size_t lengths[] = {0,
                                     1,
                                     FAKE_PLAIN - 1,
                                     FAKE_PLAIN,
                                     FAKE_PLAIN + 1,
                                     2 * FAKE_PLAIN,
                                     (512 << 10) - 1,
                                     512 << 10,
                                     (512 << 10) + 1,
                                     5 << 20};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        for (unsigned workers = 0; workers <= 9; workers += 3)
            seal_so_many(lengths[i], workers, 100001);
}

static void test_pieces(void **state)
{
    static const size_t pieces[] = {1, 7, FAKE_PLAIN, 1 << 20};
    (void)state;
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++)
        seal_so_many(50000, 3, pieces[i]);
}

/* Whole blocks: those of which one byte is to be kept. */
static void test_kept(void **state)
{
    struct fake *fake = fake_new();
    struct sink sink = {.fake = fake};
    struct hb_sealer *sealer = hb_sealer_start(&fake->key, 2, (struct hb_sealed_out){&sink, put});
    (void)state;
    assert_int_equal(write_all(sealer, 1 << 20, 64, FAKE_PLAIN - 64, FAKE_PLAIN + 64), HB_OK);
    assert_int_equal(hb_sealer_finish(sealer), HB_OK);
    assert_int_equal(sink.kept, 2);
    hb_sealer_free(sealer);
    free(sink.bytes);
    fake_free(fake);
}

/* Nothing of what follows it comes out, and the reason is the writer's. */
static void test_block_that_fails(void **state)
{
    (void)state;
    for (unsigned workers = 0; workers <= 4; workers += 2) {
        struct fake *fake = fake_new();
        struct sink sink = {.fake = fake};
        struct hb_sealer *sealer =
            hb_sealer_start(&fake->key, workers, (struct hb_sealed_out){&sink, put});
        fake->fails = 200;
        int status = write_all(sealer, 8 << 20, 1 << 16, 0, 0);
        if (status == HB_OK)
            status = hb_sealer_finish(sealer);
        assert_int_equal(status, HB_STATUS_FATAL);
        assert_contains(hb_failure_of(&fake->run)->text, "block 200 does not seal");
        assert_true(sink.next <= 200);
        assert_int_equal(hb_sealer_finish(sealer), HB_STATUS_FATAL);
        hb_sealer_free(sealer);
        free(sink.bytes);
        fake_free(fake);
    }
}

static void test_sink_that_fails(void **state)
{
    struct fake *fake = fake_new();
    struct sink sink = {.fake = fake, .status = HB_STATUS_CANCELLED};
    struct hb_sealer *sealer = hb_sealer_start(&fake->key, 3, (struct hb_sealed_out){&sink, put});
    (void)state;
    int status = write_all(sealer, 20 << 20, 1 << 20, 0, 0);
    assert_int_equal(status, HB_STATUS_CANCELLED);
    assert_int_equal(sink.next, 128);
    hb_sealer_free(sealer);
    free(sink.bytes);
    fake_free(fake);
}

static void test_it_is_small(void **state)
{
    struct fake *fake = fake_new();
    struct sink sink = {.fake = fake};
    struct hb_sealer *sealer = hb_sealer_start(&fake->key, 64, (struct hb_sealed_out){&sink, put});
    (void)state;
    assert_true(hb_sealer_memory(sealer) < 11 << 20);
    hb_sealer_free(sealer);
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_kept),
        cmocka_unit_test(test_block_that_fails),
        cmocka_unit_test(test_sink_that_fails),
        cmocka_unit_test(test_it_is_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
