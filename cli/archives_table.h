/* SPDX-License-Identifier: Apache-2.0 */
/* The archives of one place as a table for people, or as metrics. */
#ifndef HB_ARCHIVES_TABLE_H
#define HB_ARCHIVES_TABLE_H

#include "archive/receipts.h"
#include "backup/look.h"
#include "session.h"
#include <stdio.h>

/* What is further ahead of the clock is no time at which something was made. */
enum { HB_AHEAD_SECONDS = 24 * 3600 };

/* What is told of an archive, by its facts, or by its trailer. */
struct hb_archive_facts {
    bool known;      /* files and bytes; started, if it is not 0 */
    bool counted;    /* databases and reasons, too: by facts of this installation */
    int64_t started; /* seconds since 1970 */
    double seconds;  /* that it took; below 0: unknown */
    uint64_t files, bytes, databases, reasons;
};

struct hb_archive_facts hb_archive_facts(const struct hb_preset_archive *row);

/* "this", "path" (noted in it; there is no home), "other", "unknown" or "untold". */
const char *hb_archive_whose(const struct hb_preset_archive *row);

/* Complete, or why not. Caller frees. */
char *hb_archive_state(const struct hb_preset_archive *row);
/* Its size against the one before it of this home: "+3 %". Caller frees. */
char *hb_archive_change(const struct hb_preset_archives *archives, size_t number);

/* When it was checked last, and what came of it; NULL: unknown. */
const struct hb_receipt *hb_archive_receipt(const struct hb_receipts *receipts,
                                            const struct hb_looked *looked, size_t number);

/*
 * On a terminal that is wide enough with the machine on which each was made; below one that is not
 * whole the reasons, the first few or, with -v, all.
 */
void hb_archives_table(const struct hb_cli *cli, const struct hb_looked *looked,
                       const struct hb_receipts *receipts, int64_t now);

/* In the text format of Prometheus; `newest`: the newest complete one, or NULL. */
void hb_archives_metrics(FILE *out, const struct hb_looked *looked,
                         const struct hb_receipts *receipts,
                         const struct hb_preset_archive *newest);

#endif
