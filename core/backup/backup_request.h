/* SPDX-License-Identifier: Apache-2.0 */
/* What a backup is asked for, and what came of it. */
#ifndef HB_BACKUP_REQUEST_H
#define HB_BACKUP_REQUEST_H

#include "backup/publish.h"
#include "backup/shrink.h"
#include "base/choice.h"
#include "files/home_id.h"
#include "host/format.h"
#include "host/run.h"
#include "host/suffixes.h"
#include "pipeline/plan.h"

struct hb_backup_request {
    struct hb_run *run; /* home is open and locked */
    const struct hb_chosen *format;
    const struct hb_chosen *seal; /* what it is sealed with; NULL: nothing */
    const struct hb_suffixes *suffixes;
    struct hb_destination *destination;
    struct hb_home_id *id; /* as it was found; made, or made right, before anything is written */
    const char *preset;    /* its name; NULL: none */
    uint64_t sequence;     /* among the archives of this home there */
    const char *stamp;     /* the latest time that names there were made of, this one's included */
    bool facts;            /* they stand beside it (archive/facts.h) */
    bool remember;         /* a later backup may take units over from this archive */
    const struct hb_preset_settings
        *limits; /* what hb_shrink_find() goes by; NULL: nothing is compared */
    const struct hb_before *before;
    const char *previous;     /* path of an archive to take them over from, or NULL */
    bool dry_run;             /* only the plan */
    struct hb_choice *choice; /* what of the home; NULL: everything */
    /* Makes run->progress once the size of the work is known; may be NULL. */
    void (*planned)(void *context, uint64_t files, uint64_t bytes);
    /* Dry run: one call an entry of the plan. May be NULL. */
    void (*would_store)(void *context, const char *path, const struct hb_plan *plan,
                        const struct hb_planned *planned);
    void *context;
};

struct hb_backup_result {
    bool nothing; /* there was nothing to back up; no archive */
    uint64_t files;
    uint64_t directories;
    uint64_t bytes;
    uint64_t archive_bytes;
    uint64_t reused_bytes; /* of `bytes`: what was taken over from the previous archive */
    struct hb_shrink_result shrink;
    bool unconfirmed; /* it is made, but the store does not give its end back */
    unsigned swept;   /* left-overs of killed runs that were removed */
};

#endif
