/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A content plugin that says only when its source has been read, in part or whole, what the source
 * is worth. A host that judges first and reads then would never come so far. The source of
 * NAME.verdict is its bytes with each bit turned, so that what is stored tells where it came from.
 */
#include <errno.h>
#include <fcntl.h>
#include <hbcore/content.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 60, LONG_ENTRY = 1 << 20 };

struct verdict {
    const struct hb_host *host;
    const char *answer, *spoil;
    uint64_t wants; /* bytes of a source that are to be read first */
};

struct turned {
    struct verdict *verdict;
    int fd;
    pthread_mutex_t lock;
    pthread_cond_t change;
    uint64_t read; /* bytes so far */
};

static int verdict_create(const struct hb_host *host, const struct hb_settings *settings,
                          void **self)
{
    struct verdict *verdict = calloc(1, sizeof *verdict);
    if (verdict == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    verdict->host = host;
    verdict->answer = settings->values[0]->text;
    verdict->spoil = settings->values[1]->text;
    verdict->wants = (uint64_t)settings->values[2]->number;
    *self = verdict;
    return HB_OK;
}

static int verdict_claim(void *self, const struct hb_entry *entry, const void *head, size_t bytes)
{
    static const char suffix[] = ".verdict";
    (void)self;
    (void)head;
    (void)bytes;
    return entry->path_bytes > sizeof suffix - 1 &&
                   strcmp(entry->path + entry->path_bytes - (sizeof suffix - 1), suffix) == 0
               ? HB_OK
               : HB_STATUS_NOMATCH;
}

/* By words: a sanitizer looks at each access, and these are many megabytes. */
static void turn(unsigned char *bytes, size_t count)
{
    uint64_t word;
    for (; count >= sizeof word; bytes += sizeof word, count -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        word = ~word;
        memcpy(bytes, &word, sizeof word);
    }
    for (size_t i = 0; i < count; i++)
        bytes[i] ^= 0xff;
}

static int64_t turned_read(const struct hb_source *source, void *buffer, size_t bytes,
                           uint64_t offset)
{
    struct turned *turned = source->self;
    ssize_t got = pread(turned->fd, buffer, bytes, (off_t)offset);
    if (got < 0)
        return HB_STATUS_ENTRY;
    turn(buffer, (size_t)got);
    pthread_mutex_lock(&turned->lock);
    turned->read += (uint64_t)got;
    pthread_cond_signal(&turned->change);
    pthread_mutex_unlock(&turned->lock);
    return got;
}

static void turned_close(struct hb_source *source)
{
    struct turned *turned = source->self;
    close(turned->fd);
    pthread_cond_destroy(&turned->change);
    pthread_mutex_destroy(&turned->lock);
    free(turned);
}

static int verdict_open(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    struct verdict *verdict = self;
    const struct hb_host *host = verdict->host;
    struct stat status;
    struct turned *turned = calloc(1, sizeof *turned);
    if (turned == NULL)
        return host->fail(host, HB_STATUS_ENTRY, "out of memory");
    turned->verdict = verdict;
    turned->fd = host->open_beneath(host, entry->path, O_RDONLY, 0);
    if (turned->fd < 0 || fstat(turned->fd, &status) != 0) {
        if (turned->fd >= 0)
            close(turned->fd);
        free(turned);
        return host->fail(host, HB_STATUS_ENTRY, "cannot be opened");
    }
    pthread_mutex_init(&turned->lock, NULL);
    pthread_cond_init(&turned->change, NULL);
    *source = (struct hb_source){.size = sizeof *source,
                                 .soundness = HB_SOUNDNESS_NOT_CHECKED,
                                 .self = turned,
                                 .bytes = (uint64_t)status.st_size,
                                 .method = HB_METHOD_SNAPSHOT,
                                 .fd = -1,
                                 .read_at = turned_read,
                                 .close = turned_close};
    return HB_OK;
}

static int wait_for_readers(struct turned *turned, uint64_t bytes)
{
    const struct hb_host *host = turned->verdict->host;
    struct timespec until;
    int status = HB_OK;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECONDS;
    pthread_mutex_lock(&turned->lock);
    while (status == HB_OK && turned->read < bytes)
        if (pthread_cond_timedwait(&turned->change, &turned->lock, &until) == ETIMEDOUT)
            status = host->fail(host, HB_STATUS_ENTRY, "was judged before it was read");
    pthread_mutex_unlock(&turned->lock);
    return status;
}

/* Turns the bits of the first half of a file. */
static int spoil(const struct verdict *verdict)
{
    unsigned char block[4096];
    struct stat status;
    ssize_t got = 1;
    int fd = open(verdict->spoil, O_RDWR | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        return verdict->host->fail(verdict->host, HB_STATUS_ENTRY, "there is nothing to spoil");
    for (off_t at = 0; got > 0 && at < status.st_size / 2; at += got) {
        got = pread(fd, block, sizeof block, at);
        if (got > 0)
            turn(block, (size_t)got);
        got = pwrite(fd, block, (size_t)got, at);
    }
    close(fd);
    return HB_OK;
}

static int verdict_judge(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    struct verdict *verdict = self;
    const struct hb_host *host = verdict->host;
    const struct timespec long_check = {.tv_nsec = 250000000}; /* the host looks for results */
    uint64_t wants = verdict->wants < source->bytes ? verdict->wants : source->bytes;
    int status = wait_for_readers(source->self, wants);
    if (source->bytes > LONG_ENTRY)
        nanosleep(&long_check, NULL);
    if (status == HB_OK && verdict->spoil[0] != '\0' && source->bytes > LONG_ENTRY)
        status = spoil(verdict);
    if (status != HB_OK)
        return status;
    if (strcmp(verdict->answer, "skip") == 0)
        return host->fail(host, HB_STATUS_ENTRY, "is worth nothing");
    if (strcmp(verdict->answer, "raw") == 0) {
        host->doubtful(host, entry, "stored raw");
        return HB_STATUS_NOMATCH;
    }
    source->soundness =
        strcmp(verdict->answer, "sound") == 0 ? HB_SOUNDNESS_SOUND : HB_SOUNDNESS_UNSOUND;
    return HB_OK;
}

static const struct hb_option *const options[] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "answer",
                              .default_text = "sound",
                              .help = "sound, unsound, raw or skip"},
    &(const struct hb_option){
        .size = sizeof(struct hb_option),
        .type = HB_OPTION_STRING,
        .key = "spoil",
        .default_text = "",
        .help = "A file whose bits are turned when so much of a long entry has been read"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_BYTES,
                              .key = "wants",
                              .default_text = "1",
                              .maximum = INT64_MAX,
                              .help = "How much is to be read of a source before it is judged"},
};

static const struct hb_content_ops ops = {
    .size = sizeof(struct hb_content_ops),
    .claim = verdict_claim,
    .open = verdict_open,
    .judge = verdict_judge,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_CONTENT,
    .host_size = sizeof(struct hb_host),
    .name = "verdict",
    .version = "1.0",
    .summary = "Judges its source when some of it has been read",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = verdict_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
