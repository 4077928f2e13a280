/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec: programs that run before and after a command.
 *
 *     facts      what is told to them, in the environment and as JSON
 *     program    one of them: words, a shell, time, what is shown of it
 *     plugin     options, and which one runs when
 */
#ifndef EXEC_H
#define EXEC_H

#include <hbcore/hook.h>

/* In the order of the options, whose first ones they are. */
enum moment { BEFORE, ON_SUCCESS, ON_FAILURE, ALWAYS, MOMENTS };

enum option { SHELL = MOMENTS, TIMEOUT, VETO, HOLD_RETENTION, OPTIONS };

struct exec {
    const struct hb_host *host;
    const struct hb_settings *settings;
};

static inline const struct hb_value *exec_value(const struct exec *exec, unsigned option)
{
    return exec->settings->values[option];
}

/* The name of the option whose program runs at this moment. */
extern const char *const exec_moments[MOMENTS];

#endif
