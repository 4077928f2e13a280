/* SPDX-License-Identifier: Apache-2.0 */
/* Who may have put a file there that names code, or is code. */
#ifndef HB_TRUST_H
#define HB_TRUST_H

#include "base/error.h"
#include <stdbool.h>
#include <sys/stat.h>

/*
 * Refuses (HB_STATUS_FATAL) a file that is not owned by root or the caller, that others can write
 * to, or that lies in a directory where others could replace it (a sticky directory is fine).
 * Writable by the group is fine where the group is the caller's private one. Whom the user
 * namespace of this process does not map is nobody's friend, the caller himself included.
 * `allow_sudo_user`: the user in SUDO_UID counts as the caller too, when the caller is root. `what`
 * ("plugin", "configuration") starts the message. `fd` is the open file, `path` its name for the
 * message and the directory.
 */
int hb_trust_check(int fd, const char *path, const char *what, bool allow_sudo_user,
                   struct hb_error *error);

#endif
