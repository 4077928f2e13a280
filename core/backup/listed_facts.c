/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/listed_facts.h"

#include "base/memory.h"
#include "host/archive_name.h"
#include <stdlib.h>
#include <string.h>

void hb_facts_list_add(struct hb_facts_list *list, const struct hb_object *object, size_t above)
{
    list->rows = hb_resize(list->rows, list->count + 1, sizeof *list->rows);
    list->rows[list->count++] = (struct hb_listed_facts){
        .object = hb_copy_text(object->name),
        .above = above,
        .version = hb_copy_text(object->version),
        .written = object->written,
    };
}

static const char *own_name(const struct hb_listed_facts *listed)
{
    return listed->object + listed->above;
}

static int compare_names(const void *one, const void *other)
{
    return strcmp(own_name(one), own_name(other));
}

void hb_facts_list_sort(struct hb_facts_list *list)
{
    if (list->count > 0)
        qsort(list->rows, list->count, sizeof *list->rows, compare_names);
}

struct hb_listed_facts *hb_facts_list_find(const struct hb_facts_list *list, const char *archive)
{
    HB_AUTO_FREE char *name = hb_text("%s%s", archive, HB_FACTS_SUFFIX);
    struct hb_listed_facts wanted = {.object = name};
    return list->count == 0
               ? NULL
               : bsearch(&wanted, list->rows, list->count, sizeof *list->rows, compare_names);
}

void hb_facts_list_clear(struct hb_facts_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->rows[i].object);
        free(list->rows[i].version);
    }
    free(list->rows);
    *list = (struct hb_facts_list){.rows = NULL};
}

/* An installation that has a key, but cannot read it, cannot tell. */
static enum hb_facts_seal seal_of(const void *text, size_t bytes, const char *archive,
                                  const struct hb_state_key *key)
{
    if (!hb_facts_have_seal(text, bytes) || (!key->known && key->exists))
        return HB_FACTS_NOT_SEALED;
    return key->known && hb_facts_are_sealed(text, bytes, archive, key->key)
               ? HB_FACTS_SEALED_HERE
               : HB_FACTS_SEALED_ELSEWHERE;
}

bool hb_listed_facts_read(const struct hb_store *store, const struct hb_listed_facts *listed,
                          const struct hb_state_key *key, struct hb_facts *facts,
                          enum hb_facts_seal *seal)
{
    struct hb_opened opened;
    unsigned char text[HB_FACTS_MOST + 1];
    if (hb_store_open_name(store, listed->object, listed->version, &opened) != HB_OK)
        return false;
    int64_t got = hb_opened_read_at(&opened, text, sizeof text, 0);
    hb_opened_close(&opened);
    if (got <= 0 || !hb_facts_parse(text, (size_t)got, facts))
        return false;
    HB_AUTO_FREE char *archive =
        store->instance == NULL
            ? hb_copy_text("") /* there it may be renamed */
            : hb_copy_bytes(own_name(listed), strlen(own_name(listed)) - strlen(HB_FACTS_SUFFIX));
    *seal = seal_of(text, (size_t)got, archive, key);
    return true;
}

void hb_listed_facts_remove(const struct hb_store *store, const struct hb_listed_facts *listed)
{
    hb_store_remove(store, listed->object, listed->version);
}
