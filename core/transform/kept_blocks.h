/* SPDX-License-Identifier: Apache-2.0 */
/* Which blocks of what is sealed lie on this machine, too; of the others zeros are read. */
#ifndef HB_KEPT_BLOCKS_H
#define HB_KEPT_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hb_kept_blocks {
    unsigned char *bits;
    size_t bytes;
};

void hb_kept_blocks_add(struct hb_kept_blocks *kept, uint64_t number);
bool hb_kept_blocks_has(const struct hb_kept_blocks *kept, uint64_t number);
void hb_kept_blocks_clear(struct hb_kept_blocks *kept);

#endif
