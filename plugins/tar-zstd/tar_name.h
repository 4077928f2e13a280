/* SPDX-License-Identifier: Apache-2.0 */
/* What the bytes of a name allow: plain ustar, a pax record, or a pax record marked as binary. */
#ifndef TAR_NAME_H
#define TAR_NAME_H

#include <stddef.h>

enum tar_name_kind {
    TAR_NAME_ASCII,  /* any header may hold it */
    TAR_NAME_UTF8,   /* a pax record may hold it, and every reader leaves it as it is */
    TAR_NAME_BINARY, /* not UTF-8, or UTF-8 that a reader may normalise: hdrcharset=BINARY */
};

enum tar_name_kind tar_name_kind(const char *name, size_t bytes);

#endif
