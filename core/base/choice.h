/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a home, or of an archive, somebody wants this time: --include, --exclude, --exclude-from,
 * --exclude-larger-than. hbcore(1) has the rules under PATTERNS.
 */
#ifndef HB_CHOICE_H
#define HB_CHOICE_H

#include "base/error.h"
#include "base/patterns.h"
#include "base/report.h"
#include <hbcore/entry.h>

/* Why an entry is not wanted: bits. 0: it is. */
enum hb_unwanted {
    HB_NOT_INCLUDED = 1 << 0,
    HB_EXCLUDED = 1 << 1, /* of a directory: with all that is below it */
    HB_TOO_LARGE = 1 << 2
};

/* Zeroed: everything is wanted. */
struct hb_choice {
    struct hb_patterns *include; /* NULL: everything */
    struct hb_patterns *exclude; /* NULL: nothing. Those of files first, then those typed */
    struct hb_choice_file {
        char *name;
        size_t first, end; /* its patterns in `exclude` */
    } * files;
    size_t file_count;
    size_t first_typed;                                    /* in `exclude` */
    struct hb_patterns *include_earlier, *exclude_earlier; /* what was typed, as it was understood
                                                              before */
    uint64_t larger_than;                                  /* UINT64_MAX: no limit */
    char *larger_than_text;

    /* What became of it. */
    uint64_t not_included, excluded, too_large; /* files; of directories none below them */
    uint64_t pruned;                            /* directories that are excluded */
    bool compares; /* the same options meant something else before: counts the following */
    /* Files that what is typed did not match before, when it was about whole paths. */
    uint64_t newly_included, newly_excluded;
    bool missed; /* something typed matches nothing: wrong use */
};

#define HB_CHOICE_NONE                                                                             \
    {                                                                                              \
        .larger_than = UINT64_MAX                                                                  \
    }

/* Adds what was typed. NULL, or why it can never match. */
const char *hb_choice_include(struct hb_choice *choice, const char *pattern);
const char *hb_choice_exclude(struct hb_choice *choice, const char *pattern);
/* Adds the lines of a file, before anything that was typed. */
void hb_choice_exclude_lines(struct hb_choice *choice, const char *name, const char *text,
                             size_t bytes);
void hb_choice_clear(struct hb_choice *choice);

static inline bool hb_choice_is_open(const struct hb_choice *choice)
{
    return choice->include == NULL && choice->exclude == NULL && choice->larger_than == UINT64_MAX;
}

/* Why the entry is not wanted, bits of enum hb_unwanted. Directory by directory. */
unsigned hb_choice_ask(struct hb_choice *choice, const struct hb_entry *entry);
/* It is left out for that, or with 0: it is not. */
void hb_choice_count(struct hb_choice *choice, const struct hb_entry *entry, unsigned why);

/* All has been asked about: did each --exclude that was typed match something? HB_OK or
 * HB_STATUS_FATAL.
 */
int hb_choice_check(struct hb_choice *choice, const char *where, struct hb_error *error);

/* Notes of other patterns that matched nothing, and with `typed` also of those. */
void hb_choice_note(const struct hb_choice *choice, const char *where, bool typed,
                    struct hb_report *report);

#endif
