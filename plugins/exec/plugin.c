/* SPDX-License-Identifier: Apache-2.0 */
/* exec: what the host sees. exec.h says which file does what. */
#include "facts.h"
#include "program.h"
#include <stdlib.h>
#include <string.h>

#define OPTION(...)  (&(const struct hb_option){.size = sizeof(struct hb_option), __VA_ARGS__})
#define PROGRAM(...) OPTION(.type = HB_OPTION_LIST, .default_text = "", __VA_ARGS__)

const char *const exec_moments[MOMENTS] = {"before", "on-success", "on-failure", "always"};

static const struct hb_option *const options[OPTIONS] = {
    [BEFORE] = PROGRAM(.key = "before", .help = "The program, and its words, before the command"),
    [ON_SUCCESS] = PROGRAM(.key = "on-success",
                           .help = "When it is done and complete, before old archives are removed"),
    [ON_FAILURE] =
        PROGRAM(.key = "on-failure", .help = "When it has failed, or its result is incomplete"),
    [ALWAYS] = PROGRAM(.key = "always", .help = "At the end, whatever came of it"),
    [SHELL] = OPTION(.type = HB_OPTION_BOOLEAN, .key = "shell", .default_text = "no",
                     .help = "Hand the words, joined by blanks, to /bin/sh -c as one line"),
    [TIMEOUT] = OPTION(.type = HB_OPTION_SECONDS, .key = "timeout", .default_text = "5m",
                       .minimum = 1, .maximum = 7 * 24 * 3600,
                       .help = "A program that takes longer is stopped, with all that it started"),
    [VETO] = OPTION(.type = HB_OPTION_BOOLEAN, .key = "veto", .default_text = "yes",
                    .help = "Nothing is done where `before` fails"),
    [HOLD_RETENTION] =
        OPTION(.type = HB_OPTION_BOOLEAN, .key = "hold-retention", .default_text = "no",
               .help = "No old archive is removed where `on-success` fails"),
};

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct exec *exec = calloc(1, sizeof *exec);
    if (exec == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    *exec = (struct exec){.host = host, .settings = settings};
    *self = exec;
    return HB_OK;
}

static int check(const struct hb_host *host, const struct hb_settings *settings)
{
    for (int moment = 0; moment < MOMENTS; moment++) {
        if (settings->values[moment]->list_count != 0)
            return HB_OK;
    }
    return host->fail(host, HB_STATUS_FATAL,
                      "[%s]: none of before, on-success, on-failure and always names a program",
                      settings->section);
}

static int before(void *self, const struct hb_event *event)
{
    const struct exec *exec = self;
    return exec_value(exec, VETO)->number != 0 ? program_run(exec, event, BEFORE)
                                               : program_try(exec, event, BEFORE);
}

/* A failure of this one holds retention back. */
static int after(void *self, const struct hb_event *event)
{
    const struct exec *exec = self;
    if (strcmp(facts_outcome(event, ON_SUCCESS), "success") != 0)
        return HB_OK;
    return exec_value(exec, HOLD_RETENTION)->number != 0 ? program_run(exec, event, ON_SUCCESS)
                                                         : program_try(exec, event, ON_SUCCESS);
}

static int finally(void *self, const struct hb_event *event)
{
    const struct exec *exec = self;
    int status = HB_OK;
    if (strcmp(facts_outcome(event, ON_FAILURE), "success") != 0)
        status = program_run(exec, event, ON_FAILURE);
    int always = program_run(exec, event, ALWAYS);
    return status != HB_OK ? status : always;
}

static const struct hb_hook_ops ops = {
    .size = sizeof ops,
    .before = before,
    .after = after,
    .finally = finally,
};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_HOOK,
    .host_size = HB_SIZE_TO(struct hb_host, dry_run),
    .name = "exec",
    .version = "0.1.0",
    .summary = "Programs before and after a command",
    .options = options,
    .option_count = OPTIONS,
    .create = create,
    .destroy = free,
    .ops = &ops,
    .check = check,
};

HB_PLUGIN_KIND(HB_KIND_HOOK);

const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
