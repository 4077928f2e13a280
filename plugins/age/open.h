/* SPDX-License-Identifier: Apache-2.0 */
/* hb_transform_ops.open(): the key of an archive, from its header. */
#ifndef AGE_OPEN_H
#define AGE_OPEN_H

#include <hbcore/transform.h>

/* `self`: a struct age. */
int age_open(void *self, const struct hb_input *input, struct hb_sealing *sealing);

#endif
