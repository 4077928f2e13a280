/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows of a journal a run had begun to put back when it was killed: a file beside the
 * journal, flushed before the row is touched.
 *
 * Only rows whose content a plugin writes into what is there are marked. All others are published
 * by one rename: their staged file is there as long as nothing has happened, and gone afterwards.
 */
#ifndef HB_BEGUN_H
#define HB_BEGUN_H

#include "files/stage.h"
#include <stdint.h>

struct hb_begun {
    uint64_t *rows; /* by index */
    size_t count;
};

/* On the disk when it returns. One thread at a time. 0 or -errno. */
int hb_begun_mark(const struct hb_stage *stage, uint64_t index);

/* Of a stage that was left; 0 or -errno. hb_begun_clear in any case. */
int hb_begun_read(int stage_fd, struct hb_begun *begun);
bool hb_begun_has(const struct hb_begun *begun, uint64_t index);
void hb_begun_clear(struct hb_begun *begun);

#endif
