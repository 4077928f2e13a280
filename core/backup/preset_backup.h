/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backup as the configuration describes it, by [backup] or by a [preset:NAME]: from the name of
 * the preset to the hooks that hear of the archive. Every archive of a home is made here, the one
 * that an import makes first too, so that each gets the same:
 *
 *   - hooks with `backup` in their `on` are asked before, and hear of it afterwards;
 *   - a name and a number that no archive before it had, and what did not change is taken over;
 *   - older archives of the preset go, where the caller wants that, once it is under its name and
 *     no hook holds that back.
 */
#ifndef HB_PRESET_BACKUP_H
#define HB_PRESET_BACKUP_H

#include "backup/backup.h"
#include "backup/preset.h"
#include "backup/preset_archives.h"
#include "backup/preset_next.h"
#include "host/hooks.h"

struct hb_preset_backup {
    /* What is wanted. */
    const char *preset; /* its name; NULL: as [backup] says */
    const char *format; /* NULL: that of the preset */
    const char *seal;   /* "none": no seal; NULL: that of the preset */
    const char *output; /* path, "-"; NULL: in the directory of the preset */
    bool replaces;      /* `output` is a URL, and what has the name may go */
    bool prunes;        /* older archives go; never with an output of its own */
    int64_t keep;       /* how many stay; -1: as the preset says */
    bool dry_run;
    const char *within;       /* the command that this is a part of; NULL: it is the command */
    struct hb_choice *wanted; /* as the choice in hb_backup_request */
    void (*planned)(void *context, uint64_t files, uint64_t bytes); /* as in hb_backup_request */
    void (*would_store)(void *context, const char *path, const struct hb_plan *plan,
                        const struct hb_planned *planned);
    void *context;

    /* What was found, by hb_preset_backup_find. */
    struct hb_run *run;
    struct hb_preset settings;
    struct hb_chosen choice;
    struct hb_chosen sealing; /* section NULL: it is not sealed */
    struct hb_suffixes suffixes;
    struct hb_hooks hooks;

    /* What became of it, by hb_preset_backup. */
    struct hb_destination destination;
    struct hb_preset_archives archives; /* that are there afterwards, if it prunes */
    struct hb_backup_result result;
    bool incomplete;       /* the archive is, whatever hooks found afterwards */
    size_t hooks_findings; /* the number of the first finding that is the hooks' */
    const char *held;      /* why older archives stay though they might go, or NULL */
};

#define HB_PRESET_BACKUP_NONE .keep = -1, .destination = HB_DESTINATION_NONE, .archives = {.fd = -1}

/*
 * Finds preset, format and hooks; the home need not be open yet. HB_OK, or HB_STATUS_FATAL: the
 * configuration is wrong. hb_preset_backup_clear in any case.
 */
int hb_preset_backup_find(struct hb_preset_backup *backup, struct hb_run *run,
                          struct hb_error *error);

/*
 * The home is open and locked. HB_OK: made, or nothing was there to be (result.nothing), or a dry
 * run. HB_STATUS_CANCELLED, HB_STATUS_FATAL: there is no archive; result.nothing then says that
 * nothing could be read.
 */
int hb_preset_backup(struct hb_preset_backup *backup, struct hb_error *error);

void hb_preset_backup_clear(struct hb_preset_backup *backup);

#endif
