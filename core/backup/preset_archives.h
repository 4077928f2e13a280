/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archives of a preset that are there: whose they are, in which order they were made, which of
 * them stay.
 *
 * Names alone tell nothing of that. Another home may use the same directory and prefix, a clock may
 * have been set back, somebody may have put a file there. So each file with the name of an archive
 * is opened, and its trailer says (archive/origin.h): the home's id, and a number one above the
 * highest that was there. What does not say whose it is was made by a release before, by another
 * tool, or with SOURCE_DATE_EPOCH: in the home itself it is this home's, elsewhere it is nobody's
 * until the user says so (hb_preset_adopt).
 *
 * Facts beside an archive (archive/facts.h) say all that in one small read, if they are its own and
 * this installation has sealed them; preset_facts.h says what else is made of them. What goes in a
 * directory of this machine, and the one that lets it go, are asked themselves (preset_prune.c).
 */
#ifndef HB_PRESET_ARCHIVES_H
#define HB_PRESET_ARCHIVES_H

#include "backup/preset_listed.h"
#include "host/hooks.h"

/*
 * HB_OK; HB_STATUS_CANCELLED; HB_STATUS_FATAL: the directory cannot be listed.
 * hb_preset_archives_clear in any case.
 */
int hb_preset_archives_read(const struct hb_preset_query *query,
                            struct hb_preset_archives *archives, struct hb_error *error);
void hb_preset_archives_clear(struct hb_preset_archives *archives);

/*
 * The path of the newest that is this home's and says so, with one of these suffixes: to take units
 * over from. NULL: none.
 */
char *hb_preset_newest(const struct hb_preset_archives *archives, const char *const *suffixes);

/* Those that nobody claims become this home's; how many. */
size_t hb_preset_adopt(struct hb_preset_archives *archives, struct hb_home_id *id);

/* The event of the hooks names those that were removed, or would be. */
void hb_preset_tell_removed(const struct hb_preset_archives *archives, struct hb_hooks *hooks);

#endif
