/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odd - a store plugin in a directory, with odd limits: parts of exactly 64 KiB, no patch, no late
 * name, nothing exclusive. It fails when it is told to, so that the host can be watched.
 *
 * An object is one file: a head of HEAD_BYTES with version, run and length, then the content. What
 * is being uploaded is a file whose name begins with a dot, which no object's does.
 *
 * ODD_FAULT="CALL:NUMBER:KIND" in the environment strikes in the call of that number, from 1:
 * `fail` does nothing and says so; `lost` does it and says that it failed (a commit: that nobody
 * can tell); `unsure` does nothing and says that nobody can tell; `kill` and `killed` end the
 * process, before and after it was done.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hbcore/store.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART_BYTES = 65536, HEAD_BYTES = 128, ID_BYTES = 16 };

struct odd {
    const struct hb_host *host;
    char root[PATH_MAX / 2];
    long slow_ms;
    char fault_call[32], fault_kind[16];
    unsigned long fault_number, calls;
};

/* In the order of the table below. */
enum key { ROOT, SLOW, KEYS };

static const struct hb_option *const options[KEYS] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "root",
                              .default_text = "",
                              .help = "The directory that all objects lie in"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_INTEGER,
                              .key = "slow",
                              .default_text = "0",
                              .minimum = 0,
                              .maximum = 1000,
                              .help = "Milliseconds that each part takes"},
};

/* ---- faults ---------------------------------------------------------------------------------- */

static void read_fault(struct odd *odd)
{
    const char *fault = getenv("ODD_FAULT");
    if (fault != NULL && sscanf(fault, "%31[a-z_]:%lu:%15[a-z]", odd->fault_call,
                                &odd->fault_number, odd->fault_kind) != 3)
        odd->fault_number = 0;
}

/* What strikes in this call: "", or a kind. */
static const char *strike(struct odd *odd, const char *call)
{
    if (odd->fault_number == 0 || strcmp(call, odd->fault_call) != 0 ||
        ++odd->calls != odd->fault_number)
        return "";
    if (strcmp(odd->fault_kind, "kill") == 0)
        raise(SIGKILL);
    return odd->fault_kind;
}

static int is(const char *kind, const char *other)
{
    return strcmp(kind, other) == 0;
}

/* The end of a call that has come to `status`. */
static int end(const struct odd *odd, const char *kind, int status)
{
    if (is(kind, "killed"))
        raise(SIGKILL);
    return is(kind, "lost") ? odd->host->fail(odd->host, HB_STATUS_FATAL, "the answer was lost")
                            : status;
}

static int struck(const struct odd *odd)
{
    return odd->host->fail(odd->host, HB_STATUS_FATAL, "the store was told to fail");
}

static int failed(const struct odd *odd, const char *what)
{
    return odd->host->fail(odd->host, HB_STATUS_FATAL, "%s: %s", what, strerror(errno));
}

/* ---- names and heads ------------------------------------------------------------------------- */

/* '/' becomes '+', which no name of a test has; a leading dot stays out of the way of uploads. */
static void file_of(const struct odd *odd, const char *name, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/=%s", odd->root, name);
    for (char *at = path + strlen(odd->root) + 2; *at != '\0'; at++)
        if (*at == '/')
            *at = '+';
}

struct head {
    char version[2 * ID_BYTES + 1], run[65];
    unsigned long long bytes;
    int64_t written;
};

static int read_head(int fd, struct head *head)
{
    char text[HEAD_BYTES + 1] = "";
    struct stat status;
    if (pread(fd, text, HEAD_BYTES, 0) != HEAD_BYTES || fstat(fd, &status) != 0)
        return -1;
    head->written = (int64_t)status.st_mtim.tv_sec * 1000000000;
    return sscanf(text, "%32s %64s %llu", head->version, head->run, &head->bytes) == 3 ? 0 : -1;
}

static void fill_object(const struct head *head, const char *name, struct hb_object *object)
{
    object->name = name;
    object->version = head->version;
    object->run = head->run;
    object->bytes = head->bytes;
    object->written = head->written;
}

/* ---- writing --------------------------------------------------------------------------------- */

struct upload {
    int fd;
    uint64_t parts, bytes; /* the last part is the only one that may be short */
    struct head head;
    char path[PATH_MAX];
};

static int limits(void *self, const char *name, struct hb_store_limits *answer)
{
    struct odd *odd = self;
    (void)name;
    if (*strike(odd, "limits") != '\0')
        return struck(odd);
    answer->flags = HB_STORE_EQUAL;
    answer->part_least = answer->part_most = PART_BYTES;
    answer->parts_most = 100000;
    answer->bytes_most = (uint64_t)PART_BYTES * 100000;
    answer->name_most = 200;
    return HB_OK;
}

static int put_begin(void *self, const struct hb_put *put, void **out)
{
    struct odd *odd = self;
    unsigned char id[ID_BYTES];
    const char *kind = strike(odd, "put_begin");
    if (is(kind, "fail"))
        return struck(odd);
    struct upload *upload = calloc(1, sizeof *upload);
    if (upload == NULL || getrandom(id, sizeof id, 0) != (ssize_t)sizeof id) {
        free(upload);
        return failed(odd, "no upload");
    }
    for (size_t i = 0; i < sizeof id; i++)
        snprintf(upload->head.version + 2 * i, 3, "%02x", (unsigned)id[i]);
    snprintf(upload->head.run, sizeof upload->head.run, "%s", put->run);
    snprintf(upload->path, sizeof upload->path, "%s/.upload-%s", odd->root, upload->head.version);
    upload->fd = open(upload->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (upload->fd < 0) {
        free(upload);
        return failed(odd, "no upload");
    }
    if (is(kind, "lost")) {
        close(upload->fd);
        free(upload);
        return struck(odd);
    }
    *out = upload;
    return end(odd, kind, HB_OK);
}

static int put_part(void *self, void *of, uint64_t number, uint64_t offset, const void *data,
                    size_t bytes)
{
    struct odd *odd = self;
    struct upload *upload = of;
    const char *kind = strike(odd, "put_part");
    if (is(kind, "fail"))
        return struck(odd);
    usleep((useconds_t)odd->slow_ms * 1000);
    if (offset != number * PART_BYTES || bytes == 0 || bytes > PART_BYTES)
        return odd->host->fail(odd->host, HB_STATUS_FATAL, "part %llu is not one of 64 KiB",
                               (unsigned long long)number);
    if (pwrite(upload->fd, data, bytes, (off_t)(HEAD_BYTES + offset)) != (ssize_t)bytes)
        return failed(odd, "a part");
    upload->parts = number + 1 > upload->parts ? number + 1 : upload->parts;
    upload->bytes += bytes;
    return end(odd, kind, HB_OK);
}

static int commit(const struct odd *odd, struct upload *upload, const struct hb_put *put)
{
    char text[HEAD_BYTES + 1], path[PATH_MAX];
    upload->head.bytes = upload->bytes;
    char head[HEAD_BYTES];
    snprintf(head, sizeof head, "%s %s %llu", upload->head.version, upload->head.run,
             upload->head.bytes);
    snprintf(text, sizeof text, "%-127s\n", head);
    file_of(odd, put->name, path);
    if (pwrite(upload->fd, text, HEAD_BYTES, 0) != HEAD_BYTES || fsync(upload->fd) != 0 ||
        rename(upload->path, path) != 0)
        return failed(odd, "the commit");
    upload->path[0] = '\0';
    return HB_OK;
}

static int put_commit(void *self, void *of, const struct hb_put *put, uint64_t bytes)
{
    struct odd *odd = self;
    struct upload *upload = of;
    const char *kind = strike(odd, "put_commit");
    if (is(kind, "fail"))
        return struck(odd);
    if (is(kind, "unsure"))
        return odd->host->fail(odd->host, HB_STATUS_UNCERTAIN, "no answer came");
    uint64_t full = upload->parts == 0 ? 0 : (upload->parts - 1) * PART_BYTES;
    if (bytes != upload->bytes || bytes < full || bytes - full > PART_BYTES)
        return odd->host->fail(odd->host, HB_STATUS_FATAL,
                               "a part before the last is not of 64 KiB");
    int status = commit(odd, upload, put);
    if (status == HB_OK && is(kind, "lost"))
        return odd->host->fail(odd->host, HB_STATUS_UNCERTAIN, "the answer was lost");
    return end(odd, kind, status);
}

static void put_end(void *self, void *of)
{
    struct upload *upload = of;
    (void)self;
    close(upload->fd);
    if (upload->path[0] != '\0')
        unlink(upload->path);
    free(upload);
}

/* ---- reading --------------------------------------------------------------------------------- */

struct reader {
    int fd;
    struct head head;
    char name[256];
};

static void close_reader(void *self, void *of)
{
    struct reader *reader = of;
    (void)self;
    close(reader->fd);
    free(reader);
}

static int open_object(void *self, const char *name, const char *version, void **out,
                       struct hb_object *object)
{
    struct odd *odd = self;
    char path[PATH_MAX];
    const char *kind = strike(odd, "open");
    if (*kind != '\0' && !is(kind, "killed"))
        return struck(odd);
    file_of(odd, name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? HB_STATUS_NOMATCH : failed(odd, name);
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || read_head(fd, &reader->head) != 0) {
        free(reader);
        close(fd);
        return odd->host->fail(odd->host, HB_STATUS_FATAL, "%s: no head", name);
    }
    reader->fd = fd;
    snprintf(reader->name, sizeof reader->name, "%s", name);
    if (version != NULL && strcmp(version, reader->head.version) != 0) {
        close_reader(odd, reader);
        return HB_STATUS_NOMATCH;
    }
    fill_object(&reader->head, reader->name, object);
    *out = reader;
    return end(odd, kind, HB_OK);
}

/* Any thread; the counter of faults is for runs with one worker. */
static int64_t read_at(void *self, void *of, void *buffer, size_t bytes, uint64_t offset)
{
    struct odd *odd = self;
    const struct reader *reader = of;
    if (*strike(odd, "read_at") != '\0')
        return struck(odd);
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(reader->fd, (char *)buffer + done, bytes - done,
                            (off_t)(HEAD_BYTES + offset + done));
        if (got < 0)
            return failed(odd, reader->name);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

/* ---- listing and removing -------------------------------------------------------------------- */

static int list_one(const struct odd *odd, const char *file, const char *prefix,
                    const struct hb_object_lister *lister)
{
    char path[PATH_MAX], name[256];
    struct head head;
    snprintf(name, sizeof name, "%s", file + 1);
    for (char *at = name; *at != '\0'; at++)
        if (*at == '+')
            *at = '/';
    if (strncmp(name, prefix, strlen(prefix)) != 0)
        return HB_OK;
    file_of(odd, name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return HB_OK;
    int known = fd >= 0 && read_head(fd, &head) == 0;
    if (fd >= 0)
        close(fd);
    if (!known)
        return odd->host->fail(odd->host, HB_STATUS_FATAL, "%s: no head", name);
    struct hb_object object = {.size = sizeof object};
    fill_object(&head, name, &object);
    return lister->object(lister, &object);
}

static int list(void *self, const char *prefix, const struct hb_object_lister *lister)
{
    struct odd *odd = self;
    int status = HB_OK;
    if (*strike(odd, "list") != '\0')
        return struck(odd);
    DIR *directory = opendir(odd->root);
    if (directory == NULL)
        return failed(odd, odd->root);
    for (struct dirent *entry; status == HB_OK && (entry = readdir(directory)) != NULL;)
        if (entry->d_name[0] == '=')
            status = list_one(odd, entry->d_name, prefix, lister);
    closedir(directory);
    return status;
}

static int remove_object(void *self, const char *name, const char *version)
{
    struct odd *odd = self;
    char path[PATH_MAX];
    struct head head;
    const char *kind = strike(odd, "remove");
    if (is(kind, "fail"))
        return struck(odd);
    file_of(odd, name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? HB_STATUS_NOMATCH : failed(odd, name);
    int same = read_head(fd, &head) == 0 && strcmp(head.version, version) == 0;
    close(fd);
    if (!same)
        return HB_STATUS_NOMATCH;
    if (unlink(path) != 0)
        return failed(odd, name);
    return end(odd, kind, HB_OK);
}

static int sweep(void *self, const char *prefix, const char *home, int64_t before, uint64_t *swept)
{
    struct odd *odd = self;
    (void)prefix;
    (void)home;
    DIR *directory = opendir(odd->root);
    if (directory == NULL)
        return failed(odd, odd->root);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        struct stat status;
        if (strncmp(entry->d_name, ".upload-", 8) == 0 &&
            fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            (int64_t)status.st_mtim.tv_sec * 1000000000 < before &&
            unlinkat(dirfd(directory), entry->d_name, 0) == 0)
            ++*swept;
    }
    closedir(directory);
    return HB_OK;
}

/* ---- the plugin ------------------------------------------------------------------------------ */

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct odd *odd = calloc(1, sizeof *odd);
    if (odd == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    odd->host = host;
    snprintf(odd->root, sizeof odd->root, "%s", settings->values[ROOT]->text);
    odd->slow_ms = (long)settings->values[SLOW]->number;
    read_fault(odd);
    *self = odd;
    if (odd->root[0] != '\0')
        return HB_OK;
    free(odd);
    return host->fail(host, HB_STATUS_FATAL, "[%s] root: names no directory", settings->section);
}

static void destroy(void *self)
{
    free(self);
}

static const struct hb_store_ops ops = {
    .size = sizeof ops,
    .limits = limits,
    .put_begin = put_begin,
    .put_part = put_part,
    .put_commit = put_commit,
    .put_end = put_end,
    .open = open_object,
    .read_at = read_at,
    .close = close_reader,
    .list = list,
    .remove = remove_object,
    .sweep = sweep,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_STORE,
    .host_size = offsetof(struct hb_host, fail) + sizeof(void (*)(void)),
    .name = "odd",
    .version = "1.0",
    .summary = "A directory with odd limits, which fails when it is told to",
    .options = options,
    .option_count = KEYS,
    .create = create,
    .destroy = destroy,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
