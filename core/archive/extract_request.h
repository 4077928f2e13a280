/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be extracted, and where to (extract.h). */
#ifndef HB_EXTRACT_REQUEST_H
#define HB_EXTRACT_REQUEST_H

#include "archive/archive.h"

struct hb_extract_request {
    struct hb_archive *archive;
    unsigned workers;
    void *context;
    /*
     * Is the data of this member wanted? Asked once for each regular file. One at a time when
     * walking, before any data when decoding.
     */
    bool (*wanted)(void *context, size_t index);
    /*
     * A file for its data: a descriptor that extract closes, -1 to read and drop the data, or
     * HB_STATUS_FATAL with *error. Any thread; `worker`, less than `workers`, tells them apart.
     */
    int (*open)(void *context, unsigned worker, size_t index, struct hb_error *error);
    /* The member is whole; `fd` is still open, or -1. HB_OK or HB_STATUS_FATAL with *error. As
     * open(). */
    int (*done)(void *context, unsigned worker, size_t index, int fd, uint64_t bytes,
                struct hb_error *error);
    /*
     * The data of these members, stored together, is not what it was; `error` says what is wrong.
     * True: on to the others, and hb_extract ends well. NULL: it ends here. One at a time; only
     * when decoding.
     */
    bool (*damaged)(void *context, const size_t *indexes, size_t count,
                    const struct hb_error *error);
    /*
     * These members, decoded together, cannot be decoded, which the catalog does not know (of those
     * that it knows of nothing is asked); `why` as hb_catalog_unreadable() has it. Data and done()
     * of some may have come already. True: on to the others. NULL: it ends here. One at a time.
     */
    bool (*unreadable)(void *context, const size_t *indexes, size_t count, const char *why);
    /*
     * What came of it cannot be written to the file of this member, for an errno. True: its data is
     * dropped from here on, and done() is told so by -1 for the file. NULL: hb_extract ends. As
     * open().
     */
    bool (*unwritable)(void *context, size_t index, int error);
    bool whole;      /* all members are decoded, so that all of the archive is verified */
    bool sequential; /* the descriptor is a pipe: gaps are written as zero bytes */
};

#endif
