/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database and the files beside it, in a directory that is held open. Whatever is done to them
 * is done beneath that directory, with its owner's rights; see held.c.
 */
#ifndef HELD_H
#define HELD_H

#include "files/as_owner.h"

#include <hbcore/host.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

enum side { SIDE_MAIN, SIDE_WAL, SIDE_SHM, SIDE_JOURNAL, SIDES };

extern const char *const side_suffixes[SIDES]; /* "", "-wal", "-shm", "-journal" */

enum { HELD_NAME_BYTES = NAME_MAX + 16, HELD_PATH_BYTES = HELD_NAME_BYTES + 32 };

struct held {
    int directory_fd;
    int pin; /* O_PATH, the database: keeps its inode from being used again; drops no lock */
    struct stat status;         /* of the database, when it was pinned */
    char name[NAME_MAX + 1];    /* in the directory */
    bool by_descriptor;         /* there is a /proc that leads to what a descriptor holds */
    char path[HELD_PATH_BYTES]; /* for SQLite; empty where it must not open it */
    /* Why a file beside it was not opened last, in words; empty: nothing was wrong with one. */
    char refusal[224];
    bool with_own_rights; /* it is only read, and with root's: the directory's owner may not */
    struct held *next;    /* held_vfs.c's */
};

/*
 * Pins the database of that name. 0 or -errno: ENOENT; ENOTSUP: it is not a regular file. The
 * directory is held by a descriptor of its own. held_close() in any case.
 */
int held_open(struct held *held, int directory_fd, const char *name);
/* The same for one that is not replaced or written to where it is; takes the descriptor over. */
int held_open_to_read(struct held *held, int directory_fd, const char *name);
/* The same for a file in our staging directory, which its path has to lead to. */
int held_open_staged(struct held *held, const struct hb_file *file);
/*
 * as_owner_begin() for whose the stage is: a root without CAP_DAC_OVERRIDE cannot open by name what
 * is a user's alone. Nothing changes where his rights cannot be taken on. (The file may be another
 * user's already, who cannot get into the stage.)
 */
void held_begin_staged(const struct held *staged, struct as_owner *owner);
void held_close(struct held *held);

/* The mode that SQLite is to take the database's for, by which it makes the files beside it. */
mode_t held_mode_of_sides(const struct held *held, mode_t mode);

/*
 * From now on a database that is only read, and a side file of it, are read with our own rights if
 * the owner of the directory may not read one of them. For [home] read-as = root. What SQLite would
 * do beside reading it is refused to it; see held.c.
 */
void held_read_as_root(struct held *held);

/*
 * as_owner_begin() for the directory; false: `refusal`. held_begin_reading() does not for what is
 * read with our own rights.
 */
bool held_begin(struct held *held, struct as_owner *owner);
bool held_begin_reading(struct held *held, struct as_owner *owner);

/* Does the name still lead to the pinned file? */
bool held_is_here(const struct held *held);

/* The name of a side file in the directory. */
void held_side_name(const char *name, enum side side, char out[HELD_NAME_BYTES]);

/*
 * May SQLite open what lies beside it? Each is not there, or a regular file with one link, which
 * belongs to the owner of the database where we are root. False: `refusal`.
 */
bool held_sides_are_fit(struct held *held);

/*
 * Opens the database (the pinned one, or ESTALE) or a side file that is fit to be opened (else
 * EPERM and `refusal`), without blocking. With O_CREAT a side file that is missing is made, for the
 * owner of the database. Flags and mode as for open(2); a descriptor or -errno. held_open_side()
 * takes on the rights of held_begin_reading(), held_open_side_here() leaves them as they are.
 */
int held_open_side(struct held *held, enum side side, int flags);
int held_open_side_here(struct held *held, enum side side, int flags, mode_t mode);

/* Permission bits of the database or of a side file; -errno, ENOENT above all. */
int held_mode(const struct held *held, enum side side);
/* Sets them on what is fit to be opened. 0 or -errno. */
int held_set_mode(struct held *held, enum side side, mode_t mode);

/* Removes the side files of a staged copy. */
void held_remove_sides(struct held *held);

#endif
