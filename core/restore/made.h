/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which directories an import has made, and how far it got with their modes: a file beside the
 * journal. Whoever completes an import that was killed tells by it a directory that the import left
 * closed from one that the user has closed since.
 */
#ifndef HB_MADE_H
#define HB_MADE_H

#include "files/stage.h"
#include <stdint.h>

struct hb_made {
    int fd;                  /* the file; -1: it cannot be written, and nothing is noted */
    bool noted;              /* a run before this one had begun it */
    struct hb_made_note *of; /* what that one noted, by index */
    size_t count;
    bool all;       /* of them were noted */
    unsigned fresh; /* notes that are not on the disk */
};

enum hb_made_state {
    HB_MADE_UNFINISHED, /* it is the import's, and as that left it: mode and time are to be set */
    HB_MADE_FINISHED,   /* it has its mode, and that has stayed */
    HB_MADE_TOUCHED     /* another directory, or another mode: the user's */
};

/* Reads what is there. What cannot be read was not noted. hb_made_close in any case. */
void hb_made_open(const struct hb_stage *stage, struct hb_made *made);
void hb_made_close(struct hb_made *made);

/* It was made: before anything is put into it. */
void hb_made_note(struct hb_made *made, uint64_t index, int directory_fd, const char *name);
/* The same of one in a tree that goes in pieces: its row comes later. */
void hb_made_note_piece(struct hb_made *made, int directory_fd, const char *name);
/* Those that were made, on the disk. */
void hb_made_flush(struct hb_made *made);
/* No more are made. */
void hb_made_all(struct hb_made *made);
/* Its time is set, its mode is about to be; and it is. */
void hb_made_finishing(struct hb_made *made, uint64_t index, int fd);
void hb_made_finished(struct hb_made *made, uint64_t index, int fd);

/*
 * Of a directory that was there when this run began. `copied`: the home is a copy of the one that
 * it was made in; `mode`: that it gets.
 */
enum hb_made_state hb_made_look(const struct hb_made *made, uint64_t index, int directory_fd,
                                const char *name, uint32_t mode, bool copied);

#endif
