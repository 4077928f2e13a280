/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cpio - a format plugin from outside: the small thing that the ABI promises to keep small.
 * begin_entry, append, end_entry, finish and walk, over libarchive's "newc" cpio.
 *
 * newc holds a size of 32 bits in front of the data and times in whole seconds; it has no
 * checksums. So files of 4 GiB and more are refused one by one, and the host keeps the
 * promise of sizes (HB_FORMAT_SIZE_FIRST).
 */
#define _POSIX_C_SOURCE 200809L /* strdup */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <hbcore/format.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NEWC_LARGEST UINT32_MAX

struct cpio {
    const struct hb_host *host;
    struct archive *writer;     /* NULL until the first entry */
    const struct hb_sink *sink; /* of the call that is running */
    int sink_status;            /* why the sink stopped, to be passed on */
};

struct reader {
    const struct hb_input *input;
    unsigned char block[64 * 1024];
};

static int cpio_create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct cpio *cpio = calloc(1, sizeof(*cpio));

    (void)settings;
    if (cpio == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    cpio->host = host;
    *self = cpio;
    return HB_OK;
}

static void cpio_destroy(void *self)
{
    struct cpio *cpio = self;

    if (cpio->writer != NULL) {
        /* What is still buffered must not reach a sink that is gone. */
        archive_write_fail(cpio->writer);
        archive_write_free(cpio->writer);
    }
    free(cpio);
}

/* ---- writing ------------------------------------------------------------------------------- */

static la_ssize_t to_sink(struct archive *writer, void *context, const void *data, size_t bytes)
{
    struct cpio *cpio = context;

    cpio->sink_status = cpio->sink->write(cpio->sink, data, bytes);
    if (cpio->sink_status == HB_OK)
        return (la_ssize_t)bytes;
    archive_set_error(writer, EIO, "the sink failed");
    return -1;
}

/* The sink has said why already; everything else is libarchive's to explain. */
static int writer_failed(const struct cpio *cpio, int status)
{
    const char *reason;

    if (cpio->sink_status != HB_OK)
        return cpio->sink_status;
    reason = archive_error_string(cpio->writer);
    return cpio->host->fail(cpio->host, status, "cannot write cpio: %s",
                            reason != NULL ? reason : "unknown error");
}

static int open_writer(struct cpio *cpio)
{
    cpio->writer = archive_write_new();
    if (cpio->writer == NULL)
        return cpio->host->fail(cpio->host, HB_STATUS_FATAL, "out of memory");
    if (archive_write_set_format_cpio_newc(cpio->writer) != ARCHIVE_OK ||
        archive_write_set_bytes_per_block(cpio->writer, 0) != ARCHIVE_OK ||
        archive_write_open(cpio->writer, cpio, NULL, to_sink, NULL) != ARCHIVE_OK)
        return writer_failed(cpio, HB_STATUS_FATAL);
    return HB_OK;
}

static void describe(struct archive_entry *header, const struct hb_entry *entry)
{
    static const mode_t types[] = {[HB_TYPE_FILE] = AE_IFREG,
                                   [HB_TYPE_DIRECTORY] = AE_IFDIR,
                                   [HB_TYPE_SYMLINK] = AE_IFLNK,
                                   [HB_TYPE_HARDLINK] = AE_IFREG};

    archive_entry_set_pathname(header, entry->path);
    archive_entry_set_filetype(header, types[entry->type]);
    archive_entry_set_perm(header, (mode_t)entry->mode);
    archive_entry_set_mtime(header, entry->mtime.tv_sec, 0);
    archive_entry_set_uid(header, entry->uid);
    archive_entry_set_gid(header, entry->gid);
    archive_entry_set_size(header, entry->type == HB_TYPE_FILE ? (la_int64_t)entry->bytes : 0);
    if (entry->type == HB_TYPE_SYMLINK)
        archive_entry_set_symlink(header, entry->link);
}

static int cpio_begin_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    struct cpio *cpio = self;
    struct archive_entry *header;
    int status;

    cpio->sink = sink;
    if (entry->type != HB_TYPE_FILE && entry->type != HB_TYPE_DIRECTORY &&
        entry->type != HB_TYPE_SYMLINK)
        return cpio->host->fail(cpio->host, HB_STATUS_ENTRY, "cpio cannot hold this type of file");
    if (entry->type == HB_TYPE_FILE && entry->bytes > NEWC_LARGEST)
        return cpio->host->fail(cpio->host, HB_STATUS_ENTRY,
                                "larger than the 4 GiB that cpio can hold; use another format");
    if (cpio->writer == NULL && open_writer(cpio) != HB_OK)
        return HB_STATUS_FATAL;
    header = archive_entry_new();
    if (header == NULL)
        return cpio->host->fail(cpio->host, HB_STATUS_FATAL, "out of memory");
    describe(header, entry);
    status = archive_write_header(cpio->writer, header) == ARCHIVE_OK
                 ? HB_OK
                 : writer_failed(cpio, HB_STATUS_FATAL);
    archive_entry_free(header);
    return status;
}

static int append_bytes(struct cpio *cpio, const void *data, size_t bytes)
{
    if (archive_write_data(cpio->writer, data, bytes) != (la_ssize_t)bytes)
        return writer_failed(cpio, HB_STATUS_FATAL);
    return HB_OK;
}

static int cpio_append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    struct cpio *cpio = self;

    cpio->sink = sink;
    return unit->bytes == 0 ? HB_OK : append_bytes(cpio, unit->data, (size_t)unit->bytes);
}

static int cpio_end_entry(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    struct cpio *cpio = self;

    (void)entry;
    cpio->sink = sink;
    return archive_write_finish_entry(cpio->writer) == ARCHIVE_OK
               ? HB_OK
               : writer_failed(cpio, HB_STATUS_FATAL);
}

static int cpio_finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    struct cpio *cpio = self;

    (void)trailer;
    (void)bytes;
    cpio->sink = sink;
    if (cpio->writer == NULL && open_writer(cpio) != HB_OK)
        return HB_STATUS_FATAL;
    return archive_write_close(cpio->writer) == ARCHIVE_OK ? HB_OK
                                                           : writer_failed(cpio, HB_STATUS_FATAL);
}

/* ---- reading ------------------------------------------------------------------------------- */

static la_ssize_t from_input(struct archive *archive, void *context, const void **block)
{
    struct reader *reader = context;
    int64_t got = reader->input->read(reader->input, reader->block, sizeof(reader->block));

    if (got < 0)
        archive_set_error(archive, EIO, "the archive cannot be read");
    *block = reader->block;
    return (la_ssize_t)got;
}

static int read_failed(const struct cpio *cpio, struct archive *archive)
{
    const char *reason = archive_error_string(archive);

    return cpio->host->fail(cpio->host, HB_STATUS_FATAL, "damaged cpio archive: %s",
                            reason != NULL ? reason : "unknown error");
}

static uint32_t type_of(struct archive_entry *header)
{
    if (archive_entry_hardlink(header) != NULL)
        return HB_TYPE_HARDLINK;
    switch (archive_entry_filetype(header)) {
    case AE_IFREG:
        return HB_TYPE_FILE;
    case AE_IFDIR:
        return HB_TYPE_DIRECTORY;
    case AE_IFLNK:
        return HB_TYPE_SYMLINK;
    default:
        return HB_TYPE_SPECIAL;
    }
}

/* As abi.h wants paths: no "./" in front, no '/' behind. In place; NULL: the root itself. */
static char *tidy(char *path)
{
    size_t length;

    while (strncmp(path, "./", 2) == 0)
        path += 2;
    length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        path[--length] = '\0';
    return length == 0 || strcmp(path, ".") == 0 ? NULL : path;
}

static void fill(struct hb_entry *entry, struct archive_entry *header, const char *path)
{
    memset(entry, 0, sizeof(*entry));
    entry->size = sizeof(*entry);
    entry->type = type_of(header);
    entry->path = path;
    entry->path_bytes = strlen(path);
    entry->link = entry->type == HB_TYPE_HARDLINK  ? archive_entry_hardlink(header)
                  : entry->type == HB_TYPE_SYMLINK ? archive_entry_symlink(header)
                                                   : NULL;
    entry->bytes = entry->type == HB_TYPE_FILE ? (uint64_t)archive_entry_size(header) : 0;
    entry->mtime.tv_sec = archive_entry_mtime(header);
    entry->mode = (uint32_t)archive_entry_perm(header);
    entry->flags = HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME | HB_ENTRY_HAS_OWNER;
    entry->uid = (uint32_t)archive_entry_uid(header);
    entry->gid = (uint32_t)archive_entry_gid(header);
}

static int pass_data(const struct cpio *cpio, struct archive *archive,
                     const struct hb_visitor *visitor)
{
    const void *block;
    size_t bytes;
    la_int64_t offset;
    int answer;

    while ((answer = archive_read_data_block(archive, &block, &bytes, &offset)) == ARCHIVE_OK) {
        int status = bytes == 0 ? HB_OK : visitor->data(visitor, block, bytes, (uint64_t)offset);

        if (status != HB_OK)
            return status;
    }
    return answer == ARCHIVE_EOF ? HB_OK : read_failed(cpio, archive);
}

static int pass_entry(const struct cpio *cpio, struct archive *archive,
                      struct archive_entry *header, uint64_t index,
                      const struct hb_visitor *visitor)
{
    const char *name = archive_entry_pathname(header);
    char *copy = name != NULL ? strdup(name) : NULL;
    const char *path = copy != NULL ? tidy(copy) : NULL;
    struct hb_entry entry;
    int status = HB_OK;

    if (name != NULL && copy == NULL)
        status = cpio->host->fail(cpio->host, HB_STATUS_FATAL, "out of memory");
    if (path != NULL) {
        fill(&entry, header, path);
        entry.index = index;
        status = visitor->entry(visitor, &entry);
        if (status == HB_OK && entry.type == HB_TYPE_FILE)
            status = pass_data(cpio, archive, visitor);
        if (status == HB_OK || status == HB_STATUS_SKIP)
            status = visitor->end(visitor, entry.bytes);
    }
    free(copy);
    return status;
}

static int walk_headers(const struct cpio *cpio, struct archive *archive,
                        const struct hb_visitor *visitor)
{
    struct archive_entry *header;
    uint64_t index = 0;
    int answer;

    while ((answer = archive_read_next_header(archive, &header)) == ARCHIVE_OK) {
        int status = pass_entry(cpio, archive, header, index++, visitor);

        if (status != HB_OK)
            return status;
    }
    return answer == ARCHIVE_EOF ? HB_OK : read_failed(cpio, archive);
}

static int cpio_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    const struct cpio *cpio = self;
    struct archive *archive = archive_read_new();
    struct reader *reader = malloc(sizeof(*reader));
    int status;

    if (archive == NULL || reader == NULL) {
        status = cpio->host->fail(cpio->host, HB_STATUS_FATAL, "out of memory");
    } else {
        reader->input = input;
        if (archive_read_support_format_cpio(archive) != ARCHIVE_OK ||
            archive_read_open(archive, reader, NULL, from_input, NULL) != ARCHIVE_OK)
            status = read_failed(cpio, archive);
        else
            status = walk_headers(cpio, archive, visitor);
    }
    archive_read_free(archive);
    free(reader);
    return status;
}

static const char *const suffixes[] = {".cpio", NULL};
static const struct hb_magic magics[] = {{0, 6, "070701"}, {0, 6, "070702"}, {0, 0, NULL}};

/* Of times 32 bits of seconds. */
static const struct hb_keeps keeps = {
    .size = sizeof(struct hb_keeps),
    .flags = HB_KEEPS_OWNERS,
    .time_step = 1000000000,
    .time_last = UINT32_MAX,
    .path_most = 65535,
};

static const struct hb_format_ops ops = {
    .size = sizeof(ops),
    .flags = HB_FORMAT_SIZE_FIRST | HB_FORMAT_SYMLINKS,
    .suffixes = suffixes,
    .magics = magics,
    .begin_entry = cpio_begin_entry,
    .append = cpio_append,
    .end_entry = cpio_end_entry,
    .finish = cpio_finish,
    .walk = cpio_walk,
    .keeps = &keeps,
};

static const struct hb_plugin plugin = {
    .size = sizeof(plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_FORMAT,
    .host_size = HB_SIZE_TO(struct hb_host, fail),
    .name = "cpio",
    .version = "1.0",
    .summary = "cpio archives (newc), through libarchive",
    .create = cpio_create,
    .destroy = cpio_destroy,
    .ops = &ops,
};

const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
