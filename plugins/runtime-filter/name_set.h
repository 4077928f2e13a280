/* SPDX-License-Identifier: Apache-2.0 */
/* A set of names from an option, looked up without allocating and without a terminator. */
#ifndef NAME_SET_H
#define NAME_SET_H

#include <stdbool.h>
#include <stddef.h>

struct name {
    const char *text; /* not owned; bytes long, not terminated */
    size_t bytes;
};

struct name_set {
    struct name *names; /* sorted */
    size_t count;
};

/* The texts stay the caller's and must outlive the set. False: out of memory. */
bool name_set_init(struct name_set *set, const char *const *texts, size_t count);
void name_set_free(struct name_set *set);
bool name_set_has(const struct name_set *set, const char *text, size_t bytes);

#endif
