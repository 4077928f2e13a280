/* SPDX-License-Identifier: Apache-2.0 */
/* A hook that answers with `number` where `where` says. */
#include <hbcore/hook.h>
#include <string.h>

static const struct hb_settings *set;

static int answers_create(const struct hb_host *host, const struct hb_settings *settings,
                          void **self)
{
    (void)host;
    *self = NULL;
    set = settings;
    return HB_OK;
}

static int in(const char *where)
{
    return strcmp(set->values[0]->text, where) == 0 ? (int)set->values[1]->number : HB_OK;
}

static int answers_before(void *self, const struct hb_event *event)
{
    (void)self;
    (void)event;
    return in("before");
}

static int answers_after(void *self, const struct hb_event *event)
{
    (void)self;
    (void)event;
    return in("after");
}

static int answers_finally(void *self, const struct hb_event *event)
{
    (void)self;
    (void)event;
    return in("finally");
}

static int answers_run(void *self, const struct hb_invocation *invocation)
{
    (void)self;
    (void)invocation;
    return in("run");
}

static const struct hb_hook_command command = {.size = sizeof command,
                                               .name = "answer",
                                               .summary = "answer with a number",
                                               .about = "Answers with a number."};
static const struct hb_hook_command *const commands[] = {&command, NULL};

static const struct hb_option *const options[] = {
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_STRING,
                              .key = "where",
                              .default_text = "",
                              .help = "before, after, finally or run"},
    &(const struct hb_option){.size = sizeof(struct hb_option),
                              .type = HB_OPTION_INTEGER,
                              .key = "number",
                              .default_text = "0",
                              .help = "the answer"},
};

static const struct hb_hook_ops ops = {
    .size = sizeof(struct hb_hook_ops),
    .before = answers_before,
    .after = answers_after,
    .finally = answers_finally,
    .commands = commands,
    .run = answers_run,
};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_HOOK,
    .host_size = HB_SIZE_TO(struct hb_host, fail),
    .name = "answers",
    .version = "1.0",
    .summary = "Answers with any number",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .create = answers_create,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
