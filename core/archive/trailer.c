/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/trailer.h"

#include "base/memory.h"
#include "base/name.h"
#include "base/xxh3.h"
#include <endian.h>
#include <nettle/memops.h>
#include <string.h>

static const char magic[8] = {'H', 'B', 'T', 'R', 'A', 'I', 'L', 1};
enum { VERSION_AT = 7 }; /* the last byte of it */
enum {
    SECTION_SUMMARY = 1,
    SECTION_METADATA = 2,
    SECTION_REUSE = 3,
    SECTION_ORIGIN = 4,
    SECTION_CONTENT = 5,
    SECTION_ANNOTATIONS = 6,
    SECTION_HEAD = 16,
    SHORT_PATH = 192,
    NAMED_REASONS = 1000 /* of each kind; the counts are always whole */
};

/* ---- one entry ----------------------------------------------------------------------------- */

static uint64_t hash_entry(const struct hb_entry *entry)
{
    uint64_t fixed[6] = {
        htole64(entry->type),
        htole64(entry->flags & HB_ENTRY_HAS_MODE ? entry->mode & 07777 : 07777),
        htole64((uint64_t)entry->mtime.tv_sec),
        htole64((uint64_t)entry->mtime.tv_nsec),
        htole64(entry->type == HB_TYPE_FILE ? entry->bytes : 0),
        htole64(entry->path_bytes),
    };
    unsigned char all[sizeof fixed + SHORT_PATH];
    if (entry->link == NULL && entry->path_bytes <= SHORT_PATH) { /* in one go: half the work */
        memcpy(all, fixed, sizeof fixed);
        memcpy(all + sizeof fixed, entry->path, entry->path_bytes);
        return XXH3_64bits(all, sizeof fixed + entry->path_bytes);
    }
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, fixed, sizeof fixed);
    XXH3_64bits_update(&state, entry->path, entry->path_bytes);
    if (entry->link != NULL)
        XXH3_64bits_update(&state, entry->link, strlen(entry->link));
    return XXH3_64bits_digest(&state);
}

void hb_trailer_reserve(struct hb_trailer *trailer, size_t entries)
{
    trailer->capacity = entries;
    trailer->hashes = hb_resize(trailer->hashes, entries, sizeof *trailer->hashes);
    trailer->contents = hb_resize(trailer->contents, entries, sizeof *trailer->contents);
}

void hb_trailer_add(struct hb_trailer *trailer, const struct hb_entry *entry, uint64_t content)
{
    if (trailer->count == trailer->capacity)
        hb_trailer_reserve(trailer, trailer->capacity == 0 ? 1024 : trailer->capacity * 2);
    trailer->contents[trailer->count] = htole64(content);
    trailer->hashes[trailer->count++] = htole64(hash_entry(entry));
}

bool hb_trailer_content(const struct hb_trailer *trailer, uint64_t index, uint64_t *content)
{
    if (trailer->contents == NULL || index >= trailer->count)
        return false;
    *content = le64toh(trailer->contents[index]);
    return true;
}

bool hb_trailer_matches(const struct hb_trailer *trailer, const struct hb_entry *entry)
{
    return trailer->hashes != NULL && entry->index < trailer->count &&
           le64toh(trailer->hashes[entry->index]) == hash_entry(entry);
}

/* ---- writing ------------------------------------------------------------------------------- */

static json_t *reasons(const struct hb_report *report, enum hb_finding_kind kind)
{
    json_t *list = json_array();
    for (size_t i = 0; i < report->count && json_array_size(list) < NAMED_REASONS; i++) {
        if (report->findings[i].kind != kind)
            continue;
        json_t *object = json_object();
        hb_json_name(object, "path", report->findings[i].path);
        HB_AUTO_FREE char *reason = hb_printable(report->findings[i].reason);
        json_object_set_new(object, "reason", json_string(reason));
        json_array_append_new(list, object);
    }
    return list;
}

static char *summary_text(const struct hb_trailer *trailer, const struct hb_report *report)
{
    json_t *object = json_object();
    json_object_set_new(object, "entries", json_integer((json_int_t)trailer->count));
    json_object_set_new(object, "incomplete", json_boolean(hb_report_incomplete(report)));
    json_object_set_new(object, "skipped", reasons(report, HB_FOUND_SKIPPED));
    json_object_set_new(object, "doubtful", reasons(report, HB_FOUND_DOUBTFUL));
    char *text = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(object);
    return text;
}

static size_t padded(size_t bytes)
{
    return (bytes + 7) / 8 * 8;
}

/* Returns where its payload goes; the next section starts padded(bytes) behind that. */
static unsigned char *put_head(unsigned char *at, uint32_t type, size_t bytes)
{
    uint32_t head[2] = {htole32(type), 0};
    uint64_t length = htole64(bytes);
    memcpy(at, head, sizeof head);
    memcpy(at + sizeof head, &length, sizeof length);
    return at + SECTION_HEAD;
}

static unsigned char *put_section(unsigned char *at, uint32_t type, const void *data, size_t bytes)
{
    at = put_head(at, type, bytes);
    if (bytes > 0)
        memcpy(at, data, bytes);
    return at + padded(bytes);
}

/* Seal and text; `before` is all of the block in front of it. */
static unsigned char *put_origin(unsigned char *at, const unsigned char *before, const char *text,
                                 size_t text_bytes, const unsigned char *key)
{
    at = put_head(at, SECTION_ORIGIN, HB_SEAL_BYTES + text_bytes);
    if (key != NULL)
        hb_origin_seal(key, before, (size_t)(at - before), text, text_bytes, at);
    memcpy(at + HB_SEAL_BYTES, text, text_bytes);
    return at + padded(HB_SEAL_BYTES + text_bytes);
}

void hb_trailer_build(const struct hb_trailer *trailer, const struct hb_report *report,
                      const struct hb_reuse_index *reuse, const struct hb_origin *origin,
                      const unsigned char *key, unsigned char **data, size_t *bytes)
{
    HB_AUTO_FREE char *text = summary_text(trailer, report);
    size_t origin_bytes = 0;
    HB_AUTO_FREE char *place = origin == NULL ? NULL : hb_origin_text(origin, &origin_bytes);
    HB_AUTO_FREE char *said = json_array_size(trailer->annotations) == 0
                                  ? NULL
                                  : json_dumps(trailer->annotations, JSON_COMPACT | JSON_SORT_KEYS);
    size_t said_bytes = said == NULL ? 0 : strlen(said);
    size_t text_bytes = strlen(text), hash_bytes = trailer->count * sizeof *trailer->hashes;
    bool reusable = reuse != NULL && !reuse->overflowed;
    size_t reuse_bytes = reusable ? hb_reuse_bytes(reuse) : 0;
    size_t total = sizeof magic + SECTION_HEAD + padded(text_bytes) +
                   2 * (SECTION_HEAD + hash_bytes) +
                   (said != NULL ? SECTION_HEAD + padded(said_bytes) : 0) +
                   (reusable ? SECTION_HEAD + padded(reuse_bytes) : 0) +
                   (place != NULL ? SECTION_HEAD + padded(HB_SEAL_BYTES + origin_bytes) : 0) +
                   sizeof(uint64_t);
    unsigned char *block = hb_alloc(total), *at = block;
    memcpy(at, magic, sizeof magic);
    at = put_section(at + sizeof magic, SECTION_SUMMARY, text, text_bytes);
    at = put_section(at, SECTION_METADATA, trailer->hashes, hash_bytes);
    at = put_section(at, SECTION_CONTENT, trailer->contents, hash_bytes);
    if (said != NULL)
        at = put_section(at, SECTION_ANNOTATIONS, said, said_bytes);
    if (reusable) {
        at = put_head(at, SECTION_REUSE, reuse_bytes);
        hb_reuse_write(reuse, at);
        at += padded(reuse_bytes);
    }
    if (place != NULL)
        at = put_origin(at, block, place, origin_bytes, key);
    uint64_t checksum = htole64(XXH3_64bits(block, (size_t)(at - block)));
    memcpy(at, &checksum, sizeof checksum);
    *data = block;
    *bytes = total;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* One number an entry; false: there are some already, or as many as do not fit these. */
static bool take_numbers(struct hb_trailer *trailer, uint64_t **numbers, const unsigned char *data,
                         size_t bytes)
{
    bool first = trailer->hashes == NULL && trailer->contents == NULL;
    if (*numbers != NULL || bytes % sizeof **numbers != 0 ||
        (!first && trailer->count != bytes / sizeof **numbers))
        return false;
    trailer->count = bytes / sizeof **numbers;
    if (trailer->block != NULL) { /* sections are aligned in it, as it is itself */
        *numbers = (uint64_t *)(uintptr_t)data;
        return true;
    }
    *numbers = hb_alloc(bytes);
    if (bytes > 0)
        memcpy(*numbers, data, bytes);
    return true;
}

static bool take_section(struct hb_trailer *trailer, uint32_t type, const unsigned char *data,
                         size_t bytes)
{
    if (type == SECTION_SUMMARY) {
        json_decref(trailer->summary);
        trailer->summary = json_loadb((const char *)data, bytes, 0, NULL);
        return json_is_object(trailer->summary);
    }
    if (type == SECTION_METADATA)
        return take_numbers(trailer, &trailer->hashes, data, bytes);
    if (type == SECTION_CONTENT)
        return take_numbers(trailer, &trailer->contents, data, bytes);
    if (type == SECTION_ANNOTATIONS) { /* behind those of which there is one an entry */
        if (trailer->annotations != NULL)
            return false;
        trailer->annotations = hb_annotations_parse(data, bytes, trailer->count);
        return trailer->annotations != NULL;
    }
    if (type == SECTION_ORIGIN) {
        if (trailer->has_origin)
            return false;
        trailer->has_origin = hb_origin_parse(data, bytes, &trailer->origin);
        return trailer->has_origin;
    }
    return true;
}

/* Steps over the head of the next section; false: there is none that fits. */
static bool next_section(const unsigned char **at, size_t *left, uint32_t *type, size_t *bytes)
{
    uint64_t length;
    if (*left < SECTION_HEAD)
        return false;
    memcpy(type, *at, sizeof *type);
    memcpy(&length, *at + 8, sizeof length);
    *type = le32toh(*type);
    length = le64toh(length);
    *at += SECTION_HEAD;
    *left -= SECTION_HEAD;
    if (length > *left || padded((size_t)length) > *left)
        return false;
    *bytes = (size_t)length;
    return true;
}

static bool parse_sections(const unsigned char *at, size_t left, struct hb_trailer *trailer)
{
    while (left > 0) {
        uint32_t type;
        size_t bytes;
        if (!next_section(&at, &left, &type, &bytes) || !take_section(trailer, type, at, bytes))
            return false;
        at += padded(bytes);
        left -= padded(bytes);
    }
    return trailer->summary != NULL && (trailer->contents == NULL || trailer->hashes != NULL);
}

bool hb_trailer_reuse(const void *data, size_t bytes, struct hb_reuse_index *index)
{
    const unsigned char *at = (const unsigned char *)data + sizeof magic;
    size_t left = bytes - sizeof magic - sizeof(uint64_t), length;
    uint32_t type;
    while (left > 0 && next_section(&at, &left, &type, &length)) {
        if (type == SECTION_REUSE)
            return hb_reuse_parse(at, length, index);
        at += padded(length);
        left -= padded(length);
    }
    return false;
}

bool hb_trailer_is_sealed(const void *data, size_t bytes, const unsigned char key[HB_SEAL_BYTES])
{
    const unsigned char *at = (const unsigned char *)data + sizeof magic;
    size_t left = bytes - sizeof magic - sizeof(uint64_t), length;
    uint32_t type;
    while (left > 0 && next_section(&at, &left, &type, &length)) {
        if (type == SECTION_ORIGIN && left == padded(length)) { /* the last: all else is sealed */
            unsigned char seal[HB_SEAL_BYTES];
            hb_origin_seal(key, data, (size_t)(at - (const unsigned char *)data),
                           at + HB_SEAL_BYTES, length - HB_SEAL_BYTES, seal);
            return memeql_sec(seal, at, sizeof seal) != 0;
        }
        at += padded(length);
        left -= padded(length);
    }
    return false;
}

static int parse(const void *data, size_t bytes, struct hb_trailer *trailer, struct hb_error *error)
{
    uint64_t checksum;
    if (data == NULL)
        return hb_error_set(error, HB_STATUS_FATAL, "the format plugin gives no trailer");
    if (bytes >= sizeof magic && memcmp(data, magic, VERSION_AT) == 0 &&
        ((const unsigned char *)data)[VERSION_AT] > (unsigned char)magic[VERSION_AT])
        return hb_error_set(
            error, HB_STATUS_LATER,
            "the archive's trailer has a later version (%u) than this hbcore can read (%u)",
            ((const unsigned char *)data)[VERSION_AT], (unsigned char)magic[VERSION_AT]);
    if (bytes < sizeof magic + sizeof checksum || memcmp(data, magic, sizeof magic) != 0)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "the archive's trailer was not written by hbcore");
    size_t body = bytes - sizeof checksum;
    memcpy(&checksum, (const unsigned char *)data + body, sizeof checksum);
    if (le64toh(checksum) != XXH3_64bits(data, body))
        return hb_error_set(error, HB_STATUS_FATAL, "the archive's trailer is damaged");
    if (!parse_sections((const unsigned char *)data + sizeof magic, body - sizeof magic, trailer)) {
        return hb_error_set(error, HB_STATUS_FATAL, "the archive's trailer is malformed");
    }
    return HB_OK;
}

int hb_trailer_parse(const void *data, size_t bytes, struct hb_trailer *trailer,
                     struct hb_error *error)
{
    *trailer = (struct hb_trailer){0};
    int status = parse(data, bytes, trailer, error);
    if (status != HB_OK)
        hb_trailer_clear(trailer);
    return status;
}

int hb_trailer_take(void *data, size_t bytes, struct hb_trailer *trailer, struct hb_error *error)
{
    *trailer = (struct hb_trailer){.block = data};
    int status = parse(data, bytes, trailer, error);
    if (status != HB_OK)
        hb_trailer_clear(trailer);
    return status;
}

/* The numbers stand in front; the system gets the rest of a large block back. */
void hb_trailer_forget_reuse(struct hb_trailer *trailer)
{
    const unsigned char *block = trailer->block;
    if (block == NULL || trailer->hashes == NULL)
        return;
    size_t hashes = (size_t)((unsigned char *)trailer->hashes - block), contents = 0;
    size_t end = hashes, all = trailer->count * sizeof *trailer->hashes;
    if (trailer->contents != NULL) {
        contents = (size_t)((unsigned char *)trailer->contents - block);
        end = contents > hashes ? contents : hashes;
    }
    unsigned char *shorter = hb_resize(trailer->block, end + all, 1);
    trailer->block = shorter;
    trailer->hashes = (uint64_t *)(void *)(shorter + hashes);
    if (trailer->contents != NULL)
        trailer->contents = (uint64_t *)(void *)(shorter + contents);
}

void hb_trailer_forget_metadata(struct hb_trailer *trailer)
{
    size_t done = 0;
    if (trailer->block == NULL) {
        free(trailer->hashes);
        trailer->hashes = NULL;
    } else if (trailer->hashes != NULL) {
        hb_give_back(trailer->hashes, &done, trailer->count * sizeof *trailer->hashes);
        trailer->hashes = NULL;
    }
}

bool hb_trailer_incomplete(const struct hb_trailer *trailer)
{
    return json_is_true(json_object_get(trailer->summary, "incomplete"));
}

void hb_trailer_clear(struct hb_trailer *trailer)
{
    if (trailer->block == NULL) {
        free(trailer->hashes);
        free(trailer->contents);
    }
    free(trailer->block);
    json_decref(trailer->annotations);
    json_decref(trailer->summary);
    hb_origin_clear(&trailer->origin);
    *trailer = (struct hb_trailer){0};
}
