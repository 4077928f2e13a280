/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which home this is. Several homes may put their archives into one directory, with one
 * configuration; each removes its own old ones and copies from its own alone. A path does not tell
 * them apart: homes are copied, moved, mounted elsewhere, and every container calls its own the
 * same.
 *
 * So a home has an id: 128 random bits in a file in it. The id would go with a copy of the home
 * (cp -a, a clone), and two homes would have one id; so the file says for which place it holds:
 * inode and birth time of the home's directory, its path, and the machine. It holds if
 *
 *   inode and birth time are those of the home      it was moved, or lies on a disk that was; or
 *   path and machine are those of the home          it was restored to its place, file by file.
 *
 * Else the home gets a new id, and a note names the old one: two ids for one home cost an archive
 * more that is kept, one id for two homes costs archives. What is missing (a file system without
 * birth times, a container without machine id) never holds.
 *
 * One directory may be reached at two mounts, or from two machines, where inode and birth time are
 * not the same at each. Then each of these places has an id of its own, so that each removes its
 * own archives: the file lists the earlier ids with their places, see home_places.h.
 *
 * The file is the home's owner's, 0600: who knows an id could claim the archives that bear it. It
 * is written under the home's lock, as a whole. Where it cannot be written (a read-only home) or
 * read, or something else bears its name, the home is known by a hash of its place. That hash stays
 * good later: archives that were made meanwhile are this home's, too.
 *
 * The file is not part of what the home is for: it is never archived, copied or restored.
 */
#ifndef HB_HOME_ID_H
#define HB_HOME_ID_H

#include "files/beneath.h"
#include <jansson.h>
#include <stdbool.h>
#include <sys/stat.h>

#define HB_HOME_ID_NAME ".hbcore-id"

enum { HB_ID_BYTES = 33 /* 32 hexadecimal digits */ };

struct hb_home_id {
    char id[HB_ID_BYTES];       /* as archives that are made now bear it; "": none can be told */
    char by_place[HB_ID_BYTES]; /* the hash, which older ones may bear; or "" */
    bool from_file;             /* the file is there, and is ours to be written */
    bool foreign;               /* something that is not ours bears its name */
    unsigned swept;             /* left-overs of killed runs that writing it removed */
    char *note;                 /* what the user should know, or NULL */
    json_t *adopted;            /* array: files that are this home's, though they do not say so */
    json_t *places;             /* array: where else it is known, by which ids; or NULL */
};

/* Does the file bear this name? */
bool hb_home_id_is_name(const char *name);

/*
 * That of a home that is open. With `make`, which needs the lock, the file is made where it is
 * missing, and made right. There is always an answer; hb_home_id_clear in any case.
 */
void hb_home_id_find(const struct hb_root *home, bool make, struct hb_home_id *id);
void hb_home_id_clear(struct hb_home_id *id);

/* Does an archive that bears `other` belong to this home? */
bool hb_home_id_is(const struct hb_home_id *id, const char *other);

/*
 * Files outside of the home that bear no id, and of which the user said that they are this home's:
 * known by their path, inode, size and time.
 */
bool hb_home_id_has_adopted(const struct hb_home_id *id, const char *path,
                            const struct stat *status);
void hb_home_id_adopt(struct hb_home_id *id, const char *path, const struct stat *status);
/* Forgets what was adopted in the directory itself, not below it, where `is_gone` says so of the
 * name.
 */
void hb_home_id_forget(struct hb_home_id *id, const char *directory,
                       bool (*is_gone)(void *context, const char *name), void *context);
/* Writes what was adopted. 0 or -errno; -ENOENT: there is no file to write it to. */
int hb_home_id_save(const struct hb_root *home, struct hb_home_id *id);

#endif
