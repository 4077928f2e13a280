/* SPDX-License-Identifier: Apache-2.0 */
/* Of a store, what calls.h says of every plugin. */
#ifndef HB_CALLS_STORE_H
#define HB_CALLS_STORE_H

#include <hbcore/store.h>

extern const struct hb_store_ops hb_store_calls;

#endif
