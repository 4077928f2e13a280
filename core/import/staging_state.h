/* SPDX-License-Identifier: Apache-2.0 */
/* An import, or a snapshot that is put back, between the archive and the journal (staging.h). */
#ifndef HB_STAGING_STATE_H
#define HB_STAGING_STATE_H

#include "archive/archive.h"
#include "archive/claims.h"
#include "import/select.h"
#include "import/trees.h"
#include "restore/journal.h"

struct hb_staging {
    struct hb_run *run; /* home and stage are open */
    struct hb_archive *archive;
    struct hb_selection_result *selection;
    const struct hb_chain *contents;
    const struct hb_chain *filters; /* or NULL */
    struct hb_claims *claims;       /* of those, on what the archive holds */
    uint32_t umask;
    bool narrows; /* what replaces a file grants nobody more than its own stored mode did */
    /* Stages by number: [0] is the run's, the others lie on other file systems below the home. */
    struct hb_stage *stages[HB_JOURNAL_STAGES];
    uint64_t mounts[HB_JOURNAL_STAGES]; /* which file system each is on */
    unsigned stage_count;
    struct hb_trees trees;        /* what is missing in the home, and is published as a whole */
    struct hb_tree_place *places; /* one a worker */
    char **renamed;               /* see staging_names.h; NULL: none */
    size_t renamed_count;
    struct hb_target_note *notes; /* what was there, one a member; NULL: not noted yet */
    unsigned char (*hashes)[HB_NOTE_CONTENT_BYTES]; /* of notes that have_content; or NULL */
    bool *checked; /* members that a content plugin has looked at already; NULL: none */
};

/* A failure that concerns one member, but ends it all: nothing has been changed yet. HB_FATAL. */
int hb_staging_failed(const struct hb_staging *staging, size_t index, int reason,
                      struct hb_error *error);

/* Is its data restored, or copied from? */
bool hb_staging_needs(const struct hb_catalog_member *member);

/* A new file in the stage for the member's data. A descriptor, or HB_FATAL. */
int hb_staging_open(struct hb_staging *staging, unsigned worker, size_t index,
                    struct hb_error *error);

/* Gives an open file the member's time; copies data, and does the same. 0 or -errno. */
int hb_staging_set_time(int fd, const struct hb_catalog_member *member);
int hb_staging_copy(int from, int to, const struct hb_catalog_member *member);

/* Does the home have nothing where the member goes? */
bool hb_staging_is_missing(const struct hb_staging *staging, size_t index);

#endif
