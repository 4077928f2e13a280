/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory of this machine that is held open, as a store. Objects are its regular files, their
 * names the ones in it; a version is device, inode, size and time of a file.
 *
 * What is put lies in a stage beside it until its commit, which is one rename (files/stage.h). As
 * root, names are given and taken with the rights of the directory's owner. It can do what others
 * cannot: patch, take a name only if nothing or a certain version has it, and decide on the name
 * at the end.
 */
#ifndef HB_LOCAL_H
#define HB_LOCAL_H

#include "files/stage.h"
#include "store/store.h"
#include <sys/stat.h>

enum { HB_VERSION_BYTES = 112 };

struct hb_local {
    struct hb_store store;
    int fd;                  /* of the directory; not ours to be closed */
    struct hb_rights rights; /* to give names and to remove with */
    struct hb_stage *stage;  /* for what is put; NULL: nothing is */
    int error;               /* errno of the last failure */
    const struct stat *seen; /* of what is listed just now; NULL: it cannot be examined: `error` */
};

/* Stays where it is while it is used. */
void hb_local_make(struct hb_run *run, int fd, const struct hb_rights *rights,
                   struct hb_stage *stage, struct hb_local *local);

/* The file that an upload is written to: for reading back, flushing and copying into. */
int hb_local_file(const void *upload);

void hb_local_version(const struct stat *status, char version[HB_VERSION_BYTES]);

/* Has the name that version still? 0, -ESTALE, or -errno. */
int hb_local_still(const struct hb_local *local, const char *name, const char *version);

#endif
