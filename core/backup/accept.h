/* SPDX-License-Identifier: Apache-2.0 */
/* Accepts an archive that is marked as shrunk (shrink.h): retention goes on again. */
#ifndef HB_ACCEPT_H
#define HB_ACCEPT_H

#include "backup/preset_archives.h"

/* Is it the one with that path, URL, or name? */
bool hb_accept_is_meant(const struct hb_preset_archives *archives, size_t row, const char *word);

/*
 * `word` as above, of presets as in hb_look_request. Nothing is written in a dry run. HB_OK and its
 * path, the caller's to free; HB_STATUS_CANCELLED; HB_STATUS_FATAL: there is no such archive of
 * this home, it is not marked, or that cannot be recorded.
 */
int hb_accept(struct hb_run *run, const char *preset, const char *word, bool dry_run, char **path,
              struct hb_error *error);

#endif
