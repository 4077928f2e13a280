/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array, searched by halves. */
#include "name_set.h"

#include <stdlib.h>
#include <string.h>

/* By length first: most comparisons end there. */
static int compare(const void *left, const void *right)
{
    const struct name *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? -1 : 1;
    return memcmp(a->text, b->text, a->bytes);
}

bool name_set_init(struct name_set *set, const char *const *texts, size_t count)
{
    *set = (struct name_set){0};
    if (count == 0)
        return true;
    set->names = calloc(count, sizeof *set->names);
    if (set->names == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        set->names[i] = (struct name){texts[i], strlen(texts[i])};
    set->count = count;
    qsort(set->names, count, sizeof *set->names, compare);
    return true;
}

void name_set_free(struct name_set *set)
{
    free(set->names);
    *set = (struct name_set){0};
}

bool name_set_has(const struct name_set *set, const char *text, size_t bytes)
{
    const struct name key = {text, bytes};
    if (set->count == 0)
        return false;
    return bsearch(&key, set->names, set->count, sizeof key, compare) != NULL;
}
