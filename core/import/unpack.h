/* SPDX-License-Identifier: Apache-2.0 */
/* Members of an archive as the source of staged files: for hb_staging_fill(). */
#ifndef HB_UNPACK_H
#define HB_UNPACK_H

#include "archive/archive.h"
#include "import/staging.h"

/* `archive`: listed, and planned. All of it is read and verified, whatever is restored of it. */
int hb_unpack(void *archive, struct hb_staging *staging, struct hb_error *error);

/* `archive`: a stream, of which nothing is planned. All that could be restored is staged. */
int hb_unpack_stream(void *archive, struct hb_staging *staging, struct hb_error *error);

#endif
