/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which archive a way back is, whatever has its name by now: its size, and a hash of its beginning
 * and of its end, where the trailer (archive/trailer.h) has home, time and number, and the hash of
 * every file; of one that is sealed, its sealed end. So it may be moved or copied back. Of one
 * behind a URL nothing is known.
 */
#ifndef HB_UNDO_WAY_H
#define HB_UNDO_WAY_H

#include "restore/undo_receipt.h"

/* The mark of the archive at a path; "": it is not known. Caller frees. */
char *hb_undo_way_mark(const char *path);

/* Why nothing is taken back from what has that path now: the rest of a sentence, constant. NULL: it
 * is the same, or that is not known, or it cannot be opened, which who opens it tells better. */
const char *hb_undo_way_problem(const struct hb_undo_way *way, const char *path);

#endif
