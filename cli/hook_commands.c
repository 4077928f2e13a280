/* SPDX-License-Identifier: Apache-2.0 */
#include "hook_commands.h"

#include "base/memory.h"
#include "base/name.h"
#include "commands.h"
#include "complain.h"
#include "host/declared.h"
#include "plugin/descriptor.h"
#include "plugin/option.h"
#include "snapshot/hook_command.h"
#include "summary.h"
#include <string.h>

/* What was typed of an option. */
struct slot {
    bool given; /* of a boolean */
    const char *text;
    struct hb_texts texts; /* of a list */
};

struct own {
    struct hb_command command;
    struct hb_form form; /* the only one: from it run() finds the rest */
    struct hb_declared declared;
    const struct hb_section *twice; /* another section has the same command; or NULL */
    struct hb_cli_option *options;
    char *arguments, *wrong;
};

struct hb_hook_commands {
    struct hb_config *config;
    bool taken; /* the configuration: a session's */
    struct own **items;
    size_t count;
    const struct hb_command **list;
};

/* ---- what was typed, as values ------------------------------------------------------------- */

/* The words of a list as they would stand in the configuration. Caller frees. */
static char *quote_all(const struct hb_texts *texts)
{
    char *text = hb_copy_text("");
    for (size_t i = 0; i < texts->count; i++) {
        size_t used = 0;
        HB_AUTO_FREE char *word = hb_alloc(2 * strlen(texts->texts[i]) + 1);
        for (const char *at = texts->texts[i]; *at != '\0'; at++) {
            if (*at == '"' || *at == '\\')
                word[used++] = '\\';
            word[used++] = *at;
        }
        HB_AUTO_FREE char *before = text;
        text = hb_text("%s%s\"%s\"", before, i == 0 ? "" : " ", word);
    }
    return text;
}

static int value_of(const struct hb_option *option, const struct slot *slot, struct hb_value *value,
                    struct hb_error *error)
{
    HB_AUTO_FREE char *words = slot->texts.count == 0 ? NULL : quote_all(&slot->texts);
    const char *typed = slot->given ? "yes" : words != NULL ? words : slot->text;
    int status = hb_value_parse(option, typed == NULL ? option->default_text : typed, value, error);
    value->is_set = status == HB_OK && typed != NULL;
    return status;
}

/* values[i] and pointers[i] for each option. 0, or HB_EXIT_USAGE after the message. */
static int read_options(const struct hb_cli *cli, const struct own *own, const struct slot *slots,
                        struct hb_value *values, const struct hb_value **pointers)
{
    const struct hb_hook_command *command = own->declared.command;
    struct hb_error why;
    for (size_t i = 0; i < command->option_count; i++) {
        pointers[i] = &values[i];
        if (value_of(command->options[i], &slots[i], &values[i], &why) != HB_OK)
            return hb_cli_usage(cli, command->name, "--%s", why.text);
    }
    return 0;
}

static bool is_dry_run(const struct hb_hook_command *command, const struct slot *slots)
{
    for (size_t i = 0; i < command->option_count; i++)
        if (strcmp(command->options[i]->key, "dry-run") == 0 &&
            command->options[i]->type == HB_OPTION_BOOLEAN)
            return slots[i].given;
    return false;
}

/* ---- options that all commands have --------------------------------------------------------- */

/* True: an option of the command would take the words of a global one, and *why says which. */
static bool takes_global(const struct hb_hook_command *command, struct hb_error *why)
{
    for (size_t i = 0; i < command->option_count; i++) {
        HB_AUTO_FREE char *word = hb_text("--%s", command->options[i]->key);
        if (hb_cli_option_find(&hb_program, word) == NULL)
            continue;
        hb_error_set(why, HB_STATUS_FATAL,
                     "its command '%s' has an option %s, which is one of all commands",
                     command->name, word);
        return true;
    }
    return false;
}

/* `where`: whose command it is. */
static void tell_global(const char *where, const char *plugin, const struct hb_error *why,
                        struct hb_error *error)
{
    hb_error_set(error, HB_STATUS_FATAL, "%s: %s", where, why->text);
    hb_error_hint(error, "this is a defect of the plugin %s: report it to its author", plugin);
}

int hb_hook_commands_of_plugin(const struct hb_library *library, struct hb_error *error)
{
    struct hb_error why;
    HB_AUTO_FREE char *where = hb_text("plugin %s", library->path);
    const struct hb_hook_command *const *command = hb_plugin_commands(library->plugin);
    for (; *command != NULL; command++)
        if (takes_global(*command, &why)) {
            tell_global(where, library->plugin->name, &why, error);
            return HB_STATUS_FATAL;
        }
    return HB_OK;
}

static bool declared_takes_global(const struct hb_declared *declared, struct hb_error *error)
{
    struct hb_error why;
    HB_AUTO_FREE char *where = hb_text("[%s]", declared->section->name);
    if (!takes_global(declared->command, &why))
        return false;
    tell_global(where, declared->section->library->plugin->name, &why, error);
    return true;
}

/* ---- the command --------------------------------------------------------------------------- */

static const struct own *own_of(const struct hb_form *form)
{
    return (const struct own *)(const void *)((const char *)form - offsetof(struct own, form));
}

static void print_summary(const struct hb_session *session, const struct hb_hook_call *call)
{
    const struct hb_hook_command *command = call->declared->command;
    json_t *object = NULL;
    if (session->cli->json) {
        object = hb_session_summary(session, command->name);
        hb_json_name(object, "target", session->run.home.path);
        for (size_t i = 0; i < command->operand_count; i++)
            hb_json_name(object, command->operands[i]->key, call->shown[i]);
        hb_json_add(object, "{s:b}", "dry_run", call->dry_run);
    } else {
        hb_summary_problems(session->cli, &session->run.report);
    }
    hb_session_print_summary(session, object);
}

static int call_hook(struct hb_session *session, struct hb_hook_call *call)
{
    struct hb_run *run = &session->run;
    bool reads = (call->declared->command->flags & HB_COMMAND_READS) != 0;
    session->cli->output_is_extra = !call->dry_run && !reads;
    int code = hb_session_open_home(session, HB_HOME_NESTED, !reads);
    if (code != 0)
        return code;
    if (hb_hook_call_resolve(run, call, &session->error) != HB_OK)
        return HB_EXIT_FAILED;
    int status = hb_hook_call_run(run, call, &session->error);
    if (status != HB_OK) {
        hb_summary_failed(session->cli, &run->report);
        return status == HB_STATUS_NOMATCH ? HB_EXIT_USAGE : hb_cli_exit_code(status);
    }
    hb_report_sort(&run->report);
    hb_summary_keep(session->cli, &run->report);
    print_summary(session, call);
    return hb_session_code(session);
}

static int refuse_twice(struct hb_session *session, const struct own *own)
{
    hb_error_set(&session->error, HB_STATUS_FATAL, "%s: two hooks have this command: [%s] and [%s]",
                 own->command.name, own->declared.section->name, own->twice->name);
    hb_error_hint(&session->error, "give one of them an 'on' without %s", own->command.name);
    return HB_EXIT_USAGE;
}

static int run(struct hb_session *session)
{
    const struct own *own = own_of(session->form);
    const struct hb_hook_command *command = own->declared.command;
    if (own->twice != NULL)
        return refuse_twice(session, own);
    if (declared_takes_global(&own->declared, &session->error))
        return HB_EXIT_USAGE;
    HB_AUTO_FREE struct hb_value *values = hb_alloc((command->option_count + 1) * sizeof *values);
    HB_AUTO_FREE const struct hb_value **pointers =
        hb_alloc((command->option_count + 1) * sizeof *pointers);
    struct hb_hook_call call = {.declared = &own->declared,
                                .options = pointers,
                                .typed = session->arguments,
                                .dry_run = is_dry_run(command, session->options)};
    int code = read_options(session->cli, own, session->options, values, pointers);
    if (code == 0)
        code = call_hook(session, &call);
    hb_hook_call_clear(&call);
    for (size_t i = 0; i < command->option_count; i++)
        hb_value_clear(&values[i]);
    return code;
}

/* ---- its table ----------------------------------------------------------------------------- */

/* "N", "WHEN" …: how the help calls the value of an option. */
static const char *value_name(const struct hb_option *option)
{
    static const char *const names[] = {
        [HB_OPTION_INTEGER] = "N", [HB_OPTION_BYTES] = "BYTES", [HB_OPTION_SECONDS] = "TIME",
        [HB_OPTION_MODE] = "MODE", [HB_OPTION_STRING] = "TEXT", [HB_OPTION_CHOICE] = "WORD",
        [HB_OPTION_LIST] = "WORD",
    };
    const char *name = option->type < sizeof names / sizeof *names ? names[option->type] : NULL;
    return name == NULL ? "TEXT" : name;
}

static struct hb_cli_option row_of(const struct hb_option *option, size_t number)
{
    size_t at = number * sizeof(struct slot);
    struct hb_cli_option row = {
        .name = option->key, .argument = value_name(option), .help = option->help};
    if (option->type == HB_OPTION_BOOLEAN) {
        row.argument = NULL;
        row.takes = HB_TAKES_NOTHING;
        row.offset = at + offsetof(struct slot, given);
    } else if (option->type == HB_OPTION_LIST) {
        row.takes = HB_TAKES_TEXTS;
        row.offset = at + offsetof(struct slot, texts);
    } else {
        row.takes = HB_TAKES_TEXT;
        row.offset = at + offsetof(struct slot, text);
    }
    row.choices = option->choices;
    return row;
}

static enum hb_values values_of(const struct hb_operand *operand)
{
    return operand->kind == HB_OPERAND_SNAPSHOT ? HB_VALUES_SNAPSHOTS
           : operand->kind == HB_OPERAND_TEXT   ? HB_VALUES_ANY
                                                : HB_VALUES_FILES;
}

/* What is said where more or fewer of them are typed. */
static char *wrong_text(const struct hb_hook_command *command, const char *arguments)
{
    if (command->operand_count == 1 && command->operands[0]->kind == HB_OPERAND_SNAPSHOT)
        return hb_copy_text("takes the id or the number of one snapshot");
    return command->operand_count == 1
               ? hb_text("takes one argument: %s", arguments)
               : hb_text("takes %zu arguments: %s", command->operand_count, arguments);
}

static void describe_operands(struct own *own)
{
    const struct hb_hook_command *command = own->declared.command;
    for (size_t i = 0; i < command->operand_count; i++) {
        HB_AUTO_FREE char *before = own->arguments;
        own->arguments =
            hb_text("%s%s%s", i == 0 ? "" : before, i == 0 ? "" : " ", command->operands[i]->name);
        if (i < sizeof own->form.values / sizeof *own->form.values)
            own->form.values[i] = values_of(command->operands[i]);
    }
    if (own->arguments == NULL)
        return;
    own->form.arguments = own->arguments;
    own->form.wrong = own->wrong = wrong_text(command, own->arguments);
}

static struct own *make(const struct hb_config *config, const struct hb_declared *declared)
{
    const struct hb_hook_command *command = declared->command;
    struct own *own = hb_alloc(sizeof *own);
    own->declared = *declared;
    own->twice = hb_declared_twice(config, declared);
    own->options = hb_alloc((command->option_count + 1) * sizeof *own->options);
    for (size_t i = 0; i < command->option_count; i++)
        own->options[i] = row_of(command->options[i], i);
    own->form.run = run;
    describe_operands(own);
    own->command = (struct hb_command){.name = command->name,
                                       .summary = command->summary,
                                       .about = command->about,
                                       .end = command->end,
                                       .forms = &own->form,
                                       .form_count = 1,
                                       .options = own->options,
                                       .bytes = command->option_count * sizeof(struct slot)};
    return own;
}

/* ---- all of a configuration ---------------------------------------------------------------- */

static bool is_listed(const struct hb_hook_commands *commands, const char *name)
{
    for (size_t i = 0; i < commands->count; i++)
        if (strcmp(commands->items[i]->command.name, name) == 0)
            return true;
    return false;
}

static void add(struct hb_hook_commands *commands, const struct hb_declared *declared)
{
    if (hb_command_find(declared->command->name) != NULL ||
        is_listed(commands, declared->command->name))
        return;
    size_t count = commands->count++;
    commands->items = hb_resize(commands->items, commands->count, sizeof(struct own *));
    commands->list = hb_resize(commands->list, commands->count + 1, sizeof *commands->list);
    commands->items[count] = make(commands->config, declared);
    commands->list[count] = &commands->items[count]->command;
    commands->list[count + 1] = NULL;
}

struct hb_hook_commands *hb_hook_commands_load(const struct hb_cli *cli, hb_config_report *report,
                                               void *context)
{
    struct hb_config *config = NULL;
    struct hb_declared declared = {0};
    if (hb_config_load(cli->config_path, (const char *const *)cli->sets.texts, report, context,
                       &config) != HB_OK)
        return NULL;
    struct hb_hook_commands *commands = hb_alloc(sizeof *commands);
    commands->config = config;
    commands->list = hb_alloc(sizeof *commands->list);
    while (hb_declared_next(config, &declared, &declared))
        add(commands, &declared);
    return commands;
}

void hb_hook_commands_free(struct hb_hook_commands *commands)
{
    if (commands == NULL)
        return;
    for (size_t i = 0; i < commands->count; i++) {
        free(commands->items[i]->options);
        free(commands->items[i]->arguments);
        free(commands->items[i]->wrong);
        free(commands->items[i]);
    }
    free(commands->items);
    free(commands->list);
    if (!commands->taken)
        hb_config_free(commands->config);
    free(commands);
}

const struct hb_command *const *hb_hook_commands_list(const struct hb_hook_commands *commands)
{
    return commands->list;
}

struct hb_config *hb_hook_commands_config(struct hb_hook_commands *commands)
{
    if (commands->taken)
        return NULL;
    commands->taken = true;
    return commands->config;
}

const struct hb_config *hb_hook_commands_of(const struct hb_hook_commands *commands)
{
    return commands->config;
}

/* ---- what is wrong with them --------------------------------------------------------------- */

void hb_hook_commands_check(const struct hb_config *config, hb_config_report *report, void *context)
{
    struct hb_declared declared = {0};
    struct hb_error error;
    while (hb_declared_next(config, &declared, &declared)) {
        const char *name = declared.command->name, *section = declared.section->name;
        const struct hb_section *twice = hb_declared_twice(config, &declared);
        if (declared_takes_global(&declared, &error))
            report(context, &error);
        if (hb_command_find(name) != NULL)
            hb_error_set(&error, HB_STATUS_FATAL,
                         "[%s]: its command '%s' has the name of one that hbcore has, and cannot "
                         "be reached",
                         section, name);
        else if (twice != NULL)
            hb_error_set(&error, HB_STATUS_FATAL,
                         "[%s]: its command '%s' is one of [%s], too, and neither can be reached",
                         section, name, twice->name);
        else
            continue;
        hb_error_hint(&error, "give [%s] an 'on' without %s", section, name);
        report(context, &error);
    }
}
