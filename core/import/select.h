/* SPDX-License-Identifier: Apache-2.0 */
/* Which members of an archive an import restores, and under which path. */
#ifndef HB_SELECT_H
#define HB_SELECT_H

#include "archive/archive.h"
#include "import/restore_plan.h"

/*
 * Patterns of paths, as fnmatch(3) has them with FNM_PATHNAME, each list ended by NULL; a directory
 * that matches stands for all below it. No include: everything.
 */
struct hb_patterns {
    const char *const *include;
    const char *const *exclude;
};

/*
 * Decides on every member of a listed archive: fills the plan, which has a catalog and no rows yet.
 * HB_OK, or HB_FATAL: the archive is empty, has none of the markers, or nothing that matches the
 * patterns (NULL: there are none).
 */
int hb_select(const struct hb_archive *archive, const struct hb_chain *filters,
              const struct hb_chain *contents, const struct hb_patterns *patterns,
              struct hb_restore_plan *plan, struct hb_error *error);

#endif
