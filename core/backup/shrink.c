/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/shrink.h"

#include "base/memory.h"
#include "base/name.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { GROUPED_BYTES = 32 };

/* "9,204" */
static const char *grouped(uint64_t number, char text[GROUPED_BYTES])
{
    char digits[24];
    int count = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *at = text;
    for (int i = 0; i < count; i++) {
        if (i > 0 && (count - i) % 3 == 0)
            *at++ = ',';
        *at++ = digits[i];
    }
    *at = '\0';
    return text;
}

static void add(struct hb_shrink_result *shrink, char *why)
{
    HB_AUTO_FREE char *before = shrink->why, *more = why;
    shrink->why = before == NULL ? hb_copy_text(more) : hb_text("%s; %s", before, more);
}

static void shrunk(struct hb_shrink_result *shrink, char *why)
{
    shrink->shrunk = HB_SHRUNK_YES;
    add(shrink, why);
}

static void check_least(struct hb_shrink_result *shrink, const char *what, uint64_t now,
                        int64_t least)
{
    char have[GROUPED_BYTES], want[GROUPED_BYTES];
    if (now < (uint64_t)least)
        shrunk(shrink, hb_text("%s: %s, at least: %s", what, grouped(now, have),
                               grouped((uint64_t)least, want)));
}

/* Fell it by more than so many percent? */
static bool fell(uint64_t before, uint64_t now, unsigned percent)
{
    return now < before && before - now > before / 100 * percent + before % 100 * percent / 100;
}

static void check_fall(struct hb_shrink_result *shrink, const char *what, uint64_t now,
                       uint64_t before, unsigned percent)
{
    char is[GROUPED_BYTES], was[GROUPED_BYTES];
    if (fell(before, now, percent))
        shrunk(shrink, hb_text("%s: %s, before: %s", what, grouped(now, is), grouped(before, was)));
}

json_t *hb_shrink_counts(const json_t *annotations)
{
    size_t i;
    json_t *row, *number, *counts = json_object();
    const char *name;
    json_array_foreach(annotations, i, row)
    {
        json_object_foreach(json_object_get(row, "facts"), name, number)
        {
            json_int_t sum = json_integer_value(json_object_get(counts, name));
            json_int_t more = json_integer_value(number);
            if (more < 0 || __builtin_add_overflow(sum, more, &sum))
                sum = INT64_MAX;
            json_object_set_new(counts, name, json_integer(sum));
        }
    }
    return counts;
}

static void check_counts(struct hb_shrink_result *shrink, const struct hb_before *before,
                         const json_t *annotations, unsigned percent)
{
    const char *name;
    json_t *number, *counts = hb_shrink_counts(annotations);
    json_object_foreach(before->counts, name, number)
    {
        HB_AUTO_FREE char *shown = hb_printable(name);
        check_fall(shrink, shown, (uint64_t)json_integer_value(json_object_get(counts, name)),
                   (uint64_t)json_integer_value(number), percent);
    }
    if (before->counts_untold && json_object_size(counts) > 0)
        add(shrink, hb_copy_text("the archive before it cannot be read here, so that what was "
                                 "counted cannot be compared"));
    json_decref(counts);
}

void hb_shrink_find(const struct hb_preset_settings *settings, const struct hb_before *before,
                    const struct hb_figures *figures, struct hb_shrink_result *shrink)
{
    *shrink = (struct hb_shrink_result){.shrunk = HB_SHRUNK_NO};
    if (settings == NULL)
        return;
    unsigned percent = hb_setting_percent(settings->shrink_limit);
    check_least(shrink, "files", figures->files, settings->min_files);
    check_least(shrink, "bytes", figures->bytes, settings->min_bytes);
    if (percent == 0)
        return;
    if (before->known) {
        check_fall(shrink, "files", figures->files, before->files, percent);
        check_fall(shrink, "bytes", figures->bytes, before->bytes, percent);
        check_counts(shrink, before, figures->annotations, percent);
    } else if (before->unreadable) {
        if (shrink->shrunk == HB_SHRUNK_NO)
            shrink->shrunk = HB_SHRUNK_UNTOLD;
        add(shrink, hb_copy_text("the archives before it cannot be read now, so that nothing can "
                                 "be compared"));
    } else if (before->without_figures) {
        add(shrink, hb_copy_text("the archives before it do not say how much they have, so that "
                                 "nothing can be compared"));
    }
}
