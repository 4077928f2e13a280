/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rollback journal may end with the name of a super-journal, that of a transaction over several
 * databases (sqlite.org/fileformat2.html, "The Rollback Journal"; pager.c, readSuperJournal).
 * Whoever rolls it back deletes the file of that name when no journal needs it any more. The name
 * comes from the home, or from an archive, and may be that of any file: so SQLite is never let
 * at such a journal on our behalf.
 */
#ifndef SUPER_JOURNAL_H
#define SUPER_JOURNAL_H

#include <stdbool.h>

/* Does this journal name one? */
bool super_journal_is_named(int fd);

/*
 * Makes our own copy of a journal do without: the transaction is undone if the super-journal is
 * there, and stands if it is gone. False: errno.
 */
bool super_journal_strip(int fd);

#endif
