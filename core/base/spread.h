/* SPDX-License-Identifier: Apache-2.0 */
/* Many small pieces of work, none of which needs another, on several threads. */
#ifndef HB_SPREAD_H
#define HB_SPREAD_H

#include <stddef.h>

/*
 * Calls each() once for every number below `count`, on up to `workers` threads, this one among
 * them; where none can be started, on this one. All have returned when it returns, and what they
 * did is seen here.
 */
void hb_spread(unsigned workers, size_t count, void (*each)(void *context, size_t number),
               void *context);

#endif
