/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quick snapshots: copies of the few files that matter most ([snapshot] files), each snapshot a
 * directory of its own below the home, with a manifest. Filters have no say in them.
 */
#ifndef HB_SNAPSHOT_H
#define HB_SNAPSHOT_H

#include "backup/retention.h"
#include "host/run.h"

struct hb_snapshot {
    struct hb_kept kept; /* its name is the id; complete: it has a manifest, all that is in that,
                          * and no marks, neither ours nor those of others */
    char *label;         /* or NULL */
    uint64_t files, bytes;
    bool has_manifest;
    bool readable; /* the manifest */
};

struct hb_snapshots {
    struct hb_directory directory; /* fd -1: there is none; the rights to make and read there */
    char *path;                    /* absolute */
    struct hb_snapshot *items;     /* newest first; those without manifest, too */
    size_t count;
};

/* Of the home of the run. HB_OK, also when there are none, or HB_STATUS_FATAL. */
int hb_snapshots_open(struct hb_run *run, struct hb_snapshots *snapshots, struct hb_error *error);
void hb_snapshots_close(struct hb_snapshots *snapshots);

/*
 * Is this the name of a directory in the one of the snapshots, and nothing else? One that a run has
 * not finished is none, neither of ours nor of another program: .ID.PROCESS.partial.
 */
bool hb_snapshot_is_name(const char *name);

/*
 * Removes what is not kept, as hb_prune_rows() does; never the one that has just been made (NULL:
 * none was). HB_OK and how many in *removed; with dry_run none is.
 */
int hb_snapshots_prune(struct hb_run *run, struct hb_snapshots *snapshots, uint64_t keep,
                       const char *just_made, bool dry_run, size_t *removed,
                       struct hb_error *error);

enum { HB_SNAPSHOT_STAMP = 15 }; /* bytes of "20260131-235959", which an id begins with */

bool hb_snapshot_has_stamp(const char *name);
/* Among those of one time: the number at the end of the id, or 1. */
unsigned long hb_snapshot_number(const char *name);

#endif
