/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the archive back that was just written, before it gets its name. */
#ifndef HB_READ_BACK_H
#define HB_READ_BACK_H

#include "archive/trailer.h"
#include "host/format.h"
#include "host/run.h"
#include "transform/kept_blocks.h"
#include "transform/key.h"

/* A trailer as large as that of a million entries is not kept to be compared with. */
struct hb_block_sum {
    size_t bytes;
    uint64_t hash[2]; /* XXH3, 128 bits */
};

struct hb_block_sum hb_block_sum_of(const void *block, size_t bytes);

struct hb_read_back_request {
    struct hb_run *run;
    const struct hb_chosen *format;
    int fd;                            /* of the whole archive; stays the caller's */
    const struct hb_key *key;          /* that it is sealed with; NULL: it is not */
    const struct hb_kept_blocks *kept; /* of it, those that are there; NULL: all */
    /* One row for each entry, as hb_read_back_row() made it, in the order of writing. */
    const struct hb_trailer *stored;
    const struct hb_block_sum *block; /* of the trailer as finish() got it; NULL: it stores none */
};

/* What of an entry comes back: all, or without mode and time where the format stores no trailer. */
struct hb_entry hb_read_back_row(const struct hb_format_ops *ops, const struct hb_entry *entry);

/*
 * HB_OK: the archive holds what was stored, or its format cannot list. HB_STATUS_CANCELLED.
 * HB_STATUS_FATAL: it does not, or that is unknown; *error says what was seen, without the
 * archive's name.
 */
int hb_read_back(const struct hb_read_back_request *request, struct hb_error *error);

#endif
