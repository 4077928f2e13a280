/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hook that uses the services of host.h, for the tests, and as an example of them. `do` in its
 * section says which: what comes of it is a line of the summary.
 */
#define _POSIX_C_SOURCE 200809L /* O_DIRECTORY, O_CLOEXEC */
#include <fcntl.h>
#include <hbcore/hook.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DO, COMMAND, TOKEN, TIMEOUT };

struct serving {
    const struct hb_host *host;
    const struct hb_value *const *values;
};

static int serving_create(const struct hb_host *host, const struct hb_settings *settings,
                          void **self)
{
    struct serving *serving = calloc(1, sizeof *serving);
    if (serving == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    *serving = (struct serving){host, settings->values};
    *self = serving;
    return HB_OK;
}

/* The secret goes to the program by its input, where nobody sees it. */
static int run_command(const struct serving *serving)
{
    const struct hb_host *host = serving->host;
    const struct hb_value *command = serving->values[COMMAND];
    char output[200], errors[200];
    struct hb_secret token;
    int status = host->secret(host, "token", serving->values[TOKEN]->text, &token);
    if (status != HB_OK)
        return status;
    struct hb_child child = {.size = sizeof child,
                             .argv = command->list,
                             .input = token.text,
                             .input_bytes = token.bytes,
                             .timeout_ms = (uint64_t)serving->values[TIMEOUT]->number * 1000,
                             .output = output,
                             .output_room = sizeof output,
                             .errors = errors,
                             .errors_room = sizeof errors};
    if (host->dry_run(host)) {
        host->summary(host, "would run %s", child.argv[0]);
    } else {
        status = host->run_child(host, &child);
        if (status == HB_OK)
            host->summary(host, "%s: exit %d, signal %d, %llu bytes", child.argv[0],
                          child.exit_status, child.signal, (unsigned long long)child.output_bytes);
    }
    host->secret_release(host, &token);
    return status;
}

struct sweep {
    const struct serving *serving;
    int directory_fd, removed;
};

static int remove_old(void *context, const char *name, uint32_t type)
{
    struct sweep *sweep = context;
    const struct hb_host *host = sweep->serving->host;
    size_t bytes = strlen(name);
    if (type == HB_TYPE_DIRECTORY || bytes < 4 || strcmp(name + bytes - 4, ".old") != 0)
        return 0;
    sweep->removed++;
    return host->dry_run(host) ? HB_OK : host->unlink_beneath(host, sweep->directory_fd, name);
}

/* All that is called *.old in the directory "sub" of the home, links themselves among it. */
static int sweep(const struct serving *serving)
{
    const struct hb_host *host = serving->host;
    int fd = host->open_beneath(host, "sub", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    struct sweep sweeping = {serving, fd, 0};
    int status = host->list_beneath(host, fd, "", remove_old, &sweeping);
    close(fd);
    if (status == HB_OK)
        host->summary(host, "removed %d", sweeping.removed);
    return status;
}

/* A program works in a directory of its own, which goes with the run. */
static int stage(const struct serving *serving)
{
    const struct hb_host *host = serving->host;
    struct hb_file directory;
    int status = host->stage_directory(host, "work", &directory);
    if (status != HB_OK)
        return status;
    const char *const argv[] = {"env", "-C", directory.path, "mkdir", "-p", "a/b/c", NULL};
    struct hb_child child = {.size = sizeof child, .argv = argv};
    status = host->run_child(host, &child);
    if (status == HB_OK)
        host->summary(host, "staged %s, exit %d", directory.path, child.exit_status);
    host->stage_release(host, &directory); /* with all that is in it */
    return status;
}

static int serving_before(void *self, const struct hb_event *event)
{
    const struct serving *serving = self;
    const char *what = serving->values[DO]->text;
    (void)event;
    if (strcmp(what, "sweep") == 0)
        return sweep(serving);
    if (strcmp(what, "stage") == 0)
        return stage(serving);
    return run_command(serving);
}

#define OPTION(option_type, option_key, usual, option_flags, text)                                 \
    &(const struct hb_option)                                                                      \
    {                                                                                              \
        .size = sizeof(struct hb_option), .type = (option_type), .key = (option_key),              \
        .default_text = (usual), .help = (text), .flags = (option_flags)                           \
    }

static const struct hb_option *const options[] = {
    [DO] = OPTION(HB_OPTION_STRING, "do", "run", 0, "run, sweep or stage"),
    [COMMAND] = OPTION(HB_OPTION_LIST, "command", "true", 0, "A program and its words"),
    [TOKEN] = OPTION(HB_OPTION_STRING, "token", "", HB_OPTION_SECRET, "What the program reads"),
    [TIMEOUT] = OPTION(HB_OPTION_SECONDS, "timeout", "0", 0, "How long it may take"),
};

static const struct hb_hook_ops ops = {.size = sizeof(struct hb_hook_ops),
                                       .before = serving_before};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_HOOK,
    .host_size = HB_SIZE_TO(struct hb_host, unlink_beneath),
    .name = "serving",
    .version = "1.0",
    .summary = "Uses the services of the host",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = serving_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
