/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishes a tree (trees.h): by one rename, or in pieces where its directory has been made by now.
 * No directory was there when the import began: whatever has the name of one of its files has come
 * since, and who completes an import that was killed leaves it alone.
 */
#ifndef HB_RESTORE_TREE_H
#define HB_RESTORE_TREE_H

#include "host/run.h"
#include "restore/journal.h"

struct hb_tree_publication {
    struct hb_run *run; /* home is open */
    const struct hb_stage *stage;
    const struct hb_journal_row *row;
    bool again;    /* of an import that was interrupted */
    void *context; /* of the calls below, all on the thread that publishes */
    void (*published)(void *context, uint64_t files, uint64_t bytes);
    void (*failed)(void *context, const char *path, int error);
    void (*skipped)(void *context, const char *path, const char *why);
    /* What had come to be there: it was replaced; or left alone, see left_alone() in restore.c. */
    void (*replaced)(void *context, const char *path);
    void (*made)(void *context, int directory_fd, const char *name); /* a directory, to be filled */
    void (*left_alone)(void *context, const char *path, const char *kept, int error);
};

/* HB_OK, whatever failed; HB_CANCELLED: what was left is still staged. */
int hb_restore_tree(const struct hb_tree_publication *publication);

#endif
