/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What in the home is this program's own, and not the user's: archives of presets whose directory
 * lies in it, snapshots, the file that tells which home it is, the key of this installation. A
 * backup leaves it out, but for snapshots, which are the filters' business. An import never writes
 * there: an archive that somebody else made could otherwise bring snapshots that we would restore,
 * archives that we would count, or another home's id.
 *
 * Paths are those below the home with all links resolved; who writes asks about such a one.
 */
#ifndef HB_OWN_PLACES_H
#define HB_OWN_PLACES_H

#include "host/archive_name.h"
#include "host/run.h"

/* Where a preset, or [backup], puts its archives. */
struct hb_own_directory {
    char *path; /* below the home; "": the home itself */
    char *prefix;
};

struct hb_own_places {
    struct hb_own_directory *directories;
    size_t count;
    char **suffixes;                /* of all archives, see suffixes.h; ended by NULL */
    char *home;                     /* canonical */
    const struct hb_grafts *grafts; /* the run's */
    char *snapshots;                /* below the home */
    char *state;                    /* the directory of the key; NULL: it lies elsewhere */
};

/* Finds them, once a run, before other threads ask. `home`: absolute; it may be missing. */
const struct hb_own_places *hb_own_places_of(struct hb_run *run, const char *home);

/* The suffixes of all archives, ended by NULL; the home of the run is open. */
const char *const *hb_own_suffixes(struct hb_run *run);

/* Does DIRECTORY/NAME look like an archive that a preset would count? `directory_bytes`: the length
 * of DIRECTORY. */
bool hb_own_archive(const struct hb_own_places *own, const char *path, size_t directory_bytes);

/*
 * May something be written there? NULL, or why not. A link may not even lie on the way: it would
 * say where all that is. `own` NULL: everything may.
 */
const char *hb_own_problem(const struct hb_own_places *own, const char *path, bool is_link);

/*
 * Does it lie below the directory of this home's snapshots? A backup stores what is there where no
 * filter leaves it out, so that whoever imports it is told of no problem; written it is never.
 */
bool hb_own_snapshot(const struct hb_own_places *own, const char *path);

/* Is one of them at the path, below it or above it? */
bool hb_own_touches(const struct hb_own_places *own, const char *path);

/*
 * The directory of archives that [backup] or a [preset:…] names, behind `home` where that is meant.
 * Caller frees. NULL, of [backup] alone: as hb_absolute().
 */
char *hb_own_directory_path(const struct hb_section *preset, const char *directory,
                            const char *home);

#endif
