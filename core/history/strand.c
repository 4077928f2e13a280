/* SPDX-License-Identifier: Apache-2.0 */
#include "history/strand.h"

#include "base/memory.h"
#include "base/xxh3.h"
#include <hbcore/entry.h>
#include <stdio.h>
#include <string.h>

enum { MOST_SPANS = 600000 };

struct hb_strand *hb_strand_new(const char *home)
{
    struct hb_strand *strand = hb_alloc(sizeof *strand);
    strand->home = hb_copy_text(home);
    strand->next = strand->next_name = 1;
    return strand;
}

void hb_strand_free(struct hb_strand *strand)
{
    for (size_t i = 0; i < strand->name_count; i++)
        free((char *)(uintptr_t)strand->names[i].path);
    hb_path_table_clear(&strand->table);
    free(strand->archives);
    free(strand->names);
    free(strand->spans);
    free(strand->home);
    free(strand);
}

static void *grown(void *rows, size_t count, size_t *room, size_t each)
{
    if (count < *room)
        return rows;
    *room = *room * 2 + 64;
    return hb_resize(rows, *room, each);
}

void hb_strand_put_archive(struct hb_strand *strand, const struct hb_strand_archive *archive)
{
    strand->archives = grown(strand->archives, strand->archive_count, &strand->archive_room,
                             sizeof *strand->archives);
    strand->archives[strand->archive_count++] = *archive;
}

void hb_strand_put_name(struct hb_strand *strand, const char *path, size_t bytes, uint32_t id)
{
    strand->names =
        grown(strand->names, strand->name_count, &strand->name_room, sizeof *strand->names);
    strand->names[strand->name_count++] = (struct hb_strand_name){
        .path = hb_copy_bytes(path, bytes), .id = id, .open = HB_NO_SPAN, .after = UINT32_MAX};
    strand->text_bytes += bytes + 1;
    if (id >= strand->next_name)
        strand->next_name = id + 1;
}

void hb_strand_put_span(struct hb_strand *strand, const struct hb_span *span)
{
    strand->spans =
        grown(strand->spans, strand->span_count, &strand->span_room, sizeof *strand->spans);
    strand->spans[strand->span_count] = *span;
    if (span->last == HB_SPAN_GOES_ON) {
        strand->names[span->name].open = (uint32_t)strand->span_count;
        strand->open_count++;
    }
    strand->span_count++;
}

struct hb_strand_archive *hb_strand_find(struct hb_strand *strand,
                                         const unsigned char key[HB_HISTORY_KEY])
{
    size_t count = strand->archive_count;
    for (size_t i = 0; i < count; i++) {
        size_t at = (strand->found + 2 * count - 1 - i) % count;
        if (memcmp(strand->archives[at].key, key, HB_HISTORY_KEY) == 0) {
            strand->found = at;
            return &strand->archives[at];
        }
    }
    return NULL;
}

/* ---- another archive ----------------------------------------------------------------------- */

static const char *path_of(const void *rows, size_t row, size_t *bytes)
{
    const struct hb_strand_name *names = rows;
    *bytes = strlen(names[row].path);
    return names[row].path;
}

static uint32_t name_of(struct hb_strand *strand, const char *path, uint32_t before)
{
    size_t bytes = strlen(path);
    uint32_t guess = before == UINT32_MAX ? UINT32_MAX : strand->names[before].after;
    if (guess != UINT32_MAX && strcmp(strand->names[guess].path, path) == 0)
        return guess;
    size_t found = hb_path_table_find(&strand->table, path, bytes, path_of, strand->names);
    if (found == SIZE_MAX) {
        found = strand->name_count;
        hb_strand_put_name(strand, path, bytes, strand->next_name);
        strand->names[found].is_new = true;
        hb_path_table_put(&strand->table, found, path_of, strand->names);
    }
    if (before != UINT32_MAX)
        strand->names[before].after = (uint32_t)found;
    return (uint32_t)found;
}

static void make_table(struct hb_strand *strand)
{
    if (strand->has_table)
        return;
    hb_path_table_reserve(&strand->table, strand->name_count + 1024, path_of, strand->names);
    for (size_t i = 0; i < strand->name_count; i++)
        hb_path_table_put(&strand->table, i, path_of, strand->names);
    strand->has_table = true;
}

/* The number of each; false: one of them is there twice. */
static bool name_all(struct hb_strand *strand, uint32_t number,
                     const struct hb_history_member *members, size_t count, uint32_t *names)
{
    uint32_t before = UINT32_MAX;
    size_t done = 0;
    for (size_t i = 0; i < count; i++) {
        names[i] = before = name_of(strand, members[i].path, before);
        if (strand->names[before].seen == number)
            break;
        strand->names[before].seen = number;
        done++;
    }
    for (size_t i = 0; done < count && i < done; i++)
        strand->names[names[i]].seen = 0;
    return done == count;
}

static bool is_same(const struct hb_history_content *a, const struct hb_history_content *b)
{
    return a->bytes == b->bytes && a->hash == b->hash && a->mtime == b->mtime &&
           a->type == b->type && a->hashed == b->hashed;
}

static void end_span(struct hb_strand *strand, uint32_t which, uint32_t last)
{
    struct hb_span *span = &strand->spans[which];
    span->last = last;
    span->changed = true;
    strand->names[span->name].open = HB_NO_SPAN;
    strand->open_count--;
}

/* Those that go on, but are not in the archive. */
static void end_others(struct hb_strand *strand, uint32_t number)
{
    for (size_t i = 0; i < strand->name_count; i++)
        if (strand->names[i].open != HB_NO_SPAN && strand->names[i].seen != number)
            end_span(strand, strand->names[i].open, number - 1);
}

struct hb_strand_archive *hb_strand_add(struct hb_strand *strand,
                                        const unsigned char key[HB_HISTORY_KEY], bool incomplete,
                                        const struct hb_history_member *members, size_t count)
{
    uint32_t number = strand->next;
    if (count > HB_STRAND_MOST_MEMBERS || strand->span_count + count > MOST_SPANS ||
        strand->text_bytes > HB_STRAND_MOST_TEXT || number >= HB_SPAN_GOES_ON - 1)
        return NULL;
    HB_AUTO_FREE uint32_t *names = hb_resize(NULL, count + 1, sizeof *names);
    make_table(strand);
    if (!name_all(strand, number, members, count, names))
        return NULL;
    strand->next++;
    strand->changed = true;
    for (size_t i = 0; i < count; i++) {
        uint32_t open = strand->names[names[i]].open;
        if (open != HB_NO_SPAN && is_same(&strand->spans[open].content, &members[i].content))
            continue;
        if (open != HB_NO_SPAN)
            end_span(strand, open, number - 1);
        hb_strand_put_span(strand, &(struct hb_span){.content = members[i].content,
                                                     .name = names[i],
                                                     .first = number,
                                                     .last = HB_SPAN_GOES_ON,
                                                     .changed = true});
    }
    if (strand->open_count != count)
        end_others(strand, number);
    struct hb_strand_archive archive = {
        .number = number, .incomplete = incomplete, .is_new = true, .position = SIZE_MAX};
    memcpy(archive.key, key, HB_HISTORY_KEY);
    hb_strand_put_archive(strand, &archive);
    return &strand->archives[strand->archive_count - 1];
}

/* ---- what is told -------------------------------------------------------------------------- */

/* From a number on: the first of `archives` that has it or a higher one. */
static size_t first_from(const struct hb_strand *strand, const uint32_t *there, size_t count,
                         uint32_t number)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strand->archives[there[middle]].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Those with a position, in the order of their numbers. */
static uint32_t *those_there(const struct hb_strand *strand, size_t *count)
{
    uint32_t *there = hb_resize(NULL, strand->archive_count + 1, sizeof *there);
    *count = 0;
    for (size_t i = 0; i < strand->archive_count; i++)
        if (strand->archives[i].position != SIZE_MAX)
            there[(*count)++] = (uint32_t)i;
    return there;
}

bool hb_strand_is_there(const struct hb_strand *strand)
{
    for (size_t i = 0; i < strand->archive_count; i++)
        if (strand->archives[i].position != SIZE_MAX)
            return true;
    return false;
}

bool hb_strand_forget(struct hb_strand *strand)
{
    size_t count, stay = 0;
    HB_AUTO_FREE uint32_t *there = those_there(strand, &count);
    if (count == strand->archive_count)
        return false;
    for (size_t i = 0; i < strand->span_count; i++) {
        struct hb_span *span = &strand->spans[i];
        size_t first = first_from(strand, there, count, span->first);
        span->gone = first == count || (span->last != HB_SPAN_GOES_ON &&
                                        strand->archives[there[first]].number > span->last);
        if (span->gone && span->last == HB_SPAN_GOES_ON)
            end_span(strand, (uint32_t)i, strand->next - 1);
    }
    for (size_t i = 0; i < strand->archive_count; i++)
        if (strand->archives[i].position != SIZE_MAX)
            strand->archives[stay++] = strand->archives[i];
    strand->archive_count = stay;
    strand->changed = true;
    return true;
}

static bool is_wanted(const struct hb_strand *strand, const struct hb_strand_visitor *visitor,
                      const struct hb_span *span, uint8_t *answers)
{
    bool directory = span->content.type == HB_TYPE_DIRECTORY;
    unsigned shift = directory ? 2 : 0;
    uint8_t *answer = &answers[span->name];
    if ((*answer >> shift & 3) == 0)
        *answer |=
            (uint8_t)((visitor->wanted(visitor->self, strand->names[span->name].path, directory)
                           ? 2
                           : 1)
                      << shift);
    return (*answer >> shift & 3) == 2;
}

/* `ends` has for each archive how far those behind it stand one before the other in the list. */
static void tell(const struct hb_strand *strand, const struct hb_strand_visitor *visitor,
                 const struct hb_span *span, const uint32_t *there, const size_t *ends,
                 size_t count)
{
    size_t at = first_from(strand, there, count, span->first);
    size_t end =
        span->last == HB_SPAN_GOES_ON ? count : first_from(strand, there, count, span->last + 1);
    while (at < end) {
        size_t last = ends[at] < end ? ends[at] : end - 1;
        visitor->piece(visitor->self, strand->names[span->name].path, &span->content,
                       strand->archives[there[last]].position,
                       strand->archives[there[at]].position);
        at = last + 1;
    }
}

void hb_strand_each(const struct hb_strand *strand, const struct hb_strand_visitor *visitor)
{
    size_t count;
    HB_AUTO_FREE uint32_t *there = those_there(strand, &count);
    HB_AUTO_FREE size_t *ends = hb_resize(NULL, count + 1, sizeof *ends);
    HB_AUTO_FREE uint8_t *answers = hb_alloc(strand->name_count + 1);
    for (size_t i = count; i-- > 0;)
        ends[i] = i + 1 < count && strand->archives[there[i]].position ==
                                       strand->archives[there[i + 1]].position + 1
                      ? ends[i + 1]
                      : i;
    for (size_t i = 0; i < strand->span_count; i++)
        if (!strand->spans[i].gone && is_wanted(strand, visitor, &strand->spans[i], answers))
            tell(strand, visitor, &strand->spans[i], there, ends, count);
}

/* ---- whether it is what was written -------------------------------------------------------- */

static uint64_t sum_of(uint64_t kind, const uint64_t *numbers, size_t bytes)
{
    return XXH3_64bits_withSeed(numbers, bytes, kind);
}

static void mark_used(struct hb_strand *strand)
{
    for (size_t i = 0; i < strand->name_count; i++)
        strand->names[i].used = false;
    for (size_t i = 0; i < strand->span_count; i++)
        strand->names[strand->spans[i].name].used |= !strand->spans[i].gone;
}

/* A sum of checksums: in whichever order the rows are. */
uint64_t hb_strand_checksum(struct hb_strand *strand, const char *text)
{
    enum { STRAND = 1, ARCHIVE, NAME, SPAN };
    mark_used(strand);
    uint64_t sum = XXH3_64bits_withSeed(text, strlen(text), STRAND) +
                   XXH3_64bits_withSeed(strand->home, strlen(strand->home), STRAND + 16);
    sum += sum_of(STRAND, (const uint64_t[]){strand->next}, sizeof(uint64_t));
    for (size_t i = 0; i < strand->archive_count; i++) {
        const struct hb_strand_archive *archive = &strand->archives[i];
        uint64_t numbers[4] = {archive->number, archive->incomplete};
        memcpy(&numbers[2], archive->key, HB_HISTORY_KEY);
        sum += sum_of(ARCHIVE, numbers, sizeof numbers);
    }
    for (size_t i = 0; i < strand->name_count; i++)
        if (strand->names[i].used)
            sum += XXH3_64bits_withSeed(strand->names[i].path, strlen(strand->names[i].path),
                                        NAME + ((uint64_t)strand->names[i].id << 8));
    for (size_t i = 0; i < strand->span_count; i++) {
        const struct hb_span *span = &strand->spans[i];
        const struct hb_history_content *content = &span->content;
        const uint64_t numbers[] = {strand->names[span->name].id,
                                    (uint64_t)span->first << 32 | span->last,
                                    content->bytes,
                                    content->hash,
                                    (uint64_t)content->mtime,
                                    (uint64_t)content->type << 1 | content->hashed};
        if (!span->gone)
            sum += sum_of(SPAN, numbers, sizeof numbers);
    }
    return sum;
}

/* ---- what is in the file ------------------------------------------------------------------- */

void hb_strand_is_stored(struct hb_strand *strand, bool stored)
{
    for (size_t i = 0; i < strand->archive_count; i++)
        strand->archives[i].is_new = !stored;
    for (size_t i = 0; i < strand->name_count; i++)
        strand->names[i].is_new = !stored || !strand->names[i].used;
    for (size_t i = 0; i < strand->span_count; i++)
        strand->spans[i].changed = !stored;
    strand->changed = !stored;
    if (!stored)
        strand->row = 0;
}
