/* SPDX-License-Identifier: Apache-2.0 */
/* Has a database changed since the last backup? */
#ifndef IDENTITY_H
#define IDENTITY_H

#include "sqlite_snap.h"

/* hb_content_ops.identity; `self` is a struct snap. */
int snap_identity(void *self, const struct hb_entry *entry, unsigned char identity[32]);

#endif
