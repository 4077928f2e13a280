/* SPDX-License-Identifier: Apache-2.0 */
/* The options by number, and what they say together. */
#ifndef AGE_SETTINGS_H
#define AGE_SETTINGS_H

#include <hbcore/transform.h>
#include <stdbool.h>

enum {
    RECIPIENT,
    RECIPIENTS_FILE,
    PASSPHRASE,
    IDENTITY,
    IDENTITY_PASSPHRASE,
    WORK_FACTOR,
    MAX_WORK_FACTOR,
    OPTIONS
};

extern const struct hb_option *const age_options[OPTIONS];

/* Says through host->fail() what is wrong, all of it. False: something is. */
bool settings_check(const struct hb_host *host, const struct hb_settings *settings);
/* "[SECTION] KEY: ..." through host->fail_as(); returns its status, HB_STATUS_FATAL. */
int settings_fail(const struct hb_host *host, const struct hb_settings *settings, int which,
                  uint32_t cause, const char *hint, const char *format, ...) HB_PRINTF(6, 7);

static inline const char *text_setting(const struct hb_settings *settings, int which)
{
    return settings->values[which]->text;
}

static inline unsigned number_setting(const struct hb_settings *settings, int which)
{
    return (unsigned)settings->values[which]->number;
}

static inline size_t count_setting(const struct hb_settings *settings, int which)
{
    return settings->values[which]->list_count;
}

#endif
