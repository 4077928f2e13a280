/* SPDX-License-Identifier: Apache-2.0 */
/* The places that rules of time have, and who takes them; of retention.c alone. */
#ifndef HB_KEEP_PLACES_H
#define HB_KEEP_PLACES_H

#include "backup/kept.h"
#include <stddef.h>

/* Does it say when it was begun, and is that no time to come? */
bool hb_keep_has_time(const struct hb_keep *keep, const struct hb_when *when);

/* Sets hb_kept.rules of those of this home that have a place. Rows as hb_retention() has them. */
void hb_keep_places(void *rows, size_t row_bytes, size_t count, const struct hb_keep *keep);

#endif
