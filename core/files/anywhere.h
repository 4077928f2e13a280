/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths that begin anywhere, links followed. As root, each link as far as the owner of the
 * directory that it lies in could follow it, and what is reached by it with his rights (rights.h).
 */
#ifndef HB_ANYWHERE_H
#define HB_ANYWHERE_H

#include "files/beneath.h"

/* A directory, for reading. With `make` what is missing is made, 0777 less the umask. 0 or -errno.
 */
int hb_directory_open(const char *path, bool make, struct hb_directory *directory);

/* A place by an absolute path; as hb_beneath_resolve. */
int hb_resolve(const char *path, unsigned flags, struct hb_place *place);

/*
 * Opens a file for reading: where a link of another user's leads there, with his rights, else with
 * our own. `flags`: 0, or O_NONBLOCK where a FIFO of that name is not to be waited for. A
 * descriptor or -errno.
 */
int hb_open_followed(const char *path, int flags);

/* Holds a directory. 0, or -errno, explained by hb_rights_explain(). */
int hb_root_open(const char *path, struct hb_root *root);
/* The same directory once more. 0 or -errno. */
int hb_root_copy(const struct hb_root *from, struct hb_root *root);
/* A directory that is open becomes one; takes the descriptor over. 0 or -errno. */
int hb_root_take(const struct hb_directory *directory, const char *path, struct hb_root *root);

/* A name that leads to an open file or directory now. Caller frees; NULL: that is unknown. */
char *hb_path_of(int fd);

#endif
