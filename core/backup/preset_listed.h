/* SPDX-License-Identifier: Apache-2.0 */
/* The archives of a preset that were listed, and where. */
#ifndef HB_PRESET_LISTED_H
#define HB_PRESET_LISTED_H

#include "backup/listed_facts.h"
#include "backup/preset_row.h"
#include "files/anywhere.h"
#include "files/state_key.h"
#include "store/local.h"

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
    const char *prefix;              /* of their names; NULL: whatever has a suffix of a format */
    const char *const *suffixes;     /* of all formats: a preset may have had another one before */
    const char *directory;           /* it may be missing; or a URL */
    const struct hb_directory *held; /* the same, where it is open; or NULL */
};

/* The name of an object there. Caller frees. */
char *hb_preset_object_name(const struct hb_preset_archives *archives, const char *name);

/* Does nothing of any kind have the name of an archive, now? No where that cannot be told. */
bool hb_preset_is_gone(const struct hb_preset_archives *archives, const char *archive);

/* Of one of them. Caller frees. */
char *hb_preset_archive_path(const struct hb_preset_archives *archives, size_t row);

#endif
