/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libarchive gets wrong in pax headers, read again from the bytes: it normalises
 * UTF-8 names (form C), and it takes the fraction of a time before the epoch for positive.
 */
#ifndef TAR_PAX_H
#define TAR_PAX_H

#include "tar_source.h"

#include <time.h>

/*
 * The last two blocks of a tar stream that passed by. A header of ours has at most 64 KiB of path
 * and as much of link target, so it lies within them when libarchive has just read it.
 */
struct tar_tap {
    struct tar_source *source;
    unsigned char *block[2];
    uint64_t start[2]; /* in the tar stream */
    size_t bytes[2];
    int newest;
    bool ended;
    int status; /* of the source, where it failed */
};
#define TAR_TAP_BLOCK (256u << 10)

/* The next block: its bytes and length, 0 at the end. HB_OK or the source's failure. */
int tar_tap_read(struct tar_tap *tap, const unsigned char **data, size_t *bytes);
/* Copies from the blocks that are still there. False: some are not. */
bool tar_tap_copy(const struct tar_tap *tap, uint64_t offset, void *out, size_t bytes);

struct tar_pax {
    struct tar_buffer path, link; /* NUL-terminated; empty where there is no such record */
    bool has_mtime;               /* only where libarchive has none, or a wrong one */
    struct timespec mtime;
    bool sparse;         /* there are records of sparse files */
    bool unknown_sparse; /* a sparse file, in a version that nobody here knows */
    /* Of the global headers, which libarchive passes over, up to here. */
    struct {
        bool has_mtime;
        struct timespec mtime;
        bool more; /* records about names or contents, which are not heeded */
    } global;
    unsigned char type; /* typeflag of the header itself; 0 also where it is not there any more */
    uint64_t bytes;     /* what its size field says */
    uint64_t end;       /* where it ends in the tar stream */
};

/* Reads the header that begins at `offset` with its pax records. False: out of memory. */
bool tar_pax_read(const struct tar_tap *tap, uint64_t offset, struct tar_pax *pax);

/* The size field of a header, in octal. */
uint64_t tar_pax_size(const unsigned char block[TAR_BLOCK]);

#endif
