/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rollback journal may end with the name of a super-journal, that of a transaction over several
 * databases (sqlite.org/fileformat2.html, "The Rollback Journal"; pager.c, readSuperJournal).
 * Whoever rolls it back deletes the file of that name when no journal needs it any more. The name
 * comes from the home, or from an archive, and may be that of any file: so SQLite never gets to
 * read such a journal on our behalf. All that we ask about the file is whether it exists.
 */
#ifndef SUPER_JOURNAL_H
#define SUPER_JOURNAL_H

/* Does this journal name one? 1, 0, or -errno: cannot tell. */
int super_journal_is_named(int fd);

/*
 * Erases the name from our own copy of a journal: the transaction is undone if the super-journal is
 * there, and stands if it is gone. 0 or -errno; ENOTRECOVERABLE: cannot tell which.
 */
int super_journal_strip(int fd);

#endif
