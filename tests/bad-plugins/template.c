/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter plugin that is right, unless a definition of the build spoils one thing (see
 * CMakeLists.txt). For the tests of the loader and of the configuration.
 */
#include <hbcore/filter.h>
#include <hbcore/format.h>
#include <hbcore/hook.h>
#include <hbcore/transform.h>

#ifndef PLUGIN_SYMBOL
#define PLUGIN_SYMBOL hb_plugin_v1
#endif
#ifndef PLUGIN_SIZE
#define PLUGIN_SIZE sizeof(struct hb_plugin)
#endif
#ifndef PLUGIN_ABI
#define PLUGIN_ABI HB_ABI
#endif
#ifndef PLUGIN_KIND
#define PLUGIN_KIND HB_KIND_FILTER
#endif
#ifndef PLUGIN_HOST_SIZE
#define PLUGIN_HOST_SIZE sizeof(struct hb_host)
#endif
#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION "1.0"
#endif
#ifndef PLUGIN_CREATE
#define PLUGIN_CREATE create
#endif
#ifndef PLUGIN_OPS
#define PLUGIN_OPS &filter_ops
#endif
#ifndef OPS_SIZE
#define OPS_SIZE sizeof(struct hb_filter_ops)
#endif
#ifndef FILTER_VERDICT
#define FILTER_VERDICT verdict
#endif
#ifndef FORMAT_WALK
#define FORMAT_WALK walk
#endif
#ifndef FORMAT_SUFFIX
#define FORMAT_SUFFIX ".test"
#endif
#ifndef FORMAT_MAGIC_OFFSET
#define FORMAT_MAGIC_OFFSET 0
#endif
#ifndef TRANSFORM_SEAL
#define TRANSFORM_SEAL transform_block
#endif
#ifndef TRANSFORM_MAGICS
#define TRANSFORM_MAGICS magics
#endif
#ifndef OPTION_SIZE
#define OPTION_SIZE sizeof(struct sized_option)
#endif
#ifndef OPTION_FLAGS
#define OPTION_FLAGS 0
#endif
#ifndef OPTION_TYPE
#define OPTION_TYPE HB_OPTION_INTEGER
#endif
#ifndef OPTION_KEY
#define OPTION_KEY "level"
#endif
#ifndef OPTION_DEFAULT
#define OPTION_DEFAULT "6"
#endif
#ifndef OPTION_HELP
#define OPTION_HELP "How much of it"
#endif
#ifndef OPTION_MINIMUM
#define OPTION_MINIMUM 0
#endif
#ifndef OPTION_MAXIMUM
#define OPTION_MAXIMUM 9
#endif
#ifndef OPTION_CHOICES
#define OPTION_CHOICES NULL
#endif

/* Not every spoiled plugin uses all parts. */
#define HB_UNUSED __attribute__((unused))

HB_UNUSED static int create(const struct hb_host *host, const struct hb_settings *settings,
                            void **self)
{
    (void)host;
    (void)settings;
    *self = NULL;
    return HB_OK;
}

HB_UNUSED static int verdict(void *self, int direction, const struct hb_entry *entry,
                             struct hb_verdict *result)
{
    (void)self;
    (void)direction;
    (void)entry;
    (void)result;
    return HB_OK;
}

HB_UNUSED static int walk(void *self, const struct hb_input *input,
                          const struct hb_visitor *visitor)
{
    (void)self;
    (void)input;
    (void)visitor;
    return HB_OK;
}

static int entry_call(void *self, const struct hb_sink *sink, const struct hb_entry *entry)
{
    (void)self;
    (void)sink;
    (void)entry;
    return HB_OK;
}

static int append(void *self, const struct hb_sink *sink, const struct hb_unit *unit)
{
    (void)self;
    (void)sink;
    (void)unit;
    return HB_OK;
}

static int finish(void *self, const struct hb_sink *sink, const void *trailer, size_t bytes)
{
    (void)self;
    (void)sink;
    (void)trailer;
    (void)bytes;
    return HB_OK;
}

/* An option of a newer release may be longer. */
struct sized_option {
    struct hb_option option;
#ifdef OPTION_TAIL
    uint64_t tail;
#endif
};

#define OPTION(option_type, option_key, option_default, low, high, option_words, option_help)      \
    {                                                                                              \
        .option = {                                                                                \
            .size = sizeof(struct sized_option),                                                   \
            .type = (option_type),                                                                 \
            .key = (option_key),                                                                   \
            .default_text = (option_default),                                                      \
            .minimum = (low),                                                                      \
            .maximum = (high),                                                                     \
            .choices = (option_words),                                                             \
            .help = (option_help)                                                                  \
        }                                                                                          \
    }

HB_UNUSED static const char *const words[] = {"all", NULL};

HB_UNUSED static const struct sized_option sized[] = {
    {.option = {.size = OPTION_SIZE,
                .type = OPTION_TYPE,
                .key = OPTION_KEY,
                .default_text = OPTION_DEFAULT,
                .minimum = OPTION_MINIMUM,
                .maximum = OPTION_MAXIMUM,
                .choices = OPTION_CHOICES,
                .help = OPTION_HELP,
                .flags = OPTION_FLAGS}},
    OPTION(HB_OPTION_LIST, "globs", "", 0, 0, NULL, "Which files"),
    OPTION(HB_OPTION_STRING, "title", "", 0, 0, NULL, "A text"),
    OPTION(HB_OPTION_STRING, "title", "", 0, 0, NULL, "The same again"),
};

HB_UNUSED static const struct hb_option *const options[] = {
#ifdef OPTION_MISSING
    NULL,
#else
    &sized[0].option,
#endif
    &sized[1].option,
    &sized[2].option,
#ifdef OPTION_TWICE
    &sized[3].option,
#endif
};

static const struct hb_filter_ops filter_ops HB_UNUSED = {.size = OPS_SIZE,
                                                          .verdict = FILTER_VERDICT};
#ifdef HOOK_RUN
#ifndef COMMAND_NAME
#define COMMAND_NAME "do-it"
#endif
#ifndef COMMAND_FLAGS
#define COMMAND_FLAGS 0
#endif
#ifndef COMMAND_ABOUT
#define COMMAND_ABOUT "Does it."
#endif
#ifndef OPERAND_KIND
#define OPERAND_KIND HB_OPERAND_TEXT
#endif
#ifndef OPERAND_KEY
#define OPERAND_KEY "text"
#endif
#ifndef OPERAND_NAME
#define OPERAND_NAME "TEXT"
#endif
#ifndef OPERANDS
#define OPERANDS 1
#endif
static int hook_after(void *self, const struct hb_event *event)
{
    (void)self;
    (void)event;
    return HB_OK;
}
static int hook_run(void *self, const struct hb_invocation *invocation)
{
    (void)self;
    (void)invocation;
    return HB_OK;
}
HB_UNUSED static int (*const hook_runs)(void *self,
                                        const struct hb_invocation *invocation) = hook_run;
static const struct hb_operand operand = {
    .size = sizeof operand, .kind = OPERAND_KIND, .key = OPERAND_KEY, .name = OPERAND_NAME};
static const struct hb_operand *const operands[] = {&operand, &operand};
static const struct hb_hook_command command = {.size = sizeof command,
                                               .flags = COMMAND_FLAGS,
                                               .name = COMMAND_NAME,
                                               .summary = "do it",
                                               .about = COMMAND_ABOUT,
                                               .operands = operands,
                                               .operand_count = OPERANDS};
#ifdef COMMAND_TWICE
static const struct hb_hook_command *const commands[] = {&command, &command, NULL};
#else
HB_UNUSED static const struct hb_hook_command *const commands[] = {&command, NULL};
#endif
#ifdef NO_COMMANDS
#define HOOK_COMMANDS NULL
#else
#define HOOK_COMMANDS commands
#endif
static const struct hb_hook_ops hook_ops = {
    .size = sizeof hook_ops, .after = hook_after, .commands = HOOK_COMMANDS, .run = HOOK_RUN};
#else
static const struct hb_hook_ops hook_ops HB_UNUSED = {.size = sizeof hook_ops};
#endif

static const char *const suffixes[] = {FORMAT_SUFFIX, NULL};
HB_UNUSED static const struct hb_magic magics[] = {{FORMAT_MAGIC_OFFSET, 4, "test"}, {0}};
static const struct hb_format_ops format_ops HB_UNUSED = {.size = sizeof format_ops,
                                                          .suffixes = suffixes,
                                                          .magics = magics,
                                                          .begin_entry = entry_call,
                                                          .append = append,
                                                          .end_entry = entry_call,
                                                          .finish = finish,
                                                          .walk = FORMAT_WALK};

HB_UNUSED static int transform_begin(void *self, struct hb_sealing *sealing)
{
    (void)self;
    (void)sealing;
    return HB_OK;
}

HB_UNUSED static int transform_block(void *self, void *key, uint64_t number, uint32_t flags,
                                     const void *from, size_t bytes, void *to)
{
    (void)self;
    (void)key;
    (void)number;
    (void)flags;
    (void)from;
    (void)bytes;
    (void)to;
    return HB_OK;
}

HB_UNUSED static int transform_open(void *self, const struct hb_input *input,
                                    struct hb_sealing *sealing)
{
    (void)self;
    (void)input;
    (void)sealing;
    return HB_STATUS_FATAL;
}

HB_UNUSED static void transform_end(void *self, void *key)
{
    (void)self;
    (void)key;
}

static const struct hb_transform_ops transform_ops HB_UNUSED = {.size = sizeof transform_ops,
                                                                .suffixes = suffixes,
                                                                .magics = TRANSFORM_MAGICS,
                                                                .seal_begin = transform_begin,
                                                                .seal = TRANSFORM_SEAL,
                                                                .open = transform_open,
                                                                .unseal = transform_block,
                                                                .end = transform_end};

#ifdef NEEDS_FUNCTION
int NEEDS_FUNCTION(void);
#endif

#ifdef EXTRA_SYMBOL
HB_EXPORT int extra_symbol(void);
HB_EXPORT int extra_symbol(void)
{
    return 0;
}
#endif

HB_EXPORT const struct hb_plugin *PLUGIN_SYMBOL(void);
HB_EXPORT const struct hb_plugin *PLUGIN_SYMBOL(void)
{
#ifdef NEEDS_FUNCTION
    if (NEEDS_FUNCTION() != 0)
        return NULL;
#endif
#ifdef NO_DESCRIPTOR
    return NULL;
#else
    static const struct hb_plugin plugin = {.size = PLUGIN_SIZE,
                                            .abi = PLUGIN_ABI,
                                            .kind = PLUGIN_KIND,
                                            .host_size = PLUGIN_HOST_SIZE,
                                            .name = PLUGIN_NAME,
                                            .version = PLUGIN_VERSION,
                                            .summary = "For tests",
                                            .options = options,
                                            .option_count = sizeof options / sizeof *options,
                                            .create = PLUGIN_CREATE,
                                            .ops = PLUGIN_OPS};
    return &plugin;
#endif
}
