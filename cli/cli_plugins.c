/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore plugins list | show NAME | check FILE.so; `new` is in cli_plugins_new.c */
#include "base/memory.h"
#include "base/name.h"
#include "cli_plugins_new.h"
#include "commands.h"
#include "complain.h"
#include "hook_commands.h"
#include "plugin/descriptor.h"
#include "plugin/option.h"
#include "summary.h"
#include <hbcore/format.h>

struct listing {
    const struct hb_cli *cli;
    bool broken;
};

/* ---- list ---------------------------------------------------------------------------------- */

static json_t *json_plugin(const struct hb_library *library)
{
    const struct hb_plugin *plugin = library->plugin;
    json_t *line = json_pack("{ss ss ss}", "type", "plugin", "name", plugin->name, "kind",
                             hb_kind_name(plugin->kind));
    hb_json_name(line, "version", plugin->version);
    hb_json_name(line, "summary", plugin->summary);
    hb_json_name(line, "path", library->path);
    return line;
}

static void list_broken(struct listing *listing, const char *path, const struct hb_error *error)
{
    listing->broken = true;
    hb_cli_complain(listing->cli, error);
    if (!listing->cli->json)
        return;
    json_t *line = json_pack("{ss}", "type", "broken_plugin");
    hb_json_name(line, "path", path);
    hb_json_name(line, "reason", error->text);
    hb_json_line(listing->cli->out, line);
}

static int list_one(void *context, const char *path, const struct hb_library *library,
                    const struct hb_error *error)
{
    struct listing *listing = context;
    struct hb_error why;
    if (library == NULL) {
        list_broken(listing, path, error);
    } else if (hb_hook_commands_of_plugin(library, &why) != HB_OK) {
        list_broken(listing, path, &why);
    } else if (listing->cli->json) {
        hb_json_line(listing->cli->out, json_plugin(library));
    } else {
        const struct hb_plugin *plugin = library->plugin;
        HB_AUTO_FREE char *summary = hb_printable(plugin->summary);
        HB_AUTO_FREE char *version = hb_printable(plugin->version);
        HB_AUTO_FREE char *shown = hb_printable(path);
        fprintf(listing->cli->out, "%-16s %-8s %-8s %s\n%-16s %s\n", plugin->name,
                hb_kind_name(plugin->kind), version, summary, "", shown);
    }
    return 0;
}

/* The plugins were found by what could be read of it; the last words are that it is wrong. */
static int conclude(struct hb_session *session, int code)
{
    if (!session->wrong_config)
        return code;
    hb_error_set(&session->error, HB_STATUS_FATAL,
                 "the configuration is wrong, as told above; the plugins are those that it finds");
    return HB_EXIT_USAGE;
}

static int list(struct hb_session *session)
{
    struct listing listing = {.cli = session->cli};
    hb_loader_each(hb_config_loader(session->config), 0, list_one, &listing);
    return conclude(session, listing.broken ? HB_EXIT_INCOMPLETE : HB_EXIT_DONE);
}

/* ---- show ---------------------------------------------------------------------------------- */

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {
        [HB_OPTION_BOOLEAN] = "boolean", [HB_OPTION_INTEGER] = "integer",
        [HB_OPTION_BYTES] = "bytes",     [HB_OPTION_SECONDS] = "seconds",
        [HB_OPTION_MODE] = "mode",       [HB_OPTION_STRING] = "text",
        [HB_OPTION_CHOICE] = "choice",   [HB_OPTION_LIST] = "list",
        [HB_OPTION_PATH] = "path",
    };
    return names[type];
}

static const struct {
    uint32_t flag;
    const char *name;
} flag_names[] = {{HB_OPTION_REQUIRED, "required"},
                  {HB_OPTION_SECRET, "secret"},
                  {HB_OPTION_ADVANCED, "advanced"},
                  {HB_OPTION_DEPRECATED, "deprecated"},
                  {HB_OPTION_PATTERNS, "patterns"}};

static json_t *json_texts(const char *const *texts)
{
    json_t *list = json_array();
    for (; *texts != NULL; texts++)
        hb_json_append_name(list, "text", *texts);
    return list;
}

static json_t *json_option(const struct hb_option *option)
{
    json_t *object = json_pack("{ss ss}", "key", option->key, "type", type_name(option->type));
    if (option->default_text != NULL)
        hb_json_name(object, "default", option->default_text);
    hb_json_name(object, "help", option->help);
    if (option->minimum != 0 || option->maximum != 0)
        hb_json_add(object, "{s:I, s:I}", "minimum", (json_int_t)option->minimum, "maximum",
                    (json_int_t)option->maximum);
    if (option->choices != NULL)
        json_object_set_new(object, "choices", json_texts(option->choices));
    for (size_t i = 0; i < sizeof flag_names / sizeof *flag_names; i++)
        if (option->flags & flag_names[i].flag)
            json_object_set_new(object, flag_names[i].name, json_true());
    return object;
}

/* NULL: a kind that has none. */
static const char *const *suffixes_of(const struct hb_plugin *plugin)
{
    const struct hb_format_ops *format = plugin->ops;
    const struct hb_transform_ops *transform = plugin->ops;
    return plugin->kind == HB_KIND_FORMAT      ? format->suffixes
           : plugin->kind == HB_KIND_TRANSFORM ? transform->suffixes
                                               : NULL;
}

static void show_json(const struct hb_cli *cli, const struct hb_library *library)
{
    const struct hb_plugin *plugin = library->plugin;
    json_t *line = json_plugin(library), *options = json_array(), *callbacks = json_object();
    for (size_t i = 0; i < plugin->option_count; i++)
        json_array_append_new(options, json_option(plugin->options[i]));
    for (const struct hb_callback *callback = hb_callbacks(plugin->kind); callback->name != NULL;
         callback++)
        json_object_set_new(callbacks, callback->name,
                            json_boolean(hb_callback_provided(plugin, callback)));
    hb_json_add(line, "{s:I, s:o, s:o}", "abi", (json_int_t)plugin->abi, "options", options,
                "callbacks", callbacks);
    if (suffixes_of(plugin) != NULL)
        json_object_set_new(line, "suffixes", json_texts(suffixes_of(plugin)));
    const struct hb_hook_command *const *command = hb_plugin_commands(plugin);
    json_t *commands = *command == NULL ? NULL : json_array();
    for (; *command != NULL; command++)
        json_array_append_new(commands, json_string((*command)->name));
    if (commands != NULL)
        json_object_set_new(line, "commands", commands);
    hb_json_line(cli->out, line);
}

static void show_one_option(FILE *out, const struct hb_option *option)
{
    HB_AUTO_FREE char *described = hb_option_describe(option);
    HB_AUTO_FREE char *type = hb_printable(described);
    HB_AUTO_FREE char *usual =
        hb_printable(option->default_text == NULL ? "" : option->default_text);
    HB_AUTO_FREE char *help = hb_printable(option->help);
    fprintf(out, "  %s = %s\n      %s", option->key, usual, type);
    for (size_t i = 0; i < sizeof flag_names / sizeof *flag_names; i++)
        if ((option->flags & flag_names[i].flag) && flag_names[i].flag != HB_OPTION_PATTERNS)
            fprintf(out, ", %s", flag_names[i].name);
    fprintf(out, "\n      %s\n", help);
}

static void show_options(FILE *out, const struct hb_plugin *plugin)
{
    fprintf(out,
            "\n"
            "Options of a section [%s:LABEL] that selects this plugin\n",
            hb_kind_name(plugin->kind));
    if (plugin->option_count == 0)
        fputs("  no options of its own\n", out);
    for (uint32_t advanced = 0; advanced <= HB_OPTION_ADVANCED; advanced += HB_OPTION_ADVANCED)
        for (size_t i = 0; i < plugin->option_count; i++)
            if ((plugin->options[i]->flags & HB_OPTION_ADVANCED) == advanced)
                show_one_option(out, plugin->options[i]);
}

/* The names of the optional callbacks that it has, or that it has not. */
static void show_callbacks(FILE *out, const struct hb_plugin *plugin, bool provided)
{
    bool none = true;
    fprintf(out, "\nOptional parts it %s\n ", provided ? "has" : "lacks");
    for (const struct hb_callback *callback = hb_callbacks(plugin->kind); callback->name != NULL;
         callback++)
        if (!callback->required && hb_callback_provided(plugin, callback) == provided) {
            fprintf(out, " %s", callback->name);
            none = false;
        }
    fputs(none ? " none\n" : "\n", out);
}

static void show_people(const struct hb_cli *cli, const struct hb_library *library)
{
    const struct hb_plugin *plugin = library->plugin;
    HB_AUTO_FREE char *path = hb_printable(library->path);
    HB_AUTO_FREE char *version = hb_printable(plugin->version);
    HB_AUTO_FREE char *summary = hb_printable(plugin->summary);
    char abi[HB_ABI_NAME_BYTES];
    hb_abi_name(abi, plugin->abi);
    fprintf(cli->out, "%s %s, a %s plugin: %s\n  %s, %s\n", plugin->name, version,
            hb_kind_name(plugin->kind), summary, path, abi);
    if (suffixes_of(plugin) != NULL) {
        fputs("  suffixes:", cli->out);
        for (const char *const *suffix = suffixes_of(plugin); *suffix != NULL; suffix++) {
            HB_AUTO_FREE char *shown = hb_printable(*suffix);
            fprintf(cli->out, " %s", shown);
        }
        fputs("\n", cli->out);
    }
    for (const struct hb_hook_command *const *command = hb_plugin_commands(plugin);
         *command != NULL; command++) {
        HB_AUTO_FREE char *shown = hb_printable((*command)->summary);
        fprintf(cli->out, "  command %s: %s\n", (*command)->name, shown);
    }
    show_options(cli->out, plugin);
    show_callbacks(cli->out, plugin, true);
    show_callbacks(cli->out, plugin, false);
}

static int show(struct hb_session *session)
{
    const struct hb_cli *cli = session->cli;
    const struct hb_library *library;
    if (hb_loader_find(hb_config_loader(session->config), 0, session->arguments[0], &library,
                       &session->error) != HB_OK)
        return HB_EXIT_FAILED;
    if (cli->json)
        show_json(cli, library);
    else
        show_people(cli, library);
    return conclude(session, HB_EXIT_DONE);
}

/* ---- check --------------------------------------------------------------------------------- */

static int check(struct hb_session *session)
{
    const struct hb_cli *cli = session->cli;
    struct hb_loader *loader = hb_loader_new(NULL);
    const struct hb_library *library;
    int code = HB_EXIT_DONE;
    hb_loader_try(loader, session->arguments[0]);
    if (hb_loader_open(loader, session->arguments[0], &library, &session->error) != HB_OK ||
        hb_hook_commands_of_plugin(library, &session->error) != HB_OK)
        code = HB_EXIT_FAILED;
    else if (cli->json)
        show_json(cli, library);
    else {
        HB_AUTO_FREE char *file = hb_printable(session->arguments[0]);
        HB_AUTO_FREE char *version = hb_printable(library->plugin->version);
        fprintf(cli->out, "%s: ok, %s plugin %s %s\n", file, hb_kind_name(library->plugin->kind),
                library->plugin->name, version);
    }
    hb_loader_free(loader);
    return code;
}

/* ---- the command --------------------------------------------------------------------------- */

static const struct hb_form forms[] = {
    {.name = "list",
     .help = "list every plugin found, and why a broken one cannot be used",
     .any_config = true,
     .run = list},
    {.name = "show",
     .arguments = "NAME",
     .help = "describe a plugin, its options, and the optional parts it has",
     .wrong = "show takes the name of one plugin",
     .any_config = true,
     .values = {HB_VALUES_PLUGINS},
     .run = show},
    {.name = "check",
     .arguments = "FILE.so",
     .help = "check whether this file can be used as a plugin; needs no configuration",
     .wrong = "check takes one file",
     .values = {HB_VALUES_FILES},
     .bare = true,
     .run = check},
    {.name = "new",
     .arguments = "KIND NAME",
     .help = "make a directory NAME here with a small working plugin to start from;\n"
             "KIND is " HB_KIND_NAMES "; needs no configuration",
     .wrong = "new takes a kind and a name",
     .values = {HB_VALUES_KINDS},
     .bare = true,
     .run = hb_cli_plugins_new},
};

const struct hb_command hb_command_plugins = {
    .name = "plugins",
    .group = HB_FOR_SETTING_UP,
    .summary = "list, show or check plugins, or start a new one",
    .about = "Lists, shows and checks plugins, and starts one of your own.",
    .end =
        "Exit status: 0 all usable, or made; 1 show or check: not found or not usable, new: not\n"
        "made; 2 wrong use or configuration; 3 list: some are broken.",
    .forms = forms,
    .form_count = sizeof forms / sizeof *forms,
};
