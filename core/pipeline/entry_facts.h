/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a content plugin for the facts of an entry (hb_content_ops.fact). */
#ifndef HB_ENTRY_FACTS_H
#define HB_ENTRY_FACTS_H

#include "host/run.h"
#include <jansson.h>

/*
 * Of the source that `content` opened and judged, in the thread that did. *facts: a JSON object of
 * them, or NULL: there are none. What cannot be found out, or is none of a plugin's right mind, is
 * a note. HB_OK, or HB_STATUS_CANCELLED.
 */
int hb_entry_facts_ask(struct hb_run *run, const struct hb_instance *content,
                       const struct hb_entry *entry, const struct hb_source *source,
                       json_t **facts);

/* As text, for the report; NULL: there are none. Caller frees. */
char *hb_entry_facts_text(const json_t *facts);

#endif
