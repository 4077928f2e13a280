/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/retention.h"

#include <string.h>

struct rule {
    char *rows;
    size_t row_bytes;
    uint64_t keep;
    uint64_t kept; /* places of `keep` that are taken */
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

/* What becomes of a row of ours that this run did not make. The rows before it are decided. */
static enum hb_fate decide(struct rule *rule, size_t row)
{
    bool wanted = rule->kept < rule->keep;
    if (kept_at(rule, row)->complete == HB_CANNOT_TELL)
        return HB_STAYS_UNTOLD;
    if (rule->keep == 0)
        return HB_GOES;
    if (!rule->found) { /* else it does not matter */
        enum hb_answer answer = ask(rule, row);
        if (answer == HB_CANNOT_TELL)
            return HB_STAYS_UNTOLD;
        rule->found = answer == HB_YES;
        if (rule->found && !wanted)
            return HB_STAYS_COMPLETE;
    }
    rule->kept += wanted;
    return wanted ? HB_STAYS_KEPT : HB_GOES;
}

static enum hb_fate fate_of(struct rule *rule, size_t row)
{
    const struct hb_kept *kept = kept_at(rule, row);
    if (kept->just_made) {
        rule->kept++;
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

void hb_retention(void *rows, size_t row_bytes, size_t count, uint64_t keep,
                  enum hb_answer (*is_complete)(void *context, size_t row), void *context)
{
    struct rule rule = {
        .rows = rows,
        .row_bytes = row_bytes,
        .keep = keep,
        .is_complete = is_complete,
        .context = context,
    };
    for (size_t i = 0; i < count; i++)
        kept_at(&rule, i)->fate = fate_of(&rule, i);
    for (size_t i = 0; i < count && !rule.found && keep > 0; i++)
        if (kept_at(&rule, i)->fate == HB_GOES)
            kept_at(&rule, i)->fate = HB_STAYS_NEEDED;
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
