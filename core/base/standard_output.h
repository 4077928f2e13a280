/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output belongs to the program: an archive or JSON goes there. What a plugin or a library
 * prints there would get among it, so descriptor 1 is made another one, and only the program knows
 * the true one.
 */
#ifndef HB_STANDARD_OUTPUT_H
#define HB_STANDARD_OUTPUT_H

#include <stdbool.h>

/* The descriptor to write results to. */
int hb_standard_output(void);

/*
 * From here on what is printed to descriptor 1 goes to standard error. False: that is not possible,
 * and all is as before. Main thread, before there are others.
 */
bool hb_standard_output_move(void);

#endif
