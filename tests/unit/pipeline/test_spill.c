/* SPDX-License-Identifier: Apache-2.0 */
/* Units wait in the stage and come back; sealed, where the archive is, and no number twice. */
#include "../transform/fake_transform.h"
#include "files/io.h"
#include "pipeline/spill.h"
#include <errno.h>

struct fixture {
    struct fake *fake;
    char *directory;
    struct hb_stage stage;
    struct hb_spill spill;
};

static void set_up(struct fixture *fixture, bool seals)
{
    struct hb_error error;
    *fixture = (struct fixture){.fake = fake_new(), .directory = scratch_new()};
    assert_int_equal(hb_stage_open(fixture->directory, &fixture->stage, NULL, &error), HB_OK);
    hb_spill_init(&fixture->spill, &fixture->stage, seals ? &fixture->fake->transform : NULL);
}

static void tear_down(struct fixture *fixture)
{
    hb_spill_clear(&fixture->spill);
    hb_stage_close(&fixture->stage);
    scratch_remove(fixture->directory);
    fake_free(fixture->fake);
}

static uint64_t put(struct fixture *fixture, size_t bytes, uint64_t seed)
{
    HB_AUTO_FREE unsigned char *data = hb_alloc(bytes + 1);
    uint64_t offset;
    for (size_t i = 0; i < bytes; i++)
        data[i] = fake_byte(seed + i);
    assert_true(hb_spill_put(&fixture->spill, data, bytes, &offset));
    return offset;
}

static void take(struct fixture *fixture, size_t bytes, uint64_t seed, uint64_t offset)
{
    HB_AUTO_FREE unsigned char *data = hb_alloc(bytes + 1);
    assert_int_equal(hb_spill_take(&fixture->spill, data, bytes, offset), 0);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(data[i], fake_byte(seed + i));
}

static const size_t lengths[] = {1,  FAKE_PLAIN - 1, FAKE_PLAIN, FAKE_PLAIN + 1, 3 * FAKE_PLAIN,
                                 17, (300 << 10) + 5};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

/* Three rounds, each of which empties it: places may come again, numbers not. */
static void there_and_back(bool seals)
{
    struct fixture fixture;
    uint64_t offsets[LENGTHS];
    set_up(&fixture, seals);
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < LENGTHS; i++)
            offsets[i] = put(&fixture, lengths[i], i * 1000 + round);
        for (size_t i = LENGTHS; i-- > 0;)
            take(&fixture, lengths[i], i * 1000 + round, offsets[i]);
        assert_int_equal(fixture.spill.held, 0);
    }
    for (size_t i = 0; i < FAKE_MOST; i++)
        assert_true(fixture.fake->sealed[i] <= 1);
    assert_int_equal(fixture.fake->begun, seals ? 2 : 1); /* the fixture has a key of its own */
    tear_down(&fixture);
}

static void test_plain(void **state)
{
    (void)state;
    there_and_back(false);
}

static void test_sealed(void **state)
{
    (void)state;
    there_and_back(true);
}

/* No key is made, and no passphrase asked for, where nothing has to wait. */
static void test_nothing_is_begun_before_it_is_needed(void **state)
{
    struct fixture fixture;
    (void)state;
    set_up(&fixture, true);
    assert_int_equal(fixture.fake->begun, 1);
    tear_down(&fixture);
}

static void test_nothing_plain_lies_there(void **state)
{
    struct fixture fixture;
    unsigned char there[64], plain[64];
    (void)state;
    set_up(&fixture, true);
    uint64_t offset = put(&fixture, sizeof plain, 5);
    for (size_t i = 0; i < sizeof plain; i++)
        plain[i] = fake_byte(5 + i);
    assert_int_equal(hb_read_all_at(fixture.spill.fd, there, sizeof there, offset), sizeof there);
    /* Block 0 of the fake is told by its second byte on. */
    assert_true(memcmp(there + 1, plain + 1, sizeof plain - 1) != 0);
    tear_down(&fixture);
}

static void test_what_was_changed(void **state)
{
    struct fixture fixture;
    unsigned char data[9000];
    (void)state;
    set_up(&fixture, true);
    put(&fixture, sizeof data, 0);
    uint64_t offset = put(&fixture, sizeof data, 1);
    assert_int_equal(hb_write_all_at(fixture.spill.fd, "x", 1, offset + 5000), 0);
    assert_int_equal(hb_spill_take(&fixture.spill, data, sizeof data, offset), -EBADMSG);
    tear_down(&fixture);
}

static void test_block_that_does_not_seal(void **state)
{
    struct fixture fixture;
    unsigned char data[100] = {0};
    uint64_t offset;
    (void)state;
    set_up(&fixture, true);
    put(&fixture, 10, 0);
    fixture.fake->fails = 1;
    assert_false(hb_spill_put(&fixture.spill, data, sizeof data, &offset));
    assert_false(hb_spill_is_open(&fixture.spill));
    tear_down(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_nothing_is_begun_before_it_is_needed),
        cmocka_unit_test(test_nothing_plain_lies_there),
        cmocka_unit_test(test_what_was_changed),
        cmocka_unit_test(test_block_that_does_not_seal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
