/* SPDX-License-Identifier: Apache-2.0 */
/* The receipt of an import, made of what is staged: see restore/undo_receipt.h. */
#ifndef HB_UNDO_ROWS_H
#define HB_UNDO_ROWS_H

#include "import/staging_state.h"

/*
 * All is staged and nothing has been replaced, and there is a way back (staging->way_back): fills
 * staging->undo and writes it down. Where that fails, there is none, and the report has a note; an
 * undo, which goes by it to its end, does not begin then. HB_OK or HB_STATUS_FATAL.
 */
int hb_undo_rows_write(struct hb_staging *staging, struct hb_error *error);

#endif
