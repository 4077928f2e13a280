/* SPDX-License-Identifier: Apache-2.0 */
/* What a pipeline is asked for, and what comes out of it (pipeline.h). */
#ifndef HB_PIPELINE_STEP_H
#define HB_PIPELINE_STEP_H

#include "pipeline/previous.h"
#include "pipeline/reader.h"

struct hb_pipeline_request {
    struct hb_run *run; /* if its stage is open, units that find no room in memory wait there */
    const struct hb_plan *plan;
    const struct hb_chain *contents;
    const struct hb_instance *format;
    unsigned workers;
    uint64_t window;                    /* encoded bytes that may wait for their turn in memory */
    const struct hb_previous *previous; /* units may be taken over from it; or NULL */
    struct hb_transform *seals;         /* what waits in the stage is sealed by it; or NULL */
};

/*
 * One step of the archive: a unit, or a run of entries that lie in the previous archive as they
 * shall lie in this one. Then `adoption` is not NULL, and of the rest only `marks` and `previous`
 * say something.
 */
struct hb_step {
    const struct hb_adoption *adoption;
    const struct hb_unit_mark *marks; /* of its units */
    size_t previous;                  /* number of its first entry in the previous archive */
    struct hb_unit unit;
    struct hb_entry *const *entries; /* those that have a part in the unit */
    size_t entry_count;
    struct hb_unit_mark mark; /* where plan->remember asks for it */
    bool reused;              /* the unit comes from the previous archive, as a part of an entry */
    bool first;               /* the entries begin with this step */
    bool last; /* the entries end with this step; `bytes` of a single one is what was read */
};

#endif
