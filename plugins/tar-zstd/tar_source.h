/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tar stream inside an archive that is read once, front to back, whatever it is compressed
 * with. Only zstd is of ours; the others are what people bring along.
 */
#ifndef TAR_SOURCE_H
#define TAR_SOURCE_H

#include "tar_zstd.h"

/* The archive's bytes, with a look ahead. */
struct tar_inflow {
    const struct hb_input *input;
    unsigned char *data; /* of TAR_INFLOW_SIZE */
    size_t at, bytes;    /* data[at .. bytes) has not been used */
    bool ended;          /* the input has no more */
};
#define TAR_INFLOW_SIZE (256u << 10)

/* At least `wanted` unused bytes, or all that there are. HB_OK or the input's failure. */
int tar_inflow_want(struct tar_inflow *inflow, size_t wanted);

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

/* `source` is zero; HB_OK or a failure. Close it in either case. */
int tar_source_open(struct tar_source *source, const struct tar_zstd *tar,
                    const struct hb_input *input);
void tar_source_close(struct tar_source *source);

/* The kinds. Each fills in self, read, check and close. */
int tar_source_zstd(struct tar_source *source);
int tar_source_gzip(struct tar_source *source);

#endif
