/* SPDX-License-Identifier: Apache-2.0 */
/* The fast codec: deflate by ISA-L. */
#ifndef ZIP_ISAL_H
#define ZIP_ISAL_H

#include <stdbool.h>
#include <stddef.h>

struct zip_isal *zip_isal_new(void); /* NULL: out of memory */
void zip_isal_free(struct zip_isal *isal);
/*
 * One deflate stream or, where it is not the last, the beginning of one, which ends on a byte. The
 * same for the same data, whatever came before. Returns its length; 0: it does not fit.
 */
size_t zip_isal_deflate(struct zip_isal *isal, const unsigned char *data, size_t bytes, void *to,
                        size_t room, bool last);

#endif
