/* SPDX-License-Identifier: Apache-2.0 */
/*
 * example - a hook plugin: what else happens before and after a command. This one adds a line to
 * the summary, and refuses to begin where a certain file is missing. hbcore/hook.h is the contract.
 * A section of the configuration selects it:
 *
 *     [hook:mine]
 *     plugin = example
 *     commands = backup
 *     required = documents/this-disk-is-mounted
 */
#define _POSIX_C_SOURCE 200809L /* what POSIX has beyond C11 */
#include <errno.h>
#include <hbcore/hook.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One for each section that selects the plugin. All state lives here, none in static variables. */
struct hook {
    const struct hb_host *host;
    const struct hb_value *commands; /* the host's, valid until destroy() */
    const char *required;
};

/* CHANGE: what a section can set. The host checks the values; `plugins show` prints the table. */
enum { COMMANDS, REQUIRED, OPTIONS };

static const char *const known_commands[] = {"backup", "import", "prune", NULL};

static const struct hb_option *const options[OPTIONS] = {
    [COMMANDS] = &(const struct hb_option){.size = sizeof(struct hb_option),
                                           .type = HB_OPTION_LIST,
                                           .key = "commands",
                                           .default_text = "backup import",
                                           .choices = known_commands,
                                           .help = "The commands that it has something to do with"},
    [REQUIRED] =
        &(const struct hb_option){
            .size = sizeof(struct hb_option),
            .type = HB_OPTION_STRING,
            .key = "required",
            .default_text = "",
            .help = "A file of the home without which these commands do not begin"},
};

static int create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct hook *hook = calloc(1, sizeof *hook);
    if (hook == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory"); /* always say why, then return */
    hook->host = host;
    hook->commands = settings->values[COMMANDS];
    hook->required = settings->values[REQUIRED]->text;
    *self = hook;
    return HB_OK;
}

static int is_mine(const struct hook *hook, const struct hb_event *event)
{
    for (size_t i = 0; i < hook->commands->list_count; i++)
        if (strcmp(hook->commands->list[i], event->command) == 0)
            return 1;
    return 0;
}

/* CHANGE: what must be so before anything is done. A failure means that nothing is. */
static int before(void *self, const struct hb_event *event)
{
    const struct hook *hook = self;
    const struct hb_host *host = hook->host;
    char byte;
    if (!is_mine(hook, event) || *hook->required == '\0')
        return HB_OK;
    int64_t got = host->read_entry(host, hook->required, 0, &byte, sizeof byte);
    if (got < 0)
        return host->fail(host, HB_STATUS_FATAL, "%s: %s", hook->required, strerror(errno));
    return HB_OK;
}

/* CHANGE: what is to be said or done at the end. With event->dry_run it must change nothing. */
static int after(void *self, const struct hb_event *event)
{
    const struct hook *hook = self;
    const struct hb_host *host = hook->host;
    char json[64];
    if (!is_mine(hook, event))
        return HB_OK;
    host->summary(host, "example: %" PRIu64 " files, %" PRIu64 " skipped or doubtful", event->files,
                  event->skipped);
    snprintf(json, sizeof json, "{\"files\":%" PRIu64 "}", event->files);
    return host->member(host, "example", json); /* for those who read --json */
}

/* CHANGE: what before() has begun ends here, also where the command has failed; event->error says
 * why. */
static int finally(void *self, const struct hb_event *event)
{
    const struct hook *hook = self;
    if (event->status != HB_OK && is_mine(hook, event))
        hook->host->log(hook->host, HB_LOG_DEBUG, "heard of a failure: %s", event->error);
    return HB_OK;
}

/* Each structure says how large it is, so that plugin and host may be of different releases. */
static const struct hb_hook_ops ops = {
    .size = sizeof ops, .before = before, .after = after, .finally = finally};

static const struct hb_plugin plugin = {
    .size = sizeof plugin,
    .abi = HB_ABI,
    .kind = HB_KIND_HOOK,
    .host_size = HB_SIZE_TO(struct hb_host, member),
    .name = "example", /* the file must be called example.so */
    .version = "0.1",
    .summary = "Adds a line to the summary of a command", /* CHANGE */
    .options = options,
    .option_count = OPTIONS,
    .create = create,
    .destroy = free,
    .ops = &ops,
};

/* So that the host need not load it to know it. */
HB_PLUGIN_KIND(HB_KIND_HOOK);

/* The one symbol that is exported. */
HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
