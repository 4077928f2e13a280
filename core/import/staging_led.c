/* SPDX-License-Identifier: Apache-2.0 */
#include "import/staging_led.h"

#include "base/memory.h"
#include "host/own_places.h"
#include <string.h>

static bool is_same(const struct hb_staging *staging, size_t index, size_t other)
{
    const struct hb_restore_plan *plan = staging->plan;
    bool link = hb_planned_type(plan, index) == HB_TYPE_SYMLINK;
    if (link != (hb_planned_type(plan, other) == HB_TYPE_SYMLINK))
        return false;
    if (link)
        return strcmp(hb_planned_link(plan, index), hb_planned_link(plan, other)) == 0;
    HB_AUTO_CLOSE int one = hb_staging_open_staged(staging, index);
    HB_AUTO_CLOSE int another = hb_staging_open_staged(staging, other);
    return one >= 0 && another >= 0 && hb_staging_holds_same(one, another);
}

static void drop(void *context, size_t index, size_t other, const char *real)
{
    struct hb_staging *staging = context;
    struct hb_restore_plan *plan = staging->plan;
    bool link = hb_planned_type(plan, index) == HB_TYPE_SYMLINK;
    if (hb_own_problem(staging->run->own, real, link) != NULL)
        return; /* nothing goes there: publishing says so of each */
    bool same = is_same(staging, index, other);
    hb_report_add(&staging->run->report, same ? HB_FOUND_NOTE : HB_FOUND_SKIPPED,
                  hb_planned_path(plan, index),
                  same
                      ? "is %s in this home, through a link there; %s in the archive holds the same"
                      : "is %s in this home, through a link there; that place gets %s of the "
                        "archive, which is another content",
                  real, hb_planned_path(plan, other));
    if (hb_trees_hold(&staging->trees, index) && hb_trees_remove(&staging->trees, index) != 0)
        return; /* it is left to publishing, where the last one counts */
    plan->rows[index].action = HB_DROPPED;
}

void hb_staging_settle_led(struct hb_staging *staging)
{
    hb_led_each_clash(&staging->led, staging->plan, drop, staging);
    hb_led_clear(&staging->led);
}
