/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a quick snapshot back: what its manifest names is staged and published as an import is.
 */
#ifndef HB_SNAPSHOT_RESTORE_H
#define HB_SNAPSHOT_RESTORE_H

#include "import/import.h"

struct hb_snapshot_restored {
    uint64_t members; /* in the manifest */
    uint64_t files, bytes;
    char *way_back; /* the snapshot that was made first, or NULL; caller frees */
};

/* Of a dry run: a file, and what becomes of it ("new", "replaced", …; see changes.h). */
typedef void (*hb_would_restore)(void *context, const char *path, uint64_t bytes,
                                 const char *change);

/*
 * `name`: of its directory. HB_OK: see the report; HB_STATUS_CANCELLED, HB_STATUS_FATAL: nothing
 * was changed, or *error says that some files were. With dry_run nothing is changed.
 */
int hb_snapshot_restore(struct hb_run *run, const char *name, bool dry_run,
                        hb_would_restore would_restore, void *context,
                        struct hb_snapshot_restored *restored, struct hb_error *error);

/* An import of what is in the snapshot: the request without a source. As hb_import(). */
int hb_snapshot_import(const char *name, struct hb_import_request *request,
                       struct hb_import_result *result, struct hb_error *error);

#endif
