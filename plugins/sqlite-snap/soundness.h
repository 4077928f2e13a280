/* SPDX-License-Identifier: Apache-2.0 */
/* Is a database file sound? Asked of staged copies only, never of a live file. */
#ifndef SOUNDNESS_H
#define SOUNDNESS_H

#include "sqlite_snap.h"

/*
 * HB_OK and *soundness, with a reason unless it is HB_SOUND (none is given for an empty file, which
 * is sound); HB_CANCELLED; HB_ENTRY where it could not be looked at, after fail().
 */
int soundness_of(struct snap *snap, const struct hb_file *file, uint32_t *soundness, char *reason,
                 size_t reason_bytes);

/*
 * A log or journal that came with the copy and lies beside it is made part of it. HB_OK; HB_NOMATCH
 * and a reason: it cannot be; HB_ENTRY, HB_CANCELLED.
 */
int merge_log(struct snap *snap, const struct hb_file *file, char *reason, size_t reason_bytes);

/* hb_content_ops.check; `self` is a struct snap. */
int snap_check(void *self, const struct hb_entry *entry, const struct hb_file *file,
               uint32_t *soundness, char *reason, size_t reason_bytes);

enum bytes_kind { BYTES_EMPTY, BYTES_DATABASE, BYTES_ZERO, BYTES_OTHER };

/*
 * What the file looks like by its bytes. A file whose start is zero is read to its end; holes are
 * passed over. HB_OK, HB_CANCELLED, or HB_NOMATCH where it cannot be read (errno).
 */
int bytes_kind_of(const struct hb_host *host, int fd, enum bytes_kind *kind);

#endif
