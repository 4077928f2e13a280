/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.json of a snapshot: a format that other programs read and write, so its keys are fixed:
 * id, timestamp, label, file_count, total_size, files (path to size). Some programs also write
 * which files they could not copy, or found too large; an incomplete snapshot of ours has its own
 * file for that.
 */
#ifndef HB_MANIFEST_H
#define HB_MANIFEST_H

#include "backup/retention.h"
#include "base/error.h"
#include <jansson.h>
#include <stdbool.h>

#define HB_MANIFEST_NAME "manifest.json"
/* Beside it: why the snapshot is incomplete; not there if it is complete. */
#define HB_MARKS_NAME "hbcore-marks.json"

/* What is in it that we need. */
struct hb_manifest {
    char *label; /* or NULL */
    uint64_t bytes;
    json_t *files; /* object, in order */
    bool lacks;    /* another program says that it left files out */
};

/* The path is UTF-8. */
void hb_manifest_add(struct hb_manifest *manifest, const char *path, uint64_t bytes);
uint64_t hb_manifest_count(const struct hb_manifest *manifest);

/* As a file in the directory. 0 or -errno. */
int hb_manifest_write(const struct hb_manifest *manifest, const char *id, const char *timestamp,
                      int directory_fd);
/*
 * HB_OK; HB_STATUS_NOMATCH: there is none; HB_STATUS_FATAL with *error: it was read and is none;
 * HB_STATUS_LATER: it cannot be read now, so nothing can be told.
 */
int hb_manifest_read(int directory_fd, struct hb_manifest *manifest, struct hb_error *error);
/* The same from its text. HB_OK or HB_STATUS_FATAL. */
int hb_manifest_parse(const char *text, size_t bytes, struct hb_manifest *manifest,
                      struct hb_error *error);
void hb_manifest_clear(struct hb_manifest *manifest);

/* Any JSON as a file in the directory, 0600. 0 or -errno. */
int hb_json_write_file(const json_t *json, int directory_fd, const char *name);

/*
 * Is all that it names in the directory, each as large as it says? HB_CANNOT_TELL: not now, errno
 * says why.
 */
enum hb_answer hb_manifest_holds(const struct hb_manifest *manifest, int directory_fd);

#endif
