/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that the hooks of a configuration declare (hbcore/hook.h). */
#ifndef HB_DECLARED_H
#define HB_DECLARED_H

#include "config/config.h"
#include <hbcore/hook.h>
#include <stdbool.h>

struct hb_declared {
    const struct hb_section *section; /* of the hook */
    const struct hb_hook_command *command;
};

/*
 * The first one behind `previous` (zeros: of all), in the order of the file; those that `on` of
 * their section leaves out are passed over. False: there is none.
 */
bool hb_declared_next(const struct hb_config *config, const struct hb_declared *previous,
                      struct hb_declared *next);

/* Another section that declares the same command; NULL: none. */
const struct hb_section *hb_declared_twice(const struct hb_config *config,
                                           const struct hb_declared *declared);

#endif
