/* SPDX-License-Identifier: Apache-2.0 */
/* An alias, and the place where aliases go. */
#ifndef HERMES_ALIAS_PLACE_H
#define HERMES_ALIAS_PLACE_H

#include "files/as_owner.h"
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
    struct as_owner owner;            /* whom root acts as while it is open */
    bool in_path;                     /* is it one of those in PATH? */
    char *program;                    /* found in PATH, or just its name */
    char *mark;                       /* in every alias, and nobody else's file */
    bool dry_run;                     /* nothing is made */
    bool tried;                       /* to make the directory */
    char problem[ALIAS_REASON_BYTES]; /* why it could not be opened; "" */
};

#endif
