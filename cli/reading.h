/* SPDX-License-Identifier: Apache-2.0 */
/* What list, cat and verify share: an archive that is opened, listed, and closed again. */
#ifndef HB_CLI_READING_H
#define HB_CLI_READING_H

#include "archive/archive.h"
#include "cli.h"

struct hb_reading {
    struct hb_cli *cli;
    const char *archive_path;
    const char *member;
    const char *format;
    bool detailed;
    struct hb_config *config;
    struct hb_run run;
    struct hb_archive archive;
    struct hb_error error;
};

/* With `wanted` arguments: an archive, and a member of it. 0, -1 when all is done, else an exit
 * code. */
int hb_reading_parse(struct hb_reading *reading, const char *help, int wanted, int argc,
                     char **argv);

/*
 * Loads the configuration, opens and lists the archive. 0, or an exit code; hb_reading_end in any
 * case, which says what is in reading->error, closes everything and returns `code`.
 */
int hb_reading_open(struct hb_reading *reading);
int hb_reading_end(struct hb_reading *reading, int code);

/* "file", "directory", … */
const char *hb_reading_type(uint8_t type);

#endif
