/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an import replaces, or an undo removes, though the archive that was made first does not have
 * it: rules leave it out of every backup. It cannot be taken back, and that is said before it is
 * replaced.
 */
#ifndef HB_UNDO_UNSAVED_H
#define HB_UNDO_UNSAVED_H

#include "host/run.h"
#include "restore/undo_receipt.h"

/*
 * A note for each. `way`: as the receipt's, but with the place as it is typed. Of an archive that
 * is sealed only what the configuration says can be told; of one that cannot be read, nothing.
 */
void hb_undo_report_unsaved(struct hb_run *run, const struct hb_undo_way *way,
                            const struct hb_undo_receipt *receipt);

#endif
