/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an archive says of itself in its trailer: that it is incomplete, and why. Verify, an import
 * and its dry run ask here, so that they say the same.
 */
#ifndef HB_ARCHIVE_MARKS_H
#define HB_ARCHIVE_MARKS_H

#include "archive/archive.h"
#include "base/choice.h"

/*
 * Each file that was skipped or doubtful when it was backed up is doubtful: one problem a file, and
 * none where this run has found a problem of it itself, or the choice (or NULL) leaves it out.
 * To be called when all else has been found.
 */
void hb_archive_marks_report(const struct hb_archive *archive, struct hb_choice *choice);

#endif
