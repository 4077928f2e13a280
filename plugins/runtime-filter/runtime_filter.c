/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime-filter: what is left out, by name, suffix or pattern, and which files end private.
 * The same rules serve as exclusions on backup and as a skip list on import; a section of
 * the configuration says which.
 */
#include "name_set.h"

#include <fnmatch.h>
#include <hbcore/filter.h>
#include <stdlib.h>
#include <string.h>

enum { DIRECTORIES, ROOT_NAMES, NAMES, SUFFIXES, GLOBS, PRIVATE, PRIVATE_MODE, REASON, OPTIONS };

static const struct hb_option options[OPTIONS] = {
    [DIRECTORIES] = {.size = sizeof(struct hb_option),
                     .type = HB_OPTION_LIST,
                     .key = "directories",
                     .default_text = "",
                     .help = "Names left out wherever they are a component of a path, with all "
                             "that is below"},
    [ROOT_NAMES] = {.size = sizeof(struct hb_option),
                    .type = HB_OPTION_LIST,
                    .key = "root-names",
                    .default_text = "",
                    .help = "Names left out only directly in the home, with all that is below"},
    [NAMES] = {.size = sizeof(struct hb_option),
               .type = HB_OPTION_LIST,
               .key = "names",
               .default_text = "",
               .help = "Base names of files that are left out"},
    [SUFFIXES] = {.size = sizeof(struct hb_option),
                  .type = HB_OPTION_LIST,
                  .key = "suffixes",
                  .default_text = "",
                  .help = "Files whose base name ends so are left out"},
    [GLOBS] = {.size = sizeof(struct hb_option),
               .type = HB_OPTION_LIST,
               .key = "globs",
               .default_text = "",
               .help = "Patterns of whole relative paths that are left out; * and ? stop at a /"},
    [PRIVATE] = {.size = sizeof(struct hb_option),
                 .type = HB_OPTION_LIST,
                 .key = "private",
                 .default_text = "",
                 .help = "Base names of files that end with private-mode"},
    [PRIVATE_MODE] = {.size = sizeof(struct hb_option),
                      .type = HB_OPTION_MODE,
                      .key = "private-mode",
                      .default_text = "0600",
                      .minimum = 0,
                      .maximum = 0777,
                      .help = "The permission bits of private files"},
    [REASON] = {.size = sizeof(struct hb_option),
                .type = HB_OPTION_STRING,
                .key = "reason",
                .default_text = "excluded by rule",
                .help = "A few words for the report"},
};

struct rules {
    const struct hb_host *host;
    struct name_set directories;
    struct name_set root_names;
    struct name_set names;
    struct name_set private_names;
    const struct hb_value *suffixes;
    const struct hb_value *globs;
    size_t *glob_slashes; /* of each pattern */
    const char *reason;
    uint32_t private_mode;
    char *scratch; /* a path cut at a component; verdict() runs one at a time */
    size_t scratch_bytes;
};

/* ---- configuration --------------------------------------------------------------- */

static int check_names(const struct hb_host *host, const struct hb_settings *settings, size_t which)
{
    const struct hb_value *value = settings->values[which];
    for (size_t i = 0; i < value->list_count; i++) {
        const char *name = value->list[i];
        if (*name == '\0' || strchr(name, '/') != NULL)
            return host->fail(host, HB_FATAL,
                              "[%s] %s: \"%s\" is not one component of a path and would never "
                              "match; use globs for paths",
                              settings->section, options[which].key, name);
    }
    return HB_OK;
}

static int check_globs(const struct hb_host *host, const struct hb_settings *settings)
{
    const struct hb_value *value = settings->values[GLOBS];
    for (size_t i = 0; i < value->list_count; i++) {
        const char *glob = value->list[i];
        size_t bytes = strlen(glob);
        if (bytes == 0 || glob[0] == '/' || glob[bytes - 1] == '/' || strncmp(glob, "./", 2) == 0)
            return host->fail(host, HB_FATAL,
                              "[%s] globs: \"%s\" would never match: paths are relative to the "
                              "home, without a leading \"./\" or \"/\" or a trailing \"/\"",
                              settings->section, glob);
    }
    return HB_OK;
}

static int check_settings(const struct hb_host *host, const struct hb_settings *settings)
{
    static const size_t components[] = {DIRECTORIES, ROOT_NAMES, NAMES, SUFFIXES, PRIVATE};
    for (size_t i = 0; i < sizeof components / sizeof components[0]; i++) {
        int status = check_names(host, settings, components[i]);
        if (status != HB_OK)
            return status;
    }
    const size_t room = sizeof((struct hb_verdict *)NULL)->reason - 1;
    if (strlen(settings->values[REASON]->text) > room)
        return host->fail(host, HB_FATAL, "[%s] reason: longer than %zu bytes", settings->section,
                          room);
    return check_globs(host, settings);
}

static void filter_destroy(void *self)
{
    struct rules *rules = self;
    name_set_free(&rules->directories);
    name_set_free(&rules->root_names);
    name_set_free(&rules->names);
    name_set_free(&rules->private_names);
    free(rules->glob_slashes);
    free(rules->scratch);
    free(rules);
}

static bool load_set(struct name_set *set, const struct hb_value *value)
{
    return name_set_init(set, value->list, value->list_count);
}

static bool load_globs(struct rules *rules, const struct hb_value *value)
{
    rules->globs = value;
    rules->glob_slashes = calloc(value->list_count + 1, sizeof *rules->glob_slashes);
    if (rules->glob_slashes == NULL)
        return false;
    for (size_t i = 0; i < value->list_count; i++)
        for (const char *at = value->list[i]; *at != '\0'; at++)
            rules->glob_slashes[i] += *at == '/';
    return true;
}

static int filter_create(const struct hb_host *host, const struct hb_settings *settings,
                         void **self)
{
    int status = check_settings(host, settings);
    if (status != HB_OK)
        return status;
    struct rules *rules = calloc(1, sizeof *rules);
    if (rules == NULL)
        return host->fail(host, HB_FATAL, "out of memory for the rules of [%s]", settings->section);
    rules->host = host;
    rules->suffixes = settings->values[SUFFIXES];
    rules->reason = settings->values[REASON]->text;
    rules->private_mode = (uint32_t)settings->values[PRIVATE_MODE]->number;
    if (!load_globs(rules, settings->values[GLOBS]) ||
        !load_set(&rules->directories, settings->values[DIRECTORIES]) ||
        !load_set(&rules->root_names, settings->values[ROOT_NAMES]) ||
        !load_set(&rules->names, settings->values[NAMES]) ||
        !load_set(&rules->private_names, settings->values[PRIVATE])) {
        filter_destroy(rules);
        return host->fail(host, HB_FATAL, "out of memory for the rules of [%s]", settings->section);
    }
    *self = rules;
    return HB_OK;
}

/* ---- matching -------------------------------------------------------------------- */

static const char *base_name(const struct hb_entry *entry, size_t *bytes)
{
    const char *slash = memrchr(entry->path, '/', entry->path_bytes);
    const char *base = slash == NULL ? entry->path : slash + 1;
    *bytes = entry->path_bytes - (size_t)(base - entry->path);
    return base;
}

static bool component_matches(const struct rules *rules, const struct hb_entry *entry)
{
    const char *at = entry->path, *end = entry->path + entry->path_bytes;
    for (bool first = true;; first = false) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t bytes = (size_t)((slash == NULL ? end : slash) - at);
        if (name_set_has(&rules->directories, at, bytes))
            return true;
        if (first && name_set_has(&rules->root_names, at, bytes))
            return true;
        if (slash == NULL)
            return false;
        at = slash + 1;
    }
}

static bool file_matches(const struct rules *rules, const struct hb_entry *entry)
{
    size_t bytes;
    const char *base = base_name(entry, &bytes);
    if (name_set_has(&rules->names, base, bytes))
        return true;
    for (size_t i = 0; i < rules->suffixes->list_count; i++) {
        const char *suffix = rules->suffixes->list[i];
        size_t length = strlen(suffix);
        if (length <= bytes && memcmp(base + bytes - length, suffix, length) == 0)
            return true;
    }
    return false;
}

static bool reserve_scratch(struct rules *rules, size_t bytes)
{
    if (bytes < rules->scratch_bytes)
        return true;
    size_t room;
    if (__builtin_add_overflow(bytes, 4096, &room))
        return false;
    char *grown = realloc(rules->scratch, room);
    if (grown == NULL)
        return false;
    rules->scratch = grown;
    rules->scratch_bytes = room;
    return true;
}

/* The start of a path that has `slashes` of them; 0 where it has fewer. */
static size_t prefix_bytes(const struct hb_entry *entry, size_t slashes)
{
    const char *at = entry->path, *end = entry->path + entry->path_bytes;
    for (;; slashes--) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        if (slash == NULL)
            return slashes == 0 ? entry->path_bytes : 0;
        if (slashes == 0)
            return (size_t)(slash - entry->path);
        at = slash + 1;
    }
}

/*
 * Under FNM_PATHNAME a pattern only ever matches a path with as many slashes as it has itself, so
 * there is one prefix of a path to try. A prefix that is shorter than the path is a parent,
 * which in an archive may never have been shown.
 */
static int glob_matches(struct rules *rules, int direction, const struct hb_entry *entry,
                        size_t which, bool *matches)
{
    const char *glob = rules->globs->list[which];
    size_t bytes = prefix_bytes(entry, rules->glob_slashes[which]);
    if (bytes == 0 || (bytes < entry->path_bytes && direction != HB_IMPORT))
        return HB_OK;
    if (bytes == entry->path_bytes) {
        *matches = fnmatch(glob, entry->path, FNM_PATHNAME) == 0;
        return HB_OK;
    }
    if (!reserve_scratch(rules, bytes))
        return rules->host->fail(rules->host, HB_FATAL, "%s: out of memory for its path",
                                 entry->path);
    memcpy(rules->scratch, entry->path, bytes);
    rules->scratch[bytes] = '\0';
    *matches = fnmatch(glob, rules->scratch, FNM_PATHNAME) == 0;
    return HB_OK;
}

static int matches_rules(struct rules *rules, int direction, const struct hb_entry *entry,
                         bool *matches)
{
    *matches = component_matches(rules, entry) ||
               (entry->type != HB_DIRECTORY && file_matches(rules, entry));
    for (size_t i = 0; i < rules->globs->list_count && !*matches; i++) {
        int status = glob_matches(rules, direction, entry, i, matches);
        if (status != HB_OK)
            return status;
    }
    return HB_OK;
}

static int filter_verdict(void *self, int direction, const struct hb_entry *entry,
                          struct hb_verdict *verdict)
{
    struct rules *rules = self;
    bool matches;
    int status = matches_rules(rules, direction, entry, &matches);
    if (status != HB_OK)
        return status;
    if (matches) {
        verdict->kind = entry->type == HB_DIRECTORY ? HB_PRUNE : HB_LEAVE_OUT;
        memcpy(verdict->reason, rules->reason, strlen(rules->reason) + 1);
        return HB_OK;
    }
    size_t bytes;
    const char *base = base_name(entry, &bytes);
    if (entry->type == HB_FILE && name_set_has(&rules->private_names, base, bytes)) {
        verdict->flags |= HB_VERDICT_MODE;
        verdict->mode = rules->private_mode;
    }
    return HB_OK;
}

static const struct hb_filter_ops ops = {.size = sizeof ops, .verdict = filter_verdict};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_FILTER,
    .host_size = sizeof(struct hb_host),
    .name = "runtime-filter",
    .version = "0.1.0",
    .summary = "Leaves out by name, suffix or pattern, and makes secrets private",
    .options = options,
    .option_count = OPTIONS,
    .create = filter_create,
    .destroy = filter_destroy,
    .ops = &ops,
};

const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
