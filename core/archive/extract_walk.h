/* SPDX-License-Identifier: Apache-2.0 */
/* Extracting front to back: streams, and formats that cannot decode members by themselves. */
#ifndef HB_EXTRACT_WALK_H
#define HB_EXTRACT_WALK_H

#include "archive/extract_request.h"

/* `filling`: it is a stream, and its catalog is filled on the way. As hb_extract. */
int hb_extract_by_walk(const struct hb_extract_request *request, bool filling,
                       struct hb_error *error);

#endif
