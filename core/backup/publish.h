/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How an archive appears under its name.
 *
 *     written into the stage ---> read back ---> flushed ---> renamed ---> directory flushed: it is
 *       hb_publication_begin    (read_back.h)   '-------- hb_publication_commit --------'  there
 *
 * What it promises: under the name is either what was there before or a whole archive, at every
 * moment, also after a power failure; and success is reported when the archive is on the disk, its
 * name included. What it must not do: replace anything under a name that is made of a time
 * ("unique"; a number is added instead), or leave a part of an archive anywhere. Whatever goes
 * wrong before the rename, the staged file goes with the stage.
 *
 * The order is the point. Flushed after the rename, the name could survive a power failure and the
 * bytes could not. Read back before it, for a format plugin may have written what it cannot read,
 * and the archive may be about to replace the last good one. The stage lies beside the destination,
 * because a rename works within one file system only.
 *
 * That is the directory of this machine (store/local.h). Another store (hbcore/store.h) gets the
 * bytes in parts while they are made, and a commit in place of the rename. To be read back, the
 * start, links, and what the format writes at its end, index and trailer, lie in the stage until
 * then, with a hole in place of all content; of a format that does not say that it is listed by
 * these (HB_FORMAT_INDEX_AT_END) all of it.
 *
 * A pipe or a device gets the bytes as they come: there is nothing to rename, to patch or to read
 * back.
 */
#ifndef HB_PUBLISH_H
#define HB_PUBLISH_H

#include "backup/destination.h"
#include "files/copy_range.h"
#include "files/stage.h"
#include "store/local.h"
#include "store/upload.h"
#include <hbcore/format.h>
#include <stdbool.h>
#include <sys/stat.h>

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
    uint64_t flushed;               /* bytes that left the buffer */
    uint64_t started;               /* of them, those whose way to the disk has begun */
    uint64_t cached;                /* from here on they are dropped from the page cache */
    const struct hb_range *offered; /* for sink.copy(), of an hb_previous; NULL once it was made */
    struct hb_range_copy copy;      /* what is known of copying from there */
    struct hb_error error;
};

/* `bytes_most`: an upper bound of its length, or HB_SIZE_UNKNOWN. */
int hb_publication_begin(struct hb_run *run, struct hb_destination *destination,
                         struct hb_stage *stage, uint64_t bytes_most,
                         struct hb_publication *publication, struct hb_error *error);
/* So much of a window of finished units is left to the pipeline: parts on their way are in memory,
 * too, and wait there as well. */
uint64_t hb_publication_window(const struct hb_publication *publication, uint64_t window);
/* Keeps for the listing what lies within the range that was copied last: part of its bytes. */
int hb_publication_keep(struct hb_publication *publication, const struct hb_range *range,
                        const struct hb_range *part, struct hb_error *error);
/* What is written from here on is read again when the archive is listed. */
int hb_publication_finish(struct hb_publication *publication, struct hb_error *error);
/* Writes the buffer out: the whole archive can be read from its file now. */
int hb_publication_flush(struct hb_publication *publication, struct hb_error *error);
/* The same, down to the disk, which may take minutes. */
int hb_publication_sync(struct hb_publication *publication, struct hb_error *error);
/*
 * Flushes, down to the disk, and gives it its name; a unique one gets a number if there is an
 * archive of that name (destination->path says which). After this it is complete and durable.
 */
int hb_publication_commit(struct hb_publication *publication, struct hb_error *error);
/*
 * After that, of a store whose bytes are not this machine's: does it give back the end of what was
 * sent? HB_OK; or HB_STATUS_FATAL: it has other bytes, and they are removed. Where nobody can tell,
 * *unconfirmed is set, and the report says why: on the strength of this archive nothing may go.
 */
int hb_publication_confirm(const struct hb_publication *publication, bool *unconfirmed,
                           struct hb_error *error);
/* Closes; what was not committed goes with the stage. */
void hb_publication_end(struct hb_publication *publication);

#endif
