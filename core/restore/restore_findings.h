/* SPDX-License-Identifier: Apache-2.0 */
/* What is counted and said of the rows of a journal that are published, or are not. */
#ifndef HB_RESTORE_FINDINGS_H
#define HB_RESTORE_FINDINGS_H

#include "restore/restore_state.h"

/* It is not restored; `later`: that may work at the next run. */
void hb_restore_skipped(struct hb_restoring *restore, const char *path, const char *why,
                        bool later);
void hb_restore_published(struct hb_restoring *restore, uint64_t files, uint64_t bytes);
/*
 * Where an import is completed, what is refused may be allowed at the next run, and what is mounted
 * in the way, or was, may have been taken away: what is staged is all that there is of it.
 */
bool hb_restore_may_pass(int error);
/* The same where a system call failed; some reasons pass. */
void hb_restore_failed(struct hb_restoring *restore, const char *path, int error);
/*
 * Somebody has changed it since an import was killed, and it stays; `kept`: what the import had for
 * it is beside it under that name; or it could not be kept there, for `error`.
 */
void hb_restore_left_alone(struct hb_restoring *restore, const char *path, const char *why,
                           const char *kept, int error);
/* It is not as it was noted, and stays as it is; `why`: the rest of a sentence. */
void hb_restore_stays(struct hb_restoring *restore, const char *path, const char *why);
/* The user has agreed to that, but to another file. */
void hb_restore_replaced(struct hb_restoring *restore, const char *path);
const char *hb_restore_why_left(bool exists);

#endif
