/* SPDX-License-Identifier: Apache-2.0 */
/* What an import would change in the home, found out without reading what is in the archive. */
#ifndef HB_CHANGES_H
#define HB_CHANGES_H

#include "host/run.h"
#include "import/restore_plan.h"

enum hb_change {
    HB_CHANGE_NONE = 0, /* the row is not restored, or is a directory */
    HB_CHANGE_NEW,
    HB_CHANGE_REPLACED,
    HB_CHANGE_UNCHANGED, /* there is a file of the same size and time; never for claimed content */
    HB_CHANGE_REFUSED,   /* by what is in the home: restore/foresee.h */
    HB_CHANGES
};

struct hb_refused_change {
    size_t index; /* of the row */
    char *why;
};

struct hb_changes {
    uint8_t *rows;               /* enum hb_change, one a row of the plan */
    uint64_t counts[HB_CHANGES]; /* refused: also what the plan has refused, as the report says */
    uint64_t preserved;          /* files that filters keep as they are */
    struct hb_refused_change *refused;
    size_t refused_count;
};

/* The home need not be there. hb_changes_clear() afterwards. */
void hb_changes_find(struct hb_run *run, struct hb_restore_plan *plan, struct hb_changes *changes);
void hb_changes_clear(struct hb_changes *changes);

/* Into the report of the run, as the import would. For a dry run. */
void hb_changes_report_refused(struct hb_run *run, const struct hb_restore_plan *plan,
                               const struct hb_changes *changes);

/* "new", "replaced", "unchanged", "refused" */
const char *hb_change_word(enum hb_change change);

#endif
