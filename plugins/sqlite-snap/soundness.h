/* SPDX-License-Identifier: Apache-2.0 */
/* Is a database file sound? Asked of staged copies only, never of a live file. */
#ifndef SOUNDNESS_H
#define SOUNDNESS_H

#include "sqlite_snap.h"
#include "verdict.h"
#include "view_vfs.h"

/*
 * HB_OK and the verdict; HB_STATUS_CANCELLED after fail(). Above check-limit a full check becomes a
 * quick one, and a quick one a look at header, page count and schema. The copy is not written to,
 * and others may read it meanwhile.
 */
int soundness_of(struct snap *snap, const struct hb_entry *entry, const struct hb_file *file,
                 enum thoroughness how, struct verdict *verdict);

/* The same for a database that is read through a function. It is one, by its header. */
int soundness_of_view(struct snap *snap, const struct hb_entry *entry,
                      const struct view_source *view, enum thoroughness how,
                      struct verdict *verdict);

/* Notes that it was not checked in full, if so. */
void soundness_note(const struct snap *snap, const struct hb_entry *entry,
                    const struct verdict *verdict);

/*
 * Merges a log or journal that lies beside the copy into it. HB_OK; HB_STATUS_NOMATCH and a reason:
 * it cannot be merged, for what it is; HB_STATUS_ENTRY after fail(): it cannot be merged now;
 * HB_STATUS_CANCELLED.
 */
int merge_log(struct snap *snap, const struct hb_file *file, char *reason, size_t reason_bytes);

/* hb_content_ops.check; `self` is a struct snap. */
int snap_check(void *self, const struct hb_entry *entry, const struct hb_file *file,
               uint32_t *soundness, char *reason, size_t reason_bytes);

enum bytes_kind { BYTES_EMPTY, BYTES_DATABASE, BYTES_ZERO, BYTES_OTHER };

/*
 * What the file looks like by its bytes. A file whose start is zero is read to its end; holes are
 * passed over. HB_OK, HB_STATUS_CANCELLED, or HB_STATUS_NOMATCH where it cannot be read (errno).
 */
int bytes_kind_of(const struct hb_host *host, int fd, enum bytes_kind *kind);

#endif
