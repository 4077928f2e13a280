/* SPDX-License-Identifier: Apache-2.0 */
/* Sinks and inputs in memory, and a way to write and read a whole archive through a format. */
#ifndef MEMORY_ARCHIVE_H
#define MEMORY_ARCHIVE_H

#include <hbcore/format.h>
#include <stdbool.h>

struct memory {
    unsigned char *data;
    size_t bytes;
    size_t capacity;
    size_t position; /* of read() */
    size_t limit;    /* write fails beyond this, as a full disk would; SIZE_MAX by default */
    struct hb_sink sink;
    struct hb_input input;
};

/* `seekable`: the sink has patch(), the input read_at() and a size. */
void memory_init(struct memory *memory, bool seekable);
/* Points input at what has been written; rewinds. */
void memory_rewind(struct memory *memory, bool seekable);
void memory_free(struct memory *memory);

/* One entry to write: content in memory. */
struct sample {
    struct hb_entry entry;
    const void *data;
};

/*
 * Writes samples as the host does: through encode() and units where the format has it (cut by its
 * unit policy; a spanning unit is closed when it is full), else raw; then finish()
 * with the trailer. Returns the first failure.
 */
int memory_write(const struct hb_format_ops *ops, const struct hb_host *host, void *self,
                 struct memory *memory, const struct sample *samples, size_t count,
                 const void *trailer, size_t trailer_bytes);

#endif
