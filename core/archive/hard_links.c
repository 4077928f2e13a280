/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/hard_links.h"

#include "base/memory.h"
#include "base/path.h"
#include "base/path_table.h"
#include <string.h>

/* The names as they are compared, and the rows that they are looked up by. */
struct names {
    const struct hb_catalog *catalog;
    char *text;
    size_t *starts; /* one more than there are members */
    struct hb_path_table table;
};

static const char *name_of(const void *rows, size_t index, size_t *bytes)
{
    const struct names *names = rows;
    *bytes = names->starts[index + 1] - names->starts[index];
    return names->text + names->starts[index];
}

static void collect(struct names *names)
{
    const struct hb_catalog *catalog = names->catalog;
    names->text = hb_alloc(catalog->text_bytes + 1);
    names->starts = hb_alloc((catalog->count + 1) * sizeof *names->starts);
    char *end = names->text;
    for (size_t i = 0; i < catalog->count; i++) {
        end = hb_path_put_meaning(end, hb_catalog_path(catalog, i));
        names->starts[i + 1] = (size_t)(end - names->text);
    }
}

static bool is_link(const struct names *names, size_t index)
{
    return names->catalog->members[index].type == HB_TYPE_HARDLINK;
}

static uint32_t named_by(const struct names *names, size_t index)
{
    const char *link = hb_catalog_link(names->catalog, index);
    if (link == NULL)
        return HB_LINKS_NOWHERE;
    HB_AUTO_FREE char *target = hb_alloc(strlen(link) + 1);
    size_t bytes = (size_t)(hb_path_put_meaning(target, link) - target);
    size_t found = hb_path_table_find(&names->table, target, bytes, name_of, names);
    return found == SIZE_MAX ? HB_LINKS_NOWHERE : (uint32_t)found;
}

static void find_before(struct names *names, uint32_t *to)
{
    for (size_t i = 0; i < names->catalog->count; i++) {
        to[i] = is_link(names, i) ? named_by(names, i) : (uint32_t)i;
        hb_path_table_put(&names->table, i, name_of, names);
    }
}

static void find_behind(struct names *names, uint32_t *to)
{
    hb_path_table_clear(&names->table);
    for (size_t i = names->catalog->count; i-- > 0;) {
        if (to[i] == HB_LINKS_NOWHERE)
            to[i] = named_by(names, i);
        hb_path_table_put(&names->table, i, name_of, names);
    }
}

/*
 * Follows the links from one to where they end, and lets each on the way know. `walk` has the
 * number of the walk that met a member: one that meets itself goes in a ring.
 */
static void follow(const struct names *names, uint32_t *to, uint32_t *walk, uint32_t first)
{
    uint32_t at = first, end;
    while (at < HB_LINKS_IN_RINGS && is_link(names, at) && walk[at] == 0) {
        walk[at] = first + 1;
        at = to[at];
    }
    if (at < HB_LINKS_IN_RINGS && is_link(names, at))
        end = walk[at] == first + 1 ? HB_LINKS_IN_RINGS : to[at];
    else
        end = at;
    for (at = first; at < HB_LINKS_IN_RINGS && is_link(names, at) && walk[at] == first + 1;) {
        uint32_t next = to[at];
        to[at] = end;
        walk[at] = UINT32_MAX; /* done */
        at = next;
    }
}

uint32_t *hb_hard_links_find(const struct hb_catalog *catalog)
{
    struct names names = {.catalog = catalog};
    bool any = false;
    for (size_t i = 0; !any && i < catalog->count; i++)
        any = catalog->members[i].type == HB_TYPE_HARDLINK;
    if (!any)
        return NULL;
    uint32_t *to = hb_alloc(catalog->count * sizeof *to);
    HB_AUTO_FREE uint32_t *walk = hb_alloc(catalog->count * sizeof *walk);
    collect(&names);
    hb_path_table_reserve(&names.table, catalog->count, name_of, &names);
    find_before(&names, to);
    find_behind(&names, to);
    for (size_t i = 0; i < catalog->count; i++)
        if (is_link(&names, i))
            follow(&names, to, walk, (uint32_t)i);
    hb_path_table_clear(&names.table);
    free(names.starts);
    free(names.text);
    return to;
}

bool hb_hard_links_is_file(const struct hb_catalog *catalog, const uint32_t *content, size_t index,
                           uint64_t *bytes)
{
    uint32_t from = content == NULL ? (uint32_t)index : content[index];
    if (from >= HB_LINKS_IN_RINGS || catalog->members[from].type != HB_TYPE_FILE)
        return false;
    if (bytes != NULL)
        *bytes = catalog->members[from].bytes;
    return true;
}

void hb_hard_links_count(const struct hb_catalog *catalog, uint64_t *files, uint64_t *bytes)
{
    HB_AUTO_FREE uint32_t *content = hb_hard_links_find(catalog);
    *files = *bytes = 0;
    for (size_t i = 0; i < catalog->count; i++) {
        uint64_t of_file;
        if (!hb_hard_links_is_file(catalog, content, i, &of_file))
            continue;
        ++*files;
        if (__builtin_add_overflow(*bytes, of_file, bytes)) /* many links to one large file */
            *bytes = UINT64_MAX;
    }
}
