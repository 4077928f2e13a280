/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite connections: how they are opened, how long they wait, and how they are stopped. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "held.h"
#include "sqlite_snap.h"

#include <sqlite3.h>
#include <time.h>

/* How long one call may wait for other programs. */
struct patience {
    const struct hb_host *host;
    int64_t waited_ms; /* so far, in fact: what messages say */
    int64_t limit_ms;
    int64_t started_ms;
};

/* From now on: the option `wait`, or less if the host says so. */
void patience_init(struct patience *patience, const struct snap *snap);
/* Waits for others, and counts it. */
void patience_nap(struct patience *patience, const struct timespec *nap);
bool patience_is_over(const struct patience *patience);
int64_t monotonic_ms(void);

struct connection {
    sqlite3 *db;
    struct held *held;
};

/*
 * Opens what is held with SQLITE_OPEN_ flags and a URI query ("immutable=1" or ""); one connection
 * to it at a time, with the rights that the thread has. Extension loading, triggers, views and what
 * a hostile schema could do are off; the connection never checkpoints, keeps its temporary data in
 * memory, waits by `patience` and stops when the host is cancelled. Returns SQLite's result (and
 * held->refusal, if a file was not to be opened); the caller closes in any case.
 */
int connection_open(struct connection *connection, struct held *held, int flags, const char *query,
                    struct patience *patience);
void connection_close(struct connection *connection);

/* Runs one statement; its first column as a number in *value where value is not NULL. */
int connection_run(const struct connection *connection, const char *sql, int64_t *value);

/* SQLite's words for what went wrong last. Valid until the next call on the connection. */
const char *connection_message(const struct connection *connection, int result);

#define CONNECTION_AUTO __attribute__((cleanup(connection_close))) struct connection

#endif
