/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over any tar archive, of ours or not, through libarchive's tar reader. */
#include "tar_walk.h"

#include "tar_bytes.h"
#include "tar_pax.h"
#include "tar_source_open.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>
#include <sys/stat.h>

struct walk {
    const struct tar_zstd *tar;
    const struct hb_visitor *visitor;
    struct archive *archive;
    struct tar_tap tap;
    struct tar_pax pax;
    struct tar_buffer path; /* without its trailing '/' */
    uint64_t entries;
    uint64_t links_with_data; /* hard links; in pax that is allowed, and they are files */
    bool wrong_sparse;        /* libarchive has warned of a map; it does so once too often */
    uint64_t body_end;        /* of what may be data of the last entry, a link elsewhere; 0: none */
};

static la_ssize_t feed(struct archive *archive, void *self, const void **block)
{
    struct walk *walk = self;
    const unsigned char *data;
    size_t bytes;
    if (walk->tar->host->cancelled(walk->tar->host))
        walk->tap.status = HB_STATUS_CANCELLED;
    if (walk->tap.status != HB_OK || tar_tap_read(&walk->tap, &data, &bytes) != HB_OK) {
        archive_set_error(archive, EIO, "input");
        return -1;
    }
    *block = data;
    return (la_ssize_t)bytes;
}

static int failed(struct walk *walk)
{
    const struct hb_host *host = walk->tar->host;
    const char *why = archive_error_string(walk->archive);
    if (walk->tap.status != HB_OK) /* it has said why */
        return walk->tap.status;
    if (walk->entries == 0 && archive_format(walk->archive) == 0)
        return host->fail(host, HB_STATUS_FATAL,
                          "not a tar archive, or damaged at its start; if it is a compressed file "
                          "of another kind, such as a zip in gzip, decompress it first");
    if ((uint64_t)archive_read_header_position(walk->archive) < walk->body_end)
        return host->fail(
            host, HB_STATUS_FATAL,
            "%s is a hard link with data of its own, which only pax allows; unpack the "
            "archive with tar, which passes over that data",
            (const char *)walk->path.data);
    return host->fail(host, HB_STATUS_FATAL,
                      "the archive is damaged or cut off after entry %llu: %s; use another copy",
                      (unsigned long long)walk->entries, why != NULL ? why : "unknown reason");
}

/* ---- one entry ---------------------------------------------------------------------------- */

/* In pax, a hard link may have the data, too. */
static uint32_t type_of(struct archive_entry *from)
{
    if (archive_entry_hardlink(from) != NULL)
        return archive_entry_size(from) > 0 ? HB_TYPE_FILE : HB_TYPE_HARDLINK;
    switch (archive_entry_filetype(from)) {
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

/* A text of the pax header ends with a NUL in its buffer; another NUL cuts a name short. */
static int check_pax_text(const struct walk *walk, const struct tar_buffer *text)
{
    if (text->bytes == 0 || strlen((const char *)text->data) == text->bytes - 1)
        return HB_OK;
    return walk->tar->host->fail(walk->tar->host, HB_STATUS_FATAL,
                                 "entry %llu has a NUL byte in its name or target; the archive is "
                                 "damaged or forged",
                                 (unsigned long long)walk->entries + 1);
}

static int set_path(struct walk *walk, struct archive_entry *from, struct hb_entry *entry)
{
    const struct hb_host *host = walk->tar->host;
    const char *path = walk->pax.path.bytes != 0 ? (const char *)walk->pax.path.data
                                                 : archive_entry_pathname(from);
    if (path == NULL || *path == '\0')
        return host->fail(host, HB_STATUS_FATAL,
                          "entry %llu has no readable name; the archive is damaged",
                          (unsigned long long)walk->entries + 1);
    size_t bytes = strlen(path);
    while (entry->type == HB_TYPE_DIRECTORY && bytes > 1 && path[bytes - 1] == '/')
        bytes--;
    walk->path.bytes = 0;
    if (!tar_buffer_append(&walk->path, path, bytes) || !tar_buffer_append(&walk->path, "", 1))
        return tar_no_memory(host);
    entry->path = (const char *)walk->path.data;
    entry->path_bytes = bytes;
    return HB_OK;
}

static int set_link(struct walk *walk, struct archive_entry *from, struct hb_entry *entry)
{
    if (entry->type == HB_TYPE_HARDLINK)
        entry->link = archive_entry_hardlink(from);
    else if (entry->type == HB_TYPE_SYMLINK)
        entry->link = archive_entry_symlink(from);
    else
        return HB_OK;
    if (walk->pax.link.bytes != 0)
        entry->link = (const char *)walk->pax.link.data;
    if (entry->link == NULL || *entry->link == '\0')
        return walk->tar->host->fail(walk->tar->host, HB_STATUS_FATAL,
                                     "%s: a link without a target; the archive is damaged",
                                     entry->path);
    return HB_OK;
}

/* What concerns one entry alone: why its content is not what it should be; NULL: it is. */
static const char *unreadable(const struct walk *walk)
{
    if (!HB_HAS(walk->visitor, unreadable) || walk->visitor->unreadable == NULL)
        return NULL;
    if (walk->pax.type == 'M')
        return "is the rest of a file from an earlier volume: unpack all of them with tar -M";
    if (walk->pax.unknown_sparse || (walk->wrong_sparse && walk->pax.sparse))
        return "is a sparse file of a kind that is not known, or its map is damaged";
    return NULL;
}

static int describe(struct walk *walk, struct archive_entry *from, struct hb_entry *entry)
{
    int64_t position = archive_read_header_position(walk->archive);
    int64_t uid = archive_entry_uid(from), gid = archive_entry_gid(from);
    *entry = (struct hb_entry){.size = sizeof *entry,
                               .type = type_of(from),
                               .mode = (uint32_t)archive_entry_perm(from) & 07777,
                               .flags = HB_ENTRY_HAS_MODE,
                               .index = walk->entries};
    if (!tar_pax_read(&walk->tap, (uint64_t)position, &walk->pax))
        return tar_no_memory(walk->tar->host);
    if (unreadable(walk) != NULL)
        entry->type = HB_TYPE_FILE;
    if (entry->type == HB_TYPE_FILE && archive_entry_size(from) > 0)
        entry->bytes = (uint64_t)archive_entry_size(from);
    if (archive_entry_mtime_is_set(from)) {
        entry->flags |= HB_ENTRY_HAS_MTIME;
        entry->mtime.tv_sec = archive_entry_mtime(from);
        entry->mtime.tv_nsec = archive_entry_mtime_nsec(from);
        if (walk->pax.has_mtime)
            entry->mtime = walk->pax.mtime;
    }
    if (uid >= 0 && uid <= UINT32_MAX && gid >= 0 && gid <= UINT32_MAX) {
        entry->flags |= HB_ENTRY_HAS_OWNER;
        entry->uid = (uint32_t)uid;
        entry->gid = (uint32_t)gid;
    }
    int status = check_pax_text(walk, &walk->pax.path);
    if (status == HB_OK)
        status = check_pax_text(walk, &walk->pax.link);
    if (status == HB_OK)
        status = set_path(walk, from, entry);
    return status == HB_OK ? set_link(walk, from, entry) : status;
}

/*
 * The size of a hard link means nothing, but in pax: many a tar writes that of the file, and no
 * data. If there is data after all, what follows is no header, and it can be told why.
 */
static void note_body(struct walk *walk, const struct hb_entry *entry, struct archive_entry *from)
{
    walk->body_end = 0;
    if (archive_entry_hardlink(from) == NULL)
        return;
    if (entry->type == HB_TYPE_FILE)
        walk->links_with_data++;
    else if (walk->pax.type == '1' && walk->pax.bytes > 0)
        walk->body_end = walk->pax.end + walk->pax.bytes;
}

/* Data of a wanted file, gaps left out. */
static int pass_data(struct walk *walk, const struct hb_entry *entry)
{
    const struct hb_host *host = walk->tar->host;
    uint64_t end = 0;
    for (;;) {
        const void *data;
        size_t bytes;
        la_int64_t offset;
        int result = archive_read_data_block(walk->archive, &data, &bytes, &offset);
        if (result == ARCHIVE_EOF)
            return HB_OK;
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
            return failed(walk);
        if (bytes == 0)
            continue;
        if (offset < 0 || (uint64_t)offset < end || (uint64_t)offset > entry->bytes ||
            bytes > entry->bytes - (uint64_t)offset)
            return host->fail(host, HB_STATUS_FATAL,
                              "%s: holds more than its header says; the archive is damaged",
                              entry->path);
        int status = walk->visitor->data(walk->visitor, data, bytes, (uint64_t)offset);
        if (status != HB_OK)
            return status;
        end = (uint64_t)offset + bytes;
    }
}

static int visit(struct walk *walk, struct archive_entry *from)
{
    struct hb_entry entry;
    int status = describe(walk, from, &entry);
    if (status == HB_OK)
        note_body(walk, &entry, from);
    if (status == HB_OK)
        status = walk->visitor->entry(walk->visitor, &entry);
    if (status != HB_OK && status != HB_STATUS_SKIP)
        return status;
    const char *why = unreadable(walk);
    int heard = why == NULL ? HB_OK : walk->visitor->unreadable(walk->visitor, why);
    if (heard != HB_OK)
        return heard;
    if (status == HB_OK && entry.type == HB_TYPE_FILE && why == NULL) {
        status = pass_data(walk, &entry);
        if (status != HB_OK)
            return status;
    } else if (archive_read_data_skip(walk->archive) != ARCHIVE_OK) {
        return failed(walk);
    }
    walk->entries++;
    return walk->visitor->end(walk->visitor, entry.bytes);
}

/* ---- the whole ---------------------------------------------------------------------------- */

/* A label (tar -V) and global headers (git) belong to no entry: the end may follow them. */
static uint64_t find_end(const struct walk *walk)
{
    unsigned char block[TAR_BLOCK];
    uint64_t at = (uint64_t)archive_read_header_position(walk->archive);
    while (tar_tap_copy(&walk->tap, at, block, sizeof block) && tar_header_plausible(block) &&
           (block[156] == 'V' || block[156] == 'g')) {
        uint64_t bytes = tar_pax_size(block);
        at += TAR_BLOCK + bytes + tar_padding(bytes);
    }
    return at;
}

/*
 * libarchive takes any end for the end. A stream that stops between two entries looks like that, so
 * a block of zero bytes must be there, as every tar writes.
 */
static int check_end(struct walk *walk)
{
    unsigned char block[TAR_BLOCK];
    uint64_t position = find_end(walk);
    if (!tar_tap_copy(&walk->tap, position, block, sizeof block) ||
        !tar_is_zero(block, sizeof block))
        return walk->tar->host->fail(walk->tar->host, HB_STATUS_FATAL,
                                     "the archive is cut off after entry %llu: the blocks that "
                                     "end a tar archive are missing; use another copy",
                                     (unsigned long long)walk->entries);
    /* A single zero block is a header that was lost, and with it everything behind it. */
    if (tar_tap_copy(&walk->tap, position + TAR_BLOCK, block, sizeof block) &&
        !tar_is_zero(block, sizeof block))
        return walk->tar->host->fail(
            walk->tar->host, HB_STATUS_FATAL,
            "the archive is damaged: data follows entry %llu without a header; use another copy",
            (unsigned long long)walk->entries);
    return HB_OK;
}

/* Is there a header in what is left of these blocks? */
static bool has_header(const struct tar_tap *tap, uint64_t from)
{
    unsigned char block[TAR_BLOCK];
    for (; tar_tap_copy(tap, from, block, sizeof block); from += TAR_BLOCK)
        if (tar_header_plausible(block))
            return true;
    return false;
}

/* Anything but zeros? */
static bool has_garbage(const struct tar_tap *tap, uint64_t from)
{
    unsigned char block[TAR_BLOCK];
    uint64_t end = tap->start[tap->newest] + tap->bytes[tap->newest];
    for (size_t bytes; from < end; from += bytes) {
        bytes = end - from < sizeof block ? (size_t)(end - from) : sizeof block;
        if (!tar_tap_copy(tap, from, block, bytes) || !tar_is_zero(block, bytes))
            return true;
    }
    return false;
}

/* What follows the tar stream's end must be sound as well, and holds the trailer. */
static int drain(struct walk *walk)
{
    const struct hb_host *host = walk->tar->host;
    struct tar_source *source = walk->tap.source;
    uint64_t position = find_end(walk);
    bool more = has_header(&walk->tap, position), garbage = has_garbage(&walk->tap, position);
    size_t bytes = 1;
    while (bytes > 0) {
        const unsigned char *data;
        if (host->cancelled(host))
            return HB_STATUS_CANCELLED;
        int status = tar_tap_read(&walk->tap, &data, &bytes);
        if (status != HB_OK)
            return status;
        more = more || (bytes > 0 && has_header(&walk->tap, walk->tap.start[walk->tap.newest]));
        garbage = garbage || !tar_is_zero(data, bytes);
    }
    int status = tar_inflow_drain(&source->inflow, &garbage);
    if (status != HB_OK)
        return status;
    if (!more && garbage)
        host->note(host, NULL, "bytes that belong to no entry follow its end, and are not read");
    if (more)
        host->doubtful(host, NULL,
                       "another archive follows the end of this one and is not read: unpack it "
                       "with tar --ignore-zeros");
    status = source->check != NULL ? source->check(source) : HB_OK;
    if (status == HB_OK && source->has_trailer && walk->visitor->trailer != NULL)
        status = walk->visitor->trailer(walk->visitor, source->trailer.data, source->trailer.bytes);
    return status;
}

/*
 * libarchive warns about names that are not UTF-8; they are taken as they are. It passes over a pax
 * header that cannot be parsed, and the file would then get a wrong name or size.
 */
static int heed_warning(struct walk *walk)
{
    const struct hb_host *host = walk->tar->host;
    unsigned long long number = (unsigned long long)walk->entries + 1;
    const char *why = archive_error_string(walk->archive);
    if (why == NULL || strstr(why, "converted") != NULL)
        return HB_OK;
    if (strstr(why, "pax extended attribute") != NULL)
        return host->fail(host, HB_STATUS_FATAL,
                          "the pax header of entry %llu is damaged: %s; use another copy", number,
                          why);
    walk->wrong_sparse = strstr(why, "sparse") != NULL;
    if (!walk->wrong_sparse)
        host->log(host, HB_LOG_WARNING, "entry %llu: %s", number, why);
    return HB_OK;
}

static int walk_entries(struct walk *walk)
{
    struct archive_entry *entry;
    if (archive_read_open(walk->archive, walk, NULL, feed, NULL) != ARCHIVE_OK)
        return failed(walk);
    for (;;) {
        int result = archive_read_next_header(walk->archive, &entry);
        if (result == ARCHIVE_EOF)
            break;
        if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
            return failed(walk);
        walk->wrong_sparse = false;
        int status = result == ARCHIVE_WARN ? heed_warning(walk) : HB_OK;
        if (status == HB_OK)
            status = visit(walk, entry);
        if (status != HB_OK)
            return status;
    }
    if (walk->tap.status != HB_OK)
        return walk->tap.status;
    int status = check_end(walk);
    if (status == HB_OK)
        status = drain(walk);
    if (status == HB_OK && walk->pax.global.more)
        walk->tar->host->note(walk->tar->host, NULL,
                              "a global pax header sets names or sizes of all entries behind it: "
                              "that is not heeded");
    if (status == HB_OK && walk->links_with_data > 0)
        walk->tar->host->note(walk->tar->host, NULL,
                              "hard links with data of their own: %llu; they are files with it",
                              (unsigned long long)walk->links_with_data);
    return status;
}

int tar_walk(void *self, const struct hb_input *input, const struct hb_visitor *visitor)
{
    struct tar_zstd *tar = self;
    struct tar_source source = {0};
    struct walk walk = {.tar = tar, .visitor = visitor, .tap.source = &source};
    int status = tar_source_open(&source, tar, input);
    walk.tap.block[0] = malloc(TAR_TAP_BLOCK);
    walk.tap.block[1] = malloc(TAR_TAP_BLOCK);
    walk.archive = archive_read_new();
    if (status == HB_OK &&
        (walk.tap.block[0] == NULL || walk.tap.block[1] == NULL || walk.archive == NULL))
        status = tar_no_memory(tar->host);
    if (status == HB_OK) {
        archive_read_support_format_tar(walk.archive);
        status = walk_entries(&walk);
    }
    archive_read_free(walk.archive);
    tar_buffer_free(&walk.pax.path);
    tar_buffer_free(&walk.pax.link);
    tar_buffer_free(&walk.path);
    free(walk.tap.block[0]);
    free(walk.tap.block[1]);
    tar_source_close(&source);
    return status;
}
