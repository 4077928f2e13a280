/* SPDX-License-Identifier: Apache-2.0 */
/* Whom archives are sealed for. */
#ifndef AGE_RECIPIENTS_H
#define AGE_RECIPIENTS_H

#include "kdf.h"
#include <hbcore/transform.h>

struct recipients {
    unsigned char (*keys)[KEY_BYTES]; /* each once; NULL: not read yet */
    size_t count;
};

/* All of both options, unless that was done. HB_OK, with none if none is set, or a failure, told.
 */
int recipients_read(const struct hb_host *host, const struct hb_settings *settings,
                    struct recipients *recipients);
void recipients_free(struct recipients *recipients);

#endif
