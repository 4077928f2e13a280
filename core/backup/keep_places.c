/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/keep_places.h"

#include "base/memory.h"
#include <stdlib.h>

enum { SECOND = 1000000000, AHEAD = 24 * 3600, NO_PERIOD = INT32_MIN };

static int64_t seconds_of(const struct hb_when *when)
{
    return when->started / SECOND;
}

bool hb_keep_has_time(const struct hb_keep *keep, const struct hb_when *when)
{
    return when->started > 0 && seconds_of(when) <= keep->now + AHEAD;
}

/* A number that each hour, day … of the local calendar has of its own. */
static int64_t period_of(enum hb_keep_period period, const struct tm *local)
{
    int64_t year = (int64_t)local->tm_year + 1900;
    char week[16];
    switch (period) {
    case HB_KEEP_HOURLY:
        return ((year * 100 + local->tm_mon) * 100 + local->tm_mday) * 100 + local->tm_hour;
    case HB_KEEP_DAILY:
        return (year * 100 + local->tm_mon) * 100 + local->tm_mday;
    case HB_KEEP_WEEKLY: /* ISO 8601: of its own year, which is not always that of the day */
        return strftime(week, sizeof week, "%G%V", local) == 0 ? NO_PERIOD
                                                               : strtoll(week, NULL, 10);
    case HB_KEEP_MONTHLY:
        return year * 100 + local->tm_mon;
    default:
        return year;
    }
}

static int latest_first(const void *one, const void *other)
{
    const struct hb_kept *a = *(const struct hb_kept *const *)one,
                         *b = *(const struct hb_kept *const *)other;
    return (a->when.started < b->when.started) - (a->when.started > b->when.started);
}

static bool may_take_one(const struct hb_keep *keep, const struct hb_kept *row)
{
    return row->whose == HB_HOME_OURS && row->complete != HB_NO &&
           row->complete != HB_CANNOT_TELL && hb_keep_has_time(keep, &row->when);
}

void hb_keep_places(void *rows, size_t row_bytes, size_t count, const struct hb_keep *keep)
{
    HB_AUTO_FREE struct hb_kept **timed = hb_alloc((count + 1) * sizeof *timed);
    uint64_t left[HB_KEEP_PERIODS];
    int64_t last[HB_KEEP_PERIODS];
    size_t timed_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct hb_kept *row = (struct hb_kept *)(void *)((char *)rows + i * row_bytes);
        if (may_take_one(keep, row))
            timed[timed_count++] = row;
    }
    qsort(timed, timed_count, sizeof(struct hb_kept *), latest_first);
    for (int period = 0; period < HB_KEEP_PERIODS; period++) {
        left[period] = keep->in[period];
        last[period] = NO_PERIOD;
    }
    for (size_t i = 0; i < timed_count; i++) {
        struct tm local;
        time_t seconds = (time_t)seconds_of(&timed[i]->when);
        if (timed[0]->when.started - timed[i]->when.started < keep->within * SECOND)
            timed[i]->rules |= 1u << HB_KEEP_WITHIN;
        if (localtime_r(&seconds, &local) == NULL)
            continue;
        for (int period = 0; period < HB_KEEP_PERIODS; period++) {
            int64_t its =
                left[period] == 0 ? NO_PERIOD : period_of((enum hb_keep_period)period, &local);
            if (left[period] == 0 || its == last[period])
                continue;
            last[period] = its;
            left[period]--;
            timed[i]->rules |= 1u << period;
        }
    }
}
