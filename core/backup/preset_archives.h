/* SPDX-License-Identifier: Apache-2.0 */
/* The archives of a preset that are there: the newest, and which of them stay. */
#ifndef HB_PRESET_ARCHIVES_H
#define HB_PRESET_ARCHIVES_H

#include "backup/preset.h"

/*
 * The archive that units may be taken over from: the one that is going to be replaced, else, if the
 * name is not the user's, the newest of the preset. NULL: there is none. Caller frees.
 */
char *hb_preset_previous(const struct hb_preset *preset, const struct hb_destination *destination,
                         const char *const *suffixes);

struct hb_preset_prune_request {
    struct hb_run *run;
    const struct hb_preset *preset;
    const struct hb_destination *made; /* the archive that has just been made: it stays */
    bool incomplete;                   /* that archive */
    const char *const *suffixes;
    uint64_t keep; /* at least 1 */
};

/*
 * Removes all archives of the preset but the newest by name, in the directory of the one that was
 * made: files named by the prefix, date and time, and a suffix of the format, any case. If none of
 * those that stay is complete, the newest complete one stays, too. How many in *removed.
 */
int hb_preset_prune(const struct hb_preset_prune_request *request, size_t *removed,
                    struct hb_error *error);

#endif
