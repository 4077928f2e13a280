/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an import is going to publish, row by row, in a file of its staging directory. It appears
 * under its name only when everything is staged, verified and on the disk; from then on the import
 * can be carried through without the archive, also by a later run. A row whose staged file is gone
 * has been published.
 *
 * The file: records that end with NUL. The first is "hbcore-journal 2 INODE ARCHIVE",
 * with the number of the stage's directory: a home that was copied has another; then, per row,
 * "TYPE FLAGS STAGE INDEX MODE SECONDS NANOSECONDS BYTES", the path, the target of a link (else
 * empty), and what was there when the import began (target_note.h); at the end "end ROWS HASH", the
 * XXH3 hash (64 bits, hexadecimal) of all bytes before that. Journal 1, of a release before, has no
 * such notes. Other stages, on other file systems below the home, stand in front of the rows that
 * use them: "stage NUMBER", and their path below the home. A tree (TYPE t) has in place of a link's
 * target how many files are in it.
 */
#ifndef HB_JOURNAL_H
#define HB_JOURNAL_H

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
    HB_ROW_TREE = 16,  /* a directory that is staged with all that goes into it: see trees.h */
    HB_ROW_NARROW = 32 /* the mode of an existing file, less what the row's does not grant */
};

struct hb_journal_row {
    uint32_t type;  /* HB_DIRECTORY, HB_FILE or HB_SYMLINK */
    uint32_t flags; /* enum hb_journal_flags */
    uint32_t stage; /* which stage holds it; 0: the one with the journal */
    uint32_t mode;
    uint64_t index; /* hb_staged_name; of a tree: hb_tree_name */
    int64_t mtime_seconds;
    uint32_t mtime_nanoseconds;
    uint64_t bytes;
    uint64_t files;   /* of a tree */
    const char *path; /* below the home, all rules of hb_path_problem hold */
    const char *link; /* of a symbolic link, else "" */
    struct hb_target_note note;
    unsigned char content[HB_NOTE_CONTENT_BYTES]; /* if the note has_content */
};

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
 * Completes the file and flushes it. It still has no name: nothing has happened. HB_OK or HB_FATAL
 * (of any call before).
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
 * Opens the journal of a stage; the whole of it is checked first. HB_OK; HB_NOMATCH: there is none;
 * HB_FATAL: it is damaged; HB_ENTRY: it cannot be opened or read now.
 */
int hb_journal_open(int stage_fd, struct hb_journal **journal, struct hb_error *error);
const char *hb_journal_archive(const struct hb_journal *journal);
/* Does it lie in another directory than it was written in? */
bool hb_journal_is_copy(const struct hb_journal *journal);

/*
 * The next row; its texts are valid until the next call. HB_OK; HB_END; HB_SKIP: *row is another
 * stage (number and path); with *error HB_FATAL, or HB_ENTRY: it cannot be read now.
 */
int hb_journal_next(struct hb_journal *journal, struct hb_journal_row *row, struct hb_error *error);
/* Safe on NULL. */
void hb_journal_close(struct hb_journal *journal);

/* The same from a file that is open; takes it over. */
int hb_journal_read(FILE *file, struct hb_journal **journal, struct hb_error *error);

#endif
