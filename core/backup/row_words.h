/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only an archive itself says in words: on which machine it was made, and why it is not whole.
 * The facts beside it have neither, for they may lie where others read them. It is asked where that
 * costs little, and never so that somebody would have to open it: what is sealed is left alone.
 */
#ifndef HB_ROW_WORDS_H
#define HB_ROW_WORDS_H

#include "backup/preset_listed.h"

/* Fills in origin.host and reasons of those known by their facts alone, the newest first. */
void hb_row_words_read(struct hb_run *run, struct hb_preset_archives *archives);

/*
 * Why one that is marked as shrunk is marked, against the archives that are there now. NULL: it is
 * not, or that was accepted. Caller frees.
 */
char *hb_row_shrunk_why(const struct hb_preset_archives *archives, size_t number);

#endif
