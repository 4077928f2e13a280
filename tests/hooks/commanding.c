/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hook with commands: SHOW tells what it was given, an operand of each kind and several options;
 * `read-all` only reads; `put-it` writes a file into the home; `put-it-not` tries, and says that it
 * only reads; `fail-it` fails. CMakeLists.txt
 * gives it other names, for hooks that have the same commands, or those of others.
 */
#include <hbcore/hook.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef NAME_OPTION
#define NAME_OPTION "name"
#endif

enum { TIMES, WHEN, NAME, ONLY, DRY_RUN, OPTIONS };

static int commanding_create(const struct hb_host *host, const struct hb_settings *settings,
                             void **self)
{
    (void)settings;
    *self = (void *)(uintptr_t)host;
    return HB_OK;
}

static json_t *text_of(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

static int show(const struct hb_host *host, const struct hb_invocation *invocation)
{
    json_t *object = json_object(), *operands = json_array(), *only = json_array();
    for (size_t i = 0; i < invocation->operand_count; i++)
        json_array_append_new(operands, text_of(invocation->operands[i]));
    if (invocation->option_count == OPTIONS) {
        const struct hb_value *const *options = invocation->options;
        for (size_t i = 0; i < options[ONLY]->list_count; i++)
            json_array_append_new(only, json_string(options[ONLY]->list[i]));
        json_object_set_new(object, "times", json_integer(options[TIMES]->number));
        json_object_set_new(object, "set", json_boolean(options[TIMES]->is_set));
        json_object_set_new(object, "when", text_of(options[WHEN]->text));
        json_object_set_new(object, "name", text_of(options[NAME]->text));
        json_object_set_new(object, "dry", json_integer(options[DRY_RUN]->number));
    }
    json_object_set_new(object, "only", only);
    json_object_set_new(object, "operands", operands);
    json_object_set_new(object, "command", text_of(invocation->command->name));
    json_object_set_new(object, "snapshot", text_of(invocation->event->snapshot));
    json_object_set_new(object, "archive", text_of(invocation->event->archive));
    json_object_set_new(object, "event_dry", json_integer(invocation->event->dry_run));
    char *text = json_dumps(object, JSON_COMPACT);
    int status = host->member(host, "given", text);
    host->summary(host, "given: %s", text);
    free(text);
    json_decref(object);
    return status;
}

static int put(const struct hb_host *host, const struct hb_invocation *invocation)
{
    struct hb_file file;
    int status = host->stage_file(host, "put", &file);
    if (status != HB_OK)
        return status;
    status = write(file.fd, "put\n", 4) == 4 ? HB_OK : HB_STATUS_ENTRY;
    if (status == HB_OK)
        status = host->publish(host, &file, invocation->operands[0], 0644);
    if (status != HB_OK)
        host->stage_release(host, &file);
    return status;
}

static int commanding_run(void *self, const struct hb_invocation *invocation)
{
    const struct hb_host *host = self;
    if (strcmp(invocation->command->name, "put-it") == 0 ||
        strcmp(invocation->command->name, "put-it-not") == 0)
        return put(host, invocation);
    if (strcmp(invocation->command->name, "fail-it") == 0)
        return host->fail(host, HB_STATUS_ENTRY, "as it was told to");
    return show(host, invocation);
}

#define OPTION(option_type, option_key, text, ...)                                                 \
    {                                                                                              \
        .size = sizeof(struct hb_option), .type = (option_type), .key = (option_key),              \
        .default_text = (text), .help = "an option", __VA_ARGS__                                   \
    }

static const char *const moments[] = {"now", "later", NULL};
static const struct hb_option rows[OPTIONS] = {
    OPTION(HB_OPTION_INTEGER, "times", "1", .minimum = 1, .maximum = 9),
    OPTION(HB_OPTION_CHOICE, "when", "now", .choices = moments),
    OPTION(HB_OPTION_STRING, NAME_OPTION, "", .choices = NULL),
    OPTION(HB_OPTION_LIST, "only", "", .choices = NULL),
    OPTION(HB_OPTION_BOOLEAN, "dry-run", "no", .choices = NULL),
};
static const struct hb_option *const options[OPTIONS] = {&rows[0], &rows[1], &rows[2], &rows[3],
                                                         &rows[4]};

#define OPERAND(operand_kind, operand_key, operand_name)                                           \
    {                                                                                              \
        .size = sizeof(struct hb_operand), .kind = (operand_kind), .key = (operand_key),           \
        .name = (operand_name)                                                                     \
    }
static const struct hb_operand kinds[] = {OPERAND(HB_OPERAND_SNAPSHOT, "id", "ID|NUMBER"),
                                          OPERAND(HB_OPERAND_ARCHIVE, "which", "ARCHIVE"),
                                          OPERAND(HB_OPERAND_PATH, "path", "PATH"),
                                          OPERAND(HB_OPERAND_TEXT, "text", "TEXT")};
static const struct hb_operand *const all[] = {&kinds[0], &kinds[1], &kinds[2], &kinds[3]};

#define COMMAND(command_name, ...)                                                                 \
    {                                                                                              \
        .size = sizeof(struct hb_hook_command), .name = (command_name), .summary = "do a thing",   \
        .about = "Does a thing.", __VA_ARGS__                                                      \
    }
static const struct hb_hook_command shown =
    COMMAND(SHOW, .options = options, .option_count = OPTIONS, .operands = all, .operand_count = 4);
#ifdef ALONE /* the first alone */
static const struct hb_hook_command *const commands[] = {&shown, NULL};
#else
static const struct hb_operand *const text_only[] = {&kinds[3]};
static const struct hb_hook_command reading = COMMAND("read-all", .flags = HB_COMMAND_READS);
static const struct hb_hook_command putting =
    COMMAND("put-it", .operands = text_only, .operand_count = 1);
static const struct hb_hook_command not_putting =
    COMMAND("put-it-not", .operands = text_only, .operand_count = 1, .flags = HB_COMMAND_READS);
static const struct hb_hook_command failing = COMMAND("fail-it", .end = "Exit status: 1.");
static const struct hb_hook_command *const commands[] = {&shown,       &reading, &putting,
                                                         &not_putting, &failing, NULL};
#endif

static const struct hb_hook_ops ops = {
    .size = sizeof ops, .commands = commands, .run = commanding_run};

static const struct hb_plugin plugin = {
    .size = sizeof(struct hb_plugin),
    .abi = HB_ABI,
    .kind = HB_KIND_HOOK,
    .host_size = sizeof(struct hb_host),
    .name = PLUGIN_NAME,
    .version = "1.0",
    .summary = "Has commands of its own",
    .create = commanding_create,
    .ops = &ops,
};

HB_EXPORT const struct hb_plugin *hb_plugin_v1(void)
{
    return &plugin;
}
