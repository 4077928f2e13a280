/* SPDX-License-Identifier: Apache-2.0 */
/* An import, or a snapshot that is put back, between the plan and the journal (staging.h). */
#ifndef HB_STAGING_STATE_H
#define HB_STAGING_STATE_H

#include "archive/archive_state.h"
#include "import/restore_plan.h"
#include "import/same_place.h"
#include "import/trees.h"
#include "import/undo_plan.h"
#include "restore/journal.h"

struct hb_staging {
    struct hb_run *run; /* home and stage are open */
    struct hb_restore_plan *plan;
    struct hb_archive *archive; /* that is unpacked; NULL: a snapshot is put back */
    bool met_damage;            /* of the archive, for which nothing of it is restored */
    bool is_damaged;    /* it is, so that nothing of it is restored; not all files in it are */
    const char *source; /* what is put back, for the journal */
    const struct hb_chain *contents;
    const struct hb_chain *filters; /* or NULL */
    uint32_t umask;
    bool in_trees;     /* new directories are staged as such: trees.h */
    bool keeps_owners; /* what is restored belongs to whom it belonged in the archive */
    bool narrows;      /* what replaces a file grants nobody more than its own stored mode did */
    /* Stages by number: [0] is the run's, the others lie on other file systems below the home. */
    struct hb_stage *stages[HB_JOURNAL_STAGES];
    uint64_t mounts[HB_JOURNAL_STAGES]; /* which file system each is on */
    char *places_of[HB_JOURNAL_STAGES]; /* its path below the home, but of [0] */
    unsigned stage_count;
    struct hb_trees trees;        /* what is missing in the home, and is published as a whole */
    struct hb_tree_place *places; /* one a worker */
    char **renamed;               /* see staging_names.h; NULL: none */
    struct hb_led_members led;    /* see staging_led.h */
    struct hb_numbers notes;      /* what was there, one a member (staging_notes.c) */
    bool noted;
    unsigned char (*hashes)[HB_NOTE_CONTENT_BYTES]; /* of notes that have_content; or NULL */
    bool only_changed;    /* what the home holds already is left alone: staging_unchanged.h */
    uint64_t unchanged;   /* how many that were */
    size_t without_owner; /* members of which the archive does not say whose they were */
    bool exact;           /* paths are those of the home itself: no link at their end is followed */
    const char *what;     /* what is done, for the receipt of an undo */
    const struct hb_undo_way *way_back; /* known when `before` was called; place NULL: none */
    struct hb_undoing *undoing;         /* what is taken back; or NULL */
    struct hb_undo_receipt undo;        /* what this does; stage NULL: there is none */
    bool *checked; /* members that a content plugin has looked at already; NULL: none */
};

/* A failure that concerns one member, but ends it all: nothing has been changed yet.
 * HB_STATUS_FATAL. */
int hb_staging_failed(const struct hb_staging *staging, size_t index, int reason,
                      struct hb_error *error);

/* A new file for a row's data, which the caller closes. A descriptor, or HB_STATUS_FATAL. Any
 * thread. */
int hb_staging_open(void *staging, unsigned worker, size_t index, struct hb_error *error);

/* Opens what is staged for a row, before it goes to a stage of another file system: for reading. A
 * descriptor or -errno. */
int hb_staging_open_staged(const struct hb_staging *staging, size_t index);

/* Gives an open file the time of the row's data; copies data, and does the same. 0 or -errno. */
int hb_staging_set_time(const struct hb_staging *staging, size_t index, int fd);
int hb_staging_copy(const struct hb_staging *staging, size_t index, int from, int to);

/* Do two open files hold the same bytes? Not, if one cannot be read. */
bool hb_staging_holds_same(int one, int other);

/* Does anything that is restored go to a further root of the home? Notes which are used. */
bool hb_staging_uses_roots(const struct hb_staging *staging);

/* Does the home have nothing where the member goes? */
bool hb_staging_is_missing(const struct hb_staging *staging, size_t index);

#endif
