/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hook that writes each event that it hears of into a log, a line each: "WHEN COMMAND EXIT FILES
 * there|absent ARCHIVE", the fifth for whether the archive is there at that moment. It refuses the
 * command that `refuse` names, and finds all that it hears of doubtful with `doubt`.
 *
 * Into `events` it writes each member of each event, a JSON object a line, "when" first. In the
 * callbacks that `stages` names it stages a file, publishes it as CALLBACK.noted, and leaves a
 * second one staged. Its after() answers what `answer` says.
 */
#include <errno.h>
#include <fcntl.h>
#include <hbcore/hook.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct noting {
    const struct hb_host *host;
    const char *log, *refuse;
    int doubt;
    const char *events;
    const char *const *stages;
    int64_t answer;
};

enum { LOG, REFUSE, DOUBT, EVENTS, STAGES, ANSWER, OPTIONS };

static int noting_create(const struct hb_host *host, const struct hb_settings *settings,
                         void **self)
{
    struct noting *noting = calloc(1, sizeof *noting);
    if (noting == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    *noting = (struct noting){.host = host,
                              .log = settings->values[LOG]->text,
                              .refuse = settings->values[REFUSE]->text,
                              .doubt = settings->values[DOUBT]->number != 0,
                              .events = settings->values[EVENTS]->text,
                              .stages = settings->values[STAGES]->list,
                              .answer = settings->values[ANSWER]->number};
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

/* ---- every member -------------------------------------------------------------------------- */

static void add_text(json_t *object, const char *key, const char *text)
{
    json_object_set_new(object, key, text == NULL ? json_null() : json_string(text));
}

static void add_number(json_t *object, const char *key, int64_t number)
{
    json_object_set_new(object, key, json_integer(number));
}

static json_t *reasons_of(const struct hb_event *event)
{
    json_t *list = json_array();
    for (size_t i = 0; i < event->reason_count; i++) {
        const struct hb_reason *reason = event->reasons[i];
        json_t *object = json_object();
        add_number(object, "kind", reason->kind);
        add_text(object, "path", reason->path);
        add_text(object, "text", reason->text);
        json_array_append_new(list, object);
    }
    return list;
}

static void write_event(const struct noting *noting, const char *when, const struct hb_event *event)
{
    json_t *object = json_object(), *removed = json_array();
    add_text(object, "when", when);
    add_text(object, "command", event->command);
    add_text(object, "within", event->within);
    add_text(object, "home", event->home);
    add_text(object, "archive", event->archive);
    add_text(object, "snapshot", event->snapshot);
    add_text(object, "preset", event->preset);
    add_text(object, "format", event->format);
    add_text(object, "error", event->error);
    add_number(object, "status", event->status);
    add_number(object, "exit_status", event->exit_status);
    add_number(object, "started", event->started.tv_sec);
    add_number(object, "duration_ms", (int64_t)event->duration_ms);
    add_number(object, "files", (int64_t)event->files);
    add_number(object, "bytes", (int64_t)event->bytes);
    add_number(object, "archive_bytes", (int64_t)event->archive_bytes);
    add_number(object, "skipped", (int64_t)event->skipped);
    add_number(object, "left_out", (int64_t)event->left_out);
    add_number(object, "dry_run", event->dry_run);
    add_number(object, "elsewhere", event->elsewhere);
    json_object_set_new(object, "reasons", reasons_of(event));
    for (size_t i = 0; i < event->removed_count; i++)
        json_array_append_new(removed, json_string(event->removed[i]));
    json_object_set_new(object, "removed", removed);
    FILE *file = fopen(noting->events, "ae");
    if (file == NULL || json_dumpf(object, file, JSON_COMPACT) != 0 || fputc('\n', file) == EOF ||
        fclose(file) != 0)
        abort();
    json_decref(object);
}

/* ---- staging ------------------------------------------------------------------------------- */

static int stages_in(const struct noting *noting, const char *when)
{
    for (const char *const *name = noting->stages; *name != NULL; name++)
        if (strcmp(*name, when) == 0)
            return 1;
    return 0;
}

static int stage(const struct noting *noting, const char *when)
{
    const struct hb_host *host = noting->host;
    struct hb_file file, left;
    char path[64], read[16];
    snprintf(path, sizeof path, "noted/%s.noted", when);
    int status = host->stage_file(host, when, &file);
    if (status == HB_OK)
        status = host->stage_file(host, "left", &left);
    if (status != HB_OK)
        return status;
    close(left.fd); /* the rest of it goes with the stage */
    free((void *)(uintptr_t)left.path);
    free(left.reserved);
    if (write(file.fd, when, strlen(when)) != (ssize_t)strlen(when))
        return host->fail(host, HB_STATUS_FATAL, "%s: %s", file.path, strerror(errno));
    status = host->publish(host, &file, path, 0640);
    if (status != HB_OK)
        return status;
    if (host->read_entry(host, path, 0, read, sizeof read) != (int64_t)strlen(when))
        return host->fail(host, HB_STATUS_FATAL, "%s: not as it was published", path);
    int fd = host->open_beneath(host, path, O_RDONLY, 0);
    if (fd < 0 || close(fd) != 0)
        return host->fail(host, HB_STATUS_FATAL, "%s: cannot be opened", path);
    return HB_OK;
}

static int hear(const struct noting *noting, const char *when, const struct hb_event *event)
{
    if (*noting->events != '\0')
        write_event(noting, when, event);
    return stages_in(noting, when) ? stage(noting, when) : HB_OK;
}

/* ---- the callbacks ------------------------------------------------------------------------- */

static int noting_before(void *self, const struct hb_event *event)
{
    const struct noting *noting = self;
    note(noting, "before", event);
    int status = hear(noting, "before", event);
    if (status != HB_OK)
        return status;
    if (strcmp(noting->refuse, event->command) == 0)
        return noting->host->fail(noting->host, HB_STATUS_FATAL, "%s is refused", event->command);
    return HB_OK;
}

static int noting_after(void *self, const struct hb_event *event)
{
    const struct noting *noting = self;
    note(noting, "after", event);
    int status = hear(noting, "after", event);
    if (status != HB_OK)
        return status;
    noting->host->summary(noting->host, "noting: heard of %s", event->command);
    struct hb_entry entry = {.size = sizeof entry, .path = event->archive};
    if (noting->doubt)
        noting->host->doubtful(noting->host, &entry, "the hook does not believe it");
    if (noting->answer == 1)
        return noting->host->fail(noting->host, HB_STATUS_SKIP,
                                  "the copy elsewhere is not there yet");
    if (noting->answer == 2)
        return noting->host->fail(noting->host, HB_STATUS_ENTRY, "the other machine is down");
    return noting->answer == 3 ? HB_STATUS_SKIP : HB_OK;
}

static int noting_finally(void *self, const struct hb_event *event)
{
    return hear(self, "finally", event);
}

static const char *const callbacks[] = {"before", "after", "finally", NULL};
static const char *const answers[] = {"well", "hold", "fail", "hold-silently", NULL};

static const struct hb_option *const options[OPTIONS] = {
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
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "events",
                              .default_text = "",
                              .help = "where all members of the events are written"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_LIST,
                              .key = "stages",
                              .default_text = "",
                              .choices = callbacks,
                              .help = "in which callbacks a file is staged and published"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_CHOICE,
                              .key = "answer",
                              .default_text = "well",
                              .choices = answers,
                              .help = "what after() answers"},
};

static const struct hb_hook_ops ops = {.size = sizeof(struct hb_hook_ops),
                                       .before = noting_before,
                                       .after = noting_after,
                                       .finally = noting_finally};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_HOOK,
    .host_size = sizeof(struct hb_host),
    .name = "noting",
    .version = "1.0",
    .summary = "Notes what it hears of",
    .options = options,
    .option_count = OPTIONS,
    .create = noting_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
