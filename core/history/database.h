/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file of the history (history.h): a database in the user's directory for state,
 * "find.history", 0600. Anybody may look at it; nobody else writes to it.
 *
 *   strand     the archives of a home in a place, as a preset, or nobody, calls it; what they were
 *             read with (read_with.h); a checksum of all its rows
 *   archive   which (history.h: key), by numbers in a strand
 *   name      of members
 *   span      a name, from the first to the last archive (NULL: it goes on) that has it with this
 *             size, hash (NULL: the archive has none), time and type
 *
 * What the library does not notice the checksum does: bytes that were changed, rows that are
 * missing, half of what was written. A file that is wrong is removed and made anew. One that is
 * locked, of a later version, another user's, a link, or cannot be read or written is passed over.
 */
#ifndef HB_HISTORY_DATABASE_H
#define HB_HISTORY_DATABASE_H

#include "history/database_rows.h"

enum hb_database_state {
    HB_DATABASE_NONE,    /* there is none, or an empty one */
    HB_DATABASE_RIGHT,   /* open */
    HB_DATABASE_WRONG,   /* it is to be made anew */
    HB_DATABASE_UNUSABLE /* it is left alone in this run */
};

struct hb_database {
    void *handle;
    enum hb_database_state state;
    bool made_anew;
};

void hb_database_open(struct hb_database *database);
void hb_database_close(struct hb_database *database);

/* The strands of a place. Nothing where anything is wrong with one of them. */
void hb_database_read(struct hb_database *database, struct hb_history_rows *rows);

/*
 * Writes what has changed, all or nothing; nothing where another run has written since these were
 * read.
 */
void hb_database_write(struct hb_database *database, struct hb_history_rows *rows);

#endif
