/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tar-zstd format plugin: what its parts share. README.md describes the layout of an archive.
 * The parts, each of which includes only those before it:
 *
 *     tar_bytes    little-endian numbers      tar_ahead         frames before it is their turn
 *     tar_buffer   growable bytes             tar_decode        one member back
 *     tar_name     what a name needs          tar_inflow        an archive's bytes, looking ahead
 *     tar_header   the header of an entry     tar_source        the tar stream within it
 *     tar_zstd     the instance               tar_source_zstd   ... out of frames of zstd
 *     tar_index    head of the member index   tar_source_gzip   ... out of gzip
 *     tar_worker   what a thread needs        tar_source_open   which of them it is; xz and others
 *     tar_encode   units: frames of zstd      tar_pax           what libarchive gets wrong
 *     tar_write    frames, index, seek table  tar_walk          one pass over any tar
 *     tar_table    the seek table, read       plugin            options and table of functions
 *     tar_list     listing, from the index
 */
#ifndef TAR_ZSTD_H
#define TAR_ZSTD_H

#include "tar_buffer.h"
#include "tar_header.h"

#include <errno.h>
#include <hbcore/format.h>
#include <stdatomic.h>
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

#define TAR_TRAILER_SIGNATURE "hbtrail1"
#define TAR_TRAILER_HEADER    16u
/* The core's has 16 bytes an entry, and about 24 more for reuse: enough for 12 million. */
#define TAR_TRAILER_LIMIT (512u << 20)

#define TAR_WINDOW_LOG_MAX 27
#define TAR_FRAME_LIMIT    0x7FFF0000u /* tar bytes in one frame */

/* How a frame is compressed depends on these, too: whoever changes them changes tar_zstd.codec. */
#define TAR_USUAL_LEVEL    3
#define TAR_LONG_PART      (1u << 20) /* tar bytes of one file, from which on it is a long one */
#define TAR_LONG_HASH_LOG  18         /* the usual level has 17 */
#define TAR_LONG_CHAIN_LOG 13         /* of short matches; the usual level has 16 */

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
    atomic_uint workers;       /* that there are now */
    atomic_bool is_ahead;      /* threads of ours decompress frames for one of them */
};

/* In hb_unit.note, from encode() to append(). */
struct tar_note {
    uint32_t magic;
    uint32_t checksum;  /* low half of XXH64 of the tar bytes, as the frame ends with it */
    uint64_t tar_bytes; /* of the tar stream in the frame */
};
#define TAR_NOTE_MAGIC 0x7a726174u

/* ---- failures -------------------------------------------------------------------- */

/* Each returns HB_STATUS_FATAL. */
static inline int tar_no_memory(const struct hb_host *host)
{
    return host->fail(host, HB_STATUS_FATAL,
                      "out of memory; close other programs or use fewer workers");
}

/* Says that `entry` cannot be stored, by the result of tar_header_encode(). */
static inline int tar_header_failed(const struct hb_host *host, int error)
{
    if (error == -ENOMEM)
        return tar_no_memory(host);
    return host->fail(host, HB_STATUS_FATAL,
                      "tar cannot store this entry (a special file, a name over %u bytes, or an "
                      "invalid time); exclude it",
                      TAR_NAME_LIMIT);
}

#endif
