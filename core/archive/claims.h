/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which members of an archive, or rows of a plan, content plugins claim. The plugins are asked
 * about a row when its answer is first needed, and only once. Any thread.
 */
#ifndef HB_CLAIMS_H
#define HB_CLAIMS_H

#include "archive/catalog.h"
#include "base/path_table.h"
#include "host/content.h"

/* Row `index` as plugins are to see it; a hard link is shown to them as the file it becomes. */
typedef void (*hb_entry_of_row)(const void *rows, size_t index, struct hb_entry *entry);

struct hb_claimed {
    size_t index;
    struct hb_claim claim;
};

struct hb_claims {
    const struct hb_chain *contents;
    const void *rows;
    size_t count;
    hb_entry_of_row entry_of;
    pthread_mutex_t lock; /* of all below */
    uint8_t *answers;     /* of each row: 0 not asked yet, 1 nobody claims its name, 2 somebody */
    struct hb_claimed *some; /* sorted by `index` */
    size_t some_count;
    struct hb_path_table paths; /* of all rows, for sidecars; empty until one is looked at */
    char *absent;               /* the last file that was asked about and that is not a row */
    struct hb_claim of_absent;
};

void hb_claims_init(struct hb_claims *claims, const struct hb_chain *contents, const void *rows,
                    size_t count, hb_entry_of_row entry_of);
/* The same of the members of a listed archive. */
void hb_claims_of_catalog(struct hb_claims *claims, const struct hb_chain *contents,
                          const struct hb_catalog *catalog);
/* Safe on a zeroed one. */
void hb_claims_clear(struct hb_claims *claims);

/* Would a plugin claim the row, going by its name? */
bool hb_claims_by_name(struct hb_claims *claims, size_t index);

/* Which plugin it belongs to if its name says so; NULL: none, or its bytes have to be seen. */
const struct hb_instance *hb_claims_named(struct hb_claims *claims, size_t index);

/* Which plugin does it belong to, now that a copy of its data can be opened? As hb_claim_settle. */
int hb_claims_settle(struct hb_claims *claims, size_t index, int (*open)(void *context),
                     void *context, const struct hb_instance **content);
/* The same of a copy in a directory. */
int hb_claims_settle_at(struct hb_claims *claims, size_t index, int directory_fd, const char *name,
                        const struct hb_instance **content);

/* See hb_is_sidecar; the other file need not be in the archive. */
bool hb_claims_sidecar(struct hb_claims *claims, size_t index);
/* The path of that file; NULL: the row is no sidecar. Caller frees. */
char *hb_claims_owner(struct hb_claims *claims, size_t index);

#endif
