/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What publishing a row would be refused for, found out without writing: for the dry run of an
 * import. It asks what restore_entry.c and restore_directories.c ask, by the same functions
 * (target.h) and with the same words; a new reason for a refusal there belongs here, too.
 *
 * What only happens then is not known before: no space, an I/O error, a lock, what somebody does to
 * the home meanwhile, what a plugin finds in the bytes of the copy.
 */
#ifndef HB_FORESEE_H
#define HB_FORESEE_H

#include "restore/target.h"

/*
 * Where the path of a file or link ends, and why nothing could be put there: *why, or NULL. Caller
 * frees it; hb_place_clear.
 */
void hb_foresee_place(const struct hb_run *run, struct hb_last_target *last, const char *path,
                      bool is_link, struct hb_place *place, char **why);
/*
 * Why it could not be put at that place, where no obstacle is; NULL: it could. Not every plugin
 * (NULL: none claims it by its name) does it by a rename. Caller frees.
 */
char *hb_foresee_publishing(struct hb_run *run, const struct hb_instance *content,
                            const struct hb_entry *entry, uint32_t mode,
                            const struct hb_place *place);
/* Why a directory would not be made there, or is not one; NULL: it is, or would be. */
const char *hb_foresee_directory(const struct hb_run *run, const char *path);

#endif
