/* SPDX-License-Identifier: Apache-2.0 */
/* Members of one archive that cannot be restored both. */
#ifndef HB_CONFLICTS_H
#define HB_CONFLICTS_H

#include "import/restore_plan.h"

/*
 * Where the archive has a file or link, and other members below that name, the name is that of a
 * directory, and the file is not restored; that is reported. Once it is known what is selected.
 */
void hb_conflicts_settle(struct hb_report *report, struct hb_restore_plan *plan);

#endif
