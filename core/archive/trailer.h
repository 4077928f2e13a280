/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core's own block in an archive: whether it is incomplete and why, and two checksums of each
 * entry, which hold whatever the format does: of its metadata (name, type, mode, time, size, link),
 * compared when it is listed, and of its content, compared when it is read.
 *
 * Layout, little endian: magic "HBTRAIL" and the version byte 1; then sections, each u32 type, u32
 * zero, u64 length, payload padded with zero bytes to a multiple of 8; then XXH3-64 of all before.
 *   1  JSON object: "entries", "incomplete", "skipped" and "doubtful" (lists of path and reason)
 *   2  one u64 an entry, in archive order: XXH3-64 of its metadata
 *   5  the same of its content: base/content_hash.h, 0 for what is no file; as many. Archives of
 *      the release before have none: then nothing is compared
 *   6  what content plugins said of entries, see annotations.h; missing if that is nothing
 *   3  what a later backup can take over, see reuse_index.h; may be missing
 *   4  where it comes from, see origin.h; the last one; may be missing
 * In the order 1, 2, 5, 6, 3, 4; unknown sections are passed over. All in front of section 4 is the
 * same for the same tree.
 *
 * A later version begins with the same seven bytes and a higher version byte, and formats keep it
 * where they keep this one; nothing else of it is known. It is not damage, nor a missing trailer
 * either: whose such an archive is and whether it is complete is unknown.
 */
#ifndef HB_TRAILER_H
#define HB_TRAILER_H

#include "archive/annotations.h"
#include "archive/origin.h"
#include "archive/reuse_index.h"
#include "base/error.h"
#include "base/report.h"
#include <hbcore/entry.h>
#include <jansson.h>
#include <stdbool.h>

struct hb_trailer {
    uint64_t *hashes;   /* of metadata */
    uint64_t *contents; /* as many, or NULL: it has none. See hb_trailer_content */
    void *block;        /* they lie in it, where it was taken over; or NULL */
    size_t count;
    size_t capacity;
    json_t *annotations; /* section 6, rows of annotations.h; or NULL */
    json_t *summary;     /* section 1; when read */
    bool has_origin;
    struct hb_origin origin; /* section 4; when read */
};

/* Room for so many entries; more may come. */
void hb_trailer_reserve(struct hb_trailer *trailer, size_t entries);
/* `content`: the checksum of its content (base/content_hash.h), 0 of what is no file. */
void hb_trailer_add(struct hb_trailer *trailer, const struct hb_entry *entry, uint64_t content);

/* The checksum of the content of entry `index`; false: the trailer has none. */
bool hb_trailer_content(const struct hb_trailer *trailer, uint64_t index, uint64_t *content);

/*
 * The whole block; caller frees *data. The report is sorted. `reuse` may be NULL; `origin`, too:
 * then nothing in it tells of run or place; `key`, too: then it is not sealed.
 */
void hb_trailer_build(const struct hb_trailer *trailer, const struct hb_report *report,
                      const struct hb_reuse_index *reuse, const struct hb_origin *origin,
                      const unsigned char *key, unsigned char **data, size_t *bytes);

/* HB_OK; HB_STATUS_LATER: it is of a later version; HB_STATUS_FATAL: it is not a whole trailer. */
int hb_trailer_parse(const void *data, size_t bytes, struct hb_trailer *trailer,
                     struct hb_error *error);

/*
 * The same of a block that came from malloc(), and is taken over whatever comes of it: nothing is
 * copied, and `data` stays as long as the trailer, or until hb_trailer_forget_reuse.
 */
int hb_trailer_take(void *data, size_t bytes, struct hb_trailer *trailer, struct hb_error *error);
/* What stands behind the numbers of the entries, or those of the metadata, is not needed any more.
 */
void hb_trailer_forget_reuse(struct hb_trailer *trailer);
void hb_trailer_forget_metadata(struct hb_trailer *trailer);

/* Does entry `entry->index` have the metadata that it was stored with? */
bool hb_trailer_matches(const struct hb_trailer *trailer, const struct hb_entry *entry);

/*
 * Section 3 of a block that was accepted, which has to stay; false: it has none. Others never need
 * it.
 */
bool hb_trailer_reuse(const void *data, size_t bytes, struct hb_reuse_index *index);

/* Was a block that hb_trailer_parse accepted sealed with this key, and is it as it was then? */
bool hb_trailer_is_sealed(const void *data, size_t bytes, const unsigned char key[HB_SEAL_BYTES]);

bool hb_trailer_incomplete(const struct hb_trailer *trailer);

void hb_trailer_clear(struct hb_trailer *trailer);

#endif
