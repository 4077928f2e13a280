/* SPDX-License-Identifier: Apache-2.0 */
/* A thread works through numbers, one after the other, while others begin with what is done. */
#ifndef HB_IN_ORDER_H
#define HB_IN_ORDER_H

#include <stdbool.h>
#include <stddef.h>

struct hb_in_order;

/*
 * Calls each() for the numbers below `count`, ascending. NULL: that is done, for no thread could be
 * started. What it does is seen by those who have waited for it.
 */
struct hb_in_order *hb_in_order_begin(size_t count, void (*each)(void *context, size_t number),
                                      void *context);

/* Until this number is done. Any thread. At once with NULL. */
void hb_in_order_wait(struct hb_in_order *order, size_t number);

/* Waits until all are done, or only for the one that is being done: the rest is left out. Frees.
 * Safe with NULL. */
void hb_in_order_end(struct hb_in_order *order, bool all);

#endif
