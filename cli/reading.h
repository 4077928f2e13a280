/* SPDX-License-Identifier: Apache-2.0 */
/* What list, cat and verify share: an archive that is opened, listed, and closed again. */
#ifndef HB_CLI_READING_H
#define HB_CLI_READING_H

#include "archive/archive.h"
#include "options.h"
#include "session.h"

struct hb_reading_options {
    const char *format, *preset;
    bool detailed;      /* of list alone */
    const char *sample; /* of verify alone, */
    bool restore;       /* and this */
};

/* --format, --preset */
#define HB_READING_ROWS                                                                            \
    {"format",                                                                                     \
     0,                                                                                            \
     "NAME",                                                                                       \
     "format of the archive; detected by default",                                                 \
     .takes = HB_TAKES_TEXT,                                                                       \
     .offset = offsetof(struct hb_reading_options, format),                                        \
     .values = HB_VALUES_FORMATS},                                                                 \
    {                                                                                              \
        "preset", 0, "NAME", "whose archive `latest` or a number is; default: any",                \
            .takes = HB_TAKES_TEXT, .offset = offsetof(struct hb_reading_options, preset),         \
            .values = HB_VALUES_PRESETS                                                            \
    }

struct hb_reading {
    struct hb_session *session;
    const char *path;
    struct hb_archive archive;
};

/*
 * Opens and lists the archive that was typed, does the work, closes it. Returns the exit code.
 * `shut`: for one that is sealed, and that nothing opens here, in place of the work;
 * session->error says why. NULL: that is a failure.
 */
int hb_reading_run(struct hb_session *session, const char *command,
                   int (*work)(struct hb_reading *reading),
                   int (*shut)(struct hb_reading *reading));

#endif
