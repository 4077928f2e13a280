/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a backup knows again what an older archive holds already: short hashes of an entry, of the
 * content of a unit, of an encoded unit. SHA-256 wherever equality stands for "need not be read":
 * what is in the home may have been written by somebody who would like two things to be taken for
 * one another.
 */
#ifndef HB_FINGERPRINT_H
#define HB_FINGERPRINT_H

#include <hbcore/format.h>
#include <stdbool.h>

/* Of an entry: its path, its metadata, and what tells that its content is the same. */
struct hb_fingerprint {
    unsigned char bytes[16]; /* all zero: none; it equals no other */
};

/* What makes a file the one that it was, beyond its path, size and time. */
struct hb_file_state {
    uint64_t inode;
    uint64_t bytes;
    struct timespec mtime;
    struct timespec ctime;
};

bool hb_fingerprint_is_set(const struct hb_fingerprint *fingerprint);

/* A file that only its state in the file system tells. */
void hb_fingerprint_file(const struct hb_entry *entry, const struct hb_file_state *state,
                         struct hb_fingerprint *fingerprint);
/* One whose content plugin says what it is, and how sound it was found to be. */
void hb_fingerprint_content(const struct hb_entry *entry, const unsigned char identity[32],
                            uint32_t soundness, struct hb_fingerprint *fingerprint);
/* A directory or a link, whose metadata is all there is. */
void hb_fingerprint_other(const struct hb_entry *entry, struct hb_fingerprint *fingerprint);
/* The path alone. */
void hb_fingerprint_path(const struct hb_entry *entry, struct hb_fingerprint *fingerprint);

/*
 * Could something change this file after `read` and leave its times as they are? Then they are so
 * young that the clock they come from has perhaps not moved on.
 */
bool hb_state_is_racy(const struct hb_file_state *state, const struct timespec *read);

enum { HB_UNIT_HASH_BYTES = 32 };

/* All that encode() makes a unit of a part of one entry from. */
void hb_segment_hash(const struct hb_segment *segment, unsigned char hash[HB_UNIT_HASH_BYTES]);

/* A checksum of an encoded unit, its note included; `data` are its bytes. */
uint64_t hb_unit_check(const struct hb_unit *unit, const void *data);

/*
 * The same of one whose data come in pieces: next() gives the next of at most `most` bytes, and
 * returns how many, 0 or less where there are none. False: there were too few.
 */
typedef int64_t hb_next_piece(void *self, const void **data, uint64_t most);
bool hb_unit_check_pieces(const struct hb_unit *unit, hb_next_piece *next, void *self,
                          uint64_t *check);

/* Of a text: what units of two archives must have in common to be exchanged. */
void hb_key_hash(const char *text, unsigned char hash[32]);

#endif
