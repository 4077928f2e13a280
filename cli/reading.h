/* SPDX-License-Identifier: Apache-2.0 */
/* What list, cat and verify share: an archive that is opened, listed, and closed again. */
#ifndef HB_CLI_READING_H
#define HB_CLI_READING_H

#include "archive/archive.h"
#include "session.h"

struct hb_reading {
    struct hb_session *session;
    const char *command, *path, *format;
    struct hb_archive archive;
    uint64_t files, bytes; /* in it */
};

#define HB_READING_FORMAT(type)                                                                    \
    {                                                                                              \
        "format", 0, "NAME", "how to read it; else that is found out",                             \
            .takes = HB_TAKES_TEXT, .offset = offsetof(type, format), .values = HB_VALUES_FORMATS  \
    }

/*
 * Opens and lists the archive. 0, or an exit code and session->error; hb_archive_close in any case.
 */
int hb_reading_open(struct hb_reading *reading);

/* "file", "directory", … */
const char *hb_reading_type(uint8_t type);

#endif
