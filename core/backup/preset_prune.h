/* SPDX-License-Identifier: Apache-2.0 */
/* Removes the archives of a preset that do not stay. */
#ifndef HB_PRESET_PRUNE_H
#define HB_PRESET_PRUNE_H

#include "backup/preset_archives.h"

/*
 * As hb_prune_rows(). `made`: the name of one that this run has made, or NULL; `complete`: that
 * one.
 */
void hb_preset_prune(const struct hb_preset_query *query, struct hb_preset_archives *archives,
                     const struct hb_keep *keep, const char *made, bool complete, bool dry_run);

#endif
