/* SPDX-License-Identifier: Apache-2.0 */
#include "entry_json.h"

#include "archive/member.h"
#include "base/name.h"
#include "summary.h"

json_t *hb_json_entry(uint32_t type, uint64_t bytes)
{
    return json_pack("{s:s, s:I}", "kind", hb_member_type((uint8_t)type), "bytes",
                     (json_int_t)bytes);
}

/* Whole numbers: a double would hold neither all nanoseconds nor all seconds. */
static void add_mtime(json_t *object, const struct hb_catalog_member *member)
{
    if (member->entry_flags & HB_ENTRY_HAS_MTIME)
        hb_json_add(object, "{s:I, s:I}", "mtime", (json_int_t)member->mtime_seconds, "mtime_ns",
                    (json_int_t)member->mtime_nanoseconds);
}

json_t *hb_json_member(const struct hb_catalog *catalog, size_t index)
{
    const struct hb_catalog_member *member = &catalog->members[index];
    const char *link = hb_catalog_link(catalog, index);
    json_t *object = hb_json_entry(member->type, member->bytes);
    if (member->entry_flags & HB_ENTRY_HAS_MODE)
        json_object_set_new(object, "mode", json_integer(member->mode));
    add_mtime(object, member);
    if (link != NULL)
        hb_json_name(object, "link", link);
    return object;
}
