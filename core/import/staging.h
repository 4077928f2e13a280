/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Selected members of an archive in the staging directory, decoded and verified, and the journal of
 * what is to become of them. Nothing live is touched here.
 */
#ifndef HB_STAGING_H
#define HB_STAGING_H

#include "archive/archive.h"
#include "import/select.h"
#include "import/trees.h"
#include "restore/journal.h"
#include "restore/restore.h"

struct hb_staging {
    struct hb_run *run; /* home and stage are open */
    struct hb_archive *archive;
    struct hb_selection_result *selection;
    const struct hb_chain *contents;
    struct hb_claims *claims; /* of those, on what the archive holds */
    uint32_t umask;
    /* Stages by number: [0] is the run's, the others lie on other file systems below the home. */
    struct hb_stage *stages[HB_JOURNAL_STAGES];
    uint64_t mounts[HB_JOURNAL_STAGES]; /* which file system each is on */
    unsigned stage_count;
    struct hb_trees trees;        /* what is missing in the home, and is published as a whole */
    struct hb_tree_place *places; /* one a worker */
    bool *checked; /* members that a content plugin has looked at already; NULL: none */
};

/* Before all others. */
void hb_staging_init(struct hb_staging *staging);
/* Of a listed archive: is there space, then decode all of it. */
int hb_stage_members(struct hb_staging *staging, struct hb_error *error);
/* Of a stream: all that could be selected; to be looked at afterwards. */
int hb_stage_stream(struct hb_staging *staging, struct hb_error *error);
/* Not of an archive: copies of files below a directory, of which the catalog has the paths. */
int hb_stage_copies(struct hb_staging *staging, const struct hb_root *from, struct hb_error *error);
/* Once it is known what is selected: hard links, links, other file systems. */
int hb_stage_complete(struct hb_staging *staging, struct hb_error *error);
/*
 * All is staged and verified: writes the journal, calls `before` (may be NULL), and publishes.
 * HB_OK; a failure: nothing was changed, unless *begun, when the next run will go on by the
 * journal.
 */
int hb_staging_publish(struct hb_staging *staging,
                       int (*before)(void *context, struct hb_error *error), void *context,
                       struct hb_restored *result, bool *begun, struct hb_error *error);
/* Removes the stages but the run's own, or leaves them for the next run. */
void hb_staging_clear(struct hb_staging *staging, bool leave);

#endif
