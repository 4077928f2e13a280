/* SPDX-License-Identifier: Apache-2.0 */
/* An archive that is being written, as the files of publish.h see it. */
#ifndef HB_PUBLISH_STATE_H
#define HB_PUBLISH_STATE_H

#include "backup/destination.h"
#include "files/copy_range.h"
#include "files/stage.h"
#include "store/local.h"
#include "store/upload.h"
#include "transform/kept_blocks.h"
#include "transform/key.h"
#include <hbcore/format.h>
#include <stdbool.h>
#include <sys/stat.h>

struct hb_publication_seal;

/* An archive being written. */
struct hb_publication {
    struct hb_sink sink; /* buffered; for the format */
    struct hb_destination *destination;
    struct hb_stage *stage; /* beside the destination; NULL for a stream */
    struct hb_local local;  /* the destination's directory as a store */
    struct hb_upload upload;
    uint64_t bytes_most;
    const char *facts;  /* archive/facts.h: to stand beside it before it is there; or NULL */
    bool renamed;       /* it could not have the name that was asked for */
    bool spooled;       /* the bytes go to another store; `fd` has a copy, which is ours */
    bool only_ends;     /* ... of start and end alone, and of what is written while ... */
    bool keeping;       /* ... this is set */
    uint64_t copied_to; /* where the last range that was copied begins */
    uint64_t end_at;    /* where the end begins, once hb_publication_finish() was called */
    int fd;
    unsigned char *buffer;
    size_t used;
    uint64_t flushed;                 /* bytes that left the buffer */
    uint64_t started;                 /* of them, those whose way to the disk has begun */
    uint64_t cached;                  /* from here on they are dropped from the page cache */
    struct hb_publication_seal *seal; /* NULL: it is not sealed */
    const struct hb_range *offered; /* for sink.copy(), of an hb_previous; NULL once it was made */
    struct hb_range_copy copy;      /* what is known of copying from there */
    struct hb_error error;
};

#endif
