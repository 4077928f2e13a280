/* SPDX-License-Identifier: Apache-2.0 */
/* Keys from a file of profiles. */
#ifndef S3_CREDENTIALS_FILE_H
#define S3_CREDENTIALS_FILE_H

#include "keys.h"

int keys_from_file(const struct asking *asking, bool needed, struct keys *keys);

#endif
