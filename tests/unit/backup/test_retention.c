/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several archives stay: the rule alone, by example and by many random rows. */
#include "backup/retention.h"
#include "base/memory.h"
#include "scratch.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 12, ROUNDS = 200000 };

/* What there is; is_complete() answers from it, and counts how often it was asked. */
struct shelf {
    struct hb_kept rows[MOST];
    enum hb_answer truth[MOST];
    unsigned asked[MOST];
    size_t count;
};

static enum hb_answer is_complete(void *context, size_t row)
{
    struct shelf *shelf = context;
    shelf->asked[row]++;
    return shelf->truth[row];
}

static void run(struct shelf *shelf, uint64_t keep)
{
    hb_retention(shelf->rows, sizeof *shelf->rows, shelf->count,
                 &(const struct hb_keep){.newest = keep}, is_complete, shelf);
}

/*
 * A row a letter, the newest first: c complete, i incomplete, ? cannot be told when it is asked, u
 * cannot be read, ! it is known before that it cannot be told, o another home's, n nobody's; the
 * one that was just made is C or I. What goes is shown as '.', and a letter that stays as it is.
 */
static void put(struct shelf *shelf, const char *letters)
{
    *shelf = (struct shelf){.count = strlen(letters)};
    for (size_t i = 0; i < shelf->count; i++) {
        struct hb_kept *row = &shelf->rows[i];
        char letter = letters[i];
        row->whose = letter == 'o'   ? HB_HOME_OTHERS
                     : letter == 'n' ? HB_HOME_UNKNOWN
                     : letter == 'u' ? HB_HOME_UNTOLD
                                     : HB_HOME_OURS;
        shelf->truth[i] = letter == 'c' ? HB_YES : letter == 'i' ? HB_NO : HB_CANNOT_TELL;
        row->just_made = letter == 'C' || letter == 'I';
        if (row->just_made)
            row->complete = letter == 'C' ? HB_YES : HB_NO;
        else if (letter == '!')
            row->complete = HB_CANNOT_TELL;
    }
}

static void check(const char *letters, uint64_t keep, const char *expected, int line)
{
    struct shelf shelf;
    char found[MOST + 1] = "";
    put(&shelf, letters);
    run(&shelf, keep);
    for (size_t i = 0; i < shelf.count; i++)
        found[i] = shelf.rows[i].fate == HB_GOES ? '.' : letters[i];
    if (strcmp(found, expected) != 0)
        print_error("line %d: %s, %d stay\n", line, letters, (int)keep);
    assert_string_equal(found, expected);
}
#define CHECK(letters, keep, expected) check((letters), (keep), (expected), __LINE__)

static void the_newest_stay(void **state)
{
    (void)state;
    CHECK("Cccc", 2, "Cc..");
    CHECK("Cccc", 9, "Cccc");
    CHECK("cccc", 2, "cc..");
    CHECK("", 2, "");
}

static void one_just_made_stays(void **state)
{
    (void)state;
    CHECK("Cc", 1, "C.");
    CHECK("ccC", 1, "c.C"); /* whatever the order makes of it */
    CHECK("ccI", 1, "c.I");
    CHECK("iiI", 1, "iiI"); /* nothing complete: nothing goes */
}

static void a_complete_one_stays(void **state)
{
    (void)state;
    CHECK("Iicc", 2, "Iic.");
    CHECK("Iiiicc", 2, "Ii..c.");
    CHECK("Iiii", 2, "Iiii");
    CHECK("iciic", 1, "ic...");
}

static void others_and_nobodys_stay(void **state)
{
    (void)state;
    CHECK("Coccn", 1, "Co..n");
    CHECK("oCoc", 2, "oCoc"); /* and take no place */
    CHECK("Ionc", 1, "Ionc");
    CHECK("Iono", 1, "Iono"); /* another's complete one is none of ours */
}

static void what_cannot_be_told_stays(void **state)
{
    (void)state;
    CHECK("Cucc", 2, "Cuc.");
    CHECK("I?c", 1, "I?c");
    CHECK("I?cc", 2, "I?c."); /* it takes no place: the second is the complete one */
    CHECK("Iu", 1, "Iu");
    CHECK("Iiu", 1, "Iiu"); /* that one may be the complete one: nothing goes */
    CHECK("Cuu", 1, "Cuu");
    CHECK("C!cc", 2, "C!c."); /* it takes no place, and does not go */
    CHECK("!", 0, "!");
    CHECK("I!c", 1, "I!c");
}

static void keep_nothing(void **state)
{
    (void)state;
    CHECK("ccio", 0, "...o");
    CHECK("cun", 0, ".un");
    CHECK("Cc", 0, "C.");
}

static void nothing_is_asked_without_need(void **state)
{
    struct shelf shelf;
    (void)state;
    put(&shelf, "Cccc");
    run(&shelf, 2);
    for (size_t i = 0; i < shelf.count; i++)
        assert_int_equal(shelf.asked[i], 0);
    put(&shelf, "cccc");
    run(&shelf, 2);
    assert_int_equal(shelf.asked[0], 1);
    assert_int_equal(shelf.asked[1], 0);
}

/* The oldest is the first; each is newer than all before it. */
static void the_order_is_that_in_which_they_were_made(void **state)
{
    static char a[] = "a", b[] = "b", c[] = "c";
    struct hb_kept rows[] = {
        {.name = b, .when = {.name = {.stamp = "2026-01-01-000000"}}},
        {.name = c, .when = {.name = {.stamp = "2026-01-01-000000"}}},
        {.name = a, .when = {.name = {.stamp = "2026-01-01-000000"}, .written = {.tv_nsec = 1}}},
        {.name = a, .when = {.name = {.stamp = "2026-01-01-000000"}, .written = {.tv_sec = 1}}},
        {.name = a, .when = {.name = {.stamp = "2026-01-01-000000", .number = 2}}},
        {.name = a, .when = {.name = {.stamp = "2026-01-01-000001"}}},
        {.name = a, .when = {.started = 1}},
        {.name = a, .when = {.started = 2, .name = {.stamp = "1999-01-01-000000"}}},
        {.name = a, .when = {.sequence = 1}},
        {.name = a, .when = {.sequence = 2, .started = -1}},
    };
    const size_t count = sizeof rows / sizeof *rows;
    (void)state;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++) {
            int order = hb_newest_first(&rows[i], &rows[j]);
            if ((order > 0) - (order < 0) != (i < j) - (i > j))
                fail_msg("%zu and %zu: %d", i, j, order);
        }
}

/* ---- random rows --------------------------------------------------------------------------- */

static enum hb_answer answer_of(const struct shelf *shelf, size_t row)
{
    return shelf->rows[row].complete != HB_NOT_ASKED ? shelf->rows[row].complete
                                                     : shelf->truth[row];
}

/* Was it read in this run as complete, and does it stay? */
static bool stays_complete(const struct shelf *shelf, size_t row)
{
    const struct hb_kept *kept = &shelf->rows[row];
    return kept->fate != HB_GOES && kept->complete == HB_YES &&
           (kept->whose == HB_HOME_OURS || kept->just_made);
}

static void assert_allowed(const struct shelf *shelf, size_t row)
{
    const struct hb_kept *kept = &shelf->rows[row];
    bool newer = false, any = false;
    for (size_t i = 0; i < shelf->count; i++) {
        any |= stays_complete(shelf, i);
        newer |= i < row && stays_complete(shelf, i);
    }
    assert_int_equal(kept->whose, HB_HOME_OURS);
    assert_false(kept->just_made);
    assert_int_not_equal(kept->complete, HB_CANNOT_TELL);
    assert_true(newer || (any && kept->complete == HB_NO));
}

static void promises_hold(const struct shelf *shelf, uint64_t keep)
{
    bool complete = false, left = false;
    size_t places = 0;
    for (size_t i = 0; i < shelf->count; i++) {
        const struct hb_kept *kept = &shelf->rows[i];
        bool ours = kept->whose == HB_HOME_OURS;
        assert_true(shelf->asked[i] <= 1);
        assert_true(ours || shelf->asked[i] == 0);
        if (kept->fate == HB_GOES && keep > 0)
            assert_allowed(shelf, i);
        complete |= ours && answer_of(shelf, i) == HB_YES;
        left |= ours && answer_of(shelf, i) == HB_YES && kept->fate != HB_GOES;
        places += kept->fate == HB_STAYS_KEPT || kept->fate == HB_STAYS_NEW;
    }
    assert_true(keep == 0 || !complete || left); /* the newest complete one is there */
    assert_true(places <= keep + 1);
}

static void random_rows(void **state)
{
    static const char letters[] = "ccccciiii?!?uonCI";
    (void)state;
    srandom(5);
    for (unsigned round = 0; round < ROUNDS; round++) {
        char text[MOST + 1] = "";
        size_t count = (size_t)random() % (MOST + 1);
        bool made = false;
        for (size_t i = 0; i < count; i++) {
            do
                text[i] = letters[(size_t)random() % (sizeof letters - 1)];
            while (made && (text[i] == 'C' || text[i] == 'I'));
            made |= text[i] == 'C' || text[i] == 'I';
        }
        struct shelf shelf;
        uint64_t keep = (uint64_t)random() % 5;
        put(&shelf, text);
        run(&shelf, keep);
        promises_hold(&shelf, keep);
    }
}

/* ---- rules of time ------------------------------------------------------------------------- */

enum { HISTORIES = 10000, LONG = 40, DAY = 24 * 3600 };

struct history {
    struct hb_kept rows[LONG];
    enum hb_answer truth[LONG];
    size_t count;
};

static enum hb_answer was_complete(void *context, size_t row)
{
    return ((const struct history *)context)->truth[row];
}

/* The local hour, day … as text: another way than that of the rule. */
static void name_period(enum hb_keep_period period, int64_t started, char text[32])
{
    static const char *const formats[HB_KEEP_PERIODS] = {"%Y-%m-%d %H", "%Y-%m-%d", "%G week %V",
                                                         "%Y-%m", "%Y"};
    struct tm local;
    time_t seconds = (time_t)(started / 1000000000);
    assert_non_null(localtime_r(&seconds, &local));
    assert_true(strftime(text, 32, formats[period], &local) > 0);
}

static bool takes_part(const struct history *history, const struct hb_keep *keep, size_t row)
{
    const struct hb_kept *kept = &history->rows[row];
    return kept->whose == HB_HOME_OURS && kept->when.started > 0 &&
           kept->when.started / 1000000000 <= keep->now + DAY && kept->complete != HB_NO &&
           kept->complete != HB_CANNOT_TELL;
}

/* How many periods later than its own have one; and is it the newest of its own? */
static bool has_place(const struct history *history, const struct hb_keep *keep,
                      enum hb_keep_period period, size_t row)
{
    char own[32], other[32], seen[LONG][32];
    size_t later = 0;
    int64_t started = history->rows[row].when.started;
    name_period(period, started, own);
    for (size_t i = 0; i < history->count; i++) {
        int64_t its = history->rows[i].when.started;
        if (!takes_part(history, keep, i) || its < started || (its == started && i >= row))
            continue;
        name_period(period, its, other);
        if (strcmp(own, other) == 0)
            return false;
        bool is_new = true;
        for (size_t j = 0; j < later; j++)
            is_new &= strcmp(seen[j], other) != 0;
        if (is_new)
            memcpy(seen[later++], other, sizeof other);
    }
    return later < keep->in[period];
}

static uint32_t rules_of(const struct history *history, const struct hb_keep *keep, size_t row)
{
    uint32_t rules = 0;
    int64_t newest = INT64_MIN, started = history->rows[row].when.started;
    if (!takes_part(history, keep, row))
        return 0;
    for (size_t i = 0; i < history->count; i++)
        if (takes_part(history, keep, i) && history->rows[i].when.started > newest)
            newest = history->rows[i].when.started;
    for (int period = 0; period < HB_KEEP_PERIODS; period++)
        rules |= has_place(history, keep, period, row) ? 1u << period : 0;
    return rules | (newest - started < keep->within * 1000000000 ? 1u << HB_KEEP_WITHIN : 0);
}

/* Nights, hours and years, around both changes of the clock; the newest first, mostly. */
static void make_history(struct history *history, int64_t now)
{
    static const int64_t changes[] = {1774746000, 1792890000}; /* 2026: 29 March, 25 October */
    int64_t step = (int64_t[]){600, 3600, DAY, DAY, 9 * DAY, 70 * DAY}[random() % 6];
    int64_t at = random() % 4 == 0 ? now : changes[random() % 2] + random() % (4 * step);
    *history = (struct history){.count = (size_t)random() % (LONG + 1)};
    for (size_t i = 0; i < history->count; i++) {
        struct hb_kept *row = &history->rows[i];
        at -= random() % (2 * step) - (random() % 20 == 0 ? 2 * step : 0);
        row->when.sequence = LONG - i;
        row->when.started = random() % 30 == 0 ? 0 : at * 1000000000 + random() % 1000000000;
        if (random() % 40 == 0)
            row->when.started = (now + 3 * DAY) * 1000000000;
        row->whose = random() % 15 == 0 ? HB_HOME_OTHERS : HB_HOME_OURS;
        history->truth[i] = random() % 6 == 0 ? HB_NO : HB_YES;
        if (random() % 3 != 0)
            row->complete = history->truth[i]; /* its facts say so */
        if (random() % 30 == 0)
            row->complete = history->truth[i] = HB_CANNOT_TELL;
    }
    if (history->count > 0 && random() % 2 == 0) {
        history->rows[0].just_made = true;
        history->rows[0].whose = HB_HOME_OURS;
        history->rows[0].complete = history->truth[0] = random() % 4 == 0 ? HB_NO : HB_YES;
    }
}

/* While the newest is marked as shrunk nothing goes, and nothing else stays for that reason. */
static void check_held(const struct history *history)
{
    bool held = false, settled = false;
    for (size_t i = 0; i < history->count; i++) {
        const struct hb_kept *row = &history->rows[i];
        if (settled || row->whose != HB_HOME_OURS)
            continue;
        held = row->shrunk;
        settled = row->shrunk || row->complete == HB_YES;
    }
    for (size_t i = 0; i < history->count; i++)
        assert_int_not_equal(history->rows[i].fate, held ? HB_GOES : HB_STAYS_HELD);
}

static void check_history(const struct history *history, const struct hb_keep *keep,
                          const uint32_t *expected)
{
    size_t newest = 0;
    bool complete_stays = false, complete = false, gone = false;
    for (size_t i = 0; i < history->count; i++) {
        const struct hb_kept *row = &history->rows[i];
        bool ours = row->whose == HB_HOME_OURS, told = row->complete != HB_CANNOT_TELL;
        uint32_t rules = expected[i];
        bool counts = row->just_made || (ours && told);
        bool is_newest = counts && newest < keep->newest;
        newest += counts;
        if (ours && told && row->fate != HB_STAYS_NEW)
            assert_int_equal(row->fate == HB_STAYS_KEPT, is_newest || rules != 0);
        if (row->fate == HB_STAYS_KEPT)
            assert_int_equal(row->rules, rules | (is_newest ? 1u << HB_KEEP_NEWEST : 0));
        if (row->fate == HB_GOES)
            assert_true(ours && told && row->when.started > 0 &&
                        row->when.started / 1000000000 <= keep->now + DAY);
        gone |= row->fate == HB_GOES;
        complete |= ours && history->truth[i] == HB_YES;
        complete_stays |= ours && history->truth[i] == HB_YES && row->fate != HB_GOES;
    }
    assert_true(complete_stays || !complete);
    assert_true(complete_stays || !gone);
}

static void random_histories(void **state)
{
    (void)state;
    srandom(11);
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    size_t gone = 0;
    for (unsigned round = 0; round < HISTORIES; round++) {
        struct history history;
        uint32_t expected[LONG];
        struct hb_keep keep = {.now = 1796000000, .newest = (uint64_t)random() % 4};
        for (int period = 0; period < HB_KEEP_PERIODS; period++)
            keep.in[period] = random() % 2 == 0 ? 0 : (uint64_t)random() % 9;
        keep.within = random() % 3 == 0 ? random() % (10 * DAY) : 0;
        if (!hb_keep_is_by_time(&keep))
            keep.in[HB_KEEP_DAILY] = 7;
        make_history(&history, keep.now);
        for (size_t i = 0; i < history.count; i++)
            history.rows[i].shrunk = random() % 20 == 0;
        hb_retention(history.rows, sizeof *history.rows, history.count, &keep, was_complete,
                     &history);
        for (size_t i = 0; i < history.count; i++) /* by what was asked meanwhile, too */
            expected[i] = rules_of(&history, &keep, i);
        check_history(&history, &keep, expected);
        check_held(&history);
        for (size_t i = 0; i < history.count; i++)
            gone += history.rows[i].fate == HB_GOES;
    }
    assert_in_range(gone, HISTORIES, (size_t)HISTORIES * LONG);
    unsetenv("TZ");
    tzset();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_stay),
        cmocka_unit_test(one_just_made_stays),
        cmocka_unit_test(a_complete_one_stays),
        cmocka_unit_test(others_and_nobodys_stay),
        cmocka_unit_test(what_cannot_be_told_stays),
        cmocka_unit_test(keep_nothing),
        cmocka_unit_test(nothing_is_asked_without_need),
        cmocka_unit_test(the_order_is_that_in_which_they_were_made),
        cmocka_unit_test(random_rows),
        cmocka_unit_test(random_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
