/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a store gives back what it was given. A commit that succeeds says that something has the
 * name; whether that is what was sent is another question, and whoever removes older ones on the
 * strength of it asks first. One request: the end of the object, with its length.
 */
#ifndef HB_CONFIRM_H
#define HB_CONFIRM_H

#include "store/store.h"

/* What was sent. */
struct hb_sent {
    const char *name;
    const char *run; /* hb_put.run */
    uint64_t bytes;
    const void *end; /* its last bytes */
    size_t end_bytes;
};

/*
 * HB_OK: it is there. HB_STATUS_NOMATCH: that run's object has the name, and is another one; it is
 * removed. HB_STATUS_UNCERTAIN: nobody can tell. In both cases hb_store_failure() says why.
 */
int hb_store_confirm(const struct hb_store *store, const struct hb_sent *sent);

#endif
