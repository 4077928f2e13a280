/* SPDX-License-Identifier: Apache-2.0 */
/* What of the tables of the history (database.h) belongs to one place: read, and written. */
#ifndef HB_HISTORY_DATABASE_ROWS_H
#define HB_HISTORY_DATABASE_ROWS_H

#include "history/strand.h"
#include <sqlite3.h>

enum { HB_READER_BYTES = 32 };

/* What is asked for, and what is there of it. */
struct hb_history_rows {
    char *place;
    unsigned char reader[HB_READER_BYTES];
    struct hb_strand **strands;
    size_t count;
    int64_t *stale; /* strands of that place that were read with something else: they go */
    size_t stale_count;
};

/* All within a transaction. The library's code: SQLITE_DONE, or what has failed; SQLITE_CORRUPT
 * also where the rows are not what was written. */
int hb_history_rows_read(sqlite3 *db, struct hb_history_rows *rows);

/* *code is SQLITE_OK, and what failed afterwards. False where that is still so: another run has
 * written since these were read. */
bool hb_history_rows_write(sqlite3 *db, struct hb_history_rows *rows, int *code);
/* That was committed. */
void hb_history_rows_were_written(sqlite3 *db, struct hb_history_rows *rows);

void hb_history_rows_forget(struct hb_history_rows *rows); /* but place and reader */
void hb_history_rows_clear(struct hb_history_rows *rows);

#endif
