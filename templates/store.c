/* SPDX-License-Identifier: Apache-2.0 */
/*
 * example - a store plugin: where archives lie. This one keeps them in a directory, as plainly as
 * that can be done safely. hbcore/store.h is the contract. A section of the configuration selects
 * it, and URLs begin with the label of that section:
 *
 *     [store:mine]
 *     plugin = example
 *     root = /mnt/archives
 *
 *     hbcore backup -o mine://nightly/monday.zip
 */
#define _POSIX_C_SOURCE 200809L /* openat, pread, pwrite, fdopendir */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <hbcore/store.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* One for each section that selects the plugin. All state lives here, none in static variables. */
struct store {
    const struct hb_host *host;
    int root; /* the directory, held open */
};

/* CHANGE: what a section can set. The host checks the values; `plugins show` prints the table. */
enum { ROOT, OPTIONS };

static const struct hb_option *const options[OPTIONS] = {
    [ROOT] = &(const struct hb_option){.size = sizeof(struct hb_option),
                                       .type = HB_OPTION_PATH,
                                       .key = "root",
                                       .help = "Directory that the archives lie in",
                                       .flags = HB_OPTION_REQUIRED},
};

/* What could not be done, with the kind of reason, for who decides by it. */
static int failed(const struct store *store, const char *what)
{
    uint32_t cause = errno == ENOSPC || errno == EDQUOT  ? HB_CAUSE_NO_SPACE
                     : errno == EACCES || errno == EPERM ? HB_CAUSE_DENIED
                     : errno == ENOENT                   ? HB_CAUSE_NOT_FOUND
                                                         : HB_CAUSE_NONE;
    return store->host->fail_as(store->host, HB_STATUS_FATAL, cause, NULL, "cannot be %s: %s", what,
                                strerror(errno));
}

/*
 * CHANGE: the name of an object becomes that of a file: a '/' becomes "%2F", so that there are no
 * directories to make. What is not finished begins with a dot, which no object does.
 */
static int file_of(const struct store *store, const char *name, char file[NAME_MAX + 1])
{
    size_t bytes = 0;
    for (const char *at = name; *at != '\0'; at++) {
        bool plain = *at != '/' && *at != '%' && (*at != '.' || at != name);
        if (bytes + (plain ? 1 : 3) > NAME_MAX)
            return store->host->fail_as(store->host, HB_STATUS_FATAL, HB_CAUSE_UNSUPPORTED,
                                        "choose a shorter name", "its name is too long");
        bytes += (size_t)snprintf(file + bytes, 4, plain ? "%c" : "%%%02X", (unsigned char)*at);
    }
    file[bytes] = '\0';
    return HB_OK;
}

/* The same back. */
static void name_of(const char *file, char name[NAME_MAX + 1])
{
    for (; *file != '\0'; file++) {
        char digits[3] = {file[0] == '%' ? file[1] : '\0', '\0', '\0'};
        digits[1] = digits[0] == '\0' ? '\0' : file[2];
        *name++ = digits[1] == '\0' ? *file : (char)strtoul(digits, NULL, 16);
        file += digits[1] == '\0' ? 0 : 2;
    }
    *name = '\0';
}

/* CHANGE: what is another one for each content of a name. */
static void version_of(const struct stat *status, char version[80])
{
    snprintf(version, 80, "%llx-%llx-%llx.%lx", (unsigned long long)status->st_ino,
             (unsigned long long)status->st_size, (unsigned long long)status->st_mtim.tv_sec,
             (unsigned long)status->st_mtim.tv_nsec);
}

static int limits(void *self, const char *name, struct hb_store_limits *limits)
{
    (void)self;
    (void)name;
    limits->parallel = 4; /* the rest as the host has set it: parts of any size */
    limits->name_most = NAME_MAX;
    return HB_OK;
}

/* ---- writing ------------------------------------------------------------------------------- */

struct upload {
    int fd;
    bool committed;
    char file[96]; /* while it is not finished */
};

static int put_begin(void *self, const struct hb_put *put, void **upload)
{
    const struct store *store = self;
    struct upload *made = calloc(1, sizeof *made);
    if (made == NULL)
        return store->host->fail(store->host, HB_STATUS_FATAL, "out of memory");
    snprintf(made->file, sizeof made->file, ".part-%.64s", put->run);
    made->fd = openat(store->root, made->file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made->fd < 0) {
        free(made);
        return failed(store, "begun");
    }
    *upload = made;
    return HB_OK;
}

static int put_part(void *self, void *upload, uint64_t number, uint64_t offset, const void *data,
                    size_t bytes)
{
    const struct upload *made = upload;
    (void)number;
    for (size_t done = 0; done < bytes;) {
        ssize_t put =
            pwrite(made->fd, (const char *)data + done, bytes - done, (off_t)(offset + done));
        if (put < 0)
            return failed(self, "written");
        done += (size_t)put;
    }
    return HB_OK;
}

/* Flushed, renamed, and its directory flushed: after a power failure it is there, or never was. */
static int put_commit(void *self, void *upload, const struct hb_put *put, uint64_t bytes)
{
    const struct store *store = self;
    struct upload *made = upload;
    char file[NAME_MAX + 1];
    int status = file_of(store, put->name, file);
    if (status != HB_OK)
        return status;
    if (ftruncate(made->fd, (off_t)bytes) != 0 || fsync(made->fd) != 0)
        return failed(store, "flushed");
    if (renameat(store->root, made->file, store->root, file) != 0)
        return failed(store, "given its name");
    made->committed = true;
    if (fsync(store->root) != 0) {
        failed(store, "flushed with its directory");
        return HB_STATUS_UNCERTAIN; /* it has its name now; whether for good nobody can tell */
    }
    return HB_OK;
}

static void put_end(void *self, void *upload)
{
    const struct store *store = self;
    struct upload *made = upload;
    if (!made->committed)
        unlinkat(store->root, made->file, 0);
    close(made->fd);
    free(made);
}

/* ---- reading ------------------------------------------------------------------------------- */

struct reader {
    int fd;
    char *name;
    char version[80];
};

static void close_reader(void *self, void *reader)
{
    struct reader *made = reader;
    (void)self;
    close(made->fd);
    free(made->name);
    free(made);
}

static int open_object(void *self, const char *name, const char *version, void **reader,
                       struct hb_object *object)
{
    const struct store *store = self;
    struct stat status;
    char file[NAME_MAX + 1];
    int result = file_of(store, name, file);
    if (result != HB_OK)
        return result;
    struct reader *made = calloc(1, sizeof *made);
    if (made == NULL)
        return store->host->fail(store->host, HB_STATUS_FATAL, "out of memory");
    made->name = strdup(name);
    made->fd = openat(store->root, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (made->fd < 0 || fstat(made->fd, &status) != 0 || made->name == NULL) {
        result = made->fd < 0 && errno == ENOENT ? HB_STATUS_NOMATCH : failed(store, "opened");
        close_reader(self, made);
        return result;
    }
    version_of(&status, made->version);
    if (version != NULL && strcmp(version, made->version) != 0) {
        close_reader(self, made);
        return HB_STATUS_NOMATCH;
    }
    object->name = made->name;
    object->version = made->version;
    object->bytes = (uint64_t)status.st_size;
    object->written = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
    *reader = made;
    return HB_OK;
}

static int64_t read_at(void *self, void *reader, void *buffer, size_t bytes, uint64_t offset)
{
    const struct reader *made = reader;
    size_t done = 0;
    while (done < bytes) {
        ssize_t got = pread(made->fd, (char *)buffer + done, bytes - done, (off_t)(offset + done));
        if (got < 0)
            return failed(self, "read");
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (int64_t)done;
}

/* ---- what there is ------------------------------------------------------------------------- */

static int list_one(const struct store *store, const char *file, const char *prefix,
                    const struct hb_object_lister *lister)
{
    struct stat status;
    char name[NAME_MAX + 1], version[80];
    name_of(file, name);
    if (*file == '.' || strncmp(name, prefix, strlen(prefix)) != 0)
        return HB_OK;
    if (fstatat(store->root, file, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? HB_OK : failed(store, "looked at");
    version_of(&status, version);
    struct hb_object object = {
        .size = sizeof object,
        .name = name,
        .version = version,
        .bytes = (uint64_t)status.st_size,
        .written = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec,
    };
    return S_ISREG(status.st_mode) ? lister->object(lister, &object) : HB_OK;
}

static int list(void *self, const char *prefix, const struct hb_object_lister *lister)
{
    const struct store *store = self;
    int fd = openat(store->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), status = HB_OK;
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        status = failed(store, "listed");
        if (fd >= 0)
            close(fd);
        return status;
    }
    const struct dirent *found = NULL;
    while (status == HB_OK && (errno = 0, found = readdir(directory)) != NULL)
        status = list_one(store, found->d_name, prefix, lister);
    if (status == HB_OK && errno != 0)
        status = failed(store, "listed to the end");
    closedir(directory);
    return status;
}

/* CHANGE: nothing may come between the look and the removal where several machines write. */
static int remove_object(void *self, const char *name, const char *version)
{
    const struct store *store = self;
    struct stat status;
    char file[NAME_MAX + 1], now[80];
    int result = file_of(store, name, file);
    if (result != HB_OK)
        return result;
    if (fstatat(store->root, file, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? HB_STATUS_NOMATCH : failed(store, "looked at");
    version_of(&status, now);
    if (strcmp(now, version) != 0)
        return HB_STATUS_NOMATCH;
    return unlinkat(store->root, file, 0) == 0 ? HB_OK : failed(store, "removed");
}

/* ---- the plugin ---------------------------------------------------------------------------- */

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    const char *root = settings->values[ROOT]->text;
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    store->host = host;
    store->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->root < 0) {
        free(store);
        return host->fail(host, HB_STATUS_FATAL, "[%s] root: %s: %s", settings->section, root,
                          strerror(errno));
    }
    *self = store;
    return HB_OK;
}

static void destroy(void *self)
{
    struct store *store = self;
    close(store->root);
    free(store);
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
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_STORE,
    .host_size = HB_SIZE_TO(struct hb_host, fail_as),
    .name = "example", /* the file must be called example.so */
    .version = "0.1",
    .summary = "Keeps archives in a directory",
    .options = options,
    .option_count = OPTIONS,
    .create = create,
    .destroy = destroy,
    .ops = &ops,
};

/* So that the host need not load it to know it. */
HB_PLUGIN_KIND(HB_KIND_STORE);

/* The one symbol; hbcore/plugin.h declares it so that it can be seen from outside. */
const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
