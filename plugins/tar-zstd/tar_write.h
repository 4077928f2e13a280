/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the archive, front to back. */
#ifndef TAR_WRITE_H
#define TAR_WRITE_H

#include "tar_zstd.h"

int tar_begin_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
int tar_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit);
int tar_adopt(void *self, const struct hb_sink *sink, const struct hb_adoption *adoption);
int tar_end_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
int tar_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes);
void tar_writer_free(struct tar_writer *writer);

#endif
