/* SPDX-License-Identifier: Apache-2.0 */
/* A hook that asks for paths that it should not get, and says what came of it; and one that doubts
 * when all is done. */
#include <errno.h>
#include <fcntl.h>
#include <hbcore/hook.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct paths {
    const struct hb_host *host;
    const char *asked; /* separated by ':' */
    bool doubts;
};

static int paths_create(const struct hb_host *host, const struct hb_settings *settings, void **self)
{
    struct paths *paths = malloc(sizeof *paths);
    if (paths == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    *paths = (struct paths){host, settings->values[0]->text, settings->values[1]->number != 0};
    *self = paths;
    return HB_OK;
}

static void ask(const struct hb_host *host, const char *path)
{
    char text[64];
    int fd = host->open_beneath(host, path, O_RDONLY, 0);
    ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
    text[got < 0 ? 0 : got] = '\0';
    host->summary(host, "%s: %s %s", path, fd < 0 ? strerror(errno) : "opened,", text);
    if (fd >= 0)
        close(fd);
}

static int paths_after(void *self, const struct hb_event *event)
{
    const struct paths *paths = self;
    const struct hb_host *host = paths->host;
    const struct hb_entry entry = {
        .size = sizeof entry, .type = HB_TYPE_FILE, .path = "some/file", .path_bytes = 9};
    (void)event;
    char *copy = strdup(paths->asked), *rest = NULL;
    if (copy == NULL)
        return host->fail(host, HB_STATUS_ENTRY, "out of memory");
    for (char *path = strtok_r(copy, ":", &rest); path != NULL; path = strtok_r(NULL, ":", &rest))
        ask(host, path);
    free(copy);
    if (paths->doubts)
        host->doubtful(host, &entry, "looks odd from here");
    return HB_OK;
}

static const struct hb_option *const options[] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "ask",
                              .default_text = "",
                              .help = "Paths to open, separated by ':'"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_BOOLEAN,
                              .key = "doubt",
                              .default_text = "no",
                              .help = "Find something doubtful when all is done"},
};

static const struct hb_hook_ops ops = {
    .size = sizeof(struct hb_hook_ops),
    .after = paths_after,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_HOOK,
    .host_size = sizeof(struct hb_host),
    .name = "paths",
    .version = "1.0",
    .summary = "Asks for paths that it should not get",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = paths_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
