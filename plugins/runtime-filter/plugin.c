/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime-filter: which files are left out, by name, suffix, pattern or size, and which become
 * private. The same rules serve as exclusions of a backup and as the skip list of an import; a
 * section of the configuration says which. Here are its options, an instance, and what the host
 * calls; settings.c says which values can be meant.
 */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hb_option *const options[OPTIONS] = {
    [DIRECTORIES] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_LIST,
            .key = "directories",
            .default_text = "",
            .help = "Names of files and directories to leave out at any depth, with "
                    "everything below them"},
    [ROOT_NAMES] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_LIST,
            .key = "root-names",
            .default_text = "",
            .help = "Names to leave out only directly in the home, with everything below them"},
    [NAMES] = &(const struct hb_option){.size = sizeof(struct hb_option),
                                        .type = HB_OPTION_LIST,
                                        .key = "names",
                                        .default_text = "",
                                        .help = "Base names of files to leave out"},
    [SUFFIXES] = &(const struct hb_option){.size = sizeof(struct hb_option),
                                           .type = HB_OPTION_LIST,
                                           .key = "suffixes",
                                           .default_text = "",
                                           .help = "Suffixes of files to leave out"},
    [GLOBS] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_LIST,
            .key = "globs",
            .default_text = "",
            .help = "Patterns of paths to leave out; a pattern must match the whole relative "
                    "path, * and ? never match a /"},
    [ONLY] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_LIST,
            .key = "only",
            .default_text = "",
            .help = "Patterns of paths, as in globs: of all that is in the directory of one, only "
                    "what matches one of them stays"},
    [PATTERNS] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_LIST,
            .key = "patterns",
            .default_text = "",
            .flags = HB_OPTION_PATTERNS,
            .help = "Patterns of what to leave out, as in a .gitignore file: hbcore(1) has "
                    "their rules under PATTERNS"},
    [CACHES] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_BOOLEAN,
            .key = "exclude-caches",
            .default_text = "no",
            .help = "In a backup, leave out what is in directories with a CACHEDIR.TAG file; "
                    "directory and tag stay"},
    [LARGER_THAN] = &(const struct hb_option){.size = sizeof(struct hb_option),
                                              .type = HB_OPTION_BYTES,
                                              .key = "exclude-larger-than",
                                              .default_text = "0",
                                              .help = "Leave out files that are larger; 0: none"},
    [PRIVATE] = &(const struct hb_option){.size = sizeof(struct hb_option),
                                          .type = HB_OPTION_LIST,
                                          .key = "private",
                                          .default_text = "",
                                          .help = "Base names of files that get private-mode"},
    [PRIVATE_PATTERNS] =
        &(const struct hb_option){.size = sizeof(struct hb_option),
                                  .type = HB_OPTION_LIST,
                                  .key = "private-patterns",
                                  .default_text = "",
                                  .flags = HB_OPTION_PATTERNS,
                                  .help = "The same by patterns, as in a .gitignore file"},
    [PRIVATE_MODE] = &(const struct hb_option){.size = sizeof(struct hb_option),
                                               .type = HB_OPTION_MODE,
                                               .key = "private-mode",
                                               .default_text = "0600",
                                               .minimum = 0,
                                               .maximum = 0777,
                                               .help = "Permission bits of private files"},
    [REASON] = &(const struct hb_option){.size = sizeof(struct hb_option),
                                         .type = HB_OPTION_STRING,
                                         .key = "reason",
                                         .default_text = "excluded by rule",
                                         .help = "Reason that the report gives"},
    [MISSED] = &(const struct hb_option){.size = sizeof(struct hb_option),
                                         .type = HB_OPTION_BOOLEAN,
                                         .key = "missed",
                                         .default_text = "no",
                                         .help = "What is left out is missed: each is named, and "
                                                 "the result is incomplete, exit 3"},
};

static void filter_destroy(void *self)
{
    struct rules *rules = self;
    if (rules->patterns != NULL)
        rules->host->patterns_free(rules->host, rules->patterns);
    if (rules->private_patterns != NULL)
        rules->host->patterns_free(rules->host, rules->private_patterns);
    caches_clear(&rules->caches);
    name_set_free(&rules->directories);
    name_set_free(&rules->root_names);
    name_set_free(&rules->names);
    name_set_free(&rules->private_names);
    globs_free(&rules->globs);
    globs_free(&rules->only);
    free(rules->scratch);
    free(rules);
}

static bool load_set(struct name_set *set, const struct hb_value *value)
{
    return name_set_init(set, value->list, value->list_count);
}

static bool load_globs(struct globs *globs, const struct hb_value *value)
{
    return globs_init(globs, value->list, value->list_count);
}

/* HB_OK or HB_STATUS_FATAL. A host of before does not know patterns; without any it need not. */
static int load_patterns(const struct rules *rules, const struct hb_settings *settings, int option,
                         struct hb_patterns **patterns)
{
    const struct hb_host *host = rules->host;
    const struct hb_value *value = settings->values[option];
    char key[200];
    if (value->list_count == 0)
        return HB_OK;
    if (!HB_HAS(host, patterns_free) || host->patterns_create == NULL)
        return host->fail(host, HB_STATUS_FATAL,
                          "[%s] %s: this hbcore is too old for patterns; use other rules, or "
                          "install a newer one",
                          settings->section, options[option]->key);
    snprintf(key, sizeof key, "[%s] %s", settings->section, options[option]->key);
    *patterns = host->patterns_create(host, key, value->list, value->list_count);
    return *patterns == NULL ? HB_STATUS_FATAL : HB_OK;
}

static int filter_create(const struct hb_host *host, const struct hb_settings *settings,
                         void **self)
{
    int status = HB_OK;
    bool right = check_settings(host, settings, options);
    struct rules *rules = calloc(1, sizeof *rules);
    if (rules == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory for the rules of [%s]",
                          settings->section);
    rules->host = host;
    rules->suffixes = settings->values[SUFFIXES];
    rules->reason = settings->values[REASON]->text;
    rules->missed = settings->values[MISSED]->number != 0;
    rules->private_mode = (uint32_t)settings->values[PRIVATE_MODE]->number;
    rules->caches.host = settings->values[CACHES]->number != 0 ? host : NULL;
    rules->larger_than = (uint64_t)settings->values[LARGER_THAN]->number;
    rules->larger_than_text = settings->values[LARGER_THAN]->text;
    if (!load_globs(&rules->globs, settings->values[GLOBS]) ||
        !load_globs(&rules->only, settings->values[ONLY]) ||
        !load_set(&rules->directories, settings->values[DIRECTORIES]) ||
        !load_set(&rules->root_names, settings->values[ROOT_NAMES]) ||
        !load_set(&rules->names, settings->values[NAMES]) ||
        !load_set(&rules->private_names, settings->values[PRIVATE])) {
        filter_destroy(rules);
        return host->fail(host, HB_STATUS_FATAL, "out of memory for the rules of [%s]",
                          settings->section);
    }
    status = load_patterns(rules, settings, PATTERNS, &rules->patterns);
    if (status == HB_OK)
        status = load_patterns(rules, settings, PRIVATE_PATTERNS, &rules->private_patterns);
    if (status != HB_OK || !right) {
        filter_destroy(rules);
        return HB_STATUS_FATAL;
    }
    *self = rules;
    return HB_OK;
}

static int filter_enter(void *self, const char *path)
{
    struct rules *rules = self;
    return caches_enter(&rules->caches, path);
}

static int filter_leave(void *self, const char *path)
{
    struct rules *rules = self;
    caches_leave(&rules->caches, path);
    return HB_OK;
}

static const struct hb_filter_ops ops = {.size = sizeof ops,
                                         .verdict = rules_verdict,
                                         .dir_enter = filter_enter,
                                         .dir_leave = filter_leave};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_FILTER,
    .host_size = offsetof(struct hb_host, patterns_create), /* they are done without */
    .name = "runtime-filter",
    .version = "0.1.0",
    .summary = "Leaves files out by name, suffix, pattern or size, and makes secrets private",
    .options = options,
    .option_count = OPTIONS,
    .create = filter_create,
    .destroy = filter_destroy,
    .ops = &ops,
};

HB_PLUGIN_KIND(HB_KIND_FILTER);

const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
