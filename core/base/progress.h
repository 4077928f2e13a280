/* SPDX-License-Identifier: Apache-2.0 */
/* How far a run is: a bar on a terminal, a line at times elsewhere. Any thread. */
#ifndef HB_PROGRESS_H
#define HB_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct hb_progress;

enum { HB_PROGRESS_FILES = 500 }; /* elsewhere: a line at least every so many files */

/* `bar`: redraw one line; else lines. NULL `out`: shows nothing. */
struct hb_progress *hb_progress_new(FILE *out, bool bar, const char *verb, uint64_t files,
                                    uint64_t bytes);
/* So much has been done since the last call. */
void hb_progress_add(struct hb_progress *progress, uint64_t files, uint64_t bytes);
/* An entry is being prepared; shown in the bar. */
void hb_progress_preparing(struct hb_progress *progress, const char *path, uint64_t done,
                           uint64_t total);
/* How far a run is, for whoever tells programs. */
struct hb_progress_state {
    const char *verb;
    uint64_t files, all_files;
    uint64_t bytes, all_bytes;
    double seconds; /* since it began */
};
typedef void (*hb_progress_teller)(void *context, const struct hb_progress_state *state);
/*
 * Instead of a bar or lines `tell` is called: now, then at most twice a second, and when the
 * progress is freed; by any thread, but one at a time. To be set before the work begins.
 */
void hb_progress_tell(struct hb_progress *progress, hb_progress_teller tell, void *context);
/* Clears the bar, frees. */
void hb_progress_free(struct hb_progress *progress);

/* "1023 B", "1.0 KB", "1.5 MB" …, 1024-based. `text` has at least 24 bytes. Returns it. */
char *hb_human_bytes(uint64_t bytes, char *text);

#endif
