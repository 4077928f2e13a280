/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archives of a preset that are there: whose they are, in which order they were made, which of
 * them stay.
 *
 * Names alone tell nothing of that. Another home may use the same directory and prefix, a clock may
 * have been set back, somebody may have put a file there. So each file with the name of an archive
 * is opened, and its trailer says (archive/origin.h): the home's id, and a number one above the
 * highest that was there. What does not say whose it is was made by a release before, by another
 * tool, or with SOURCE_DATE_EPOCH: in the home itself it is this home's, elsewhere it is nobody's
 * until the user says so (hb_preset_adopt).
 *
 * Facts beside an archive (archive/facts.h) say all that in one small read, if they are its own and
 * this installation has sealed them; preset_facts.h says what else is made of them. What goes in a
 * directory of this machine, and the one that lets it go, are asked themselves (preset_prune.c).
 */
#ifndef HB_PRESET_ARCHIVES_H
#define HB_PRESET_ARCHIVES_H

#include "archive/origin.h"
#include "backup/listed_facts.h"
#include "backup/preset.h"
#include "backup/retention.h"
#include "files/state_key.h"
#include "host/hooks.h"
#include "store/local.h"

struct hb_preset_archive {
    struct hb_kept kept; /* whose and complete: so far; complete may be HB_NOT_ASKED */
    char *version;       /* as it was listed; NULL: it cannot be examined */
    struct stat status;  /* the same, of a file; of an object in a store size and time, as ours */
    bool by_facts;       /* the archive itself was not asked */
    bool no_archive;     /* no format takes it for one of its own */
    bool gone;           /* since it was listed */
    bool facts_fit;      /* those beside it may be its own */
    bool sealed_here;    /* and this installation has sealed them */
    bool other_installation; /* has sealed those that stand beside it */
    struct hb_facts facts;
    bool has_origin;
    struct hb_origin origin;
};

struct hb_preset_archives {
    char *directory;                /* canonical, where it is there; or a URL */
    int fd;                         /* of a directory that is there; else -1 */
    struct hb_local local;          /* the same as a store */
    const struct hb_store *store;   /* where they are listed and removed; NULL: nothing is there */
    struct hb_preset_archive *rows; /* newest first */
    size_t count;
    struct hb_facts_list facts; /* that stand beside them */
    struct hb_state_key key;    /* that they may be sealed with */
    uint64_t sequence;          /* for one that is made now */
    char stamp[HB_STAMP_BYTES]; /* the latest that a name was made of; "" */
};

/* Whose archives, and which. */
struct hb_preset_query {
    struct hb_run *run;
    const struct hb_home_id *id;
    const char *prefix;
    const char *const *suffixes;     /* of all formats: a preset may have had another one before */
    const char *directory;           /* it may be missing; or a URL */
    const struct hb_directory *held; /* the same, where it is open; or NULL */
};

/*
 * HB_OK; HB_STATUS_CANCELLED; HB_STATUS_FATAL: the directory cannot be listed.
 * hb_preset_archives_clear in any case.
 */
int hb_preset_archives_read(const struct hb_preset_query *query,
                            struct hb_preset_archives *archives, struct hb_error *error);
void hb_preset_archives_clear(struct hb_preset_archives *archives);

/*
 * The path of the newest that is this home's and says so, with one of these suffixes: to take units
 * over from. NULL: none.
 */
char *hb_preset_newest(const struct hb_preset_archives *archives, const char *const *suffixes);

/* Those that nobody claims become this home's; how many. */
size_t hb_preset_adopt(struct hb_preset_archives *archives, struct hb_home_id *id);

/*
 * As hb_prune_rows(). `made`: the name of one that this run has made, or NULL; `complete`: that
 * one.
 */
void hb_preset_prune(const struct hb_preset_query *query, struct hb_preset_archives *archives,
                     uint64_t keep, const char *made, bool complete, bool dry_run);

/* The event of the hooks names those that were removed, or would be. */
void hb_preset_tell_removed(const struct hb_preset_archives *archives, struct hb_hooks *hooks);

/* The name of an object there. Caller frees. */
char *hb_preset_object_name(const struct hb_preset_archives *archives, const char *name);

/* Of one of them. Caller frees. */
char *hb_preset_archive_path(const struct hb_preset_archives *archives, size_t row);

enum hb_own_archive {
    HB_OWN_NOT,       /* of another home, no archive at all, or unknown */
    HB_OWN_BY_PLACE,  /* it does not say of which home it is, but lies below this one */
    HB_OWN_BY_TRAILER /* it says that it is this home's */
};

/* Is a file of any name an archive of this home? `path`: canonical. */
enum hb_own_archive hb_preset_is_ours(struct hb_run *run, const struct hb_home_id *id,
                                      const char *path);

/* The number of an archive of this home, whatever its name; 0: it has none. */
uint64_t hb_preset_sequence_of(struct hb_run *run, const struct hb_home_id *id, const char *path);

#endif
