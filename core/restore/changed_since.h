/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has somebody changed a target since the import noted what it was?
 *
 * An import replaces what is there when it gets to it: the user has agreed to that a moment ago,
 * and programs write all the time. (That it was not what it had been then is a note.) Whoever
 * completes one that was killed, days later perhaps, replaces only what is still as it was noted.
 * A file, a link: as noted, or changed. A directory that was missing: whatever has its name now has
 * come since. Of what a content plugin puts back that plugin knows.
 */
#ifndef HB_CHANGED_SINCE_H
#define HB_CHANGED_SINCE_H

#include "host/run.h"
#include "restore/journal.h"
#include <time.h>

enum hb_fate {
    HB_FATE_PUBLISH, /* it is as it was noted */
    HB_FATE_DONE,    /* it holds what is staged already */
    HB_FATE_LEAVE,   /* somebody has changed it */
    HB_FATE_FAILED   /* the plugin cannot tell: see hb_instance_failure() */
};

struct hb_since_question {
    const struct hb_journal_row *row;
    const struct hb_place *place;
    bool again;            /* an import that was interrupted */
    struct timespec since; /* then: when it began to publish, for journals without notes */
    bool begun;            /* the plugin may have been killed while it wrote */
    bool copied;           /* the home is a copy of the one that the import began in */
    const struct hb_instance *content;
    const struct hb_stage *stage;
};

/* *status: of HB_FATE_FAILED, HB_STATUS_LATER among them. */
enum hb_fate hb_changed_since(const struct hb_since_question *question, int *status);

/*
 * Does the file in the home hold what is staged, as its plugin sees it? Of the row only the index
 * counts. False also if that cannot be told.
 */
bool hb_holds_staged(const struct hb_since_question *question);

/* What a content plugin says of a file in the home, for the journal. False: nothing. */
bool hb_note_content(const struct hb_instance *content, const char *path, const struct stat *there,
                     unsigned char note[HB_NOTE_CONTENT_BYTES]);

/*
 * Is a file in the home what its plugin said that it was? Of a complete import: there is no staged
 * copy any more. HB_SINCE_AS_NOTED; HB_SINCE_CHANGED; another answer: that cannot be told now.
 */
int hb_content_is_as_noted(const struct hb_instance *content, const char *path,
                           const struct stat *there,
                           const unsigned char note[HB_NOTE_CONTENT_BYTES]);

#endif
