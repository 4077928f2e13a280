/* SPDX-License-Identifier: Apache-2.0 */
/* hbcore config check | show; `new` is in cli_config_new.c */
#include "backup/preset.h"
#include "backup/preset_clash.h"
#include "base/memory.h"
#include "base/name.h"
#include "base/path.h"
#include "base/url.h"
#include "cli_config_new.h"
#include "commands.h"
#include "complain.h"
#include "config/config_load.h"
#include "config/ini_text.h"
#include "config/ini_write.h"
#include "hook_commands.h"
#include "host/content.h"
#include "host/format.h"
#include "host/instance.h"
#include "no_config.h"
#include "plugin/option.h"
#include "store/store.h"
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

static bool is_hidden(const struct hb_option *option, const struct hb_value *value)
{
    return (option->flags & HB_OPTION_SECRET) && *value->text != '\0';
}

/* What counts: a plugin's section without `plugin` selects the one of its label. */
static const char *effective_text(const struct hb_section *section, const struct hb_option *option,
                                  const struct hb_value *value)
{
    if (section->kind != 0 && strcmp(option->key, "plugin") == 0 && *value->text == '\0')
        return section->library->plugin->name;
    return is_hidden(option, value) ? HB_SECRET_SHOWN : value->text;
}

/* A [plugins] path of nothing is refused or told where it stands in a file: it stands for none. */
static bool is_no_path(const struct hb_section *section, const struct hb_option *option,
                       const struct hb_value *value)
{
    return strcmp(section->name, "plugins") == 0 && strcmp(option->key, "path") == 0 &&
           value->list_count == 0;
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
    if (is_hidden(option, value)) { /* read again, it must not become the secret */
        print_comment(listing->out, text);
        return;
    }
    if (is_no_path(section, option, value)) {
        fprintf(listing->out, ";%s\n", text);
        return;
    }
    bool here = section->kind == 0 && option->type == HB_OPTION_STRING &&
                hb_setting_problem(option, value->text, true) != NULL;
    if (!here && hb_ini_can_be_read(text)) {
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

/* More that is wrong with a configuration than its lines: what they name does not exist. */
struct naming {
    const struct hb_config *config;
    hb_config_report *report;
    void *context;
};

static void tell_problem(const struct naming *naming, const char *origin, const char *section,
                         const char *key, const struct hb_error *why)
{
    struct hb_error error;
    hb_error_set(&error, HB_STATUS_FATAL, "%s: [%s] %s: %s", origin, section, key, why->text);
    hb_error_hint(&error, "%s", why->hint);
    naming->report(naming->context, &error);
}

/* A format is chosen by name, and a preset by import --backup-first, which would find out late. */
static void check_name(void *context, const struct hb_section *section,
                       const struct hb_option *option, const struct hb_value *value,
                       const char *origin)
{
    const struct naming *naming = context;
    struct hb_chosen choice = {0};
    struct hb_preset preset = {0};
    struct hb_error why;
    int status = HB_OK;
    if (section->kind != 0 || value->text == NULL || *value->text == '\0')
        return;
    if (strcmp(option->key, "format") == 0)
        status = hb_format_find(naming->config, value->text, &choice, &why);
    else if (strcmp(option->key, "seal") == 0 && strcmp(value->text, "none") != 0)
        status = hb_chosen_by_name(naming->config, HB_KIND_TRANSFORM, value->text, &choice, &why);
    else if (strcmp(option->key, "backup-preset") == 0)
        status = hb_preset_find(naming->config, value->text, &preset, &why);
    bool clash = preset.section != NULL; /* with another one: check_presets() tells it */
    if (status != HB_OK && !clash)
        tell_problem(naming, origin, section->name, option->key, &why);
    hb_chosen_clear(&choice);
    hb_preset_clear(&preset);
}

static void check_names(const struct hb_config *config, hb_config_report *report, void *context)
{
    struct naming naming = {config, report, context};
    hb_config_each(config, check_name, &naming);
}

/* What only a plugin knows to be wrong it says when it is made: of settings that are complete. */
static void check_each_plugin(const struct hb_config *config, hb_config_report *report,
                              void *context)
{
    struct hb_run run;
    hb_run_init(&run, config);
    for (size_t i = 0; i < config->count; i++) {
        const struct hb_section *section = &config->sections[i]->section;
        if (section->kind != 0 && section->library != NULL && !section->broken)
            hb_instance_check(&run, section, report, context);
    }
    hb_run_clear(&run);
}

/* Is there a store for it, if it is a URL? */
static void check_directory(const struct hb_config *config, const char *section, const char *text,
                            hb_config_report *report, void *context)
{
    struct hb_error why, error;
    HB_AUTO_FREE char *directory = hb_expand_path(text);
    if (hb_url_scheme(directory) == 0 || hb_store_known(config, directory, &why) == HB_OK)
        return;
    hb_error_set(&error, HB_STATUS_FATAL, "[%s] directory: %s", section, why.text);
    hb_error_hint(&error, "%s", why.hint);
    report(context, &error);
}

static void check_presets(const struct hb_config *config, hb_config_report *report, void *context)
{
    const struct hb_section *preset = NULL;
    struct hb_error error;
    HB_AUTO_FREE char *home = hb_expand_path(hb_config_home(config)->path);
    check_directory(config, "backup", hb_config_backup(config)->directory, report, context);
    while ((preset = hb_config_next_preset(config, preset)) != NULL) {
        check_directory(config, preset->name, hb_config_preset(preset)->directory, report, context);
        if (hb_preset_clash(config, preset, home, true, &error) != HB_OK)
            report(context, &error);
    }
}

static void check_more(const struct hb_config *config, hb_config_report *report, void *context)
{
    check_names(config, report, context);
    check_presets(config, report, context);
    hb_hook_commands_check(config, report, context);
    check_each_plugin(config, report, context);
}

/* All of them as a run has them, for what they note. */
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

static void tell_notes(struct hb_session *session)
{
    const struct hb_report *report = &session->run.report;
    for (size_t i = 0; i < report->count; i++) {
        const char *said = report->findings[i].reason;
        HB_AUTO_FREE char *origin = hb_setting_origin(session->config, said);
        HB_AUTO_FREE char *shown = hb_printable(said);
        fprintf(session->cli->err, "hbcore: note: %s%s%s\n", origin == NULL ? "" : origin,
                origin == NULL ? "" : ": ", shown);
    }
}

static bool is_set(const struct hb_section *section, const void *member)
{
    return hb_section_origin(section, member) != NULL;
}

/*
 * What is set, though the format cannot do it. The archive is made all the same. `reuse` and
 * `workers`: whether they are.
 */
static void note_format(const struct hb_session *session, const char *section, const char *name,
                        bool reuse, bool workers)
{
    struct hb_chosen choice = {0};
    struct hb_error ignored;
    if (hb_format_find(session->config, name, &choice, &ignored) != HB_OK)
        return;
    const struct hb_format_ops *ops = hb_format_ops_of(&choice);
    const char *plugin = choice.section->library->plugin->name;
    bool encodes = HB_CAN(ops, encode);
    if (reuse && !(encodes && HB_CAN(ops, codec)))
        fprintf(session->cli->err,
                "hbcore: note: [%s] reuse: the format %s cannot take anything over from an "
                "archive; each is made anew\n",
                section, plugin);
    if (workers && !encodes)
        fprintf(session->cli->err,
                "hbcore: note: [%s] workers: archives of the format %s are written by one "
                "thread\n",
                section, plugin);
    hb_chosen_clear(&choice);
}

static void note_formats(const struct hb_session *session)
{
    const struct hb_section *section = hb_config_section(session->config, "backup");
    const struct hb_backup_settings *backup = hb_config_backup(session->config);
    note_format(session, section->name, NULL, is_set(section, &backup->reuse) && backup->reuse,
                is_set(section, &backup->workers) && backup->workers > 0);
    section = NULL;
    while ((section = hb_config_next_preset(session->config, section)) != NULL) {
        const struct hb_preset_settings *preset = hb_config_preset(section);
        note_format(session, section->name, preset->format,
                    is_set(section, &preset->reuse) && preset->reuse, false);
    }
}

static int check(struct hb_session *session)
{
    const struct hb_cli *cli = session->cli;
    const struct hb_config *config = session->config;
    const char *path = hb_config_path(config);
    int code = check_plugins(session);
    if (code != HB_EXIT_DONE)
        return code;
    tell_notes(session);
    note_formats(session);
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
    {.name = "check",
     .help = "check the configuration and name every error in it",
     .more_checks = check_more,
     .run = check},
    {.name = "show",
     .help = "print the settings in force, each below a comment that says where it comes\n"
             "from; the output is itself a configuration, but for secrets, which are comments",
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
    .group = HB_FOR_SETTING_UP,
    .summary = "check or show the configuration, or make one",
    .about = "Checks or shows the configuration, with --set and the defaults, or makes one.",
    .end = "Exit status: 0 the configuration is right, or made; 1 not made; 2 it is wrong.",
    .forms = forms,
    .form_count = sizeof forms / sizeof *forms,
};
