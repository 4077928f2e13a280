/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hook that writes each event that it hears of into a log, a line each: "WHEN COMMAND EXIT FILES
 * there|absent ARCHIVE", the fifth for whether the archive is there at that moment. It refuses the
 * command that `refuse` names, and finds all that it hears of doubtful with `doubt`.
 */
#include <fcntl.h>
#include <hbcore/hook.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct noting {
    const struct hb_host *host;
    const char *log, *refuse;
    int doubt;
};

static int noting_create(const struct hb_host *host, const struct hb_settings *settings,
                         void **self)
{
    struct noting *noting = calloc(1, sizeof *noting);
    if (noting == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    *noting = (struct noting){host, settings->values[0]->text, settings->values[1]->text,
                              settings->values[2]->number != 0};
    *self = noting;
    return HB_OK;
}

static void note(const struct noting *noting, const char *when, const struct hb_event *event)
{
    char line[4096];
    const char *archive = event->archive == NULL ? "" : event->archive;
    int bytes = snprintf(line, sizeof line, "%s %s %d %llu %s %s\n", when, event->command,
                         event->exit_status, (unsigned long long)event->files,
                         access(archive, F_OK) == 0 ? "there" : "absent", archive);
    int fd = open(noting->log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, line, (size_t)bytes) != bytes)
        abort();
    close(fd);
}

static int noting_before(void *self, const struct hb_event *event)
{
    const struct noting *noting = self;
    note(noting, "before", event);
    if (strcmp(noting->refuse, event->command) == 0)
        return noting->host->fail(noting->host, HB_STATUS_FATAL, "%s is refused", event->command);
    return HB_OK;
}

static int noting_after(void *self, const struct hb_event *event)
{
    const struct noting *noting = self;
    note(noting, "after", event);
    noting->host->summary(noting->host, "noting: heard of %s", event->command);
    struct hb_entry entry = {.size = sizeof entry, .path = event->archive};
    if (noting->doubt)
        noting->host->doubtful(noting->host, &entry, "the hook does not believe it");
    return HB_OK;
}

static const struct hb_option *const options[] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "log",
                              .default_text = "/dev/null",
                              .help = "where the events are written"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "refuse",
                              .default_text = "",
                              .help = "the command that is refused"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_BOOLEAN,
                              .key = "doubt",
                              .default_text = "no",
                              .help = "is everything doubtful?"},
};

static const struct hb_hook_ops ops = {
    .size = sizeof(struct hb_hook_ops), .before = noting_before, .after = noting_after};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_HOOK,
    .host_size = sizeof(struct hb_host),
    .name = "noting",
    .version = "1.0",
    .summary = "Notes what it hears of",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = noting_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
