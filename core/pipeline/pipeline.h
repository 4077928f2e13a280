/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the plan to encoded units, by all workers, in the order of the plan.
 *
 * The plan is cut into items: one entry, or several small ones that share a unit where the format
 * lets units span entries. Where it is cut depends on the plan and the format's policy alone, never
 * on the workers, so the same tree gives the same units. Workers take items and the units of big
 * ones in order; one thread takes the results in order (hb_pipeline_next). No lock is held while a
 * plugin encodes or a file is read.
 *
 * Finished units wait for their turn in a bounded window of memory. Only while the entry whose turn
 * it is cannot be stored yet (its snapshot is being made or checked, its lock is waited for), work
 * goes on beyond the window: new units wait in the stage (spill.h), as long as it has room for the
 * copies that are still to be made there; those of the previous archive are left in it and read
 * once more. What may yet come to nothing stays within the window.
 *
 *     pipeline.c         start, results, end
 *     pipeline_queue.c   items and units: who takes what, what has finished; all of the locking
 *     pipeline_worker.c  what a thread does with an item: open, read, encode
 *     pipeline_reuse.c   what is taken over from the previous archive
 *     pipeline_cut.c     where the plan is cut
 */
#ifndef HB_PIPELINE_H
#define HB_PIPELINE_H

#include "pipeline/previous.h"
#include "pipeline/reader.h"

struct hb_pipeline_request {
    struct hb_run *run; /* its stage, if it is open, takes what finds no room in memory */
    const struct hb_plan *plan;
    const struct hb_chain *contents;
    const struct hb_instance *format;
    unsigned workers;
    uint64_t window;  /* encoded bytes that may wait for their turn in memory */
    uint64_t shuffle; /* for tests: not 0, units finish in another order, drawn by this seed */
    const struct hb_previous *previous; /* units may be taken over from it; or NULL */
};

/* One step of the archive. */
struct hb_step {
    struct hb_unit unit;
    struct hb_entry *const *entries; /* those that have a part in the unit */
    size_t entry_count;
    struct hb_unit_mark mark; /* where plan->remember asks for it */
    bool reused;              /* the unit comes from the previous archive */
    bool first;               /* the entries begin with this step */
    bool last;                /* they end with it; `bytes` of a single one is what was read of it */
};

struct hb_pipeline;

int hb_pipeline_start(const struct hb_pipeline_request *request, struct hb_pipeline **pipeline,
                      struct hb_error *error);

/*
 * The next step; valid until the next call. HB_OK, HB_END, HB_CANCELLED or HB_FATAL. One thread.
 */
int hb_pipeline_next(struct hb_pipeline *pipeline, struct hb_step *step, struct hb_error *error);

/* Stops the workers, waits for them, frees. */
void hb_pipeline_free(struct hb_pipeline *pipeline);

#endif
