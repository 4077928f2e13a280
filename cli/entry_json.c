/* SPDX-License-Identifier: Apache-2.0 */
#include "entry_json.h"

#include "archive/member.h"
#include "base/memory.h"
#include "base/name.h"
#include "summary.h"

json_t *hb_json_entry(uint32_t type, uint64_t bytes)
{
    return json_pack("{s:s, s:I}", "kind", hb_member_type((uint8_t)type), "bytes",
                     (json_int_t)bytes);
}

/* Whole numbers: a double would hold neither all nanoseconds nor all seconds. */
static void add_mtime(json_t *object, int64_t seconds, uint32_t nanoseconds)
{
    hb_json_add(object, "{s:I, s:I}", "mtime", (json_int_t)seconds, "mtime_ns",
                (json_int_t)nanoseconds);
}

json_t *hb_json_planned(const struct hb_plan *plan, const struct hb_planned *planned)
{
    json_t *object = hb_json_entry(planned->type, planned->bytes);
    hb_json_add(object, "{s:i}", "mode", (int)hb_plan_common(plan, planned)->mode);
    add_mtime(object, planned->mtime_seconds, planned->mtime_nanoseconds);
    return object;
}

json_t *hb_json_member(const struct hb_catalog *catalog, size_t index)
{
    const struct hb_catalog_member *member = &catalog->members[index];
    const struct hb_catalog_common *common = hb_catalog_common(catalog, index);
    const char *link = hb_catalog_link(catalog, index);
    json_t *object = hb_json_entry(member->type, member->bytes);
    if (common->entry_flags & HB_ENTRY_HAS_MODE)
        json_object_set_new(object, "mode", json_integer(common->mode));
    if (common->entry_flags & HB_ENTRY_HAS_MTIME)
        add_mtime(object, hb_catalog_mtime_seconds(catalog, index), member->mtime_nanoseconds);
    if (link != NULL)
        hb_json_name(object, "link", link);
    if (hb_catalog_unreadable(catalog, index) != NULL) {
        HB_AUTO_FREE char *why = hb_printable(hb_catalog_unreadable(catalog, index));
        json_object_set_new(object, "unreadable", json_string(why));
    }
    return object;
}
