/* SPDX-License-Identifier: Apache-2.0 */
#include "import/undo_unsaved.h"

#include "archive/archive.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path_table.h"
#include <string.h>

static bool goes(const struct hb_undo_row *row)
{
    return row->was != HB_UNDO_NEW && row->type != HB_TYPE_DIRECTORY &&
           (row->flags & (HB_UNDO_WAITS | HB_UNDO_SPARE)) == 0;
}

static bool replaces(const struct hb_undo_receipt *receipt)
{
    for (size_t i = 0; i < receipt->count; i++)
        if (goes(&receipt->rows[i]))
            return true;
    return false;
}

static const char *path_of(const void *rows, size_t row, size_t *bytes)
{
    const struct hb_catalog *catalog = rows;
    *bytes = catalog->members[row].path_bytes;
    return hb_catalog_path(catalog, row);
}

/* In a further root a backup looks at some paths only. */
static bool is_looked_at(const struct hb_run *run, const char *path)
{
    const char *rest;
    const struct hb_graft *graft = hb_graft_of(&run->home, path, &rest);
    return graft == NULL || hb_graft_has(graft, rest);
}

static void tell(struct hb_run *run, const struct hb_undo_way *way,
                 const struct hb_undo_receipt *receipt, const struct hb_catalog *catalog)
{
    struct hb_path_table table = {0};
    HB_AUTO_FREE char *shown = hb_printable(*way->place == '\0' ? "the safety backup" : way->place);
    for (size_t i = 0; catalog != NULL && i < catalog->count; i++)
        hb_path_table_put(&table, i, path_of, catalog);
    for (size_t i = 0; i < receipt->count; i++) {
        const struct hb_undo_row *row = &receipt->rows[i];
        bool saved = catalog == NULL ? is_looked_at(run, row->path)
                                     : hb_path_table_find(&table, row->path, strlen(row->path),
                                                          path_of, catalog) != SIZE_MAX;
        if (goes(row) && !saved)
            hb_report_add(&run->report, HB_FOUND_NOTE, row->path,
                          "is %s, and is not in %s: a rule of the backup leaves it out",
                          row->was == HB_UNDO_GONE ? "removed" : "replaced", shown);
    }
    hb_path_table_clear(&table);
}

void hb_undo_report_unsaved(struct hb_run *run, const struct hb_undo_way *way,
                            const struct hb_undo_receipt *receipt)
{
    struct hb_archive archive;
    struct hb_error ignored = {0};
    const struct hb_catalog none = {.count = 0};
    HB_AUTO_AS as = {.changed = false};
    (void)hb_as_self(&as);
    if (way->is_snapshot || !replaces(receipt))
        return;
    if (*way->place == '\0' || way->is_sealed) { /* it may need a passphrase */
        tell(run, way, receipt, way->is_sealed ? NULL : &none);
        return;
    }
    if (hb_archive_open(run, way->place, NULL, &archive, &ignored) == HB_OK &&
        hb_archive_list(&archive, &ignored) == HB_OK)
        tell(run, way, receipt, &archive.catalog);
    hb_archive_close(&archive);
}
