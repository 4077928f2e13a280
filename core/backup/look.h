/* SPDX-License-Identifier: Apache-2.0 */
/* The archives that are there, of presets or of any directory: looked at, and nothing changed. */
#ifndef HB_LOOK_H
#define HB_LOOK_H

#include "backup/preset.h"
#include "backup/preset_archives.h"

/* The archives of one place. */
struct hb_looked {
    const char *preset;    /* the NAME of [preset:NAME]; NULL: it is only a directory, or a URL */
    const char *directory; /* as it was named */
    const struct hb_preset_archives *archives; /* newest first */
    const char *problem; /* they cannot be listed: why; `archives` has none then. Or NULL */
    const char *hint;    /* what can be done about that; or NULL */
};

struct hb_look_request {
    /*
     * Its home is open, not locked; or has only a path. Then, and while a home has no id of its own
     * (a new one, of which no archive was made), those that note this path
     * (hb_preset_archive.noted) may have been made of what was there: nobody's, by their whose. A
     * copy of the home that lay there, or the same path on another machine, notes the same.
     */
    struct hb_run *run;
    /* A preset; what has a '/', is a directory, or a URL; NULL: all presets. */
    const char *place;
    bool words; /* hosts, and why archives are incomplete, where that takes reading them, too */
    void (*looked)(void *context, const struct hb_looked *looked);
    void *context;
};

/* HB_OK; HB_STATUS_FATAL: there is no such preset; HB_STATUS_CANCELLED. */
int hb_look(const struct hb_look_request *request, struct hb_error *error);

/* Is it whole, by what it says itself, or the facts that this installation has sealed? */
enum hb_answer hb_looks_complete(const struct hb_preset_archive *row);

#endif
