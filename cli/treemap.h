/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes as the areas of rectangles that fill one another's room, each as square as can be. */
#ifndef HB_TREEMAP_H
#define HB_TREEMAP_H

#include <stddef.h>
#include <stdint.h>

struct hb_tile {
    uint64_t bytes;             /* in; above 0, the largest first */
    double x, y, width, height; /* out; of 100 each way */
};

/* `aspect`: how many times as wide as high all of it is shown. */
void hb_treemap(struct hb_tile *tiles, size_t count, double aspect);

#endif
