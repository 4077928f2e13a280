/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The zip format plugin: what its parts share. The parts, each of which includes only those before
 * it:
 *
 *     zip_bytes      little-endian numbers     zip_isal     the fast codec
 *     zip_record     one entry's fields        zip_worker   what a thread needs
 *     zip_time       clocks                    zip_encode   units: deflate streams, their joints
 *     zip_name       names and encodings       zip_codec    what their bytes depend on
 *     zip_extra      extra fields              zip_write    headers, order, central directory
 *     zip_layout     records as bytes          zip_index    checking the directory
 *     zip_directory  all records, packed       zip_method   methods; those besides deflate
 *     zip            the instance              zip_decode   one member back
 *     zip_end        finding the directory     zip_entry    what a record means
 *     zip_window     what is read in order     zip_list     listing, trailer, walk
 *                                              zip_span     members as they lie
 *                                              plugin       options and the table of functions
 */
#ifndef ZIP_H
#define ZIP_H

#include "zip_directory.h"
#include "zip_record.h"

#include <hbcore/format.h>

enum {
    ZIP_UNIT_BYTES = 1 << 20,    /* the most content of a unit that is encoded */
    ZIP_ASKED_BYTES = 1 << 19,   /* what the host is asked for: where a page of a database changed,
                                    so much is encoded again. Half of it is a thousandth of size */
    ZIP_PIECE_BYTES = 1 << 18,   /* what the streaming decoder hands out at once */
    ZIP_SMALL_BYTES = 2 << 20,   /* members up to here are decoded whole */
    ZIP_BUFFER_BYTES = 256 << 10 /* small writes are gathered up to here */
};

/*
 * The trailer, right before the central directory: the block, then its frame. If "PK" and two bytes
 * below 32 come up in either, the second form is written, in which they cannot: CRC-32 and block
 * with a zero byte after each 'P', then a frame in which there is none.
 */
enum { ZIP_TRAILER_FRAME = 20 };     /* the one or the other */
#define ZIP_TRAILER_MAGIC "hbcoreTR" /* after u32 crc32, u64 length of the block */
#define ZIP_TRAILER_SPACED                                                                         \
    "hbcoreTS" /* after 12 hexadecimal digits: length of the spaced bytes                          \
                */
enum { ZIP_TRAILER_DIGITS = 12 };

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

/* Local headers that begin within 4 GiB. There may be millions: of each 4 bytes are kept. */
struct zip_part {
    uint64_t start; /* of the first one, from the start of the input */
    size_t first;   /* its number, in the order in which they lie there */
};

struct zip_index {
    uint64_t start; /* of the central directory, from the start of the input */
    uint64_t bytes;
    uint64_t shift; /* bytes in front of the archive, which stored offsets do not count */
    uint64_t entries;
    uint64_t data_end;      /* where the last entry's data ends, as far as the directory tells */
    uint32_t *starts;       /* of the local headers, ascending, within their parts */
    struct zip_part *parts; /* see zip_index_start() */
    size_t part_count;
    unsigned char *tails;   /* of each: the bytes of its descriptor, if we made it */
    uint64_t trailer_start; /* from the start of the input; 0: none was read */
    bool has_trailer;       /* as the last central header says */
    unsigned told;          /* enum zip_oddity: noted already */
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

/* Says that there is no memory left, and returns HB_STATUS_FATAL. */
int zip_no_memory(const struct zip *zip);
/* At least `bytes` in *buffer, whose content is lost. */
int zip_reserve(const struct zip *zip, unsigned char **buffer, size_t *capacity, size_t bytes);

#endif
