/* SPDX-License-Identifier: Apache-2.0 */
/* One database of which a snapshot is being made: what the parts of snapshot.c share. */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include "connection.h"
#include "live.h"

/* Beside the codes of hb_status: something changed during the copy; it counts for nothing. */
enum { AGAIN = 100 };

struct in_place;

/* One try to copy one database, or to do without a copy. */
struct attempt {
    struct snap *snap;
    const struct hb_entry *entry;
    struct held live;
    struct look before;
    struct hb_file file;
    struct held staged; /* the same file */
    struct patience patience;
    bool written; /* the staged file may hold something, or have something beside it */
    int result;   /* SQLite's */
    bool held_up; /* a writer had waited for us for too long */
    bool staging; /* it is the staged side that failed */
    bool untold;  /* stored raw, and nobody knows whether that is sound */
    bool may_be_in_place;
    struct in_place *in_place; /* it is read where it lies */
    char why_copied[200];      /* why it is not; empty: that was not to be */
    char message[256];         /* SQLite's words for `result` */
};

/* Empties the staged file and forgets the result, before a copy. HB_OK, or HB_STATUS_ENTRY after
 * fail().
 */
int attempt_start_over(struct attempt *attempt);

/* The result of a copy: SQLite's code and its words. */
void attempt_say(struct attempt *attempt, const struct connection *connection, int result);

/* HB_STATUS_ENTRY, with live.refusal as the reason. */
int attempt_refused(const struct attempt *attempt);

#endif
