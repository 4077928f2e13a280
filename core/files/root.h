/* SPDX-License-Identifier: Apache-2.0 */
/* A directory that is held open, and below which paths lie (beneath.h). */
#ifndef HB_ROOT_H
#define HB_ROOT_H

#include "files/rights.h"
#include <stdbool.h>

struct hb_grafts;

/*
 * A directory held open. As root, what is done below it is done with the rights of the directory
 * that it is done in (rights.h).
 */
struct hb_root {
    int fd;
    char *path; /* absolute and canonical when it was opened; NULL: not open */
    struct hb_rights rights;
    bool led;           /* as in struct hb_directory: those rights hold for all below, too */
    bool read_as_root;  /* hb_beneath_open() has root's rights all the way */
    bool only_of_owner; /* nobody but its owner could change what lies on the way to a name */
    bool avoids;        /* never enters the directory of those numbers */
    dev_t avoided_device;
    ino_t avoided_inode;
    const struct hb_grafts *grafts; /* what else lies below it, see grafts.h; NULL: nothing. Whoever
                                       sets it keeps it for as long as the root */
};

void hb_root_close(struct hb_root *root);

/* The rights for reading files that lie in the directory itself. */
struct hb_rights hb_root_reading(const struct hb_root *root);

#endif
