/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/annotate.h"

#include "archive/annotations.h"
#include "base/memory.h"
#include "base/name.h"
#include <string.h>

struct hb_annotated {
    uint64_t entry;
    char *path;
    json_t *facts;
    bool may_be_taken_over; /* without asking the plugin: its notes are needed then */
};

void hb_annotate_entry(struct hb_annotating *annotating, uint64_t index,
                       const struct hb_reader *reader)
{
    if (!reader->of_content)
        return;
    annotating->rows = hb_resize(annotating->rows, annotating->count + 1, sizeof *annotating->rows);
    annotating->rows[annotating->count++] = (struct hb_annotated){
        .entry = index,
        .path = hb_copy_text(reader->entry.path),
        .facts = json_incref(reader->facts),
        .may_be_taken_over = hb_fingerprint_is_set(&reader->fingerprint),
    };
}

/* The first note of the report about that path, or behind it. */
static size_t find_notes(const struct hb_report *report, const char *path)
{
    size_t low = 0, high = report->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct hb_finding *there = &report->findings[middle];
        if (there->kind < HB_FOUND_NOTE ||
            (there->kind == HB_FOUND_NOTE && strcmp(there->path, path) < 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static json_t *notes_of(const struct hb_report *report, const char *path)
{
    json_t *notes = json_array();
    for (size_t i = find_notes(report, path);
         i < report->count && json_array_size(notes) < HB_MOST_NOTES; i++) {
        const struct hb_finding *finding = &report->findings[i];
        if (finding->kind != HB_FOUND_NOTE || strcmp(finding->path, path) != 0)
            break;
        if (!finding->of_content)
            continue;
        HB_AUTO_FREE char *note = hb_printable(finding->reason);
        json_array_append_new(notes, json_string(note));
    }
    return notes;
}

json_t *hb_annotate_rows(const struct hb_annotating *annotating, const struct hb_report *report)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < annotating->count; i++) {
        const struct hb_annotated *row = &annotating->rows[i];
        json_t *notes = row->may_be_taken_over ? notes_of(report, row->path) : NULL;
        hb_annotations_add(rows, row->entry, row->facts, notes);
        json_decref(notes);
    }
    return rows;
}

void hb_annotate_clear(struct hb_annotating *annotating)
{
    for (size_t i = 0; i < annotating->count; i++) {
        free(annotating->rows[i].path);
        json_decref(annotating->rows[i].facts);
    }
    free(annotating->rows);
    *annotating = (struct hb_annotating){.rows = NULL};
}
