/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run found on its way: everything that is not just "stored" or "restored". Any thread
 * may add. At the end it is sorted by path, so that it does not depend on the workers.
 */
#ifndef HB_REPORT_H
#define HB_REPORT_H

#include <hbcore/abi.h>
#include <pthread.h>
#include <stdbool.h>

enum hb_finding_kind {
    HB_FOUND_SKIPPED,   /* should have been stored or restored, but was not: exit 3 */
    HB_FOUND_DOUBTFUL,  /* was, but may not be what the user needs: exit 3 */
    HB_FOUND_NOTE,      /* worth a line */
    HB_FOUND_EXCLUDED,  /* a directory that a filter pruned */
    HB_FOUND_LEFT_OUT,  /* a file that a filter left out */
    HB_FOUND_PRESERVED, /* on import: the target's own was kept */
    HB_FOUND_LINK,      /* a symbolic link passed over */
    HB_FOUND_SPECIAL,   /* a socket, pipe or device passed over */
    HB_FOUND_DAMAGED,   /* a member of an archive that is not what it was: exit 1 */
    HB_FINDING_KINDS
};

struct hb_finding {
    enum hb_finding_kind kind;
    char *path; /* "" when it is about no entry */
    char *reason;
    bool of_content; /* a content plugin told it of that entry */
};

/* A database or other claimed content, for the summary. */
struct hb_content_finding {
    char *path;
    const char *method; /* "snapshot", "raw", … */
    uint32_t soundness; /* enum hb_soundness */
    char *facts;        /* a JSON object: names and whole numbers; or NULL */
    bool in_place;      /* it was read where it lies */
};

struct hb_report {
    pthread_mutex_t lock;
    struct hb_finding *findings;
    size_t count;
    size_t capacity;
    size_t kinds[HB_FINDING_KINDS]; /* how many of each */
    struct hb_content_finding *contents;
    size_t content_count;
    char **lines; /* of work on an earlier run's behalf: an import that was completed */
    size_t line_count;
    char **kept; /* the paths that such an import has left alone: this run leaves them alone, too */
    size_t kept_count;
    char **advice; /* hooks' lines for the summary */
    size_t advice_count;
    char **members; /* hooks' members: key, JSON text, key, … */
    size_t member_count;
};

void hb_report_init(struct hb_report *report);
void hb_report_clear(struct hb_report *report);
void hb_report_add(struct hb_report *report, enum hb_finding_kind kind, const char *path,
                   const char *format, ...) HB_PRINTF(4, 5);
/* About no entry; not if it was said before. */
void hb_report_add_once(struct hb_report *report, enum hb_finding_kind kind, const char *whose,
                        const char *what);
/* Is there a finding of this kind about the path? Linear. */
bool hb_report_has(struct hb_report *report, enum hb_finding_kind kind, const char *path);
/*
 * A note that a content plugin told of that entry, now or, where the entry is taken over, when it
 * was stored. Not if it was told already.
 */
void hb_report_content_note(struct hb_report *report, const char *path, const char *note);
/* `facts`: a JSON object, or NULL. */
void hb_report_content(struct hb_report *report, const char *path, const char *method,
                       uint32_t soundness, const char *facts);
/* That content was read where it lies, and not copied first. */
void hb_report_in_place(struct hb_report *report, const char *path);
void hb_report_line(struct hb_report *report, const char *line);
void hb_report_keep(struct hb_report *report, const char *path);
bool hb_report_is_kept(const struct hb_report *report, const char *path);
void hb_report_advice(struct hb_report *report, const char *line);
void hb_report_member(struct hb_report *report, const char *key, const char *json);
/*
 * Findings from number `first` on that make this run incomplete are about another one: what they
 * name is not left out of this one, but doubtful; with `prefix` before the reason.
 */
void hb_report_doubt(struct hb_report *report, size_t first, const char *prefix);
/* By kind, then path; once, when all threads are done. */
void hb_report_sort(struct hb_report *report);
/* Anything skipped or doubtful? */
bool hb_report_incomplete(const struct hb_report *report);

#endif
