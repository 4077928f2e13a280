/* SPDX-License-Identifier: Apache-2.0 */
#include "base/numbers.h"
#include "scratch.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 300000, COLUMNS = 3 };

static void make_row(uint64_t i, uint64_t *row)
{
    static const uint64_t odd[] = {0, UINT64_MAX, 1, INT64_MAX, (uint64_t)INT64_MIN, 127, 128};
    row[0] = i * 4096 + i % 5;
    row[1] = odd[i % 7];
    row[2] = 1700000000 - i / 3;
}

static void fill(struct hb_numbers *numbers, size_t count)
{
    uint64_t row[COLUMNS];
    *numbers = (struct hb_numbers){.columns = COLUMNS};
    for (size_t i = 0; i < count; i++) {
        make_row(i, row);
        hb_numbers_add(numbers, row);
    }
    assert_int_equal(numbers->count, count);
}

static void assert_row(const struct hb_numbers *numbers, size_t index)
{
    uint64_t row[COLUMNS], expected[COLUMNS];
    make_row(index, expected);
    hb_numbers_get(numbers, index, row);
    assert_memory_equal(row, expected, sizeof row);
}

/* Whatever the numbers are, and in whatever order rows are asked for. */
static void test_rows_come_back(void **state)
{
    struct hb_numbers numbers;
    (void)state;
    for (size_t count = 0; count < 40; count++) {
        fill(&numbers, count);
        for (size_t i = count; i-- > 0;)
            assert_row(&numbers, i);
        hb_numbers_clear(&numbers);
    }
    fill(&numbers, MANY);
    for (size_t i = 0; i < MANY; i++)
        assert_row(&numbers, i * 7919 % MANY);
    hb_numbers_clear(&numbers);
    assert_int_equal(numbers.count, 0);
}

/* Rows that are much like each other take little. */
static void test_little_is_taken(void **state)
{
    struct hb_numbers numbers = {.columns = COLUMNS};
    (void)state;
    for (uint64_t i = 0; i < MANY; i++)
        hb_numbers_add(&numbers, (uint64_t[]){i * 100, 1, 1700000000});
    assert_true(numbers.used < (size_t)MANY * 6);
    hb_numbers_clear(&numbers);
}

/* What was given back is gone, and all behind it is as it was. */
static void test_giving_back(void **state)
{
    struct hb_numbers numbers;
    (void)state;
    fill(&numbers, MANY);
    for (size_t from = 0; from < MANY; from += 10007) {
        hb_numbers_give_back(&numbers, from);
        assert_true(numbers.given_back <= numbers.blocks[from / 8]);
        for (size_t i = from; i < MANY; i += 977)
            assert_row(&numbers, i);
    }
    assert_true(numbers.given_back > numbers.used / 2);
    hb_numbers_give_back(&numbers, MANY);
    hb_numbers_clear(&numbers);
}

/* It does not get zeros, which would be stored. */
static void test_asking_for_what_was_given_back(void **state)
{
    (void)state;
    struct hb_numbers numbers = {.columns = COLUMNS};
    fill(&numbers, MANY);
    hb_numbers_give_back(&numbers, MANY - 1);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint64_t row[HB_NUMBERS_MOST];
        (void)signal(SIGABRT, SIG_DFL);
        (void)close(STDERR_FILENO);
        hb_numbers_get(&numbers, 0, row);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    hb_numbers_clear(&numbers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_come_back),
        cmocka_unit_test(test_little_is_taken),
        cmocka_unit_test(test_giving_back),
        cmocka_unit_test(test_asking_for_what_was_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
