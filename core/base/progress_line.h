/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a bar on a terminal shows, as one line of text:
 *
 *      45%  312.4/840.5 MB   1234/15028 files    98.3 MB/s  0:00:07 left  sessions/2026-10-31.json
 *
 * Each field has a width of its own that does not change during a run, so nothing jumps; where the
 * screen is narrow, fields are left out, and percent, bytes and time stay longest. Plain ASCII, but
 * for names.
 */
#ifndef HB_PROGRESS_LINE_H
#define HB_PROGRESS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_progress_line {
    const char *verb; /* of a run of several phases: which this is; else NULL */
    uint64_t files, all_files;
    uint64_t bytes, all_bytes; /* all_bytes 0: the files alone count */
    double rate;               /* bytes a second; below 0: not known yet */
    double prepared;           /* of the entry `name`, of 1, in the place of the rate; 0: no */
    double left;               /* seconds; below 0: not known yet */
    const char *name;          /* printable; of the end of it as much is shown as there is room */
    bool ascii;                /* the terminal has no UTF-8: other characters become '?' */
};

enum { HB_PROGRESS_LINE_BYTES = 1024 };

/* What is done, of 1. */
double hb_progress_share(const struct hb_progress_line *line);

/*
 * At most `columns` columns; `text` has HB_PROGRESS_LINE_BYTES. Returns it. Names are measured in
 * the locale's characters (LC_CTYPE).
 */
char *hb_progress_line(const struct hb_progress_line *line, int columns, char *text);

#endif
