/* SPDX-License-Identifier: Apache-2.0 */
#include "backup/retention.h"

/* The newest complete one, if none of the newest `keep` is; else count. */
static size_t spared(size_t count, uint64_t keep, bool (*is_complete)(void *context, size_t row),
                     void *context)
{
    if (keep == 0 || count <= keep)
        return count;
    for (size_t i = 0; i < count; i++)
        if (is_complete(context, i))
            return i < keep ? count : i;
    return count;
}

void hb_retention(struct hb_kept *rows, size_t count, uint64_t keep,
                  bool (*is_complete)(void *context, size_t row), void *context)
{
    size_t spare = spared(count, keep, is_complete, context);
    for (size_t i = 0; i < count; i++)
        rows[i].stays = i < keep || i == spare || rows[i].just_made;
}
