/* SPDX-License-Identifier: Apache-2.0 */
/* Where the central directory of an archive is: its end records (APPNOTE 4.3.14 to 4.3.16). */
#ifndef ZIP_END_H
#define ZIP_END_H

#include "zip.h"

struct zip_end {
    uint64_t start;   /* of the central directory, from the start of the input */
    uint64_t bytes;   /* of it */
    uint64_t shift;   /* bytes in front of the archive, which stored offsets do not count */
    uint64_t entries; /* as stored: without zip64 perhaps the lower 16 bits alone */
    bool disks;       /* with HB_STATUS_NOMATCH: it is a zip, but one disk of several */
};

/*
 * HB_OK: the directory that the end record means, its first header seen. HB_STATUS_NOMATCH: no
 * record says anything that fits; zip_end_refuse() says why. Or the failure of the input.
 */
int zip_end_find(const struct zip *zip, const struct hb_input *input, struct zip_end *end);
int zip_end_refuse(const struct zip *zip, const struct hb_input *input);

/*
 * Does another archive, with entries in it, end where the one that is read begins? A program in
 * front, which unpacks it, does not: what it holds of a zip ends elsewhere, or not as one does.
 */
int zip_end_in_front(const struct zip *zip, const struct hb_input *input, uint64_t begin,
                     bool *another);

/* All of the bytes, or HB_STATUS_FATAL after host->fail(). */
int zip_read(const struct zip *zip, const struct hb_input *input, void *buffer, size_t bytes,
             uint64_t offset);

#endif
