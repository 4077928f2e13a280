/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The central directory: whether it is sound. All of it is checked before the first member is
 * shown: bounds, counts, and that no two entries overlap.
 */
#include "zip_index.h"

#include "zip_bytes.h"
#include "zip_end.h"
#include "zip_layout.h"
#include "zip_write.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int damaged(const struct zip *zip, const char *what)
{
    return zip->host->fail(zip->host, HB_STATUS_FATAL, "%s; the archive is damaged or forged",
                           what);
}

int zip_probe(void *self, const struct hb_input *input, const void *head, size_t bytes)
{
    struct zip_end end;
    (void)head;
    (void)bytes;
    int status = zip_end_find(self, input, &end);
    return status == HB_STATUS_NOMATCH && end.disks ? HB_OK : status;
}

/* ---- a pass over the directory ---------------------------------------------------------- */

void zip_cursor_start(struct zip_cursor *cursor, const struct zip *zip,
                      const struct hb_input *input)
{
    cursor->zip = zip;
    cursor->input = input;
    cursor->next = cursor->loaded = zip->index.start;
    cursor->number = 0;
    cursor->at = cursor->fill = 0;
}

static int refill(struct zip_cursor *cursor)
{
    const struct zip_index *index = &cursor->zip->index;
    uint64_t left = index->start + index->bytes - cursor->loaded;
    if (left == 0 || cursor->fill - cursor->at >= ZIP_CENTRAL_MAX)
        return HB_OK;
    size_t kept = cursor->fill - cursor->at;
    memmove(cursor->buffer, cursor->buffer + cursor->at, kept);
    size_t bytes = sizeof cursor->buffer - kept;
    if (bytes > left)
        bytes = (size_t)left;
    int status = zip_read(cursor->zip, cursor->input, cursor->buffer + kept, bytes, cursor->loaded);
    cursor->loaded += bytes;
    cursor->at = 0;
    cursor->fill = kept + bytes;
    return status;
}

static const char *check_name(const struct zip_record *record)
{
    if (record->name_bytes == 0)
        return "has no name";
    if (memchr(record->name, '\0', record->name_bytes) != NULL)
        return "has a NUL byte in its name";
    if (record->unicode != NULL && (record->unicode_bytes == 0 ||
                                    memchr(record->unicode, '\0', record->unicode_bytes) != NULL))
        return "has an empty UTF-8 name, or one with a NUL byte";
    return NULL;
}

/* Is all that is left of the directory a digital signature (4.3.13)? Nobody checks those today. */
static bool is_signed(const struct zip_cursor *cursor)
{
    const struct zip_index *index = &cursor->zip->index;
    const unsigned char *rest = cursor->buffer + cursor->at;
    size_t bytes = cursor->fill - cursor->at;
    return cursor->loaded == index->start + index->bytes && bytes >= 6 &&
           zip_get32(rest) == ZIP_SIGNED_SIGNATURE && bytes == 6 + (size_t)zip_get16(rest + 4);
}

int zip_cursor_next(struct zip_cursor *cursor, struct zip_record *record, uint64_t *place)
{
    const struct zip *zip = cursor->zip;
    int status = refill(cursor);
    if (status != HB_OK)
        return status;
    if (cursor->number == zip->index.entries) {
        if (cursor->next != zip->index.start + zip->index.bytes && !is_signed(cursor))
            return damaged(zip, "the central directory holds more than its number of entries");
        return HB_STATUS_END;
    }
    const char *wrong =
        zip_parse_central(cursor->buffer + cursor->at, cursor->fill - cursor->at, record);
    if (wrong == NULL)
        wrong = check_name(record);
    if (wrong != NULL)
        return zip->host->fail(zip->host, HB_STATUS_FATAL,
                               "member %" PRIu64 " %s; the archive is damaged or forged",
                               cursor->number + 1, wrong);
    *place = cursor->next;
    cursor->at += record->header_bytes;
    cursor->next += record->header_bytes;
    cursor->number++;
    return HB_OK;
}

/* ---- checks ----------------------------------------------------------------------------- */

struct extent {
    uint64_t start;
    uint64_t end;
    unsigned char tail; /* bytes of its descriptor */
};

/* What the entry takes at least: its local header may have a longer extra field. */
static const char *check_record(const struct zip_index *index, const struct zip_record *record,
                                struct extent *extent)
{
    if (record->disk != 0)
        return "lies on another disk";
    if (__builtin_add_overflow(record->offset, index->shift, &extent->start) ||
        __builtin_add_overflow(extent->start, ZIP_LOCAL_BYTES + record->name_bytes, &extent->end) ||
        __builtin_add_overflow(extent->end, record->packed, &extent->end) ||
        extent->end > index->start)
        return "reaches beyond the start of the central directory";
    return NULL;
}

static int compare_extents(const void *a, const void *b)
{
    const struct extent *left = a, *right = b;
    return left->start < right->start ? -1 : left->start > right->start;
}

static int check_overlap(const struct zip *zip, struct extent *extents, size_t count, bool sorted)
{
    if (!sorted)
        qsort(extents, count, sizeof *extents, compare_extents);
    for (size_t i = 1; i < count; i++)
        if (extents[i].start < extents[i - 1].end)
            return zip->host->fail(zip->host, HB_STATUS_FATAL,
                                   "two members overlap at byte %" PRIu64
                                   "; the archive is damaged or forged",
                                   extents[i].start);
    return HB_OK;
}

/* Of an entry that we made: others may leave the signature out. */
static unsigned char descriptor_of(const struct zip_record *record)
{
    if ((record->flags & ZIP_FLAG_DESCRIPTOR) == 0)
        return 0;
    return record->bytes >= ZIP_LARGE_FROM ? 24 : 16;
}

static int collect(struct zip *zip, struct zip_cursor *cursor, struct extent *extents, bool *sorted)
{
    struct zip_record record = {0};
    uint64_t place;
    int status;
    *sorted = true;
    for (size_t i = 0; (status = zip_cursor_next(cursor, &record, &place)) == HB_OK; i++) {
        const char *wrong = check_record(&zip->index, &record, &extents[i]);
        if (wrong != NULL)
            return zip->host->fail(zip->host, HB_STATUS_FATAL,
                                   "member %" PRIu64 " %s; the archive is damaged or forged",
                                   cursor->number, wrong);
        zip->index.has_trailer |= record.marked;
        extents[i].tail = descriptor_of(&record);
        if (i > 0 && extents[i].start < extents[i - 1].start)
            *sorted = false;
    }
    return status == HB_STATUS_END ? HB_OK : status;
}

/*
 * Some programs write more than 65,535 entries without zip64 records, and of their number the lower
 * 16 bits. Then the headers tell.
 */
static void count_entries(struct zip *zip, const struct hb_input *input, struct zip_cursor *cursor)
{
    struct zip_index *index = &zip->index;
    struct zip_record record;
    uint64_t place, stored = index->entries, most = index->bytes / ZIP_CENTRAL_BYTES;
    if (stored >= ZIP_16_FULL || most <= ZIP_16_FULL)
        return;
    index->entries = most;
    zip_cursor_start(cursor, zip, input);
    while (cursor->next < index->start + index->bytes &&
           zip_cursor_next(cursor, &record, &place) == HB_OK)
        ;
    index->entries = (cursor->number & ZIP_16_FULL) == stored ? cursor->number : stored;
}

static bool keep_starts(struct zip_index *index, const struct extent *extents, size_t count)
{
    index->starts = calloc(count + 1, sizeof *index->starts);
    index->tails = calloc(count + 1, 1);
    if (index->starts == NULL || index->tails == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint64_t start = extents[i].start;
        if (i == 0 || start - index->parts[index->part_count - 1].start > UINT32_MAX) {
            struct zip_part *parts =
                reallocarray(index->parts, index->part_count + 1, sizeof *parts);
            if (parts == NULL)
                return false;
            index->parts = parts;
            parts[index->part_count++] = (struct zip_part){.start = start, .first = i};
        }
        index->starts[i] = (uint32_t)(start - index->parts[index->part_count - 1].start);
        index->tails[i] = extents[i].tail;
    }
    return true;
}

static int check_all(struct zip *zip, const struct hb_input *input)
{
    struct zip_index *index = &zip->index;
    struct zip_cursor *cursor = malloc(sizeof *cursor);
    if (cursor != NULL)
        count_entries(zip, input, cursor);
    size_t count = (size_t)index->entries; /* bounded by the directory's length */
    struct extent *extents = calloc(count + 1, sizeof *extents);
    bool sorted = true;
    int status = HB_OK;
    if (cursor == NULL || extents == NULL) {
        status = zip_no_memory(zip);
        goto out;
    }
    zip_cursor_start(cursor, zip, input);
    status = collect(zip, cursor, extents, &sorted);
    if (status == HB_OK)
        status = check_overlap(zip, extents, count, sorted);
    if (status != HB_OK)
        goto out;
    if (!keep_starts(index, extents, count)) {
        status = zip_no_memory(zip);
        goto out;
    }
    index->data_end = count == 0 ? index->shift : extents[count - 1].end;
out:
    free(extents);
    free(cursor);
    return status;
}

int zip_index_load(struct zip *zip, const struct hb_input *input)
{
    struct zip_end end;
    struct zip_index *index = &zip->index;
    if (index->loaded)
        return HB_OK;
    int status = zip_end_find(zip, input, &end);
    if (status == HB_STATUS_NOMATCH)
        return zip_end_refuse(zip, input);
    if (status != HB_OK)
        return status;
    index->start = end.start;
    index->bytes = end.bytes;
    index->shift = end.shift;
    index->entries = end.entries;
    status = check_all(zip, input);
    zip->index.loaded = status == HB_OK;
    return status;
}

void zip_index_free(struct zip_index *index)
{
    free(index->starts);
    free(index->parts);
    free(index->tails);
    *index = (struct zip_index){0};
}

uint64_t zip_index_start(const struct zip_index *index, size_t number)
{
    size_t low = 0, high = index->part_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (index->parts[middle].first <= number)
            low = middle;
        else
            high = middle;
    }
    return index->parts[low].start + index->starts[number];
}

uint64_t zip_index_next(const struct zip_index *index, uint64_t start)
{
    size_t low = 0, high = (size_t)index->entries;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zip_index_start(index, middle) < start)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == index->entries || zip_index_start(index, low) != start)
        return 0;
    return low + 1 < index->entries ? zip_index_start(index, low + 1) : index->start;
}
