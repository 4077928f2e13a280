/* SPDX-License-Identifier: Apache-2.0 */
/* The tar stream out of gzip. */
#ifndef TAR_SOURCE_GZIP_H
#define TAR_SOURCE_GZIP_H

#include "tar_source.h"

/* HB_OK or a failure. */
int tar_source_gzip(struct tar_source *source);

#endif
