/* SPDX-License-Identifier: Apache-2.0 */
/* A filter whose answers there are none of, as `mistake` says. */
#include <hbcore/filter.h>
#include <stdlib.h>
#include <string.h>

static int verdicts_create(const struct hb_host *host, const struct hb_settings *settings,
                           void **self)
{
    const char **mistake = malloc(sizeof *mistake);
    if (mistake == NULL)
        return host->fail(host, HB_STATUS_FATAL, "out of memory");
    *mistake = settings->values[0]->text;
    *self = mistake;
    return HB_OK;
}

static int verdicts_verdict(void *self, int direction, const struct hb_entry *entry,
                            struct hb_verdict *verdict)
{
    const char *const *mistake = self;
    (void)direction;
    if (strcmp(*mistake, "cannot-tell") == 0 && strstr(entry->path, "secret") != NULL)
        return HB_STATUS_ENTRY;
    if (strcmp(*mistake, "kind-9") == 0)
        verdict->kind = 9;
    if (strcmp(*mistake, "flags-8") == 0)
        verdict->flags = 8;
    return strcmp(*mistake, "answer-1") == 0 ? 1 : HB_OK;
}

static int verdicts_enter(void *self, const char *path)
{
    const char *const *mistake = self;
    (void)path;
    return strcmp(*mistake, "enter-1") == 0 ? 1 : HB_OK;
}

static const struct hb_option *const options[] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "mistake",
                              .default_text = "none",
                              .help = "kind-9, flags-8, answer-1, enter-1, cannot-tell"},
};

static const struct hb_filter_ops ops = {
    .size = sizeof(struct hb_filter_ops),
    .verdict = verdicts_verdict,
    .dir_enter = verdicts_enter,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_FILTER,
    .host_size = sizeof(struct hb_host),
    .name = "verdicts",
    .version = "1.0",
    .summary = "Gives verdicts that there are not",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = verdicts_create,
    .destroy = free,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
