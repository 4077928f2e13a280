/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the manifest.json of a snapshot: taken as a whole or refused, with a reason. */
#include "base/memory.h"
#include "snapshot/manifest.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct hb_manifest manifest;
    struct hb_error error = {0};
    uint64_t total = 0;
    const char *path;
    json_t *size;
    /* Exactly as large as it is, so that the sanitizer sees a read beyond the end. */
    HB_AUTO_FREE char *copy = hb_alloc(bytes);
    if (bytes > 0)
        memcpy(copy, data, bytes);
    if (hb_manifest_parse(copy, bytes, &manifest, &error) != HB_OK) {
        if (error.text[0] == '\0')
            abort();
        return 0;
    }
    json_object_foreach(manifest.files, path, size)
    {
        if (!json_is_integer(size) || json_integer_value(size) < 0 || path == NULL)
            abort();
        total += (uint64_t)json_integer_value(size);
    }
    if (total != manifest.bytes || hb_manifest_count(&manifest) != json_object_size(manifest.files))
        abort();
    hb_manifest_clear(&manifest);
    return 0;
}
