/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a backup would store of the home now, with the checksum of each content, and what content
 * plugins say of it: to be compared with an archive. The rules, filters and content plugins of a
 * backup decide, so that a database is the same consistent copy that an archive would have.
 *
 * Nothing is written in the home, and no lock is needed: a backup or an import may be at work
 * there. What changes while it is read is read again, and doubtful if it never keeps still. What
 * cannot be read is named in the report and marked: it is there, and nobody knows what is in it.
 */
#ifndef HB_HOME_HASHES_H
#define HB_HOME_HASHES_H

#include "archive/catalog.h"
#include "host/chosen.h"
#include "host/run.h"
#include <jansson.h>

struct hb_home_hashes_request {
    struct hb_run *run;             /* home is open */
    const struct hb_chosen *format; /* whether links are looked at is its matter, too */
    const char *stage_directory;    /* for copies that content plugins make; outside the home */
    /* Makes run->progress once the size of the work is known; may be NULL. */
    void (*planned)(void *context, uint64_t files, uint64_t bytes);
    void *context;
};

/* Of each row of the catalog: its checksum, and whether its content was read. */
struct hb_home_hashes {
    struct hb_catalog catalog;
    uint64_t *hashes;
    bool *unread; /* named in the report */
    size_t capacity;
    json_t *facts; /* rows of archive/annotations.h */
};

/* HB_OK, HB_STATUS_CANCELLED, HB_STATUS_FATAL; hb_home_hashes_clear in any case. */
int hb_home_hashes_read(const struct hb_home_hashes_request *request, struct hb_home_hashes *hashes,
                        struct hb_error *error);
void hb_home_hashes_clear(struct hb_home_hashes *hashes);

/* Why what an archive has is not in the catalog. */
enum hb_home_lack {
    HB_LACK_GONE,     /* nothing of that name is in the home */
    HB_LACK_LEFT_OUT, /* it is there, and a backup leaves it out by the rules of today */
    HB_LACK_OTHER,    /* the same, but it is of another type than that: a link, a socket */
    HB_LACK_UNTOLD /* it cannot be looked at: it stands in the report, or what is around it does */
};

/* `type`: of the archive's member; becomes the one that is there, if HB_LACK_OTHER. */
enum hb_home_lack hb_home_lacks(struct hb_run *run, const char *path, uint8_t *type);

#endif
