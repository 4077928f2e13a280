/* SPDX-License-Identifier: Apache-2.0 */
/* hb_transform_ops.open(): the key of an archive, from its header. */
#ifndef AGE_OPEN_H
#define AGE_OPEN_H

#include "header.h"
#include <hbcore/transform.h>

struct age;

int age_open(void *self, const struct hb_input *input, struct hb_sealing *sealing);
/* May scrypt cost what the stanza says? HB_OK, or HB_STATUS_FATAL, told; `path`: of an identity
 * file, or NULL. */
int scrypt_is_allowed(const struct age *age, const struct stanza *stanza, const char *path);

#endif
