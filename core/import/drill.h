/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drill: an archive is restored for real, by an import into an empty home of its own, and what
 * lies there is compared with what the archive says of it. No hook hears of it, and no home that
 * anybody uses is touched.
 *
 * The home lies in a stage (files/stage.h): open to this user alone, removed at the end whatever
 * comes of it, and swept by the next run there if this one is killed.
 */
#ifndef HB_DRILL_H
#define HB_DRILL_H

#include "archive/archive.h"

struct hb_drill_request {
    const struct hb_archive *archive; /* listed; the import opens it once more */
    const char *path;                 /* of it, or a URL */
    const char *format;               /* or NULL */
    const char *directory;            /* where the stage is made */
    /* Of a plan that is about to be unpacked: so many files and bytes. May be NULL. */
    void (*begin)(void *context, uint64_t files, uint64_t bytes);
    void *context;
};

struct hb_drilled {
    uint64_t files, bytes; /* compared: of regular files */
    uint64_t all_files;    /* that were to be restored */
    bool damaged;          /* the import failed for damage of the archive */
    uint64_t different;    /* entries that are not what was stored; each is in the report */
};

/*
 * With the run of the archive, which has no home. What differs goes into the report. HB_OK;
 * HB_STATUS_CANCELLED; HB_STATUS_FATAL: the import failed, or there is no room for it.
 */
int hb_drill(const struct hb_drill_request *request, struct hb_drilled *result,
             struct hb_error *error);

#endif
