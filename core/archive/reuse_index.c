/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/reuse_index.h"

#include "base/memory.h"
#include <endian.h>
#include <string.h>

_Static_assert(sizeof(struct hb_fingerprint) == 16, "as it is stored");
_Static_assert(sizeof(struct hb_unit_part) == 104, "as it is stored");
_Static_assert(sizeof(struct hb_long_entry) == 24, "as it is stored");

enum { HEAD_BYTES = 32 + 4 * 8 };

/* ---- growing ------------------------------------------------------------------------------- */

/* Room for one more element of `each` bytes; returns its place. */
static void *grow(void *array, size_t *count, size_t *capacity, size_t each)
{
    void **memory = array;
    if (*count == *capacity) {
        *capacity = *capacity == 0 ? 256 : *capacity + *capacity / 2;
        *memory = hb_resize(*memory, *capacity, each);
    }
    return (char *)*memory + (*count)++ * each;
}

void hb_reuse_reserve(struct hb_reuse_index *index, size_t entries, size_t units)
{
    index->capacity = entries;
    index->fingerprints = hb_resize(index->fingerprints, entries, sizeof *index->fingerprints);
    index->first_units = hb_resize(index->first_units, entries, sizeof *index->first_units);
    index->unit_capacity = units;
    index->checks = hb_resize(index->checks, units, sizeof *index->checks);
}

void hb_reuse_add_unit(struct hb_reuse_index *index, const struct hb_unit *unit,
                       const struct hb_unit_mark *mark, bool whole)
{
    uint64_t *check =
        grow(&index->checks, &index->unit_count, &index->unit_capacity, sizeof *check);
    *check = mark->check;
    index->overflowed |= index->unit_count >= UINT32_MAX || unit->bytes > UINT32_MAX;
    if (whole)
        return;
    struct hb_unit_part *part =
        grow(&index->parts, &index->part_count, &index->part_capacity, sizeof *part);
    *part = (struct hb_unit_part){.bytes = (uint32_t)unit->bytes};
    memcpy(part->hash, mark->hash, sizeof part->hash);
    memcpy(part->note, unit->note, sizeof part->note);
}

void hb_reuse_add_entry(struct hb_reuse_index *index, const struct hb_entry *entry,
                        const struct hb_fingerprint *fingerprint, uint64_t units)
{
    size_t number = index->count, capacity = index->capacity;
    struct hb_fingerprint *kept =
        grow(&index->fingerprints, &index->count, &index->capacity, sizeof *kept);
    *kept = *fingerprint;
    if (index->capacity != capacity)
        index->first_units =
            hb_resize(index->first_units, index->capacity, sizeof *index->first_units);
    index->first_units[number] = (uint32_t)(index->unit_count - units);
    index->overflowed |= number >= UINT32_MAX;
    if (units == 1)
        return;
    struct hb_long_entry *row =
        grow(&index->long_entries, &index->long_count, &index->long_capacity, sizeof *row);
    *row = (struct hb_long_entry){.entry = (uint32_t)number};
    hb_fingerprint_path(entry, &row->path);
}

size_t hb_reuse_units(const struct hb_reuse_index *index, size_t entry)
{
    size_t end = index->unit_count, first = index->first_units[entry];
    for (size_t next = entry + 1; next < index->count; next++) {
        if (index->first_units[next] == first)
            continue; /* shares it */
        end = index->first_units[next];
        break;
    }
    return end - first;
}

void hb_reuse_clear(struct hb_reuse_index *index)
{
    free(index->fingerprints);
    free(index->first_units);
    free(index->checks);
    free(index->long_entries);
    free(index->parts);
    *index = (struct hb_reuse_index){0};
}

/* ---- as bytes ------------------------------------------------------------------------------ */

/* 16 + 4 bytes an entry and 8 a unit may leave it uneven; the trailer pads. */
size_t hb_reuse_bytes(const struct hb_reuse_index *index)
{
    return HEAD_BYTES + index->count * (sizeof *index->fingerprints + sizeof *index->first_units) +
           index->unit_count * sizeof *index->checks +
           index->long_count * sizeof *index->long_entries +
           index->part_count * sizeof *index->parts;
}

static unsigned char *put(unsigned char *to, const void *from, size_t bytes)
{
    if (bytes > 0)
        memcpy(to, from, bytes);
    return to + bytes;
}

static unsigned char *put32(unsigned char *to, uint32_t number)
{
    uint32_t little = htole32(number);
    return put(to, &little, sizeof little);
}

static unsigned char *put64(unsigned char *to, uint64_t number)
{
    uint64_t little = htole64(number);
    return put(to, &little, sizeof little);
}

void hb_reuse_write(const struct hb_reuse_index *index, unsigned char *to)
{
    to = put(to, index->key, sizeof index->key);
    to = put64(to, index->count);
    to = put64(to, index->unit_count);
    to = put64(to, index->long_count);
    to = put64(to, index->part_count);
    to = put(to, index->fingerprints, index->count * sizeof *index->fingerprints);
    for (size_t i = 0; i < index->count; i++)
        to = put32(to, index->first_units[i]);
    for (size_t i = 0; i < index->unit_count; i++)
        to = put64(to, index->checks[i]);
    for (size_t i = 0; i < index->long_count; i++) {
        to = put(to, &index->long_entries[i].path, sizeof index->long_entries[i].path);
        to = put32(to, index->long_entries[i].entry);
        to = put32(to, 0);
    }
    for (size_t i = 0; i < index->part_count; i++) {
        to = put32(to, index->parts[i].bytes);
        to = put32(to, 0);
        to = put(to, index->parts[i].hash, sizeof index->parts[i].hash);
        to = put(to, index->parts[i].note, sizeof index->parts[i].note);
    }
}

/* Takes `count` elements off the front of what is left; false: there are fewer. */
static bool take(const unsigned char **at, size_t *left, uint64_t count, size_t each, void *array)
{
    void **memory = array;
    if (count > *left / each)
        return false;
    *memory = hb_alloc((size_t)count * each);
    put(*memory, *at, (size_t)count * each);
    *at += count * each;
    *left -= (size_t)count * each;
    return true;
}

static uint64_t get64(const unsigned char *from)
{
    uint64_t little;
    memcpy(&little, from, sizeof little);
    return le64toh(little);
}

static void to_host_order(struct hb_reuse_index *index)
{
    for (size_t i = 0; i < index->count; i++)
        index->first_units[i] = le32toh(index->first_units[i]);
    for (size_t i = 0; i < index->unit_count; i++)
        index->checks[i] = le64toh(index->checks[i]);
    for (size_t i = 0; i < index->long_count; i++)
        index->long_entries[i].entry = le32toh(index->long_entries[i].entry);
    for (size_t i = 0; i < index->part_count; i++)
        index->parts[i].bytes = le32toh(index->parts[i].bytes);
}

/* Units ascend; long entries are those of several units, and their parts are all there are. */
static bool is_consistent(const struct hb_reuse_index *index)
{
    size_t row = 0, parts = 0;
    if (index->count == 0 || index->unit_count == 0 || index->first_units[0] != 0)
        return false;
    for (size_t i = 0; i < index->count; i++) {
        uint64_t first = index->first_units[i];
        uint64_t next = i + 1 < index->count ? index->first_units[i + 1] : index->unit_count;
        bool shares = i > 0 && index->first_units[i - 1] == first;
        if (next < first || first >= index->unit_count || (shares && next > first + 1))
            return false;
        if (next <= first + 1)
            continue;
        if (row >= index->long_count || index->long_entries[row++].entry != i)
            return false;
        parts += (size_t)(next - first);
    }
    return row == index->long_count && parts == index->part_count;
}

bool hb_reuse_parse(const unsigned char *data, size_t bytes, struct hb_reuse_index *index)
{
    *index = (struct hb_reuse_index){0};
    if (bytes < HEAD_BYTES)
        return false;
    const unsigned char *at = data + HEAD_BYTES;
    size_t left = bytes - HEAD_BYTES;
    uint64_t count = get64(data + 32), units = get64(data + 40);
    uint64_t long_count = get64(data + 48), parts = get64(data + 56);
    memcpy(index->key, data, sizeof index->key);
    bool good = take(&at, &left, count, sizeof *index->fingerprints, &index->fingerprints) &&
                take(&at, &left, count, sizeof *index->first_units, &index->first_units) &&
                take(&at, &left, units, sizeof *index->checks, &index->checks) &&
                take(&at, &left, long_count, sizeof *index->long_entries, &index->long_entries) &&
                take(&at, &left, parts, sizeof *index->parts, &index->parts) && left == 0;
    if (good) {
        index->count = (size_t)count;
        index->unit_count = (size_t)units;
        index->long_count = (size_t)long_count;
        index->part_count = (size_t)parts;
        to_host_order(index);
        good = is_consistent(index);
    }
    if (!good)
        hb_reuse_clear(index);
    return good;
}
