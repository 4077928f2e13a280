/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hbcore/transform.h - a transform plugin: what an archive is sealed with on its way into a file,
 * a pipe or a store, and opened with on its way back.
 *
 * EXPERIMENTAL, as store.h is.
 *
 *     write:  format -> seal -> file, pipe or store      read:  the same -> unseal -> format
 *
 * What is sealed is a header, and behind it blocks: `plain_bytes` of content each, the last one
 * shorter or as long, each sealed to `extra_bytes` more. The last block is marked as such, and is
 * empty only where all the content is. The plugin makes and reads the header, and seals and unseals
 * one block by its number; the host cuts, calls it on all processors, keeps blocks, seeks, and
 * opens the last block before it hands out a byte of any other.
 *
 * What a transform promises, and what the host relies on:
 *
 *   - Nothing is sealed twice under one key. A seal_begin() makes a new key, from the system's
 *     source of random numbers; the host asks for each number of it once, and begins anew for each
 *     archive, also where a run that failed is tried again. What is sent again is sent from the
 *     sealed bytes.
 *   - A block opens only as what it was sealed as: under its key, at its number, as the last or not
 *     the last, whole. Else unseal() fails, and `plain` is worth nothing.
 *   - The sealed bytes tell nothing of the content but its length.
 *
 * Errors: as in store.h; the host names the archive. Secrets come through hb_host.secret(), are
 * neither logged nor part of a sentence, and are wiped when they have been used.
 *
 * Threads: seal_begin(), open() and end() on one thread at a time, seal() and unseal() on any,
 * several at once, of one key, too.
 */
#ifndef HBCORE_TRANSFORM_H
#define HBCORE_TRANSFORM_H

#include <hbcore/format.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hb_transform_bounds {
    HB_TRANSFORM_HEADER_MOST = 1 << 20, /* of hb_sealing.header_bytes */
    HB_TRANSFORM_PLAIN_LEAST = 4096,    /* of hb_sealing.plain_bytes */
    HB_TRANSFORM_PLAIN_MOST = 1 << 20,
    HB_TRANSFORM_EXTRA_LEAST = 16, /* of hb_sealing.extra_bytes: what a block is known by */
    HB_TRANSFORM_EXTRA_MOST = 256
};

/*
 * Where the host finds what was sealed: header_bytes, then k blocks of plain_bytes + extra_bytes,
 * then at most one that is shorter and holds something; or, of no content at all, one of
 * extra_bytes. What has another length is cut, whatever is in it.
 */

/* One key, and how what it seals is laid out. Filled in by seal_begin() and open(). */
struct hb_sealing {
    uint32_t size;
    uint32_t plain_bytes;  /* of content in each block but the last */
    uint32_t extra_bytes;  /* by which a sealed block is longer */
    uint32_t header_bytes; /* in front of the first block; it begins with one of `magics` */
    void *key;             /* the plugin's own, until end() */
    const void *header;    /* seal_begin(): those bytes; the plugin's, until end(). open(): NULL */
};

HB_LAYOUT(struct hb_sealing, key, 16);
HB_SIZEOF(struct hb_sealing, 32);

enum hb_block_flags {
    HB_BLOCK_LAST = 1 /* nothing follows */
};

struct hb_transform_ops {
    uint32_t size;
    uint32_t flags;                /* none is known */
    const char *const *suffixes;   /* ended by NULL, with the dot; the first is the one that stands
                                      behind the format's */
    const struct hb_magic *magics; /* what each header begins with: offset 0, as in format.h. It
                                      must tell it from every format */

    /*
     * A new key for what is about to be written, and its header. HB_OK, and end() once; or a
     * failure: nothing is written.
     */
    int (*seal_begin)(void *self, struct hb_sealing *sealing);
    /*
     * Seals block `number`, counted from 0: `bytes` of content, to bytes + extra_bytes at `sealed`,
     * which does not overlap `plain`. `flags`: enum hb_block_flags. Not with HB_BLOCK_LAST `bytes`
     * is plain_bytes. HB_OK or a failure.
     */
    int (*seal)(void *self, void *key, uint64_t number, uint32_t flags, const void *plain,
                size_t bytes, void *sealed);

    /*
     * Reads the header, by input->read_at() alone, which is there; input->bytes is known. Refuses
     * one that is damaged or that it does not know in every part: HB_STATUS_FATAL, which is said of
     * the archive alone. What is wrong here (a file of keys that is missing) is HB_STATUS_NOMATCH.
     * HB_OK: opened, and end() once.
     * HB_STATUS_NOMATCH: the header is well formed, but what is configured does not open it, or
     * nothing is: said through fail_as(), with what to do. `sealing` is filled in but for `key`, so
     * that the host can look at the length; no end().
     */
    int (*open)(void *self, const struct hb_input *input, struct hb_sealing *sealing);
    /*
     * Opens a block: `bytes` as seal() made them, to bytes - extra_bytes at `plain`, which does not
     * overlap. With a key of open(), or of seal_begin(), whose blocks the host reads back. HB_OK;
     * HB_STATUS_FATAL: this is not what was sealed as that block; the host says which it is.
     */
    int (*unseal)(void *self, void *key, uint64_t number, uint32_t flags, const void *sealed,
                  size_t bytes, void *plain);

    /* Wipes and frees a key. Last call for it. */
    void (*end)(void *self, void *key);
};

HB_LAYOUT(struct hb_transform_ops, suffixes, 8);
HB_LAYOUT(struct hb_transform_ops, seal_begin, 24);
HB_LAYOUT(struct hb_transform_ops, open, 40);
HB_LAYOUT(struct hb_transform_ops, end, 56);
HB_SIZEOF(struct hb_transform_ops, 64);

#ifdef __cplusplus
}
#endif
#endif
