/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an undo, or an import, was to put back and has not: the receipt must not say that it was.
 *
 * The receipt of an undo has each row that it puts back twice: what it makes of it (for the next
 * undo), and, spare, what it was in the receipt that is taken back. Where it has come to be, the
 * spare row goes; where not, the other one, and the spare row waits. Both are on the disk before
 * anything is replaced, so that whoever completes an undo that was killed does the same.
 */
#ifndef HB_UNDO_MISSED_H
#define HB_UNDO_MISSED_H

#include "restore/undo_receipt.h"

/* Safe on NULL. `changed`: somebody has; else it could not be done. One thread at a time. */
void hb_undo_miss(struct hb_undo_receipt *receipt, const char *path, bool changed);

/* All is published that can be: no row is spare any more. */
void hb_undo_settle_missed(struct hb_undo_receipt *receipt);

/* How many rows wait, without directories; of them those that the next undo tries. */
size_t hb_undo_waiting(const struct hb_undo_receipt *receipt, size_t *failed);

/* The row that says what the path becomes; NULL: there is none. Linear. */
const struct hb_undo_row *hb_undo_row_of(const struct hb_undo_receipt *receipt, const char *path);

#endif
