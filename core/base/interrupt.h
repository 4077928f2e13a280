/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that ask the process to stop: SIGINT, SIGTERM, SIGHUP. They are looked at between two
 * steps of the work; what has begun to replace files is not torn by them. A second SIGINT or
 * SIGTERM ends the process at once, wherever it is.
 */
#ifndef HB_INTERRUPT_H
#define HB_INTERRUPT_H

#include <stdbool.h>

/*
 * From here on the signals are noticed instead of ending the process; those that are ignored stay
 * so. SIGPIPE and SIGXFSZ become errors of write(). For the whole process; main thread, before
 * there are others.
 */
void hb_interrupt_install(void);

/* The signal that asked the process to stop, or 0. Any thread. */
int hb_interrupt_signal(void);

/*
 * What a second signal says, in one line, before it ends the process: what is left half done, and
 * what to do about it. NULL: nothing. One thread at a time.
 */
void hb_interrupt_last_words(const char *text);

/* Says it, for whatever else ends the process. Safe in a handler of a signal. */
void hb_interrupt_say_last_words(void);

/* Waits until there is something to read, or the end of it: true. False: a signal came, or had. */
bool hb_interrupt_wait_input(int fd);

#endif
