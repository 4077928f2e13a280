/* SPDX-License-Identifier: Apache-2.0 */
/* The calls into transforms, for calls.c. */
#ifndef HB_CALLS_TRANSFORM_H
#define HB_CALLS_TRANSFORM_H

#include <hbcore/transform.h>

extern const struct hb_transform_ops hb_transform_calls;

#endif
