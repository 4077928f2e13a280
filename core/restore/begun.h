/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rows of a journal a run had begun to put back when it was killed: a file beside the
 * journal, flushed before the row is touched.
 *
 * Only rows whose content a plugin writes into what is there are marked. All others are published
 * by one rename: their staged file is there as long as nothing has happened, and gone afterwards.
 *
 * A second file has the rows that were about to be left alone: if the run is killed before it could
 * say so, the next one does.
 */
#ifndef HB_BEGUN_H
#define HB_BEGUN_H

#include "files/stage.h"
#include <stdint.h>

struct hb_begun {
    uint64_t *rows; /* by index */
    size_t count;
};

enum hb_marks {
    HB_MARK_BEGUN, /* on the disk when hb_begun_mark() returns */
    HB_MARK_LEFT   /* there, whoever is killed; not flushed: these may be many */
};

/* 0 or -errno. */
int hb_begun_mark(const struct hb_stage *stage, enum hb_marks which, uint64_t index);

/* Of a stage that was left; 0 or -errno. hb_begun_clear in any case. */
int hb_begun_read(int stage_fd, enum hb_marks which, struct hb_begun *begun);
bool hb_begun_has(const struct hb_begun *begun, uint64_t index);
void hb_begun_clear(struct hb_begun *begun);

#endif
