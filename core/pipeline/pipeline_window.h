/* SPDX-License-Identifier: Apache-2.0 */
/* How much finished work may wait for its turn. Not locked: it is a part of the pipeline. */
#ifndef HB_PIPELINE_WINDOW_H
#define HB_PIPELINE_WINDOW_H

#include <hbcore/format.h>
#include <stdbool.h>

/* Where a unit waits. Memory is for those whose turn comes sooner. */
enum hb_place_of_unit { HB_IN_MEMORY, HB_IN_SPILL, HB_IN_PREVIOUS };

struct hb_window {
    uint64_t limit;  /* encoded bytes that may wait in memory */
    uint64_t bytes;  /* those that do */
    uint64_t weight; /* of all units that wait, wherever */
    uint64_t copied; /* bytes of those in the previous archive */
};

/* A unit begins to wait; its turn has come, or nobody wants it any more. */
void hb_window_take(struct hb_window *window, const struct hb_unit *unit,
                    enum hb_place_of_unit place);
void hb_window_give(struct hb_window *window, const struct hb_unit *unit,
                    enum hb_place_of_unit place);

/* Nothing more may wait in memory. */
bool hb_window_full(const struct hb_window *window);
/* Nothing more may wait at all. */
bool hb_window_overflows(const struct hb_window *window);
/* Enough waits for it to be worth waking the thread that takes the results. */
bool hb_window_has_batch(const struct hb_window *window);

#endif
