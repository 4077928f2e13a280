/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other directories that lie below a root under a name, as if they were mounted there: the further
 * roots of a home. "_external/.tool/x" is ".tool/x" in the directory that is grafted at
 * "_external". Every path goes this way (beneath.c), so that nobody else has to know of it but who
 * lists a directory, or opens something by its full name.
 *
 * Each is held by its own descriptor, and worked on with its own owner's rights. Nothing that is
 * reached through one lies outside of it, nor in the root that it is grafted to: a login directory
 * has the home in it, whose files have one name alone.
 */
#ifndef HB_GRAFTS_H
#define HB_GRAFTS_H

#include "files/root.h"

struct hb_graft {
    char *name;          /* one component */
    struct hb_root root; /* fd -1: nothing is reached through it, and `why` says why */
    char *why;
    char *inner;         /* where the root that it is grafted to lies in it; NULL: outside */
    char **paths;        /* what a backup looks at in it; ended by NULL */
    const char *section; /* of the configuration, which names it */
    bool missed;         /* what it has to be stored is missed while it is not reached */
    bool used;           /* by the import that is under way */
};

struct hb_grafts {
    struct hb_graft *rows;
    size_t count;
};

void hb_grafts_clear(struct hb_grafts *grafts);

/* The one through which a path below the root goes; NULL: none. *rest: what of the path is in it,
 * "": it is its name itself. */
const struct hb_graft *hb_graft_of(const struct hb_root *root, const char *path, const char **rest);

/* The root that the path lies below, which may be this one; *path becomes the path below that. */
const struct hb_root *hb_graft_root(const struct hb_root *root, const char **path);

/* Is it where the root lies to which this is grafted, or in there? `path`: as *rest. */
bool hb_graft_is_inner(const struct hb_graft *graft, const char *path);

/* Does a backup store this path in it: one of its paths, or below such a one? */
bool hb_graft_has(const struct hb_graft *graft, const char *path);

/* Is it one of its paths, or on the way to one? */
bool hb_graft_names(const struct hb_graft *graft, const char *path);

/* Is any of its paths there, or may it be? */
bool hb_graft_is_filled(const struct hb_graft *graft);

/* The full name of a path below a root, for messages and for libraries that open by name. Caller
 * frees. */
char *hb_full_path(const struct hb_root *root, const char *path);

/* The path below the root that leads to a full, canonical name; NULL: it lies elsewhere. "": it is
 * the root itself. Caller frees. */
char *hb_path_below(const struct hb_root *root, const char *full);

#endif
