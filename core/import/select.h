/* SPDX-License-Identifier: Apache-2.0 */
/* Which members of an archive an import restores, and under which path. */
#ifndef HB_SELECT_H
#define HB_SELECT_H

#include "archive/archive.h"
#include "base/choice.h"
#include "import/restore_plan.h"

/*
 * Decides on every member of a listed archive: fills the plan, which has a catalog and no rows yet.
 * HB_OK, or HB_STATUS_FATAL: the archive is empty, has none of the markers, or nothing that is
 * wanted
 * (`choice`, NULL: everything is), or an --exclude matches nothing (choice->missed).
 */
int hb_select(const struct hb_archive *archive, const struct hb_chain *filters,
              const struct hb_chain *contents, struct hb_choice *choice,
              struct hb_restore_plan *plan, struct hb_error *error);

#endif
