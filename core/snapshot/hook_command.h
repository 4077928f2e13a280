/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command that a hook declares (hbcore/hook.h). What it does, only the hook knows; what is ours
 * is that its operands are what they are said to be, and that nothing is done with a home that is
 * half old and half new, nor while another run works on it.
 */
#ifndef HB_HOOK_COMMAND_H
#define HB_HOOK_COMMAND_H

#include "host/declared.h"
#include "host/run.h"

struct hb_hook_call {
    const struct hb_declared *declared;
    const struct hb_value *const *options; /* as those of the command stand */
    char *const *typed;                    /* its operands */
    bool dry_run;
    /* By hb_hook_call_resolve: */
    char **operands; /* what the hook gets; ended by NULL */
    char **shown;    /* what is told of each: of a snapshot its id */
};

/* The home is open. HB_OK, or HB_STATUS_FATAL. hb_hook_call_clear in any case. */
int hb_hook_call_resolve(struct hb_run *run, struct hb_hook_call *call, struct hb_error *error);
void hb_hook_call_clear(struct hb_hook_call *call);

/*
 * The home is locked, but for a command that only reads. HB_OK: the hook has done its part, see the
 * report. HB_STATUS_NOMATCH: the configuration is wrong. HB_STATUS_CANCELLED, HB_STATUS_FATAL.
 */
int hb_hook_call_run(struct hb_run *run, struct hb_hook_call *call, struct hb_error *error);

#endif
