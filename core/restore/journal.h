/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: what an import is going to publish, row by row, in a file of its staging directory.
 *
 * What it promises: the file gets its name in one step, when everything that it speaks of is
 * staged, verified and on the disk. Without it the import has not happened, and its stage is swept.
 * With it the import will be carried through, by any later run on the home, without the archive. It
 * is never changed: how far a run got is told by what is left in the stage.
 *
 * What it must not do: be believed when somebody else may have written it (files/stage.h says whose
 * stage is ours, seal.h what is done where there are no modes), or when a byte of it is not what
 * was written (the hash at its end).
 *
 * Why a list of what to do, and not of what was there: to go on needs no copy of old files, and
 * most rows are published by rename(), which is done or not done. So the next run needs to read no
 * archive, compares a few numbers a row, and can run as often as it is killed.
 *
 * The states of a row, and who decides after a kill:
 *
 *   its staged file is there        Not published yet. Is the target as it was noted
 *                                   (target_note.h)? changed_since.c decides:
 *                                     yes          it is published
 *                                     no           somebody's work since: it stays, and ours goes
 *                                                  beside it (left_alone.h)
 *                                     cannot tell  it waits
 *     ... and it is in "begun"      A plugin was writing into the target when it was killed: that
 *                                   plugin is asked what it finds there, and goes on (begun.h).
 *   its staged file is gone         Published before; or left alone, and in "left": that is said
 *                                   again, for that run could not say it (begun.h).
 *   it is a directory               Nothing of it is staged. "made" tells a directory that the
 *                                   import made, and has not closed yet, from one that the user
 *                                   has closed since (made.h).
 *   its stage is not there          The file system may not be mounted: it waits.
 *   its stage is on another mount   Something was mounted in its place: it waits. That is so for a
 *     than its place                  directory, too, though nothing of it is staged; of one that
 *                                     was there before, and is there, nothing is asked.
 *
 * When no row waits, the journal is removed first and its stage after that. What failed for a
 * reason that may pass (no space, a lock) keeps the journal for the next run; before another import
 * of the same home that is a refusal (recover.h), since old rows would be published over the new
 * files.
 *
 * The file: records that end with NUL. The first is "hbcore-journal 2 NUMBER ARCHIVE",
 * with a number of the stage's directory, from its inode and the time of its birth (releases
 * before: the inode alone): in a home that was copied it is another; then, per row, "TYPE FLAGS
 * STAGE INDEX MODE SECONDS NANOSECONDS BYTES", with HB_ROW_OWNER also " USER GROUP", the path, the
 * target of a link (else empty), and what was there when the import began (target_note.h); at the
 * end "end ROWS HASH", the XXH3 hash (64 bits, hexadecimal) of all bytes before that. Journal 1, of
 * a release before, has no such notes. Other stages, on other file systems below the home, stand in
 * front of the rows that use them: "stage NUMBER", and their path below the home. A tree (TYPE t)
 * has in place of a link's target how many files are in it.
 */
#ifndef HB_JOURNAL_H
#define HB_JOURNAL_H

#include "files/owner.h"
#include "files/stage.h"
#include "restore/target_note.h"
#include <hbcore/entry.h>
#include <stdio.h>

enum { HB_JOURNAL_STAGES = 64 }; /* file systems below one home, at most */

enum hb_journal_flags {
    HB_ROW_CLAIMED = 1,   /* a content plugin may put it back its own way */
    HB_ROW_NEW = 2,       /* a directory that was not there before: it gets mode and time */
    HB_ROW_KEEP_MODE = 4, /* of an existing file */
    HB_ROW_HAS_MTIME = 8,
    HB_ROW_TREE = 16,    /* a directory that is staged with all that goes into it: see trees.h */
    HB_ROW_NARROW = 32,  /* the mode of an existing file, less what the row's does not grant */
    HB_ROW_OWNER = 64,   /* it gets the owner and the group of the row, whose ever it was */
    HB_ROW_PLACED = 128, /* a directory of whose file system the stage tells; releases before did
                          * not say on which it is */
    HB_ROW_EXACT = 256   /* a file that goes to that very name, even if a link has it */
};

#define HB_NO_INDEX UINT64_MAX /* a file of a tree, which has no row of its own in the journal */

struct hb_journal_row {
    uint32_t type;  /* HB_TYPE_DIRECTORY, HB_TYPE_FILE or HB_TYPE_SYMLINK */
    uint32_t flags; /* enum hb_journal_flags */
    uint32_t stage; /* which stage holds it, and on which file system it goes, therefore; 0: the one
                     * with the journal */
    uint32_t mode;
    uint64_t index; /* hb_staged_name; of a tree: hb_tree_name */
    int64_t mtime_seconds;
    uint32_t mtime_nanoseconds;
    uint64_t bytes;
    uint64_t files; /* of a tree */
    uint32_t user;  /* with HB_ROW_OWNER; else not in the file */
    uint32_t group;
    const char *path; /* below the home, all rules of hb_path_problem hold */
    const char *link; /* of a symbolic link, else "" */
    struct hb_target_note note;
    unsigned char content[HB_NOTE_CONTENT_BYTES]; /* if the note has_content */
};

/* Whose it becomes, where the row says so. */
bool hb_journal_owner(const struct hb_journal_row *row, struct hb_owner *owner);

/* The name of a member's file in its stage. `name` has at least 24 bytes. */
void hb_staged_name(uint64_t index, char *name);
/* "t1": the name of a tree in its stage. `name` has at least 24 bytes. */
void hb_tree_name(uint64_t number, char *name);

/* ---- writing ------------------------------------------------------------------------------- */

struct hb_journal_writer;

int hb_journal_create(struct hb_stage *stage, const char *archive,
                      struct hb_journal_writer **writer, struct hb_error *error);
/* `path`: of the stage, below the home. */
void hb_journal_add_stage(struct hb_journal_writer *writer, unsigned number, const char *path);
/*
 * Directories first, then claimed files that lie in no tree, trees, directories of trees, claimed
 * files, other files, links.
 */
void hb_journal_add(struct hb_journal_writer *writer, const struct hb_journal_row *row);
/*
 * Completes the file and flushes it. It still has no name: nothing has happened. HB_OK or
 * HB_STATUS_FATAL (of any call before).
 */
int hb_journal_finish(struct hb_journal_writer *writer, struct hb_error *error);
/* Of the file that is being written. */
int hb_journal_descriptor(const struct hb_journal_writer *writer);
/* Gives it its name, on the disk: from here on the import will be carried through. */
int hb_journal_commit(struct hb_journal_writer *writer, struct hb_error *error);
/* Safe on NULL. */
void hb_journal_writer_free(struct hb_journal_writer *writer);

/* ---- reading ------------------------------------------------------------------------------- */

struct hb_journal;

/*
 * Opens the journal of a stage; the whole of it is checked first. HB_OK; HB_STATUS_NOMATCH: there
 * is none; HB_STATUS_FATAL: it is damaged; HB_STATUS_ENTRY: it cannot be opened or read now.
 */
int hb_journal_open(int stage_fd, struct hb_journal **journal, struct hb_error *error);
const char *hb_journal_archive(const struct hb_journal *journal);
/* Does it lie in another directory than it was written in? */
bool hb_journal_is_copy(const struct hb_journal *journal);

/*
 * The next row; its texts are valid until the next call. HB_OK; HB_STATUS_END; HB_STATUS_SKIP: *row
 * is another stage (number and path); with *error HB_STATUS_FATAL, or HB_STATUS_ENTRY: it cannot be
 * read now.
 */
int hb_journal_next(struct hb_journal *journal, struct hb_journal_row *row, struct hb_error *error);
/* Safe on NULL. */
void hb_journal_close(struct hb_journal *journal);

/* The same from a file that is open; takes it over. */
int hb_journal_read(FILE *file, struct hb_journal **journal, struct hb_error *error);

#endif
