/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one planned entry: an ordinary file, read below the held home, or the consistent
 * source of the content plugin that claims it. Notices what changes under the reader's eyes.
 */
#ifndef HB_READER_H
#define HB_READER_H

#include "archive/fingerprint.h"
#include "pipeline/plan.h"
#include <jansson.h>

struct hb_reader {
    struct hb_run *run;
    struct hb_entry entry;     /* as opened: size, times, mode; path and link are the reader's */
    int fd;                    /* of an ordinary file, else -1 */
    struct hb_file_state seen; /* of the file, when opened or refreshed */
    struct stat status;        /* the same, all of it */
    bool untold;               /* it may have changed without another time */
    struct timespec opened;    /* when that was, by the clock that file systems use */
    struct timespec accessed;  /* last, before it was read here */
    int64_t latest;            /* see hb_plan */
    uid_t directory_user;      /* the owner of the directory that it lies in */
    bool looked_back;
    bool mode_is_fixed;                /* by the filters, whatever mode the file has */
    unsigned passes;                   /* over all of it, see hb_reader_again */
    bool remember;                     /* its state in the file system may be told */
    struct hb_source source;           /* read_at is NULL where no plugin gave one */
    const struct hb_instance *content; /* the plugin that gave the source, or NULL */
    bool to_be_judged;                 /* the plugin has not judged the source yet */
    bool of_content;                   /* its plugin has accepted it, now or when it was stored */
    bool ask_facts;                    /* of that plugin */
    json_t *facts;                     /* an object: what it said; or NULL */
    bool identified;                   /* the source is of the content that has this identity */
    unsigned char identity[32];
    struct hb_fingerprint fingerprint; /* to know it again by; perhaps none */
    uint64_t content_hash;             /* checksum of what was read: base/content_hash.h */
};

/* The reader that an entry of the pipeline belongs to. */
static inline struct hb_reader *hb_reader_of(struct hb_entry *entry)
{
    return (struct hb_reader *)(void *)((char *)entry - offsetof(struct hb_reader, entry));
}

/*
 * Opens one entry. HB_OK; HB_STATUS_ENTRY: it cannot be stored, which stands in the report now;
 * HB_STATUS_CANCELLED. Any thread. If reader->to_be_judged then, what is read counts only once
 * hb_reader_judge has said so.
 */
int hb_reader_open(struct hb_run *run, const struct hb_chain *contents, const struct hb_plan *plan,
                   const struct hb_planned *planned, struct hb_reader *reader);

/*
 * Lets the plugin judge its source, in the thread that opened it, while others read. HB_OK: the
 * source is accepted; HB_STATUS_NOMATCH: it is rejected, and the entry must be stored as an
 * ordinary file; or as hb_reader_open.
 */
int hb_reader_judge(struct hb_reader *reader);

/* Opens one entry as hb_reader_open, but whoever claims it: as an ordinary file. */
int hb_reader_open_raw(struct hb_run *run, const struct hb_plan *plan,
                       const struct hb_planned *planned, struct hb_reader *reader);

/*
 * Fills in the entry as the plan has it, without opening anything but a link. HB_OK, or as
 * hb_reader_open. hb_reader_free in any case.
 */
int hb_reader_plan(struct hb_run *run, const struct hb_plan *plan, const struct hb_planned *planned,
                   struct hb_reader *reader);

/*
 * After hb_reader_plan: makes the fingerprint that the entry had when it was stored if it is the
 * same now, of that soundness if it is claimed.
 */
void hb_reader_expect(const struct hb_chain *contents, const struct hb_plan *plan,
                      const struct hb_planned *planned, struct hb_reader *reader,
                      uint32_t soundness);

/*
 * After all of an ordinary file was read: makes its fingerprint, unless it changed meanwhile or
 * could have without a trace.
 */
void hb_reader_settle(struct hb_reader *reader);

/* All that was asked for, except at the end; -errno; of the source of a plugin a status below 0.
 * Any thread. */
int64_t hb_reader_read(const struct hb_reader *reader, void *buffer, size_t bytes, uint64_t offset);
/* Why it failed, in the same thread. */
const char *hb_reader_why(const struct hb_reader *reader, int64_t failed);

/* Did an ordinary file change since it was opened? Says how in *how (constant text). */
bool hb_reader_changed(const struct hb_reader *reader, const char **how);

/*
 * After a pass over all of it, which read `got` bytes: is it to be read once more, for it changed
 * meanwhile or was larger than `limit`? False: entry.bytes is what was read; a file that did not
 * keep still is doubtful then.
 */
bool hb_reader_again(struct hb_reader *reader, uint64_t limit, uint64_t got);

/* Takes the file's present size and times, before it is read once more. */
bool hb_reader_refresh(struct hb_reader *reader);

/*
 * A note in the report says if the file has no name any more: what was read of it is what it was
 * before. hb_reader_close does it, too; here, what follows can take its time.
 */
void hb_reader_look_back(struct hb_reader *reader);

/* Closes what is open; path and link stay until hb_reader_free. */
void hb_reader_close(struct hb_reader *reader);
void hb_reader_free(struct hb_reader *reader);

#endif
