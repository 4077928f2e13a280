/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key of this installation: 32 random bytes in a file that nobody else can read, in the user's
 * directory for state. What was sealed with it was made here. It lies outside of the archives and
 * is never part of one; lost, it costs one backup in which everything is read anew.
 *
 *   $XDG_STATE_HOME/hbcore/reuse.key, else ~/.local/state/hbcore/, for root /var/lib/hbcore/
 *
 * One that others can read or could have put there proves nothing, and is not used. Root uses none
 * in a directory of another user's, nor makes one there, whatever XDG_STATE_HOME says.
 */
#ifndef HB_STATE_KEY_H
#define HB_STATE_KEY_H

#include <stdbool.h>
#include <stdint.h>

enum { HB_KEY_BYTES = 32 };

/* What find keeps beside it (history/history.h). */
#define HB_HISTORY_NAME "find.history"

struct hb_state_key {
    unsigned char key[HB_KEY_BYTES];
    bool known;
    bool made;              /* just now: nothing that is older was sealed with it */
    bool exists;            /* a file of that name, whatever is in it */
    uint64_t device, inode; /* of that file */
    char *path;
    char *why; /* it is not known; or NULL: there is none, and none was to be made */
};

/* The directory that it lies in, whether it exists or not. Caller frees; NULL: none can be told. */
char *hb_state_directory(void);

/* The same, open, if nobody else can write to it; with `make` it is made where it is missing. A
 * descriptor, or -1: *why says it, or is NULL: there is none. Caller frees. */
int hb_state_directory_open(bool make, char **why);

/*
 * Does the path below `root` lead to where a user's key lies, or lay while it was made:
 * …/hbcore/reuse.key? Any user's, who can say where with XDG_STATE_HOME.
 */
bool hb_state_is_on_way(const char *path); /* is one of its names that of our own directories? */
bool hb_state_key_is_at(const char *root, const char *path);
/* The same of …/hbcore/find.history, and of what its library puts beside it. */
bool hb_state_history_is_at(const char *root, const char *path);

/* With `make` it is made where it is missing. hb_state_key_clear in any case. */
void hb_state_key_find(bool make, struct hb_state_key *key);
void hb_state_key_clear(struct hb_state_key *key);

#endif
