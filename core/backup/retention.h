/* SPDX-License-Identifier: Apache-2.0 */
/* Which of several archives, or snapshots, stay. The one rule for both; it touches no file. */
#ifndef HB_RETENTION_H
#define HB_RETENTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One of those that are there, the newest first. */
struct hb_kept {
    bool just_made; /* by this run: it stays in any case */
    bool stays;     /* the answer */
};

/*
 * The newest `keep` stay. If none of them is complete, the newest complete one stays, too (0: then
 * no other does). `is_complete` is asked about a row only where it matters, from the newest on.
 */
void hb_retention(struct hb_kept *rows, size_t count, uint64_t keep,
                  bool (*is_complete)(void *context, size_t row), void *context);

#endif
