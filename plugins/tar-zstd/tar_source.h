/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tar stream inside an archive that is read once, front to back, whatever it is compressed
 * with. Only zstd is a format that we write; the others are what people bring along.
 */
#ifndef TAR_SOURCE_H
#define TAR_SOURCE_H

#include "tar_inflow.h"
#include "tar_zstd.h"

/* Each kind fills in self, read, check and close. */
struct tar_source {
    const struct tar_zstd *tar;
    struct tar_inflow inflow;
    void *self; /* of the kind */
    /* Next bytes of the tar stream: 0 at its end. HB_OK or a failure, after host->fail(). */
    int (*read)(struct tar_source *source, void *buffer, size_t room, size_t *got);
    /* After the end: is the archive around the tar stream complete? NULL: nothing to say. */
    int (*check)(struct tar_source *source);
    void (*close)(struct tar_source *source);
    bool has_trailer;
    struct tar_buffer trailer; /* found on the way */
};

#endif
