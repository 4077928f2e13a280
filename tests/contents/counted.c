/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A content plugin for NAME.cnt that writes each call of it into a log, a line each: "claim name
 * PATH", "claim BYTES PATH" with so many first bytes, "open PATH", "judge PATH", "left NAME" for a
 * file that is still there after its staged neighbour was released. What it does is as the contract
 * has it, but for what `source` says. `notes` are the calls that tell a note, `facts` how fact()
 * behaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <hbcore/content.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GOOD_BYTES = 1 << 20 }; /* of a source that breaks off */

struct counted {
    const struct hb_host *host;
    const char *log, *source, *notes, *facts;
};

struct opened {
    const struct counted *counted;
    char path[256];
    int fd;
};

__attribute__((format(printf, 2, 3))) static void note(const struct counted *counted,
                                                       const char *format, ...)
{
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    int bytes = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    int fd = open(counted->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, (size_t)bytes) != bytes)
        abort();
    close(fd);
}

static int counted_create(const struct hb_host *host, const struct hb_settings *settings,
                          void **self)
{
    struct counted *counted = calloc(1, sizeof *counted);
    if (counted == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    *counted = (struct counted){host, settings->values[0]->text, settings->values[1]->text,
                                settings->values[2]->text, settings->values[3]->text};
    *self = counted;
    return HB_OK;
}

static int is(const struct counted *counted, const char *source)
{
    return strcmp(counted->source, source) == 0;
}

/* Tells a note in that call, if it is to. */
static void tell(const struct counted *counted, const char *call, const char *path)
{
    struct hb_entry entry = {
        .size = sizeof entry, .type = HB_TYPE_FILE, .path = path, .path_bytes = strlen(path)};
    if (strstr(counted->notes, call) != NULL)
        counted->host->note(counted->host, &entry, "told in %s", call);
}

static int counted_claim(void *self, const struct hb_entry *entry, const void *head, size_t bytes)
{
    if (head == NULL)
        note(self, "claim name %s\n", entry->path);
    else
        note(self, "claim %zu %s\n", bytes, entry->path);
    tell(self, "claim", entry->path);
    int mine = entry->path_bytes > 4 && strcmp(entry->path + entry->path_bytes - 4, ".cnt") == 0;
    return mine ? HB_OK : HB_STATUS_NOMATCH;
}

static const char *const *counted_sidecars(void *self)
{
    static const char *const suffixes[] = {"-one", "-two", "-three", NULL};
    (void)self;
    return suffixes;
}

static int64_t opened_read(const struct hb_source *source, void *buffer, size_t bytes,
                           uint64_t offset)
{
    const struct opened *opened = source->self;
    tell(opened->counted, "read", opened->path);
    if (is(opened->counted, "broken") && offset >= GOOD_BYTES)
        return opened->counted->host->fail(opened->counted->host, HB_STATUS_ENTRY,
                                           "the disk is broken");
    ssize_t got = pread(opened->fd, buffer, bytes, (off_t)offset);
    return got < 0 ? HB_STATUS_ENTRY : got;
}

static void opened_close(struct hb_source *source)
{
    struct opened *opened = source->self;
    tell(opened->counted, "close", opened->path);
    close(opened->fd);
    free(opened);
}

static int counted_open(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    const struct counted *counted = self;
    const struct hb_host *host = counted->host;
    struct stat status;
    note(counted, "open %s\n", entry->path);
    struct opened *opened = malloc(sizeof *opened);
    if (opened == NULL)
        return host->fail(host, HB_STATUS_ENTRY, "out of memory");
    *opened = (struct opened){.counted = counted,
                              .fd = host->open_beneath(host, entry->path, O_RDONLY, 0)};
    snprintf(opened->path, sizeof opened->path, "%s", entry->path);
    tell(counted, "open", entry->path);
    if (opened->fd < 0 || fstat(opened->fd, &status) != 0)
        abort();
    *source = (struct hb_source){
        .size = sizeof *source,
        .soundness = is(counted, "unsound")     ? HB_SOUNDNESS_UNSOUND
                     : is(counted, "unchecked") ? HB_SOUNDNESS_NOT_CHECKED
                                                : HB_SOUNDNESS_SOUND,
        .self = opened,
        .bytes = (uint64_t)status.st_size,
        .method = HB_METHOD_SNAPSHOT,
        .fd = -1,
        .read_at = is(counted, "unreadable") ? NULL : opened_read,
        .close = opened_close,
    };
    return HB_OK;
}

static int counted_judge(void *self, const struct hb_entry *entry, struct hb_source *source)
{
    (void)source;
    note(self, "judge %s\n", entry->path);
    tell(self, "judge", entry->path);
    return HB_OK;
}

enum { FIRST_FACT = 7 };

/* "some": two, around one that this entry does not have. */
static int counted_fact(void *self, const struct hb_entry *entry, const struct hb_source *source,
                        size_t index, struct hb_fact *fact)
{
    static const char *const names[] = {"second \xc3\xa9", NULL, "first"};
    static const char *const wrong[] = {"", "two\nlines", "\xff", "good", "good", NULL};
    const struct counted *counted = self;
    const struct opened *opened = source->self;
    const struct hb_host *host = counted->host;
    if (strcmp(opened->path, entry->path) != 0)
        abort(); /* the source of another */
    if (*counted->facts == '\0' || (index > 5 && strcmp(counted->facts, "endless") != 0))
        return HB_STATUS_END;
    note(counted, "fact %s\n", entry->path);
    fact->value = FIRST_FACT - (int64_t)index * 8;
    if (strcmp(counted->facts, "fails") == 0 && index == 0)
        return host->fail(host, HB_STATUS_ENTRY, "the first cannot be counted");
    if (strcmp(counted->facts, "silly") == 0 && index == 0)
        return -77;
    if (strcmp(counted->facts, "wrong") == 0) {
        fact->name = wrong[index];
        return HB_OK;
    }
    if (strcmp(counted->facts, "endless") == 0) {
        static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
        fact->name = digits[index % 10];
        return index < 10 ? HB_OK : HB_STATUS_NOMATCH;
    }
    fact->name = index < 3 ? names[index] : NULL;
    return fact->name == NULL ? HB_STATUS_NOMATCH : HB_OK;
}

/* By what stands in the file, which may come back. */
static int counted_identity(void *self, const struct hb_entry *entry, unsigned char identity[32])
{
    const struct counted *counted = self;
    int fd = counted->host->open_beneath(counted->host, entry->path, O_RDONLY, 0);
    if (fd < 0)
        return HB_STATUS_NOMATCH;
    memset(identity, 0, 32);
    ssize_t got = pread(fd, identity, 32, 0);
    close(fd);
    return got < 0 ? HB_STATUS_NOMATCH : HB_OK;
}

/* Makes side files beside a staged file, as libraries do, and looks what becomes of them. */
static void try_release(const struct counted *counted)
{
    static const char *const names[] = {"-wal", ".extra", "0"};
    const struct hb_host *host = counted->host;
    struct hb_file file;
    char paths[3][1024];
    if (host->stage_file(host, "probe", &file) != HB_OK)
        return;
    for (int i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof paths[i], "%s%s", file.path, names[i]);
        close(open(paths[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    host->stage_release(host, &file);
    for (int i = 0; i < 3; i++)
        if (access(paths[i], F_OK) == 0)
            note(counted, "left %s\n", names[i]);
}

static int counted_check(void *self, const struct hb_entry *entry, const struct hb_file *file,
                         uint32_t *soundness, char *reason, size_t bytes)
{
    (void)file;
    (void)reason;
    (void)bytes;
    note(self, "check %s\n", entry->path);
    try_release(self);
    *soundness = HB_SOUNDNESS_SOUND;
    return HB_OK;
}

static int counted_restore(void *self, const struct hb_entry *entry, const struct hb_file *file,
                           const struct hb_target *target)
{
    (void)file;
    (void)target;
    note(self, "restore %s\n", entry->path);
    return HB_RESTORE_RENAME;
}

static const struct hb_option *const options[] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "log",
                              .default_text = "/dev/null",
                              .help = "where the calls are written"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "source",
                              .default_text = "good",
                              .help = "good, unreadable, unsound, unchecked, broken"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "notes",
                              .default_text = "",
                              .help = "claim, open, read, judge, close: where it tells a note"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "facts",
                              .default_text = "",
                              .help = "some, fails, silly, wrong, endless"},
};

static const struct hb_content_ops ops = {
    .size = sizeof(struct hb_content_ops),
    .head_bytes = HEAD_BYTES,
    .claim = counted_claim,
    .sidecars = counted_sidecars,
    .open = counted_open,
    .judge = counted_judge,
    .check = counted_check,
    .restore = counted_restore,
    .identity = counted_identity,
    .fact = counted_fact,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_CONTENT,
    .host_size = sizeof(struct hb_host),
    .name = PLUGIN_NAME,
    .version = "1.0",
    .summary = "Counts how often it is asked",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = counted_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
