/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule that can never match leaves nothing out, which is found when the archive is too large or
 * has what it should not have. So it is refused; all of them in one run. One that matches only a
 * name that hardly exists, such as "*.txt" with its star, is noted: the file may be there.
 */
#include "settings.h"

#include <stdio.h>
#include <string.h>

struct check {
    const struct hb_host *host;
    const struct hb_settings *settings;
    const struct hb_option *const *options;
    bool right;
};

static const char *key_of(const struct check *check, size_t which)
{
    return check->options[which]->key;
}

/* ---- names --------------------------------------------------------------------------------- */

static bool is_component(const char *name)
{
    return *name != '\0' && strchr(name, '/') == NULL && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

/* How to say what was meant with stars. */
static void advise(size_t which, const char *name, char *advice, size_t bytes)
{
    if (which == SUFFIXES && name[0] == '*' && name[1] != '\0' && strchr(name + 1, '*') == NULL)
        snprintf(advice, bytes, "write suffixes = %s", name + 1);
    else if (which == PRIVATE)
        snprintf(advice, bytes, "for a pattern write private-patterns = %s", name);
    else
        snprintf(advice, bytes, "for a pattern write patterns = %s%s%s",
                 which == ROOT_NAMES ? "/" : "", which == SUFFIXES && *name != '*' ? "*" : "",
                 name);
}

static void check_name(struct check *check, size_t which, const char *name)
{
    const struct hb_host *host = check->host;
    char advice[600];
    if (which == SUFFIXES ? *name == '\0' || strchr(name, '/') != NULL : !is_component(name)) {
        host->fail(host, HB_STATUS_FATAL,
                   "[%s] %s: \"%s\" is not one component of a path and would never match; use "
                   "globs for paths",
                   check->settings->section, key_of(check, which), name);
        check->right = false;
    } else if (strchr(name, '*') != NULL) {
        advise(which, name, advice, sizeof advice);
        host->note(host, NULL, "[%s] %s: \"%s\" matches only a name with that very * in it; %s",
                   check->settings->section, key_of(check, which), name, advice);
    }
}

/* ---- globs --------------------------------------------------------------------------------- */

/* A component that no path has; not looked for where a '/' may stand in brackets or be escaped. */
static bool has_impossible_component(const char *glob)
{
    for (const char *part = glob; strpbrk(glob, "[\\") == NULL; part++) {
        size_t bytes = strcspn(part, "/");
        if (bytes == 0 || (bytes <= 2 && strncmp(part, "..", bytes) == 0))
            return true;
        part += bytes;
        if (*part == '\0')
            return false;
    }
    return false;
}

static bool ends_escaping(const char *glob, size_t bytes)
{
    size_t escapes = 0;
    while (escapes < bytes && glob[bytes - 1 - escapes] == '\\')
        escapes++;
    return escapes % 2 == 1;
}

/* A '[' is itself where no ']' ends the set, before the '/'. */
static bool has_open_set(const char *glob)
{
    for (const char *at = glob; *at != '\0'; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
        } else if (*at == '[') {
            const char *first = at + 1 + (at[1] == '!' || at[1] == '^');
            size_t bytes = *first == '\0' ? 0 : 1 + strcspn(first + 1, "]");
            if (bytes == 0 || first[bytes] == '\0')
                return true;
            at = first + bytes;
        }
    }
    return false;
}

static void check_glob(struct check *check, size_t which, const char *glob)
{
    const struct hb_host *host = check->host;
    const char *key = key_of(check, which);
    const char *section = check->settings->section;
    size_t bytes = strlen(glob);
    const char *problem = NULL;
    if (bytes == 0 || glob[0] == '/' || glob[bytes - 1] == '/' || strncmp(glob, "./", 2) == 0)
        problem = "paths are relative to the home, without a leading \"./\" or \"/\" or a trailing "
                  "\"/\"";
    else if (has_impossible_component(glob))
        problem = "no path has \".\", \"..\" or an empty component";
    else if (ends_escaping(glob, bytes))
        problem = "nothing follows the \\ at its end";
    if (problem != NULL) {
        host->fail(host, HB_STATUS_FATAL, "[%s] %s: \"%s\" would never match: %s", section, key,
                   glob, problem);
        check->right = false;
    } else if (has_open_set(glob)) {
        host->note(host, NULL,
                   "[%s] %s: \"%s\" has a [ without a ], which matches only that very [; close "
                   "it, or write \\[",
                   section, key, glob);
    }
}

/* ---- all ----------------------------------------------------------------------------------- */

bool check_settings(const struct hb_host *host, const struct hb_settings *settings,
                    const struct hb_option *const *options)
{
    static const size_t components[] = {DIRECTORIES, ROOT_NAMES, NAMES, SUFFIXES, PRIVATE};
    const size_t room = sizeof((struct hb_verdict *)NULL)->reason - 1;
    struct check check = {host, settings, options, true};
    for (size_t i = 0; i < sizeof components / sizeof components[0]; i++) {
        const struct hb_value *value = settings->values[components[i]];
        for (size_t k = 0; k < value->list_count; k++)
            check_name(&check, components[i], value->list[k]);
    }
    if (strlen(settings->values[REASON]->text) > room) {
        host->fail(host, HB_STATUS_FATAL, "[%s] reason: longer than %zu bytes", settings->section,
                   room);
        check.right = false;
    }
    for (size_t which = GLOBS; which <= ONLY; which++)
        for (size_t i = 0; i < settings->values[which]->list_count; i++)
            check_glob(&check, which, settings->values[which]->list[i]);
    return check.right;
}
