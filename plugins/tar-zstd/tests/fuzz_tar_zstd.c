/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads any bytes as an archive, by index and in one pass. With HBCORE_FUZZ a libFuzzer target;
 * else it replays the files that are its arguments. With HBCORE_FORGE the bytes are decisions, out
 * of which an archive is made that is right outside.
 */
#ifdef HBCORE_FORGE
#include "forge_tar.h"
#include "script.h"
#endif
#include "fake_host.h"
#include "memory_archive.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MEMBERS = 64 };

/* How far the inputs came; told at the end. */
static struct {
    unsigned long inputs, listed, tried, decoded;
    bool content, member; /* of this input: bytes came out, all of a member did */
} reached;

static void tell(void)
{
    fprintf(stderr,
            "%lu inputs: %lu listed or read to the end, %lu gave content, %lu all of a member\n",
            reached.inputs, reached.listed, reached.tried, reached.decoded);
}

/* The same quiet services for every input; no directories on disk. */
static int fuzz_fail(const struct hb_host *host, int status, const char *format, ...)
{
    (void)host;
    (void)format;
    return status;
}

static void fuzz_log(const struct hb_host *host, int level, const char *format, ...)
{
    (void)host;
    (void)level;
    (void)format;
}

static void fuzz_doubtful(const struct hb_host *host, const struct hb_entry *entry,
                          const char *format, ...)
{
    (void)host;
    (void)entry;
    (void)format;
}

static int fuzz_cancelled(const struct hb_host *host)
{
    (void)host;
    return 0;
}

static void *fuzz_alloc(const struct hb_host *host, size_t bytes)
{
    (void)host;
    return malloc(bytes);
}

static void fuzz_release(const struct hb_host *host, void *data)
{
    (void)host;
    free(data);
}

struct members {
    struct hb_member member[MOST_MEMBERS];
    struct hb_entry entry[MOST_MEMBERS];
    size_t count;
    uint64_t wanted; /* bytes of the entry that may be written */
};

static int take_member(const struct hb_lister *lister, const struct hb_member *member)
{
    struct members *members = lister->self;
    if (members->count == MOST_MEMBERS)
        return HB_OK;
    size_t i = members->count++;
    members->entry[i] = *member->entry;
    members->entry[i].path = strdup(member->entry->path);
    members->entry[i].link = member->entry->link != NULL ? strdup(member->entry->link) : NULL;
    members->member[i] = *member;
    members->member[i].entry = &members->entry[i];
    return HB_OK;
}

static int take_output(const struct hb_output *output, const void *data, size_t bytes,
                       uint64_t offset)
{
    const struct hb_entry *entry = output->self;
    volatile unsigned char last = ((const unsigned char *)data)[bytes - 1];
    (void)last;
    if (offset + bytes > entry->bytes)
        abort(); /* more than was listed */
    reached.content = true;
    return HB_OK;
}

static void by_index(const struct hb_format_ops *ops, void *self, const struct hb_input *input)
{
    struct members *members = calloc(1, sizeof *members);
    const struct hb_lister lister = {.size = sizeof lister, .self = members, .member = take_member};
    int status = ops->list(self, input, &lister);
    void *worker = ops->worker_create(self);
    for (size_t i = 0; i < members->count; i++) {
        const struct hb_member *member = &members->member[i];
        const struct hb_output output = {
            .size = sizeof output, .self = &members->entry[i], .write = take_output};
        const struct hb_output *outputs = &output;
        if (status == HB_OK && (member->flags & HB_MEMBER_UNREADABLE) == 0 &&
            ops->decode(self, worker, input, &member, 1, &outputs) == HB_OK)
            reached.member |= member->entry->bytes != 0;
    }
    reached.listed += status == HB_OK;
    ops->worker_destroy(self, worker);
    for (size_t i = 0; i < members->count; i++) {
        free((void *)(uintptr_t)members->entry[i].path);
        free((void *)(uintptr_t)members->entry[i].link);
    }
    free(members);
    void *trailer = NULL;
    size_t bytes = 0;
    if (ops->read_trailer(self, input, &trailer, &bytes) == HB_OK)
        free(trailer);
}

struct pass {
    uint64_t bytes; /* of the present entry */
    uint64_t entries;
};

static int pass_entry(const struct hb_visitor *visitor, const struct hb_entry *entry)
{
    struct pass *pass = visitor->self;
    pass->bytes = entry->bytes;
    if (entry->path_bytes != strlen(entry->path) || entry->path_bytes == 0)
        abort();
    return ++pass->entries % 3 == 0 ? HB_STATUS_SKIP : HB_OK;
}

static int pass_data(const struct hb_visitor *visitor, const void *data, size_t bytes,
                     uint64_t offset)
{
    const struct pass *pass = visitor->self;
    volatile unsigned char last = ((const unsigned char *)data)[bytes - 1];
    (void)last;
    if (offset + bytes > pass->bytes)
        abort();
    reached.content = true;
    return HB_OK;
}

static int pass_end(const struct hb_visitor *visitor, uint64_t bytes)
{
    (void)visitor;
    reached.member |= bytes != 0 && bytes != HB_SIZE_UNKNOWN;
    return HB_OK;
}

static int pass_trailer(const struct hb_visitor *visitor, const void *data, size_t bytes)
{
    (void)visitor;
    if (bytes > 0) {
        volatile unsigned char last = ((const unsigned char *)data)[bytes - 1];
        (void)last;
    }
    return HB_OK;
}

static int pass_unreadable(const struct hb_visitor *visitor, const char *why)
{
    (void)visitor;
    return strlen(why) > 0 ? HB_OK : HB_STATUS_FATAL;
}

static void read_archive(const uint8_t *data, size_t bytes)
{
    const struct hb_plugin *plugin = hb_plugin_v1();
    const struct hb_format_ops *ops = plugin->ops;
    struct fake_host fake = {.host = {.size = sizeof fake.host,
                                      .fail = fuzz_fail,
                                      .log = fuzz_log,
                                      .note = fuzz_doubtful,
                                      .doubtful = fuzz_doubtful,
                                      .cancelled = fuzz_cancelled,
                                      .alloc = fuzz_alloc,
                                      .release = fuzz_release}};
    struct fake_settings *settings;
    void *self;
    struct memory memory;
    struct pass pass = {0};
    unsigned long listed = reached.listed;
    const struct hb_visitor visitor = {.size = sizeof visitor,
                                       .self = &pass,
                                       .entry = pass_entry,
                                       .data = pass_data,
                                       .end = pass_end,
                                       .trailer = pass_trailer,
                                       .unreadable = pass_unreadable};
    setlocale(LC_CTYPE, "C.UTF-8");
    memory_init(&memory, true);
    if (bytes != 0)
        memory.sink.write(&memory.sink, data, bytes);
    fake_create(&fake, plugin, "", &self, &settings);
    memory_rewind(&memory, true);
    by_index(ops, self, &memory.input);
    memory_rewind(&memory, false);
    reached.listed += ops->walk(self, &memory.input, &visitor) == HB_OK && reached.listed == listed;
    fake_destroy(plugin, self, settings);
    memory_free(&memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    if (reached.inputs++ == 0)
        atexit(tell);
    reached.member = reached.content = false;
#ifdef HBCORE_FORGE
    size_t made;
    uint8_t *archive = forge_tar(data, bytes, &made);
    script_keep(archive, made);
    read_archive(archive, made);
    free(archive);
#else
    read_archive(data, bytes);
#endif
    reached.tried += reached.content || reached.member;
    reached.decoded += reached.member;
    return 0;
}

#ifndef HBCORE_FUZZ
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            perror(argv[i]);
            return 1;
        }
        struct memory memory;
        static char block[65536];
        memory_init(&memory, true);
        for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;)
            memory.sink.write(&memory.sink, block, got);
        fclose(file);
        LLVMFuzzerTestOneInput(memory.data, memory.bytes);
        memory_free(&memory);
    }
    printf("%d inputs replayed\n", argc - 1);
    return argc > 1 ? 0 : 1;
}
#endif
