/* SPDX-License-Identifier: Apache-2.0 */
/* The last bytes of an archive are read once, and given only where all that is asked for is there.
 */
#include "archive/input_end.h"
#include "scratch.h"

#include <string.h>

enum { KEPT = 256 << 10 };

struct counted {
    struct hb_input input;
    unsigned reads;
    bool fails, is_short;
};

static unsigned char byte_at(uint64_t offset)
{
    return (unsigned char)(offset * 7 + offset / 251);
}

static int64_t read_at(const struct hb_input *input, void *buffer, size_t bytes, uint64_t offset)
{
    struct counted *counted = input->self;
    counted->reads++;
    assert_true(bytes <= input->bytes && offset <= input->bytes - bytes);
    if (counted->fails)
        return HB_STATUS_FATAL;
    for (size_t i = 0; i < bytes; i++)
        ((unsigned char *)buffer)[i] = byte_at(offset + i);
    return (int64_t)bytes - counted->is_short;
}

static struct hb_input_end read_end(struct counted *counted, uint64_t bytes)
{
    struct hb_input_end end = {0};
    counted->input = (struct hb_input){
        .size = sizeof counted->input, .self = counted, .bytes = bytes, .read_at = read_at};
    hb_input_end_read(&end, &counted->input);
    return end;
}

static bool gives(const struct hb_input_end *end, size_t bytes, uint64_t offset)
{
    static unsigned char buffer[2 * KEPT];
    if (!hb_input_end_give(end, buffer, bytes, offset))
        return false;
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(buffer[i], byte_at(offset + i));
    return true;
}

static void what_is_kept(void **state)
{
    const uint64_t large = (uint64_t)KEPT + 1000;
    struct counted counted = {.reads = 0};
    struct hb_input_end end = read_end(&counted, large);
    (void)state;
    assert_true(gives(&end, 20, large - 20));
    assert_true(gives(&end, KEPT, 1000));
    assert_true(gives(&end, 0, large));
    assert_false(gives(&end, 1, 999));
    assert_false(gives(&end, KEPT, 999));
    assert_false(gives(&end, 21, large - 20));
    assert_false(gives(&end, 1, large));
    assert_false(gives(&end, 1, UINT64_MAX));
    assert_false(gives(&end, SIZE_MAX, 1000));
    assert_int_equal(counted.reads, 1);
    hb_input_end_clear(&end);
    assert_false(gives(&end, 1, 1000));
}

static void a_small_one_is_kept_whole(void **state)
{
    struct counted counted = {.reads = 0};
    struct hb_input_end end = read_end(&counted, 77);
    (void)state;
    assert_true(gives(&end, 77, 0));
    assert_false(gives(&end, 78, 0));
    assert_int_equal(counted.reads, 1);
    hb_input_end_clear(&end);
}

/* Whoever needs it reads it again, and says what is wrong. */
static void what_cannot_be_read_is_not_kept(void **state)
{
    struct counted fails = {.fails = true}, is_short = {.is_short = true};
    struct hb_input_end end = read_end(&fails, 1000), other = read_end(&is_short, 1000);
    (void)state;
    assert_false(gives(&end, 1, 999));
    assert_false(gives(&other, 1, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept),
        cmocka_unit_test(a_small_one_is_kept_whole),
        cmocka_unit_test(what_cannot_be_read_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
