/* SPDX-License-Identifier: Apache-2.0 */
/* Is what an import has left still as it was then? Asked of the content, not of times. */
#ifndef HB_UNDO_LOOK_H
#define HB_UNDO_LOOK_H

#include "host/run.h"
#include "restore/undo_receipt.h"

enum hb_undo_state {
    HB_UNDO_AS_LEFT,
    HB_UNDO_CHANGED, /* something else is there */
    HB_UNDO_ABSENT,  /* nothing is */
    HB_UNDO_AWAY,    /* it is in another directory than then, or cannot be reached now */
    HB_UNDO_UNTOLD   /* it cannot be looked at, or nobody knows what it was */
};

/*
 * Where the path leads, no link followed, and how it is there; *why, of HB_UNDO_CHANGED,
 * HB_UNDO_AWAY and HB_UNDO_UNTOLD, is the rest of a sentence, constant. hb_place_clear in any case.
 */
enum hb_undo_state hb_undo_look(struct hb_run *run, const struct hb_chain *contents,
                                const struct hb_undo_row *row, struct hb_place *place,
                                const char **why);

/* Is what that name has in a directory what the row says, of a file or a link? */
bool hb_undo_holds(const struct hb_undo_row *row, int directory_fd, const char *name);

/* Makes the row say what is there now: it is this that may be removed. False: it cannot be told. */
bool hb_undo_take_present(struct hb_run *run, struct hb_undo_row *row);

/* The plugin that claims the file at a place; NULL: none does, or that is unknown (*known). */
const struct hb_instance *hb_undo_claimant(const struct hb_chain *contents,
                                           const struct hb_place *place, bool *known);

#endif
