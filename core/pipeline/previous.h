/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive before this one, as a source of encoded units. Whatever about it is not as it should
 * be, the answer is that it has nothing to offer: then things are read and encoded anew.
 *
 * What its index says is believed blindly, so who could write one could have other bytes stored for
 * a file. That is not asked of owners and modes, which shares and many disks do not have: the
 * archive is sealed (archive/origin.h) with a key that only this installation can read.
 */
#ifndef HB_PREVIOUS_H
#define HB_PREVIOUS_H

#include "archive/archive.h"
#include "archive/reuse_index.h"
#include "files/home_id.h"
#include "files/state_key.h"

struct hb_previous;

struct hb_previous_request {
    struct hb_run *run;
    const char *path;
    const char *label;                   /* section of the format that it must have */
    const struct hb_home_id *id;         /* whose archive it must be */
    const struct hb_state_key *seal_key; /* what it must be sealed with */
    const unsigned char *key;            /* 32 bytes: what its units must have been made with */
    uint64_t unit_bytes;
};

/*
 * HB_OK; HB_STATUS_NOMATCH: it was made without an index or checksums of contents (the release
 * before: all is read once), or in another way; HB_STATUS_FATAL: it is
 * damaged, or nothing proves that it was made here, of this home. Only HB_OK makes a *previous.
 */
int hb_previous_open(const struct hb_previous_request *request, struct hb_previous **previous,
                     struct hb_error *error);
void hb_previous_close(struct hb_previous *previous);

/* All from here on: any thread. */

/* The entry that is the same, or SIZE_MAX. */
size_t hb_previous_find(const struct hb_previous *previous,
                        const struct hb_fingerprint *fingerprint);
/* Are entries [first, first + count) all that unit holds which they share? */
bool hb_previous_is_group(const struct hb_previous *previous, size_t first, size_t count);
size_t hb_previous_units(const struct hb_previous *previous, size_t entry);
uint64_t hb_previous_bytes(const struct hb_previous *previous, size_t entry);
/* The checksum of its content, as the trailer has it, which is sealed. */
uint64_t hb_previous_content(const struct hb_previous *previous, size_t entry);

/* The entry of several units that has this path, whatever its content, or SIZE_MAX. */
size_t hb_previous_find_long(const struct hb_previous *previous, const struct hb_entry *entry);
/* The hash of what unit `number` of an entry of several was made of; NULL: it has no such unit. */
const unsigned char *hb_previous_hash(const struct hb_previous *previous, size_t entry,
                                      uint64_t number);

/*
 * Reads unit `number` of entry `index`: data (malloc), bytes and note of `unit`, checked, and its
 * checksum in *check. `entry` is that one as it would be listed. False: it cannot be had.
 */
bool hb_previous_read(const struct hb_previous *previous, size_t index,
                      const struct hb_entry *entry, uint64_t number, struct hb_unit *unit,
                      uint64_t *check);

#endif
