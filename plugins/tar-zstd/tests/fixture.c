/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hb_format_ops *ops_of(const struct hb_plugin *plugin)
{
    return plugin->ops;
}

/* ---- collecting -------------------------------------------------------------------------- */

static struct item *add_item(struct content *content, const struct hb_entry *entry)
{
    content->items = realloc(content->items, (content->count + 1) * sizeof *content->items);
    struct item *item = &content->items[content->count++];
    *item = (struct item){.entry = *entry};
    item->entry.path = strdup(entry->path);
    item->entry.link = entry->link != NULL ? strdup(entry->link) : NULL;
    return item;
}

static void add_data(struct item *item, const void *data, size_t bytes, uint64_t offset)
{
    size_t end = (size_t)offset + bytes;
    if (offset < item->bytes || end > (64u << 20))
        abort(); /* not front to back, or beyond what the tests make */
    item->data = realloc(item->data, end);
    memset(item->data + item->bytes, 0, (size_t)offset - item->bytes);
    memcpy(item->data + offset, data, bytes);
    item->bytes = end;
}

void content_free(struct content *content)
{
    for (size_t i = 0; i < content->count; i++) {
        free((void *)(uintptr_t)content->items[i].entry.path);
        free((void *)(uintptr_t)content->items[i].entry.link);
        free(content->items[i].data);
    }
    free(content->items);
    free(content->trailer);
    *content = (struct content){0};
}

static int on_entry(const struct hb_visitor *visitor, const struct hb_entry *entry)
{
    struct content *content = visitor->self;
    add_item(content, entry);
    return content->skip ? HB_STATUS_SKIP : HB_OK;
}

static int on_data(const struct hb_visitor *visitor, const void *data, size_t bytes,
                   uint64_t offset)
{
    struct content *content = visitor->self;
    add_data(&content->items[content->count - 1], data, bytes, offset);
    return HB_OK;
}

static int on_end(const struct hb_visitor *visitor, uint64_t bytes)
{
    struct content *content = visitor->self;
    struct item *item = &content->items[content->count - 1];
    item->end_bytes = bytes;
    if (!content->skip && bytes > item->bytes) { /* a gap at the end */
        if (bytes > (64u << 20))
            return HB_OK;
        item->data = realloc(item->data, (size_t)bytes);
        memset(item->data + item->bytes, 0, (size_t)bytes - item->bytes);
        item->bytes = (size_t)bytes;
    }
    return HB_OK;
}

static int on_trailer(const struct hb_visitor *visitor, const void *data, size_t bytes)
{
    struct content *content = visitor->self;
    content->has_trailer = true;
    content->trailer = malloc(bytes + 1);
    memcpy(content->trailer, data, bytes);
    content->trailer_bytes = bytes;
    return HB_OK;
}

int read_by_walk(struct fake_host *fake, struct memory *memory, bool seekable,
                 struct content *content)
{
    const struct hb_plugin *plugin = hb_plugin_v1();
    const struct hb_visitor visitor = {.size = sizeof visitor,
                                       .self = content,
                                       .entry = on_entry,
                                       .data = on_data,
                                       .end = on_end,
                                       .trailer = on_trailer};
    struct fake_settings *settings;
    void *self;
    fake_create(fake, plugin, "", &self, &settings);
    memory_rewind(memory, seekable);
    int status = ops_of(plugin)->walk(self, &memory->input, &visitor);
    fake_destroy(plugin, self, settings);
    return status;
}

static int on_member(const struct hb_lister *lister, const struct hb_member *member)
{
    struct item *item = add_item(lister->self, member->entry);
    item->group = member->group;
    item->token = member->token;
    item->stored_bytes = member->stored_bytes;
    return HB_OK;
}

static int on_output(const struct hb_output *output, const void *data, size_t bytes,
                     uint64_t offset)
{
    add_data(output->self, data, bytes, offset);
    return HB_OK;
}

/* Decodes items [first, first + count), which are one group. */
static int decode_group(void *self, void *worker, const struct hb_input *input, struct item *first,
                        size_t count)
{
    struct hb_member *members = calloc(count, sizeof *members);
    struct hb_output *outputs = calloc(count, sizeof *outputs);
    const struct hb_member **member_at = calloc(count, sizeof *member_at);
    const struct hb_output **output_at = calloc(count, sizeof *output_at);
    for (size_t i = 0; i < count; i++) {
        members[i] = (struct hb_member){.size = sizeof *members,
                                        .entry = &first[i].entry,
                                        .group = first[i].group,
                                        .token = first[i].token};
        outputs[i] =
            (struct hb_output){.size = sizeof *outputs, .self = &first[i], .write = on_output};
        member_at[i] = &members[i];
        output_at[i] = &outputs[i];
    }
    int status = ops_of(hb_plugin_v1())->decode(self, worker, input, member_at, count, output_at);
    free(members);
    free(outputs);
    free(member_at);
    free(output_at);
    return status;
}

int read_by_list(struct fake_host *fake, struct memory *memory, struct content *content)
{
    const struct hb_plugin *plugin = hb_plugin_v1();
    const struct hb_lister lister = {.size = sizeof lister, .self = content, .member = on_member};
    struct fake_settings *settings;
    void *self;
    fake_create(fake, plugin, "", &self, &settings);
    memory_rewind(memory, true);
    int status = ops_of(plugin)->list(self, &memory->input, &lister);
    void *worker = ops_of(plugin)->worker_create(self);
    for (size_t i = 0; status == HB_OK && i < content->count;) {
        size_t end = i + 1;
        while (end < content->count && content->items[end].group == content->items[i].group)
            end++;
        status = decode_group(self, worker, &memory->input, &content->items[i], end - i);
        i = end;
    }
    ops_of(plugin)->worker_destroy(self, worker);
    fake_destroy(plugin, self, settings);
    return status;
}

int read_trailer(struct fake_host *fake, struct memory *memory, struct content *content)
{
    const struct hb_plugin *plugin = hb_plugin_v1();
    struct fake_settings *settings;
    void *self, *data = NULL;
    fake_create(fake, plugin, "", &self, &settings);
    memory_rewind(memory, true);
    int status = ops_of(plugin)->read_trailer(self, &memory->input, &data, &content->trailer_bytes);
    content->has_trailer = status == HB_OK;
    content->trailer = data;
    fake_destroy(plugin, self, settings);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------- */

int write_archive(struct fake_host *fake, const char *text, struct memory *memory,
                  const struct sample *samples, size_t count, const void *trailer, size_t bytes)
{
    const struct hb_plugin *plugin = hb_plugin_v1();
    struct fake_settings *settings;
    void *self;
    fake_create(fake, plugin, text, &self, &settings);
    int status =
        memory_write(ops_of(plugin), &fake->host, self, memory, samples, count, trailer, bytes);
    fake_destroy(plugin, self, settings);
    return status;
}

static struct sample sample_of(uint32_t type, const char *path)
{
    return (struct sample){
        .entry = {.size = sizeof(struct hb_entry),
                  .type = type,
                  .path = path,
                  .path_bytes = strlen(path),
                  .mode = type == HB_TYPE_DIRECTORY ? 0755
                          : type == HB_TYPE_SYMLINK ? 0777
                                                    : 0644,
                  .mtime = {.tv_sec = 1700000000},
                  .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME},
    };
}

struct sample sample_file(const char *path, const void *data, size_t bytes)
{
    struct sample sample = sample_of(HB_TYPE_FILE, path);
    sample.entry.bytes = bytes;
    sample.data = data;
    return sample;
}

struct sample sample_directory(const char *path)
{
    return sample_of(HB_TYPE_DIRECTORY, path);
}

struct sample sample_link(const char *path, const char *link)
{
    struct sample sample = sample_of(HB_TYPE_SYMLINK, path);
    sample.entry.link = link;
    return sample;
}

void *noise(size_t bytes, uint32_t seed)
{
    unsigned char *data = malloc(bytes + 1);
    uint64_t state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (size_t i = 0; i < bytes; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data[i] = (unsigned char)(state >> 32);
    }
    return data;
}

/* ---- comparing ------------------------------------------------------------------------------ */

static bool same_text(const char *left, const char *right)
{
    if (left == NULL || right == NULL)
        return left == right;
    return strcmp(left, right) == 0;
}

static bool same_entry(const struct hb_entry *left, const struct hb_entry *right)
{
    uint32_t both = left->flags & right->flags;
    if (left->type != right->type || !same_text(left->path, right->path) ||
        !same_text(left->link, right->link) || left->bytes != right->bytes)
        return false;
    if ((both & HB_ENTRY_HAS_MODE) && left->mode != right->mode)
        return false;
    if ((both & HB_ENTRY_HAS_MTIME) &&
        (left->mtime.tv_sec != right->mtime.tv_sec || left->mtime.tv_nsec != right->mtime.tv_nsec))
        return false;
    return !(both & HB_ENTRY_HAS_OWNER) || (left->uid == right->uid && left->gid == right->gid);
}

static void print_entry(const char *what, const struct hb_entry *entry)
{
    fprintf(stderr, "%s: type %u \"%s\" -> \"%s\" %llu bytes, mode %o, %lld.%09ld, %u:%u\n", what,
            entry->type, entry->path, entry->link != NULL ? entry->link : "",
            (unsigned long long)entry->bytes, entry->mode, (long long)entry->mtime.tv_sec,
            entry->mtime.tv_nsec, entry->uid, entry->gid);
}

static bool same_item(const struct item *item, const struct hb_entry *entry, const void *data)
{
    if (same_entry(&item->entry, entry) && item->bytes == entry->bytes &&
        (item->bytes == 0 || memcmp(item->data, data, item->bytes) == 0))
        return true;
    print_entry("read", &item->entry);
    print_entry("expected", entry);
    fprintf(stderr, "with %zu bytes of data read\n", item->bytes);
    return false;
}

bool same_as_samples(const struct content *content, const struct sample *samples, size_t count)
{
    for (size_t i = 0; i < count && i < content->count; i++)
        if (!same_item(&content->items[i], &samples[i].entry, samples[i].data))
            return false;
    if (content->count != count)
        fprintf(stderr, "%zu entries read, %zu expected\n", content->count, count);
    return content->count == count;
}

bool same_content(const struct content *left, const struct content *right)
{
    for (size_t i = 0; i < left->count && i < right->count; i++)
        if (!same_item(&left->items[i], &right->items[i].entry, right->items[i].data))
            return false;
    if (left->count != right->count)
        fprintf(stderr, "%zu entries read, %zu expected\n", left->count, right->count);
    return left->count == right->count;
}

void small_archive(struct fake_host *fake, struct memory *memory)
{
    struct sample samples[] = {
        sample_directory("d"),
        sample_file("d/f", "some text", 9),
        sample_file("d/empty", NULL, 0),
        sample_link("d/link", "f"),
        sample_file("d/lat\xe9", "more", 4),
    };
    samples[1].entry.mode = 0600;
    samples[4].entry.mtime = (struct timespec){-1, 500000000};
    memory_init(memory, true);
    if (write_archive(fake, "", memory, samples, 5, "TRAILER", 7) != HB_OK) {
        fprintf(stderr, "%s\n", fake->message);
        abort();
    }
}
