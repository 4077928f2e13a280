/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aliases: small scripts, one for each profile, in a directory of the user's PATH. That directory
 * lies outside the home; nothing there is touched but files that carry our mark.
 */
#ifndef HERMES_ALIAS_H
#define HERMES_ALIAS_H

#include "alias_place.h"

/* HB_OK, or HB_STATUS_FATAL after host->fail(). alias_place_clear() in any case. */
int alias_place_open(const struct hermes *hermes, bool dry_run, struct alias_place *place);
void alias_place_clear(struct alias_place *place);

/* Makes the alias of a profile, or says in it why not. */
void alias_make(struct alias_place *place, const char *profile, struct alias *alias);

/* The script's text; NULL: out of memory. Caller frees. */
char *alias_script(const struct alias_place *place, const char *name);

/* Lower-cases a profile's name into `alias`; false, with the reason, if it makes no alias. */
bool alias_name(const struct hermes *hermes, const char *profile, struct alias *alias);

/* An executable file in an absolute directory of `search`, the first one; NULL. Caller frees. */
char *alias_find_program(const char *search, const char *name);

#endif
