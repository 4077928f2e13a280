/* SPDX-License-Identifier: Apache-2.0 */
/* Where a request goes: the service's own URL, and the bucket in its path or in its host. */
#ifndef S3_ENDPOINT_H
#define S3_ENDPOINT_H

#include "s3.h"

struct endpoint {
    struct text base; /* "https://host:port" */
    struct text host; /* as the header has it */
    struct text path; /* encoded, with '/' in front */
};

void endpoint_of(const struct s3 *s3, const char *region, const struct object_name *name,
                 struct endpoint *endpoint);
/* False: out of memory. */
bool endpoint_is_whole(const struct endpoint *endpoint);
void endpoint_clear(struct endpoint *endpoint);
/* The region to begin with. Is it one, by its characters? */
const char *endpoint_first_region(const struct hb_settings *settings);
bool endpoint_is_region(const char *region);

#endif
