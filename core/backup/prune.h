/* SPDX-License-Identifier: Apache-2.0 */
/* Removes what presets do not keep, as a backup does when it has made an archive. */
#ifndef HB_PRUNE_H
#define HB_PRUNE_H

#include "backup/preset.h"
#include "backup/preset_archives.h"

struct hb_prune_request {
    struct hb_run *run; /* home is open and locked */
    const char *preset; /* only its archives; NULL: those of all presets */
    bool adopt;         /* those that do not say whose they are become this home's */
    /* The path, the URL, or the mere name of one that is marked as shrunk, and from now on is not
     * (accepted.h); NULL: none. In a dry run for this run alone. */
    const char *accept;
    bool dry_run;
    /*
     * After each preset: what is there and became of it. `directory`: as an absolute path, also
     * where nothing is there yet; `keep`: what is to stay.
     */
    void (*pruned)(void *context, const struct hb_preset *preset,
                   const struct hb_preset_archives *archives, const char *directory,
                   const struct hb_keep *keep);
    void *context;
};

struct hb_prune_result {
    size_t adopted;
    char *accepted; /* the path of that archive; NULL: none. Caller frees */
    bool doubtful;  /* something could not be removed or read; the report says what */
};

/*
 * One preset after the other; an error in one is not a reason to leave out the next. HB_OK, or
 * HB_STATUS_CANCELLED or HB_STATUS_FATAL with the first thing that was wrong.
 */
int hb_prune(const struct hb_prune_request *request, struct hb_prune_result *result,
             struct hb_error *error);

#endif
