/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aliases: small scripts, one for each profile, in a directory of the user's PATH. That directory
 * lies outside the home; nothing there is touched but files that carry our mark.
 */
#ifndef HERMES_ALIAS_H
#define HERMES_ALIAS_H

#include "hermes.h"

enum { ALIAS_NAME_BYTES = 64, ALIAS_REASON_BYTES = 512 };

enum alias_status {
    ALIAS_MADE,      /* or rewritten */
    ALIAS_UNCHANGED, /* it was there, word for word */
    ALIAS_SKIPPED
};

struct alias {
    char name[ALIAS_NAME_BYTES + 1]; /* the profile's, lower-cased; "" if it makes no valid one */
    enum alias_status status;
    char reason[ALIAS_REASON_BYTES]; /* of a skipped one */
};

/* Where aliases go, and what they start. */
struct alias_place {
    const struct hermes *hermes;
    const char *search;               /* $PATH */
    char *directory;                  /* absolute */
    int directory_fd;                 /* -1: not there */
    bool in_path;                     /* is it one of those in PATH? */
    char *program;                    /* found in PATH, or just its name */
    char *mark;                       /* in every alias, and nobody else's file */
    bool dry_run;                     /* nothing is made */
    bool tried;                       /* to make the directory */
    char problem[ALIAS_REASON_BYTES]; /* why it could not be opened; "" */
};

/* HB_OK, or HB_FATAL after host->fail(). alias_place_clear() in any case. */
int alias_place_open(const struct hermes *hermes, bool dry_run, struct alias_place *place);
void alias_place_clear(struct alias_place *place);

/* Makes the alias of a profile, or says in it why not. */
void alias_make(struct alias_place *place, const char *profile, struct alias *alias);

/* The script's text; NULL when memory is out. Caller frees. */
char *alias_script(const struct alias_place *place, const char *name);

/* Lower-cases a profile's name into `alias`; false, with the reason, if it makes no alias. */
bool alias_name(const struct hermes *hermes, const char *profile, struct alias *alias);

/* An executable file in an absolute directory of `search`, the first one; NULL. Caller frees. */
char *alias_find_program(const char *search, const char *name);

#endif
