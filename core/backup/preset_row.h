/* SPDX-License-Identifier: Apache-2.0 */
/* One archive of a preset, asked itself: what its trailer says of it. Of preset_archives.c alone.
 */
#ifndef HB_PRESET_ROW_H
#define HB_PRESET_ROW_H

#include "archive/archive.h"
#include "archive/facts.h"
#include "backup/retention.h"
#include "files/home_id.h"
#include <sys/stat.h>

struct hb_preset_archive {
    struct hb_kept kept; /* whose and complete: so far; complete may be HB_NOT_ASKED */
    char *version;       /* as it was listed; NULL: it cannot be examined */
    struct stat status;  /* the same, of a file; of an object in a store size and time, as ours */
    bool by_facts;       /* the archive itself was not asked */
    bool no_archive;     /* no format takes it for one of its own */
    bool shut;           /* it is sealed, and nothing that is configured here opens it */
    bool gone;           /* since it was listed */
    char *damage;        /* it was read and refused: why; or NULL */
    bool facts_fit;      /* those beside it may be its own */
    bool sealed_here;    /* and this installation has sealed them */
    bool other_installation; /* has sealed those that stand beside it */
    struct hb_facts facts;
    bool unproved; /* it is sealed, and nothing in it shows that this installation has made it */
    bool accepted; /* it is marked as shrunk, and that is as it should be: accepted.h */
    bool has_origin;
    struct hb_origin origin;
    json_t *reasons; /* why it is incomplete, as its trailer has them; NULL: it was not asked */
    int64_t
        listed_time; /* nanoseconds since 1970: its place in a list of several homes, by_time.h */
    /* Where no home says which archives are its own (look.h): the path that it notes. */
    enum hb_noted_path { HB_PATH_NOT_ASKED, HB_PATH_SAME, HB_PATH_OTHER } noted;
};

/* Whose it is, and when it was made; row->version is known, and why is NULL. */
void hb_row_read(struct hb_run *run, const struct hb_home_id *id, const char *path,
                 struct hb_preset_archive *row);

/*
 * Opens it and reads its trailer, or `all` that lists its content; *status is what that came to.
 * False: it tells nothing now, and row->kept.why says why. The file may have been replaced since it
 * was looked at.
 */
bool hb_row_look_into(struct hb_run *run, const char *path, bool all, struct hb_archive *archive,
                      int *status, struct hb_preset_archive *row);

/* What it says of having shrunk: kept.shrunk, unless it was accepted. Its origin is known. */
void hb_row_mark(struct hb_preset_archive *row, enum hb_shrunk shrunk);

/* [{"path":…, "reason":…}]: why it is incomplete, at most a hundred. Caller releases them. */
json_t *hb_row_reasons(const struct hb_trailer *trailer);

/* The reason as it is said of the archive, whose name the sentence begins with. */
void hb_row_cannot_tell(struct hb_preset_archive *row, const char *path, const char *why);

/*
 * May a user have made it who has no say in the home? He can write any id into it, and fill the
 * places of those that are kept. Whoever owns the directory could remove what is in it anyway; on a
 * file system without owners that is who owns the files.
 */
bool hb_row_may_be_a_strangers(const struct hb_run *run, const char *path, const struct stat *file);

void hb_row_clear(struct hb_preset_archive *row);

enum hb_own_archive {
    HB_OWN_NOT,       /* of another home, no archive at all, or unknown */
    HB_OWN_SHUT,      /* unknown, because it is sealed and cannot be opened here */
    HB_OWN_BY_PLACE,  /* it does not say of which home it is, but lies below this one */
    HB_OWN_BY_TRAILER /* it says that it is this home's */
};

/* Is a file of any name an archive of this home? `path`: canonical. */
enum hb_own_archive hb_preset_is_ours(struct hb_run *run, const struct hb_home_id *id,
                                      const char *path);

/* The number of an archive of this home, whatever its name; 0: it has none. */
uint64_t hb_preset_sequence_of(struct hb_run *run, const struct hb_home_id *id, const char *path);

#endif
