/* SPDX-License-Identifier: Apache-2.0 */
#include "plugin/descriptor.h"

#include "base/memory.h"
#include "plugin/contradictions.h"
#include "plugin/option.h"
#include <hbcore/content.h>
#include <hbcore/filter.h>
#include <hbcore/format.h>
#include <hbcore/hook.h>
#include <hbcore/store.h>
#include <hbcore/transform.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    MOST_OPTIONS = 1000,
    MOST_MAGICS = 64,   /* of one format */
    MAGIC_REACH = 4096, /* how much of an archive's start is looked at */
    ALL_FLAGS = HB_OPTION_REQUIRED | HB_OPTION_SECRET | HB_OPTION_ADVANCED | HB_OPTION_DEPRECATED |
                HB_OPTION_PATTERNS,
    FIRST_OPTION_SIZE = 64 /* of struct hb_option in the first release */
};

#define REQUIRED(type, member)                                                                     \
    {                                                                                              \
#member, offsetof(struct type, member), true                                               \
    }
#define OPTIONAL(type, member)                                                                     \
    {                                                                                              \
#member, offsetof(struct type, member), false                                              \
    }

static const struct hb_callback format_callbacks[] = {
    REQUIRED(hb_format_ops, begin_entry),
    REQUIRED(hb_format_ops, append),
    REQUIRED(hb_format_ops, end_entry),
    REQUIRED(hb_format_ops, finish),
    REQUIRED(hb_format_ops, walk),
    OPTIONAL(hb_format_ops, abort),
    OPTIONAL(hb_format_ops, worker_create),
    OPTIONAL(hb_format_ops, worker_destroy),
    OPTIONAL(hb_format_ops, unit_policy),
    OPTIONAL(hb_format_ops, encode),
    OPTIONAL(hb_format_ops, probe),
    OPTIONAL(hb_format_ops, list),
    OPTIONAL(hb_format_ops, decode),
    OPTIONAL(hb_format_ops, read_trailer),
    OPTIONAL(hb_format_ops, codec),
    OPTIONAL(hb_format_ops, span),
    OPTIONAL(hb_format_ops, locate),
    OPTIONAL(hb_format_ops, adopt),
    {0},
};
static const struct hb_callback content_callbacks[] = {
    REQUIRED(hb_content_ops, claim),    OPTIONAL(hb_content_ops, sidecars),
    OPTIONAL(hb_content_ops, open),     OPTIONAL(hb_content_ops, judge),
    OPTIONAL(hb_content_ops, identity), OPTIONAL(hb_content_ops, check),
    OPTIONAL(hb_content_ops, restore),  OPTIONAL(hb_content_ops, note),
    OPTIONAL(hb_content_ops, since),    OPTIONAL(hb_content_ops, foresee),
    OPTIONAL(hb_content_ops, fact),     {0},
};
static const struct hb_callback filter_callbacks[] = {
    REQUIRED(hb_filter_ops, verdict),
    OPTIONAL(hb_filter_ops, dir_enter),
    OPTIONAL(hb_filter_ops, dir_leave),
    {0},
};
static const struct hb_callback hook_callbacks[] = {
    OPTIONAL(hb_hook_ops, before),
    OPTIONAL(hb_hook_ops, after),
    OPTIONAL(hb_hook_ops, finally),
    OPTIONAL(hb_hook_ops, run),
    {0},
};

static const struct hb_callback store_callbacks[] = {
    REQUIRED(hb_store_ops, limits),
    REQUIRED(hb_store_ops, put_begin),
    REQUIRED(hb_store_ops, put_part),
    REQUIRED(hb_store_ops, put_commit),
    REQUIRED(hb_store_ops, put_end),
    REQUIRED(hb_store_ops, open),
    REQUIRED(hb_store_ops, read_at),
    REQUIRED(hb_store_ops, close),
    REQUIRED(hb_store_ops, list),
    REQUIRED(hb_store_ops, remove),
    OPTIONAL(hb_store_ops, put_copy),
    OPTIONAL(hb_store_ops, put_patch),
    OPTIONAL(hb_store_ops, advise),
    OPTIONAL(hb_store_ops, sweep),
    {0},
};

static const struct hb_callback transform_callbacks[] = {
    REQUIRED(hb_transform_ops, seal_begin), REQUIRED(hb_transform_ops, seal),
    REQUIRED(hb_transform_ops, open),       REQUIRED(hb_transform_ops, unseal),
    REQUIRED(hb_transform_ops, end),        {0},
};

struct kind {
    const char *name;
    const struct hb_callback *callbacks;
};

static const struct kind kinds[] = {
    [HB_KIND_FORMAT] = {"format", format_callbacks},
    [HB_KIND_CONTENT] = {"content", content_callbacks},
    [HB_KIND_FILTER] = {"filter", filter_callbacks},
    [HB_KIND_HOOK] = {"hook", hook_callbacks},
    [HB_KIND_STORE] = {"store", store_callbacks},
    [HB_KIND_TRANSFORM] = {"transform", transform_callbacks},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *hb_kind_name(uint32_t kind)
{
    return kind < KINDS ? kinds[kind].name : NULL;
}

uint32_t hb_kind_of(const char *name)
{
    for (uint32_t kind = 1; kind < KINDS; kind++)
        if (strcmp(kinds[kind].name, name) == 0)
            return kind;
    return 0;
}

const struct hb_callback *hb_callbacks(uint32_t kind)
{
    return kind < KINDS ? kinds[kind].callbacks : NULL;
}

bool hb_callback_provided(const struct hb_plugin *plugin, const struct hb_callback *callback)
{
    uint32_t size;
    void (*function)(void);
    memcpy(&size, plugin->ops, sizeof size);
    if (size < callback->offset + sizeof function)
        return false;
    memcpy(&function, (const char *)plugin->ops + callback->offset, sizeof function);
    return function != NULL;
}

const struct hb_hook_command *const *hb_plugin_commands(const struct hb_plugin *plugin)
{
    static const struct hb_hook_command *const none[] = {NULL};
    const struct hb_hook_ops *ops = plugin->ops;
    bool has = plugin->kind == HB_KIND_HOOK && HB_HAS(ops, commands) && ops->commands != NULL;
    return has ? ops->commands : none;
}

bool hb_is_plain_name(const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length > 0 && length <= HB_LONGEST_PLAIN_NAME && name[length] == '\0';
}

/* A defect that only the plugin's author can mend. */
HB_PRINTF(3, 4)
static int defect(struct hb_error *error, const char *path, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    hb_error_set(error, HB_STATUS_FATAL, "plugin %s: %s", path, text);
    hb_error_hint(error, "this is a defect of the plugin: install another release of it, or report "
                         "it to its author");
    return HB_STATUS_FATAL;
}

/* Forgotten, it makes all that follows look missing. */
static int no_size(struct hb_error *error, const char *path, const char *what, const char *type)
{
    return defect(error, path, "the size of %s is 0: set .size = sizeof(struct %s) in it", what,
                  type);
}

/* ---- options ------------------------------------------------------------------------------- */

static int check_choices(const struct hb_option *option, const char *path, struct hb_error *error)
{
    bool takes = option->type == HB_OPTION_CHOICE || option->type == HB_OPTION_LIST ||
                 option->type == HB_OPTION_INTEGER;
    if (option->choices != NULL && !takes)
        return defect(error, path, "its option '%s' has choices, and a type that takes none",
                      option->key);
    if (option->type == HB_OPTION_CHOICE && (option->choices == NULL || option->choices[0] == NULL))
        return defect(error, path, "its option '%s' is a choice without choices", option->key);
    /* What a word stands for lies beyond the range. */
    bool words = option->type == HB_OPTION_INTEGER && option->choices != NULL;
    if (words && (option->maximum > INT32_MAX || (option->minimum == 0 && option->maximum == 0)))
        return defect(error, path, "its option '%s' takes words and has no range", option->key);
    return HB_OK;
}

static int check_default(const struct hb_option *option, const char *path, struct hb_error *error)
{
    struct hb_value value;
    struct hb_error why;
    if (hb_value_parse(option, option->default_text, &value, &why) != HB_OK)
        return defect(error, path, "the default of its own option is not valid: %s", why.text);
    hb_value_clear(&value);
    return HB_OK;
}

static int check_flags(const struct hb_option *option, const char *path, struct hb_error *error)
{
    bool required = (option->flags & HB_OPTION_REQUIRED) != 0;
    bool text = option->type == HB_OPTION_STRING || option->type == HB_OPTION_PATH;
    if (option->help == NULL)
        return defect(error, path, "its option '%s' has no help", option->key);
    if (required == (option->default_text != NULL))
        return defect(error, path, "its option '%s' %s", option->key,
                      required ? "is required, and has a default" : "has no default");
    if (option->flags & ~(uint32_t)ALL_FLAGS)
        return defect(error, path, "its option '%s' has unknown flags (0x%x)", option->key,
                      option->flags & ~(uint32_t)ALL_FLAGS);
    if ((option->flags & HB_OPTION_PATTERNS) && option->type != HB_OPTION_LIST)
        return defect(error, path, "its option '%s' has patterns, and is no list", option->key);
    bool known = option->default_text != NULL && *option->default_text != '\0';
    if ((option->flags & HB_OPTION_SECRET) && known && text)
        return defect(error, path, "its option '%s' is secret, and has a default that all can read",
                      option->key);
    if ((option->flags & HB_OPTION_SECRET) && !text)
        return defect(error, path, "its option '%s' is secret, and neither a text nor a path",
                      option->key);
    if (required && (option->flags & HB_OPTION_DEPRECATED))
        return defect(error, path, "its option '%s' is required and deprecated", option->key);
    return HB_OK;
}

/* Of a section or of a command; what it has in common with others of its table is not asked. */
static int check_option_alone(const struct hb_option *option, size_t index, const char *path,
                              struct hb_error *error)
{
    if (option != NULL && option->size == 0) {
        HB_AUTO_FREE char *what = hb_text("its option %zu", index + 1);
        return no_size(error, path, what, "hb_option");
    }
    if (option == NULL || option->size < FIRST_OPTION_SIZE)
        return defect(error, path, "its option %zu is missing or too short", index + 1);
    if (option->key == NULL || !hb_is_plain_name(option->key))
        return defect(error, path, "its option %zu has no valid key (lower case, '-', at most %d)",
                      index + 1, HB_LONGEST_PLAIN_NAME);
    if (option->type < HB_OPTION_BOOLEAN || option->type > HB_OPTION_PATH)
        return defect(error, path, "its option '%s' has the unknown type %u", option->key,
                      option->type);
    if (check_flags(option, path, error) != HB_OK)
        return HB_STATUS_FATAL;
    if (option->minimum > option->maximum)
        return defect(error, path, "the range of its option '%s' is empty", option->key);
    if (check_choices(option, path, error) != HB_OK)
        return HB_STATUS_FATAL;
    return option->default_text == NULL ? HB_OK : check_default(option, path, error);
}

static int check_option(const struct hb_plugin *plugin, size_t index, const char *path,
                        struct hb_error *error)
{
    const struct hb_option *option = plugin->options[index];
    if (check_option_alone(option, index, path, error) != HB_OK)
        return HB_STATUS_FATAL;
    if (strcmp(option->key, "plugin") == 0 || strcmp(option->key, "on") == 0)
        return defect(error, path, "its option '%s' has a name that every section already has",
                      option->key);
    for (size_t i = 0; i < index; i++)
        if (strcmp(plugin->options[i]->key, option->key) == 0)
            return defect(error, path, "its option '%s' appears twice", option->key);
    return HB_OK;
}

static int check_options(const struct hb_plugin *plugin, const char *path, struct hb_error *error)
{
    if (plugin->option_count == 0)
        return HB_OK;
    if (plugin->options == NULL || plugin->option_count > MOST_OPTIONS)
        return defect(error, path, "its table of options is missing or too long (%zu)",
                      plugin->option_count);
    for (size_t i = 0; i < plugin->option_count; i++)
        if (check_option(plugin, i, path, error) != HB_OK)
            return HB_STATUS_FATAL;
    return HB_OK;
}

/* ---- the vtable ---------------------------------------------------------------------------- */

static int check_suffixes(const char *const *suffixes, const char *path, struct hb_error *error)
{
    if (suffixes == NULL || suffixes[0] == NULL)
        return defect(error, path, "the list of suffixes is missing");
    for (const char *const *suffix = suffixes; *suffix != NULL; suffix++)
        if ((*suffix)[0] != '.' || (*suffix)[1] == '\0' || strchr(*suffix, '/') != NULL)
            return defect(error, path, "the suffix '%s' does not begin with a dot", *suffix);
    return HB_OK;
}

static int check_magics(const struct hb_magic *magics, const char *path, struct hb_error *error)
{
    size_t count = 0;
    for (const struct hb_magic *magic = magics; magic != NULL && magic->length != 0; magic++)
        if (++count > MOST_MAGICS || magic->bytes == NULL || magic->offset > MAGIC_REACH ||
            magic->length > MAGIC_REACH - magic->offset)
            return defect(error, path, "row %zu of its magic bytes is not valid", count);
    return HB_OK;
}

static int check_format_tables(const struct hb_format_ops *ops, const char *path,
                               struct hb_error *error)
{
    int status = check_suffixes(ops->suffixes, path, error);
    return status == HB_OK ? check_magics(ops->magics, path, error) : status;
}

/* What is sealed is known by its first bytes alone. */
static int check_transform_tables(const struct hb_transform_ops *ops, const char *path,
                                  struct hb_error *error)
{
    int status = check_suffixes(ops->suffixes, path, error);
    if (status != HB_OK)
        return status;
    if (ops->magics == NULL || ops->magics->length == 0)
        return defect(error, path, "the list of magic bytes is missing");
    for (const struct hb_magic *magic = ops->magics; magic->length != 0; magic++)
        if (magic->offset != 0)
            return defect(error, path, "its magic bytes do not lie at the start");
    return check_magics(ops->magics, path, error);
}

static int check_hook(const struct hb_plugin *plugin, const char *path, struct hb_error *error)
{
    for (const struct hb_callback *callback = hook_callbacks; callback->name != NULL; callback++)
        if (hb_callback_provided(plugin, callback))
            return HB_OK;
    return defect(error, path,
                  "the callbacks 'before', 'after', 'finally' and 'run' are all missing");
}

static int check_operand(const struct hb_hook_command *command, size_t number, const char *path,
                         struct hb_error *error)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const struct hb_operand *operand = command->operands[number];
    if (operand != NULL && operand->size == 0) {
        HB_AUTO_FREE char *what =
            hb_text("operand %zu of its command '%s'", number + 1, command->name);
        return no_size(error, path, what, "hb_operand");
    }
    if (operand == NULL || !HB_HAS(operand, name) || operand->key == NULL ||
        *operand->key == '\0' || operand->key[strspn(operand->key, plain)] != '\0' ||
        operand->name == NULL || *operand->name == '\0' || strpbrk(operand->name, " \n") != NULL)
        return defect(error, path, "operand %zu of its command '%s' has no valid key or name",
                      number + 1, command->name);
    if (operand->kind < HB_OPERAND_TEXT || operand->kind > HB_OPERAND_ARCHIVE)
        return defect(error, path, "operand %zu of its command '%s' has the unknown kind %u",
                      number + 1, command->name, operand->kind);
    bool twice = strcmp(operand->key, "dry_run") == 0 || strcmp(operand->key, "target") == 0;
    for (size_t i = 0; i < number; i++) {
        const struct hb_operand *before = command->operands[i];
        twice = twice || strcmp(before->key, operand->key) == 0;
        if (operand->kind >= HB_OPERAND_SNAPSHOT && before->kind == operand->kind)
            return defect(error, path, "its command '%s' takes more than one snapshot or archive",
                          command->name);
    }
    return twice ? defect(error, path, "its command '%s' has a second member '%s' in the JSON",
                          command->name, operand->key)
                 : HB_OK;
}

static int check_command_options(const struct hb_hook_command *command, const char *path,
                                 struct hb_error *error)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct hb_option *option = command->options[i];
        if (option != NULL && option->size == 0) {
            HB_AUTO_FREE char *what =
                hb_text("option %zu of its command '%s'", i + 1, command->name);
            return no_size(error, path, what, "hb_option");
        }
        if (option == NULL || option->size < FIRST_OPTION_SIZE)
            return defect(error, path, "option %zu of its command '%s' is missing or too small",
                          i + 1, command->name);
        if (check_option_alone(option, i, path, error) != HB_OK)
            return HB_STATUS_FATAL;
        if (strcmp(option->key, "dry-run") == 0 && option->type != HB_OPTION_BOOLEAN)
            return defect(error, path, "option 'dry-run' of its command '%s' is no boolean",
                          command->name);
        for (size_t j = 0; j < i; j++)
            if (strcmp(command->options[j]->key, option->key) == 0)
                return defect(error, path, "option '%s' of its command '%s' appears twice",
                              option->key, command->name);
    }
    return HB_OK;
}

static int check_command(const struct hb_hook_command *command, const char *path,
                         struct hb_error *error)
{
    if (command->size == 0)
        return no_size(error, path, "a command of it", "hb_hook_command");
    if (!HB_HAS(command, operand_count) || command->name == NULL ||
        !hb_is_plain_name(command->name) || *command->name == '-')
        return defect(error, path, "a command of it has no valid name (lower case, '-')");
    if (command->summary == NULL || command->about == NULL)
        return defect(error, path, "its command '%s' has no help", command->name);
    if ((command->flags & ~(uint32_t)HB_COMMAND_READS) != 0)
        return defect(error, path, "its command '%s' has a flag that is unknown: %#x",
                      command->name, command->flags & ~(uint32_t)HB_COMMAND_READS);
    if (command->option_count > HB_MOST_COMMAND_OPTIONS ||
        command->operand_count > HB_MOST_OPERANDS ||
        (command->option_count > 0 && command->options == NULL) ||
        (command->operand_count > 0 && command->operands == NULL))
        return defect(error, path,
                      "its command '%s' has no table, or more than %d options or %d "
                      "operands",
                      command->name, HB_MOST_COMMAND_OPTIONS, HB_MOST_OPERANDS);
    for (size_t i = 0; i < command->operand_count; i++)
        if (check_operand(command, i, path, error) != HB_OK)
            return HB_STATUS_FATAL;
    return check_command_options(command, path, error);
}

static int check_commands(const struct hb_plugin *plugin, const char *path, struct hb_error *error)
{
    const struct hb_hook_ops *ops = plugin->ops;
    if (!HB_HAS(ops, commands) || ops->commands == NULL)
        return HB_OK;
    for (size_t i = 0; ops->commands[i] != NULL; i++) {
        if (check_command(ops->commands[i], path, error) != HB_OK)
            return HB_STATUS_FATAL;
        for (size_t j = 0; j < i; j++)
            if (strcmp(ops->commands[i]->name, ops->commands[j]->name) == 0)
                return defect(error, path, "its command '%s' appears twice",
                              ops->commands[i]->name);
    }
    return HB_OK;
}

static int check_ops(const struct hb_plugin *plugin, const char *path, struct hb_error *error)
{
    if (plugin->ops == NULL)
        return defect(error, path, "its table of callbacks (ops) is missing");
    if ((uintptr_t)plugin->ops % _Alignof(void *) != 0)
        return defect(error, path, "its table of callbacks (ops) is not aligned");
    uint32_t size;
    memcpy(&size, plugin->ops, sizeof size);
    if (size == 0) {
        HB_AUTO_FREE char *type = hb_text("hb_%s_ops", hb_kind_name(plugin->kind));
        return no_size(error, path, "its table of callbacks (ops)", type);
    }
    const struct hb_callback *callback = hb_callbacks(plugin->kind);
    for (; callback->name != NULL; callback++)
        if (callback->required && !hb_callback_provided(plugin, callback))
            return defect(error, path, "the callback '%s' is missing; every %s plugin needs it",
                          callback->name, hb_kind_name(plugin->kind));
    if (plugin->kind == HB_KIND_HOOK && check_hook(plugin, path, error) != HB_OK)
        return HB_STATUS_FATAL;
    HB_AUTO_FREE char *contradiction = hb_contradiction(plugin);
    if (contradiction != NULL)
        return defect(error, path, "%s", contradiction);
    if (plugin->kind == HB_KIND_HOOK)
        return check_commands(plugin, path, error);
    if (plugin->kind == HB_KIND_TRANSFORM)
        return check_transform_tables(plugin->ops, path, error);
    return plugin->kind == HB_KIND_FORMAT ? check_format_tables(plugin->ops, path, error) : HB_OK;
}

/* ---- the whole ----------------------------------------------------------------------------- */

/* Those that are not frozen come before those that are; 0 was the first of all. */
static uint32_t age_of(uint32_t abi)
{
    return abi == 0 ? 0 : abi ^ HB_ABI_NOT_FROZEN;
}

void hb_abi_name(char text[HB_ABI_NAME_BYTES], uint32_t abi)
{
    bool frozen = abi == 0 || (abi & HB_ABI_NOT_FROZEN) == 0;
    snprintf(text, HB_ABI_NAME_BYTES, "ABI %u%s", abi & ~HB_ABI_NOT_FROZEN,
             frozen ? "" : " (not frozen)");
}

static int other_abi(uint32_t abi, const char *path, struct hb_error *error)
{
    char its[HB_ABI_NAME_BYTES], ours[HB_ABI_NAME_BYTES];
    hb_abi_name(its, abi);
    hb_abi_name(ours, HB_ABI);
    if ((abi ^ HB_ABI) == HB_ABI_NOT_FROZEN) { /* most likely the number alone was written down */
        hb_error_set(error, HB_STATUS_FATAL,
                     "plugin %s: made for the frozen %s, which this hbcore does not have yet; it "
                     "has %s",
                     path, its, ours);
        hb_error_hint(error, "set .abi = HB_ABI and build the plugin again, or install a newer "
                             "hbcore");
        return HB_STATUS_FATAL;
    }
    hb_error_set(error, HB_STATUS_FATAL, "plugin %s: made for %s, this hbcore has %s", path, its,
                 ours);
    hb_error_hint(error, age_of(abi) > age_of(HB_ABI)
                             ? "install a newer hbcore, or an older release of the plugin"
                             : "install a newer release of the plugin, or build it again");
    return HB_STATUS_FATAL;
}

/* What must be right before the rest of the descriptor may be read. */
static int check_head(const struct hb_plugin *plugin, const char *path, struct hb_error *error)
{
    if (plugin == NULL)
        return defect(error, path, HB_PLUGIN_SYMBOL "() returned no descriptor");
    if (plugin->size == 0)
        return no_size(error, path, "its descriptor", "hb_plugin");
    if (plugin->size < offsetof(struct hb_plugin, abi) + sizeof plugin->abi)
        return defect(error, path, "its descriptor is %u bytes long, an impossible size",
                      plugin->size);
    if (plugin->abi != HB_ABI)
        return other_abi(plugin->abi, path, error);
    if (!HB_HAS(plugin, ops))
        return defect(error, path, "its descriptor is %u bytes long, at least %u are needed",
                      plugin->size, HB_SIZE_TO(struct hb_plugin, ops));
    return HB_OK;
}

static int check_texts(const struct hb_plugin *plugin, const char *path, const char *stem,
                       struct hb_error *error)
{
    if (plugin->name == NULL)
        return defect(error, path, "its name is missing");
    if (!hb_is_plain_name(plugin->name))
        return defect(error, path, "its name '%.100s' is not made of a-z, 0-9 and '-' (at most %d)",
                      plugin->name, HB_LONGEST_PLAIN_NAME);
    if (plugin->version == NULL || plugin->summary == NULL)
        return defect(error, path, "its %s is missing",
                      plugin->version == NULL ? "version" : "summary");
    if (strcmp(plugin->name, stem) == 0)
        return HB_OK;
    hb_error_set(error, HB_STATUS_FATAL,
                 "plugin %s: the plugin calls itself '%s', so the file must be %s.so", path,
                 plugin->name, plugin->name);
    hb_error_hint(error, "rename the file to %s.so", plugin->name);
    return HB_STATUS_FATAL;
}

int hb_descriptor_check(const struct hb_plugin *plugin, const char *path, const char *stem,
                        struct hb_error *error)
{
    if (check_head(plugin, path, error) != HB_OK)
        return HB_STATUS_FATAL;
    if (plugin->host_size > sizeof(struct hb_host)) {
        hb_error_set(
            error, HB_STATUS_FATAL,
            "plugin %s: needs services of a newer hbcore (%u bytes of them; this hbcore has %zu)",
            path, plugin->host_size, sizeof(struct hb_host));
        hb_error_hint(error, "install a newer hbcore, or an older release of the plugin");
        return HB_STATUS_FATAL;
    }
    if (hb_kind_name(plugin->kind) == NULL)
        return defect(error, path, "its kind %u is unknown", plugin->kind);
    if (check_texts(plugin, path, stem, error) != HB_OK)
        return HB_STATUS_FATAL;
    if (plugin->create == NULL)
        return defect(error, path, "the function 'create' is missing");
    if (check_ops(plugin, path, error) != HB_OK)
        return HB_STATUS_FATAL;
    return check_options(plugin, path, error);
}
