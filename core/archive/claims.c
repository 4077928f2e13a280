/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/claims.h"

#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum { NOT_ASKED, NOBODY, SOMEBODY };

void hb_claims_init(struct hb_claims *claims, const struct hb_chain *contents, const void *rows,
                    size_t count, hb_entry_of_row entry_of)
{
    *claims = (struct hb_claims){
        .contents = contents, .rows = rows, .count = count, .entry_of = entry_of};
    pthread_mutex_init(&claims->lock, NULL);
}

static void catalog_entry(const void *rows, size_t index, struct hb_entry *entry)
{
    hb_catalog_entry(rows, index, entry);
}

void hb_claims_of_catalog(struct hb_claims *claims, const struct hb_chain *contents,
                          const struct hb_catalog *catalog)
{
    hb_claims_init(claims, contents, catalog, catalog->count, catalog_entry);
}

void hb_claims_clear(struct hb_claims *claims)
{
    if (claims->rows == NULL)
        return;
    free(claims->answers);
    free(claims->some);
    free(claims->absent);
    hb_path_table_clear(&claims->paths);
    pthread_mutex_destroy(&claims->lock);
    *claims = (struct hb_claims){0};
}

/* What a plugin is to see of it: a hard link is restored as a file. */
static struct hb_entry entry_of(const struct hb_claims *claims, size_t index)
{
    struct hb_entry entry;
    claims->entry_of(claims->rows, index, &entry);
    entry.type = HB_TYPE_FILE;
    return entry;
}

/* The first of `some` whose row is not before this one. */
static size_t find_claimed(const struct hb_claims *claims, size_t index)
{
    size_t low = 0, high = claims->some_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (claims->some[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void add_claimed(struct hb_claims *claims, size_t index, const struct hb_claim *claim)
{
    size_t at = find_claimed(claims, index);
    claims->some = hb_resize(claims->some, claims->some_count + 1, sizeof *claims->some);
    memmove(claims->some + at + 1, claims->some + at,
            (claims->some_count++ - at) * sizeof *claims->some);
    claims->some[at] = (struct hb_claimed){index, *claim};
}

/* Under the lock; NULL: nobody claims it by its name. Valid until the next call. */
static struct hb_claim *ask(struct hb_claims *claims, size_t index)
{
    if (claims->answers == NULL)
        claims->answers = hb_alloc(claims->count + 1);
    if (claims->answers[index] == NOT_ASKED) {
        struct hb_claim claim = {0};
        struct hb_entry entry = entry_of(claims, index);
        hb_claim_ask(claims->contents, &entry, &claim);
        claims->answers[index] = claim.by_name == 0 ? NOBODY : SOMEBODY;
        if (claim.by_name != 0)
            add_claimed(claims, index, &claim);
    }
    return claims->answers[index] == NOBODY ? NULL
                                            : &claims->some[find_claimed(claims, index)].claim;
}

bool hb_claims_by_name(struct hb_claims *claims, size_t index)
{
    pthread_mutex_lock(&claims->lock);
    bool named = ask(claims, index) != NULL;
    pthread_mutex_unlock(&claims->lock);
    return named;
}

const struct hb_instance *hb_claims_named(struct hb_claims *claims, size_t index)
{
    pthread_mutex_lock(&claims->lock);
    const struct hb_claim *claim = ask(claims, index);
    const struct hb_instance *content =
        claim == NULL ? NULL : hb_claim_named(claims->contents, claim);
    pthread_mutex_unlock(&claims->lock);
    return content;
}

int hb_claims_settle(struct hb_claims *claims, size_t index, int (*open)(void *context),
                     void *context, const struct hb_instance **content)
{
    int result = 0;
    *content = NULL;
    pthread_mutex_lock(&claims->lock);
    struct hb_claim *claim = ask(claims, index);
    struct hb_entry entry = entry_of(claims, index);
    if (claim != NULL)
        result = hb_claim_settle(claims->contents, &entry, claim, open, context, content);
    pthread_mutex_unlock(&claims->lock);
    return result;
}

struct copy {
    int directory_fd;
    const char *name;
};

static int open_copy(void *context)
{
    const struct copy *copy = context;
    int fd = openat(copy->directory_fd, copy->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

int hb_claims_settle_at(struct hb_claims *claims, size_t index, int directory_fd, const char *name,
                        const struct hb_instance **content)
{
    struct copy copy = {directory_fd, name};
    return hb_claims_settle(claims, index, open_copy, &copy, content);
}

/* ---- sidecars ------------------------------------------------------------------------------ */

static const char *path_of(const void *rows, size_t index, size_t *bytes)
{
    const struct hb_claims *claims = rows;
    struct hb_entry entry;
    claims->entry_of(claims->rows, index, &entry);
    *bytes = entry.path_bytes;
    return entry.path;
}

static size_t find_row(struct hb_claims *claims, const struct hb_entry *entry)
{
    if (claims->paths.used == 0) {
        hb_path_table_reserve(&claims->paths, claims->count, path_of, claims);
        for (size_t i = 0; i < claims->count; i++)
            hb_path_table_put(&claims->paths, i, path_of, claims);
    }
    return hb_path_table_find(&claims->paths, entry->path, entry->path_bytes, path_of, claims);
}

/*
 * The one that is not a row may be in the home: it is asked about for its name alone, and only once
 * for all its sidecars, which stand beside each other.
 */
static const struct hb_claim *ask_absent(struct hb_claims *claims, const struct hb_entry *owner)
{
    if (claims->absent == NULL || strcmp(claims->absent, owner->path) != 0) {
        free(claims->absent);
        claims->absent = hb_copy_text(owner->path);
        claims->of_absent = (struct hb_claim){0};
        hb_claim_ask(claims->contents, owner, &claims->of_absent);
    }
    return &claims->of_absent;
}

struct sidecar {
    struct hb_claims *claims;
    char *owner; /* what it belongs to */
};

static bool claims_owner(void *context, size_t content, const struct hb_entry *owner)
{
    struct sidecar *sidecar = context;
    struct hb_claims *claims = sidecar->claims;
    size_t index = find_row(claims, owner);
    const struct hb_claim *claim =
        index == SIZE_MAX ? ask_absent(claims, owner) : ask(claims, index);
    if (claim == NULL || (claim->by_name >> content & 1) == 0)
        return false;
    sidecar->owner = hb_copy_text(owner->path);
    return true;
}

char *hb_claims_owner(struct hb_claims *claims, size_t index)
{
    struct hb_entry entry = entry_of(claims, index);
    struct sidecar sidecar = {.claims = claims};
    pthread_mutex_lock(&claims->lock);
    hb_is_sidecar(claims->contents, &entry, claims_owner, &sidecar);
    pthread_mutex_unlock(&claims->lock);
    return sidecar.owner;
}

bool hb_claims_sidecar(struct hb_claims *claims, size_t index)
{
    HB_AUTO_FREE char *owner = hb_claims_owner(claims, index);
    return owner != NULL;
}
