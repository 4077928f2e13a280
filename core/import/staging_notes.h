/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Notes of what lies in the home where members go, made before anything is decoded: that is what
 * the user has agreed to replace. What changes it later is seen by them (restore/changed_since.h).
 */
#ifndef HB_STAGING_NOTES_H
#define HB_STAGING_NOTES_H

#include "import/staging_state.h"

/* Of all that is selected. Once. */
void hb_staging_note_targets(struct hb_staging *staging);

/*
 * Once more of what is called otherwise there (staging_names.h): where the kernel keeps attributes
 * by name, those of the name in the archive may be old ones.
 */
void hb_staging_note_renamed(struct hb_staging *staging);

/*
 * Puts the note on a member into its row. Of what a content plugin claims it is made now: programs
 * write to that all the time, and the import replaces it as it is.
 */
void hb_staging_note_row(struct hb_staging *staging, size_t index, struct hb_journal_row *row);

#endif
