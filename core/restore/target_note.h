/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a target was when its import began: the journal keeps it, so that whoever completes the
 * import, days later perhaps, can tell what somebody has changed since.
 *
 * Inode, size and time of change of the content say so for a file; permissions and the time of
 * change of the inode are not content. Of a directory only that it is one. Where a file system
 * numbers its inodes anew as it likes, the number is noted as 0, and not compared.
 */
#ifndef HB_TARGET_NOTE_H
#define HB_TARGET_NOTE_H

#include "files/beneath.h"
#include <stdint.h>
#include <time.h>

enum hb_noted {
    HB_NOTED_ABSENT = 0,
    HB_NOTED_FILE,
    HB_NOTED_LINK,
    HB_NOTED_DIRECTORY,
    HB_NOTED_OTHER,
    HB_NOTED_NOTHING /* it could not be told, or an older release wrote the journal */
};

struct hb_target_note {
    uint8_t what;     /* enum hb_noted */
    bool has_content; /* the row has what a content plugin says of it */
    uint16_t mode;
    uint32_t nanoseconds;
    int64_t seconds; /* of the content's last change */
    uint64_t inode;
    uint64_t bytes;
};

enum { HB_NOTE_CONTENT_BYTES = 32, HB_NOTE_TEXT = 256 };

/* `status` NULL: nothing is there. */
struct hb_target_note hb_target_note_of(const struct stat *status, bool inodes_last);

bool hb_target_is_as_noted(const struct hb_target_note *note, const struct stat *status);

/*
 * Was the file written to so short a time before `now` that another change may leave it the same
 * time? Two seconds where file systems count so, or are those of others; the clock's steps where
 * there is more than a second in the time. Then the content is noted as well.
 */
bool hb_target_note_is_racy(const struct hb_target_note *note, bool inodes_last,
                            const struct timespec *now);

/* The same of an open file, from its position on; below 0: it could not be opened. */
void hb_note_open_file(int fd, unsigned char hash[HB_NOTE_CONTENT_BYTES]);
/* What is in a file, for the note; all zeros, which are never as noted: it could not be read. */
void hb_note_file(int directory_fd, const char *name, unsigned char hash[HB_NOTE_CONTENT_BYTES]);
/* Is that still in it? */
bool hb_file_is_as_noted(int directory_fd, const char *name,
                         const unsigned char hash[HB_NOTE_CONTENT_BYTES]);

/* As a text of the journal, and back; `content` counts if has_content. False: it is none. */
void hb_target_note_write(const struct hb_target_note *note,
                          const unsigned char content[HB_NOTE_CONTENT_BYTES],
                          char text[HB_NOTE_TEXT]);
bool hb_target_note_read(const char *text, struct hb_target_note *note,
                         unsigned char content[HB_NOTE_CONTENT_BYTES]);

#endif
