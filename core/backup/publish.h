/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an archive goes, and how it appears under its name: written into the staging directory
 * beside it, flushed, renamed, its directory flushed. Until then nothing has that name, or the
 * old file still has. A pipe or device gets the bytes as they come.
 */
#ifndef HB_PUBLISH_H
#define HB_PUBLISH_H

#include "backup/destination.h"
#include "files/stage.h"
#include <hbcore/format.h>
#include <stdbool.h>
#include <sys/stat.h>

/* An archive being written. */
struct hb_publication {
    struct hb_sink sink; /* buffered; for the format */
    struct hb_destination *destination;
    struct hb_stage *stage; /* beside the destination; NULL for a stream */
    char *staged;           /* name in the stage */
    int fd;
    unsigned char *buffer;
    size_t used;
    uint64_t flushed; /* bytes that left the buffer */
    uint64_t started; /* of them, those whose way to the disk has begun */
    uint64_t cached;  /* from here on they are to leave the page cache again */
    struct hb_error error;
};

int hb_publication_begin(struct hb_destination *destination, struct hb_stage *stage,
                         struct hb_publication *publication, struct hb_error *error);
/* Hands all that the format wrote to the file, which can be read from here on. */
int hb_publication_flush(struct hb_publication *publication, struct hb_error *error);
/*
 * Flushes, down to the disk, and gives it its name; a unique one gets a number if there is an
 * archive of that name (destination->path says which). After this it is complete and durable.
 */
int hb_publication_commit(struct hb_publication *publication, struct hb_error *error);
/* Closes; what was not committed goes with the stage. */
void hb_publication_end(struct hb_publication *publication);

#endif
