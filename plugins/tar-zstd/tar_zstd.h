/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the plugin share. The layout of an archive is described in README.md. */
#ifndef TAR_ZSTD_H
#define TAR_ZSTD_H

#include "tar_buffer.h"
#include "tar_header.h"

#include <errno.h>
#include <hbcore/format.h>
#include <zstd.h>

/* ---- the archive's layout ------------------------------------------------------ */

#define TAR_MAGIC_ZSTD       0xFD2FB528u
#define TAR_MAGIC_SKIPPABLE  0x184D2A50u /* to …5F */
#define TAR_MAGIC_INDEX      0x184D2A5Bu
#define TAR_MAGIC_TRAILER    0x184D2A5Cu
#define TAR_MAGIC_SEEK       0x184D2A5Eu /* zstd seekable format */
#define TAR_SEEK_FOOTER      0x8F92EAB1u
#define TAR_SEEK_FOOTER_SIZE 9u
#define TAR_SEEK_ROW         12u
#define TAR_SEEK_MAX_FRAMES  0x8000000u
#define TAR_SEEK_CHECKSUMS   0x80u
#define TAR_SKIPPABLE_HEADER 8u

#define TAR_INDEX_SIGNATURE   "hbindex1"
#define TAR_INDEX_VERSION     1u
#define TAR_INDEX_HEADER      72u
#define TAR_INDEX_HAS_TRAILER 1u
#define TAR_TRAILER_SIGNATURE "hbtrail1"
#define TAR_TRAILER_HEADER    16u
#define TAR_TRAILER_LIMIT     (64u << 20)

#define TAR_WINDOW_LOG_MAX 27
#define TAR_FRAME_LIMIT    0x7FFF0000u /* tar bytes in one frame */

/* The head of the member index; numbers are little-endian, in this order. */
struct tar_index_header {
    uint32_t flags;
    uint64_t members;
    uint64_t raw_bytes;    /* of the records, before compression */
    uint64_t tar_bytes;    /* of the tar stream, without its end */
    uint64_t frames;       /* that hold them */
    uint64_t rows_hash;    /* XXH64 of their rows in the seek table */
    uint64_t payload_hash; /* XXH64 of the compressed records */
};

void tar_index_header_write(const struct tar_index_header *header,
                            unsigned char bytes[TAR_INDEX_HEADER]);
/* False: no index of ours, or a damaged head. */
bool tar_index_header_read(const unsigned char bytes[TAR_INDEX_HEADER],
                           struct tar_index_header *header);

/* ---- the instance -------------------------------------------------------------- */

struct tar_writer;
struct tar_table;

struct tar_zstd {
    const struct hb_host *host;
    int level;
    uint64_t frame_bytes;
    char codec[64];            /* what the bytes of a frame depend on */
    struct tar_writer *writer; /* made by the first begin_entry() or finish() */
    struct tar_table *table;   /* made by list() */
};

/* What a thread needs to encode and to decode; each part is made when it is first used. */
struct tar_worker {
    ZSTD_CCtx *compressor;
    ZSTD_DCtx *decompressor;
    struct tar_buffer header;  /* encode: of all entries in the unit; decode: of one */
    struct tar_buffer lengths; /* size_t of each header in it */
    unsigned char *input;      /* ZSTD_DStreamInSize() */
    unsigned char *output;     /* ZSTD_DStreamOutSize() */
};

/* In hb_unit.note, from encode() to append(). */
struct tar_note {
    uint32_t magic;
    uint32_t checksum;  /* low half of XXH64 of the tar bytes, as the frame ends with it */
    uint64_t tar_bytes; /* of the tar stream in the frame */
};
#define TAR_NOTE_MAGIC 0x7a726174u

/* ---- the callbacks, by file ------------------------------------------------------ */

/* tar_encode.c */
void *tar_worker_create(void *self);
void tar_worker_destroy(void *self, void *worker);
int tar_encode(void *self, void *worker, const struct hb_segment *const *segments, size_t count,
               struct hb_unit *out);
/* A compressor for one independent frame after another, with checksums; NULL: no memory. */
ZSTD_CCtx *tar_compressor(int level);

/* tar_write.c */
int tar_begin_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
int tar_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit);
int tar_end_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
int tar_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes);
void tar_writer_free(struct tar_writer *writer);

/* tar_list.c, tar_decode.c, tar_walk.c */
int tar_list(void *self, const struct hb_input *input, const struct hb_lister *lister);
int tar_decode(void *self, void *worker, const struct hb_input *input,
               const struct hb_member *const *members, size_t count,
               const struct hb_output *const *outputs);
int tar_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor);

/* tar_index.c */
int tar_read_trailer(void *self, const struct hb_input *input, void **data, size_t *bytes);
int tar_locate(void *self, const struct hb_input *input, const struct hb_member *member,
               struct hb_unit *unit);

static inline int tar_no_memory(const struct hb_host *host)
{
    return host->fail(host, HB_FATAL, "out of memory; close other programs or use fewer workers");
}

/* Says that `entry` cannot be stored, by the result of tar_header_encode(). */
static inline int tar_header_failed(const struct hb_host *host, int error)
{
    if (error == -ENOMEM)
        return tar_no_memory(host);
    return host->fail(host, HB_FATAL,
                      "tar has no way to store this entry (special file, name over %u bytes, or "
                      "a time that is none); exclude it",
                      TAR_NAME_LIMIT);
}

#endif
