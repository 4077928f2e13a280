/* SPDX-License-Identifier: Apache-2.0 */
/* Which members of an archive an import restores, and under which path. */
#ifndef HB_SELECT_H
#define HB_SELECT_H

#include "archive/archive.h"
#include "archive/claims.h"

/* hb_catalog_member.state */
enum hb_selection {
    HB_UNDECIDED = 0,
    HB_SELECTED,  /* restored */
    HB_DROPPED,   /* refused; in the report */
    HB_KEPT_BACK, /* a filter keeps the target's own; in the report */
    HB_REPLACED,  /* a later member has the same path */
    HB_ORIGIN,    /* the same, but a hard link to it is restored: its data is needed */
    HB_UNWANTED   /* the user's patterns leave it out */
};

/*
 * Patterns of paths, as fnmatch(3) has them with FNM_PATHNAME, each list ended by NULL; a directory
 * that matches stands for all below it. No include: everything.
 */
struct hb_patterns {
    const char *const *include;
    const char *const *exclude;
};

/* What the filters want its mode to be; UINT32_MAX: nothing. One a member. */
struct hb_selection_result {
    uint32_t *modes;
    uint64_t files; /* selected regular files */
    uint64_t bytes;
    uint64_t members;  /* regular files in the archive */
    uint64_t unwanted; /* of those, left out by the patterns */
    char *wrapper;     /* the directory around everything that is stripped, or NULL */
};

/*
 * The member whose data a selected hard link stands for, or SIZE_MAX: none that is restored. It is
 * the last one of that name before the link, as an archive is unpacked; else the first behind it.
 */
size_t hb_link_origin(const struct hb_catalog *catalog, const char *wrapper, size_t index);

/*
 * Decides on every member: changes paths (leading "./", wrapper) and states in the catalog. HB_OK,
 * or HB_FATAL: the archive is empty, has none of the markers, or nothing that matches the patterns
 * (NULL: there are none).
 */
int hb_select(struct hb_archive *archive, const struct hb_chain *filters, struct hb_claims *claims,
              const struct hb_patterns *patterns, struct hb_selection_result *result,
              struct hb_error *error);
/*
 * The mode that a selected file or directory is restored with: the filters', else the archive's,
 * else what the umask leaves.
 */
uint32_t hb_selection_mode(const struct hb_catalog *catalog,
                           const struct hb_selection_result *result, size_t index, uint32_t umask);
void hb_selection_clear(struct hb_selection_result *result);

#endif
