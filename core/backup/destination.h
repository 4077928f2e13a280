/* SPDX-License-Identifier: Apache-2.0 */
/* Where an archive goes, and what is there already. */
#ifndef HB_DESTINATION_H
#define HB_DESTINATION_H

#include "files/beneath.h"
#include "files/home_id.h"
#include "host/suffixes.h"
#include "store/store.h"
#include <stdint.h>
#include <stdio.h>

enum { HB_RUN_ID_BYTES = 33 };

struct hb_destination {
    bool stream; /* standard output, a pipe or a device: there is nothing to rename */
    int fd;      /* of a stream that was opened; -1 */
    FILE *log;   /* where it is said that a pipe's reader is waited for; or NULL */
    const struct hb_store *store; /* where `path` is a URL; NULL: a file or a stream */
    char run[HB_RUN_ID_BYTES];    /* of the object that is made there; hexadecimal */
    char home[HB_ID_BYTES];       /* which the archive is of; "" */
    bool is_new;                  /* nothing has that name; else it must not be replaced */
    bool replaces;                /* what has the name in a store may go: the user said so */
    char *version;                /* of what has it now, where it may go; NULL: nothing */
    struct hb_directory place;    /* `directory`, held open once it is prepared */
    char *asked;                  /* `path` before links were followed */
    char *path;                   /* absolute, links resolved; "-" for standard output */
    char *directory;              /* of `path`; NULL for a stream */
    char *name;                   /* in it */
    bool unique;    /* the name is ours, not the user's: another archive of that name stays */
    bool only_this; /* whatever else than `replaced` comes to have the name stays as well */
    struct stat replaced;
    char *kept;      /* what has the name that was asked for, where this archive got another */
    uint64_t number; /* that the name ends with, in front of its suffix; 0: none */
    bool exists;
    struct stat status; /* if it exists */
    unsigned made;      /* so many directories at the end of `directory` are new */
};

#define HB_DESTINATION_NONE                                                                        \
    {                                                                                              \
        .fd = -1, .place = HB_DIRECTORY_NONE                                                       \
    }

/*
 * Where `path` leads: "~" expanded, an existing directory gets `default_name` in it, a name without
 * one of the suffixes gets the first (any case counts), links are followed.
 * Nothing is made; hb_destination_prepare makes the missing directories.
 */
int hb_destination_find(const char *path, const char *default_name,
                        const struct hb_suffixes *suffixes, struct hb_destination *destination,
                        struct hb_error *error);

/*
 * The same in a store: finds it, where the path was a URL (else nothing happens). HB_OK, or
 * HB_STATUS_FATAL: there is no such store, or something has the name that the user gave, which may
 * go only where destination->replaces says so.
 */
int hb_destination_find_store(struct hb_run *run, struct hb_destination *destination,
                              struct hb_error *error);

/*
 * Makes and opens its directory, or opens the stream. As root, links are followed as the owners of
 * the directories that they lie in could follow them, so that the path may lead to another place
 * than hb_destination_find saw.
 */
int hb_destination_prepare(struct hb_destination *destination, struct hb_error *error);

/* No archive came to lie there: removes the directories that were made for it, if they are empty.
 */
void hb_destination_undo(const struct hb_destination *destination);

/*
 * Is its directory still where it was? 0; 1: it was renamed, and the paths are those of now; or
 * -errno: it is gone, or nobody can tell where it is.
 */
int hb_destination_locate(struct hb_destination *destination);

void hb_destination_clear(struct hb_destination *destination);

#endif
