/* SPDX-License-Identifier: Apache-2.0 */
/* Directories that say of themselves that they are caches. */
#ifndef CACHES_H
#define CACHES_H

#include <hbcore/filter.h>
#include <stdbool.h>

struct caches {
    const struct hb_host *host; /* NULL: nobody asked for them */
    char *inside;               /* the one that is being walked, or NULL */
};

/* The walk begins or ends with a directory: as dir_enter() and dir_leave() of filter.h. */
int caches_enter(struct caches *caches, const char *path);
void caches_leave(struct caches *caches, const char *path);

/* Does the entry lie in one, and is it not its tag? */
bool caches_have(const struct caches *caches, const struct hb_entry *entry);

void caches_clear(struct caches *caches);

#endif
