/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the archive, front to back. */
#ifndef ZIP_WRITE_H
#define ZIP_WRITE_H

#include "zip.h"

int zip_begin_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
int zip_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit);
int zip_end_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
int zip_adopt(void *self, const struct hb_sink *sink, const struct hb_adoption *adoption);
int zip_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes);
void zip_abort(void *self);

/* What the headers of an entry say of it, all but what its units tell. */
void zip_write_record(struct zip_record *record, const struct hb_entry *entry);
/* From this size on an entry gets 64-bit sizes on a pipe, where nothing can be corrected later. */
#define ZIP_LARGE_FROM ((uint64_t)2 << 30)
/*
 * Adds what its units tell, in a sink that can patch or one that gets all in order: method,
 * checksum, sizes, room, flags. Returns how many of `count` are its own; 0: they are not the units
 * of an entry.
 */
size_t zip_write_units(struct zip_record *record, const struct hb_unit *units, size_t count,
                       bool in_order);

#endif
