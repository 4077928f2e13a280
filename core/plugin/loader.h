/* SPDX-License-Identifier: Apache-2.0 */
/* Finds, checks and loads plugins. Knows no configuration. Main thread. */
#ifndef HB_LOADER_H
#define HB_LOADER_H

#include "base/error.h"
#include <hbcore/plugin.h>
#include <stdbool.h>

struct hb_loader;

/* A plugin file that was loaded and whose descriptor holds. */
struct hb_library {
    const struct hb_plugin *plugin;
    char *path; /* absolute */
};

/*
 * `directories` (absolute, ended by NULL; may be NULL) are searched in order, then the installed
 * directory: ../<libdir>/hbcore/plugins beside the program, else the one fixed at build time.
 */
struct hb_loader *hb_loader_new(const char *const *directories);
void hb_loader_free(struct hb_loader *loader); /* forgets; libraries stay mapped */

/*
 * Loads the plugin `name` of `kind` (0: any): NAME.so in the first directory that has it; a name
 * with '/' is a file. Errors name the file, the reason and what to do: not found (with the
 * directories looked in and the nearest name that is there), refused for its owner or mode, missing
 * library, missing symbol, wrong ABI, missing callback, wrong kind. The same file is loaded once.
 */
int hb_loader_find(struct hb_loader *loader, enum hb_kind kind, const char *name,
                   const struct hb_library **library, struct hb_error *error);

/*
 * Loads one file in a child first, so that hb_loader_open() refuses it if the child does not
 * outlive that. hb_loader_each() does so by itself with what did not come with the program.
 */
void hb_loader_try(struct hb_loader *loader, const char *path);

/* Loads and checks one file. `hbcore plugins check`. */
int hb_loader_open(struct hb_loader *loader, const char *path, const struct hb_library **library,
                   struct hb_error *error);

/*
 * The path of another file of that name, in a directory that is searched later: the library is
 * used in its place. NULL: there is none. Caller frees.
 */
char *hb_loader_shadowed(const struct hb_loader *loader, const struct hb_library *library);

/*
 * Every *.so on the search path, by name, the first of a name only. `each` gets the library, or
 * NULL and why it cannot be used. Stops and returns what `each` returns when that is not 0.
 * `kind`: what says that it is of another kind is left out, and not loaded; 0: nothing is. Others
 * may still come, from those that do not say.
 */
int hb_loader_each(struct hb_loader *loader, enum hb_kind kind,
                   int (*each)(void *context, const char *path, const struct hb_library *library,
                               const struct hb_error *error),
                   void *context);

#endif
