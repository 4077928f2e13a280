/* SPDX-License-Identifier: Apache-2.0 */
/* hb_transform_ops.seal_begin(): a new key and its header; and what is done with any key. */
#ifndef AGE_SEALING_H
#define AGE_SEALING_H

#include "locked.h"
#include <hbcore/transform.h>

struct age_key {
    struct locked payload; /* KEY_BYTES */
    void *header;          /* NULL where the header was read */
};

/* NULL: there is no memory. */
struct age_key *age_key_new(void);
void age_key_free(struct age_key *key);

int age_seal_begin(void *self, struct hb_sealing *sealing);

#endif
