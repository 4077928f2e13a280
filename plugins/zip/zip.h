/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zip format plugin. Its parts, each of which includes only those before it:
 *
 *     zip_time    clocks                    zip_isal    the fast codec
 *     zip_name    names and encodings       zip_encode  units: deflate streams and their joints
 *     zip_extra   extra fields              zip_codec   what their bytes depend on
 *     zip_layout  records as bytes          zip_write   headers, order, central directory
 *     zip_directory  all records, packed    zip_index   finding and checking the directory
 *                                           zip_list    listing, trailer, walk
 *                                           zip_decode  one member back
 */
#ifndef ZIP_H
#define ZIP_H

#include "zip_directory.h"
#include "zip_layout.h"

#include <hbcore/format.h>

enum {
    ZIP_UNIT_BYTES = 1 << 20,
    ZIP_PIECE_BYTES = 1 << 18,   /* what the streaming decoder hands out at once */
    ZIP_SMALL_BYTES = 2 << 20,   /* members up to here are decoded whole */
    ZIP_BUFFER_BYTES = 256 << 10 /* small writes are gathered up to here */
};

/* Frame of the trailer, right before the central directory: the block, then this. */
enum { ZIP_TRAILER_FRAME = 20 /* u32 crc32, u64 length, 8 bytes of magic */ };
#define ZIP_TRAILER_MAGIC "hbcoreTR"

struct zip_writer {
    unsigned char *buffer;
    size_t fill;
    uint64_t written; /* what the sink has; `buffer` follows it */
    struct zip_directory directory;
    uint64_t entries;
    const struct hb_entry *entry; /* between begin_entry and end_entry */
    struct zip_record record;     /* of `entry` */
    bool headed;                  /* its local header has been written */
    bool whole;                   /* in one unit, sizes in the local header */
    bool ended;                   /* its deflate stream has its last block */
};

struct zip_index {
    uint64_t start; /* of the central directory, from the start of the input */
    uint64_t bytes;
    uint64_t shift; /* bytes in front of the archive, which stored offsets do not count */
    uint64_t entries;
    uint64_t data_end; /* where the last entry's data ends, as far as the directory tells */
    uint64_t *starts;  /* of the local headers, ascending, from the start of the input */
    bool has_trailer;  /* as the last central header says */
    bool loaded;
};

struct zip {
    const struct hb_host *host;
    int level;
    char *codec; /* zip_codec_name(), once it was asked for */
    struct zip_writer writer;
    struct zip_index index;
};

/* What `level` is for "fast", the word that stands for the number after the last one. */
enum { ZIP_LEVEL_MOST = 12, ZIP_LEVEL_FAST };

/* Per-thread state; its parts are made when they are first needed. */
struct zip_worker {
    struct libdeflate_compressor *compressor;
    struct libdeflate_compressor *sampler; /* level 1: is it worth the while? */
    struct zip_isal *isal;
    struct libdeflate_decompressor *decompressor;
    struct z_stream_s *inflater;
    unsigned char *packed;
    size_t packed_capacity;
    unsigned char *plain;
    size_t plain_capacity;
};

/* What encode() tells append(), in hb_unit.note. */
struct zip_note {
    char magic[4];
    uint32_t crc;
    uint64_t bytes;
    uint16_t method; /* of the entry, where `whole` */
    uint16_t whole;  /* the unit is all of its entry */
    uint32_t last;   /* the unit ends the deflate stream */
};
#define ZIP_NOTE_MAGIC "zip1"

/* zip.c */
int zip_no_memory(const struct zip *zip);
/* At least `bytes` in *buffer, whose content is lost. */
int zip_reserve(const struct zip *zip, unsigned char **buffer, size_t *capacity, size_t bytes);

/* zip_isal.c */
struct zip_isal *zip_isal_new(void); /* NULL: out of memory */
void zip_isal_free(struct zip_isal *isal);
/*
 * One deflate stream or, where it is not the last, the beginning of one, which ends on a byte. The
 * same for the same data, whatever came before. How long it is; 0: it does not fit.
 */
size_t zip_isal_deflate(struct zip_isal *isal, const unsigned char *data, size_t bytes, void *to,
                        size_t room, bool last);

/* zip_encode.c */
void *zip_worker_create(void *self);
void zip_worker_destroy(void *self, void *worker);
int zip_unit_policy(void *self, struct hb_unit_policy *policy);
int zip_encode(void *self, void *worker, const struct hb_segment *const *segments, size_t count,
               struct hb_unit *out);
/* An inflater for raw deflate, reset; NULL after host->fail(). */
struct z_stream_s *zip_inflater(const struct zip *zip, struct zip_worker *worker);
/* Can a zip hold it? HB_ENTRY after host->fail(). */
int zip_check_entry(const struct zip *zip, const struct hb_entry *entry);

/* zip_codec.c */
/*
 * All that the bytes of a unit depend on besides its content: names and versions of what
 * compresses, the level, and what became of a sample, as another processor or library may find
 * other matches. The instance's own; NULL after host->fail(). Not while workers encode.
 */
const char *zip_codec_name(struct zip *zip);

/* zip_write.c */
int zip_begin_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
int zip_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit);
int zip_end_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry);
int zip_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes);
void zip_abort(void *self);

/* zip_index.c */
int zip_probe(void *self, const struct hb_input *input, const void *head, size_t bytes);
/* Finds the central directory and checks all of it, once. HB_OK or HB_FATAL. */
int zip_index_load(struct zip *zip, const struct hb_input *input);
void zip_index_free(struct zip_index *index);
/* Where what follows the local header at `start` begins; 0: there is no such header. */
uint64_t zip_index_next(const struct zip_index *index, uint64_t start);
/* All of the bytes, or HB_FATAL after host->fail(). */
int zip_read(const struct zip *zip, const struct hb_input *input, void *buffer, size_t bytes,
             uint64_t offset);

/* A pass over the central directory. */
struct zip_cursor {
    const struct zip *zip;
    const struct hb_input *input;
    uint64_t next;   /* of the input: the record to come */
    uint64_t number; /* of the record to come, from 0 */
    uint64_t loaded; /* of the input: end of what is in `buffer` */
    size_t at, fill; /* within `buffer` */
    unsigned char buffer[256 << 10];
};
/* `cursor` is large: allocate it. */
void zip_cursor_start(struct zip_cursor *cursor, const struct zip *zip,
                      const struct hb_input *input);
/* HB_OK and the record, valid until the next call; *place is where it lies. HB_END. */
int zip_cursor_next(struct zip_cursor *cursor, struct zip_record *record, uint64_t *place);

/* zip_list.c */
int zip_list(void *self, const struct hb_input *input, const struct hb_lister *lister);
int zip_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor);
int zip_read_trailer(void *self, const struct hb_input *input, void **data, size_t *bytes);

/* zip_decode.c */
int zip_decode(void *self, void *worker, const struct hb_input *input,
               const struct hb_member *const *members, size_t count,
               const struct hb_output *const *outputs);
int zip_locate(void *self, const struct hb_input *input, const struct hb_member *member,
               struct hb_unit *unit);
/* The member whose central header lies at `place`. */
int zip_decode_one(const struct zip *zip, struct zip_worker *worker, const struct hb_input *input,
                   uint64_t place, const struct hb_output *output);

#endif
