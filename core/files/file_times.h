/* SPDX-License-Identifier: Apache-2.0 */
/* What the times of a file tell of its content. */
#ifndef HB_FILE_TIMES_H
#define HB_FILE_TIMES_H

#include <stdbool.h>
#include <sys/stat.h>

/*
 * Would a write after `now`, by CLOCK_REALTIME_COARSE, leave another time than the file has? In the
 * tick of the clock in which it was written it would not; some file systems keep whole seconds, or
 * every second one. Times that are far ahead are another clock's, and are believed.
 */
bool hb_write_would_show(const struct stat *status, const struct timespec *now);

/*
 * Is what was put back (touch -r, cp -p) perhaps other content: size and time of modification are
 * the same, the time of change is not, and there are no other rights or links that it is for?
 * `descriptor`: of the file.
 */
bool hb_may_be_put_back(const struct stat *before, const struct stat *now, int descriptor);

#endif
