/* SPDX-License-Identifier: Apache-2.0 */
/* A question at the terminal whose answer nobody sees. */
#ifndef HB_TERMINAL_H
#define HB_TERMINAL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Asks at /dev/tty, wherever standard input and output lead, without echo; whatever comes of it,
 * the terminal is then as it was. The answer, up to the end of the line, goes to `text`, which has
 * room for `bytes`; what does not fit is only counted. How long it is, or -errno: -ENXIO there is
 * no terminal; -EINTR a signal asked the process to stop; -ENODATA nobody answered.
 */
int64_t hb_terminal_ask(const char *prompt, char *text, size_t bytes);

#endif
