/* SPDX-License-Identifier: Apache-2.0 */
/* What a page tells of what is in one archive: little, so that the catalog need not stay. */
#ifndef HB_ARCHIVE_GIST_H
#define HB_ARCHIVE_GIST_H

#include "backup/look.h"
#include <jansson.h>

/* A directory at the top; of all files there: "". */
struct hb_top {
    char *name;
    uint64_t bytes;
};

/* An entry that a content plugin said something of. */
struct hb_told {
    char *path;
    uint64_t bytes;
    json_t *facts; /* or NULL */
    json_t *notes; /* or NULL */
};

struct hb_gist {
    bool known;
    size_t number;       /* the row that was read */
    size_t passed;       /* so many were tried before, and cannot be read */
    char *host;          /* or NULL */
    struct hb_top *tops; /* by name */
    size_t top_count;
    struct hb_told *told;
    size_t told_count;
    json_t *summary;  /* of the trailer; or NULL */
    int64_t verified; /* when a sample of it was read last; 0: unknown */
};

/*
 * The newest archive of this home that can be read, or the oldest; of those that cannot, a few are
 * tried. HB_OK, whether there is one or not; HB_STATUS_CANCELLED.
 */
int hb_gist_read(struct hb_run *run, const struct hb_preset_archives *archives, bool oldest,
                 struct hb_gist *content);
/* What it holds of that directory; false: it has none. */
bool hb_gist_top(const struct hb_gist *content, const char *name, uint64_t *bytes);
void hb_gist_clear(struct hb_gist *content);

#endif
