/* SPDX-License-Identifier: Apache-2.0 */
/* What is worth another try, how often, and for how long: by a clock of the test's own. */
#include "host/failure.h"
#include "scratch.h"
#include "store/retry.h"

#include <string.h>

enum { MOST = 30000, LONGEST = 5000 };

struct fake {
    uint64_t now, waited[1000];
    unsigned waits, stop_at; /* a signal comes in that wait; 0: none does */
};

static uint64_t now(void *context)
{
    return ((struct fake *)context)->now;
}

static bool wait_for(void *context, uint64_t milliseconds)
{
    struct fake *fake = context;
    fake->waited[fake->waits++] = milliseconds;
    fake->now += milliseconds;
    return fake->waits != fake->stop_at;
}

struct fixture {
    struct hb_run run;
    struct fake fake;
    struct hb_retry_clock clock;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    memset(&fixture, 0, sizeof fixture);
    hb_run_init(&fixture.run, NULL);
    fixture.clock = (struct hb_retry_clock){&fixture.fake, now, wait_for};
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    hb_run_clear(&((struct fixture *)*state)->run);
    return 0;
}

static void fail_for(struct fixture *fixture, uint32_t cause)
{
    hb_run_explain(&fixture->run, "it failed");
    hb_failure_of(&fixture->run)->cause = cause;
}

static void test_what_is_worth_it(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t cause = HB_CAUSE_NONE; cause <= HB_CAUSE_EXISTS + 1; cause++) {
        struct hb_retry retry = hb_retry_begin(&fixture->run, &fixture->clock, NULL);
        fail_for(fixture, cause);
        assert_int_equal(hb_retry_again(&retry),
                         cause == HB_CAUSE_NETWORK || cause == HB_CAUSE_BUSY);
        assert_string_equal(hb_failure_of(&fixture->run)->text, "it failed");
    }
    struct hb_retry none = {.run = NULL};
    fail_for(fixture, HB_CAUSE_NETWORK);
    assert_false(hb_retry_again(&none));
}

static void test_it_ends(void **state)
{
    struct fixture *fixture = *state;
    struct fake *fake = &fixture->fake;
    for (unsigned run = 0; run < 200; run++) {
        fake->waits = 0;
        fake->now = run * 977;
        struct hb_retry retry = hb_retry_begin(&fixture->run, &fixture->clock, NULL);
        fail_for(fixture, HB_CAUSE_BUSY);
        while (hb_retry_again(&retry))
            assert_true(fake->waits < 50);
        assert_true(fake->now - run * 977 <= MOST);
        assert_true(fake->now - run * 977 > MOST - 2 * LONGEST);
        assert_true(fake->waited[0] >= 50 && fake->waited[0] <= 100);
        for (unsigned i = 0; i < fake->waits; i++)
            assert_true(fake->waited[i] > 0 && fake->waited[i] <= LONGEST);
        assert_int_equal(retry.attempts, fake->waits);
    }
}

/* What the calls themselves took counts: such a store has tried again by itself. */
static void test_a_store_that_took_its_time(void **state)
{
    struct fixture *fixture = *state;
    struct hb_retry retry = hb_retry_begin(&fixture->run, &fixture->clock, NULL);
    fixture->fake.now += MOST + 1;
    fail_for(fixture, HB_CAUSE_NETWORK);
    assert_false(hb_retry_again(&retry));
    assert_int_equal(fixture->fake.waits, 0);
}

static void test_a_signal(void **state)
{
    struct fixture *fixture = *state;
    struct hb_retry retry = hb_retry_begin(&fixture->run, &fixture->clock, NULL);
    fixture->fake.stop_at = 3;
    fail_for(fixture, HB_CAUSE_NETWORK);
    assert_true(hb_retry_again(&retry));
    assert_true(hb_retry_again(&retry));
    assert_false(hb_retry_again(&retry));
}

/* How long a call is tried that fails each time. */
static uint64_t in_vain(struct fixture *fixture, struct hb_retry_budget *budget)
{
    uint64_t before = fixture->fake.now;
    struct hb_retry retry = hb_retry_begin(&fixture->run, &fixture->clock, budget);
    fixture->fake.waits = 0;
    fail_for(fixture, HB_CAUSE_NETWORK);
    while (hb_retry_again(&retry))
        assert_true(fixture->fake.waits < 50);
    return fixture->fake.now - before;
}

static void test_calls_share_it(void **state)
{
    struct fixture *fixture = *state;
    struct hb_retry_budget budget = {.used_up = 0}, other = {.used_up = 0};
    struct hb_retry beside = hb_retry_begin(&fixture->run, &fixture->clock, &budget);
    fail_for(fixture, HB_CAUSE_NETWORK);
    for (unsigned i = 0; i < 100; i++) { /* that helped: it costs the others nothing */
        struct hb_retry retry = hb_retry_begin(&fixture->run, &fixture->clock, &budget);
        assert_true(hb_retry_again(&retry));
    }
    fixture->fake.now = beside.started = 1000;
    assert_true(hb_retry_again(&beside));
    assert_true(in_vain(fixture, &budget) > MOST - 2 * LONGEST);
    assert_false(hb_retry_again(&beside)); /* of another thread: it ends with that */
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(in_vain(fixture, &budget), 0);
    assert_true(in_vain(fixture, &other) > MOST - 2 * LONGEST);
    assert_true(in_vain(fixture, &budget) <= MOST / 10);
    fixture->fake.now += 20 * MOST; /* the network is back for a while */
    assert_true(in_vain(fixture, &budget) > MOST - 2 * LONGEST);
    assert_int_equal(in_vain(fixture, &budget), 0);
}

/* What people hear of a call that fails `times` times; "": nothing. Caller frees. */
static char *heard(struct fixture *fixture, struct hb_retry_budget *budget, const char *store,
                   unsigned times)
{
    char *text = NULL;
    size_t bytes;
    FILE *before = fixture->run.log;
    fixture->run.log = open_memstream(&text, &bytes);
    struct hb_retry retry = hb_retry_begin(&fixture->run, &fixture->clock, budget);
    retry.store = store;
    fixture->fake.waits = 0;
    fail_for(fixture, HB_CAUSE_NETWORK);
    for (unsigned i = 0; i < times && hb_retry_again(&retry); i++)
        ;
    fclose(fixture->run.log);
    fixture->run.log = before;
    return text;
}

/* Not of a moment; and once, however many calls fail. */
static void test_what_people_hear(void **state)
{
    struct fixture *fixture = *state;
    struct hb_retry_budget budget = {.used_up = 0}, other = {.used_up = 0};
    char *moment = heard(fixture, &budget, "store:away", 2);
    char *long_one = heard(fixture, &budget, "store:away", 50);
    fixture->fake.now += 20 * MOST;
    char *again = heard(fixture, &budget, "store:away", 50);
    fixture->run.log_level = HB_LOG_WARNING;
    char *quiet = heard(fixture, &other, "store:away", 50);
    assert_string_equal(moment, "");
    assert_string_equal(long_one,
                        "hbcore: [store:away]: it failed; it is tried again for up to 30 s\n");
    assert_string_equal(again, "");
    assert_string_equal(quiet, "");
    free(moment);
    free(long_one);
    free(again);
    free(quiet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_worth_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_it_ends, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_store_that_took_its_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_signal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_calls_share_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_people_hear, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
