/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/fingerprint.h"

#include "base/xxh3.h"
#include <endian.h>
#include <nettle/sha2.h>
#include <string.h>

/* Coarser than any file system's clock (FAT: 2 s), and a margin for clocks of file servers. */
enum { RACY_SECONDS = 2 };

enum kind { FILE_STATE = 1, CONTENT_IDENTITY = 2, NO_CONTENT = 3, PATH_ONLY = 4, SEGMENT = 5 };

/* ---- hashing numbers and texts, each so that none runs into the next ----------------------- */

static void put_number(struct sha256_ctx *hash, uint64_t number)
{
    uint64_t little = htole64(number);
    sha256_update(hash, sizeof little, (const uint8_t *)&little);
}

static void put_text(struct sha256_ctx *hash, const char *text, size_t bytes)
{
    put_number(hash, bytes);
    sha256_update(hash, bytes, (const uint8_t *)text);
}

static void put_time(struct sha256_ctx *hash, const struct timespec *time)
{
    put_number(hash, (uint64_t)time->tv_sec);
    put_number(hash, (uint64_t)time->tv_nsec);
}

/* Everything of an entry that a format may store. */
static void put_entry(struct sha256_ctx *hash, const struct hb_entry *entry)
{
    put_number(hash, entry->type);
    put_number(hash, entry->flags);
    put_number(hash, entry->mode);
    put_number(hash, entry->uid);
    put_number(hash, entry->gid);
    put_time(hash, &entry->mtime);
    put_text(hash, entry->path, entry->path_bytes);
    put_text(hash, entry->link == NULL ? "" : entry->link,
             entry->link == NULL ? 0 : strlen(entry->link));
}

static void begin(struct sha256_ctx *hash, enum kind kind)
{
    sha256_init(hash);
    put_number(hash, kind);
}

static void finish(struct sha256_ctx *hash, struct hb_fingerprint *fingerprint)
{
    sha256_digest(hash, sizeof fingerprint->bytes, fingerprint->bytes);
}

/* ---- entries ------------------------------------------------------------------------------- */

bool hb_fingerprint_is_set(const struct hb_fingerprint *fingerprint)
{
    static const struct hb_fingerprint none;
    return memcmp(fingerprint, &none, sizeof none) != 0;
}

void hb_fingerprint_file(const struct hb_entry *entry, const struct hb_file_state *state,
                         struct hb_fingerprint *fingerprint)
{
    struct sha256_ctx hash;
    begin(&hash, FILE_STATE);
    put_entry(&hash, entry);
    put_number(&hash, state->inode);
    put_number(&hash, state->bytes);
    put_time(&hash, &state->mtime);
    put_time(&hash, &state->ctime);
    finish(&hash, fingerprint);
}

void hb_fingerprint_content(const struct hb_entry *entry, const unsigned char identity[32],
                            uint32_t soundness, struct hb_fingerprint *fingerprint)
{
    struct sha256_ctx hash;
    begin(&hash, CONTENT_IDENTITY);
    put_entry(&hash, entry);
    sha256_update(&hash, 32, identity);
    put_number(&hash, soundness);
    finish(&hash, fingerprint);
}

void hb_fingerprint_other(const struct hb_entry *entry, struct hb_fingerprint *fingerprint)
{
    struct sha256_ctx hash;
    begin(&hash, NO_CONTENT);
    put_entry(&hash, entry);
    finish(&hash, fingerprint);
}

void hb_fingerprint_path(const struct hb_entry *entry, struct hb_fingerprint *fingerprint)
{
    struct sha256_ctx hash;
    begin(&hash, PATH_ONLY);
    put_text(&hash, entry->path, entry->path_bytes);
    finish(&hash, fingerprint);
}

bool hb_state_is_racy(const struct hb_file_state *state, const struct timespec *read)
{
    return state->ctime.tv_sec >= read->tv_sec - RACY_SECONDS ||
           state->mtime.tv_sec >= read->tv_sec - RACY_SECONDS;
}

/* ---- units --------------------------------------------------------------------------------- */

void hb_segment_hash(const struct hb_segment *segment, unsigned char digest[HB_UNIT_HASH_BYTES])
{
    struct sha256_ctx hash;
    begin(&hash, SEGMENT);
    put_number(&hash, segment->flags);
    /* A format may put the entry's header in front of its first unit, and fill up its last. */
    if (segment->flags & HB_UNIT_FIRST)
        put_entry(&hash, segment->entry);
    if (segment->flags & (HB_UNIT_FIRST | HB_UNIT_LAST))
        put_number(&hash, segment->entry->bytes);
    put_number(&hash, segment->bytes);
    sha256_update(&hash, (size_t)segment->bytes, segment->data);
    sha256_digest(&hash, HB_UNIT_HASH_BYTES, digest);
}

bool hb_unit_check_pieces(const struct hb_unit *unit, hb_next_piece *next, void *self,
                          uint64_t *check)
{
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, unit->note, sizeof unit->note);
    for (uint64_t left = unit->bytes; left > 0;) {
        const void *data;
        int64_t got = next(self, &data, left);
        if (got <= 0 || (uint64_t)got > left)
            return false;
        XXH3_64bits_update(&state, data, (size_t)got);
        left -= (uint64_t)got;
    }
    *check = XXH3_64bits_digest(&state);
    return true;
}

static int64_t all_at_once(void *self, const void **data, uint64_t most)
{
    *data = self;
    return (int64_t)most;
}

uint64_t hb_unit_check(const struct hb_unit *unit, const void *data)
{
    uint64_t check = 0;
    (void)hb_unit_check_pieces(unit, all_at_once, (void *)(uintptr_t)data, &check);
    return check;
}

void hb_key_hash(const char *text, unsigned char digest[32])
{
    struct sha256_ctx hash;
    sha256_init(&hash);
    put_text(&hash, text, strlen(text));
    sha256_digest(&hash, 32, digest);
}
