/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output, with the reason why it could not be written. stdio keeps only that a write
 * failed: by the time the program ends, errno is that of another call, and whether a disk is full
 * or a reader has gone makes a difference (hbcore(1), "Standard output").
 */
#ifndef HB_OUTPUT_H
#define HB_OUTPUT_H

#include <stdio.h>

/*
 * Writes to standard output. The errno of the first write that fails goes to *reason, which stays
 * until the stream is closed. NULL: no memory.
 */
FILE *hb_output_open(int *reason);

#endif
