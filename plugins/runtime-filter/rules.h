/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of one section, and what they say of an entry. */
#ifndef RULES_H
#define RULES_H

#include "caches.h"
#include "globs.h"
#include "name_set.h"

#include <hbcore/filter.h>

struct rules {
    const struct hb_host *host;
    struct name_set directories;
    struct name_set root_names;
    struct name_set names;
    struct name_set private_names;
    const struct hb_value *suffixes;
    struct globs globs;
    struct globs only;            /* of what is in the same directory */
    struct hb_patterns *patterns; /* the host's; NULL: none */
    struct hb_patterns *private_patterns;
    struct caches caches;
    uint64_t larger_than; /* 0: no limit */
    const char *larger_than_text;
    const char *reason;
    bool missed; /* what the rules match makes the result incomplete */
    uint32_t private_mode;
    char *scratch; /* a path cut at a component; verdict() runs one at a time */
    size_t scratch_bytes;
};

/* `self` is a struct rules. */
int rules_verdict(void *self, int direction, const struct hb_entry *entry,
                  struct hb_verdict *verdict);

#endif
