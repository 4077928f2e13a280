/* SPDX-License-Identifier: Apache-2.0 */
#include "transform/kept_blocks.h"

#include "base/memory.h"
#include <string.h>

void hb_kept_blocks_add(struct hb_kept_blocks *kept, uint64_t number)
{
    size_t at = (size_t)(number / 8);
    if (at >= kept->bytes) {
        size_t bytes = at + at / 2 + 64;
        kept->bits = hb_resize(kept->bits, bytes, 1);
        memset(kept->bits + kept->bytes, 0, bytes - kept->bytes);
        kept->bytes = bytes;
    }
    kept->bits[at] |= (unsigned char)(1u << number % 8);
}

bool hb_kept_blocks_has(const struct hb_kept_blocks *kept, uint64_t number)
{
    return number / 8 < kept->bytes && (kept->bits[number / 8] >> number % 8 & 1) != 0;
}

void hb_kept_blocks_clear(struct hb_kept_blocks *kept)
{
    free(kept->bits);
    *kept = (struct hb_kept_blocks){.bits = NULL};
}
