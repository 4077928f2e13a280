/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A check of a staged copy that is under way, and what it has found so far. A question to SQLite
 * has four answers: it is right; it is wrong; SQLite lacks something that is needed to tell; SQLite
 * failed. The worst one counts in the end, see checking_add().
 */
#ifndef CHECKING_H
#define CHECKING_H

#include "bulk_vfs.h"
#include "connection.h"
#include "verdict.h"
#include "view_vfs.h"

struct checking {
    struct bulk_watch watch; /* first: has_read() is handed it */
    struct snap *snap;
    const struct hb_entry *entry;
    struct held *staged;
    const struct view_source *view; /* it is read through that; NULL: `staged` is a file */
    struct verdict *verdict;
    struct patience patience;
    struct connection connection;
    uint64_t read, total; /* bytes, for the progress */
    bool tells;           /* there is a progress to tell */
    bool stopped;         /* by the host */
    bool doubted;         /* SQLite said something about an index that is not of its own kind */
    unsigned lacks;       /* how much went unchecked because something is missing */
};

/* Opens the staged copy, watched, with SQLite's flags and a query. SQLite's result. */
int checking_open(struct checking *checking, int flags, const char *query);
/* Closes it. Reads that failed are counted now, whatever SQLite made of them. */
void checking_close(struct checking *checking);

/* Adds what was found, if it is worse: sound, not checked, unsound, cannot tell. */
void checking_add(struct checking *checking, uint32_t soundness, const char *format, ...)
    HB_PRINTF(3, 4);

/*
 * Adds what a result that is not SQLITE_OK means, about `what` ("table t"; empty: all of it). The
 * connection's message goes with it. False: it is of no use to go on.
 */
bool checking_add_result(struct checking *checking, const char *what, int result);

/* Is this the message of an SQLite that lacks a module, tokenizer, collation or function? */
bool is_lack(int result, const char *message);
/* What a result says about the file, and not about the machine. */
bool is_damage(int result);

#endif
