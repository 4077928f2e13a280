/* SPDX-License-Identifier: Apache-2.0 */
#include "restore/undo_missed.h"

#include "base/memory.h"
#include <hbcore/entry.h>
#include <stdlib.h>
#include <string.h>

void hb_undo_miss(struct hb_undo_receipt *receipt, const char *path, bool changed)
{
    if (receipt == NULL)
        return;
    if ((receipt->missed_count & (receipt->missed_count - 1)) == 0) /* it doubles */
        receipt->missed =
            hb_resize(receipt->missed, receipt->missed_count == 0 ? 1 : 2 * receipt->missed_count,
                      sizeof *receipt->missed);
    receipt->missed[receipt->missed_count++] = (struct hb_undo_missed){hb_copy_text(path), changed};
}

static int by_path(const void *one, const void *other)
{
    return strcmp(((const struct hb_undo_missed *)one)->path,
                  ((const struct hb_undo_missed *)other)->path);
}

static const struct hb_undo_missed *find(const struct hb_undo_receipt *receipt, const char *path)
{
    const struct hb_undo_missed wanted = {.path = (char *)path};
    return receipt->missed_count == 0 ? NULL
                                      : bsearch(&wanted, receipt->missed, receipt->missed_count,
                                                sizeof *receipt->missed, by_path);
}

static bool stays(const struct hb_undo_row *row)
{
    return (row->flags & HB_UNDO_DROPPED) == 0;
}

static void settle(struct hb_undo_row *row, const struct hb_undo_missed *missed)
{
    bool spare = (row->flags & HB_UNDO_SPARE) != 0;
    bool is_made = row->was != HB_UNDO_GONE && row->type != HB_TYPE_DIRECTORY;
    if (spare && missed != NULL) {
        row->flags &= (uint8_t)~HB_UNDO_SPARE;
        row->flags |= HB_UNDO_WAITS | (missed->changed ? 0u : HB_UNDO_FAILED);
    } else if (spare || (missed != NULL && is_made)) {
        row->flags |= HB_UNDO_DROPPED;
    }
}

void hb_undo_settle_missed(struct hb_undo_receipt *receipt)
{
    if (receipt->missed_count > 0)
        qsort(receipt->missed, receipt->missed_count, sizeof *receipt->missed, by_path);
    for (size_t i = 0; i < receipt->count; i++)
        if ((receipt->rows[i].flags & HB_UNDO_WAITS) == 0)
            settle(&receipt->rows[i], find(receipt, receipt->rows[i].path));
    hb_undo_keep(receipt, stays);
}

size_t hb_undo_waiting(const struct hb_undo_receipt *receipt, size_t *failed)
{
    size_t count = 0;
    *failed = 0;
    for (size_t i = 0; i < receipt->count; i++) {
        const struct hb_undo_row *row = &receipt->rows[i];
        if ((row->flags & HB_UNDO_WAITS) == 0 || row->type == HB_TYPE_DIRECTORY)
            continue;
        count++;
        *failed += (row->flags & HB_UNDO_FAILED) != 0;
    }
    return count;
}

const struct hb_undo_row *hb_undo_row_of(const struct hb_undo_receipt *receipt, const char *path)
{
    for (size_t i = 0; receipt != NULL && i < receipt->count; i++)
        if ((receipt->rows[i].flags & (HB_UNDO_WAITS | HB_UNDO_SPARE)) == 0 &&
            receipt->rows[i].was != HB_UNDO_GONE && strcmp(receipt->rows[i].path, path) == 0)
            return &receipt->rows[i];
    return NULL;
}
