/* SPDX-License-Identifier: Apache-2.0 */
#include "base/standard_output.h"

#include <fcntl.h>
#include <unistd.h>

static int output = STDOUT_FILENO; /* set once, before there are threads */

int hb_standard_output(void)
{
    return output;
}

bool hb_standard_output_move(void)
{
    /* One that was closed when the program started is open the wrong way round: it stays so. */
    int flags = fcntl(STDOUT_FILENO, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return false;
    int copy = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (copy < 0)
        return false;
    if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) {
        close(copy);
        return false;
    }
    output = copy;
    return true;
}
