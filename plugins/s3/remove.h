/* SPDX-License-Identifier: Apache-2.0 */
/* What stands behind remove(). */
#ifndef S3_REMOVE_H
#define S3_REMOVE_H

#include "s3.h"

int s3_remove(void *self, const char *name, const char *version);

#endif
