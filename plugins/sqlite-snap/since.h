/* SPDX-License-Identifier: Apache-2.0 */
/* Has somebody changed a database since an import noted it, or only the import itself? */
#ifndef SINCE_H
#define SINCE_H

#include "sqlite_snap.h"

/* hb_content_ops.note and .since; `self` is a struct snap. */
int snap_note(void *self, const struct hb_entry *entry, unsigned char note[32]);
int snap_since(void *self, const struct hb_entry *entry, const struct hb_file *file,
               const unsigned char *note, uint32_t flags);

#endif
