/* SPDX-License-Identifier: Apache-2.0 */
/* An archive that is read: which format it has, what is in it. */
#ifndef HB_ARCHIVE_H
#define HB_ARCHIVE_H

#include "archive/catalog.h"
#include "archive/trailer.h"
#include "host/format.h"
#include "host/run.h"

/* What an archive may hold at most: import.max-… */
struct hb_archive_limits {
    uint64_t entries;
    uint64_t bytes;
    uint64_t path;
    uint64_t names;
};

struct hb_archive {
    struct hb_run *run;
    char *path;        /* as given; "-" */
    const char *shown; /* for messages */
    int fd;
    bool stream; /* can be read once only */
    struct hb_input input;
    unsigned char *head; /* what was read ahead of a stream */
    size_t head_bytes;
    size_t head_used;
    uint64_t position; /* of input.read */
    struct hb_format_list formats;
    const struct hb_format_choice *choice;
    struct hb_instance *format;
    bool listed; /* the catalog came from list(): decode() can be used */
    struct hb_archive_limits limits;
    uint64_t announced; /* bytes of all entries that were admitted */
    struct hb_catalog catalog;
    struct hb_trailer trailer;
    bool has_trailer;
};

/*
 * Opens `path` ("-": standard input) and finds out its format, or uses the one that is named. A
 * stream whose format needs to seek is copied into the run's stage first; HB_NOMATCH if that is not
 * open.
 */
int hb_archive_open(struct hb_run *run, const char *path, const char *format,
                    struct hb_archive *archive, struct hb_error *error);

/*
 * Fills the catalog without reading the data, where the format can; else passes over all of a file.
 * A stream is not touched (HB_NOMATCH): it has to be walked. The trailer is read and checked
 * against the catalog.
 */
int hb_archive_list(struct hb_archive *archive, struct hb_error *error);

/* One pass; the visitor's own failures are returned as they are, with *error left alone if it is
 * set. */
int hb_archive_walk(struct hb_archive *archive, const struct hb_visitor *visitor,
                    struct hb_error *error);

/* Before a second walk: a plugin need not be able to read an archive twice. */
int hb_archive_again(struct hb_archive *archive, struct hb_error *error);

/* For visitors that fill the catalog: may it have this entry, too? HB_OK, or HB_FATAL. */
int hb_archive_admit(struct hb_archive *archive, const struct hb_entry *entry,
                     struct hb_error *error);

/* For visitors: takes the trailer that a walk found. */
int hb_archive_take_trailer(struct hb_archive *archive, const void *data, size_t bytes,
                            struct hb_error *error);

/* Is everything in the catalog as the trailer says? HB_OK also when there is none. */
int hb_archive_check_trailer(const struct hb_archive *archive, struct hb_error *error);

void hb_archive_close(struct hb_archive *archive);

#endif
