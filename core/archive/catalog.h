/* SPDX-License-Identifier: Apache-2.0 */
/* What is in an archive: all its members, compactly, and a way to find one by its path. */
#ifndef HB_CATALOG_H
#define HB_CATALOG_H

#include "base/path_table.h"
#include <hbcore/format.h>
#include <stdbool.h>

struct hb_catalog_member {
    uint64_t path; /* offset into `text` */
    uint64_t link; /* the same; 0: none */
    uint64_t bytes;
    int64_t mtime_seconds;
    uint64_t group;
    uint64_t token;
    uint64_t stored_bytes;
    uint32_t mtime_nanoseconds;
    uint32_t path_bytes;
    uint32_t skipped; /* bytes that hb_catalog_skip took off the front of the path */
    uint32_t mode;
    uint32_t crc32;
    uint32_t uid;
    uint32_t gid;
    uint32_t replaces;    /* 1 + index of the earlier member with this path; 0: none */
    uint8_t type;         /* enum hb_entry_type */
    uint8_t entry_flags;  /* enum hb_entry_flags */
    uint8_t member_flags; /* enum hb_member_flags */
    uint8_t state;        /* of those who work with the catalog; 0 at first */
};

struct hb_catalog {
    struct hb_catalog_member *members;
    size_t count;
    size_t capacity;
    char *text; /* all names, each ended by NUL; the first byte is one */
    size_t text_bytes;
    size_t text_capacity;
    struct hb_path_table entered; /* of hb_catalog_find */
};

/* Adds a member; returns its index. `member` may be NULL when there is only an entry. */
size_t hb_catalog_add(struct hb_catalog *catalog, const struct hb_entry *entry,
                      const struct hb_member *member);

static inline const char *hb_catalog_path(const struct hb_catalog *catalog, size_t index)
{
    return catalog->text + catalog->members[index].path;
}

/* The link's target, or NULL. */
const char *hb_catalog_link(const struct hb_catalog *catalog, size_t index);

/* Another path for a member: a part of the old one, from `skip` bytes on. */
void hb_catalog_skip(struct hb_catalog *catalog, size_t index, size_t skip);

/*
 * The member as the ABI has it; the pointers are into the catalog and `entry`. hb_catalog_member is
 * for decode(): its path is the one that was listed, whatever was skipped.
 */
void hb_catalog_entry(const struct hb_catalog *catalog, size_t index, struct hb_entry *entry);
void hb_catalog_member(const struct hb_catalog *catalog, size_t index, struct hb_entry *entry,
                       struct hb_member *member);

/* For hb_path_table: the path of a member; `rows` is the catalog. */
const char *hb_catalog_path_of(const void *rows, size_t index, size_t *bytes);

/*
 * Puts the member into the table of paths. Returns the index of the one that had this path
 * before and is replaced by it, or SIZE_MAX.
 */
size_t hb_catalog_enter(struct hb_catalog *catalog, size_t index);
/* The member that was entered with this path, or SIZE_MAX. */
size_t hb_catalog_find(const struct hb_catalog *catalog, const char *path);

void hb_catalog_clear(struct hb_catalog *catalog);

#endif
