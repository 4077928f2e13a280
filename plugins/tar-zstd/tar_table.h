/* SPDX-License-Identifier: Apache-2.0 */
/* Where the frames of an archive of ours lie: its seek table, checked against its index. */
#ifndef TAR_TABLE_H
#define TAR_TABLE_H

#include "tar_index.h"
#include "tar_zstd.h"

struct tar_frame {
    uint64_t file_offset; /* of its first byte in the archive */
    uint64_t tar_offset;  /* of its first byte in the tar stream */
    uint32_t checksum;    /* that it ends with */
};

struct tar_table {
    size_t count;             /* frames that hold entries; frames[count] is where they end */
    struct tar_frame *frames; /* count + 1 */
    struct tar_index_header index;
    uint64_t records_offset; /* of the compressed records, and how many bytes */
    uint64_t records_bytes;
    uint64_t trailer_offset; /* of its frame's content, and how many bytes; 0: none */
    uint64_t trailer_bytes;
};

/*
 * Reads the end of a seekable archive. HB_OK and *table, for tar_table_free();
 * HB_STATUS_NOMATCH: not ours, or damaged there, so that only one pass from the front can read
 * it; or the failure of the input.
 */
int tar_table_read(const struct tar_zstd *tar, const struct hb_input *input,
                   struct tar_table **table);
void tar_table_free(struct tar_table *table);

/* The frame that holds this byte of the tar stream; `offset` is less than index.tar_bytes. */
size_t tar_table_find(const struct tar_table *table, uint64_t offset);

/* Exactly these bytes: HB_OK; HB_STATUS_NOMATCH where the input ends before; or its failure. */
int tar_read_exactly(const struct hb_input *input, void *buffer, size_t bytes, uint64_t offset);

/* The trailer of an archive that can be read anywhere, checked; HB_STATUS_NOMATCH: it has none. */
int tar_read_trailer(void *self, const struct hb_input *input, void **data, size_t *bytes);
/* Members as they lie, whole frames of them, for a later archive to take them over. */
int tar_span(void *self, const struct hb_member *first, const struct hb_member *next,
             struct hb_range *range);
int tar_locate(void *self, const struct hb_member *member, const struct hb_range *range,
               const void *data, size_t bytes, struct hb_unit *units, size_t unit_count,
               uint64_t *head);

#endif
