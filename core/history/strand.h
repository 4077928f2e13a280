/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archives of one home in one place, as the history knows them: in memory, without a file.
 *
 * Archives have numbers, in the order in which they came. What is the same in one after the other
 * is one span:
 *
 *     archive     1    2    3    4    5
 *     notes.txt   |---- a ----|-- b --|>      two spans; the second one goes on
 *     old.txt     |- c --|                    one, which has ended
 *
 * A span that goes on needs no change when another archive has it, too: a night costs what has
 * changed in it. Numbers are never used twice; those whose archives are gone are passed over when
 * spans are told, and a span of nothing else goes.
 */
#ifndef HB_HISTORY_STRAND_H
#define HB_HISTORY_STRAND_H

#include "base/path_table.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HB_HISTORY_KEY = 16 };
/* Larger archives are read each time: all of a strand is held in memory. */
enum { HB_STRAND_MOST_MEMBERS = 200000, HB_STRAND_MOST_TEXT = 16 << 20 };
#define HB_SPAN_GOES_ON UINT32_MAX
#define HB_NO_SPAN      UINT32_MAX

/* What is kept of a member. */
struct hb_history_content {
    uint64_t bytes;
    uint64_t hash; /* of its content (base/content_hash.h); 0 where it is not `hashed` */
    int64_t mtime;
    uint8_t type; /* enum hb_type */
    bool hashed;
};

struct hb_history_member {
    const char *path;
    struct hb_history_content content;
};

struct hb_strand_archive {
    uint32_t number;
    unsigned char key[HB_HISTORY_KEY];
    bool incomplete;
    bool is_new;     /* it is not in the file yet */
    size_t position; /* in the list of this run; SIZE_MAX: it is not there */
};

struct hb_strand_name {
    const char *path;
    uint32_t id;
    uint32_t open;  /* its span that goes on; or HB_NO_SPAN */
    uint32_t seen;  /* the last archive that has it, in this run */
    uint32_t after; /* which name came after this one: it mostly does again */
    bool is_new;
    bool used;
};

struct hb_span {
    struct hb_history_content content;
    uint32_t name; /* which of `names` */
    uint32_t first, last;
    bool changed; /* it is not in the file like this */
    bool gone;
};

struct hb_strand {
    char *home;
    int64_t row; /* in the file; 0: none */
    struct hb_strand_archive *archives;
    struct hb_strand_name *names;
    struct hb_span *spans;
    size_t archive_count, name_count, span_count;
    size_t archive_room, name_room, span_room;
    size_t open_count;
    uint32_t next, next_name;
    size_t found; /* the archive that was asked for last; the next one mostly stands before it */
    uint64_t text_bytes;
    uint64_t stored;            /* the checksum that the file has */
    struct hb_path_table table; /* of names; made when it is needed */
    bool has_table;
    bool changed;
};

struct hb_strand *hb_strand_new(const char *home);
void hb_strand_free(struct hb_strand *strand);

/* Of what was read; the caller has checked what it says. */
void hb_strand_put_archive(struct hb_strand *strand, const struct hb_strand_archive *archive);
void hb_strand_put_name(struct hb_strand *strand, const char *path, size_t bytes, uint32_t id);
void hb_strand_put_span(struct hb_strand *strand, const struct hb_span *span);

struct hb_strand_archive *hb_strand_find(struct hb_strand *strand,
                                         const unsigned char key[HB_HISTORY_KEY]);

/*
 * Another archive. NULL: it is not kept, because it has a name twice, or is too large; nothing is
 * changed then.
 */
struct hb_strand_archive *hb_strand_add(struct hb_strand *strand,
                                        const unsigned char key[HB_HISTORY_KEY], bool incomplete,
                                        const struct hb_history_member *members, size_t count);

/* Has one of them a position? */
bool hb_strand_is_there(const struct hb_strand *strand);
/* What is only of archives without a position goes. True: there is some. */
bool hb_strand_forget(struct hb_strand *strand);

/* Of all that is in it, and of the text. Finds out which names are used, too. */
uint64_t hb_strand_checksum(struct hb_strand *strand, const char *text);

/* All of it is in the file now; or nothing is. */
void hb_strand_is_stored(struct hb_strand *strand, bool stored);

/*
 * Each span, in pieces whose archives stand one behind the other in this run's list: the newest
 * one, at `newest`, in front. `wanted` is asked once for each name and kind.
 */
struct hb_strand_visitor {
    void *self;
    bool (*wanted)(void *self, const char *path, bool directory);
    void (*piece)(void *self, const char *path, const struct hb_history_content *content,
                  size_t newest, size_t oldest);
};
void hb_strand_each(const struct hb_strand *strand, const struct hb_strand_visitor *visitor);

#endif
