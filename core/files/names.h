/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a name as the directory lists it. Some file systems take two names for one: those that
 * differ in case, in how a letter with an accent is composed, in a dot at the end, or by an old
 * short name. They answer to each of them; only the listing of the directory says which it is.
 */
#ifndef HB_NAMES_H
#define HB_NAMES_H

#include "files/listing.h"
#include <sys/stat.h>

/* The listing of the directory that was asked about last. */
struct hb_names {
    bool known;
    struct stat directory;
    struct hb_listing listing;
};

/*
 * Something is there under that name. 0: and it is called so; 1: it is not: *real is what it is
 * called, or NULL where that is unknown (caller frees); -errno. Where the file system keeps
 * names apart that costs one look-up as a rule. `directory_fd` may be one that only names it.
 */
int hb_name_real(struct hb_names *names, int directory_fd, const char *name, char **real);
void hb_names_clear(struct hb_names *names);

/* Of a directory of ours, where a file can be made for a moment: are names that differ in case, or
 * in how they are composed, one? */
bool hb_names_are_folded(int directory_fd);

#endif
