/* SPDX-License-Identifier: Apache-2.0 */
/* Collects what content plugins say of the entries of an archive that is made: annotations.h. */
#ifndef HB_ANNOTATE_H
#define HB_ANNOTATE_H

#include "pipeline/reader.h"

struct hb_annotating {
    struct hb_annotated *rows;
    size_t count;
};

/* It is in the archive, as entry `index`. */
void hb_annotate_entry(struct hb_annotating *annotating, uint64_t index,
                       const struct hb_reader *reader);

/* The rows of annotations.h, with the notes of a report that is sorted. Caller releases them. */
json_t *hb_annotate_rows(const struct hb_annotating *annotating, const struct hb_report *report);

void hb_annotate_clear(struct hb_annotating *annotating);

#endif
