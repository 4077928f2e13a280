/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receipts of checks: when which archive was read back, and what came of it. A plain file in the
 * user's directory for state (files/state_key.h), "checks", 0600, a line a check:
 *
 *     KEY SECONDS whole|sample|restore ok|doubtful|damaged
 *
 * KEY is a hash of what the store says of that very version of the archive (of a file inode, size
 * and times, change included; else the store's own mark) and of home and time in it. An archive
 * that replaces another one has another key, and so has a copy. What is lost, cannot be read or was
 * never written means "unknown", never "never", and no command fails for it.
 *
 * A line is appended in one write. Beyond 1 MB the older half goes: of two runs that do that at a
 * time a line may be lost.
 */
#ifndef HB_RECEIPTS_H
#define HB_RECEIPTS_H

#include "archive/archive.h"

enum { HB_RECEIPT_KEY_BYTES = 33 };

enum hb_receipt_how { HB_CHECKED_WHOLE, HB_CHECKED_SAMPLE, HB_CHECKED_RESTORE, HB_CHECKED_WAYS };
enum hb_receipt_result { HB_CHECK_OK, HB_CHECK_DOUBTFUL, HB_CHECK_DAMAGED, HB_CHECK_RESULTS };

struct hb_receipt {
    char key[HB_RECEIPT_KEY_BYTES];
    int64_t when; /* seconds since 1970 */
    enum hb_receipt_how how;
    enum hb_receipt_result result;
};

struct hb_receipts {
    struct hb_receipt *rows; /* oldest first */
    size_t count;
};

/* Of a file by its status, else by the version that a store gave; and by what the trailer, or the
 * facts, say of its origin (NULL: nothing). */
void hb_receipt_key_of(const struct stat *file, const char *version, const struct hb_origin *origin,
                       char key[HB_RECEIPT_KEY_BYTES]);
/* Of one that is open and listed; "": there is none (a stream, say). */
void hb_receipt_key(const struct hb_archive *archive, char key[HB_RECEIPT_KEY_BYTES]);
/* Will the key tell of any change of it? Where times of change are not kept (FAT), who puts back
 * the other one is not noticed: nothing is remembered there. */
bool hb_receipt_key_tells(const struct hb_archive *archive);

/* Appends a line, dated now. Nothing is said where that fails. */
void hb_receipt_write(const char *key, enum hb_receipt_how how, enum hb_receipt_result result);

void hb_receipts_read(struct hb_receipts *receipts);
/* The last one; NULL: unknown. */
const struct hb_receipt *hb_receipts_find(const struct hb_receipts *receipts, const char *key);
void hb_receipts_clear(struct hb_receipts *receipts);

const char *hb_receipt_how_word(enum hb_receipt_how how);
const char *hb_receipt_result_word(enum hb_receipt_result result);

#endif
