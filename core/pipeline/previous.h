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
 * damaged, or nothing proves that it was made here, of this home. Only HB_OK makes a *previous. One
 * that is sealed and cannot be opened here is HB_STATUS_NOMATCH, and the log says so.
 */
int hb_previous_open(const struct hb_previous_request *request, struct hb_previous **previous,
                     struct hb_error *error);
void hb_previous_close(struct hb_previous *previous);

/*
 * Entries before this one are written again, or gone: both archives have one order, so that nobody
 * finds them any more. Their fingerprints and checksums of content are given back, and zeros stand
 * there: no fingerprint equals that, and such a checksum is not taken over. What is read again of
 * long entries, the checksums of units, stays.
 */
void hb_previous_give_back(struct hb_previous *previous, size_t entry);

/* All from here on: any thread. */

/* The entry that is the same, or SIZE_MAX. */
size_t hb_previous_find(const struct hb_previous *previous,
                        const struct hb_fingerprint *fingerprint);
/* Are entries [first, first + count) all that unit holds which they share? */
bool hb_previous_is_group(const struct hb_previous *previous, size_t first, size_t count);
size_t hb_previous_units(const struct hb_previous *previous, size_t entry);
uint64_t hb_previous_bytes(const struct hb_previous *previous, size_t entry);
/* The checksum of its content, as the trailer has it, which is sealed; false: it is given back. */
bool hb_previous_content(const struct hb_previous *previous, size_t entry, uint64_t *content);

/* What its content plugin said of it then (archive/annotations.h); NULL: nothing. */
const json_t *hb_previous_facts(const struct hb_previous *previous, size_t entry);
const json_t *hb_previous_notes(const struct hb_previous *previous, size_t entry);

/* The entry of several units that has this path, whatever its content, or SIZE_MAX. */
size_t hb_previous_find_long(const struct hb_previous *previous, const struct hb_entry *entry);
/* The hash of what unit `number` of an entry of several was made of; NULL: it has no such unit. */
const unsigned char *hb_previous_hash(const struct hb_previous *previous, size_t entry,
                                      uint64_t number);

enum { HB_PROOF_BYTES = 256 << 10 };

/*
 * Are `count` entries from `first` on, one unit or one entry, there as they were stored? All bytes
 * of them are read, and compared with what the index says; `entry` is the first as it would be
 * listed, `buffer` has HB_PROOF_BYTES. Then range->offset and bytes say where they lie, and bytes
 * and note of `unit` are those of the (first) unit.
 */
bool hb_previous_prove(const struct hb_previous *previous, size_t first, size_t count,
                       const struct hb_entry *entry, unsigned char *buffer, struct hb_unit *unit,
                       struct hb_range *range);
/* What the index says of unit `number` of an entry: its mark and, of a long one, bytes and note. */
void hb_previous_unit(const struct hb_previous *previous, size_t entry, uint64_t number,
                      struct hb_unit *unit, struct hb_unit_mark *mark);

/* Where `count` entries lie that begin and end with units. No input or output. */
bool hb_previous_span(const struct hb_previous *previous, size_t first, size_t count,
                      struct hb_range *range);
/* What range->source stands for: a file of this machine, or -1; its bytes, as hb_input.read_at().
 */
int hb_previous_fd(const struct hb_previous *previous);
uint64_t hb_previous_length(const struct hb_previous *previous);
/* The object that it is, of a store; else NULL. */
const struct hb_opened *hb_previous_object(const struct hb_previous *previous);
int64_t hb_previous_bytes_at(const struct hb_previous *previous, void *buffer, size_t bytes,
                             uint64_t offset);
/* Since it was opened: then what was proved need not be what was copied. */
#define HB_PREVIOUS_CHANGED                                                                        \
    "the previous archive changed while it was being reused, or cannot be read any more; run the " \
    "backup again"
bool hb_previous_has_changed(const struct hb_previous *previous);

/*
 * Reads unit `number` of a long entry: data (malloc), bytes and note of `unit`, checked, and its
 * checksum in *check. False: it cannot be had.
 */
bool hb_previous_read(const struct hb_previous *previous, size_t entry, uint64_t number,
                      struct hb_unit *unit, uint64_t *check);

#endif
