/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the data of members of a listed or walked archive, on all workers where the format can
 * decode, and compares what came with what was announced. Where it goes is the caller's.
 */
#ifndef HB_EXTRACT_H
#define HB_EXTRACT_H

#include "archive/extract_request.h"

/* From a listed archive (hb_archive_list gave HB_OK). */
int hb_extract(const struct hb_extract_request *request, struct hb_error *error);

/*
 * From a stream that can be read once: the catalog is filled on the way; `wanted` sees members as
 * they come. The trailer is checked at the end.
 */
int hb_extract_stream(const struct hb_extract_request *request, struct hb_error *error);

#endif
