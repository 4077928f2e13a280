/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an archive: list, read the trailer, decode everything, within a bound on the
 * output. Asserts what the host relies on: nothing exceeds its declared size.
 * With HBCORE_FORGE the bytes are decisions, out of which a zip is made that is right outside.
 */
#ifdef HBCORE_FORGE
#include "forge_zip.h"
#include "script.h"
#endif

#include <hbcore/format.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MAX = 256, OUTPUT_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

struct run {
    const uint8_t *data;
    uint64_t bytes;
    struct hb_member members[MEMBERS_MAX];
    uint64_t sizes[MEMBERS_MAX];
    bool directory[MEMBERS_MAX]; /* some have content, which is nobody's */
    size_t count;
    uint64_t done; /* of the member that is being decoded */
    uint64_t size;
    uint64_t total;
    bool tried, decoded;
};

/* How far the inputs came; told at the end. */
static struct {
    unsigned long inputs, listed, tried, decoded;
} reached;

static void tell(void)
{
    fprintf(stderr,
            "%lu inputs: %lu listed, %lu with content to decode, %lu with a member decoded whole\n",
            reached.inputs, reached.listed, reached.tried, reached.decoded);
}

static int fail(const struct hb_host *host, int status, const char *format, ...)
{
    (void)host;
    return format == NULL ? HB_OK : status;
}

static void quiet_log(const struct hb_host *host, int level, const char *format, ...)
{
    (void)host;
    (void)level;
    (void)format;
}

static void quiet(const struct hb_host *host, const struct hb_entry *entry, const char *format, ...)
{
    (void)host;
    (void)entry;
    (void)format;
}

static int cancelled(const struct hb_host *host)
{
    (void)host;
    return 0;
}

static void *alloc(const struct hb_host *host, size_t bytes)
{
    (void)host;
    return malloc(bytes);
}

static void release(const struct hb_host *host, void *memory)
{
    (void)host;
    free(memory);
}

static const struct hb_host host = {
    .size = sizeof host,
    .abi = HB_ABI,
    .fail = fail,
    .log = quiet_log,
    .note = quiet,
    .doubtful = quiet,
    .cancelled = cancelled,
    .alloc = alloc,
    .release = release,
};

static int64_t read_at(const struct hb_input *input, void *buffer, size_t bytes, uint64_t offset)
{
    const struct run *run = input->self;
    if (offset >= run->bytes)
        return 0;
    if (bytes > run->bytes - offset)
        bytes = (size_t)(run->bytes - offset);
    memcpy(buffer, run->data + offset, bytes);
    return (int64_t)bytes;
}

static int keep(const struct hb_lister *lister, const struct hb_member *member)
{
    struct run *run = lister->self;
    if (strlen(member->entry->path) != member->entry->path_bytes || member->entry->path_bytes == 0)
        abort();
    if (run->count < MEMBERS_MAX) {
        run->sizes[run->count] = member->entry->bytes;
        run->directory[run->count] = member->entry->type == HB_TYPE_DIRECTORY;
        run->members[run->count++] = *member;
    }
    return HB_OK;
}

static int take(const struct hb_output *output, const void *data, size_t bytes, uint64_t offset)
{
    struct run *run = output->self;
    (void)data;
    if (offset != run->done || bytes > run->size - run->done)
        abort();
    run->done += bytes;
    run->total += bytes;
    return run->total > OUTPUT_MAX ? HB_STATUS_CANCELLED : HB_OK;
}

static void decode_all(const struct hb_format_ops *ops, void *self, const struct hb_input *input,
                       struct run *run)
{
    struct hb_output output = {.size = sizeof output, .self = run, .write = take};
    const struct hb_output *outputs[] = {&output};
    void *worker = ops->worker_create(self);
    for (size_t i = 0; i < run->count && run->total <= OUTPUT_MAX; i++) {
        if ((run->members[i].flags & HB_MEMBER_UNREADABLE) != 0 || run->directory[i])
            continue;
        const struct hb_member *members[] = {&run->members[i]};
        run->done = 0;
        run->size = run->sizes[i];
        int status = ops->decode(self, worker, input, members, 1, outputs);
        if (status == HB_OK && run->done != run->size)
            abort();
        run->tried |= run->size != 0;
        run->decoded |= status == HB_OK && run->size != 0;
    }
    ops->worker_destroy(self, worker);
}

static void read_archive(const uint8_t *data, size_t bytes)
{
    const struct hb_plugin *plugin = hb_plugin_v1();
    const struct hb_format_ops *ops = plugin->ops;
    struct hb_value value = {.size = sizeof value, .number = 6};
    const struct hb_value *values[] = {&value};
    struct hb_settings settings = {.size = sizeof settings, .count = 1, .values = values};
    struct run *run = calloc(1, sizeof *run);
    if (run == NULL)
        return;
    run->data = data;
    run->bytes = bytes;
    struct hb_input input = {.size = sizeof input, .self = run, .bytes = bytes, .read_at = read_at};
    struct hb_lister lister = {.size = sizeof lister, .self = run, .member = keep};
    void *self, *block;
    size_t block_bytes;
    if (plugin->create(&host, &settings, &self) == HB_OK) {
        ops->probe(self, &input, data, bytes < 4096 ? bytes : 4096);
        if (ops->list(self, &input, &lister) == HB_OK) {
            reached.listed++;
            decode_all(ops, self, &input, run);
        }
        if (ops->read_trailer(self, &input, &block, &block_bytes) == HB_OK)
            free(block);
        plugin->destroy(self);
    }
    reached.tried += run->tried;
    reached.decoded += run->decoded;
    free(run);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (reached.inputs++ == 0)
        atexit(tell);
#ifdef HBCORE_FORGE
    size_t made;
    uint8_t *archive = forge_zip(data, bytes, &made);
    script_keep(archive, made);
    read_archive(archive, made);
    free(archive);
#else
    read_archive(data, bytes);
#endif
    return 0;
}

#ifndef HBCORE_FUZZ
static int replay(const char *path)
{
    static uint8_t data[1 << 20];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    size_t bytes = fread(data, 1, sizeof data, file);
    fclose(file);
    /* A copy of its own, so that reading beyond it is noticed. */
    uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
    if (copy == NULL)
        return 1;
    memcpy(copy, data, bytes);
    LLVMFuzzerTestOneInput(copy, bytes);
    free(copy);
    return 0;
}

int main(int argc, char **argv)
{
    int result = argc < 2; /* nothing to replay is a mistake */
    for (int i = 1; i < argc; i++)
        result |= replay(argv[i]);
    return result;
}
#endif
