/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that runs beside this one, and is waited for.
 *
 * What it promises: no shell sees its words; it inherits no descriptor but its three; it cannot
 * block us, whatever it does with them; what is kept of its output is bounded; and when the time is
 * up, or the run is stopped, it ends, with all that it has started in its process group: SIGTERM,
 * and two seconds later SIGKILL. A second signal, which ends this program at once, kills it first.
 * If this program itself is killed, the child goes on; it sees the end of its input and a closed
 * output.
 *
 *     started ---> ends by itself ------------------------------> exit status or signal
 *        | time is up, or the run is stopped
 *        '---> SIGTERM ---> ends ------------.
 *                 | 2 s                      v
 *                 '---> SIGKILL ---> what is left of its group is killed ---> a failure
 *
 * What runs on behind its back, in its own session, is not waited for: when the child has ended,
 * what is in the pipes is read, and no more.
 */
#ifndef HB_BASE_CHILD_H
#define HB_BASE_CHILD_H

#include "base/error.h"
#include <hbcore/host.h>
#include <stdbool.h>

/*
 * See hbcore/host.h. HB_OK: it ended by itself; HB_STATUS_ENTRY: it did not, or was not started;
 * HB_STATUS_CANCELLED: `stopped` said so. Any thread.
 */
int hb_child_run(struct hb_child *child, bool (*stopped)(void *context), void *context,
                 struct hb_error *error);

/* Kills all that run. Safe in a handler of a signal. */
void hb_child_kill_all(void);

#endif
