/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The history: which member was in which archive, so that nobody has to read them all again. The
 * truth lies in the archives. This is a cache, in the user's directory for state: lost, locked,
 * torn or wrong, it costs time, and no command fails or answers otherwise for it.
 *
 * It is filled by the command that asks, never during a backup. An archive is known again by the
 * name that it has and by its key (archive/receipts.h): another one under the same name has another
 * key, and so has one that was changed where it lies. What is so young that it may change once more
 * within the clock's tick is read each time, and so is what cannot be read, whatever has the same
 * name twice, and what is sealed, unless the preset says `history = names`.
 *
 *     place = hb_history_open(...)
 *     hb_history_knows(place, ...)   each archive of the place, with its position in the list
 *     hb_history_add(place, ...)     those it did not know, the oldest first
 *     hb_history_keep(place)         what is not in the list any more goes
 *     hb_history_each(place, ...)    what all those have that it knows now
 */
#ifndef HB_HISTORY_H
#define HB_HISTORY_H

#include "archive/archive.h"
#include "history/strand.h"

struct hb_history;

/* Where, and for whom. */
struct hb_history_request {
    const struct hb_run *run;
    const char *preset;    /* or NULL: then archives of all homes are told */
    const char *directory; /* canonical; or a URL */
    bool names;            /* of sealed archives may be kept */
};

/* One of the archives there. */
struct hb_history_archive {
    const char *name;
    const struct stat *file;        /* of a file; else NULL, and */
    const char *version;            /* that the store gave */
    const struct hb_origin *origin; /* or NULL */
    size_t position;                /* in the list, which begins with the newest */
};

/* NULL: nothing can be kept. */
struct hb_history *hb_history_open(const struct hb_history_request *request);
void hb_history_close(struct hb_history *history);

/* *incomplete: as the archive says itself. */
bool hb_history_knows(struct hb_history *history, const struct hb_history_archive *archive,
                      bool *incomplete);

/* One that was listed after it was found out what it is. False: it is not kept. */
bool hb_history_add(struct hb_history *history, const struct hb_history_archive *archive,
                    const struct hb_archive *listed);

/* Writes; what is not in the list goes, if `all` of it has been told. */
void hb_history_keep(struct hb_history *history, bool all);

/* Of those archives that it knows, or was given. Paths stay until it is closed. */
void hb_history_each(const struct hb_history *history, const struct hb_strand_visitor *visitor);

/* What is kept of a member, and told of it: one rule for those that are read, too. */
void hb_history_content(const struct hb_archive *archive, const uint32_t *contents, size_t index,
                        struct hb_history_content *content);

#endif
