/* SPDX-License-Identifier: Apache-2.0 */
/* Putting a database back, in the way that suits what is there. */
#ifndef RESTORE_H
#define RESTORE_H

#include "sqlite_snap.h"

/* hb_content_ops.restore; `self` is a struct snap. */
int snap_restore(void *self, const struct hb_entry *entry, const struct hb_file *file,
                 const struct hb_target *target);
/* hb_content_ops.foresee: what of that the target alone decides. */
int snap_foresee(void *self, const struct hb_entry *entry, const struct hb_target *target);

#endif
