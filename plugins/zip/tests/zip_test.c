/* SPDX-License-Identifier: Apache-2.0 */
#include "zip_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void zip_test_start(struct zip_test *test, int level)
{
    char text[32];
    if (level == ZIP_LEVEL_FAST)
        snprintf(text, sizeof text, "level=fast\n");
    else
        snprintf(text, sizeof text, "level=%d\n", level);
    fake_host_init(&test->fake);
    test->ops = hb_plugin_v1()->ops;
    if (fake_create(&test->fake, hb_plugin_v1(), text, &test->self, &test->settings) != HB_OK)
        abort();
}

void zip_test_end(struct zip_test *test)
{
    fake_destroy(hb_plugin_v1(), test->self, test->settings);
    fake_host_finish(&test->fake);
}

/* ---- reading ------------------------------------------------------------------------------ */

static int keep_member(const struct hb_lister *lister, const struct hb_member *member)
{
    struct found_list *list = lister->self;
    const struct hb_entry *entry = member->entry;
    if ((list->count & (list->count + 1)) == 0)
        list->members = realloc(list->members, (2 * list->count + 2) * sizeof *list->members);
    struct found *found = &list->members[list->count++];
    *found = (struct found){
        .path = malloc(entry->path_bytes + 1),
        .path_bytes = entry->path_bytes,
        .link = entry->link == NULL ? NULL : strdup(entry->link),
        .type = entry->type,
        .mode = entry->mode,
        .flags = entry->flags,
        .mtime = entry->mtime,
        .bytes = entry->bytes,
        .token = member->token,
        .group = member->group,
        .why = member->flags & HB_MEMBER_UNREADABLE ? strdup(member->why) : NULL,
    };
    memcpy(found->path, entry->path, entry->path_bytes + 1);
    return HB_OK;
}

static int keep_data(const struct hb_output *output, const void *data, size_t bytes,
                     uint64_t offset)
{
    struct found *found = output->self;
    if (offset != found->data_bytes || bytes > 1 << 20 || offset + bytes > found->bytes)
        abort();
    found->data = realloc(found->data, offset + bytes + 1);
    memcpy(found->data + offset, data, bytes);
    found->data_bytes += bytes;
    return HB_OK;
}

static void decode_all(struct zip_test *test, struct memory *memory, struct found_list *list)
{
    void *worker = test->ops->worker_create(test->self);
    for (size_t i = 0; i < list->count; i++) {
        struct found *found = &list->members[i];
        struct hb_entry entry = {.size = sizeof entry, .type = found->type, .path = found->path};
        struct hb_member member = {
            .size = sizeof member, .entry = &entry, .group = found->group, .token = found->token};
        struct hb_output output = {.size = sizeof output, .self = found, .write = keep_data};
        const struct hb_member *members[] = {&member};
        const struct hb_output *outputs[] = {&output};
        found->status = test->ops->decode(test->self, worker, &memory->input, members, 1, outputs);
        if (found->status == HB_STATUS_FATAL && list->status == HB_OK) {
            list->status = HB_STATUS_FATAL;
            memcpy(list->message, test->fake.message, sizeof list->message);
        }
    }
    test->ops->worker_destroy(test->self, worker);
}

void zip_test_again(struct zip_test *test)
{
    fake_destroy(hb_plugin_v1(), test->self, test->settings);
    if (fake_create(&test->fake, hb_plugin_v1(), "", &test->self, &test->settings) != HB_OK)
        abort();
}

void zip_test_read_with(struct zip_test *test, struct memory *memory, struct found_list *list)
{
    *list = (struct found_list){0};
    zip_test_again(test);
    test->fake.message[0] = '\0';
    memory_rewind(memory, true);
    struct hb_lister lister = {.size = sizeof lister, .self = list, .member = keep_member};
    list->status = test->ops->list(test->self, &memory->input, &lister);
    memcpy(list->message, test->fake.message, sizeof list->message);
    if (list->status == HB_OK)
        decode_all(test, memory, list);
}

void zip_test_read(struct memory *memory, struct found_list *list)
{
    struct zip_test test;
    zip_test_start(&test, 6);
    zip_test_read_with(&test, memory, list);
    zip_test_end(&test);
}

static int walk_entry(const struct hb_visitor *visitor, const struct hb_entry *entry)
{
    struct found_list *list = visitor->self;
    const struct hb_lister lister = {.size = sizeof lister, .self = list};
    return keep_member(&lister,
                       &(struct hb_member){.size = sizeof(struct hb_member), .entry = entry});
}

static int walk_data(const struct hb_visitor *visitor, const void *data, size_t bytes,
                     uint64_t offset)
{
    struct found_list *list = visitor->self;
    struct hb_output output = {.size = sizeof output, .self = &list->members[list->count - 1]};
    return keep_data(&output, data, bytes, offset);
}

static int walk_end(const struct hb_visitor *visitor, uint64_t bytes)
{
    struct found_list *list = visitor->self;
    assert_int_equal(bytes, list->members[list->count - 1].bytes);
    return HB_OK;
}

static int walk_unreadable(const struct hb_visitor *visitor, const char *why)
{
    struct found_list *list = visitor->self;
    list->members[list->count - 1].why = strdup(why);
    return HB_OK;
}

void zip_test_walk(struct memory *memory, bool unreadable, struct found_list *list)
{
    struct zip_test test;
    struct hb_visitor visitor = {
        .size = unreadable ? sizeof visitor : offsetof(struct hb_visitor, unreadable),
        .self = list,
        .entry = walk_entry,
        .data = walk_data,
        .end = walk_end,
        .unreadable = walk_unreadable,
    };
    *list = (struct found_list){0};
    zip_test_start(&test, 6);
    memory_rewind(memory, true);
    list->status = test.ops->walk(test.self, &memory->input, &visitor);
    memcpy(list->message, test.fake.message, sizeof list->message);
    zip_test_end(&test);
}

void zip_test_free(struct found_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->members[i].path);
        free(list->members[i].link);
        free(list->members[i].data);
        free(list->members[i].why);
    }
    free(list->members);
    *list = (struct found_list){0};
}

/* ---- writing ------------------------------------------------------------------------------ */

int zip_test_write(struct memory *memory, bool seekable, int level, const struct sample *samples,
                   size_t count, const void *trailer, size_t trailer_bytes)
{
    struct zip_test test;
    zip_test_start(&test, level);
    memory_init(memory, seekable);
    int status = memory_write(test.ops, &test.fake.host, test.self, memory, samples, count, trailer,
                              trailer_bytes);
    if (status != HB_OK)
        print_message("%s\n", test.fake.message);
    zip_test_end(&test);
    return status;
}

static struct sample make(uint32_t type, const char *path, uint32_t mode)
{
    return (struct sample){.entry = {
                               .size = sizeof(struct hb_entry),
                               .type = type,
                               .path = path,
                               .path_bytes = strlen(path),
                               .mode = mode,
                               .mtime = {1700000001, 123456789},
                               .flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME,
                           }};
}

struct sample zip_test_file(const char *path, const void *data, uint64_t bytes)
{
    struct sample sample = make(HB_TYPE_FILE, path, 0640);
    sample.entry.bytes = bytes;
    sample.data = data;
    return sample;
}

struct sample zip_test_directory(const char *path)
{
    return make(HB_TYPE_DIRECTORY, path, 0750);
}

struct sample zip_test_link(const char *path, const char *target)
{
    struct sample sample = make(HB_TYPE_SYMLINK, path, 0777);
    sample.entry.link = target;
    return sample;
}

void zip_test_same(const struct sample *samples, size_t count, const struct found_list *list)
{
    if (list->status != HB_OK)
        fail_msg("reading: %s", list->message);
    assert_int_equal(list->count, count);
    for (size_t i = 0; i < count; i++) {
        const struct hb_entry *entry = &samples[i].entry;
        const struct found *found = &list->members[i];
        assert_int_equal(found->status, HB_OK);
        assert_int_equal(found->path_bytes, entry->path_bytes);
        assert_memory_equal(found->path, entry->path, entry->path_bytes + 1);
        assert_int_equal(found->type, entry->type);
        assert_int_equal(found->mode, entry->mode);
        assert_int_equal(found->flags, HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME);
        assert_int_equal(found->mtime.tv_sec, entry->mtime.tv_sec);
        assert_int_equal(found->mtime.tv_nsec, entry->mtime.tv_nsec);
        if (entry->type == HB_TYPE_SYMLINK)
            assert_string_equal(found->link, entry->link);
        if (entry->type != HB_TYPE_FILE)
            continue;
        assert_int_equal(found->bytes, entry->bytes);
        assert_int_equal(found->data_bytes, entry->bytes);
        if (entry->bytes > 0 && memcmp(found->data, samples[i].data, entry->bytes) != 0)
            fail_msg("%s: content differs", entry->path);
    }
}

unsigned char *zip_test_noise(size_t bytes, uint64_t seed)
{
    unsigned char *data = malloc(bytes + 1);
    uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; i < bytes; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data[i] = (unsigned char)(state >> 32);
    }
    return data;
}

unsigned char *zip_test_text(size_t bytes)
{
    unsigned char *data = malloc(bytes + 64);
    for (size_t at = 0, line = 0; at < bytes; line++)
        at += (size_t)snprintf((char *)data + at, 64, "{\"n\":%zu,\"text\":\"%zx\"}\n", line,
                               line * 2654435761u % 1000003);
    return data;
}
