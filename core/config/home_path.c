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

/* Names of directories whose own ones are not meant alone. */
static const char *const *nested_in(const struct hb_config *config, enum hb_home_of of)
{
    const char *const *home = hb_config_home(config)->nested_in;
    const char *const *import = hb_config_import(config)->nested_in;
    bool same = import[0] != NULL && strcmp(import[0], "auto") == 0 && import[1] == NULL;
    return of == HB_HOME_OF_IMPORT && !same ? import : home;
}

int hb_home_find(const struct hb_config *config, const char *given, enum hb_home_of of, char **path,
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
    if (of != HB_HOME_NESTED)
        strip_nested(*path, nested_in(config, of));
    return HB_OK;
}
