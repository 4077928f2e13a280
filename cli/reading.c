/* SPDX-License-Identifier: Apache-2.0 */
#include "reading.h"

#include "complain.h"
#include <string.h>

int hb_reading_open(struct hb_reading *reading)
{
    struct hb_session *session = reading->session;
    struct hb_error *error = &session->error;
    if (strcmp(reading->path, "-") == 0) {
        hb_error_set(error, HB_FATAL, "%s: needs a file; only import reads from a pipe",
                     reading->command);
        hb_error_hint(error, "see: hbcore %s --help", reading->command);
        return HB_EXIT_USAGE;
    }
    int status =
        hb_archive_open(&session->run, reading->path, reading->format, &reading->archive, error);
    if (status == HB_OK)
        status = hb_archive_list(&reading->archive, error);
    if (status == HB_NOMATCH)
        status = hb_error_set(error, HB_FATAL,
                              "%s: is no regular file, and only import reads from a pipe",
                              reading->path);
    for (size_t i = 0; i < reading->archive.catalog.count; i++) {
        if (reading->archive.catalog.members[i].type != HB_FILE)
            continue;
        reading->files++;
        reading->bytes += reading->archive.catalog.members[i].bytes;
    }
    return hb_cli_exit_code(status);
}

const char *hb_reading_type(uint8_t type)
{
    switch (type) {
    case HB_FILE:
        return "file";
    case HB_DIRECTORY:
        return "directory";
    case HB_SYMLINK:
        return "link";
    case HB_HARDLINK:
        return "hardlink";
    default:
        return "special";
    }
}
