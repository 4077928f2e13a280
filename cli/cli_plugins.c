/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore plugins list | show NAME | check FILE.so; `new` is in cli_plugins_new.c */
#include "cli_plugins.h"

#include "base/memory.h"
#include "base/name.h"
#include "cli_plugins_new.h"
#include "complain.h"
#include "plugin/descriptor.h"
#include "plugin/option.h"
#include "session.h"
#include "summary.h"
#include <getopt.h>
#include <hbcore/format.h>
#include <string.h>

static const char help[] =
    "Usage: hbcore [global options] plugins list | show NAME | check FILE.so | new KIND NAME\n"
    "\n"
    "  list            every plugin that is found, and why a broken one cannot be used\n"
    "  show NAME       what it is, its options, and which optional parts it has\n"
    "  check FILE.so   can this file be used as a plugin? Needs no configuration\n"
    "  new KIND NAME   a directory NAME here with a small plugin that works, to be changed:\n"
    "                  KIND is filter, format, content or hook. Needs no configuration\n"
    "  -h, --help\n"
    "\n"
    "Exit status: 0 all usable, or made; 1 show or check: not found or not usable, new: not\n"
    "made; 2 wrong use or configuration; 3 list: some are broken.\n";

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
    if (library == NULL) {
        list_broken(listing, path, error);
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

static int list(const struct hb_cli *cli)
{
    struct listing listing = {.cli = cli};
    struct hb_config *config;
    int code = hb_cli_load_config(cli, &config);
    if (code != HB_EXIT_DONE)
        return code;
    hb_loader_each(hb_config_loader(config), list_one, &listing);
    hb_config_free(config);
    return listing.broken ? HB_EXIT_INCOMPLETE : HB_EXIT_DONE;
}

/* ---- show ---------------------------------------------------------------------------------- */

static const char *type_name(uint32_t type)
{
    static const char *const names[] = {
        [HB_OPTION_BOOLEAN] = "boolean", [HB_OPTION_INTEGER] = "integer",
        [HB_OPTION_BYTES] = "bytes",     [HB_OPTION_SECONDS] = "seconds",
        [HB_OPTION_MODE] = "mode",       [HB_OPTION_STRING] = "text",
        [HB_OPTION_CHOICE] = "choice",   [HB_OPTION_LIST] = "list",
    };
    return names[type];
}

static json_t *json_option(const struct hb_option *option)
{
    json_t *object = json_pack("{ss ss}", "key", option->key, "type", type_name(option->type));
    hb_json_name(object, "default", option->default_text);
    hb_json_name(object, "help", option->help);
    if (option->minimum != 0 || option->maximum != 0) {
        json_object_set_new(object, "minimum", json_integer(option->minimum));
        json_object_set_new(object, "maximum", json_integer(option->maximum));
    }
    if (option->choices != NULL) {
        json_t *choices = json_array();
        for (const char *const *choice = option->choices; *choice != NULL; choice++)
            json_array_append_new(choices, json_string(*choice));
        json_object_set_new(object, "choices", choices);
    }
    return object;
}

static void show_json(const struct hb_cli *cli, const struct hb_library *library)
{
    const struct hb_plugin *plugin = library->plugin;
    json_t *line = json_plugin(library), *options = json_array(), *callbacks = json_object();
    json_object_set_new(line, "abi", json_integer(plugin->abi));
    for (size_t i = 0; i < plugin->option_count; i++)
        json_array_append_new(options, json_option(hb_option_at(plugin->options, i)));
    for (const struct hb_callback *callback = hb_callbacks(plugin->kind); callback->name != NULL;
         callback++)
        json_object_set_new(callbacks, callback->name,
                            json_boolean(hb_callback_provided(plugin, callback)));
    json_object_set_new(line, "options", options);
    json_object_set_new(line, "callbacks", callbacks);
    if (plugin->kind == HB_KIND_FORMAT) {
        json_t *suffixes = json_array();
        const struct hb_format_ops *ops = plugin->ops;
        for (const char *const *suffix = ops->suffixes; *suffix != NULL; suffix++)
            json_array_append_new(suffixes, json_string(*suffix));
        json_object_set_new(line, "suffixes", suffixes);
    }
    hb_json_line(cli->out, line);
}

static void show_options(FILE *out, const struct hb_plugin *plugin)
{
    fprintf(out, "\nOptions of a section [%s:LABEL] that selects it\n", hb_kind_name(plugin->kind));
    if (plugin->option_count == 0)
        fputs("  none of its own\n", out);
    for (size_t i = 0; i < plugin->option_count; i++) {
        const struct hb_option *option = hb_option_at(plugin->options, i);
        HB_AUTO_FREE char *type = hb_option_describe(option);
        fprintf(out, "  %s = %s\n      %s\n      %s\n", option->key, option->default_text, type,
                option->help);
    }
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
    fprintf(cli->out, "%s %s, a %s plugin: %s\n  %s, ABI %u\n", plugin->name, plugin->version,
            hb_kind_name(plugin->kind), plugin->summary, path, plugin->abi);
    if (plugin->kind == HB_KIND_FORMAT) {
        const struct hb_format_ops *ops = plugin->ops;
        fputs("  suffixes:", cli->out);
        for (const char *const *suffix = ops->suffixes; *suffix != NULL; suffix++)
            fprintf(cli->out, " %s", *suffix);
        fputs("\n", cli->out);
    }
    show_options(cli->out, plugin);
    show_callbacks(cli->out, plugin, true);
    show_callbacks(cli->out, plugin, false);
}

static int show(const struct hb_cli *cli, const char *name)
{
    struct hb_config *config;
    int code = hb_cli_load_config(cli, &config);
    if (code != HB_EXIT_DONE)
        return code;
    const struct hb_library *library;
    struct hb_error error;
    if (hb_loader_find(hb_config_loader(config), 0, name, &library, &error) != HB_OK)
        code = hb_cli_fail(cli, HB_EXIT_FAILED, &error);
    else if (cli->json)
        show_json(cli, library);
    else
        show_people(cli, library);
    hb_config_free(config);
    return code;
}

/* ---- check --------------------------------------------------------------------------------- */

static int check(const struct hb_cli *cli, const char *path)
{
    struct hb_loader *loader = hb_loader_new(NULL);
    const struct hb_library *library;
    struct hb_error error;
    int code = HB_EXIT_DONE;
    if (hb_loader_open(loader, path, &library, &error) != HB_OK)
        code = hb_cli_fail(cli, HB_EXIT_FAILED, &error);
    else if (cli->json)
        show_json(cli, library);
    else
        fprintf(cli->out, "%s: ok, %s plugin %s %s\n", path, hb_kind_name(library->plugin->kind),
                library->plugin->name, library->plugin->version);
    hb_loader_free(loader);
    return code;
}

int hb_cli_plugins(struct hb_cli *cli, int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int option;
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (option != 'h')
            return hb_cli_what(cli, option, argv);
        fputs(help, cli->out);
        return HB_EXIT_DONE;
    }
    int left = argc - optind;
    const char *what = left > 0 ? argv[optind] : "";
    if (strcmp(what, "list") == 0)
        return left == 1 ? list(cli)
                         : hb_cli_usage(cli, argv[0], "list takes no argument, but got %s",
                                        argv[optind + 1]);
    cli->output_is_extra = strcmp(what, "new") == 0;
    if (cli->output_is_extra)
        return left == 3 ? hb_cli_plugins_new(cli, argv[optind + 1], argv[optind + 2])
                         : hb_cli_usage(cli, argv[0], "new takes a kind and a name");
    bool shows = strcmp(what, "show") == 0;
    if (!shows && strcmp(what, "check") != 0)
        return hb_cli_usage(cli, argv[0], "say list, show NAME, check FILE.so or new KIND NAME");
    if (left != 2)
        return hb_cli_usage(cli, argv[0], "%s takes one %s", what,
                            shows ? "name of a plugin" : "file");
    return shows ? show(cli, argv[optind + 1]) : check(cli, argv[optind + 1]);
}
