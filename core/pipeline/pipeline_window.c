/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/pipeline_window.h"

enum {
    UNIT_WEIGHT = 3,         /* a unit costs as much beside its bytes as three entries do */
    WAITING_WEIGHT = 16384,  /* of finished units in memory, however small: some 10 MB */
    SPILLED_WEIGHT = 65536,  /* of all that wait */
    BATCH_WEIGHT = 128,      /* waking a thread takes as long as appending a small file */
    BATCH_BYTES = 256 << 10, /* the same */
    COPY_BYTES = 4 << 20     /* and so long takes a copy of so much */
};

static uint64_t weight_of(const struct hb_unit *unit)
{
    return UNIT_WEIGHT + unit->entries;
}

void hb_window_take(struct hb_window *window, const struct hb_unit *unit,
                    enum hb_place_of_unit place)
{
    window->weight += weight_of(unit);
    window->bytes += place == HB_IN_MEMORY ? unit->bytes : 0;
    window->copied += place == HB_IN_PREVIOUS ? unit->bytes : 0;
}

void hb_window_give(struct hb_window *window, const struct hb_unit *unit,
                    enum hb_place_of_unit place)
{
    window->weight -= weight_of(unit);
    window->bytes -= place == HB_IN_MEMORY ? unit->bytes : 0;
    window->copied -= place == HB_IN_PREVIOUS ? unit->bytes : 0;
}

bool hb_window_full(const struct hb_window *window)
{
    return window->bytes >= window->limit || window->weight >= WAITING_WEIGHT;
}

bool hb_window_overflows(const struct hb_window *window)
{
    return window->weight >= SPILLED_WEIGHT;
}

bool hb_window_has_batch(const struct hb_window *window)
{
    return window->weight >= BATCH_WEIGHT || window->bytes >= BATCH_BYTES ||
           window->copied >= COPY_BYTES;
}
