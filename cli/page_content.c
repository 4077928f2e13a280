/* SPDX-License-Identifier: Apache-2.0 */
#include "page_content.h"

#include "archives_table.h"
#include "base/human.h"
#include "base/memory.h"
#include "base/name.h"
#include "page.h"
#include "page_words.h"
#include "treemap.h"
#include <stdlib.h>
#include <string.h>

/* What is shown of each; of the rest, how much it is. */
enum { CELLS_MOST = 20, DIRECTORIES_MOST = 12, LINES_MOST = 100, COUNTS_MOST = 24 };

static const char TOP[] = "files at the top";

static int64_t started_of(const struct hb_looked *looked, size_t number)
{
    return hb_archive_facts(&looked->archives->rows[number]).started;
}

/* ---- directories --------------------------------------------------------------------------- */

struct directory {
    const char *name;
    uint64_t now, then;
    bool was; /* in the oldest */
};

static int larger_first(const void *one, const void *other)
{
    const struct directory *a = one, *b = other;
    return a->now != b->now ? (a->now < b->now ? 1 : -1) : strcmp(a->name, b->name);
}

static const char *class_of(const struct directory *directory, bool compared)
{
    if (!compared)
        return "same";
    if (!directory->was)
        return "fresh";
    double now = (double)directory->now, then = (double)directory->then;
    return now >= then * 1.1 && now > then   ? "grown"
           : now <= then * 0.9 && now < then ? "shrunk"
                                             : "same";
}

static void put_cell(FILE *out, const struct hb_tile *tile, const struct directory *directory,
                     bool compared)
{
    char x[HB_PAGE_NUMBER], y[HB_PAGE_NUMBER], width[HB_PAGE_NUMBER], height[HB_PAGE_NUMBER],
        size[HB_HUMAN_BYTES], change[HB_PAGE_NUMBER];
    snprintf(x, sizeof x, "%.3f", tile->x);
    snprintf(y, sizeof y, "%.3f", tile->y);
    snprintf(width, sizeof width, "%.3f", tile->width);
    snprintf(height, sizeof height, "%.3f", tile->height);
    const char *more = !compared         ? ""
                       : !directory->was ? "new"
                                         : hb_page_change(directory->then, directory->now, change);
    hb_human_bytes(directory->now, size);
    HB_AUTO_FREE char *title =
        hb_text("%s: %s%s%s", directory->name, size, *more == '\0' ? "" : ", ", more);
    /* Words only where there is room for some of them; on a telephone only where there is more. */
    bool named = tile->width >= 11 && tile->height >= 16;
    HB_PAGE_PUT(out, named ? "named-cell" : "cell", "x", x, "y", y, "width", width, "height",
                height, "class", class_of(directory, compared), "title", title, "words",
                tile->width >= 21 ? "words" : "wide", "name", directory->name, "size", size,
                "change", more, NULL);
}

static void put_map(FILE *out, const struct directory *directories, size_t count, bool compared)
{
    struct hb_tile tiles[CELLS_MOST + 1] = {{0}};
    struct directory others = {.name = "all others", .was = true};
    size_t tile_count = 0;
    for (size_t i = 0; i < count; i++)
        if (i < CELLS_MOST && directories[i].now > 0) {
            tiles[tile_count++].bytes = directories[i].now;
        } else {
            others.now += directories[i].now;
            others.then += directories[i].then;
        }
    bool has_others = tile_count == CELLS_MOST && others.now > 0;
    if (has_others)
        tiles[tile_count].bytes = others.now;
    hb_treemap(tiles, tile_count + has_others, 2.2);
    for (size_t i = 0; i < tile_count; i++)
        put_cell(out, &tiles[i], &directories[i], compared);
    if (has_others)
        put_cell(out, &tiles[tile_count], &others, compared);
}

static void put_directory(FILE *out, const struct directory *directory, bool compared)
{
    char now[HB_HUMAN_BYTES], then[HB_HUMAN_BYTES] = "", change[HB_PAGE_NUMBER];
    if (compared && directory->was)
        hb_human_bytes(directory->then, then);
    HB_PAGE_PUT(out, "directory", "name", directory->name, "now",
                hb_human_bytes(directory->now, now), "then", then, "change",
                !compared        ? ""
                : directory->was ? hb_page_change(directory->then, directory->now, change)
                                 : "new",
                NULL);
}

/* Those of the newest, and those that only the oldest had. Caller frees. */
static struct directory *directories_of(const struct hb_gist *newest, const struct hb_gist *oldest,
                                        size_t *count)
{
    struct directory *list = hb_alloc((newest->top_count + oldest->top_count + 1) * sizeof *list);
    uint64_t ignored;
    *count = 0;
    for (size_t i = 0; i < newest->top_count; i++) {
        struct directory *row = &list[(*count)++];
        const char *name = newest->tops[i].name;
        *row = (struct directory){.name = *name == '\0' ? TOP : name, .now = newest->tops[i].bytes};
        row->was = hb_gist_top(oldest, name, &row->then);
    }
    for (size_t i = 0; i < oldest->top_count; i++) {
        const char *name = oldest->tops[i].name;
        if (!hb_gist_top(newest, name, &ignored))
            list[(*count)++] = (struct directory){
                .name = *name == '\0' ? TOP : name, .then = oldest->tops[i].bytes, .was = true};
    }
    qsort(list, *count, sizeof *list, larger_first);
    return list;
}

static void put_rest(FILE *out, size_t count, size_t shown)
{
    char rest[HB_PAGE_NUMBER];
    if (count > shown)
        HB_PAGE_PUT(out, "rest", "count", hb_page_number(count - shown, rest), NULL);
}

static void put_directories(FILE *out, const struct hb_looked *looked, const struct hb_gist *newest,
                            const struct hb_gist *oldest)
{
    bool compared = oldest->known;
    size_t count;
    char now[HB_PAGE_TIME], then[HB_PAGE_TIME];
    HB_AUTO_FREE struct directory *list = directories_of(newest, oldest, &count);
    if (count == 0)
        return;
    HB_AUTO_FREE char *of_newest =
        hb_text("in the archive of %s", hb_page_stamp(started_of(looked, newest->number), now));
    HB_AUTO_FREE char *of_oldest =
        compared
            ? hb_text("against that of %s", hb_page_stamp(started_of(looked, oldest->number), then))
            : NULL;
    HB_PAGE_PUT(out, "map", NULL);
    put_map(out, list, count, compared);
    HB_PAGE_PUT(out, "end-map", "newest", of_newest, "oldest", of_oldest, NULL);
    if (compared)
        HB_PAGE_PUT(out, "key", NULL);
    HB_PAGE_PUT(out, "directories", NULL);
    for (size_t i = 0; i < count && i < DIRECTORIES_MOST; i++)
        put_directory(out, &list[i], compared);
    HB_PAGE_PUT(out, "end-table", NULL);
    put_rest(out, count, DIRECTORIES_MOST);
}

/* ---- databases ----------------------------------------------------------------------------- */

/* In that list of the trailer's summary. NULL: it is not. */
static const char *reason_of(const struct hb_gist *content, const char *list, const char *path)
{
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(content->summary, list), i, row)
    {
        HB_AUTO_FREE char *name = hb_json_name_of(row, "path");
        if (name != NULL && strcmp(name, path) == 0)
            return json_string_value(json_object_get(row, "reason"));
    }
    return NULL;
}

/* "messages 12, users 3", and all of them together in *rows. Caller frees. */
static char *counts_of(const json_t *facts, uint64_t *rows)
{
    char *text = hb_copy_text(""), number[HB_PAGE_NUMBER];
    const char *name;
    const json_t *value;
    size_t count = 0;
    *rows = 0;
    json_object_foreach((json_t *)facts, name, value)
    {
        uint64_t of_one = (uint64_t)json_integer_value(value);
        *rows += of_one;
        if (count++ >= COUNTS_MOST)
            continue;
        char *longer = hb_text("%s%s%s %s", text, count == 1 ? "" : ", ", name,
                               hb_page_number(of_one, number));
        free(text);
        text = longer;
    }
    return text;
}

static void put_database(FILE *out, const struct hb_gist *newest, const struct hb_told *told)
{
    char size[HB_HUMAN_BYTES], number[HB_PAGE_NUMBER] = "";
    uint64_t rows;
    HB_AUTO_FREE char *counts = counts_of(told->facts, &rows);
    const char *doubt = reason_of(newest, "doubtful", told->path);
    const char *note = json_string_value(json_array_get(told->notes, 0));
    if (told->facts != NULL)
        hb_page_number(rows, number);
    HB_PAGE_PUT(out, doubt != NULL ? "bad-database" : "database", "path", told->path, "counts",
                counts, "size", hb_human_bytes(told->bytes, size), "rows", number, "check",
                doubt != NULL  ? doubt
                : note != NULL ? note
                               : "no fault noted",
                NULL);
}

static void put_databases(FILE *out, const struct hb_looked *looked, const struct hb_gist *newest)
{
    const struct hb_archive_facts facts = hb_archive_facts(&looked->archives->rows[newest->number]);
    char number[HB_PAGE_NUMBER];
    if (newest->told_count == 0 && (!facts.counted || facts.databases == 0))
        return;
    HB_AUTO_FREE char *copied = facts.counted ? hb_text("%s copied in the newest archive. ",
                                                        hb_page_number(facts.databases, number))
                                              : hb_copy_text("");
    HB_AUTO_FREE char *said =
        hb_text("%s%s", copied,
                newest->told_count == 0
                    ? "None had its rows counted, so none is named here."
                    : "Those are named whose rows were counted or of which something was noted.");
    HB_PAGE_PUT(out, "databases", "said", said, NULL);
    if (newest->told_count == 0)
        return;
    HB_PAGE_PUT(out, "database-table", NULL);
    for (size_t i = 0; i < newest->told_count && i < LINES_MOST; i++)
        put_database(out, newest, &newest->told[i]);
    HB_PAGE_PUT(out, "end-table", NULL);
    put_rest(out, newest->told_count, LINES_MOST);
}

/* ---- what is missing ----------------------------------------------------------------------- */

/* As far as the two archives that were read can tell. Caller frees. */
static char *since_of(const struct hb_looked *looked, const struct hb_gist *oldest,
                      const char *list, const char *path)
{
    char day[HB_PAGE_TIME];
    if (!oldest->known)
        return hb_copy_text("");
    bool was = path != NULL && reason_of(oldest, list, path) != NULL;
    return hb_text("%s %s", was ? "before" : "after",
                   hb_page_day(started_of(looked, oldest->number), day));
}

static void put_list(FILE *out, const struct hb_looked *looked, const struct hb_gist *newest,
                     const struct hb_gist *oldest, const char *list, const char *kind)
{
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(newest->summary, list), i, row)
    {
        if (i == LINES_MOST)
            break;
        HB_AUTO_FREE char *path = hb_json_name_of(row, "path");
        HB_AUTO_FREE char *since = since_of(looked, oldest, list, path);
        HB_PAGE_PUT(out, "skip", "path", path, "kind", kind, "why",
                    json_string_value(json_object_get(row, "reason")), "since", since, NULL);
    }
}

static void put_missing(FILE *out, const struct hb_looked *looked, const struct hb_gist *newest,
                        const struct hb_gist *oldest)
{
    size_t skipped = json_array_size(json_object_get(newest->summary, "skipped")),
           doubtful = json_array_size(json_object_get(newest->summary, "doubtful"));
    if (skipped + doubtful == 0)
        return;
    HB_PAGE_PUT(out, "skipped", "said",
                oldest->known ? "In the newest archive; since when, by the oldest."
                              : "In the newest archive.",
                NULL);
    HB_PAGE_PUT(out, "skipped-table", NULL);
    put_list(out, looked, newest, oldest, "skipped", "left out");
    put_list(out, looked, newest, oldest, "doubtful", "doubtful");
    HB_PAGE_PUT(out, "end-table", NULL);
    size_t shown = (skipped < LINES_MOST ? skipped : LINES_MOST) +
                   (doubtful < LINES_MOST ? doubtful : LINES_MOST);
    put_rest(out, skipped + doubtful, shown);
}

void hb_page_put_content(FILE *out, const struct hb_looked *looked, const struct hb_gist *newest,
                         const struct hb_gist *oldest)
{
    put_missing(out, looked, newest, oldest);
    put_directories(out, looked, newest, oldest);
    put_databases(out, looked, newest);
}
