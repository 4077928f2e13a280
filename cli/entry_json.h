/* SPDX-License-Identifier: Apache-2.0 */
/* What the JSON says of an entry, the same in list and in dry runs. */
#ifndef HB_ENTRY_JSON_H
#define HB_ENTRY_JSON_H

#include "archive/catalog.h"
#include "pipeline/plan.h"
#include <jansson.h>

/* {"kind":…,"bytes":…}; `type`: enum hb_type. */
json_t *hb_json_entry(uint32_t type, uint64_t bytes);

/* And mode, mtime and mtime_ns of what would be stored. */
json_t *hb_json_planned(const struct hb_plan *plan, const struct hb_planned *planned);

/*
 * And mode, mtime, mtime_ns and link, as far as the archive has them, and why it cannot be decoded,
 * if so.
 */
json_t *hb_json_member(const struct hb_catalog *catalog, size_t index);

#endif
