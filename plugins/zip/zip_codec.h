/* SPDX-License-Identifier: Apache-2.0 */
/* The name of all that the bytes of a unit depend on. */
#ifndef ZIP_CODEC_H
#define ZIP_CODEC_H

#include "zip.h"

/*
 * All that the bytes of a unit depend on besides its content: names and versions of what
 * compresses, the level, and what became of a sample, as another processor or library may find
 * other matches; and whether the sink can patch. The instance's own, made once; NULL after
 * host->fail(). Not while workers encode.
 */
const char *zip_codec_name(struct zip *zip, bool patch);

#endif
