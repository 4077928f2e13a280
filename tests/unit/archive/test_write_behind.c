/* SPDX-License-Identifier: Apache-2.0 */
/* What the other thread is given, and what is told of its failures. */
#include "archive/write_behind.h"
#include "scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 40, MOST_BYTES = 700 << 10 };

struct taken {
    unsigned char *data;
    uint64_t end; /* of what came last */
    unsigned calls, failed_calls, fails_at;
    bool torn; /* something came that was not put */
};

static unsigned char byte_at(uint64_t offset)
{
    return (unsigned char)(offset * 2654435761u >> 13);
}

static int take(void *context, const void *data, size_t bytes, uint64_t offset, uint64_t before,
                bool failed)
{
    struct taken *taken = context;
    const unsigned char *at = data;
    taken->calls++;
    taken->failed_calls += failed;
    taken->torn = taken->torn || before != taken->end || offset < before;
    for (size_t i = 0; i < bytes; i++)
        taken->torn = taken->torn || at[i] != byte_at(offset + i);
    taken->end = offset + bytes;
    return taken->calls >= taken->fails_at ? -ENOSPC : 0;
}

/* Pieces of all sizes, with gaps. Returns the end of the last. */
static uint64_t put_all(struct hb_write_behind *behind, int *failure)
{
    unsigned char *data = malloc(MOST_BYTES);
    uint64_t at = 0;
    for (unsigned i = 0; i < MANY; i++) {
        size_t bytes = i % 5 == 0 ? 0 : (size_t)i * i * 977 % MOST_BYTES;
        uint64_t offset = at + (i % 3 == 0 ? i * 1000u : 0);
        for (size_t j = 0; j < bytes; j++)
            data[j] = byte_at(offset + j);
        *failure = hb_write_behind_put(behind, data, bytes, offset, at);
        memset(data, 0, bytes); /* it has been copied */
        at = offset + bytes;
    }
    free(data);
    return at;
}

static void test_in_order(void **state)
{
    struct taken taken = {.fails_at = UINT32_MAX};
    int failure = 0;
    (void)state;
    struct hb_write_behind *behind = hb_write_behind_begin(take, &taken);
    assert_non_null(behind);
    uint64_t end = put_all(behind, &failure);
    assert_int_equal(failure, 0);
    assert_int_equal(hb_write_behind_end(behind), 0);
    assert_false(taken.torn);
    assert_int_equal(taken.end, end);
    assert_int_equal(taken.failed_calls, 0);
}

/* The first failure is told, soon and at the end, and what follows is still given, for checksums.
 */
static void test_failures(void **state)
{
    (void)state;
    for (unsigned at = 1; at < 12; at += 5) {
        struct taken taken = {.fails_at = at};
        int failure = 0;
        struct hb_write_behind *behind = hb_write_behind_begin(take, &taken);
        assert_non_null(behind);
        uint64_t end = put_all(behind, &failure);
        assert_int_equal(failure, -ENOSPC);
        assert_int_equal(hb_write_behind_end(behind), -ENOSPC);
        assert_false(taken.torn);
        assert_int_equal(taken.end, end);
        assert_int_equal(taken.failed_calls, taken.calls - at);
    }
}

static void test_none(void **state)
{
    (void)state;
    assert_int_equal(hb_write_behind_end(NULL), 0);
    struct taken taken = {.fails_at = UINT32_MAX};
    assert_int_equal(hb_write_behind_end(hb_write_behind_begin(take, &taken)), 0);
    assert_int_equal(taken.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
