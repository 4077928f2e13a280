/* SPDX-License-Identifier: Apache-2.0 */
/* The options by number, and which of their values can be meant. */
#ifndef FILTER_SETTINGS_H
#define FILTER_SETTINGS_H

#include "rules.h"

enum {
    DIRECTORIES,
    ROOT_NAMES,
    NAMES,
    SUFFIXES,
    GLOBS,
    ONLY,
    PATTERNS,
    CACHES,
    LARGER_THAN,
    PRIVATE,
    PRIVATE_PATTERNS,
    PRIVATE_MODE,
    REASON,
    MISSED,
    OPTIONS
};

/*
 * Says through host->fail() what can never match, each word of it, and notes what hardly is meant.
 * False: there was something of the first kind.
 */
bool check_settings(const struct hb_host *host, const struct hb_settings *settings,
                    const struct hb_option *const *options);

#endif
