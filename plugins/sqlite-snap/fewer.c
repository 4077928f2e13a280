/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An import replaces sessions by those of the archive, which may be fewer: right, if it was meant,
 * and the last moment to see it. Both are counted through the connections of the restore, just
 * before the rows are overwritten; what cannot be counted is not compared.
 */
#include "fewer.h"
#include "facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void row_counts_take(struct row_counts *counts, const struct snap *snap,
                     const struct connection *connection)
{
    for (size_t i = 0; i < snap->fewer->list_count; i++) {
        bool found = false;
        int result = facts_rows(connection, snap->fewer->list[i], &found, &counts->rows[i]);
        if (result != SQLITE_OK || !found)
            counts->rows[i] = -1;
    }
}

static void append(char *text, size_t bytes, const char *between, int64_t rows, const char *name)
{
    size_t used = strlen(text);
    snprintf(text + used, bytes - used, "%s%" PRId64 "%s%s", used == 0 ? "" : between, rows,
             *name == '\0' ? "" : " ", name);
}

void row_counts_compare(const struct snap *snap, const struct hb_entry *entry,
                        const struct row_counts *before, const struct row_counts *now)
{
    char had[400] = "", has[400] = "";
    bool fewer = false;
    for (size_t i = 0; i < snap->fewer->list_count; i++) {
        int64_t rows = now->rows[i] < 0 ? 0 : now->rows[i];
        if (before->rows[i] < 0)
            continue;
        fewer = fewer || rows < before->rows[i];
        append(had, sizeof had, ", ", before->rows[i], snap->fewer->list[i]);
        append(has, sizeof has, ", ", rows, "");
    }
    if (fewer)
        snap->host->note(snap->host, entry, "had %s; now %s", had, has);
}
