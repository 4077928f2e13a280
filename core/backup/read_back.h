/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the archive back that was just written, before it gets its name. */
#ifndef HB_READ_BACK_H
#define HB_READ_BACK_H

#include "archive/trailer.h"
#include "host/format.h"
#include "host/run.h"

struct hb_read_back_request {
    struct hb_run *run;
    const struct hb_format_choice *format;
    int fd; /* of the whole archive; stays the caller's */
    /* One row for each entry, as hb_read_back_row() made it, in the order of writing. */
    const struct hb_trailer *stored;
    const void *block; /* the trailer as finish() got it; NULL: the format stores none */
    size_t block_bytes;
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
