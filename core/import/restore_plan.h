/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a restore does with every entry of a catalog: of an archive, or of a snapshot's manifest.
 *
 * The catalog says what is there, and does not change once it is listed. The plan says what becomes
 * of it, one row a member, by the same index: under which path, with whose data, with which mode,
 * or why it is not restored. hb_select() (select.h) makes it for an archive, snapshot_restore.c for
 * a snapshot. Staging reads it, and takes out of it what turns out not to be possible: a row may
 * become HB_DROPPED until the journal is written, but none is selected any more.
 *
 * A stream is staged before all of its catalog is known: until then the plan has a catalog, which
 * grows, and no rows.
 */
#ifndef HB_RESTORE_PLAN_H
#define HB_RESTORE_PLAN_H

#include "archive/claims.h"
#include "base/report.h"

enum hb_action {
    HB_UNDECIDED = 0,
    HB_SELECTED,  /* restored */
    HB_DROPPED,   /* refused; in the report */
    HB_KEPT_BACK, /* a filter keeps the target's own; in the report */
    HB_REPLACED,  /* a later member has the same path */
    HB_ORIGIN,    /* not restored itself, but a hard link to it is: its data is needed */
    HB_UNWANTED,  /* the user has not chosen it */
    HB_UNCHANGED  /* the home holds it already: staging_unchanged.h */
};

#define HB_MODE_IS_OPEN UINT16_MAX
#define HB_NO_STAGE     UINT8_MAX

/* An import that was interrupted has just been completed without it: hb_report_is_kept(). */
#define HB_KEPT_TOO                                                                                \
    "this import leaves it alone, too, since it has been changed; import again to replace it"

struct hb_restore_row {
    uint32_t skip : 24; /* bytes of the path in the catalog that are not part of the path here */
    uint32_t stage : 8; /* number of the stage where it waits (staging_mounts.h); of a directory:
                         * on the file system where it goes, or HB_NO_STAGE */
    uint32_t origin;    /* the member whose data, mode and time it gets: itself, but for links */
    uint16_t mode;      /* what the filters want it to be, or HB_MODE_IS_OPEN */
    uint8_t action;     /* enum hb_action */
    bool not_included;  /* HB_UNWANTED, and not only because it is excluded */
};

/* A later member has the path of an earlier one. */
struct hb_replacement {
    size_t index;
    size_t before;
};

struct hb_restore_plan {
    const struct hb_catalog *catalog;
    struct hb_restore_row *rows; /* one a member; NULL: nothing is planned yet */
    size_t count;
    struct hb_claims claims;             /* of content plugins, on the rows by their paths here */
    struct hb_path_table by_path;        /* rows that were entered */
    struct hb_replacement *replacements; /* sorted by `index` */
    size_t replacement_count;
    uint64_t files; /* selected regular files */
    uint64_t bytes;
    uint64_t
        unpacked;     /* bytes that come out of the archive; the others are copies for hard links */
    uint64_t members; /* files in the catalog (archive/hard_links.h) */
    uint64_t unwanted; /* of those, that nobody wants (base/choice.h) */
    char *wrapper;     /* the directory around everything that is stripped, or NULL */
};

/* A row for each member of plan->catalog, nothing decided. The plan must not move any more. */
void hb_restore_plan_begin(struct hb_restore_plan *plan, const struct hb_chain *contents);
/* Safe on a zeroed one. */
void hb_restore_plan_clear(struct hb_restore_plan *plan);

/* Below the home. */
static inline const char *hb_planned_path(const struct hb_restore_plan *plan, size_t index)
{
    return hb_catalog_path(plan->catalog, index) +
           (plan->rows == NULL ? 0 : plan->rows[index].skip);
}

static inline size_t hb_planned_path_bytes(const struct hb_restore_plan *plan, size_t index)
{
    return plan->catalog->members[index].path_bytes - plan->rows[index].skip;
}

static inline bool hb_planned_is_selected(const struct hb_restore_plan *plan, size_t index)
{
    return plan->rows[index].action == HB_SELECTED;
}

/* Is its data restored, or copied from? */
static inline bool hb_planned_is_needed(const struct hb_restore_plan *plan, size_t index)
{
    return hb_planned_is_selected(plan, index) || plan->rows[index].action == HB_ORIGIN;
}

/* As what it is restored: a hard link that has an origin is a file, or a symbolic link, like that.
 */
static inline uint8_t hb_planned_type(const struct hb_restore_plan *plan, size_t index)
{
    return plan->catalog->members[plan->rows[index].origin].type;
}

/* The target of what is restored as a symbolic link. */
static inline const char *hb_planned_link(const struct hb_restore_plan *plan, size_t index)
{
    return hb_catalog_link(plan->catalog, plan->rows[index].origin);
}

/* It cannot be restored, for a reason that is the rest of a sentence: "is encrypted". Reported. */
void hb_planned_drop(struct hb_restore_plan *plan, struct hb_report *report, size_t index,
                     const char *why);
/*
 * The same, found out when its data is read; of what is not needed nothing is said. The hard links
 * to such members follow in one pass when all has been read.
 */
void hb_planned_drop_data(struct hb_restore_plan *plan, struct hb_report *report, size_t index,
                          const char *why);
void hb_planned_drop_links(struct hb_restore_plan *plan, struct hb_report *report);

/* As it is restored, all of it: what has an origin is like that, but for its name. */
void hb_planned_entry(const struct hb_restore_plan *plan, size_t index, struct hb_entry *entry);

/* The filters' mode, else the archive's, else what the umask leaves. */
uint32_t hb_planned_mode(const struct hb_restore_plan *plan, size_t index, uint32_t umask);

/*
 * Puts the row into the table of paths. The one that had this path before and is replaced by it, or
 * SIZE_MAX.
 */
size_t hb_planned_enter(struct hb_restore_plan *plan, size_t index);
/* Notes that the row has the path of `before`; in the order of the rows. */
void hb_planned_replace(struct hb_restore_plan *plan, size_t index, size_t before);
/* The row that had its path before it, or SIZE_MAX. */
size_t hb_planned_replaced(const struct hb_restore_plan *plan, size_t index);
/* The row that was entered with this path, or SIZE_MAX. */
size_t hb_planned_find(const struct hb_restore_plan *plan, const char *path);
/* The table is given back: as a rule nobody asks any more. And made again, of all rows. */
void hb_planned_forget_paths(struct hb_restore_plan *plan);
void hb_planned_enter_all(struct hb_restore_plan *plan);

#endif
