/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What belongs to the whole process and that no plugin may change (hbcore/abi.h): umask, working
 * directory, locale, signals, the standard descriptors.
 */
#ifndef HB_PROCESS_STATE_H
#define HB_PROCESS_STATE_H

#include <stdbool.h>
#include <stddef.h>

/* Notes how it is, to be kept so. Main thread, before there are plugins or other threads. */
void hb_process_note(void);

/* Notes the handlers of signals again: the program itself has set some. */
void hb_process_note_signals(void);

/*
 * What was changed since is put back, and named in `what` ("the umask, the working directory").
 * False: nothing was. Some ten system calls; nothing if hb_process_note() was not called.
 */
bool hb_process_put_back(char *what, size_t bytes);

/* Something was changed in this run: it has not done what it was told. Any thread. */
void hb_process_disturb(void);
bool hb_process_was_disturbed(void);

#endif
