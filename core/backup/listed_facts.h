/* SPDX-License-Identifier: Apache-2.0 */
/* Facts (archive/facts.h) that were listed beside archives. */
#ifndef HB_LISTED_FACTS_H
#define HB_LISTED_FACTS_H

#include "archive/facts.h"
#include "store/store.h"
#include <sys/types.h>

struct hb_listed_facts {
    char *object; /* their name in the store */
    size_t above; /* bytes of it in front of the archive's own name */
    char *version;
    int64_t written; /* nanoseconds since 1970; 0: unknown */
    uid_t owner;     /* of a file; else 0 */
    bool paired;     /* the archive is there */
};

struct hb_facts_list {
    struct hb_listed_facts *rows;
    size_t count;
};

/* `above`: bytes of the object's name in front of what is the archive's own. */
void hb_facts_list_add(struct hb_facts_list *list, const struct hb_object *object, size_t above,
                       uid_t owner);
/* Those of an archive of that name of its own; NULL: none. */
struct hb_listed_facts *hb_facts_list_find(const struct hb_facts_list *list, const char *archive);
void hb_facts_list_clear(struct hb_facts_list *list);

/* False: they are none, or cannot be read. */
bool hb_listed_facts_read(const struct hb_store *store, const struct hb_listed_facts *listed,
                          struct hb_facts *facts);
/* What stays of them, a later run sweeps. */
void hb_listed_facts_remove(const struct hb_store *store, const struct hb_listed_facts *listed);

/* Does an object begin as the facts say? */
bool hb_facts_fit(const struct hb_store *store, const char *object, const char *version,
                  const struct hb_facts *facts);

/*
 * Removes those whose archive is not there, and what uploads left behind, a day later: until then
 * it may be that of a run that goes on. `prefix`: of the names of objects.
 */
void hb_facts_list_sweep(const struct hb_facts_list *list, const struct hb_store *store,
                         const char *prefix, const char *home);

#endif
