/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/guard.h"

#include "base/memory.h"
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

static void add(struct hb_guarded *guarded, char *why)
{
    HB_AUTO_FREE char *before = guarded->why, *more = why;
    guarded->why = before == NULL ? hb_copy_text(more) : hb_text("%s; %s", before, more);
}

static void shrunk(struct hb_guarded *guarded, char *why)
{
    guarded->shrunk = HB_SHRUNK_YES;
    add(guarded, why);
}

static void check_least(struct hb_guarded *guarded, const char *what, uint64_t now, int64_t least)
{
    char have[GROUPED_BYTES], want[GROUPED_BYTES];
    if (now < (uint64_t)least)
        shrunk(guarded, hb_text("%s: %s, at least: %s", what, grouped(now, have),
                                grouped((uint64_t)least, want)));
}

/* Fell it by more than so many percent? */
static bool fell(uint64_t before, uint64_t now, unsigned percent)
{
    return now < before && before - now > before / 100 * percent + before % 100 * percent / 100;
}

static void check_fall(struct hb_guarded *guarded, const char *what, uint64_t now, uint64_t before,
                       unsigned percent)
{
    char is[GROUPED_BYTES], was[GROUPED_BYTES];
    if (fell(before, now, percent))
        shrunk(guarded,
               hb_text("%s: %s, before: %s", what, grouped(now, is), grouped(before, was)));
}

void hb_guard(const struct hb_preset_settings *settings, const struct hb_before *before,
              uint64_t files, uint64_t bytes, struct hb_guarded *guarded)
{
    *guarded = (struct hb_guarded){.shrunk = HB_SHRUNK_NO};
    if (settings == NULL)
        return;
    unsigned percent = hb_setting_percent(settings->shrink_limit);
    check_least(guarded, "files", files, settings->min_files);
    check_least(guarded, "bytes", bytes, settings->min_bytes);
    if (percent == 0)
        return;
    if (before->known) {
        check_fall(guarded, "files", files, before->files, percent);
        check_fall(guarded, "bytes", bytes, before->bytes, percent);
    } else if (before->unreadable) {
        if (guarded->shrunk == HB_SHRUNK_NO)
            guarded->shrunk = HB_SHRUNK_UNTOLD;
        add(guarded, hb_copy_text("the archives before it cannot be read now, so that nothing can "
                                  "be compared"));
    } else if (before->without_figures) {
        add(guarded, hb_copy_text("the archives before it do not say how much they have, so that "
                                  "nothing can be compared"));
    }
}
