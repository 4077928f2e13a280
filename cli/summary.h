/* SPDX-License-Identifier: Apache-2.0 */
/* What people and scripts are told at the end: parts that several commands share. */
#ifndef HB_SUMMARY_H
#define HB_SUMMARY_H

#include "base/report.h"
#include "session.h"
#include <jansson.h>

/*
 * The end of a command for people comes in this order: one line, "Backup complete: PATH" or "Backup
 * INCOMPLETE, 2 problems: PATH"; the problems; what there is to say of the result; what else was
 * found. Lists have at most 10 rows unless --verbose, then "... and N more".
 */

/*
 * The first two; with --quiet the problems alone. `good` or `bad` begin the line, by the report; of
 * the text behind them nothing may be unprintable.
 */
void hb_summary_status(const struct hb_session *session, const char *good, const char *bad,
                       const char *format, ...) HB_PRINTF(4, 5);

/* Doubtful and skipped entries, on standard error. */
void hb_summary_problems(const struct hb_cli *cli, const struct hb_report *report);

/* What is as it should be, on `out`. */
void hb_summary_information(const struct hb_cli *cli, FILE *out, const struct hb_report *report);

/* The damaged members, a line each with --json. */
void hb_summary_damaged(const struct hb_cli *cli, const struct hb_report *report);

/* The notes alone, a line each on standard error. */
void hb_summary_notes(const struct hb_cli *cli, const struct hb_report *report);

/* Lines about an import that was completed, with --quiet on standard error; and those of hooks. */
void hb_summary_lines(const struct hb_cli *cli, const struct hb_report *report);

/*
 * Of a run that failed, on standard error, with --json as a line, too: an import may have been
 * completed before, and what was left alone is not told again.
 */
void hb_summary_failed(const struct hb_cli *cli, const struct hb_report *report);

/* With --json: keeps the same for standard error, should standard output turn out to fail. */
void hb_summary_keep(struct hb_cli *cli, const struct hb_report *report);

/*
 * A line for an entry: {"type":"entry","path":…} and `members`, which is taken over; for people its
 * name, indented, behind `change` where that is not NULL.
 */
void hb_session_print_entry(const struct hb_session *session, const char *path, bool directory,
                            const char *change, json_t *members);
/*
 * Adds what json_pack() makes of a format "{…}" and its arguments. Texts have to be UTF-8: names go
 * through hb_json_name().
 */
void hb_json_add(json_t *object, const char *format, ...);
void hb_json_name_or_null(json_t *object, const char *key, const char *name);
/* To an array: the name, or, where it is not UTF-8, an object with `key` and its bytes. */
void hb_json_append_name(json_t *list, const char *key, const char *name);

/*
 * {"type":"summary","command":…,"status":"complete|incomplete"} and what every summary says of its
 * run; to be added to.
 */
json_t *hb_session_summary(const struct hb_session *session, const char *command);

/*
 * The end of a command: what else was found, and what hooks have to say. With --json all findings
 * become members of the object, which is taken over and printed; otherwise it is NULL, and the
 * problems have been told (hb_summary_status).
 */
void hb_session_print_summary(const struct hb_session *session, json_t *object);

#endif
