/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quick snapshots: copies of the few files that matter most ([snapshot] files), each snapshot a
 * directory of its own below the home, with a manifest. Filters have no say in them.
 */
#ifndef HB_SNAPSHOT_H
#define HB_SNAPSHOT_H

#include "host/run.h"
#include "snapshot/manifest.h"

struct hb_snapshot {
    char *name;  /* of its directory: the id */
    char *label; /* or NULL */
    uint64_t files, bytes;
    struct timespec made; /* when its manifest was written */
    bool has_manifest;
    bool readable; /* the manifest */
    bool complete; /* it has one, and no marks beside it */
    char *untold;  /* whether it is complete cannot be told now, and why; or NULL */
    bool removed;  /* by hb_snapshots_prune, or would be */
};

struct hb_snapshots {
    int fd;                    /* of the directory that they lie in; -1: there is none */
    struct hb_rights rights;   /* with which they are made and read there */
    char *path;                /* absolute */
    struct hb_snapshot *items; /* newest first; those without manifest, too */
    size_t count;
};

/* Of the home of the run. HB_OK, also when there are none, or HB_FATAL. */
int hb_snapshots_open(struct hb_run *run, struct hb_snapshots *snapshots, struct hb_error *error);
void hb_snapshots_close(struct hb_snapshots *snapshots);

enum { HB_SNAPSHOT_STAMP = 15 }; /* bytes of "20260131-235959", which a name begins with */

bool hb_snapshot_has_stamp(const char *name);
/* Among those of one time: the number at the end of the name, or 1. */
unsigned long hb_snapshot_number(const char *name);

/* Is this the name of a directory in the one of the snapshots, and nothing else? */
bool hb_snapshot_is_name(const char *name);

/*
 * Removes what is not kept, by the rule in backup/retention.h. Never the one that has just been
 * made (NULL: none was). HB_OK and how many in *removed; what cannot be removed is reported, and
 * what nothing can be told about. With dry_run none is.
 */
int hb_snapshots_prune(struct hb_run *run, struct hb_snapshots *snapshots, uint64_t keep,
                       const char *just_made, bool dry_run, size_t *removed,
                       struct hb_error *error);

#endif
