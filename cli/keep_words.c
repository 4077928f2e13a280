/* SPDX-License-Identifier: Apache-2.0 */
#include "keep_words.h"

#include "base/memory.h"
#include <inttypes.h>

static const char *const names[HB_KEEP_RULES] = {
    [HB_KEEP_HOURLY] = "hourly",   [HB_KEEP_DAILY] = "daily",   [HB_KEEP_WEEKLY] = "weekly",
    [HB_KEEP_MONTHLY] = "monthly", [HB_KEEP_YEARLY] = "yearly", [HB_KEEP_NEWEST] = "last",
    [HB_KEEP_WITHIN] = "within"};

static void add(char **text, char *more)
{
    if (*text == NULL) {
        *text = more;
        return;
    }
    char *both = hb_text("%s, %s", *text, more);
    free(*text);
    free(more);
    *text = both;
}

/* In the largest unit that it is a multiple of. */
static char *duration(int64_t seconds)
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{24 * 3600, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (seconds % units[i].seconds != 0)
        i++;
    return hb_text("keep-within %" PRId64 "%c", seconds / units[i].seconds, units[i].unit);
}

char *hb_keep_words(const struct hb_keep *keep)
{
    char *text = keep->newest == 0 ? NULL : hb_text("keep %" PRIu64, keep->newest);
    for (int period = 0; period < HB_KEEP_PERIODS; period++)
        if (keep->in[period] != 0)
            add(&text, hb_text("keep-%s %" PRIu64, names[period], keep->in[period]));
    if (keep->within != 0)
        add(&text, duration(keep->within));
    return text == NULL ? hb_copy_text("keep 0") : text;
}

char *hb_keep_rules(uint32_t rules)
{
    char *text = NULL;
    for (int rule = 0; rule < HB_KEEP_RULES; rule++)
        if ((rules & 1u << rule) != 0)
            add(&text, hb_copy_text(names[rule]));
    return text;
}

json_t *hb_json_rules(uint32_t rules)
{
    json_t *list = json_array();
    for (int rule = 0; rule < HB_KEEP_RULES; rule++)
        if ((rules & 1u << rule) != 0)
            json_array_append_new(list, json_string(names[rule]));
    return list;
}
