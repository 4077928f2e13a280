/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/retention.h"

#include "backup/keep_places.h"
#include <string.h>

struct rule {
    char *rows;
    size_t row_bytes;
    const struct hb_keep *keep;
    bool by_time;
    uint64_t kept; /* rows so far that count for the newest */
    bool found;    /* a complete one that stays */
    enum hb_answer (*is_complete)(void *context, size_t row);
    void *context;
};

static struct hb_kept *kept_at(const struct rule *rule, size_t row)
{
    return (struct hb_kept *)(void *)(rule->rows + row * rule->row_bytes);
}

static enum hb_answer ask(struct rule *rule, size_t row)
{
    struct hb_kept *kept = kept_at(rule, row);
    if (kept->complete == HB_NOT_ASKED)
        kept->complete = rule->is_complete(rule->context, row);
    return kept->complete;
}

static bool keeps_nothing(const struct rule *rule)
{
    return rule->keep->newest == 0 && !rule->by_time;
}

/* One of the newest takes a place. */
static void take_place(struct rule *rule, struct hb_kept *kept)
{
    if (rule->kept < rule->keep->newest)
        kept->rules |= 1u << HB_KEEP_NEWEST;
    rule->kept++;
}

/* What becomes of a row of ours that this run did not make. The rows before it are decided. */
static enum hb_fate decide(struct rule *rule, size_t row)
{
    struct hb_kept *kept = kept_at(rule, row);
    if (kept->complete == HB_CANNOT_TELL)
        return HB_STAYS_UNTOLD;
    if (keeps_nothing(rule))
        return HB_GOES;
    bool wanted = rule->kept < rule->keep->newest || kept->rules != 0;
    if (!rule->found) { /* else it does not matter */
        enum hb_answer answer = ask(rule, row);
        if (answer == HB_CANNOT_TELL)
            return HB_STAYS_UNTOLD;
        rule->found = answer == HB_YES;
        if (rule->found && !wanted)
            return HB_STAYS_COMPLETE;
    }
    if (wanted)
        take_place(rule, kept);
    return wanted                                                        ? HB_STAYS_KEPT
           : rule->by_time && !hb_keep_has_time(rule->keep, &kept->when) ? HB_STAYS_UNTIMED
                                                                         : HB_GOES;
}

static enum hb_fate fate_of(struct rule *rule, size_t row)
{
    struct hb_kept *kept = kept_at(rule, row);
    if (kept->just_made) {
        take_place(rule, kept);
        rule->found |= kept->complete == HB_YES;
        return HB_STAYS_NEW;
    }
    switch (kept->whose) {
    case HB_HOME_OTHERS:
        return HB_STAYS_OTHERS;
    case HB_HOME_UNKNOWN:
        return HB_STAYS_UNKNOWN;
    case HB_HOME_UNTOLD:
        return HB_STAYS_UNTOLD;
    default:
        return decide(rule, row);
    }
}

/* True: one that has a place by time was asked, and is not complete. */
static bool decide_all(struct rule *rule, size_t count)
{
    bool wrong = false;
    rule->kept = 0;
    rule->found = false;
    for (size_t i = 0; i < count; i++)
        kept_at(rule, i)->rules = 0;
    if (rule->by_time)
        hb_keep_places(rule->rows, rule->row_bytes, count, rule->keep);
    for (size_t i = 0; i < count; i++) {
        struct hb_kept *kept = kept_at(rule, i);
        bool has_place = kept->rules != 0;
        kept->fate = fate_of(rule, i);
        wrong |= has_place && (kept->complete == HB_NO || kept->complete == HB_CANNOT_TELL);
    }
    return wrong;
}

/* Is one marked as shrunk that is newer than each that is known to be complete and is not? */
static bool is_held(struct rule *rule, size_t count)
{
    size_t marked = 0;
    while (marked < count &&
           !(kept_at(rule, marked)->whose == HB_HOME_OURS && kept_at(rule, marked)->shrunk))
        marked++;
    for (size_t i = 0; i < marked && marked < count; i++)
        if (kept_at(rule, i)->whose == HB_HOME_OURS && ask(rule, i) == HB_YES)
            return false;
    return marked < count;
}

void hb_retention(void *rows, size_t row_bytes, size_t count, const struct hb_keep *keep,
                  enum hb_answer (*is_complete)(void *context, size_t row), void *context)
{
    struct rule rule = {
        .rows = rows,
        .row_bytes = row_bytes,
        .keep = keep,
        .by_time = hb_keep_is_by_time(keep),
        .is_complete = is_complete,
        .context = context,
    };
    while (decide_all(&rule, count))
        continue; /* each time one more is known, whose place another one has then */
    for (size_t i = 0; i < count && !rule.found && !keeps_nothing(&rule); i++)
        if (kept_at(&rule, i)->fate == HB_GOES)
            kept_at(&rule, i)->fate = HB_STAYS_NEEDED;
    for (size_t i = 0; i < count; i++)
        if (kept_at(&rule, i)->fate == HB_GOES && kept_at(&rule, i)->way_back)
            kept_at(&rule, i)->fate = HB_STAYS_WAY_BACK;
    bool held = is_held(&rule, count);
    for (size_t i = 0; i < count && held; i++)
        if (kept_at(&rule, i)->fate == HB_GOES)
            kept_at(&rule, i)->fate = HB_STAYS_HELD;
}

static int compare(int64_t one, int64_t other)
{
    return (one > other) - (one < other);
}

int hb_newest_first(const void *one, const void *other)
{
    const struct hb_kept *a = one, *b = other;
    const struct hb_when *ours = &a->when, *theirs = &b->when;
    int order = (ours->sequence < theirs->sequence) - (ours->sequence > theirs->sequence);
    if (order == 0)
        order = compare(theirs->started, ours->started);
    if (order == 0)
        order = hb_archive_name_compare(&theirs->name, &ours->name);
    if (order == 0)
        order = compare(theirs->written.tv_sec, ours->written.tv_sec);
    if (order == 0)
        order = compare(theirs->written.tv_nsec, ours->written.tv_nsec);
    return order != 0 ? order : strcmp(b->name, a->name);
}
