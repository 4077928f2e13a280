/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A range of one file, written to the position of another, by the kernel where it can do that: then
 * no byte passes through this process, and file systems that know how share the blocks instead of
 * copying them. Where it refuses (files of two file systems, an old kernel, a strange file system),
 * and where it is not known why it failed, the bytes are read and written: that gives the reason.
 */
#ifndef HB_COPY_RANGE_H
#define HB_COPY_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_range_copy {
    int from, to;
    uint64_t offset; /* in `from`; moves on */
    uint64_t at;     /* the position of `to`; moves on */
    bool refused;    /* the kernel does not do it: once is enough */
    bool reading;    /* what failed was to read `from`, not to write */
};

/* Up to `bytes` more. Bytes, 0 where `from` ends, or -errno. */
int64_t hb_copy_range(struct hb_range_copy *copy, uint64_t bytes);

#endif
