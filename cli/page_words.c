/* SPDX-License-Identifier: Apache-2.0 */
#include "page_words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

const char *hb_page_stamp(int64_t seconds, char text[HB_PAGE_TIME])
{
    time_t time = (time_t)seconds;
    struct tm local;
    if (seconds <= 0 || localtime_r(&time, &local) == NULL ||
        strftime(text, HB_PAGE_TIME, "%Y-%m-%d %H:%M", &local) == 0)
        return "\xe2\x80\x93";
    return text;
}

const char *hb_page_day(int64_t seconds, char text[HB_PAGE_TIME])
{
    const char *stamp = hb_page_stamp(seconds, text);
    if (stamp == text)
        text[10] = '\0';
    return stamp;
}

const char *hb_page_number(uint64_t number, char text[HB_PAGE_NUMBER])
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number);
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            at += (size_t)snprintf(text + at, HB_PAGE_NUMBER - at, "\xe2\x80\xaf");
        text[at++] = digits[i];
    }
    text[at] = '\0';
    return text;
}

const char *hb_page_change(uint64_t then, uint64_t now, char text[HB_PAGE_NUMBER])
{
    double part = then == 0 ? 0 : ((double)now - (double)then) / (double)then * 100;
    if (then == 0)
        return now == 0 ? "" : "new";
    if (part >= 1000)
        snprintf(text, HB_PAGE_NUMBER, "\xc3\x97%.0f", (double)now / (double)then);
    else
        snprintf(text, HB_PAGE_NUMBER, "%s%.0f%%",
                 part >= 0.5    ? "+"
                 : part <= -0.5 ? "\xe2\x88\x92"
                                : "",
                 fabs(part));
    return text;
}
