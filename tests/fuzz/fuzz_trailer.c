/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the core's block in an archive: as they are, and as sections between a right magic
 * and a right checksum, which chance would never find.
 */
#include "archive/trailer.h"
#include "base/memory.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void use(const void *block, size_t bytes)
{
    struct hb_trailer trailer;
    struct hb_error error = {0};
    if (hb_trailer_parse(block, bytes, &trailer, &error) != HB_OK) {
        if (error.text[0] == '\0' || trailer.hashes != NULL || trailer.summary != NULL)
            abort();
        return;
    }
    if (trailer.count > bytes / sizeof *trailer.hashes || trailer.summary == NULL)
        abort();
    struct hb_entry entry = {
        .size = sizeof entry, .type = HB_TYPE_FILE, .path = "file", .path_bytes = strlen("file")};
    for (entry.index = 0; entry.index <= trailer.count; entry.index++)
        if (hb_trailer_matches(&trailer, &entry) && entry.index == trailer.count)
            abort(); /* there is no hash for it */
    uint64_t content;
    if (hb_trailer_content(&trailer, trailer.count, &content))
        abort(); /* nor for its content */
    (void)hb_trailer_incomplete(&trailer);
    static const unsigned char key[HB_SEAL_BYTES];
    if (hb_trailer_is_sealed(block, bytes, key) && !trailer.has_origin)
        abort();
    if (trailer.has_origin && strlen(trailer.origin.home) >= HB_ID_BYTES)
        abort();
    struct hb_reuse_index index;
    if (hb_trailer_reuse(block, bytes, &index)) {
        size_t units = 0;
        for (size_t i = 0; i < index.count; i++)
            if (i == 0 || hb_reuse_first_unit(&index, i) != hb_reuse_first_unit(&index, i - 1))
                units += hb_reuse_units(&index, i);
        if (units != index.unit_count)
            abort(); /* each unit belongs to somebody, and to one */
        hb_reuse_clear(&index);
    }
    hb_trailer_clear(&trailer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static const char magic[8] = {'H', 'B', 'T', 'R', 'A', 'I', 'L', 1};
    size_t body = sizeof magic + bytes;
    HB_AUTO_FREE unsigned char *block = hb_alloc(body + sizeof(uint64_t));
    memcpy(block, magic, sizeof magic);
    if (bytes > 0)
        memcpy(block + sizeof magic, data, bytes);
    uint64_t checksum = htole64(XXH3_64bits(block, body));
    memcpy(block + body, &checksum, sizeof checksum);
    use(data, bytes);
    use(block, body + sizeof checksum);
    return 0;
}
