/* SPDX-License-Identifier: Apache-2.0 */
/* A walk that is under way, for the files that take part in it: walk.c, walk_rules.c,
 * walk_claims.c. */
#ifndef HB_WALK_STATE_H
#define HB_WALK_STATE_H

#include "backup/walk_request.h"
#include "files/as_owner.h"
#include "files/grafts.h"
#include "files/listing.h"
#include "files/system_kind.h"
#include <sys/stat.h>

/*
 * A directory that is being walked, below the one `above`. They are kept in a list and not on the
 * stack: a tree may be deeper than that.
 */
struct hb_level {
    struct hb_level *above;
    struct hb_listing listing;
    size_t next;    /* the name that is looked at next */
    uint8_t *asked; /* of each name: whether content plugins have been asked about it */
    struct hb_claimed_name {
        size_t index;
        uint64_t by_name; /* as in struct hb_claim */
    } * claimed;          /* the names that some plugin claims */
    size_t claimed_count;
    int fd;
    uint32_t number;           /* among the directories of the plan */
    struct hb_planned planned; /* if it is on_the_way */
    size_t path_bytes;
    struct hb_rights reading; /* what is in it is read with these */
    bool apart;               /* see HB_PLANNED_APART */
    bool on_the_way;          /* stored with the first thing in it; see hb_walk.on_the_way */
    struct hb_as as;
};

struct hb_walk {
    const struct hb_plan_request *request;
    struct hb_run *run;
    struct hb_plan *plan;
    struct hb_error *error;
    struct hb_walk_claimed {
        size_t number; /* as it was found */
        struct hb_planned planned;
        char *name;
    } * claimed; /* appended to the plan at the end */
    size_t claimed_count, claimed_capacity;
    char *path; /* of the entry that is being looked at */
    size_t path_capacity;
    uint64_t device; /* of the home */
    struct hb_walk_device {
        dev_t number;
        enum hb_change_times times;
    } devices[8]; /* those that files were found on last */
    size_t device_count;
    struct hb_level *level;
    size_t on_the_way;            /* levels that are stored with the first thing in them */
    const struct hb_graft *graft; /* the further root that is being walked; NULL: the home itself */
    size_t next_graft;
};

/* A name in walk->level, and what was found there. */
struct hb_seen {
    const char *name;
    size_t index; /* in the listing */
    struct stat status;
    struct hb_entry entry;
    uint32_t mode;   /* as the filters want it */
    bool mode_fixed; /* by the filters */
};

#endif
