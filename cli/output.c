/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include "base/standard_output.h"
#include "files/io.h"
#include <unistd.h>

/* The first failure is the reason; a later one may only follow from it. */
static ssize_t write_some(void *context, const char *data, size_t bytes)
{
    int *reason = context;
    int result = hb_write_all(hb_standard_output(), data, bytes);
    if (result == 0)
        return (ssize_t)bytes;
    *reason = *reason == 0 ? -result : *reason;
    return 0; /* as fopencookie(3) wants a failure to be told */
}

FILE *hb_output_open(int *reason)
{
    FILE *out = fopencookie(reason, "w", (cookie_io_functions_t){.write = write_some});
    if (out != NULL && isatty(STDOUT_FILENO))
        setvbuf(out, NULL, _IOLBF, BUFSIZ);
    return out;
}
