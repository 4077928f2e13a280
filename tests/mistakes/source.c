/* SPDX-License-Identifier: Apache-2.0 */
/* A content plugin for NAME.mine, whose sources and answers are wrong as `mistake` says. */
#include <errno.h>
#include <fcntl.h>
#include <hbcore/content.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct mistaken {
    const struct hb_host *host;
    const char *mistake;
};

struct opened {
    const struct mistaken *mistaken;
    int fd;
};

static int mistaken_create(const struct hb_host *host, const struct hb_settings *settings,
                           void **self)
{
    struct mistaken *mistaken = calloc(1, sizeof *mistaken);
    if (mistaken == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    *mistaken = (struct mistaken){host, settings->values[0]->text};
    *self = mistaken;
    return HB_OK;
}

static bool makes(const struct mistaken *mistaken, const char *mistake)
{
    return strcmp(mistaken->mistake, mistake) == 0;
}

static int mistaken_claim(void *self, const struct hb_entry *entry, const void *head, size_t bytes)
{
    (void)head;
    (void)bytes;
    if (makes(self, "claim-3"))
        return HB_STATUS_SKIP;
    if (makes(self, "claim-fails"))
        return HB_STATUS_ENTRY;
    bool mine = entry->path_bytes > 5 && strcmp(entry->path + entry->path_bytes - 5, ".mine") == 0;
    return mine ? HB_OK : HB_STATUS_NOMATCH;
}

static int64_t opened_read(const struct hb_source *source, void *buffer, size_t bytes,
                           uint64_t offset)
{
    const struct opened *opened = source->self;
    ssize_t got = pread(opened->fd, buffer, bytes, (off_t)offset);
    if (got < 0)
        return opened->mistaken->host->fail(opened->mistaken->host, HB_STATUS_ENTRY,
                                            "cannot be read: %s", strerror(errno));
    return makes(opened->mistaken, "read-more") ? got + 200000 : got;
}

static void opened_close(struct hb_source *source)
{
    struct opened *opened = source->self;
    close(opened->fd);
    free(opened);
}

static int mistaken_open(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    const struct mistaken *mistaken = self;
    const struct hb_host *host = mistaken->host;
    struct stat status;
    if (makes(mistaken, "no-source"))
        return HB_OK;
    if (makes(mistaken, "open-1"))
        return HB_STATUS_END;
    if (makes(mistaken, "open-stopped")) /* nobody has stopped anything */
        return HB_STATUS_CANCELLED;
    struct opened *opened = malloc(sizeof *opened);
    if (opened == NULL)
        return host->fail(host, HB_STATUS_ENTRY, "out of memory");
    *opened = (struct opened){mistaken, host->open_beneath(host, entry->path, O_RDONLY, 0)};
    if (opened->fd < 0 || fstat(opened->fd, &status) != 0)
        abort();
    *source = (struct hb_source){
        .size = sizeof *source,
        .soundness = makes(mistaken, "unsound")       ? HB_SOUNDNESS_UNSOUND
                     : makes(mistaken, "soundness-9") ? 9
                     : makes(mistaken, "soundness-0") ? 0
                                                      : HB_SOUNDNESS_SOUND,
        .self = opened,
        .bytes = makes(mistaken, "bytes-unknown") ? HB_SIZE_UNKNOWN : (uint64_t)status.st_size,
        .flags = makes(mistaken, "flags-64") ? 64 | HB_SOURCE_JUDGED : 0,
        .method = makes(mistaken, "no-method") ? NULL : HB_METHOD_SNAPSHOT,
        .fd = -1,
        .read_at = opened_read,
        .close = opened_close,
    };
    if (makes(mistaken, "doubtful"))
        host->doubtful(host, entry, "looks odd");
    return HB_OK;
}

static int mistaken_identity(void *self, const struct hb_entry *entry, unsigned char identity[32])
{
    (void)entry;
    memset(identity, 7, 32);
    return makes(self, "identity-3") ? HB_STATUS_SKIP : HB_OK;
}

static int mistaken_fact(void *self, const struct hb_entry *entry, const struct hb_source *source,
                         size_t index, struct hb_fact *fact)
{
    const struct mistaken *mistaken = self;
    (void)entry;
    (void)source;
    (void)index;
    (void)fact;
    if (makes(mistaken, "fact-fails"))
        return mistaken->host->fail(mistaken->host, HB_STATUS_ENTRY, "cannot be counted");
    if (makes(mistaken, "fact-says-nothing"))
        return HB_STATUS_ENTRY;
    if (makes(mistaken, "fact-no-name"))
        return HB_OK;
    return makes(mistaken, "fact-42") ? 42 : HB_STATUS_END;
}

static int mistaken_check(void *self, const struct hb_entry *entry, const struct hb_file *file,
                          uint32_t *soundness, char *reason, size_t reason_bytes)
{
    (void)entry;
    (void)file;
    (void)reason;
    (void)reason_bytes;
    *soundness = makes(self, "check-soundness-9") ? 9 : HB_SOUNDNESS_SOUND;
    return makes(self, "check-1") ? HB_STATUS_END : HB_OK;
}

static int mistaken_restore(void *self, const struct hb_entry *entry, const struct hb_file *file,
                            const struct hb_target *target)
{
    (void)entry;
    (void)file;
    (void)target;
    return makes(self, "restored-9") ? 9 : HB_RESTORE_RENAME;
}

static const struct hb_option *const options[] = {
    &(const struct hb_option){
        .size = sizeof(struct hb_option),
        .type = HB_OPTION_STRING,
        .key = "mistake",
        .default_text = "none",
        .help = "no-source, no-method, read-more, unsound, soundness-0, soundness-9, "
                "doubtful, restored-9, and others"},
};

static const struct hb_content_ops ops = {
    .size = sizeof(struct hb_content_ops),
    .claim = mistaken_claim,
    .open = mistaken_open,
    .identity = mistaken_identity,
    .check = mistaken_check,
    .fact = mistaken_fact,
    .restore = mistaken_restore,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_CONTENT,
    .host_size = sizeof(struct hb_host),
    .name = "source",
    .version = "1.0",
    .summary = "Gives sources that are wrong",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = mistaken_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
