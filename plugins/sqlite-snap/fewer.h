/* SPDX-License-Identifier: Apache-2.0 */
/* Has a restored database fewer rows than the one that it replaces? */
#ifndef FEWER_H
#define FEWER_H

#include "connection.h"

enum { FEWER_TABLES = 16 };

/* Rows of the tables that `fewer` names; -1: there is no such table, or it cannot be counted. */
struct row_counts {
    int64_t rows[FEWER_TABLES];
};

void row_counts_take(struct row_counts *counts, const struct snap *snap,
                     const struct connection *connection);

/* Notes it, if one of the tables has fewer rows now; of the entry. */
void row_counts_compare(const struct snap *snap, const struct hb_entry *entry,
                        const struct row_counts *before, const struct row_counts *now);

#endif
