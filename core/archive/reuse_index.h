/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a later backup has to know about an archive to take units over from it. A section of the
 * trailer; this is its content, little endian, without padding:
 *
 *   u8[32]   key: what the units were encoded with (codec, version, settings, policy)
 *   u64      entries, units, long entries, parts
 *   u8[16]   an entry: its fingerprint, zeros where it must not be recognised
 *   a bit    an entry, the first in the lowest: it shares the unit of the one before; whole bytes
 *   u64      a unit: its checksum
 *   a long entry, which has several units: u8[16] fingerprint of its path, u32 number, u32 units
 *   a part, which is a unit of one: u32 stored bytes, u32 zero, u8[32] hash, u8[64] note
 *
 * All in the order of the archive.
 */
#ifndef HB_REUSE_INDEX_H
#define HB_REUSE_INDEX_H

#include "archive/fingerprint.h"
#include "base/numbers.h"

/* What is kept of each unit. */
struct hb_unit_mark {
    uint64_t check;
    unsigned char hash[HB_UNIT_HASH_BYTES]; /* of its content; only of units of long entries */
};

/* A unit of a long entry. */
struct hb_unit_part {
    uint32_t bytes;
    uint32_t reserved;
    unsigned char hash[HB_UNIT_HASH_BYTES];
    unsigned char note[64];
};

struct hb_long_entry {
    struct hb_fingerprint path;
    uint32_t entry;
    uint32_t units;
};

/* All zero at first. */
struct hb_reuse_index {
    unsigned char key[32];
    struct hb_fingerprint *fingerprints;
    size_t count, capacity;
    struct hb_numbers first_units; /* as many; made when it is read */
    unsigned char *checks;         /* as they are stored */
    size_t unit_count, unit_capacity;
    bool lent; /* fingerprints and checks lie in the block that was read */
    struct hb_long_entry *long_entries;
    size_t long_count, long_capacity;
    struct hb_unit_part *parts;
    size_t part_count, part_capacity;
    bool overflowed; /* more than 32-bit numbers can count: nothing is stored */
};

/* Room for so many, so that large arrays need not be moved as they grow; more may come. */
void hb_reuse_reserve(struct hb_reuse_index *index, size_t entries, size_t units);

/* Writing: each unit, then each entry that ends with it. */
void hb_reuse_add_unit(struct hb_reuse_index *index, const struct hb_unit *unit,
                       const struct hb_unit_mark *mark, bool whole);
/* `units` of its own that were added before, or 1 that it may share. */
void hb_reuse_add_entry(struct hb_reuse_index *index, const struct hb_entry *entry,
                        const struct hb_fingerprint *fingerprint, uint64_t units);

size_t hb_reuse_bytes(const struct hb_reuse_index *index);
void hb_reuse_write(const struct hb_reuse_index *index, unsigned char *to);

/* Everything in it is consistent then; `data` has to stay as long as the index. */
bool hb_reuse_parse(const unsigned char *data, size_t bytes, struct hb_reuse_index *index);

/* The first unit of an entry, and the checksum of a unit. */
size_t hb_reuse_first_unit(const struct hb_reuse_index *index, size_t entry);
uint64_t hb_reuse_check(const struct hb_reuse_index *index, size_t unit);

/* How many units entry `entry` has a part in. */
size_t hb_reuse_units(const struct hb_reuse_index *index, size_t entry);

void hb_reuse_clear(struct hb_reuse_index *index);

#endif
