/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan of a backup: what will be stored, in which order. Made by a walk through the home and
 * its filters, immutable afterwards, the same for the same tree.
 *
 * Entries stand depth first, siblings sorted by name as bytes, directories before what is in
 * them. Files that a content plugin claims stand last: preparing them (a snapshot) can then
 * start at once and go on while everything else is encoded, and no encoded data has to wait for
 * one. The largest, which takes longest, is the first of them.
 */
#ifndef HB_PLAN_H
#define HB_PLAN_H

#include "base/interned.h"
#include "base/numbers.h"
#include "host/run.h"
#include <stdint.h>

/* As it is asked for; there may be millions, which are kept in less (hb_plan_add). */
struct hb_planned {
    size_t index;
    uint32_t parent; /* index of the directory in `directories`, UINT32_MAX: the home */
    uint32_t common; /* which of `commons` */
    uint64_t name;   /* offset into `names`, not ended by NUL */
    uint32_t name_bytes;
    uint8_t type;   /* enum hb_type */
    uint8_t flags;  /* enum hb_planned_flags */
    uint64_t bytes; /* as found by the walk */
    int64_t mtime_seconds;
    int64_t ctime_seconds;
    uint64_t inode;
    uint32_t mtime_nanoseconds;
    uint32_t ctime_nanoseconds;
};

/* What many entries have in common. */
struct hb_plan_common {
    uint32_t uid;
    uint32_t gid;
    uint16_t mode;    /* permission bits, as the filters want them */
    uint16_t content; /* 1 + index of the content plugin that claims it, or 0 */
};

enum hb_planned_flags {
    HB_PLANNED_MODE = 1, /* the filters fixed the mode: the reader does not take it from the file */
    HB_PLANNED_APART =
        2, /* a directory that another user than the home's owner may have his hand in */
    HB_PLANNED_UNTOLD = 4 /* its times do not tell whether it is the same as before: it is read */
};

/* A directory that was walked, for paths. */
struct hb_plan_directory {
    uint32_t parent;
    uint32_t common;
    uint64_t name : 44; /* offset into `directory_names` */
    uint64_t name_bytes : 17;
    uint64_t flags : 3;
};

struct hb_plan {
    struct hb_numbers entries; /* struct hb_planned */
    size_t count;
    size_t first_claimed; /* entries from here on are claimed */
    struct hb_plan_directory *directories;
    size_t directory_count, directory_capacity;
    char *directory_names;
    size_t directory_name_bytes, directory_name_capacity;
    struct hb_interned commons; /* struct hb_plan_common */
    char *names;                /* of the entries, in their order */
    size_t name_bytes, name_capacity, names_given_back;
    uint64_t files; /* regular ones */
    uint64_t bytes; /* of regular files */
    int64_t latest; /* times are stored no later than this (SOURCE_DATE_EPOCH); else INT64_MAX */
    bool apart;     /* HB_PLANNED_APART of the home itself */
    bool listed;    /* from a list: links are followed, each path stands alone (files/listed.h) */
    bool remember;  /* a later backup is to know entries again: they get fingerprints */
};

/* The next entry: all but `index` and `name` of it. The name has `name_bytes`. */
void hb_plan_add(struct hb_plan *plan, const struct hb_planned *planned, const char *name);
struct hb_planned hb_plan_entry(const struct hb_plan *plan, size_t index);

/* The number of the next directory, whose parent stands in front of it. */
uint32_t hb_plan_add_directory(struct hb_plan *plan, const struct hb_plan_directory *directory,
                               const char *name);

static inline const struct hb_plan_common *hb_plan_common(const struct hb_plan *plan,
                                                          const struct hb_planned *planned)
{
    return hb_interned_row(&plan->commons, planned->common);
}

static inline const struct hb_plan_common *hb_plan_directory_common(const struct hb_plan *plan,
                                                                    uint32_t directory)
{
    return hb_interned_row(&plan->commons, plan->directories[directory].common);
}

void hb_plan_set_common(struct hb_plan *plan, struct hb_planned *planned,
                        const struct hb_plan_common *common);
void hb_plan_set_mode(struct hb_plan *plan, struct hb_planned *planned, unsigned mode);

void hb_plan_clear(struct hb_plan *plan);
/* Nobody asks for entries before `index` any more. */
void hb_plan_give_back(struct hb_plan *plan, size_t index);
/* The numbers stay, for threads that look whether something is left to be done. */
void hb_plan_forget_entries(struct hb_plan *plan);

/* The entry's path, relative to the home. Caller frees. */
char *hb_plan_path(const struct hb_plan *plan, const struct hb_planned *planned);

#endif
