/* SPDX-License-Identifier: Apache-2.0 */
/* How a database is checked, and what is said of it then. */
#ifndef VERDICT_H
#define VERDICT_H

#include <hbcore/content.h>
#include <stdbool.h>

/*
 * quick  PRAGMA quick_check: each page is what it should be
 * full   PRAGMA integrity_check, which also compares tables with their indexes, and the checks of
 *        full-text indexes and R-trees (indexes.h)
 */
enum thoroughness { CHECK_QUICK, CHECK_FULL };

/* HB_SOUNDNESS_SOUND; HB_SOUNDNESS_NOT_CHECKED: not in full; HB_SOUNDNESS_UNSOUND;
 * HB_SOUNDNESS_UNKNOWN: SQLite failed. */
struct verdict {
    uint32_t soundness;
    bool pages_are_sound; /* of an unsound one: a quick check finds nothing */
    bool no_database;     /* by its header; not checked, then */
    char reason[256];     /* unless it is sound */
};

#endif
