/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that a program prints. */
#ifndef S3_CREDENTIALS_COMMAND_H
#define S3_CREDENTIALS_COMMAND_H

#include "keys.h"

int keys_from_command(const struct asking *asking, struct keys *keys);

#endif
