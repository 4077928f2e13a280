/* SPDX-License-Identifier: Apache-2.0 */
/*
 * odd - a store plugin in a directory, with odd limits: parts of exactly 64 KiB, no patch, no late
 * name, nothing exclusive. It fails when it is told to, so that the host can be watched.
 *
 * An object is one file: a head of HEAD_BYTES with version, run and length, then the content. What
 * is being uploaded is a file whose name begins with a dot, which no object's does.
 *
 * With `plain = yes` the object "/a/b.zip" is the file of that path and nothing else, so that tests
 * which look at files can go through this store: its version is what fstat() says of it, and who
 * put it stands in a file of `root`.
 *
 * ODD_FAULT="CALL:NUMBER:KIND" in the environment strikes in the call of that number, from 1:
 * `fail` does nothing and says so; `lost` does it and says that it failed (a commit: that nobody
 * can tell); `unsure` does nothing and says that nobody can tell; `kill` and `killed` end the
 * process, before and after it was done; `network` and `busy` do nothing and say that it is worth
 * another try; `stop` says so, too, and asks the process to stop; with a number "N+" each call from
 * that one on is struck; `wait` opens the FIFO "here" in the root, and then "gate",
 * each of which blocks until the test has opened its end; `twice` lists each object twice, and
 * `other` the second time with another version; `nameless` and `unversioned`, and `flags` and
 * `parts`, answer open() and limits() so that the host must refuse.
 */
#define _DEFAULT_SOURCE 1 /* what is beyond C11: openat, pread, st_mtim, PATH_MAX */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hbcore/store.h>
#include <limits.h>
#include <pthread.h>
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
    int plain, copies;
    uint32_t parallel;
    pthread_mutex_t lock; /* of the counter of faults and of what uploads count */
    uint64_t head_bytes;  /* in front of the content */
    char fault_call[32], fault_kind[16];
    unsigned long fault_number, calls;
    int fault_goes_on;
};

/* In the order of the table below. */
enum key { ROOT, SLOW, PLAIN, PARALLEL, COPIES, KEYS };

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
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_BOOLEAN,
                              .key = "plain",
                              .default_text = "no",
                              .help = "An object is the file that its name is the path of"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_INTEGER,
                              .key = "parallel",
                              .default_text = "1",
                              .minimum = 1,
                              .maximum = 16,
                              .help = "So many parts of an upload at once"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_BOOLEAN,
                              .key = "copies",
                              .default_text = "no",
                              .help = "A part may be a range of another object"},
};

/* ---- faults ---------------------------------------------------------------------------------- */

static void read_fault(struct odd *odd)
{
    const char *fault = getenv("ODD_FAULT");
    if (fault == NULL)
        return;
    odd->fault_goes_on = strstr(fault, "+:") != NULL;
    if (sscanf(fault, odd->fault_goes_on ? "%31[a-z_]:%lu+:%15[a-z]" : "%31[a-z_]:%lu:%15[a-z]",
               odd->fault_call, &odd->fault_number, odd->fault_kind) != 3)
        odd->fault_number = 0;
}

static void pass_gate(const struct odd *odd, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", odd->root, name);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
}

/* Is it this call's turn? */
static int is_struck(struct odd *odd, const char *call)
{
    if (odd->fault_number == 0 || strcmp(call, odd->fault_call) != 0)
        return 0;
    pthread_mutex_lock(&odd->lock);
    unsigned long number = ++odd->calls;
    pthread_mutex_unlock(&odd->lock);
    return number == odd->fault_number || (odd->fault_goes_on && number > odd->fault_number);
}

/* What strikes in this call: "", or a kind. */
static const char *strike(struct odd *odd, const char *call)
{
    if (!is_struck(odd, call))
        return "";
    if (strcmp(odd->fault_kind, "stop") == 0)
        raise(SIGTERM);
    if (strcmp(odd->fault_kind, "kill") == 0)
        raise(SIGKILL);
    if (strcmp(odd->fault_kind, "wait") == 0) {
        pass_gate(odd, "here");
        pass_gate(odd, "gate");
        return "";
    }
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

/* It did nothing. */
static int did_nothing(const char *kind)
{
    static const char *const kinds[] = {"fail", "network", "busy", "stop"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (is(kind, kinds[i]))
            return 1;
    return 0;
}

static int struck(const struct odd *odd)
{
    const struct hb_host *host = odd->host;
    int busy = is(odd->fault_kind, "busy");
    if (busy || is(odd->fault_kind, "network") || is(odd->fault_kind, "stop"))
        return host->fail_as(host, HB_STATUS_FATAL, busy ? HB_CAUSE_BUSY : HB_CAUSE_NETWORK, NULL,
                             "the store was told to fail");
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
    if (odd->plain) {
        snprintf(path, PATH_MAX, "%s", name);
        return;
    }
    snprintf(path, PATH_MAX, "%s/=%s", odd->root, name);
    for (char *at = path + strlen(odd->root) + 2; *at != '\0'; at++)
        if (*at == '/')
            *at = '+';
}

struct head {
    char version[96], run[65];
    unsigned long long bytes;
    int64_t written;
};

/* Where it stands which run has put a plain file. */
static void run_file(const struct odd *odd, const char *version, char path[PATH_MAX])
{
    snprintf(path, PATH_MAX, "%s/run-%s", odd->root, version);
}

static int head_of_plain(const struct odd *odd, const struct stat *status, struct head *head)
{
    char path[PATH_MAX];
    snprintf(head->version, sizeof head->version, "%llx-%llx-%llx-%llx.%lx",
             (unsigned long long)status->st_dev, (unsigned long long)status->st_ino,
             (unsigned long long)status->st_size, (unsigned long long)status->st_mtim.tv_sec,
             (unsigned long)status->st_mtim.tv_nsec);
    head->bytes = (unsigned long long)status->st_size;
    run_file(odd, head->version, path);
    memset(head->run, 0, sizeof head->run);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    int known = read(fd, head->run, sizeof head->run - 1) >= 0;
    close(fd);
    return known ? 0 : -1;
}

static int read_head(const struct odd *odd, int fd, struct head *head)
{
    char text[HEAD_BYTES + 1] = "";
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -1;
    head->written = (int64_t)status.st_mtim.tv_sec * 1000000000;
    if (odd->plain)
        return head_of_plain(odd, &status, head);
    if (pread(fd, text, HEAD_BYTES, 0) != HEAD_BYTES)
        return -1;
    return sscanf(text, "%95s %64s %llu", head->version, head->run, &head->bytes) == 3 ? 0 : -1;
}

static void fill_object(const struct head *head, const char *name, struct hb_object *object)
{
    object->name = name;
    object->version = head->version;
    object->run = head->run[0] == '\0' ? NULL : head->run;
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
    const char *kind = strike(odd, "limits");
    if (*kind != '\0' && !is(kind, "flags") && !is(kind, "parts"))
        return struck(odd);
    answer->flags = is(kind, "flags") ? HB_STORE_EQUAL | 0x4000 : HB_STORE_EQUAL;
    if (odd->copies)
        answer->flags |= HB_STORE_COPY | HB_STORE_COPY_PINNED;
    answer->parallel = odd->parallel;
    answer->part_least = answer->part_most = PART_BYTES;
    if (is(kind, "parts"))
        answer->part_least++;
    answer->parts_most = 100000;
    answer->bytes_most = (uint64_t)PART_BYTES * 100000;
    answer->name_most = odd->plain ? PATH_MAX - 1 : 200;
    return HB_OK;
}

/* A plain one lies beside its name, for a rename stays in one file system. */
static void place_upload(const struct odd *odd, const char *name, struct upload *upload)
{
    const char *slash = strrchr(name, '/');
    const char *above = odd->plain ? name : odd->root;
    int bytes = odd->plain ? (int)(slash - name) : (int)strlen(odd->root);
    snprintf(upload->path, sizeof upload->path, "%.*s/.upload-%s", bytes, above,
             upload->head.version);
    for (char *at = upload->path + 1; odd->plain && (at = strchr(at, '/')) != NULL; *at++ = '/') {
        *at = '\0';
        mkdir(upload->path, 0700);
    }
}

static int put_begin(void *self, const struct hb_put *put, void **out)
{
    struct odd *odd = self;
    unsigned char id[ID_BYTES];
    const char *kind = strike(odd, "put_begin");
    if (did_nothing(kind))
        return struck(odd);
    if (odd->plain && put->name[0] != '/')
        return odd->host->fail(odd->host, HB_STATUS_FATAL, "a plain name is a path");
    struct upload *upload = calloc(1, sizeof *upload);
    if (upload == NULL || getrandom(id, sizeof id, 0) != (ssize_t)sizeof id) {
        free(upload);
        return failed(odd, "no upload");
    }
    for (size_t i = 0; i < sizeof id; i++)
        snprintf(upload->head.version + 2 * i, 3, "%02x", (unsigned)id[i]);
    snprintf(upload->head.run, sizeof upload->head.run, "%s", put->run);
    place_upload(odd, put->name, upload);
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

/* One that comes again counts once, for tests know no other than the last that failed. */
static void count_part(struct odd *odd, struct upload *upload, uint64_t number, size_t bytes)
{
    pthread_mutex_lock(&odd->lock);
    upload->parts = number + 1 > upload->parts ? number + 1 : upload->parts;
    upload->bytes += bytes;
    pthread_mutex_unlock(&odd->lock);
}

static int put_part(void *self, void *of, uint64_t number, uint64_t offset, const void *data,
                    size_t bytes)
{
    struct odd *odd = self;
    struct upload *upload = of;
    const char *kind = strike(odd, "put_part");
    if (did_nothing(kind))
        return struck(odd);
    usleep((useconds_t)odd->slow_ms * 1000);
    if (offset != number * PART_BYTES || bytes == 0 || bytes > PART_BYTES)
        return odd->host->fail(odd->host, HB_STATUS_FATAL, "part %llu is not one of 64 KiB",
                               (unsigned long long)number);
    if (pwrite(upload->fd, data, bytes, (off_t)(odd->head_bytes + offset)) != (ssize_t)bytes)
        return failed(odd, "a part");
    count_part(odd, upload, number, bytes);
    return end(odd, kind, HB_OK);
}

/* Who has put it, before it is there: found by what it will be known by. */
static int write_head(const struct odd *odd, struct upload *upload)
{
    char text[HEAD_BYTES + 1], head[HEAD_BYTES], path[PATH_MAX];
    struct stat status;
    if (!odd->plain) {
        int length = snprintf(head, sizeof head, "%s %s %llu", upload->head.version,
                              upload->head.run, upload->head.bytes);
        if (length < 0 || (size_t)length >= sizeof head)
            return -1;
        snprintf(text, sizeof text, "%-127s\n", head);
        return pwrite(upload->fd, text, HEAD_BYTES, 0) == HEAD_BYTES ? 0 : -1;
    }
    struct head plain;
    if (fstat(upload->fd, &status) != 0 || head_of_plain(odd, &status, &plain) != 0)
        return -1;
    run_file(odd, plain.version, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    size_t bytes = strlen(upload->head.run);
    int written = write(fd, upload->head.run, bytes) == (ssize_t)bytes;
    close(fd);
    return written ? 0 : -1;
}

static int commit(const struct odd *odd, struct upload *upload, const struct hb_put *put)
{
    char path[PATH_MAX];
    upload->head.bytes = upload->bytes;
    file_of(odd, put->name, path);
    if (write_head(odd, upload) != 0 || fsync(upload->fd) != 0 || rename(upload->path, path) != 0)
        return failed(odd, "the commit");
    upload->path[0] = '\0';
    return HB_OK;
}

static int put_commit(void *self, void *of, const struct hb_put *put, uint64_t bytes)
{
    struct odd *odd = self;
    struct upload *upload = of;
    const char *kind = strike(odd, "put_commit");
    if (did_nothing(kind))
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
    char name[PATH_MAX];
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
    if (*kind != '\0' && !is(kind, "killed") && !is(kind, "nameless") && !is(kind, "unversioned"))
        return struck(odd);
    file_of(odd, name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? HB_STATUS_NOMATCH : failed(odd, name);
    struct reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL || read_head(odd, fd, &reader->head) != 0) {
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
    if (is(kind, "nameless"))
        object->name = NULL;
    if (is(kind, "unversioned"))
        object->version = "";
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
                            (off_t)(odd->head_bytes + offset + done));
        if (got < 0)
            return failed(odd, reader->name);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

/* A whole part of that version, read here; a test that counts put_part() sees that none was sent.
 */
static int put_copy(void *self, void *of, uint64_t number, uint64_t offset,
                    const struct hb_object *from, uint64_t from_offset, uint64_t bytes)
{
    struct odd *odd = self;
    struct upload *upload = of;
    struct hb_object object = {.size = sizeof object};
    void *reader;
    char data[PART_BYTES];
    const char *kind = strike(odd, "put_copy");
    if (did_nothing(kind))
        return struck(odd);
    if (bytes != PART_BYTES || offset != number * PART_BYTES)
        return odd->host->fail(odd->host, HB_STATUS_FATAL, "part %llu is not one of 64 KiB",
                               (unsigned long long)number);
    int status = open_object(odd, from->name, from->version, &reader, &object);
    if (status == HB_STATUS_NOMATCH)
        return odd->host->fail(odd->host, HB_STATUS_FATAL, "%s is not that version", from->name);
    if (status != HB_OK)
        return status;
    int whole =
        pread(((const struct reader *)reader)->fd, data, PART_BYTES,
              (off_t)(odd->head_bytes + from_offset)) == PART_BYTES &&
        pwrite(upload->fd, data, PART_BYTES, (off_t)(odd->head_bytes + offset)) == PART_BYTES;
    close_reader(odd, reader);
    if (!whole)
        return failed(odd, "a copy");
    count_part(odd, upload, number, PART_BYTES);
    return end(odd, kind, HB_OK);
}

/* ---- listing and removing -------------------------------------------------------------------- */

/* What the object in that file is called. */
static void name_of(const struct odd *odd, const char *file, const char *prefix,
                    char name[PATH_MAX])
{
    if (odd->plain) {
        snprintf(name, PATH_MAX, "%.*s%s", (int)(strrchr(prefix, '/') + 1 - prefix), prefix, file);
        return;
    }
    snprintf(name, PATH_MAX, "%s", file + 1);
    for (char *at = name; *at != '\0'; at++)
        if (*at == '+')
            *at = '/';
}

/* Is that a file with an object in it? */
static int is_object(const struct odd *odd, const struct dirent *entry)
{
    return odd->plain ? entry->d_type == DT_REG && entry->d_name[0] != '.'
                      : entry->d_name[0] == '=';
}

static int list_one(const struct odd *odd, const char *kind, const char *file, const char *prefix,
                    const struct hb_object_lister *lister)
{
    char path[PATH_MAX], name[PATH_MAX];
    struct head head;
    name_of(odd, file, prefix, name);
    if (strncmp(name, prefix, strlen(prefix)) != 0)
        return HB_OK;
    file_of(odd, name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return HB_OK;
    int known = fd >= 0 && read_head(odd, fd, &head) == 0;
    if (fd >= 0)
        close(fd);
    if (!known)
        return odd->host->fail(odd->host, HB_STATUS_FATAL, "%s: no head", name);
    struct hb_object object = {.size = sizeof object};
    fill_object(&head, name, &object);
    int status = lister->object(lister, &object);
    if (is(kind, "other"))
        object.version = "another";
    return status != HB_OK || *kind == '\0' ? status : lister->object(lister, &object);
}

static int list(void *self, const char *prefix, const struct hb_object_lister *lister)
{
    struct odd *odd = self;
    int status = HB_OK;
    const char *kind = strike(odd, "list");
    if (*kind != '\0' && !is(kind, "twice") && !is(kind, "other"))
        return struck(odd);
    char above[PATH_MAX];
    if (odd->plain && prefix[0] != '/')
        return odd->host->fail(odd->host, HB_STATUS_FATAL, "a plain name is a path");
    snprintf(above, sizeof above, "%.*s",
             odd->plain ? (int)(strrchr(prefix, '/') + 1 - prefix) : PATH_MAX,
             odd->plain ? prefix : odd->root);
    DIR *directory = opendir(above);
    if (directory == NULL && odd->plain && errno == ENOENT)
        return HB_OK;
    if (directory == NULL)
        return failed(odd, above);
    for (struct dirent *entry; status == HB_OK && (entry = readdir(directory)) != NULL;)
        if (is_object(odd, entry))
            status = list_one(odd, kind, entry->d_name, prefix, lister);
    closedir(directory);
    return status;
}

static int remove_object(void *self, const char *name, const char *version)
{
    struct odd *odd = self;
    char path[PATH_MAX];
    struct head head;
    const char *kind = strike(odd, "remove");
    if (did_nothing(kind))
        return struck(odd);
    file_of(odd, name, path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? HB_STATUS_NOMATCH : failed(odd, name);
    int same = read_head(odd, fd, &head) == 0 && strcmp(head.version, version) == 0;
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
    odd->parallel = (uint32_t)settings->values[PARALLEL]->number;
    odd->copies = settings->values[COPIES]->number != 0;
    pthread_mutex_init(&odd->lock, NULL);
    odd->plain = settings->values[PLAIN]->number != 0;
    odd->head_bytes = odd->plain ? 0 : HEAD_BYTES;
    read_fault(odd);
    *self = odd;
    if (odd->root[0] != '\0')
        return HB_OK;
    free(odd);
    return host->fail(host, HB_STATUS_FATAL, "[%s] root: names no directory", settings->section);
}

static void destroy(void *self)
{
    pthread_mutex_destroy(&((struct odd *)self)->lock);
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
    .put_copy = put_copy,
    .sweep = sweep,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_STORE,
    .host_size = HB_SIZE_TO(struct hb_host, fail_as),
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
