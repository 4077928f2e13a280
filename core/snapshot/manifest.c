/* SPDX-License-Identifier: Apache-2.0 */
#include "snapshot/manifest.h"

#include "base/memory.h"
#include "base/path.h"
#include "files/io.h"
#include "files/regular.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Larger ones are not ours: each file takes about a hundred bytes. */
enum { LARGEST = 64 << 20 };

void hb_manifest_clear(struct hb_manifest *manifest)
{
    free(manifest->label);
    json_decref(manifest->files);
    *manifest = (struct hb_manifest){.label = NULL};
}

void hb_manifest_add(struct hb_manifest *manifest, const char *path, uint64_t bytes)
{
    json_object_set_new(manifest->files, path, json_integer((json_int_t)bytes));
    manifest->bytes += bytes;
}

uint64_t hb_manifest_count(const struct hb_manifest *manifest)
{
    return json_object_size(manifest->files);
}

int hb_json_write_file(const json_t *json, int directory_fd, const char *name)
{
    HB_AUTO_CLOSE int fd =
        openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    /* Not json_dumpfd(): it passes over writes that fail. */
    HB_AUTO_FREE char *text = json_dumps(json, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    if (text == NULL)
        return -ENOMEM;
    return hb_write_all(fd, text, strlen(text));
}

int hb_manifest_write(const struct hb_manifest *manifest, const char *id, const char *timestamp,
                      int directory_fd)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s?, s:I, s:I, s:O}", "id", id, "timestamp", timestamp, "label",
                  manifest->label, "file_count", (json_int_t)hb_manifest_count(manifest),
                  "total_size", (json_int_t)manifest->bytes, "files", manifest->files);
    int result = hb_json_write_file(json, directory_fd, HB_MANIFEST_NAME);
    json_decref(json);
    return result;
}

static int not_a_manifest(struct hb_error *error, const char *why)
{
    return hb_error_set(error, HB_STATUS_FATAL, HB_MANIFEST_NAME ": %s", why);
}

static int cannot_read(struct hb_error *error, const char *why)
{
    return hb_error_set(error, HB_STATUS_LATER, HB_MANIFEST_NAME ": %s", why);
}

/* Anything but nothing: how they say it may change. */
static bool says(const json_t *json, const char *member)
{
    const json_t *value = json_object_get(json, member);
    if (json_is_array(value))
        return json_array_size(value) > 0;
    if (json_is_object(value))
        return json_object_size(value) > 0;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    return json_is_true(value) || (json_is_number(value) && json_number_value(value) != 0);
}

static int take_members(const json_t *json, struct hb_manifest *manifest, struct hb_error *error)
{
    const char *path, *label = json_string_value(json_object_get(json, "label"));
    json_t *bytes, *files = json_object_get(json, "files");
    if (!json_is_object(files))
        return not_a_manifest(error, "has no object 'files'");
    manifest->label = label == NULL ? NULL : hb_copy_text(label);
    manifest->files = json_incref(files);
    manifest->lacks = says(json, "failed_dbs") || says(json, "oversized_skipped");
    json_object_foreach(files, path, bytes)
    {
        if (!json_is_integer(bytes) || json_integer_value(bytes) < 0 ||
            __builtin_add_overflow(manifest->bytes, (uint64_t)json_integer_value(bytes),
                                   &manifest->bytes))
            return not_a_manifest(error, "contains an invalid size");
    }
    return HB_OK;
}

int hb_manifest_parse(const char *text, size_t bytes, struct hb_manifest *manifest,
                      struct hb_error *error)
{
    json_error_t where;
    *manifest = (struct hb_manifest){.label = NULL};
    if (bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* editors put that in front */
        text += 3;
        bytes -= 3;
    }
    json_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &where);
    if (json == NULL)
        return not_a_manifest(error, where.text);
    int result = take_members(json, manifest, error);
    json_decref(json);
    if (result != HB_OK)
        hb_manifest_clear(manifest);
    return result;
}

int hb_manifest_read(int directory_fd, struct hb_manifest *manifest, struct hb_error *error)
{
    struct stat status;
    *manifest = (struct hb_manifest){.label = NULL};
    HB_AUTO_CLOSE int fd = hb_open_regular(directory_fd, HB_MANIFEST_NAME, O_RDONLY);
    if (fd == -ENOENT)
        return HB_STATUS_NOMATCH;
    if (fd == -ELOOP || fd == -ENOTSUP || fd == -ENOTDIR)
        return not_a_manifest(error, "is not a manifest");
    if (fd < 0 || fstat(fd, &status) != 0)
        return cannot_read(error, strerror(fd < 0 ? -fd : errno));
    if (status.st_size > LARGEST)
        return not_a_manifest(error, "is not a manifest");
    size_t bytes = (size_t)status.st_size;
    HB_AUTO_FREE char *text = hb_alloc(bytes + 1);
    int64_t got = hb_read_all_at(fd, text, bytes, 0);
    if (got < 0 || (uint64_t)got < bytes)
        return cannot_read(error, got < 0 ? strerror((int)-got) : "was cut short");
    return hb_manifest_parse(text, bytes, manifest, error);
}

enum hb_answer hb_manifest_holds(const struct hb_manifest *manifest, int directory_fd)
{
    const char *path;
    json_t *bytes;
    json_object_foreach(manifest->files, path, bytes)
    {
        struct stat status;
        size_t skip;
        if (hb_path_problem(path, SIZE_MAX, &skip) != NULL)
            continue; /* never restored */
        if (fstatat(directory_fd, path, &status, AT_SYMLINK_NOFOLLOW) != 0)
            return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? HB_NO : HB_CANNOT_TELL;
        if (!S_ISREG(status.st_mode) || status.st_size != json_integer_value(bytes))
            return HB_NO;
    }
    return HB_YES;
}
