/* SPDX-License-Identifier: Apache-2.0 */
/* The one question that commands ask: go on? */
#ifndef HB_ANSWER_H
#define HB_ANSWER_H

#include "base/error.h"
#include <stdio.h>

/*
 * Asks on `out` and reads one line of standard input. HB_OK: yes; HB_STATUS_NOMATCH: no;
 * HB_STATUS_CANCELLED; HB_STATUS_FATAL: nobody can answer, and the hint names the `option` that
 * does "to WHAT". `question` is what could not be written then.
 */
int hb_answer(FILE *out, const char *option, const char *question, const char *what,
              struct hb_error *error);

#endif
