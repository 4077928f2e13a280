/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for secrets: it is not swapped out where the limit of the process allows (RLIMIT_MEMLOCK),
 * lies between pages that nobody may touch, is in no core file, and is wiped when it is freed.
 */
#ifndef AGE_LOCKED_H
#define AGE_LOCKED_H

#include <stddef.h>

struct locked {
    unsigned char *data; /* NULL: none */
    size_t bytes;
};

/* `data` NULL: there is no memory. Filled with zeros. */
struct locked locked_new(size_t bytes);
void locked_free(struct locked *locked);

#define AUTO_LOCKED __attribute__((cleanup(locked_free))) struct locked

/* A secret on the stack, wiped when it goes. */
struct stack_key {
    unsigned char bytes[32];
};
void stack_key_wipe(struct stack_key *key);
#define AUTO_KEY __attribute__((cleanup(stack_key_wipe))) struct stack_key

#endif
