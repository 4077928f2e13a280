/* SPDX-License-Identifier: Apache-2.0 */
/* The file of an alias: whether it is new, ours or somebody else's, and how it gets its content. */
#ifndef HERMES_ALIAS_FILE_H
#define HERMES_ALIAS_FILE_H

#include "alias_place.h"

/* "~" and "~/…" become the user's home. Caller frees; NULL: out of memory. */
char *alias_expand(const char *path);

/*
 * Opens the directory; with `make`, it and those above it are made where they are missing, and
 * what killed runs left in it is removed. As root in another user's directories this thread acts as
 * that user until as_owner_end(owner). A descriptor, or -errno.
 */
int alias_open_directory(const char *path, bool make, struct as_owner *owner);

/* Puts the script under alias->name, whole or not at all, and sets status and reason. */
void alias_write(const struct alias_place *place, const char *script, struct alias *alias);

#endif
