/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean …?" */
#ifndef HB_NEAREST_H
#define HB_NEAREST_H

#include <stddef.h>

/*
 * The candidate that is nearest to `word` by edit distance, or NULL when none is near enough to be
 * what was meant. `next(context, i)` yields candidates until NULL.
 */
const char *hb_nearest(const char *word, const char *(*next)(const void *context, size_t index),
                       const void *context);

#endif
