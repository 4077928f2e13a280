/* SPDX-License-Identifier: Apache-2.0 */
/* How far a run is: a bar on a terminal, a line at times elsewhere. Any thread. */
#ifndef HB_PROGRESS_H
#define HB_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct hb_progress;

enum { HB_PROGRESS_FILES = 500 }; /* elsewhere: a line at least every so many files */

/* Where it is shown. */
struct hb_screen {
    FILE *out;  /* NULL: nowhere */
    bool bar;   /* redraw one line; else lines */
    bool ascii; /* the terminal has no UTF-8 */
};

struct hb_progress *hb_progress_new(const struct hb_screen *screen, const char *verb,
                                    uint64_t files, uint64_t bytes);
/* What comes next counts from 0 again: so many files, and bytes, or 0 where only files count. */
void hb_progress_phase(struct hb_progress *progress, const char *verb, uint64_t files,
                       uint64_t bytes);
/* So much has been done since the last call; `path` is being worked on, or NULL. */
void hb_progress_add(struct hb_progress *progress, const char *path, uint64_t files,
                     uint64_t bytes);
/* An entry is being prepared; shown in the bar. */
void hb_progress_preparing(struct hb_progress *progress, const char *path, uint64_t done,
                           uint64_t total);
/* How far a run is, for whoever tells programs. */
struct hb_progress_state {
    const char *verb; /* of this phase */
    const char *path; /* is being worked on; NULL: nothing, or not known */
    uint64_t files, all_files;
    uint64_t bytes, all_bytes;
    double seconds; /* since the phase began */
};
typedef void (*hb_progress_teller)(void *context, const struct hb_progress_state *state);
/*
 * Instead of a bar or lines `tell` is called: now, at the end of each phase and at the beginning of
 * the next, and between them at most twice a second; by any thread, but one at a time. To be set
 * before the work begins.
 */
void hb_progress_tell(struct hb_progress *progress, hb_progress_teller tell, void *context);
/* Clears the bar: something else is printed there, and the bar is drawn again behind it. */
void hb_progress_make_room(struct hb_progress *progress);
/* Clears the bar, frees. */
void hb_progress_free(struct hb_progress *progress);

#endif
