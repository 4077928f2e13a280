/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the archive, front to back. */
#ifndef ZIP_WRITE_H
#define ZIP_WRITE_H

#include "zip.h"

int zip_begin_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
int zip_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit);
int zip_end_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
int zip_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes);
void zip_abort(void *self);

#endif
