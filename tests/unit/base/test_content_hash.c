/* SPDX-License-Identifier: Apache-2.0 */
/* The checksum of a content: what it is, and that it does not matter how the content came. */
#include "base/content_hash.h"
#include "base/memory.h"
#include "scratch.h"

#include <string.h>
#include <xxhash.h>

enum { BLOCK = HB_CONTENT_BLOCK, MOST = 5 * BLOCK + 77 };

/* The same bytes in each run, with zeros in the middle. */
static unsigned char *content(void)
{
    unsigned char *data = hb_alloc(MOST);
    uint32_t number = 1;
    for (size_t i = 0; i < MOST; i++) {
        number = number * 1664525u + 1013904223u;
        data[i] = i / BLOCK == 2 || i / BLOCK == 3 ? 0 : (unsigned char)(number >> 24);
    }
    return data;
}

static uint64_t in_pieces(const unsigned char *data, size_t bytes, size_t each, uint64_t total)
{
    struct hb_content_hash hash = {0};
    hb_content_begin(&hash, total);
    for (size_t at = 0; at < bytes; at += each)
        hb_content_put(&hash, data + at, bytes - at < each ? bytes - at : each);
    uint64_t sum = hb_content_end(&hash);
    hb_content_clear(&hash);
    return sum;
}

static void of_small_content_it_is_xxh3(void **state)
{
    static const size_t sizes[] = {1, 7, 240, 241, 4096, BLOCK - 1, BLOCK};
    HB_AUTO_FREE unsigned char *data = content();
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        assert_true(hb_content_part(data, sizes[i], 0) == XXH3_64bits(data, sizes[i]));
    assert_true(hb_content_part(NULL, 0, 0) == 0);
    assert_true(in_pieces(data, 0, 1, 0) == 0);
}

/* It is in archives: these numbers stay. */
static void it_stays_as_it_is(void **state)
{
    HB_AUTO_FREE unsigned char *data = content();
    (void)state;
    assert_true(hb_content_part("hbcore", 6, 0) == XXH3_64bits("hbcore", 6));
    assert_true(hb_content_part(data, MOST, 0) == UINT64_C(0xde44301717fda9a7));
}

static void however_it_was_cut(void **state)
{
    static const size_t sizes[] = {1, 1000, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, MOST - 1, MOST};
    static const size_t pieces[] = {1, 77, 4096, 30000, BLOCK - 1, BLOCK, BLOCK + 1, MOST};
    HB_AUTO_FREE unsigned char *data = content();
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t whole = hb_content_part(data, sizes[i], 0), units = 0;
        for (size_t j = i == 0 ? 0 : 1; j < sizeof pieces / sizeof *pieces; j++) {
            assert_true(in_pieces(data, sizes[i], pieces[j], sizes[i]) == whole);
            assert_true(in_pieces(data, sizes[i], pieces[j], UINT64_MAX) == whole);
        }
        for (size_t at = 0; at < sizes[i]; at += 2 * BLOCK) /* in whichever order */
            units += hb_content_part(data + at,
                                     sizes[i] - at < 2 * BLOCK ? sizes[i] - at : 2 * BLOCK, at);
        assert_true(units == whole);
    }
}

static void gaps_are_zeros(void **state)
{
    static const size_t starts[] = {2 * BLOCK, 2 * BLOCK + 1, 3 * BLOCK - 1};
    static const size_t ends[] = {3 * BLOCK, 3 * BLOCK + 5, 4 * BLOCK - 1, 4 * BLOCK};
    HB_AUTO_FREE unsigned char *data = content();
    uint64_t whole = hb_content_part(data, MOST, 0);
    (void)state;
    for (size_t i = 0; i < 12; i++) {
        size_t start = starts[i % 3], end = ends[i / 3];
        struct hb_content_hash hash = {0};
        hb_content_begin(&hash, MOST);
        hb_content_put(&hash, data, start);
        hb_content_put_zeros(&hash, end - start);
        hb_content_put(&hash, data + end, MOST - end);
        assert_true(hb_content_end(&hash) == whole);
        hb_content_clear(&hash);
    }
}

/* One bit, anywhere; blocks that change places; zeros more or less at the end. */
static void what_is_noticed(void **state)
{
    HB_AUTO_FREE unsigned char *data = content(), *other = content();
    uint64_t whole = hb_content_part(data, MOST, 0);
    (void)state;
    for (size_t at = 0; at < MOST; at += 9973) {
        other[at] ^= 0x20;
        assert_true(hb_content_part(other, MOST, 0) != whole);
        other[at] ^= 0x20;
    }
    for (size_t a = 0; a < 5; a++)
        for (size_t b = a + 1; b < 5; b++) {
            memcpy(other, data, MOST);
            memcpy(other + a * BLOCK, data + b * BLOCK, BLOCK);
            memcpy(other + b * BLOCK, data + a * BLOCK, BLOCK);
            bool same = a == 2 && b == 3; /* both are zeros */
            assert_true((hb_content_part(other, MOST, 0) == whole) == same);
        }
    assert_true(hb_content_part(data, 3 * BLOCK, 0) != hb_content_part(data, 4 * BLOCK, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_small_content_it_is_xxh3),
        cmocka_unit_test(it_stays_as_it_is),
        cmocka_unit_test(however_it_was_cut),
        cmocka_unit_test(gaps_are_zeros),
        cmocka_unit_test(what_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
