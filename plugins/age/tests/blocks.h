/* SPDX-License-Identifier: Apache-2.0 */
/* What the host does with a transform, in memory: it cuts, and opens the last block first. */
#ifndef AGE_TESTS_BLOCKS_H
#define AGE_TESTS_BLOCKS_H

#include <hbcore/transform.h>

struct bytes {
    unsigned char *data;
    size_t count;
};

void bytes_free(struct bytes *bytes);
/* Ends the program where the file cannot be read or written. */
struct bytes bytes_from(const char *path);
void bytes_to(const char *path, const struct bytes *bytes);
struct bytes bytes_copy(const void *data, size_t count);

/* HB_OK, or what seal_begin() or seal() said. */
int blocks_seal(const struct hb_transform_ops *ops, void *self, const struct bytes *plain,
                struct bytes *sealed);
/* HB_OK; what open() said; or HB_STATUS_ENTRY: a block, or the length, is wrong. Nothing is handed
 * out then. */
int blocks_open(const struct hb_transform_ops *ops, void *self, const struct bytes *sealed,
                struct bytes *plain);
/* open() alone. */
int blocks_begin(const struct hb_transform_ops *ops, void *self, const struct bytes *sealed,
                 struct hb_sealing *sealing);

#endif
