/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/by_time.h"

#include "base/memory.h"
#include <stdlib.h>
#include <string.h>

struct timed {
    struct hb_preset_archive row;
    const char *home;
    int64_t time; /* of the row, or of one of that home that stands behind it, if that is later */
    size_t position; /* before */
};

static int64_t time_of(const struct hb_preset_archive *row)
{
    return row->kept.when.started > 0 ? row->kept.when.started
                                      : (int64_t)row->kept.when.written.tv_sec * 1000000000;
}

/* Of one home, the oldest first. */
static int by_home(const void *one, const void *other)
{
    const struct timed *a = one, *b = other;
    int order = strcmp(a->home, b->home);
    return order != 0 ? order : (a->position < b->position) - (a->position > b->position);
}

static int by_time(const void *one, const void *other)
{
    const struct timed *a = one, *b = other;
    int order = (a->time < b->time) - (a->time > b->time);
    return order != 0 ? order : (a->position > b->position) - (a->position < b->position);
}

void hb_preset_archives_by_time(struct hb_preset_archives *archives)
{
    size_t count = archives->count;
    HB_AUTO_FREE struct timed *rows = hb_alloc((count + 1) * sizeof *rows);
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        struct hb_preset_archive *row = &archives->rows[i];
        rows[i] = (struct timed){.row = *row, .time = time_of(row), .position = i};
    }
    for (size_t i = 0; i < count; i++)
        rows[i].home = archives->rows[i].by_facts ? archives->rows[i].facts.home
                                                  : archives->rows[i].origin.home;
    qsort(rows, count, sizeof *rows, by_home);
    for (size_t i = 1; i < count; i++)
        if (*rows[i].home != '\0' && strcmp(rows[i].home, rows[i - 1].home) == 0 &&
            rows[i].time < rows[i - 1].time)
            rows[i].time = rows[i - 1].time;
    qsort(rows, count, sizeof *rows, by_time);
    for (size_t i = 0; i < count; i++) {
        archives->rows[i] = rows[i].row;
        archives->rows[i].listed_time = rows[i].time;
    }
}
