/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/entry_problem.h"

#include <string.h>

const char *hb_entry_problem(const struct hb_entry *entry)
{
    if (entry == NULL)
        return "is not there";
    if (entry->path == NULL)
        return "has no name";
    if (memchr(entry->path, '\0', entry->path_bytes + 1) != entry->path + entry->path_bytes)
        return "has a name of another length than is said";
    if (entry->type < HB_TYPE_FILE || entry->type > HB_TYPE_SPECIAL)
        return "has a type that is not known";
    if ((entry->flags & ~(uint32_t)(HB_ENTRY_HAS_MODE | HB_ENTRY_HAS_MTIME | HB_ENTRY_HAS_OWNER |
                                    HB_ENTRY_READ_ONLY)) != 0)
        return "has a flag that is not known";
    if (entry->mtime.tv_nsec < 0 || entry->mtime.tv_nsec >= 1000 * 1000 * 1000)
        return "has a time that is none";
    return NULL;
}

const char *hb_member_problem(const struct hb_member *member)
{
    if (member == NULL)
        return "is not there";
    if ((member->flags & ~(uint32_t)HB_MEMBER_UNREADABLE) != 0)
        return "has a flag of a member that is not known";
    return hb_entry_problem(member->entry);
}
