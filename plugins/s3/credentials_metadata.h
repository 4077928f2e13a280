/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a container's or a machine's role. */
#ifndef S3_CREDENTIALS_METADATA_H
#define S3_CREDENTIALS_METADATA_H

#include "keys.h"

int keys_from_metadata(const struct asking *asking, bool needed, struct keys *keys);

#endif
