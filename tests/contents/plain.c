/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that a content plugin can be: it claims one file by its path, and opens a source that
 * it makes up. It has nothing that it may leave out: no judge(), no close(), no sidecars(), no
 * check(), no restore(). `source` says what is wrong with the source.
 */
#include <errno.h>
#include <hbcore/content.h>
#include <stdlib.h>
#include <string.h>

enum { WHOLE = 3 << 20, GOOD = 1 << 20 }; /* bytes of the source, and those before it breaks off */

struct plain {
    const struct hb_host *host;
    const char *source;
};

static int plain_create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct plain *plain = calloc(1, sizeof *plain);
    if (plain == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    plain->host = host;
    plain->source = settings->values[0]->text;
    *self = plain;
    return HB_OK;
}

static int plain_claim(void *self, const struct hb_entry *entry, const void *head, size_t bytes)
{
    (void)self;
    (void)bytes;
    if (head != NULL) /* it asks for no first bytes */
        abort();
    return strcmp(entry->path, "data/made-up") == 0 ? HB_OK : HB_STATUS_NOMATCH;
}

static int64_t fill(void *buffer, size_t bytes, uint64_t offset)
{
    if (offset >= WHOLE)
        return 0;
    if (bytes > WHOLE - offset)
        bytes = (size_t)(WHOLE - offset);
    memset(buffer, 'A', bytes);
    return (int64_t)bytes;
}

static int64_t read_whole(const struct hb_source *source, void *buffer, size_t bytes,
                          uint64_t offset)
{
    (void)source;
    return fill(buffer, bytes, offset);
}

static int64_t read_broken(const struct hb_source *source, void *buffer, size_t bytes,
                           uint64_t offset)
{
    const struct plain *plain = source->self;
    return offset + bytes > GOOD
               ? plain->host->fail(plain->host, HB_STATUS_ENTRY, "the disk is broken")
               : fill(buffer, bytes, offset);
}

/* Less than it has announced, without a word. */
static int64_t read_short(const struct hb_source *source, void *buffer, size_t bytes,
                          uint64_t offset)
{
    (void)source;
    if (offset >= GOOD)
        return 0;
    return fill(buffer, bytes < GOOD - offset ? bytes : (size_t)(GOOD - offset), offset);
}

static int plain_open(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    const struct plain *plain = self;
    (void)entry;
    source->self = self;
    source->bytes = WHOLE;
    source->method = "raw";
    source->soundness = strcmp(plain->source, "unsound") == 0   ? HB_SOUNDNESS_UNSOUND
                        : strcmp(plain->source, "unknown") == 0 ? HB_SOUNDNESS_UNKNOWN
                                                                : HB_SOUNDNESS_SOUND;
    source->read_at = strcmp(plain->source, "unreadable") == 0 ? NULL
                      : strcmp(plain->source, "broken") == 0   ? read_broken
                      : strcmp(plain->source, "short") == 0    ? read_short
                                                               : read_whole;
    return HB_OK;
}

static const struct hb_option *const options[] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "source",
                              .default_text = "good",
                              .help = "good, unsound, unknown, unreadable, broken, short"},
};

static const struct hb_content_ops ops = {
    .size = sizeof(struct hb_content_ops),
    .claim = plain_claim,
    .open = plain_open,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_CONTENT,
    .host_size = sizeof(struct hb_host),
    .name = "plain",
    .version = "1.0",
    .summary = "Makes up the content of one file",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = plain_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
