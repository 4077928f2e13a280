/* SPDX-License-Identifier: Apache-2.0 */
/* What was sealed is read from any place, by any thread; what was not sealed so is refused. */
#include "fake_transform.h"
#include "transform/opener.h"

enum { BLOCK = FAKE_PLAIN + FAKE_EXTRA, THREADS = 6 };

struct sealed {
    struct fake *fake;
    unsigned char *bytes;
    size_t length;
    struct hb_input input;
    atomic_uint reads;
    atomic_bool broken; /* it cannot be read now */
    struct hb_opener *opener;
};

static int64_t read_at(const struct hb_input *input, void *buffer, size_t bytes, uint64_t offset)
{
    struct sealed *sealed = input->self;
    sealed->reads++;
    if (sealed->broken) {
        hb_run_explain(&sealed->fake->run, "the disk is gone");
        return HB_STATUS_FATAL;
    }
    if (offset >= sealed->length)
        return 0;
    size_t part = bytes < sealed->length - offset ? bytes : sealed->length - (size_t)offset;
    memcpy(buffer, sealed->bytes + offset, part);
    return (int64_t)part;
}

static void make(struct sealed *sealed, size_t plain)
{
    unsigned char block[FAKE_PLAIN];
    *sealed = (struct sealed){.fake = fake_new()};
    const struct hb_key *key = &sealed->fake->key;
    uint64_t blocks = hb_key_blocks(key, plain);
    sealed->length = (size_t)hb_key_sealed(key, plain);
    sealed->bytes = hb_alloc(sealed->length + BLOCK);
    for (uint64_t i = 0; i < blocks; i++) {
        size_t at = (size_t)i * FAKE_PLAIN,
               part = plain - at < FAKE_PLAIN ? plain - at : FAKE_PLAIN;
        for (size_t j = 0; j < part; j++)
            block[j] = fake_byte(at + j);
        assert_int_equal(hb_key_seal(key, i, i + 1 == blocks, block, part,
                                     sealed->bytes + FAKE_HEADER + i * BLOCK),
                         HB_OK);
    }
    sealed->input = (struct hb_input){
        .size = sizeof sealed->input, .self = sealed, .bytes = sealed->length, .read_at = read_at};
}

static int start(struct sealed *sealed, const struct hb_kept_blocks *kept, struct hb_error *error)
{
    sealed->input.bytes = sealed->length;
    return hb_opener_start(&sealed->fake->key, &sealed->input, kept, &sealed->opener, error);
}

static void clear(struct sealed *sealed)
{
    hb_opener_free(sealed->opener);
    fake_free(sealed->fake);
    free(sealed->bytes);
}

static void expect_bytes(const struct sealed *sealed, uint64_t offset, size_t bytes)
{
    const struct hb_input *input = hb_opener_input(sealed->opener);
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(bytes + 1);
    uint64_t left = offset < input->bytes ? input->bytes - offset : 0;
    assert_int_equal(input->read_at(input, buffer, bytes, offset), left < bytes ? left : bytes);
    for (size_t i = 0; i < bytes && i < left; i++)
        assert_int_equal(buffer[i], fake_byte(offset + i));
}

static void test_lengths(void **state)
{
    static const size_t lengths[] = {
        0, 1, FAKE_PLAIN - 1, FAKE_PLAIN, FAKE_PLAIN + 1, 2 * FAKE_PLAIN, 3 << 20};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct sealed sealed;
        struct hb_error error;
        make(&sealed, lengths[i]);
        assert_int_equal(start(&sealed, NULL, &error), HB_OK);
        assert_int_equal(hb_opener_input(sealed.opener)->bytes, lengths[i]);
        expect_bytes(&sealed, 0, lengths[i] + 10);
        expect_bytes(&sealed, lengths[i] / 2, lengths[i]);
        expect_bytes(&sealed, lengths[i], 1);
        expect_bytes(&sealed, UINT64_MAX - 5, 10);
        clear(&sealed);
    }
}

/* Whatever is asked for, from wherever; front to back as well. */
static void test_places(void **state)
{
    struct sealed sealed;
    struct hb_error error;
    unsigned char piece[9000];
    uint64_t at = 0;
    (void)state;
    make(&sealed, 2 << 20);
    assert_int_equal(start(&sealed, NULL, &error), HB_OK);
    for (size_t i = 0; i < 600; i++)
        expect_bytes(&sealed, (i * 2654435761u) % (2 << 20),
                     (i * 40503u) % (i % 9 == 0 ? 400000 : 9000));
    const struct hb_input *input = hb_opener_input(sealed.opener);
    for (int64_t got; (got = input->read(input, piece, sizeof piece)) > 0; at += (uint64_t)got)
        for (int64_t i = 0; i < got; i++)
            assert_int_equal(piece[i], fake_byte(at + (uint64_t)i));
    assert_int_equal(at, 2 << 20);
    clear(&sealed);
}

/* Many blocks by one read; what lies in blocks that are open by none. */
static void test_reads(void **state)
{
    struct sealed sealed;
    struct hb_error error;
    (void)state;
    make(&sealed, 2 << 20);
    assert_int_equal(start(&sealed, NULL, &error), HB_OK);
    unsigned before = sealed.reads;
    expect_bytes(&sealed, 0, 2 << 20);
    assert_true(sealed.reads - before <= 6);
    expect_bytes(&sealed, 100, 10);
    before = sealed.reads;
    for (size_t i = 0; i < 100; i++)
        expect_bytes(&sealed, 100 + i, 10);
    assert_int_equal(sealed.reads, before);
    clear(&sealed);
}

static void *read_here_and_there(void *argument)
{
    const struct sealed *sealed = argument;
    const struct hb_input *input = hb_opener_input(sealed->opener);
    static atomic_uint seeds;
    size_t seed = ++seeds;
    HB_AUTO_FREE unsigned char *buffer = hb_alloc(300000);
    for (size_t i = 0; i < 150; i++) {
        size_t offset = (i * seed * 2654435761u) % (12 << 20), bytes = i % 7 == 0 ? 300000 : 5000;
        int64_t got = input->read_at(input, buffer, bytes, offset);
        for (int64_t j = 0; j < got; j++)
            if (buffer[j] != fake_byte(offset + (uint64_t)j))
                return NULL;
        if (got <= 0)
            return NULL;
    }
    return argument;
}

static void test_threads(void **state)
{
    struct sealed sealed;
    struct hb_error error;
    pthread_t threads[THREADS];
    void *well;
    (void)state;
    make(&sealed, 12 << 20);
    assert_int_equal(start(&sealed, NULL, &error), HB_OK);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_here_and_there, &sealed), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &well), 0);
        assert_non_null(well);
    }
    clear(&sealed);
}

static void expect_refused(struct sealed *sealed, const char *why)
{
    struct hb_error error;
    assert_int_equal(start(sealed, NULL, &error), HB_STATUS_FATAL);
    assert_contains(error.text, why);
    sealed->opener = NULL;
}

static void test_cuts(void **state)
{
    struct sealed sealed;
    struct hb_error error;
    (void)state;
    make(&sealed, 5 * FAKE_PLAIN + 100);
    size_t whole = sealed.length;
    for (sealed.length = 0; sealed.length < whole; sealed.length++) {
        size_t beyond = sealed.length < FAKE_HEADER ? 1 : (sealed.length - FAKE_HEADER) % BLOCK;
        expect_refused(&sealed, sealed.length > FAKE_HEADER && beyond == 0
                                    ? "cut off at the end of block"
                                    : "cut off");
    }
    for (sealed.length = whole + 1; sealed.length < whole + BLOCK; sealed.length += 97)
        expect_refused(&sealed, "cut off");
    sealed.length = whole;
    assert_int_equal(start(&sealed, NULL, &error), HB_OK);
    clear(&sealed);
}

/* Each block opens, and the last one as the last: still nothing that a sealer makes. */
static void test_empty_block_behind_others(void **state)
{
    struct sealed sealed;
    unsigned char block[FAKE_PLAIN] = {0};
    (void)state;
    make(&sealed, 2 * FAKE_PLAIN);
    const struct hb_key *key = &sealed.fake->key;
    unsigned char *at = sealed.bytes + FAKE_HEADER + BLOCK;
    sealed.length += FAKE_EXTRA; /* behind the last one, whatever it is */
    expect_refused(&sealed, "longer than it was");
    assert_int_equal(hb_key_seal(key, 1, false, block, FAKE_PLAIN, at), HB_OK);
    assert_int_equal(hb_key_seal(key, 2, true, block, 0, at + BLOCK), HB_OK);
    expect_refused(&sealed, "longer than it was");
    clear(&sealed);
}

/* The one that is asked for; the others are read all the same. */
static void test_damage(void **state)
{
    struct sealed sealed;
    struct hb_error error;
    unsigned char buffer[100];
    (void)state;
    make(&sealed, 60 * FAKE_PLAIN);
    sealed.bytes[FAKE_HEADER + 40 * BLOCK + 7] ^= 1;
    assert_int_equal(start(&sealed, NULL, &error), HB_OK);
    const struct hb_input *input = hb_opener_input(sealed.opener);
    expect_bytes(&sealed, 0, 16 * FAKE_PLAIN);
    assert_int_equal(input->read_at(input, buffer, sizeof buffer, 40 * FAKE_PLAIN),
                     HB_STATUS_FATAL);
    assert_contains(hb_failure_of(&sealed.fake->run)->text, "block 41 of 60 does not open");
    HB_AUTO_FREE unsigned char *all = hb_alloc(60 * FAKE_PLAIN);
    assert_int_equal(input->read_at(input, all, 60 * FAKE_PLAIN, 0), HB_STATUS_FATAL);
    expect_bytes(&sealed, 48 * FAKE_PLAIN, 12 * FAKE_PLAIN);
    clear(&sealed);
    make(&sealed, 3 * FAKE_PLAIN);
    sealed.bytes[sealed.length - 1] ^= 1;
    expect_refused(&sealed, "the last of its 3 blocks does not open: its sum is wrong");
    clear(&sealed);
}

static void test_what_cannot_be_read(void **state)
{
    struct sealed sealed;
    struct hb_error error;
    unsigned char buffer[100];
    (void)state;
    make(&sealed, 3 * FAKE_PLAIN);
    sealed.broken = true;
    expect_refused(&sealed, "the disk is gone");
    sealed.broken = false;
    assert_int_equal(start(&sealed, NULL, &error), HB_OK);
    const struct hb_input *input = hb_opener_input(sealed.opener);
    sealed.broken = true;
    assert_int_equal(input->read_at(input, buffer, sizeof buffer, 0), HB_STATUS_FATAL);
    assert_string_equal(hb_failure_of(&sealed.fake->run)->text, "the disk is gone");
    sealed.broken = false;
    expect_bytes(&sealed, 0, 100);
    clear(&sealed);
}

/* Of those that are not there zeros are read, and nothing is opened. */
static void test_kept_blocks(void **state)
{
    struct sealed sealed;
    struct hb_error error;
    struct hb_kept_blocks kept = {0};
    unsigned char buffer[FAKE_PLAIN];
    (void)state;
    make(&sealed, 40 * FAKE_PLAIN);
    memset(sealed.bytes + FAKE_HEADER + BLOCK, 0, 30 * BLOCK);
    hb_kept_blocks_add(&kept, 0);
    for (uint64_t i = 31; i < 40; i++)
        hb_kept_blocks_add(&kept, i);
    assert_int_equal(start(&sealed, &kept, &error), HB_OK);
    const struct hb_input *input = hb_opener_input(sealed.opener);
    expect_bytes(&sealed, 0, FAKE_PLAIN);
    expect_bytes(&sealed, 31 * FAKE_PLAIN, 9 * FAKE_PLAIN);
    assert_int_equal(input->read_at(input, buffer, sizeof buffer, 17 * FAKE_PLAIN), FAKE_PLAIN);
    for (size_t i = 0; i < sizeof buffer; i++)
        assert_int_equal(buffer[i], 0);
    hb_kept_blocks_clear(&kept);
    clear(&sealed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_empty_block_behind_others),
        cmocka_unit_test(test_what_cannot_be_read),
        cmocka_unit_test(test_kept_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
