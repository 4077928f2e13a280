/* SPDX-License-Identifier: Apache-2.0 */
#include "files/installed.h"

#include "base/memory.h"
#include <limits.h>
#include <string.h>
#include <unistd.h>

char *hb_installed(const char *below, const char *otherwise)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    program[length < 0 ? 0 : length] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(program, '/');
        if (slash != NULL)
            *slash = '\0';
    }
    char *beside = hb_text("%s/%s", program, below);
    if (length > 0 && access(beside, F_OK) == 0)
        return beside;
    free(beside);
    return hb_copy_text(otherwise);
}
