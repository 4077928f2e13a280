/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of a list that the user wrote, and of what lies below those. They begin in the home, and
 * links are followed, out of the home, too: the list is the user's own. As root, each as far as the
 * owner of the directory that it lies in could follow it, and read with the rights of its
 * directory's owner (rights.h), unless [home] read-as says root.
 */
#ifndef HB_LISTED_H
#define HB_LISTED_H

#include "files/beneath.h"

/* What it is; with HB_KEEP_LAST in `flags` it may be a link. 0 or -errno. */
int hb_listed_look(const struct hb_root *home, const char *path, unsigned flags,
                   struct stat *status);
/* Opens it for reading, with more flags of open(2). A descriptor or -errno. */
int hb_listed_open(const struct hb_root *home, const char *path, int flags);
/* The same of a directory. */
int hb_listed_open_directory(const struct hb_root *home, const char *path);

#endif
