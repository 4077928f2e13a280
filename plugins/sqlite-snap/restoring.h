/* SPDX-License-Identifier: Apache-2.0 */
/* One database that is being put back: what the ways of doing so are handed. */
#ifndef RESTORING_H
#define RESTORING_H

#include "connection.h"

struct restoring {
    struct snap *snap;
    const struct hb_entry *entry;
    const struct hb_file *file; /* the staged copy */
    const struct hb_target *target;
    struct patience patience;
    struct held live; /* the target, where it exists */
    bool in_doubt;    /* it may hold the new rows, though overwriting it failed */
};

#endif
