/* SPDX-License-Identifier: Apache-2.0 */
/* Where archives of one kind go, and what they are called: by [backup], or by a [preset:NAME]. */
#ifndef HB_PRESET_H
#define HB_PRESET_H

#include "backup/publish.h"
#include "config/config.h"
#include "host/archive_name.h"
#include "host/format.h"
#include "host/run.h"

struct hb_preset {
    const struct hb_section *section; /* NULL: [backup] */
    const char *directory;
    const char *format; /* or NULL: that of [backup] */
    const char *seal;   /* "", or "none": it is not sealed */
    char *prefix;
    int64_t keep;                    /* -1: all of them */
    bool reuse;                      /* what did not change is taken over from the archive before */
    char stamp[HB_STAMP_LENGTH + 1]; /* of the archive that is made now */
    char run[HB_RUN_ID_BYTES];       /* likewise */
};

/* `name` NULL: [backup]. HB_OK, or HB_STATUS_FATAL: there is no such preset. */
int hb_preset_find(const struct hb_config *config, const char *name, struct hb_preset *preset,
                   struct hb_error *error);
void hb_preset_clear(struct hb_preset *preset);

/*
 * The archive to be made now: at `output`, or (NULL) in the preset's directory, which lies below
 * `home` unless it is absolute. Its name is made of the prefix and the local time; in a store, of
 * the prefix, UTC, and digits of the run, for nothing is renamed there (host/archive_name.h).
 */
int hb_preset_destination(struct hb_preset *preset, const char *home, const char *output,
                          const struct hb_suffixes *suffixes, struct hb_destination *destination,
                          struct hb_error *error);

/* The same directory. Caller frees. */
char *hb_preset_directory(const struct hb_preset *preset, const char *home);

/*
 * A name that was free before is not given again, though its archive may be gone: if the time is
 * not later than `latest`, that of all names so far (a second one of this second, a clock that was
 * set back), the name ends with `number`, which no other one has.
 */
void hb_preset_number_name(const struct hb_preset *preset, const char *latest, uint64_t number,
                           struct hb_destination *destination);

#endif
