/* SPDX-License-Identifier: Apache-2.0 */
/* Removes the archives, or the snapshots, of one directory that are not kept (retention.h). */
#ifndef HB_PRUNE_ROWS_H
#define HB_PRUNE_ROWS_H

#include "backup/retention.h"
#include "host/run.h"

struct hb_prune_rows_request {
    struct hb_run *run;
    void *rows; /* as hb_retention() wants them; name, whose, complete and why are known */
    size_t row_bytes, count;
    const struct hb_keep *keep;
    const char *made;                 /* the name of one that this run has made, or NULL */
    bool dry_run;                     /* nothing is removed; `removed` says what would be */
    int fd;                           /* the directory that they lie in; -1: none to flush */
    const char *directory;            /* its path */
    bool by_name;                     /* they are told of by their names, not by their paths */
    enum hb_finding_kind if_it_stays; /* it was to go and could not */
    enum hb_finding_kind if_untold;   /* nobody can tell whether it is complete */
    enum hb_answer (*is_complete)(void *context, size_t row);
    /* Takes it out of the directory in one step. NULL, or why it cannot be. Also in a dry run. */
    const char *(*remove)(void *context, size_t row);
    void *context;
};

/*
 * Decides on each row, and removes those that go, unless a signal asks to stop. What cannot be
 * removed is reported, and so is each about which nothing can be told. How many are gone.
 */
size_t hb_prune_rows(const struct hb_prune_rows_request *request);

#endif
