/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Publishes staged members in the home, one by one: each is the old file or the new one, never
 * torn. Nothing outside the home is ever reached (beneath.h).
 */
#ifndef HB_RESTORE_H
#define HB_RESTORE_H

#include "archive.h"
#include "select.h"

struct hb_restore_request {
    struct hb_run *run; /* home and stage are open */
    const struct hb_catalog *catalog;
    const struct hb_selection_result *selection;
    const struct hb_chain *contents;
    uint32_t umask;
};

struct hb_restored {
    uint64_t files; /* restored */
    uint64_t bytes;
};

/* The name of a member's file in the stage. `name` has at least 24 bytes. */
void hb_staged_name(size_t index, char *name);

/* What cannot be restored is reported and the rest goes on. HB_OK, or HB_CANCELLED. */
int hb_restore(const struct hb_restore_request *request, struct hb_restored *result,
               struct hb_error *error);

#endif
