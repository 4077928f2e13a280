/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of an archive that are read in order, a few at a time: the headers of many small members,
 * and their data. One read gives those of several.
 */
#ifndef ZIP_WINDOW_H
#define ZIP_WINDOW_H

#include "zip.h"

struct zip_window {
    unsigned char *data;
    size_t capacity, bytes;
    uint64_t start;
};

/*
 * So many bytes from `offset` on, of which none lies at `end` or behind it; what stands between
 * them and `end` may be read ahead. *data is valid until the next call. HB_OK, or a failure that
 * was told.
 */
int zip_window_read(const struct zip *zip, const struct hb_input *input, struct zip_window *window,
                    uint64_t offset, size_t bytes, uint64_t end, const unsigned char **data);

#endif
