/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A range of one file, written to the position of another, by the kernel where that is worth it:
 * file systems that can do so share the blocks instead of copying them, and servers copy by
 * themselves. Where the kernel refuses (files of two file systems, an old kernel, a strange file
 * system), and where it is not known why it failed, the bytes are read and written: that works, or
 * gives the reason. So they are on a disk of this machine that shares no blocks (ext4): there the
 * kernel would copy in pieces of 64 KiB, which takes more time, and leaves the page cache in such
 * pieces to whoever reads it next.
 */
#ifndef HB_COPY_RANGE_H
#define HB_COPY_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_range_copy {
    int from, to;
    uint64_t offset;       /* in `from`; moves on */
    uint64_t at;           /* the position of `to`; moves on */
    uint64_t end;          /* where `from` ends, if it is known: no more than that is to come */
    uint64_t room;         /* up to here `to` was given room, or it has none */
    unsigned char *buffer; /* for what is read and written */
    size_t buffer_bytes;
    bool unshared; /* the file system shares no blocks: asking once is enough */
    bool refused;  /* the kernel does not copy: the same */
    bool reading;  /* what failed was to read `from`, not to write */
};

/* Up to `bytes` more. Bytes, 0 where `from` ends, or -errno. */
int64_t hb_copy_range(struct hb_range_copy *copy, uint64_t bytes);
/* Gives back what room is left behind byte `bytes`, where `to` ends. */
void hb_copy_range_end(struct hb_range_copy *copy, uint64_t bytes);

#endif
