/* SPDX-License-Identifier: Apache-2.0 */
/* A consistent copy of a database that may be in use, as a source for the host. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "sqlite_snap.h"

struct in_place;

/* hb_content_ops.open and .judge; `self` is a struct snap. */
int snap_open(void *self, const struct hb_entry *entry, struct hb_source *source);
int snap_judge(void *self, const struct hb_entry *entry, struct hb_source *source);

/* The same as snap_open(), and always a copy, which is in a file of its own. */
int snapshot_copy(struct snap *snap, const struct hb_entry *entry, struct hb_source *source);

/* The staged copy that a source of snap_open() reads, if it is not read in place. */
const struct hb_file *snapshot_file(const struct hb_source *source);
/* What it reads where it lies, or NULL. */
struct in_place *snapshot_in_place(const struct hb_source *source);

#endif
