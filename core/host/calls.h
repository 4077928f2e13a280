/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call into an instance of a plugin goes through here, so that it is known whose code runs
 * (plugin/inside.h), that what belongs to the whole process is as before afterwards
 * (plugin/process_state.h), and that an answer is one of those that hbcore/abi.h has.
 */
#ifndef HB_CALLS_H
#define HB_CALLS_H

#include "host/run.h"

/*
 * `instance` shall be one of `plugin`: sets its `plugin`, and the tables of callbacks that stand in
 * it. They take instance->self, which is the instance itself, as any plugin's callbacks take
 * theirs.
 */
void hb_calls_wrap(struct hb_instance *instance, const struct hb_plugin *plugin);

/* Of the plugin itself. */
int hb_calls_create(struct hb_instance *instance);
/* Instead of that, of one that has it. */
int hb_calls_check(struct hb_instance *instance);
void hb_calls_destroy(struct hb_instance *instance);

#endif
