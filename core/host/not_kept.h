/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What files have that no archive holds, or not one of this format. A backup counts it, and tells
 * once.
 * Extended attributes and access lists are looked for in files that are open to be read: a call
 * more for each of those, and none for the others, for a call a file is much where nothing is read.
 */
#ifndef HB_NOT_KEPT_H
#define HB_NOT_KEPT_H

#include <hbcore/format.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>

/* Of a path in an archive of any format; a directory's counts one more. */
enum { HB_LONGEST_KEPT_PATH = 65535 };

struct hb_not_kept {
    struct hb_keeps keeps; /* what the format keeps */
    uid_t user;            /* of the home */
    gid_t group;
    uint64_t times;      /* entries with a time that the format cannot hold exactly */
    uint64_t owners;     /* entries of another user or group than the home's */
    uint64_t hard_links; /* files with several names: each is stored as a file of its own */
    atomic_uint_fast64_t attributes;   /* files that were read, with extended attributes */
    atomic_uint_fast64_t access_lists; /* the same, with a list (ACL) */
};

/* A walk begins in this home; an entry of it is stored. One thread. */
void hb_not_kept_begin(struct hb_not_kept *not_kept, const struct hb_keeps *keeps,
                       const struct stat *home);
void hb_not_kept_entry(struct hb_not_kept *not_kept, const struct stat *status);
/* A file that is open to be read. Any thread. */
void hb_not_kept_open(struct hb_not_kept *not_kept, int fd);

/* "extended attributes of 3 files, …"; NULL: there is nothing to tell. Caller frees. */
char *hb_not_kept_text(const struct hb_not_kept *not_kept);

#endif
