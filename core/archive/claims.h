/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which members of an archive content plugins claim: asked when somebody wants to know, once, and
 * remembered. Any thread.
 */
#ifndef HB_CLAIMS_H
#define HB_CLAIMS_H

#include "archive/catalog.h"
#include "host/content.h"

struct hb_claims {
    const struct hb_chain *contents;
    const struct hb_catalog *catalog;
    pthread_mutex_t lock; /* of all below */
    uint32_t *numbers;   /* of each member: 0 not asked yet, 1 nobody claims its name, or 2 + ... */
    size_t number_count; /* members when it was made; a stream fills its catalog before */
    struct hb_claim *some; /* ... the row here */
    size_t some_count;
    struct hb_path_table paths; /* of all members, for sidecars; empty until one is looked at */
    char *absent;               /* the last file that was asked about and that is no member */
    struct hb_claim of_absent;
};

/* The catalog may still be empty, but must be full when the first question is asked. */
void hb_claims_init(struct hb_claims *claims, const struct hb_catalog *catalog,
                    const struct hb_chain *contents);
void hb_claims_clear(struct hb_claims *claims);

/* Would a plugin claim the member, going by its name? */
bool hb_claims_by_name(struct hb_claims *claims, size_t index);

/* Whose is it, now that a copy of its data can be opened? As hb_claim_settle. */
int hb_claims_settle(struct hb_claims *claims, size_t index, int (*open)(void *context),
                     void *context, const struct hb_instance **content);
/* The same of a copy in a directory. */
int hb_claims_settle_at(struct hb_claims *claims, size_t index, int directory_fd, const char *name,
                        const struct hb_instance **content);

/* See hb_is_sidecar; the other file need not be in the archive. */
bool hb_claims_sidecar(struct hb_claims *claims, size_t index);

#endif
