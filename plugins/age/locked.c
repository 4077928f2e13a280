/* SPDX-License-Identifier: Apache-2.0 */
#include "locked.h"

#include <sodium.h>
#include <string.h>

struct locked locked_new(size_t bytes)
{
    struct locked locked = {.data = sodium_malloc(bytes > 0 ? bytes : 1), .bytes = bytes};
    if (locked.data == NULL)
        return (struct locked){0};
    memset(locked.data, 0, bytes);
    return locked;
}

void locked_free(struct locked *locked)
{
    sodium_free(locked->data); /* wipes it; NULL is fine */
    *locked = (struct locked){0};
}

void stack_key_wipe(struct stack_key *key)
{
    sodium_memzero(key, sizeof *key);
}
