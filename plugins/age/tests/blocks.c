/* SPDX-License-Identifier: Apache-2.0 */
#include "blocks.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){0};
}

static void *need(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

struct bytes bytes_copy(const void *data, size_t count)
{
    struct bytes copy = {.data = need(malloc(count + 1)), .count = count};
    if (count > 0)
        memcpy(copy.data, data, count);
    return copy;
}

static _Noreturn void stop(const char *path)
{
    perror(path);
    exit(2);
}

struct bytes bytes_from(const char *path)
{
    struct bytes bytes = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        stop(path);
    bytes.count = (size_t)ftell(file);
    bytes.data = need(malloc(bytes.count + 1));
    rewind(file);
    if (fread(bytes.data, 1, bytes.count, file) != bytes.count)
        stop(path);
    fclose(file);
    return bytes;
}

void bytes_to(const char *path, const struct bytes *bytes)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes->data, 1, bytes->count, file) != bytes->count ||
        fclose(file) != 0)
        stop(path);
}

/* ---- sealing --------------------------------------------------------------------------------- */

int blocks_seal(const struct hb_transform_ops *ops, void *self, const struct bytes *plain,
                struct bytes *sealed)
{
    struct hb_sealing sealing = {.size = sizeof sealing};
    int status = ops->seal_begin(self, &sealing);
    if (status != HB_OK)
        return status;
    uint64_t blocks = plain->count == 0 ? 1 : (plain->count - 1) / sealing.plain_bytes + 1;
    sealed->count =
        sealing.header_bytes + plain->count + (size_t)blocks * (size_t)sealing.extra_bytes;
    sealed->data = need(malloc(sealed->count));
    memcpy(sealed->data, sealing.header, sealing.header_bytes);
    for (uint64_t i = 0; i < blocks && status == HB_OK; i++) {
        size_t from = (size_t)i * sealing.plain_bytes;
        size_t bytes = i + 1 < blocks ? sealing.plain_bytes : plain->count - from;
        status = ops->seal(
            self, sealing.key, i, i + 1 < blocks ? 0 : HB_BLOCK_LAST, plain->data + from, bytes,
            sealed->data + sealing.header_bytes + from + (size_t)i * sealing.extra_bytes);
    }
    ops->end(self, sealing.key);
    return status;
}

/* ---- opening --------------------------------------------------------------------------------- */

static int64_t read_at(const struct hb_input *input, void *buffer, size_t bytes, uint64_t offset)
{
    const struct bytes *all = input->self;
    if (offset >= all->count)
        return 0;
    size_t rest = all->count - (size_t)offset;
    size_t got = bytes < rest ? bytes : rest;
    memcpy(buffer, all->data + offset, got);
    return (int64_t)got;
}

int blocks_begin(const struct hb_transform_ops *ops, void *self, const struct bytes *sealed,
                 struct hb_sealing *sealing)
{
    const struct hb_input input = {.size = sizeof input,
                                   .self = (void *)(uintptr_t)sealed,
                                   .bytes = sealed->count,
                                   .read_at = read_at};
    *sealing = (struct hb_sealing){.size = sizeof *sealing};
    return ops->open(self, &input, sealing);
}

/* Block `number` of `count`, to where it belongs in `plain`. */
static int open_one(const struct hb_transform_ops *ops, void *self,
                    const struct hb_sealing *sealing, const struct bytes *sealed, uint64_t number,
                    uint64_t count, unsigned char *plain)
{
    size_t whole = sealing->plain_bytes + sealing->extra_bytes;
    size_t from = sealing->header_bytes + (size_t)number * whole;
    bool last = number + 1 == count;
    return ops->unseal(self, sealing->key, number, last ? HB_BLOCK_LAST : 0, sealed->data + from,
                       last ? sealed->count - from : whole,
                       plain + (size_t)number * sealing->plain_bytes);
}

static int open_all(const struct hb_transform_ops *ops, void *self,
                    const struct hb_sealing *sealing, const struct bytes *sealed,
                    struct bytes *plain)
{
    size_t whole = sealing->plain_bytes + sealing->extra_bytes;
    size_t rest = sealed->count - sealing->header_bytes;
    size_t cut = rest % whole;
    uint64_t count = rest / whole + (cut > 0);
    if (rest < sealing->extra_bytes || (cut > 0 && cut < sealing->extra_bytes) ||
        (cut == sealing->extra_bytes && count > 1))
        return HB_STATUS_ENTRY;
    plain->count = rest - (size_t)count * sealing->extra_bytes;
    plain->data = need(malloc(plain->count + 1));
    int status = open_one(ops, self, sealing, sealed, count - 1, count, plain->data);
    for (uint64_t i = 0; i + 1 < count && status == HB_OK; i++)
        status = open_one(ops, self, sealing, sealed, i, count, plain->data);
    return status == HB_OK ? HB_OK : HB_STATUS_ENTRY;
}

int blocks_open(const struct hb_transform_ops *ops, void *self, const struct bytes *sealed,
                struct bytes *plain)
{
    struct hb_sealing sealing;
    int status = blocks_begin(ops, self, sealed, &sealing);
    *plain = (struct bytes){0};
    if (status != HB_OK)
        return status;
    status = open_all(ops, self, &sealing, sealed, plain);
    ops->end(self, sealing.key);
    if (status != HB_OK)
        bytes_free(plain);
    return status;
}
