/* SPDX-License-Identifier: Apache-2.0 */
#include "config/home_path.h"

#include "base/memory.h"
#include "base/path.h"
#include <string.h>

/* X/NESTED/NAME -> X, in place, when the last but one component is one of `names`. */
static void strip_nested(char *path, const char *const *names)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        path[--length] = '\0';
    char *last = strrchr(path, '/');
    if (last == NULL || last == path)
        return;
    *last = '\0';
    char *parent = strrchr(path, '/');
    for (; parent != NULL && parent != path && *names != NULL; names++) {
        if (strcmp(parent + 1, *names) == 0) {
            *parent = '\0';
            return;
        }
    }
    *last = '/';
}

int hb_home_find(const struct hb_config *config, const char *given, bool outermost, char **path,
                 struct hb_error *error)
{
    *path = NULL;
    if (given != NULL) {
        if (*given == '\0')
            return hb_error_set(error, HB_STATUS_FATAL, "--home: the directory's name is empty");
        *path = hb_copy_text(given);
        return HB_OK;
    }
    const char *variable = hb_config_home(config)->variable;
    const char *value = *variable == '\0' ? NULL : getenv(variable);
    if (value == NULL || *value == '\0')
        value = hb_config_home(config)->path;
    if (*value == '\0') {
        hb_error_set(error, HB_STATUS_FATAL,
                     "no home: the configuration names no directory to work on");
        hb_error_hint(error, "use --home DIR, or set path in section [home]");
        return HB_STATUS_FATAL;
    }
    *path = hb_expand_path(value);
    if (outermost)
        strip_nested(*path, hb_config_home(config)->nested_in);
    return HB_OK;
}
