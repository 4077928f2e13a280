/* SPDX-License-Identifier: Apache-2.0 */
/* An archive that is read: which format it has, what is in it. */
#ifndef HB_ARCHIVE_H
#define HB_ARCHIVE_H

#include "archive/archive_state.h"

/*
 * Opens `path` ("-": standard input; or a URL) and finds out its format, or uses the one that is
 * named. A stream whose format needs to seek is copied into the run's stage first;
 * HB_STATUS_NOMATCH if that is not open.
 */
int hb_archive_open(struct hb_run *run, const char *path, const char *format,
                    struct hb_archive *archive, struct hb_error *error);

/*
 * The same for a file that was found in a directory, and was regular then. Others may write there:
 * if a FIFO has its name now, it is not waited for, and not reported.
 */
int hb_archive_open_file(struct hb_run *run, const char *path, const char *format,
                         struct hb_archive *archive, struct hb_error *error);

/*
 * The same of a descriptor, which is taken over, whatever comes of it (below 0: errno says why
 * there is none). `shown` is its name in messages; `choice` is the format, or NULL to find it out.
 */
int hb_archive_open_fd(struct hb_run *run, int fd, const char *shown,
                       const struct hb_chosen *choice, struct hb_archive *archive,
                       struct hb_error *error);

/*
 * The same of what this run has just written: sealed with `key`, of which only the blocks in `kept`
 * are there (NULL: all; a NULL key: it is not sealed).
 */
int hb_archive_open_own(struct hb_run *run, int fd, const char *shown,
                        const struct hb_chosen *choice, const struct hb_key *key,
                        const struct hb_kept_blocks *kept, struct hb_archive *archive,
                        struct hb_error *error);

/*
 * Fills the catalog without reading the data, where the format can; else passes over all of a file.
 * A stream is not touched (HB_STATUS_NOMATCH): it has to be walked. The trailer is read and checked
 * against the catalog.
 */
int hb_archive_list(struct hb_archive *archive, struct hb_error *error);

/*
 * Only the trailer (archive->trailer, if has_trailer), where the format can; else as above. HB_OK,
 * also when there is none. After a failure archive->untold says whether the archive is to blame.
 */
int hb_archive_read_trailer(struct hb_archive *archive, struct hb_error *error);

/* For visitors that fill the catalog: may it have this entry, too? HB_OK, or HB_STATUS_FATAL. */
int hb_archive_admit(struct hb_archive *archive, const struct hb_entry *entry,
                     struct hb_error *error);

/* What there is to say of an archive with later_trailer. */
#define HB_LATER_TRAILER                                                                           \
    "a later version of hbcore made it: this version cannot tell whose it is and whether it is "   \
    "complete"

/*
 * For visitors: takes the trailer that a walk found. HB_OK also if it is of a later version: the
 * entries are what the format says.
 */
int hb_archive_take_trailer(struct hb_archive *archive, const void *data, size_t bytes,
                            struct hb_error *error);

/* Is everything in the catalog as the trailer says? HB_OK also when there is none. */
int hb_archive_check_trailer(const struct hb_archive *archive, struct hb_error *error);

/* Were its bytes reached? */
bool hb_archive_is_open(const struct hb_archive *archive);
/* Is what was opened that version (hbcore/store.h) of a file or an object? */
bool hb_archive_has_version(const struct hb_archive *archive, const char *version);

void hb_archive_close(struct hb_archive *archive);

#endif
