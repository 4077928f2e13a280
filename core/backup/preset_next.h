/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an archive that is going to be made has to know of those that are there: which home it is
 * of, its number among them, a name that none ever had, and the one to take over from what did not
 * change.
 */
#ifndef HB_PRESET_NEXT_H
#define HB_PRESET_NEXT_H

#include "backup/preset.h"
#include "backup/preset_archives.h"
#include "backup/shrink.h"

struct hb_preset_next {
    struct hb_home_id id;
    uint64_t sequence;
    char stamp[HB_STAMP_BYTES];
    char *previous; /* path, or NULL */
    struct hb_before before;
};

/*
 * The home is open and locked; `destination` was found for the preset, and gets another name where
 * it has to. `suffixes`: of the format, for data is taken over only from an archive of the same.
 * Nothing is written: a home without id gets one when there is something to be archived
 * (hb_backup). HB_OK or HB_STATUS_CANCELLED; what cannot be known is a note. hb_preset_next_clear
 * in any case.
 */
int hb_preset_next(struct hb_run *run, const struct hb_preset *preset, const char *const *suffixes,
                   bool dry_run, struct hb_destination *destination, struct hb_preset_next *next,
                   struct hb_error *error);
void hb_preset_next_clear(struct hb_preset_next *next);

#endif
