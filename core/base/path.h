/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text. Nothing here looks at a file system but for the working directory. */
#ifndef HB_PATH_H
#define HB_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* "~" and "~/…" expand to $HOME, else to the passwd entry's. Caller frees. */
char *hb_expand_tilde(const char *path);

/*
 * A path of the configuration, where no shell expands: the same, and "~USER…", "$HOME…" and
 * "${HOME}…", and file: URLs (url.h). What does not expand stays; hb_path_unexpanded() finds it.
 * Caller frees.
 */
char *hb_expand_path(const char *path);
/* Is something left in such a path that is meant to expand, and does not? NULL, or a sentence. */
const char *hb_path_unexpanded(const char *path);

/*
 * The path, behind the working directory unless it is absolute; links stay. Caller frees. NULL, and
 * errno HB_NO_CURRENT: no name leads to the working directory, so that the path has none either.
 */
char *hb_absolute(const char *path);
enum { HB_NO_CURRENT = 127 /* EKEYEXPIRED, which no call about files has for an answer */ };
#define HB_NO_CURRENT_TEXT                                                                         \
    "the current directory cannot be found: it was removed, unmounted or mounted over; "           \
    "go to another one, or name absolute paths"

/* As realpath(3), but the end of it may be missing. Caller frees; NULL: as hb_absolute(). */
char *hb_canonical(const char *path);

/* What follows the last '/'. */
const char *hb_base_name(const char *path);

/* Does the name end with the suffix, with something in front? *stem, where not NULL: how long that
 * is. */
bool hb_has_suffix(const char *name, size_t bytes, const char *suffix, size_t *stem);

/*
 * May the path lie below a home? NULL, or why not. Drops leading "./" first:
 * *skip is the number of bytes.
 */
const char *hb_path_problem(const char *path, size_t maximum_depth, size_t *skip);

/*
 * Writes the path without what means nothing in it, "." and empty components, to where there is
 * room for all of it; not a NUL. Returns the end. ".." stays, and what was absolute no longer is.
 */
char *hb_path_put_meaning(char *to, const char *path);
/* Does it name nothing but the root that it counts from ("", ".", "./", "/")? */
bool hb_path_is_root(const char *path);

#endif
