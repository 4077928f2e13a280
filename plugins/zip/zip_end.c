/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which end record is the archive's.
 *
 * The signature of an end record may also stand in a comment, a name, an extra field or stored
 * content, with a whole zip around it even. And a zip may have bytes in front of it (a program that
 * unpacks it), and behind it. So every place within reach of the end is looked at, and a record
 * counts only if all that it says fits: the central directory begins with a header and is large
 * enough for its entries, it lies where offset and size say, and so does the zip64 record, if there
 * is one. Of those that fit that one is taken whose comment ends where the file does; else one with
 * bytes behind it; and of several the one nearest to the end, on which most tools agree: where a
 * comment is a whole zip, that zip is read, and of two that were joined the second.
 *
 * What it must not do: take a zip that is stored as a member for the archive, when the archive lost
 * its end. If the file begins as a zip does, offsets count from its first byte, or another archive
 * ends where they do count from.
 */
#include "zip_end.h"

#include "zip_bytes.h"
#include "zip_layout.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { END_SEARCH = ZIP_END_BYTES + 65535 };

/* What is wrong with a record, or with the last one that was looked at. */
enum wrong { NOTHING, NO_RECORD, DISKS, NO_64, BEYOND, TOO_SMALL, NO_ENTRIES, NO_HEADER, IN_FRONT };

/* What a pair of end records say. */
struct found {
    uint64_t place; /* of the first of the end records */
    uint64_t entries;
    uint64_t bytes;  /* of the directory */
    uint64_t offset; /* as stored */
    uint64_t start;  /* of the directory */
    uint64_t shift;
    bool exact; /* the comment ends where the file does */
};

int zip_read(const struct zip *zip, const struct hb_input *input, void *buffer, size_t bytes,
             uint64_t offset)
{
    int64_t got = input->read_at(input, buffer, bytes, offset);
    if (got < 0)
        return got < HB_STATUS_CANCELLED ? HB_STATUS_FATAL : (int)got;
    if ((uint64_t)got == bytes)
        return HB_OK;
    return zip->host->fail(zip->host, HB_STATUS_FATAL,
                           "the archive ends at byte %" PRIu64 ", within a record; it is truncated",
                           offset + (uint64_t)got);
}

/* ---- zip64 ------------------------------------------------------------------------------ */

/* Reads the zip64 record that ends where the locator starts. HB_STATUS_NOMATCH: it is not at
 * `place`. */
static int read_end_64(const struct zip *zip, const struct hb_input *input, uint64_t place,
                       uint64_t locator, unsigned char record[ZIP_END64_BYTES])
{
    if (place > locator || locator - place < ZIP_END64_BYTES)
        return HB_STATUS_NOMATCH;
    int status = zip_read(zip, input, record, ZIP_END64_BYTES, place);
    if (status != HB_OK)
        return status;
    bool fits =
        zip_get32(record) == ZIP_END64_SIGNATURE && zip_get64(record + 4) == locator - place - 12;
    return fits ? HB_OK : HB_STATUS_NOMATCH;
}

/* A field of the plain record that is not saturated must say the same as the zip64 one. */
static bool agrees(uint64_t plain, uint64_t full, uint64_t wide)
{
    return plain == full || plain == wide;
}

/* HB_STATUS_NOMATCH: what the record at `place` says does not fit what else is there. */
static int take_end_64(const unsigned char record[ZIP_END64_BYTES], uint64_t place,
                       struct found *found, enum wrong *wrong)
{
    uint64_t entries = zip_get64(record + 32), bytes = zip_get64(record + 40),
             offset = zip_get64(record + 48), stored_end;
    if (!agrees(found->entries, ZIP_16_FULL, entries) ||
        !agrees(found->bytes, ZIP_32_FULL, bytes) || !agrees(found->offset, ZIP_32_FULL, offset) ||
        __builtin_add_overflow(offset, bytes, &stored_end) || stored_end > place)
        return HB_STATUS_NOMATCH;
    if (zip_get32(record + 16) != 0 || zip_get32(record + 20) != 0 ||
        zip_get64(record + 24) != entries)
        *wrong = DISKS;
    found->place = place;
    found->entries = entries;
    found->bytes = bytes;
    found->offset = offset;
    return HB_OK;
}

/*
 * Four bytes that look like a locator may be part of the last member's name, extra field or
 * comment. They are a locator only if a record is where it says, and if that record does not
 * contradict the end record. Otherwise the end record must do alone: whether the directory is right
 * before it shows when its headers are read.
 */
static int look_for_64(const struct zip *zip, const struct hb_input *input, struct found *found,
                       enum wrong *wrong)
{
    unsigned char locator[ZIP_LOCATOR_BYTES] = {0}, record[ZIP_END64_BYTES] = {0};
    if (found->place < ZIP_LOCATOR_BYTES)
        return HB_OK;
    uint64_t at = found->place - ZIP_LOCATOR_BYTES;
    int status = zip_read(zip, input, locator, sizeof locator, at);
    if (status != HB_OK || zip_get32(locator) != ZIP_LOCATOR_SIGNATURE)
        return status;
    uint64_t place = zip_get64(locator + 8);
    status = read_end_64(zip, input, place, at, record);
    if (status == HB_STATUS_NOMATCH && at >= ZIP_END64_BYTES) { /* bytes in front of the archive */
        place = at - ZIP_END64_BYTES;
        status = read_end_64(zip, input, place, at, record);
    }
    if (status == HB_OK)
        status = take_end_64(record, place, found, wrong);
    if (status != HB_STATUS_NOMATCH)
        return status;
    if (found->bytes == ZIP_32_FULL || found->offset == ZIP_32_FULL)
        *wrong = NO_64;
    return HB_OK;
}

/* ---- the directory ---------------------------------------------------------------------- */

static int is_there(const struct zip *zip, const struct hb_input *input, uint32_t signature,
                    uint64_t place, bool *there)
{
    unsigned char first[4] = {0};
    int status = zip_read(zip, input, first, sizeof first, place);
    *there = zip_get32(first) == signature;
    return status;
}

/*
 * The directory lies right before the end records, and what stored offsets lack is in front. Or it
 * lies where they say, and something else is in between; but not a zip64 record that does not fit.
 */
static int place_directory(const struct zip *zip, const struct hb_input *input, struct found *found,
                           enum wrong *wrong)
{
    uint64_t stored_end;
    bool central = false, wide = false;
    if (found->bytes > found->place ||
        __builtin_add_overflow(found->offset, found->bytes, &stored_end) ||
        stored_end > found->place) {
        *wrong = BEYOND;
        return HB_OK;
    }
    found->start = found->place - found->bytes;
    found->shift = found->place - stored_end;
    if (found->entries > found->bytes / ZIP_CENTRAL_BYTES)
        *wrong = TOO_SMALL;
    /* An end record of zeros would make an empty archive of any. */
    else if (found->entries == 0 && (found->shift != 0 || found->bytes != 0))
        *wrong = NO_ENTRIES;
    if (*wrong != NOTHING || found->entries == 0)
        return HB_OK;
    int status = is_there(zip, input, ZIP_CENTRAL_SIGNATURE, found->start, &central);
    if (status != HB_OK || central)
        return status;
    status = is_there(zip, input, ZIP_CENTRAL_SIGNATURE, found->offset, &central);
    if (status == HB_OK && central)
        status = is_there(zip, input, ZIP_END64_SIGNATURE, stored_end, &wide);
    if (status == HB_OK && central && !wide) {
        found->start = found->offset;
        found->shift = 0;
    } else {
        *wrong = NO_HEADER;
    }
    return status;
}

/* ---- the end record --------------------------------------------------------------------- */

/* The end of the input: as much as a comment can take, and the record. */
struct tail {
    unsigned char *data;
    size_t bytes;
    ptrdiff_t records; /* so many places where a record can begin */
    uint64_t start;    /* of the input */
    bool local;        /* the input begins with a local header, or with a mark that precedes one */
};

/* `end`: of what is searched. */
static int load_tail(const struct zip *zip, const struct hb_input *input, uint64_t end,
                     struct tail *tail)
{
    unsigned char first[4];
    *tail = (struct tail){0};
    if (input->read_at == NULL || end == HB_SIZE_UNKNOWN || end < ZIP_END_BYTES)
        return HB_STATUS_NOMATCH;
    tail->bytes = end < END_SEARCH ? (size_t)end : END_SEARCH;
    tail->records = (ptrdiff_t)(tail->bytes - ZIP_END_BYTES + 1);
    tail->start = end - tail->bytes;
    tail->data = malloc(tail->bytes);
    if (tail->data == NULL)
        return zip_no_memory(zip);
    int status = zip_read(zip, input, tail->data, tail->bytes, tail->start);
    if (status == HB_OK)
        status = zip_read(zip, input, first, sizeof first, 0);
    if (status != HB_OK)
        return status;
    uint32_t signature = zip_get32(first);
    tail->local = signature == ZIP_LOCAL_SIGNATURE || signature == ZIP_DESCRIPTOR_SIGNATURE ||
                  signature == ZIP_SINGLE_SIGNATURE;
    return HB_OK;
}

/* The last signature of a record that begins before `end`; -1: there is none. */
static ptrdiff_t last_record(const struct tail *tail, ptrdiff_t end)
{
    while (end > 0) {
        const unsigned char *at = memrchr(tail->data, 'P', (size_t)end);
        if (at == NULL || zip_get32(at) == ZIP_END_SIGNATURE)
            return at == NULL ? -1 : at - tail->data;
        end = at - tail->data;
    }
    return -1;
}

/* Does a record with its comment end where the input does? bsdtar pads what it writes to a pipe. */
static bool ends_input(const struct tail *tail, size_t at)
{
    size_t end = at + ZIP_END_BYTES + zip_get16(tail->data + at + 20);
    while (end < tail->bytes && tail->data[end] == 0)
        end++;
    return end == tail->bytes;
}

/* *wrong is NOTHING where all fits. */
static int examine(const struct zip *zip, const struct hb_input *input, const struct tail *tail,
                   size_t at, struct found *found, enum wrong *wrong)
{
    const unsigned char *record = tail->data + at;
    *found = (struct found){
        .place = tail->start + at,
        .entries = zip_get16(record + 10),
        .bytes = zip_get32(record + 12),
        .offset = zip_get32(record + 16),
        .exact = ends_input(tail, at),
    };
    uint32_t disk = zip_get16(record + 4), first = zip_get16(record + 6);
    bool single = (disk == 0 || disk == ZIP_16_FULL) && (first == 0 || first == ZIP_16_FULL);
    *wrong = single && zip_get16(record + 8) == found->entries ? NOTHING : DISKS;
    if (found->place + ZIP_END_BYTES + zip_get16(record + 20) > input->bytes)
        *wrong = NO_RECORD; /* its comment is cut off */
    int status = *wrong == NOTHING ? look_for_64(zip, input, found, wrong) : HB_OK;
    if (status == HB_OK && *wrong == NOTHING)
        status = place_directory(zip, input, found, wrong);
    return status;
}

/*
 * Does an archive that begins with the input end before `end`? Then what follows is its comment, or
 * another archive that was joined to it.
 */
static int is_whole(const struct zip *zip, const struct hb_input *input, uint64_t end, bool *whole)
{
    struct tail tail;
    struct found found = {0};
    enum wrong wrong = NO_RECORD;
    *whole = false;
    int status = load_tail(zip, input, end, &tail);
    ptrdiff_t at = tail.records;
    while (status == HB_OK && !*whole && (at = last_record(&tail, at)) >= 0) {
        status = examine(zip, input, &tail, (size_t)at, &found, &wrong);
        *whole = wrong == NOTHING && found.shift == 0;
    }
    free(tail.data);
    return status == HB_STATUS_NOMATCH ? HB_OK : status;
}

/*
 * The best record; *chosen is false where none fits. *first is then what is wrong with the last one
 * whose comment ends where the file does.
 */
static int choose(const struct zip *zip, const struct hb_input *input, const struct tail *tail,
                  struct found *best, bool *chosen, enum wrong *first)
{
    *chosen = false;
    *first = NO_RECORD;
    for (ptrdiff_t at = tail->records; (at = last_record(tail, at)) >= 0;) {
        struct found found;
        enum wrong wrong;
        int status = examine(zip, input, tail, (size_t)at, &found, &wrong);
        if (status != HB_OK)
            return status;
        if (wrong != NOTHING) {
            if (*first == NO_RECORD && found.exact)
                *first = wrong;
            continue;
        }
        if (!*chosen || (found.exact && !best->exact))
            *best = found;
        *chosen = true;
    }
    return HB_OK;
}

static int search(const struct zip *zip, const struct hb_input *input, struct found *best,
                  enum wrong *wrong)
{
    struct tail tail;
    bool chosen = false;
    int status = load_tail(zip, input, input->bytes, &tail);
    if (status == HB_OK)
        status = choose(zip, input, &tail, best, &chosen, wrong);
    free(tail.data);
    if (status == HB_OK && chosen && best->shift > 0 && tail.local) {
        status = is_whole(zip, input, best->shift, &chosen);
        *wrong = IN_FRONT;
    }
    return status == HB_OK && !chosen ? HB_STATUS_NOMATCH : status;
}

int zip_end_find(const struct zip *zip, const struct hb_input *input, struct zip_end *end)
{
    struct found best = {0};
    enum wrong wrong = NO_RECORD;
    int status = search(zip, input, &best, &wrong);
    *end = (struct zip_end){best.start, best.bytes, best.shift, best.entries, wrong == DISKS};
    return status;
}

int zip_end_in_front(const struct zip *zip, const struct hb_input *input, uint64_t begin,
                     bool *another)
{
    struct tail tail;
    struct found best = {0};
    enum wrong wrong = NO_RECORD;
    bool chosen = false;
    int status = load_tail(zip, input, begin, &tail);
    if (status == HB_OK)
        status = choose(zip, input, &tail, &best, &chosen, &wrong);
    free(tail.data);
    *another = status == HB_OK && chosen && best.entries > 0 && (best.exact || best.shift == 0);
    return status == HB_STATUS_NOMATCH ? HB_OK : status;
}

int zip_end_refuse(const struct zip *zip, const struct hb_input *input)
{
    static const char *const texts[] = {
        [NOTHING] = "the archive changed while it was read",
        [NO_RECORD] = "no end record at the end of the file: it is truncated, or is not a zip",
        [DISKS] = "it is one disk of several; join them first (zip -s 0)",
        [NO_64] = "the zip64 record is not where its locator says, or contradicts the end record; "
                  "the archive is damaged or forged",
        [BEYOND] = "the central directory reaches beyond the end record; the archive is damaged or "
                   "forged",
        [TOO_SMALL] = "the central directory is too small for its number of entries; the archive "
                      "is damaged or forged",
        [NO_ENTRIES] = "the end record says that there are no entries, but something lies before "
                       "it; the archive is damaged or forged",
        [NO_HEADER] = "no central directory where the end record says; the archive is damaged or "
                      "forged",
        [IN_FRONT] = "a zip begins at its first byte, but the end record is that of another one "
                     "within it: the archive is truncated or damaged, or two were joined",
    };
    struct found best;
    enum wrong wrong = NO_RECORD;
    int status = search(zip, input, &best, &wrong);
    if (status != HB_OK && status != HB_STATUS_NOMATCH)
        return status;
    return zip->host->fail(zip->host, HB_STATUS_FATAL, "%s",
                           texts[status == HB_OK ? NOTHING : wrong]);
}
