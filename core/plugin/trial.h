/* SPDX-License-Identifier: Apache-2.0 */
/* Is a plugin survived? Tried in a child, for those that nobody has selected. */
#ifndef HB_TRIAL_H
#define HB_TRIAL_H

#include <stdbool.h>
#include <stddef.h>

/* How a trial ended. */
struct hb_trial {
    bool failed;
    char why[128]; /* "it crashes while it is loaded (SIGABRT)" */
};

/*
 * Calls `load` for each number below `count`, in order, in a child: rows[i], zero before, says
 * whether the child outlived it. Main thread, before there are others. If no child can be made,
 * none has failed.
 */
void hb_trial_run(void (*load)(void *context, size_t number), void *context, struct hb_trial *rows,
                  size_t count);

#endif
