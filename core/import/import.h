/* SPDX-License-Identifier: Apache-2.0 */
/* An import, from the archive to the published files. */
#ifndef HB_IMPORT_H
#define HB_IMPORT_H

#include "archive/archive.h"
#include "import/changes.h"
#include "import/select.h"
#include "import/staging.h"

/* Files that are not an archive: a list of them, and how they are copied. */
struct hb_import_source {
    const char *shown; /* what it is called */
    /*
     * All that was interrupted before is completed: sets plan->catalog, and plans its members, with
     * nothing but the modes of the filters. HB_OK or a failure.
     */
    int (*make_plan)(void *context, const struct hb_chain *filters, const struct hb_chain *contents,
                     struct hb_restore_plan *plan, struct hb_error *error);
    hb_staging_copy_rows copy_rows;
    void *context;
};

struct hb_import_request {
    struct hb_run *run;
    const char *archive;                   /* path, or "-" */
    const struct hb_import_source *source; /* instead of an archive, into the open home; or NULL */
    const char *format;                    /* or NULL: found out */
    const char *home;                      /* path; it may be missing */
    int64_t wait_seconds;
    bool dry_run;
    bool force;               /* do not ask */
    bool only_changed;        /* what the home holds already is left alone */
    struct hb_choice *choice; /* what of it; NULL: everything */
    struct hb_undoing *undo;  /* that is taken back, from the archive or the source; or NULL.
                               * `archive`  may be NULL then: nothing was there before */
    /* For the next undo: where `before` has put what is there now. NULL, or place NULL: nowhere. */
    const struct hb_undo_way *way_back;
    /* May be NULL. The home is open and locked if it is there; nothing has been done. */
    int (*begin)(void *context, struct hb_error *error);
    /*
     * Shows what will happen and asks, when `ask` is set. HB_OK to go on, HB_STATUS_NOMATCH:
     * declined, or a failure. `changes` is NULL unless it asks or is a dry run. May be NULL.
     */
    int (*confirm)(void *context, const struct hb_archive *archive,
                   const struct hb_restore_plan *plan, const struct hb_changes *changes, bool ask,
                   struct hb_error *error);
    /* All is staged and verified, nothing has been replaced yet. A failure ends it so. May be NULL.
     */
    int (*before)(void *context, struct hb_error *error);
    void *context;
};

struct hb_import_result {
    bool locked;   /* HB_STATUS_NOMATCH because another run holds the lock */
    bool declined; /* by the user */
    bool damaged;  /* the archive is: that is why it failed */
    uint64_t files;
    uint64_t bytes;
    uint64_t members;
    uint64_t removed;   /* files and links, by an undo */
    uint64_t waiting;   /* of what an undo was to take back; see undo_missed.h */
    uint64_t failed;    /* of these: what the next one tries */
    uint64_t unchanged; /* with only_changed: files and links that were left alone */
    char *wrapper;      /* that was stripped, or NULL; caller frees */
    unsigned swept;
};

/*
 * HB_OK: done, see the report. HB_STATUS_NOMATCH: see result. A failure: nothing was changed, or
 * *error says that some files were.
 */
int hb_import(const struct hb_import_request *request, struct hb_import_result *result,
              struct hb_error *error);

#endif
