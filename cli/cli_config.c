/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore config check | show; `new` is in cli_config_new.c */
#include "backup/preset.h"
#include "base/memory.h"
#include "base/name.h"
#include "cli_config_new.h"
#include "commands.h"
#include "complain.h"
#include "config/ini_text.h"
#include "config/ini_write.h"
#include "host/content.h"
#include "host/format.h"
#include "host/instance.h"
#include "no_config.h"
#include "summary.h"
#include <string.h>

struct listing {
    FILE *out;
    const struct hb_section *section; /* the last one shown */
};

/* ---- as an INI text ------------------------------------------------------------------------ */

static void print_comment(FILE *out, const char *text)
{
    HB_AUTO_FREE char *shown = hb_printable(text);
    fprintf(out, "# %.*s\n", HB_INI_LONGEST_LINE - 2, shown);
}

/* What counts: a plugin's section without `plugin` selects the one of its label. */
static const char *effective_text(const struct hb_section *section, const struct hb_option *option,
                                  const struct hb_value *value)
{
    if (section->kind != 0 && strcmp(option->key, "plugin") == 0 && *value->text == '\0')
        return section->library->plugin->name;
    return value->text;
}

static void show_option(void *context, const struct hb_section *section,
                        const struct hb_option *option, const struct hb_value *value,
                        const char *origin)
{
    struct listing *listing = context;
    if (listing->section != section)
        fprintf(listing->out, "%s[%s]\n", listing->section == NULL ? "" : "\n", section->name);
    listing->section = section;
    print_comment(listing->out, origin);
    HB_AUTO_FREE char *text =
        option->type == HB_OPTION_LIST
            ? hb_ini_write_list(option->key, value->list)
            : hb_ini_write_text(option->key, effective_text(section, option, value));
    if (hb_ini_can_be_read(text)) {
        fprintf(listing->out, "%s\n", text);
        return;
    }
    print_comment(listing->out, "no file can hold this value; use --set:");
    print_comment(listing->out, text);
}

/* ---- as JSON ------------------------------------------------------------------------------- */

static void add_value(json_t *line, const struct hb_section *section,
                      const struct hb_option *option, const struct hb_value *value)
{
    json_t *list;
    switch (option->type) {
    case HB_OPTION_BOOLEAN:
        hb_json_add(line, "{s:b}", "value", value->number != 0);
        return;
    case HB_OPTION_INTEGER:
    case HB_OPTION_BYTES:
    case HB_OPTION_SECONDS:
        hb_json_add(line, "{s:I}", "value", (json_int_t)value->number);
        return;
    case HB_OPTION_LIST:
        list = json_array();
        for (size_t i = 0; i < value->list_count; i++)
            hb_json_append_name(list, "value", value->list[i]);
        json_object_set_new(line, "value", list);
        return;
    default:
        hb_json_name(line, "value", effective_text(section, option, value));
    }
}

static void show_json(void *context, const struct hb_section *section,
                      const struct hb_option *option, const struct hb_value *value,
                      const char *origin)
{
    json_t *line = json_pack("{ss ss}", "type", "setting", "key", option->key);
    hb_json_name(line, "section", section->name);
    add_value(line, section, option, value);
    hb_json_name(line, "origin", origin);
    hb_json_line(context, line);
}

/* ---- the command --------------------------------------------------------------------------- */

static int show(struct hb_session *session)
{
    const struct hb_cli *cli = session->cli;
    const struct hb_config *config = session->config;
    struct listing listing = {.out = cli->out};
    if (cli->json) {
        hb_config_each(config, show_json, cli->out);
        return HB_EXIT_DONE;
    }
    const char *path = hb_config_path(config);
    print_comment(cli->out, path == NULL ? "no configuration file" : path);
    hb_config_each(config, show_option, &listing);
    return HB_EXIT_DONE;
}

struct format_check {
    const struct hb_cli *cli;
    const struct hb_config *config;
    int code;
};

/* A format is chosen by name: is there one? */
static void check_format(void *context, const struct hb_section *section,
                         const struct hb_option *option, const struct hb_value *value,
                         const char *origin)
{
    struct format_check *checking = context;
    struct hb_format_choice choice;
    struct hb_error why, error;
    if (section->kind != 0 || strcmp(option->key, "format") != 0 || *value->text == '\0')
        return;
    if (hb_format_find(checking->config, value->text, &choice, &why) != HB_OK) {
        hb_error_set(&error, HB_FATAL, "%s: [%s] format: %s", origin, section->name, why.text);
        hb_error_hint(&error, "%s", why.hint);
        checking->code = hb_cli_fail(checking->cli, HB_EXIT_USAGE, &error);
    }
    hb_format_choice_clear(&choice);
}

/* import --backup-first needs it, and would find out only then. */
static int check_preset(const struct hb_cli *cli, const struct hb_config *config)
{
    const char *name = hb_config_text(config, "import", "backup-preset");
    struct hb_preset preset;
    struct hb_error why, error;
    if (*name == '\0' || hb_preset_find(config, name, &preset, &why) == HB_OK) {
        if (*name != '\0')
            hb_preset_clear(&preset);
        return HB_EXIT_DONE;
    }
    hb_error_set(&error, HB_FATAL, "[import] backup-preset: %s", why.text);
    hb_error_hint(&error, "%s", why.hint);
    return hb_cli_fail(cli, HB_EXIT_USAGE, &error);
}

/* What only a plugin knows to be wrong it says when it is made. */
static int check_plugins(struct hb_session *session)
{
    static const struct {
        uint32_t kind;
        const char *on;
    } chains[] = {{HB_KIND_FILTER, "backup"}, {HB_KIND_FILTER, "import"}, {HB_KIND_CONTENT, NULL}};
    struct hb_error error;
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        struct hb_chain chain = {0};
        int status = hb_chain_create(&session->run, chains[i].kind, chains[i].on, &chain, &error);
        hb_chain_free(&chain);
        if (status != HB_OK)
            return hb_cli_fail(session->cli, HB_EXIT_USAGE, &error);
    }
    return HB_EXIT_DONE;
}

static int check(struct hb_session *session)
{
    const struct hb_cli *cli = session->cli;
    const struct hb_config *config = session->config;
    const char *path = hb_config_path(config);
    struct format_check checking = {cli, config, HB_EXIT_DONE};
    hb_config_each(config, check_format, &checking);
    int code = check_preset(cli, config);
    if (code == HB_EXIT_DONE)
        code = check_plugins(session);
    if (code != HB_EXIT_DONE || checking.code != HB_EXIT_DONE)
        return HB_EXIT_USAGE;
    if (hb_contents_are_given_up(config))
        fprintf(cli->err, "hbcore: note: %s: " HB_NO_CONTENTS "\n", path);
    if (cli->json) {
        json_t *line = json_pack("{ss ss}", "type", "config", "status", "ok");
        hb_json_name_or_null(line, "path", path);
        hb_json_line(cli->out, line);
    } else if (path == NULL) {
        HB_AUTO_FREE char *places = hb_cli_config_places(" nor ");
        fprintf(cli->out,
                "no configuration file: the defaults are ok\n"
                "  Neither %s exists. Make one: hbcore config new NAME\n",
                places);
    } else {
        HB_AUTO_FREE char *shown = hb_printable(path);
        fprintf(cli->out, "%s: ok\n", shown);
    }
    return HB_EXIT_DONE;
}

static const struct hb_form forms[] = {
    {.name = "check", .help = "check the configuration and name every error in it", .run = check},
    {.name = "show",
     .help = "print the settings in force, each below a comment that says where it comes\n"
             "from; the output is itself a configuration",
     .run = show},
    {.name = "new",
     .arguments = "NAME",
     .help = "make a configuration of your own: a copy of the NAME.ini that is installed\n"
             "(generic, for any directory, or another one); never over an existing file",
     .wrong = "new takes the name of an installed configuration, such as generic",
     .values = {HB_VALUES_EXAMPLES},
     .bare = true,
     .run = hb_cli_config_new},
};

const struct hb_command hb_command_config = {
    .name = "config",
    .summary = "check or show the configuration, or make one",
    .about = "Checks or shows the configuration, with --set and the defaults, or makes one.",
    .end = "Exit status: 0 the configuration is right, or made; 1 not made; 2 it is wrong.",
    .forms = forms,
    .form_count = sizeof forms / sizeof *forms,
};
