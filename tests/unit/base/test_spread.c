/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spread.h"
#include "scratch.h"

#include <string.h>

enum { MOST = 5000 };

static void count_one(void *context, size_t number)
{
    unsigned char *times = context;
    times[number]++;
}

/* Each once, whatever the count, and all are done afterwards. */
static void test_each_once(void **state)
{
    static const size_t counts[] = {0, 1, 7, 8, 9, 16, 17, 255, MOST};
    unsigned char times[MOST + 1];
    (void)state;
    for (unsigned workers = 0; workers < 6; workers++)
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            memset(times, 0, sizeof times);
            hb_spread(workers, counts[i], count_one, times);
            for (size_t j = 0; j < MOST + 1; j++)
                assert_int_equal(times[j], j < counts[i]);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
