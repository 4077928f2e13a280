/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/prune_rows.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "files/io.h"
#include <string.h>

static struct hb_kept *row_at(const struct hb_prune_rows_request *request, size_t row)
{
    return (struct hb_kept *)(void *)((char *)request->rows + row * request->row_bytes);
}

static void tell(const struct hb_prune_rows_request *request, enum hb_finding_kind kind,
                 const struct hb_kept *row, const char *what)
{
    const char *why = row->why == NULL ? "it cannot be read" : row->why;
    struct hb_report *report = &request->run->report;
    if (request->by_name)
        hb_report_add(report, kind, row->name, "%s: %s", what, why);
    else
        hb_report_add(report, kind, "", "%s/%s: %s: %s", request->directory, row->name, what, why);
}

static void remove_row(const struct hb_prune_rows_request *request, size_t number)
{
    struct hb_kept *row = row_at(request, number);
    const char *why = request->remove(request->context, number);
    row->removed = why == NULL;
    if (row->removed)
        return;
    free(row->why);
    row->why = hb_copy_text(why);
    tell(request, request->if_it_stays, row, "cannot be removed");
}

size_t hb_prune_rows(const struct hb_prune_rows_request *request)
{
    size_t removed = 0;
    for (size_t i = 0; i < request->count; i++) {
        struct hb_kept *row = row_at(request, i);
        row->just_made = request->made != NULL && strcmp(row->name, request->made) == 0;
    }
    hb_retention(request->rows, request->row_bytes, request->count, request->keep,
                 request->is_complete, request->context);
    for (size_t i = 0; i < request->count; i++) {
        struct hb_kept *row = row_at(request, i);
        if (row->fate == HB_STAYS_UNTOLD)
            tell(request, request->if_untold, row,
                 "stays, because it is unknown whether it is complete");
        else if (row->fate == HB_GOES && hb_interrupt_signal() == 0)
            remove_row(request, i);
        removed += row->removed;
    }
    int flushed =
        removed > 0 && !request->dry_run && request->fd >= 0 ? hb_flush_directory(request->fd) : 0;
    if (flushed != 0)
        hb_report_add(&request->run->report, HB_FOUND_NOTE, "",
                      "%s: the directory cannot be flushed to disk: %s", request->directory,
                      strerror(-flushed));
    return removed;
}
