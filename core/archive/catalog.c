/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/catalog.h"

#include "base/memory.h"
#include "base/path.h"
#include <string.h>

enum { MOST_OF_A_REASON = 300 }; /* bytes */

_Static_assert(sizeof(struct hb_catalog_member) == 24, "of each there may be millions");
_Static_assert(sizeof(struct hb_catalog_common) == 16, "it is compared by its bytes");
_Static_assert(HB_TYPE_SPECIAL < 1 << 3, "the bits of a type");

/* Of `places`. */
enum column { GROUP, TOKEN, STORED_BYTES, MTIME_SECONDS, COLUMNS };

static uint64_t keep_text(struct hb_catalog *catalog, const char *text, size_t bytes)
{
    if (catalog->text_bytes + bytes + 2 > catalog->text_capacity) {
        catalog->text_capacity = (catalog->text_bytes + bytes + 2) * 3 / 2 + 4096;
        catalog->text = hb_resize(catalog->text, catalog->text_capacity, 1);
        if (catalog->text_bytes == 0)
            catalog->text[catalog->text_bytes++] = '\0';
    }
    uint64_t at = catalog->text_bytes;
    memcpy(catalog->text + at, text, bytes);
    catalog->text[at + bytes] = '\0';
    catalog->text_bytes += bytes + 1;
    return at;
}

/*
 * Packers that put paths together write "d//a", "d/./a", "./d/a" and "d/." for "d/a" and "d". The
 * plain spelling is kept, so that all commands know one name. What is refused for its path ("..",
 * or that it is absolute) keeps its own. Of a file "a/." makes no sense. The archive's own root
 * ("/", "./.") is ".".
 */
static size_t make_plain(char *path, size_t bytes, uint32_t type)
{
    size_t skip, skip_of_meaning;
    if (type == HB_TYPE_DIRECTORY && bytes > 0 && hb_path_is_root(path)) {
        memcpy(path, ".", 2);
        return 1;
    }
    bool is_plain = hb_path_problem(path, SIZE_MAX, &skip) == NULL;
    if (is_plain && skip > 0)
        memmove(path, path + skip, bytes - skip + 1);
    if (is_plain || path[skip] == '/')
        return is_plain ? bytes - skip : bytes;
    const char *name = hb_base_name(path + skip);
    if (type != HB_TYPE_DIRECTORY && (*name == '\0' || strcmp(name, ".") == 0))
        return bytes;
    HB_AUTO_FREE char *meaning = hb_alloc(bytes + 1);
    size_t kept = (size_t)(hb_path_put_meaning(meaning, path + skip) - meaning);
    if (hb_path_problem(meaning, SIZE_MAX, &skip_of_meaning) != NULL)
        return bytes;
    memcpy(path, meaning, kept + 1);
    return kept;
}

static void set_common(struct hb_catalog *catalog, size_t index,
                       const struct hb_catalog_common *common)
{
    catalog->members[index].common =
        hb_intern(&catalog->commons, common, sizeof *common) & (HB_CATALOG_MOST_COMMONS - 1);
}

size_t hb_catalog_add(struct hb_catalog *catalog, const struct hb_entry *entry,
                      const struct hb_member *member)
{
    if (catalog->count == catalog->capacity) {
        catalog->capacity = catalog->capacity == 0 ? 256 : catalog->capacity * 3 / 2;
        catalog->members = hb_resize(catalog->members, catalog->capacity, sizeof *catalog->members);
    }
    struct hb_catalog_member *made = &catalog->members[catalog->count];
    *made = (struct hb_catalog_member){
        .path = keep_text(catalog, entry->path, entry->path_bytes) & ((1ULL << 40) - 1),
        .bytes = entry->bytes,
        .mtime_nanoseconds = (uint64_t)entry->mtime.tv_nsec & ((1u << 30) - 1),
        .type = entry->type & 7,
        .linked = entry->link != NULL,
    };
    struct hb_catalog_common common = {
        .uid = entry->uid,
        .gid = entry->gid,
        .mode = entry->mode & 07777,
        .entry_flags = (uint8_t)entry->flags,
    };
    uint64_t place[COLUMNS] = {[MTIME_SECONDS] = (uint64_t)entry->mtime.tv_sec};
    if (member != NULL) {
        place[GROUP] = member->group;
        place[TOKEN] = member->token;
        place[STORED_BYTES] = member->stored_bytes;
        common.member_flags = (uint8_t)member->flags;
    }
    set_common(catalog, catalog->count, &common);
    catalog->places.columns = COLUMNS;
    hb_numbers_add(&catalog->places, place);
    size_t bytes = make_plain(catalog->text + made->path, entry->path_bytes, entry->type);
    made->path_bytes = bytes & 0xffffff;
    catalog->text_bytes = made->path + bytes + 1;
    if (made->linked)
        keep_text(catalog, entry->link, strlen(entry->link));
    size_t index = catalog->count++;
    /* The flag and the reason came in together: a plugin that is older has neither. */
    if (member != NULL && HB_HAS(member, why) && (member->flags & HB_MEMBER_UNREADABLE))
        hb_catalog_set_unreadable(catalog, index, member->why);
    return index;
}

void hb_catalog_set_unreadable(struct hb_catalog *catalog, size_t index, const char *why)
{
    size_t bytes = why == NULL ? 0 : strnlen(why, MOST_OF_A_REASON);
    HB_AUTO_FREE char *text =
        bytes == 0 ? hb_copy_text("cannot be decoded") : hb_copy_bytes(why, bytes);
    size_t last = catalog->why_count; /* as a rule many members have one reason */
    if (last == 0 || strcmp(catalog->text + catalog->whys[last - 1], text) != 0) {
        catalog->whys = hb_resize(catalog->whys, last + 1, sizeof *catalog->whys);
        catalog->whys[catalog->why_count++] = keep_text(catalog, text, strlen(text));
    }
    struct hb_catalog_common common = *hb_catalog_common(catalog, index);
    common.why = (uint32_t)catalog->why_count;
    set_common(catalog, index, &common);
}

const char *hb_catalog_unreadable(const struct hb_catalog *catalog, size_t index)
{
    uint32_t why = hb_catalog_common(catalog, index)->why;
    return why == 0 ? NULL : catalog->text + catalog->whys[why - 1];
}

uint64_t hb_catalog_group(const struct hb_catalog *catalog, size_t index, uint64_t *stored_bytes)
{
    uint64_t place[COLUMNS];
    hb_numbers_get(&catalog->places, index, place);
    if (stored_bytes != NULL)
        *stored_bytes = place[STORED_BYTES];
    return place[GROUP];
}

int64_t hb_catalog_mtime_seconds(const struct hb_catalog *catalog, size_t index)
{
    uint64_t place[COLUMNS];
    hb_numbers_get(&catalog->places, index, place);
    return (int64_t)place[MTIME_SECONDS];
}

const char *hb_catalog_link(const struct hb_catalog *catalog, size_t index)
{
    const struct hb_catalog_member *member = &catalog->members[index];
    return member->linked ? catalog->text + member->path + member->path_bytes + 1 : NULL;
}

static void fill_entry(const struct hb_catalog *catalog, size_t index, const uint64_t *place,
                       struct hb_entry *entry)
{
    const struct hb_catalog_member *member = &catalog->members[index];
    const struct hb_catalog_common *common = hb_catalog_common(catalog, index);
    *entry = (struct hb_entry){
        .size = sizeof *entry,
        .type = member->type,
        .path = hb_catalog_path(catalog, index),
        .path_bytes = member->path_bytes,
        .link = hb_catalog_link(catalog, index),
        .bytes = member->bytes,
        .mtime = {.tv_sec = (int64_t)place[MTIME_SECONDS],
                  .tv_nsec = (long)member->mtime_nanoseconds},
        .mode = common->mode,
        .flags = common->entry_flags,
        .uid = common->uid,
        .gid = common->gid,
        .index = index,
    };
}

void hb_catalog_entry(const struct hb_catalog *catalog, size_t index, struct hb_entry *entry)
{
    uint64_t place[COLUMNS];
    hb_numbers_get(&catalog->places, index, place);
    fill_entry(catalog, index, place, entry);
}

void hb_catalog_member(const struct hb_catalog *catalog, size_t index, struct hb_entry *entry,
                       struct hb_member *member)
{
    uint64_t place[COLUMNS];
    hb_numbers_get(&catalog->places, index, place);
    fill_entry(catalog, index, place, entry);
    *member = (struct hb_member){
        .size = sizeof *member,
        .flags = hb_catalog_common(catalog, index)->member_flags,
        .entry = entry,
        .group = place[GROUP],
        .token = place[TOKEN],
        .stored_bytes = place[STORED_BYTES],
        .why = hb_catalog_unreadable(catalog, index),
    };
}

void hb_catalog_clear(struct hb_catalog *catalog)
{
    free(catalog->members);
    hb_numbers_clear(&catalog->places);
    free(catalog->text);
    hb_interned_clear(&catalog->commons);
    free(catalog->whys);
    *catalog = (struct hb_catalog){0};
}
