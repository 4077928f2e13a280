/* SPDX-License-Identifier: Apache-2.0 */
/*
 * example - a content plugin: how the bytes of special files are obtained and checked. This one
 * takes text files and says so where the last line of one was cut off. hbcore/content.h is the
 * contract. A section of the configuration selects it:
 *
 *     [content:mine]
 *     plugin = example
 *     suffixes = .jsonl
 */
#define _POSIX_C_SOURCE 200809L /* pread, O_CLOEXEC */
#include <errno.h>
#include <fcntl.h>
#include <hbcore/content.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One for each section; asked on several threads at once, so it does not change after create(). */
struct content {
    const struct hb_host *host;
    const struct hb_value *suffixes; /* the host's, valid until destroy() */
};

/* CHANGE: what a section can set. The host checks the values; `plugins show` prints the table. */
enum { SUFFIXES, OPTIONS };

static const struct hb_option *const options[OPTIONS] = {
    [SUFFIXES] =
        &(const struct hb_option){.size = sizeof(struct hb_option),
                                  .type = HB_OPTION_LIST,
                                  .key = "suffixes",
                                  .default_text = ".jsonl",
                                  .help = "Files whose names end in one of these are checked"},
};

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct content *content = calloc(1, sizeof *content);
    if (content == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory"); /* always say why, then return */
    content->host = host;
    content->suffixes = settings->values[SUFFIXES];
    *self = content;
    return HB_OK;
}

/* CHANGE: which files are mine? By name here; set head_bytes below to see how they begin, too. */
static int claim(void *self, const struct hb_entry *entry, const void *head, size_t bytes)
{
    const struct content *content = self;
    (void)head;
    (void)bytes;
    for (size_t i = 0; i < content->suffixes->list_count; i++) {
        const char *suffix = content->suffixes->list[i];
        size_t length = strlen(suffix);
        if (length > 0 && entry->path_bytes >= length &&
            memcmp(entry->path + entry->path_bytes - length, suffix, length) == 0)
            return HB_OK;
    }
    return HB_STATUS_NOMATCH;
}

static int64_t source_read_at(const struct hb_source *source, void *buffer, size_t bytes,
                              uint64_t offset)
{
    const struct hb_host *host = source->self;
    ssize_t got = pread(source->fd, buffer, bytes, (off_t)offset);
    return got >= 0 ? got
                    : host->fail(host, HB_STATUS_ENTRY, "cannot be read: %s", strerror(errno));
}

static void source_close(struct hb_source *source)
{
    close(source->fd);
}

/*
 * CHANGE: where the bytes come from. A program may be writing to the file: make a copy of one
 * moment here, in a file of host->stage_file(), and name the method HB_METHOD_SNAPSHOT.
 */
static int open_source(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    const struct content *content = self;
    const struct hb_host *host = content->host;
    struct stat status;
    int fd = host->open_beneath(host, entry->path, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return HB_STATUS_ENTRY; /* the host has said why */
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return host->fail(host, HB_STATUS_ENTRY, "is not a regular file any more");
    }
    source->bytes = (uint64_t)status.st_size;
    source->soundness = HB_SOUNDNESS_NOT_CHECKED; /* judge() will say it */
    source->method = "raw";
    source->fd = fd;
    source->self = (void *)(uintptr_t)host;
    source->read_at = source_read_at;
    source->close = source_close;
    return HB_OK;
}

/* CHANGE: is it sound? Here: the file is empty, or its last byte ends a line. */
static int look_at_end(const struct content *content, int fd, uint64_t bytes, uint32_t *soundness)
{
    char last = '\n';
    if (bytes > 0 && pread(fd, &last, 1, (off_t)(bytes - 1)) != 1)
        return content->host->fail(content->host, HB_STATUS_ENTRY, "cannot be read to its end");
    *soundness = last == '\n' ? HB_SOUNDNESS_SOUND : HB_SOUNDNESS_UNSOUND;
    return HB_OK;
}

/* On backup, while the host reads the source already. */
static int judge(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    const struct content *content = self;
    int status = look_at_end(content, source->fd, source->bytes, &source->soundness);
    if (status == HB_OK && source->soundness == HB_SOUNDNESS_UNSOUND)
        content->host->doubtful(content->host, entry, "its last line was cut off");
    return status;
}

/* On verify and import: the copy that came out of the archive. */
static int check(void *self, const struct hb_entry *entry, const struct hb_file *file,
                 uint32_t *soundness, char *reason, size_t reason_bytes)
{
    const struct content *content = self;
    struct stat status;
    (void)entry;
    if (fstat(file->fd, &status) != 0)
        return content->host->fail(content->host, HB_STATUS_ENTRY, "its copy: %s", strerror(errno));
    snprintf(reason, reason_bytes, "its last line was cut off");
    return look_at_end(content, file->fd, (uint64_t)status.st_size, soundness);
}

/* Each structure says how large it is, so that plugin and host may be of different releases. */
static const struct hb_content_ops ops = {
    .size = sizeof ops,
    .claim = claim,
    .open = open_source,
    .check = check,
    .judge = judge,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_CONTENT,
    .host_size = HB_SIZE_TO(struct hb_host, stage_file),
    .name = "example", /* the file must be called example.so */
    .version = "0.1",
    .summary = "Checks that text files end with a whole line", /* CHANGE */
    .options = options,
    .option_count = OPTIONS,
    .create = create,
    .destroy = free,
    .ops = &ops,
};

/* So that the host need not load it to know it. */
HB_PLUGIN_KIND(HB_KIND_CONTENT);

/* The one symbol that is exported. */
HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
