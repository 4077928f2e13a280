/* SPDX-License-Identifier: Apache-2.0 */
/* What people and scripts are told of a preset's archives: which were removed, which are left, why.
 */
#ifndef HB_PRESET_REPORT_H
#define HB_PRESET_REPORT_H

#include "backup/preset_archives.h"
#include "session.h"
#include <jansson.h>

/* For programs: what became of an archive or a snapshot, and true, false, or null for unknown. */
const char *hb_json_fate(const struct hb_kept *kept);
json_t *hb_json_answer(enum hb_answer answer);

/* "PATH on HOST", for people; NULL: its facts alone are known, which do not say. Caller frees. */
char *hb_home_of_archive(const struct hb_preset_archive *row);

/*
 * removed, removed_archives, other_archives, unknown_archives, untold_archives. Called once more,
 * it adds those of another preset.
 */
void hb_preset_report_json(json_t *object, const struct hb_preset_archives *archives);

/* The same as lines of a summary; names beyond ten only with --verbose. */
void hb_preset_report(const struct hb_cli *cli, FILE *out,
                      const struct hb_preset_archives *archives, bool dry_run);

/* Those that do not say whose they are become a note with the line to type; so does each file that
 * is no archive, by its name. */
void hb_preset_report_unknown(struct hb_session *session, const struct hb_preset_archives *archives,
                              const char *preset);

/* Nothing was removed, because the newest is marked as shrunk: why, and what to type. */
void hb_preset_report_shrunk(struct hb_session *session, const struct hb_preset_archives *archives,
                             const char *preset, enum hb_finding_kind kind);

#endif
