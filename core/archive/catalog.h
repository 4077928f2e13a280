/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in an archive: all its members, compactly, as it says, but "d//a" and "d/./a" are "d/a".
 * Nothing is changed in it once it is listed; what is to become of a member is said elsewhere
 * (import/restore_plan.h).
 */
#ifndef HB_CATALOG_H
#define HB_CATALOG_H

#include "base/interned.h"
#include "base/numbers.h"
#include <hbcore/format.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* There may be millions: 24 bytes each, and what stands in `places`. */
struct hb_catalog_member {
    uint64_t bytes;
    uint64_t
        path : 40; /* offset into `text`; behind its NUL stands the link's target, if `linked` */
    uint64_t path_bytes : 24;
    uint64_t mtime_nanoseconds : 30;
    uint64_t common : 30; /* which of `commons` */
    uint64_t type : 3;    /* enum hb_type */
    uint64_t linked : 1;
};

/* Of `commons`; hb_archive_admit() sees to it that there are no more. */
#define HB_CATALOG_MOST_COMMONS (1u << 30)

/* What many members have in common. */
struct hb_catalog_common {
    uint32_t uid;
    uint32_t gid;
    uint32_t why; /* 1 + which of `whys`; 0: its content can be decoded */
    uint16_t mode;
    uint8_t entry_flags;  /* enum hb_entry_flags */
    uint8_t member_flags; /* enum hb_member_flags */
};

struct hb_catalog {
    struct hb_catalog_member *members;
    struct hb_numbers places; /* of each: group, token, stored bytes; the seconds of its time */
    size_t count;
    size_t capacity;
    char *text; /* all names, each ended by NUL; the first byte is one */
    size_t text_bytes;
    size_t text_capacity;
    struct hb_interned commons; /* struct hb_catalog_common */
    uint64_t *whys;             /* reasons, offsets into `text` */
    size_t why_count;
};

/* Adds a member; returns its index. `member` may be NULL when there is only an entry. */
size_t hb_catalog_add(struct hb_catalog *catalog, const struct hb_entry *entry,
                      const struct hb_member *member);

static inline const char *hb_catalog_path(const struct hb_catalog *catalog, size_t index)
{
    return catalog->text + catalog->members[index].path;
}

static inline const struct hb_catalog_common *hb_catalog_common(const struct hb_catalog *catalog,
                                                                size_t index)
{
    return hb_interned_row(&catalog->commons, (uint32_t)catalog->members[index].common);
}

/* Members that are stored together have the same group, and stand one after the other. */
uint64_t hb_catalog_group(const struct hb_catalog *catalog, size_t index, uint64_t *stored_bytes);
int64_t hb_catalog_mtime_seconds(const struct hb_catalog *catalog, size_t index);

/* The link's target, or NULL. */
const char *hb_catalog_link(const struct hb_catalog *catalog, size_t index);

/*
 * Why nothing can be made of it, as the rest of a sentence: its content cannot be decoded ("is
 * encrypted"), or its name means no place here. NULL: something can.
 */
const char *hb_catalog_unreadable(const struct hb_catalog *catalog, size_t index);
/* While it is being filled. */
void hb_catalog_set_unreadable(struct hb_catalog *catalog, size_t index, const char *why);

/* The member as the ABI has it; the pointers are into the catalog and `entry`. */
void hb_catalog_entry(const struct hb_catalog *catalog, size_t index, struct hb_entry *entry);
void hb_catalog_member(const struct hb_catalog *catalog, size_t index, struct hb_entry *entry,
                       struct hb_member *member);

void hb_catalog_clear(struct hb_catalog *catalog);

#endif
