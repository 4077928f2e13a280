/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What content plugins said of entries: section 6 of the trailer. A JSON array, ascending by entry,
 * with an object for each entry that something was said of; no other costs a byte:
 *   entry  its number, in archive order
 *   facts  object: names, and a whole number each (hb_content_ops.fact); or missing
 *   notes  list of texts that were told of it (hb_host.note), if a later backup may take the entry
 *          over without asking the plugin again; or missing. They are told once more then
 */
#ifndef HB_ANNOTATIONS_H
#define HB_ANNOTATIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HB_MOST_FACTS = 256, HB_FACT_NAME_BYTES = 255, HB_MOST_NOTES = 32 }; /* of an entry */

/* Appends a row; `facts` and `notes` stay the caller's, and may be NULL. Nothing said: no row. */
void hb_annotations_add(json_t *rows, uint64_t entry, json_t *facts, json_t *notes);

/* The same back from a section, of an archive of `entries`. NULL: it is none. */
json_t *hb_annotations_parse(const unsigned char *data, size_t bytes, uint64_t entries);

/* What was said of that entry; NULL: nothing. `rows` may be NULL. Any thread. */
const json_t *hb_annotations_facts(const json_t *rows, uint64_t entry);
const json_t *hb_annotations_notes(const json_t *rows, uint64_t entry);

#endif
