/* SPDX-License-Identifier: Apache-2.0 */
#include "output.h"

#include <errno.h>
#include <unistd.h>

/* The first failure is the reason; a later one may only follow from it. */
static ssize_t write_some(void *context, const char *data, size_t bytes)
{
    int *reason = context;
    size_t done = 0;
    while (done < bytes) {
        ssize_t written = write(STDOUT_FILENO, data + done, bytes - done);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0) {
            *reason = *reason == 0 ? errno : *reason;
            return 0; /* as fopencookie(3) wants a failure to be told */
        }
        done += (size_t)written;
    }
    return (ssize_t)done;
}

FILE *hb_output_open(int *reason)
{
    FILE *out = fopencookie(reason, "w", (cookie_io_functions_t){.write = write_some});
    if (out != NULL && isatty(STDOUT_FILENO))
        setvbuf(out, NULL, _IOLBF, BUFSIZ);
    return out;
}
