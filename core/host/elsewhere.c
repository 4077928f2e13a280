/* SPDX-License-Identifier: Apache-2.0 */
#include "host/elsewhere.h"

#include "base/memory.h"
#include "base/path.h"
#include "config/home_path.h"
#include <string.h>
#include <sys/stat.h>

/* The same directory? Where one of them is missing, as in a dry run, the names decide. */
static bool is_same(const char *one, const char *other)
{
    struct stat here, there;
    if (stat(one, &here) == 0 && stat(other, &there) == 0)
        return here.st_dev == there.st_dev && here.st_ino == there.st_ino;
    HB_AUTO_FREE char *full = hb_absolute(other);
    return full != NULL && strcmp(one, full) == 0;
}

bool hb_home_is_elsewhere(const struct hb_config *config, const char *home)
{
    for (int of = HB_HOME_NESTED; of < HB_HOME_KINDS; of++) {
        struct hb_error ignored;
        HB_AUTO_FREE char *path = NULL;
        if (hb_home_find(config, NULL, (enum hb_home_of)of, &path, &ignored) == HB_OK &&
            is_same(home, path))
            return false;
    }
    return true;
}
