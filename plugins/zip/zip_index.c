/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The central directory: where it is, and whether it is sound. All of it is checked before the
 * first member is shown: bounds, counts, and that no two entries overlap.
 */
#include "zip_index.h"

#include "zip_bytes.h"
#include "zip_layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { END_SEARCH = ZIP_END_BYTES + 65535 };

/* What the end records say. */
struct end {
    uint64_t place; /* of the first of the end records: the directory ends here */
    uint64_t entries;
    uint64_t bytes;  /* of the directory */
    uint64_t offset; /* as stored */
};

static int damaged(const struct zip *zip, const char *what)
{
    return zip->host->fail(zip->host, HB_FATAL, "%s; the archive is damaged or forged", what);
}

int zip_read(const struct zip *zip, const struct hb_input *input, void *buffer, size_t bytes,
             uint64_t offset)
{
    int64_t got = input->read_at(input, buffer, bytes, offset);
    if (got < 0)
        return got < HB_CANCELLED ? HB_FATAL : (int)got;
    if ((uint64_t)got == bytes)
        return HB_OK;
    return zip->host->fail(zip->host, HB_FATAL,
                           "the archive ends at byte %" PRIu64 ", within a record; it is truncated",
                           offset + (uint64_t)got);
}

/* ---- end of the central directory (4.3.14 to 4.3.16) ------------------------------------ */

/* Does a record with its comment end where the input does? bsdtar pads what it writes to a pipe. */
static bool ends_input(const unsigned char *tail, size_t at, size_t bytes)
{
    size_t end = at + ZIP_END_BYTES + zip_get16(tail + at + 20);
    while (end < bytes && tail[end] == 0)
        end++;
    return end == bytes;
}

/* The last such place: tools agree on that one, and a comment could hold another. */
static int find_end(const struct zip *zip, const struct hb_input *input,
                    unsigned char end[ZIP_END_BYTES], uint64_t *place)
{
    if (input->read_at == NULL || input->bytes == HB_UNKNOWN || input->bytes < ZIP_END_BYTES)
        return HB_NOMATCH;
    size_t bytes = input->bytes < END_SEARCH ? (size_t)input->bytes : END_SEARCH;
    unsigned char *tail = malloc(bytes);
    if (tail == NULL)
        return zip_no_memory(zip);
    int status = zip_read(zip, input, tail, bytes, input->bytes - bytes);
    size_t at = bytes - ZIP_END_BYTES + 1;
    bool found = false;
    while (status == HB_OK && !found && at-- > 0)
        found = tail[at] == 'P' && zip_get32(tail + at) == ZIP_END_SIGNATURE &&
                ends_input(tail, at, bytes);
    if (status == HB_OK && !found)
        status = HB_NOMATCH;
    if (status == HB_OK) {
        memcpy(end, tail + at, ZIP_END_BYTES);
        *place = input->bytes - bytes + at;
    }
    free(tail);
    return status;
}

/* Reads the zip64 record that ends where the locator starts. HB_NOMATCH: it is not at `place`. */
static int read_end_64(const struct zip *zip, const struct hb_input *input, uint64_t place,
                       uint64_t locator, unsigned char record[ZIP_END64_BYTES])
{
    if (place > locator || locator - place < ZIP_END64_BYTES)
        return HB_NOMATCH;
    int status = zip_read(zip, input, record, ZIP_END64_BYTES, place);
    if (status != HB_OK)
        return status;
    bool fits =
        zip_get32(record) == ZIP_END64_SIGNATURE && zip_get64(record + 4) == locator - place - 12;
    return fits ? HB_OK : HB_NOMATCH;
}

/* A field of the plain record that is not saturated must say the same as the zip64 one. */
static bool agrees(uint64_t plain, uint64_t full, uint64_t wide)
{
    return plain == full || plain == wide;
}

/* HB_NOMATCH: what the record at `place` says does not fit what else is there. */
static int take_end_64(const struct zip *zip, const unsigned char record[ZIP_END64_BYTES],
                       uint64_t place, struct end *end)
{
    uint64_t entries = zip_get64(record + 32), bytes = zip_get64(record + 40),
             offset = zip_get64(record + 48), stored_end;
    if (!agrees(end->entries, ZIP_16_FULL, entries) || !agrees(end->bytes, ZIP_32_FULL, bytes) ||
        !agrees(end->offset, ZIP_32_FULL, offset) ||
        __builtin_add_overflow(offset, bytes, &stored_end) || stored_end > place)
        return HB_NOMATCH;
    if (zip_get32(record + 16) != 0 || zip_get32(record + 20) != 0 ||
        zip_get64(record + 24) != entries)
        return zip->host->fail(zip->host, HB_FATAL,
                               "it is one disk of several; join them first (zip -s 0)");
    *end = (struct end){.place = place, .entries = entries, .bytes = bytes, .offset = offset};
    return HB_OK;
}

/*
 * Four bytes that look like a locator may be part of the last member's name, extra field or
 * comment. They are a locator only if a record is where it says, and if that record does not
 * contradict the end record. Otherwise the end record must do alone: whether the directory is right
 * before it shows when its headers are read.
 */
static int look_for_64(const struct zip *zip, const struct hb_input *input, struct end *end)
{
    unsigned char locator[ZIP_LOCATOR_BYTES] = {0}, record[ZIP_END64_BYTES] = {0};
    if (end->place < ZIP_LOCATOR_BYTES)
        return HB_OK;
    uint64_t at = end->place - ZIP_LOCATOR_BYTES;
    int status = zip_read(zip, input, locator, sizeof locator, at);
    if (status != HB_OK || zip_get32(locator) != ZIP_LOCATOR_SIGNATURE)
        return status;
    uint64_t place = zip_get64(locator + 8);
    status = read_end_64(zip, input, place, at, record);
    if (status == HB_NOMATCH && at >= ZIP_END64_BYTES) { /* bytes in front of the archive */
        place = at - ZIP_END64_BYTES;
        status = read_end_64(zip, input, place, at, record);
    }
    if (status == HB_OK)
        status = take_end_64(zip, record, place, end);
    if (status != HB_NOMATCH)
        return status;
    if (end->bytes == ZIP_32_FULL || end->offset == ZIP_32_FULL)
        return damaged(zip, "the zip64 record is not where its locator says, or contradicts the "
                            "end record");
    return HB_OK;
}

static int read_end(const struct zip *zip, const struct hb_input *input, struct end *end)
{
    unsigned char record[ZIP_END_BYTES] = {0};
    int status = find_end(zip, input, record, &end->place);
    if (status == HB_NOMATCH)
        return zip->host->fail(zip->host, HB_FATAL,
                               "no end record at the end of the file: it is truncated, has bytes "
                               "appended, or is not a zip");
    if (status != HB_OK)
        return status;
    end->entries = zip_get16(record + 10);
    end->bytes = zip_get32(record + 12);
    end->offset = zip_get32(record + 16);
    uint32_t disk = zip_get16(record + 4), first = zip_get16(record + 6);
    bool single = (disk == 0 || disk == ZIP_16_FULL) && (first == 0 || first == ZIP_16_FULL);
    if (!single || zip_get16(record + 8) != end->entries)
        return zip->host->fail(zip->host, HB_FATAL,
                               "it is one disk of several; join them first (zip -s 0)");
    return look_for_64(zip, input, end);
}

/* The directory lies right before the end records; what stored offsets lack is in front. */
static int place_directory(const struct zip *zip, const struct end *end, struct zip_index *index)
{
    uint64_t stored_end;
    if (end->bytes > end->place || __builtin_add_overflow(end->offset, end->bytes, &stored_end) ||
        stored_end > end->place)
        return damaged(zip, "the central directory reaches beyond the end record");
    if (end->entries > end->bytes / ZIP_CENTRAL_BYTES)
        return damaged(zip, "the central directory is too small for its number of entries");
    /* An end record of zeros would make an empty archive of any. */
    if (end->entries == 0 && stored_end != end->place)
        return damaged(
            zip, "the end record says that there are no entries, but something lies before it");
    index->start = end->place - end->bytes;
    index->bytes = end->bytes;
    index->shift = end->place - stored_end;
    index->entries = end->entries;
    return HB_OK;
}

int zip_probe(void *self, const struct hb_input *input, const void *head, size_t bytes)
{
    struct zip *zip = self;
    unsigned char record[ZIP_END_BYTES] = {0}, first[4] = {0};
    uint64_t place = 0;
    (void)head;
    (void)bytes;
    int status = find_end(zip, input, record, &place);
    if (status != HB_OK)
        return status;
    uint64_t directory = zip_get32(record + 12);
    if (directory == ZIP_32_FULL || zip_get32(record + 16) == ZIP_32_FULL)
        return HB_OK;
    if (directory > place || (directory == 0 && zip_get16(record + 10) != 0))
        return HB_NOMATCH;
    if (directory == 0)
        return HB_OK;
    status = zip_read(zip, input, first, sizeof first, place - directory);
    if (status != HB_OK)
        return status;
    /* With zip64 records in between, the directory starts earlier; the end record suffices. */
    bool wide = place >= ZIP_LOCATOR_BYTES &&
                zip_read(zip, input, record, 4, place - ZIP_LOCATOR_BYTES) == HB_OK &&
                zip_get32(record) == ZIP_LOCATOR_SIGNATURE;
    return wide || zip_get32(first) == ZIP_CENTRAL_SIGNATURE ? HB_OK : HB_NOMATCH;
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

int zip_cursor_next(struct zip_cursor *cursor, struct zip_record *record, uint64_t *place)
{
    const struct zip *zip = cursor->zip;
    int status = refill(cursor);
    if (status != HB_OK)
        return status;
    if (cursor->number == zip->index.entries) {
        if (cursor->next != zip->index.start + zip->index.bytes)
            return damaged(zip, "the central directory holds more than its number of entries");
        return HB_END;
    }
    const char *wrong =
        zip_parse_central(cursor->buffer + cursor->at, cursor->fill - cursor->at, record);
    if (wrong == NULL)
        wrong = check_name(record);
    if (wrong != NULL)
        return zip->host->fail(zip->host, HB_FATAL,
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
            return zip->host->fail(zip->host, HB_FATAL,
                                   "two members overlap at byte %" PRIu64
                                   "; the archive is damaged or forged",
                                   extents[i].start);
    return HB_OK;
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
            return zip->host->fail(zip->host, HB_FATAL,
                                   "member %" PRIu64 " %s; the archive is damaged or forged",
                                   cursor->number, wrong);
        zip->index.has_trailer |= record.marked;
        if (i > 0 && extents[i].start < extents[i - 1].start)
            *sorted = false;
    }
    return status == HB_END ? HB_OK : status;
}

static int check_all(struct zip *zip, const struct hb_input *input)
{
    struct zip_index *index = &zip->index;
    size_t count = (size_t)index->entries; /* bounded by the directory's length */
    struct zip_cursor *cursor = malloc(sizeof *cursor);
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
    index->starts = calloc(count + 1, sizeof *index->starts);
    if (index->starts == NULL) {
        status = zip_no_memory(zip);
        goto out;
    }
    for (size_t i = 0; i < count; i++)
        index->starts[i] = extents[i].start;
    index->data_end = count == 0 ? index->shift : extents[count - 1].end;
out:
    free(extents);
    free(cursor);
    return status;
}

int zip_index_load(struct zip *zip, const struct hb_input *input)
{
    struct end end = {0};
    if (zip->index.loaded)
        return HB_OK;
    int status = read_end(zip, input, &end);
    if (status == HB_OK)
        status = place_directory(zip, &end, &zip->index);
    if (status == HB_OK)
        status = check_all(zip, input);
    zip->index.loaded = status == HB_OK;
    return status;
}

void zip_index_free(struct zip_index *index)
{
    free(index->starts);
    *index = (struct zip_index){0};
}

uint64_t zip_index_next(const struct zip_index *index, uint64_t start)
{
    size_t low = 0, high = (size_t)index->entries;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->starts[middle] < start)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == index->entries || index->starts[low] != start)
        return 0;
    return low + 1 < index->entries ? index->starts[low + 1] : index->start;
}
