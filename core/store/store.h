/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores, as the rest of the core sees them (what one promises: hbcore/store.h). There are two
 * kinds: the directory of this machine that somebody holds open (local.h), and what a store plugin
 * makes of a URL. Both stand behind the same table.
 *
 *     URL "offsite://bucket/nightly/NAME" --> [store:offsite] --> its plugin; object "bucket/…"
 *
 * Without such a section, the scheme is the name of a plugin, with its defaults. A run has one
 * instance of each, made when it is needed first.
 */
#ifndef HB_STORE_H
#define HB_STORE_H

#include "base/error.h"
#include "host/run.h"
#include "store/retry.h"
#include <stdbool.h>

struct hb_store {
    const struct hb_store_ops *ops;
    void *self; /* for its callbacks */
    struct hb_run *run;
    const struct hb_instance *instance; /* of the plugin; NULL: the local one */
    const struct hb_retry_clock *clock; /* retry.h; NULL: the real one */
    struct hb_retry_budget *budget;     /* likewise; NULL: each call has one of its own */
};

/* The store of a URL (base/url.h), the run's own. HB_OK or HB_STATUS_FATAL: there is none such. */
int hb_store_find(struct hb_run *run, const char *url, const struct hb_store **store,
                  struct hb_error *error);

/* Is there one for it, by the configuration and the plugins? As above; nothing is made. */
int hb_store_known(const struct hb_config *config, const char *url, struct hb_error *error);

/* For a call of it that may be tried again: retry.h. Those of the local directory are not. */
struct hb_retry hb_store_retry(const struct hb_store *store);

/* An error of that status: "WHAT: " and why the call in this thread has failed, with its hint. */
int hb_store_error(const struct hb_store *store, int status, const char *what,
                   struct hb_error *error);
/* Why the call in this thread has failed. Valid until the next call in it. */
const char *hb_store_failure(const struct hb_store *store);

/* One version of an object, open. */
struct hb_opened {
    const struct hb_store *store; /* NULL: not open */
    void *reader;
    struct hb_object object;
};

/*
 * The object of a URL, of that version; NULL: as it is now. HB_OK; HB_STATUS_NOMATCH: it is surely
 * not there, and `error` says so; HB_STATUS_FATAL. hb_opened_close where it is HB_OK.
 */
int hb_store_open(struct hb_run *run, const char *url, const char *version,
                  struct hb_opened *opened, struct hb_error *error);
/* The same by its name in a store; where it is not HB_OK, hb_store_failure() says why. */
int hb_store_open_name(const struct hb_store *store, const char *name, const char *version,
                       struct hb_opened *opened);
/* As hb_store_ops.read_at: any thread; a failure below 0, and hb_store_failure() says why. */
int64_t hb_opened_read_at(const struct hb_opened *opened, void *buffer, size_t bytes,
                          uint64_t offset);
void hb_opened_close(struct hb_opened *opened);

/*
 * Each object whose name begins with `prefix`. `each` returns 0 to go on; anything else ends it and
 * is returned. HB_OK; HB_STATUS_FATAL: it cannot be listed, or not all of it, and
 * hb_store_failure() says why.
 */
int hb_store_each(const struct hb_store *store, const char *prefix,
                  int (*each)(void *context, const struct hb_object *object), void *context);

/* As hb_store_ops.remove, tried again where that may help. */
int hb_store_remove(const struct hb_store *store, const char *name, const char *version);

/* Removes whatever has that name now, as far as that is possible. */
void hb_store_forget(const struct hb_store *store, const char *name);

#endif
