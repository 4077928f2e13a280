/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/reuse_index.h"

#include "base/memory.h"
#include <endian.h>
#include <string.h>

_Static_assert(sizeof(struct hb_fingerprint) == 16, "as it is stored");
_Static_assert(sizeof(struct hb_unit_part) == 104, "as it is stored");
_Static_assert(sizeof(struct hb_long_entry) == 24, "as it is stored");

enum { HEAD_BYTES = 32 + 4 * 8, CHECK_BYTES = 8 };

static uint64_t get64(const unsigned char *from)
{
    uint64_t little;
    memcpy(&little, from, sizeof little);
    return le64toh(little);
}

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
    index->unit_capacity = units;
    index->checks = hb_resize(index->checks, units, CHECK_BYTES);
}

void hb_reuse_add_unit(struct hb_reuse_index *index, const struct hb_unit *unit,
                       const struct hb_unit_mark *mark, bool whole)
{
    uint64_t check = htole64(mark->check);
    memcpy(grow(&index->checks, &index->unit_count, &index->unit_capacity, CHECK_BYTES), &check,
           sizeof check);
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
    size_t number = index->count;
    uint64_t first = index->unit_count - units;
    struct hb_fingerprint *kept =
        grow(&index->fingerprints, &index->count, &index->capacity, sizeof *kept);
    *kept = *fingerprint;
    index->first_units.columns = 1;
    hb_numbers_add(&index->first_units, &first);
    index->overflowed |= number >= UINT32_MAX;
    if (units == 1)
        return;
    struct hb_long_entry *row =
        grow(&index->long_entries, &index->long_count, &index->long_capacity, sizeof *row);
    *row = (struct hb_long_entry){.entry = (uint32_t)number, .units = (uint32_t)units};
    hb_fingerprint_path(entry, &row->path);
}

size_t hb_reuse_first_unit(const struct hb_reuse_index *index, size_t entry)
{
    uint64_t first;
    hb_numbers_get(&index->first_units, entry, &first);
    return (size_t)first;
}

uint64_t hb_reuse_check(const struct hb_reuse_index *index, size_t unit)
{
    return get64(index->checks + unit * CHECK_BYTES);
}

/* Long entries ascend: is this one of them? All others have a part in one unit. */
size_t hb_reuse_units(const struct hb_reuse_index *index, size_t entry)
{
    size_t low = 0, high = index->long_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (index->long_entries[middle].entry == entry)
            return index->long_entries[middle].units;
        if (index->long_entries[middle].entry < entry)
            low = middle + 1;
        else
            high = middle;
    }
    return 1;
}

void hb_reuse_clear(struct hb_reuse_index *index)
{
    if (!index->lent) {
        free(index->fingerprints);
        free(index->checks);
    }
    hb_numbers_clear(&index->first_units);
    free(index->long_entries);
    free(index->parts);
    *index = (struct hb_reuse_index){0};
}

/* ---- as bytes ------------------------------------------------------------------------------ */

/* A bit an entry, in whole bytes. */
static size_t bits_bytes(size_t count)
{
    return count / 8 + (count % 8 != 0);
}

/* An odd number, maybe; the trailer pads. */
size_t hb_reuse_bytes(const struct hb_reuse_index *index)
{
    return HEAD_BYTES + index->count * sizeof *index->fingerprints + bits_bytes(index->count) +
           index->unit_count * CHECK_BYTES + index->long_count * sizeof *index->long_entries +
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

static unsigned char *put_shares(unsigned char *to, const struct hb_reuse_index *index)
{
    size_t bytes = bits_bytes(index->count);
    memset(to, 0, bytes);
    for (size_t i = 0, before = SIZE_MAX; i < index->count; i++) {
        size_t first = hb_reuse_first_unit(index, i);
        if (first == before)
            to[i / 8] |= (unsigned char)(1u << i % 8);
        before = first;
    }
    return to + bytes;
}

void hb_reuse_write(const struct hb_reuse_index *index, unsigned char *to)
{
    to = put(to, index->key, sizeof index->key);
    to = put64(to, index->count);
    to = put64(to, index->unit_count);
    to = put64(to, index->long_count);
    to = put64(to, index->part_count);
    to = put(to, index->fingerprints, index->count * sizeof *index->fingerprints);
    to = put_shares(to, index);
    to = put(to, index->checks, index->unit_count * CHECK_BYTES);
    for (size_t i = 0; i < index->long_count; i++) {
        to = put(to, &index->long_entries[i].path, sizeof index->long_entries[i].path);
        to = put32(to, index->long_entries[i].entry);
        to = put32(to, index->long_entries[i].units);
    }
    for (size_t i = 0; i < index->part_count; i++) {
        to = put32(to, index->parts[i].bytes);
        to = put32(to, 0);
        to = put(to, index->parts[i].hash, sizeof index->parts[i].hash);
        to = put(to, index->parts[i].note, sizeof index->parts[i].note);
    }
}

/* Borrows `count` elements at the front of what is left; false: there are fewer. */
static bool lend(const unsigned char **at, size_t *left, uint64_t count, size_t each,
                 const unsigned char **array)
{
    if (count > *left / each)
        return false;
    *array = *at;
    *at += count * each;
    *left -= (size_t)count * each;
    return true;
}

/* The same, as a copy. */
static bool take(const unsigned char **at, size_t *left, uint64_t count, size_t each, void *array)
{
    void **memory = array;
    const unsigned char *from;
    if (!lend(at, left, count, each, &from))
        return false;
    *memory = hb_alloc((size_t)count * each);
    put(*memory, from, (size_t)count * each);
    return true;
}

static void to_host_order(struct hb_reuse_index *index)
{
    for (size_t i = 0; i < index->long_count; i++) {
        index->long_entries[i].entry = le32toh(index->long_entries[i].entry);
        index->long_entries[i].units = le32toh(index->long_entries[i].units);
    }
    for (size_t i = 0; i < index->part_count; i++)
        index->parts[i].bytes = le32toh(index->parts[i].bytes);
}

/*
 * Which unit each entry begins with: the one of the entry before, if it shares that, else the next.
 * All units have to be somebody's; long entries are those of several units, which nobody shares,
 * and their parts are all there are.
 */
static bool count_units(struct hb_reuse_index *index, const unsigned char *shares)
{
    uint64_t next = 0, parts = 0, units = 0;
    size_t row = 0;
    uint64_t first = 0;
    index->first_units.columns = 1;
    for (size_t i = 0; i < index->count; i++) {
        bool is_long = row < index->long_count && index->long_entries[row].entry == i;
        if (shares[i / 8] >> i % 8 & 1) {
            if (is_long || units != 1)
                return false;
            hb_numbers_add(&index->first_units, &first);
            continue;
        }
        units = is_long ? index->long_entries[row++].units : 1;
        if ((is_long && units < 2) || units > index->unit_count - next)
            return false;
        first = next;
        hb_numbers_add(&index->first_units, &first);
        next += units;
        parts += is_long ? units : 0;
    }
    return next == index->unit_count && row == index->long_count && parts == index->part_count;
}

/* There are units, not more than can be counted, and no bit is set that is nobody's. */
static bool is_sensible(const struct hb_reuse_index *index, const unsigned char *shares)
{
    size_t left = index->count % 8;
    return index->count > 0 && index->unit_count <= UINT32_MAX &&
           (left == 0 || shares[index->count / 8] >> left == 0);
}

bool hb_reuse_parse(const unsigned char *data, size_t bytes, struct hb_reuse_index *index)
{
    *index = (struct hb_reuse_index){0};
    if (bytes < HEAD_BYTES)
        return false;
    const unsigned char *at = data + HEAD_BYTES;
    const unsigned char *shares = NULL, *fingerprints = NULL, *checks = NULL;
    size_t left = bytes - HEAD_BYTES;
    uint64_t count = get64(data + 32), units = get64(data + 40);
    uint64_t long_count = get64(data + 48), parts = get64(data + 56);
    memcpy(index->key, data, sizeof index->key);
    bool good = lend(&at, &left, count, sizeof *index->fingerprints, &fingerprints) &&
                lend(&at, &left, bits_bytes((size_t)count), 1, &shares) &&
                lend(&at, &left, units, CHECK_BYTES, &checks) &&
                take(&at, &left, long_count, sizeof *index->long_entries, &index->long_entries) &&
                take(&at, &left, parts, sizeof *index->parts, &index->parts) && left == 0;
    index->lent = true;
    index->fingerprints = (struct hb_fingerprint *)(uintptr_t)fingerprints;
    index->checks = (unsigned char *)(uintptr_t)checks;
    if (good) {
        index->count = (size_t)count;
        index->unit_count = (size_t)units;
        index->long_count = (size_t)long_count;
        index->part_count = (size_t)parts;
        to_host_order(index);
        good = is_sensible(index, shares) && count_units(index, shares);
    }
    if (!good)
        hb_reuse_clear(index);
    return good;
}
