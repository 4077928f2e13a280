/* SPDX-License-Identifier: Apache-2.0 */
/* Facts (archive/facts.h) that were listed beside archives. */
#ifndef HB_LISTED_FACTS_H
#define HB_LISTED_FACTS_H

#include "archive/facts.h"
#include "files/state_key.h"
#include "store/store.h"

/* Who has sealed them. */
enum hb_facts_seal {
    HB_FACTS_NOT_SEALED, /* or that cannot be told */
    HB_FACTS_SEALED_HERE,
    HB_FACTS_SEALED_ELSEWHERE /* by another installation, or this one before it lost its key */
};

struct hb_listed_facts {
    char *object; /* their name in the store */
    size_t above; /* bytes of it in front of the archive's own name */
    char *version;
    int64_t written; /* nanoseconds since 1970; 0: unknown */
    bool paired;     /* the archive is there */
};

struct hb_facts_list {
    struct hb_listed_facts *rows;
    size_t count;
};

/* `above`: bytes of the object's name in front of what is the archive's own. */
void hb_facts_list_add(struct hb_facts_list *list, const struct hb_object *object, size_t above);
/* When all are there: they are found by names from then on. */
void hb_facts_list_sort(struct hb_facts_list *list);
/* Those of an archive of that name of its own; NULL: none. */
struct hb_listed_facts *hb_facts_list_find(const struct hb_facts_list *list, const char *archive);
void hb_facts_list_clear(struct hb_facts_list *list);

/* False: they are none, or cannot be read. */
bool hb_listed_facts_read(const struct hb_store *store, const struct hb_listed_facts *listed,
                          const struct hb_state_key *key, struct hb_facts *facts,
                          enum hb_facts_seal *seal);
/* What stays of them, a later run sweeps (preset_facts.h). */
void hb_listed_facts_remove(const struct hb_store *store, const struct hb_listed_facts *listed);

#endif
