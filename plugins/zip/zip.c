/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that grows, and the message when there is none left. */
#include "zip.h"

#include <stdlib.h>

int zip_no_memory(const struct zip *zip)
{
    return zip->host->fail(zip->host, HB_STATUS_FATAL,
                           "out of memory; use fewer workers, or free some memory");
}

int zip_reserve(const struct zip *zip, unsigned char **buffer, size_t *capacity, size_t bytes)
{
    if (*capacity >= bytes)
        return HB_OK;
    size_t rounded = 64 << 10; /* so that slowly growing needs do not allocate each time */
    while (rounded < bytes)
        rounded *= 2;
    free(*buffer);
    *capacity = 0;
    *buffer = malloc(rounded);
    if (*buffer == NULL)
        return zip_no_memory(zip);
    *capacity = rounded;
    return HB_OK;
}
