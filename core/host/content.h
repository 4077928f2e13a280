/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks content plugins which of them claims a file.
 *
 * claim() is asked twice at most for a file in a run: by name alone, and then, if some plugin wants
 * to see it, with the first bytes. What was said is kept in a struct hb_claim, by whoever goes
 * through the files: the walk of a backup, and for members of an archive archive/claims.h.
 *
 * There are three answers: a plugin's, nobody's, and that it is unknown, because the first
 * bytes cannot be read. The third is not the second: an unclaimed file is copied raw, or renamed
 * over a live database. So it is an error of its own, which stands for the rest of the run.
 */
#ifndef HB_HOST_CONTENT_H
#define HB_HOST_CONTENT_H

#include "host/run.h"

enum { HB_HEAD_BYTES = 4096 }; /* the most that claim() gets to see */

/* What the plugins of a chain have said about one file. Zeroed: they have not been asked. */
struct hb_claim {
    uint64_t by_name; /* those who would claim it, going by its name: bit 0 is the first */
    uint8_t number;   /* 1 + the plugin that claims it; 0: no plugin does */
    bool asked;       /* by_name counts */
    bool settled;     /* number and error count */
    int error;        /* errno: it is unknown who claims it */
};

#define HB_NO_CONTENTS                                                                             \
    "no section [content:NAME]: databases are stored and restored as ordinary files "              \
    "(`hbcore plugins list` shows the content plugins)"

/*
 * The chain of the configuration. Without a file all plugins are in it; a file that names none
 * gives up databases, seldom on purpose: the report has a note then.
 */
int hb_contents_create(struct hb_run *run, struct hb_chain *contents, struct hb_error *error);
bool hb_contents_are_given_up(const struct hb_config *config);

/* The entry of an ordinary file; its path stays the caller's. */
struct hb_entry hb_file_entry(const char *path, const struct stat *status);

/* Asks by name, if that has not been done. Any thread, but one at a time for one file. */
void hb_claim_ask(const struct hb_chain *contents, const struct hb_entry *entry,
                  struct hb_claim *claim);

/* The plugin that claims it by its name alone; NULL: none does, or that is not known yet. */
const struct hb_instance *hb_claim_named(const struct hb_chain *contents,
                                         const struct hb_claim *claim);

/*
 * Finds the plugin that claims the file: the first in the chain whose head_bytes is 0 and who
 * claims the name, or who claims it with its first bytes. The file is opened only if a plugin wants
 * to see those: open() returns a descriptor, which is closed here, or -errno. 0, and *content is
 * NULL if no plugin claims it; -errno: that is unknown.
 */
int hb_claim_settle(const struct hb_chain *contents, const struct hb_entry *entry,
                    struct hb_claim *claim, int (*open)(void *context), void *context,
                    const struct hb_instance **content);

/* The same for a file in a directory that no plugin was asked about; links are not followed. */
int hb_claimant_at(const struct hb_chain *contents, const struct hb_entry *entry, int directory_fd,
                   const char *name, const struct hb_instance **content);

/*
 * Does the file belong to another that a content plugin claims by name, like the log beside a
 * database? `claims` says whether plugin number `content` claims `owner`, the name without one of
 * that plugin's suffixes.
 */
bool hb_is_sidecar(const struct hb_chain *contents, const struct hb_entry *entry,
                   bool (*claims)(void *context, size_t content, const struct hb_entry *owner),
                   void *context);

/*
 * Asks the plugin whether a copy of the file is sound; what is not, or cannot be checked, is told
 * in the report. HB_OK and *soundness, HB_SOUNDNESS_UNKNOWN if the plugin failed;
 * HB_STATUS_NOMATCH: the plugin checks nothing of this kind; HB_STATUS_CANCELLED. Any thread.
 */
int hb_check_copy(struct hb_run *run, const struct hb_instance *content,
                  const struct hb_entry *entry, const struct hb_file *copy, uint32_t *soundness);

/* The same of a copy in a stage. */
void hb_check_staged(struct hb_run *run, const struct hb_instance *content,
                     const struct hb_entry *entry, const struct hb_stage *stage, const char *name);

#endif
