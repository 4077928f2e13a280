/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes the map of a log, and believes nothing on the way: the log, its index and the header of
 * that have to agree on each frame. What SQLite itself would read without a word (it looks at the
 * index alone) is refused here, since a copy is always at hand.
 *
 * A frame may lack its sum. A transaction that spills its cache, writes a page once more, rolls
 * back to a savepoint and goes on leaves frames with zeros where salts and sums belong. They are
 * read like others as long as somebody has the database open. But if all of its programs die and
 * the next one recovers the log, it cuts the log before them, and the frames behind are
 * overwritten, whatever read lock we hold. So a log with such a frame anywhere is not read in
 * place. Those that are in the file already are looked at for that reason.
 */
#include "log_map.h"
#include "live.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOG_HEADER = 32,
    FRAME_HEADER = 24,
    LOG_VERSION = 3007000, /* of log and index */
    REGION = 32 * 1024,    /* of the index */
    FIRST_REGION_FRAMES = 4062,
    REGION_FRAMES = 4096,
    BUFFER_BYTES = 1 << 20
};

static const char no_memory[] = "out of memory";

/* ---- numbers --------------------------------------------------------------------- */

static uint32_t native(const unsigned char *at)
{
    uint32_t number;
    memcpy(&number, at, sizeof number);
    return number;
}

static uint32_t big_endian(const unsigned char *at)
{
    return be32toh(native(at));
}

/* SQLite's checksum, over numbers in the order of this machine. */
static void add_to_sums(uint32_t sums[2], const unsigned char *bytes, size_t count)
{
    uint32_t a = sums[0], b = sums[1];
    for (size_t i = 0; i + 8 <= count; i += 8) {
        a += native(bytes + i) + b;
        b += native(bytes + i + 4) + a;
    }
    sums[0] = a;
    sums[1] = b;
}

static bool has_sums(const unsigned char *at, const uint32_t sums[2])
{
    return big_endian(at) == sums[0] && big_endian(at + 4) == sums[1];
}

/* ---- the header of the index ----------------------------------------------------- */

const char *log_index_read(const unsigned char bytes[INDEX_BYTES], struct log_index *index)
{
    uint32_t sums[2] = {0, 0};
    uint16_t size;
    add_to_sums(sums, bytes, 40);
    if (native(bytes + 40) != sums[0] || native(bytes + 44) != sums[1])
        return "the header of its log's index is half written";
    if (native(bytes) != LOG_VERSION || bytes[12] != 1)
        return "the index of its log is of a kind that is not known";
    if (bytes[13] != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__))
        return "its log was begun on a machine with another byte order";
    memcpy(&size, bytes + 14, sizeof size);
    *index = (struct log_index){
        .changes = native(bytes + 8),
        .page_bytes = (size & 0xfe00U) | (uint32_t)(size & 1U) << 16,
        .last = native(bytes + 16),
        .pages = native(bytes + 20),
        .sums = {native(bytes + 24), native(bytes + 28)},
        .backfilled = native(bytes + 96),
        .attempted = native(bytes + 128),
    };
    memcpy(index->salts, bytes + 32, sizeof index->salts);
    for (int i = 0; i < INDEX_MARKS; i++)
        index->marks[i] = native(bytes + 100 + 4 * i);
    return NULL;
}

/* ---- the frames ------------------------------------------------------------------ */

struct scan {
    int log, index_fd;
    const struct log_index *index;
    struct log_map *map;
    uint32_t sums[2]; /* of the frame before */
    unsigned char *buffer;
    size_t frame_bytes;
};

static uint64_t frame_offset(const struct scan *scan, uint64_t frame)
{
    return LOG_HEADER + (frame - 1) * scan->frame_bytes;
}

static const char *check_log_header(struct scan *scan)
{
    unsigned char header[LOG_HEADER];
    if (read_fully(scan->log, header, sizeof header, 0) != sizeof header)
        return "its log ends within its header";
    add_to_sums(scan->sums, header, 24);
    if ((big_endian(header) & ~1U) != 0x377f0682 || big_endian(header + 4) != LOG_VERSION ||
        big_endian(header + 8) != scan->index->page_bytes || !has_sums(header + 24, scan->sums))
        return "the header of its log is wrong";
    if (memcmp(header + 16, scan->index->salts, sizeof scan->index->salts) != 0)
        return "its log and the index of it are not of the same time";
    return NULL;
}

static const char *check_salts(const struct scan *scan, const unsigned char *frame)
{
    static const unsigned char none[16];
    if (memcmp(frame + 8, none, sizeof none) == 0)
        return "frames of its log lack their checksums";
    if (memcmp(frame + 8, scan->index->salts, sizeof scan->index->salts) != 0)
        return "a frame of its log is not of this log";
    return NULL;
}

/* Of those that are in the file already only the sum of the last one is needed. */
static const char *pass_over_backfilled(struct scan *scan)
{
    unsigned char header[FRAME_HEADER];
    for (uint32_t frame = 1; frame <= scan->index->backfilled; frame++) {
        if (read_fully(scan->log, header, sizeof header, frame_offset(scan, frame)) !=
            sizeof header)
            return "its log is too short";
        const char *why = check_salts(scan, header);
        if (why != NULL)
            return why;
        scan->sums[0] = big_endian(header + 16);
        scan->sums[1] = big_endian(header + 20);
    }
    return NULL;
}

/* What the index says which page a frame is of; 0: it does not say. */
static const char *read_index(const struct scan *scan, uint32_t first, uint32_t count,
                              uint32_t *numbers)
{
    while (count > 0) {
        uint32_t region = first <= FIRST_REGION_FRAMES
                              ? 0
                              : 1 + (first - FIRST_REGION_FRAMES - 1) / REGION_FRAMES;
        uint32_t within =
            region == 0 ? first - 1 : (first - FIRST_REGION_FRAMES - 1) % REGION_FRAMES;
        uint32_t left = (region == 0 ? FIRST_REGION_FRAMES : REGION_FRAMES) - within;
        uint32_t take = count < left ? count : left;
        uint64_t at = (uint64_t)region * REGION + (region == 0 ? INDEX_BYTES : 0) + 4 * within;
        if (read_fully(scan->index_fd, numbers, 4 * (size_t)take, at) != 4 * (int64_t)take)
            return "the index of its log is too short";
        numbers += take;
        first += take;
        count -= take;
    }
    return NULL;
}

static const char *take_frame(struct scan *scan, const unsigned char *bytes, uint32_t frame,
                              uint32_t indexed)
{
    uint32_t page = big_endian(bytes), committed = big_endian(bytes + 4);
    const char *why = check_salts(scan, bytes);
    if (why != NULL)
        return why;
    add_to_sums(scan->sums, bytes, 8);
    add_to_sums(scan->sums, bytes + FRAME_HEADER, scan->frame_bytes - FRAME_HEADER);
    if (!has_sums(bytes + 16, scan->sums))
        return "a frame of its log does not fit its checksum";
    if (page == 0 || page != indexed)
        return "its log and the index of it name different pages";
    if (frame == scan->index->last &&
        (committed != scan->index->pages || memcmp(scan->sums, scan->index->sums, 8) != 0))
        return "its log ends with another commit than the index of it says";
    scan->map->pages[scan->map->count++] = (uint64_t)page << 32 | frame;
    return NULL;
}

static const char *take_frames(struct scan *scan)
{
    uint32_t numbers[64];
    uint32_t room = (uint32_t)(BUFFER_BYTES / scan->frame_bytes);
    uint32_t at_once = room < 64 ? room : 64;
    const char *why = NULL;
    for (uint32_t frame = scan->index->backfilled + 1; why == NULL && frame <= scan->index->last;) {
        uint32_t left = scan->index->last - frame + 1, count = left < at_once ? left : at_once;
        size_t bytes = count * scan->frame_bytes;
        if (read_fully(scan->log, scan->buffer, bytes, frame_offset(scan, frame)) != (int64_t)bytes)
            return "its log is too short";
        why = read_index(scan, frame, count, numbers);
        for (uint32_t i = 0; why == NULL && i < count; i++)
            why = take_frame(scan, scan->buffer + i * scan->frame_bytes, frame + i, numbers[i]);
        frame += count;
    }
    return why;
}

static int compare(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;
    return *left < *right ? -1 : *left > *right;
}

/* In order, the newest frame of each page alone. */
static void put_in_order(struct log_map *map)
{
    size_t kept = 0;
    qsort(map->pages, map->count, sizeof *map->pages, compare);
    for (size_t i = 0; i < map->count; i++) {
        if (kept > 0 && map->pages[kept - 1] >> 32 == map->pages[i] >> 32)
            kept--;
        map->pages[kept++] = map->pages[i];
    }
    map->count = kept;
}

const char *log_map_make(struct log_map *map, int log, int index_fd, const struct log_index *index)
{
    struct scan scan = {.log = log,
                        .index_fd = index_fd,
                        .index = index,
                        .map = map,
                        .frame_bytes = FRAME_HEADER + (size_t)index->page_bytes};
    *map = (struct log_map){NULL, 0};
    if (index->backfilled > index->last)
        return "the index of its log is wrong";
    map->pages = calloc((size_t)(index->last - index->backfilled) + 1, sizeof *map->pages);
    scan.buffer = malloc(BUFFER_BYTES);
    const char *why = map->pages == NULL || scan.buffer == NULL ? no_memory : NULL;
    if (why == NULL)
        why = check_log_header(&scan);
    if (why == NULL)
        why = pass_over_backfilled(&scan);
    if (why == NULL)
        why = take_frames(&scan);
    free(scan.buffer);
    if (why == NULL)
        put_in_order(map);
    return why;
}

void log_map_free(struct log_map *map)
{
    free(map->pages);
    *map = (struct log_map){NULL, 0};
}

size_t log_map_find(const struct log_map *map, uint64_t page)
{
    size_t low = 0, high = map->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log_map_page(map, middle) < page)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t log_map_offset(const struct log_map *map, size_t at, uint64_t page_bytes)
{
    uint64_t frame = map->pages[at] & UINT32_MAX;
    return LOG_HEADER + (frame - 1) * (FRAME_HEADER + page_bytes) + FRAME_HEADER;
}
