/* SPDX-License-Identifier: Apache-2.0 */
#include "archive_gist.h"

#include "base/interrupt.h"
#include "base/memory.h"
#include "import/sample.h"
#include <string.h>

enum { TRIES = 5 };

static int by_name(const void *one, const void *other)
{
    const struct hb_top *a = one, *b = other;
    return strcmp(a->name, b->name);
}

/* Entries of a directory stand together, but not everywhere; of each directory one row stays. */
static void merge_tops(struct hb_gist *content)
{
    size_t count = 0;
    if (content->top_count > 1)
        qsort(content->tops, content->top_count, sizeof *content->tops, by_name);
    for (size_t i = 0; i < content->top_count; i++) {
        struct hb_top *last = count == 0 ? NULL : &content->tops[count - 1];
        if (last != NULL && strcmp(last->name, content->tops[i].name) == 0) {
            last->bytes += content->tops[i].bytes;
            free(content->tops[i].name);
        } else {
            content->tops[count++] = content->tops[i];
        }
    }
    content->top_count = count;
}

static void take_tops(struct hb_gist *content, const struct hb_catalog *catalog)
{
    size_t room = 0;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct hb_catalog_member *member = &catalog->members[i];
        if (member->type != HB_TYPE_FILE)
            continue;
        const char *path = hb_catalog_path(catalog, i), *slash = strchr(path, '/');
        size_t length = slash == NULL ? 0 : (size_t)(slash - path);
        struct hb_top *last =
            content->top_count == 0 ? NULL : &content->tops[content->top_count - 1];
        if (last == NULL || strncmp(last->name, path, length) != 0 || last->name[length] != '\0') {
            if (content->top_count == room) {
                room = room * 2 + 16;
                content->tops = hb_resize(content->tops, room, sizeof *content->tops);
            }
            last = &content->tops[content->top_count++];
            *last = (struct hb_top){.name = hb_copy_bytes(path, length)};
        }
        last->bytes += member->bytes;
    }
    merge_tops(content);
}

static void take_told(struct hb_gist *content, const struct hb_archive *archive)
{
    const struct hb_catalog *catalog = &archive->catalog;
    size_t rows = json_array_size(archive->trailer.annotations);
    content->told = hb_alloc((rows + 1) * sizeof *content->told);
    for (size_t i = 0; i < rows; i++) {
        json_t *row = json_array_get(archive->trailer.annotations, i);
        size_t entry = (size_t)json_integer_value(json_object_get(row, "entry"));
        if (entry >= catalog->count)
            continue;
        content->told[content->told_count++] =
            (struct hb_told){.path = hb_copy_text(hb_catalog_path(catalog, entry)),
                             .bytes = catalog->members[entry].bytes,
                             .facts = json_incref(json_object_get(row, "facts")),
                             .notes = json_incref(json_object_get(row, "notes"))};
    }
}

/* False: it cannot be read. Nobody is told why: that is what verify does. */
static bool read_one(struct hb_run *run, const char *path, bool has_trailer,
                     struct hb_gist *content)
{
    struct hb_archive archive = {.fd = -1};
    struct hb_error ignored = {0};
    int status = hb_archive_open_file(run, path, NULL, &archive, &ignored);
    if (status == HB_OK)
        status = hb_archive_list(&archive, &ignored);
    /* Nothing at all says that it is an archive, as with zeros alone. */
    if (status == HB_OK && (archive.has_trailer || !has_trailer)) {
        content->known = true;
        take_tops(content, &archive.catalog);
        take_told(content, &archive);
        content->summary = json_incref(archive.trailer.summary);
        content->verified = hb_sample_last(&archive);
        if (archive.trailer.has_origin && archive.trailer.origin.host != NULL)
            content->host = hb_copy_text(archive.trailer.origin.host);
    }
    hb_archive_close(&archive);
    return content->known;
}

int hb_gist_read(struct hb_run *run, const struct hb_preset_archives *archives, bool oldest,
                 struct hb_gist *content)
{
    size_t tries = 0;
    for (size_t i = 0; i < archives->count && tries < TRIES; i++) {
        size_t number = oldest ? archives->count - 1 - i : i;
        const struct hb_preset_archive *row = &archives->rows[number];
        if (row->kept.whose != HB_HOME_OURS || row->no_archive || row->damage != NULL)
            continue;
        HB_AUTO_FREE char *path = hb_preset_archive_path(archives, number);
        content->number = number;
        content->passed = tries++;
        if (read_one(run, path, row->sealed_here || row->has_origin, content))
            return HB_OK;
        if (hb_interrupt_signal() != 0)
            return HB_STATUS_CANCELLED;
    }
    return HB_OK;
}

bool hb_gist_top(const struct hb_gist *content, const char *name, uint64_t *bytes)
{
    struct hb_top key = {.name = (char *)name};
    const struct hb_top *found =
        content->top_count == 0
            ? NULL
            : bsearch(&key, content->tops, content->top_count, sizeof key, by_name);
    *bytes = found == NULL ? 0 : found->bytes;
    return found != NULL;
}

void hb_gist_clear(struct hb_gist *content)
{
    for (size_t i = 0; i < content->top_count; i++)
        free(content->tops[i].name);
    for (size_t i = 0; i < content->told_count; i++) {
        free(content->told[i].path);
        json_decref(content->told[i].facts);
        json_decref(content->told[i].notes);
    }
    free(content->tops);
    free(content->told);
    free(content->host);
    json_decref(content->summary);
    *content = (struct hb_gist){.known = false};
}
