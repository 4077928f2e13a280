/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration decides what is left out of a backup and what is removed, so a line that means
 * nothing is an error and not a comment: a misspelt key would otherwise have its default without a
 * word. All problems are told at once, in the order of the file, each with the nearest right name.
 *
 * The order follows from who knows the keys of a section:
 *
 *   1. the text of the file, and --set entered into it as if it stood there (line 0)
 *   2. the sections of the core, whose tables are in settings.c, with their defaults
 *   3. the loader, from [plugins] path: now it is known where plugins are
 *   4. the other sections, in the order of the file. One of a plugin loads its plugin, whose own
 *      table says which keys there are; one that neither the core nor a plugin knows is an error
 *   5. without a file: every content plugin that is installed, with its defaults
 *
 * Only when no problem was found does hb_config_load() let a configuration out; half of one is for
 * those who only say more about it.
 */
#include "config/config_load.h"

#include "base/memory.h"
#include "base/nearest.h"
#include "base/path.h"
#include "base/url.h"
#include "config/config_file.h"
#include "config/ini_text.h"
#include "config/load_values.h"
#include "config/section.h"
#include "plugin/descriptor.h"
#include "plugin/option.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* ---- problems ------------------------------------------------------------------------------ */

static void ini_problem(void *context, unsigned line, const struct hb_error *why)
{
    hb_load_complain(context, line, "", "", why);
}

/* ---- the core's own sections --------------------------------------------------------------- */

static const struct hb_settings_table *table_of(const char *name)
{
    for (const struct hb_settings_table *table = hb_settings_tables; table->section != NULL;
         table++)
        if (table->labelled ? strncmp(name, table->section, strlen(table->section)) == 0
                            : strcmp(name, table->section) == 0)
            return table;
    return NULL;
}

static void apply(struct hb_load *load, struct hb_owned_section *section,
                  const struct hb_ini_section *written)
{
    for (size_t i = 0; i < written->count; i++)
        hb_load_apply(load, section, &written->entries[i]);
}

static void make_core_sections(struct hb_load *load)
{
    for (const struct hb_settings_table *table = hb_settings_tables; table->section != NULL;
         table++) {
        if (table->labelled)
            continue;
        struct hb_owned_section *section = hb_section_new_core(table->section, table);
        const struct hb_ini_section *written = hb_ini_section(load->ini, table->section);
        hb_config_add(load->config, section);
        if (written != NULL)
            apply(load, section, written);
    }
}

/* Where the errors of a section as a whole are shown: its header, or the --set that made it. */
static void complain_section(struct hb_load *load, const struct hb_ini_section *written,
                             const struct hb_error *why)
{
    const char *key = written->count > 0 ? written->entries[0].key : "";
    hb_load_complain(load, written->line, written->name, key, why);
}

/* The names that a section may have: "home", …, "preset:", …, "format:", … */
static const char *next_section(const void *context, size_t index)
{
    (void)context;
    size_t tables = 0;
    for (; hb_settings_tables[tables].section != NULL; tables++)
        if (tables == index)
            return hb_settings_tables[tables].section;
    return hb_kind_name((uint32_t)(index - tables + 1));
}

/* "[home], [plugins], …, [preset:LABEL]": of the core. Caller frees. */
static char *core_sections(void)
{
    char *text = hb_copy_text("");
    for (const struct hb_settings_table *table = hb_settings_tables; table->section != NULL;
         table++) {
        char *longer = hb_text("%s%s[%s%s]", text, *text == '\0' ? "" : ", ", table->section,
                               table->labelled ? "LABEL" : "");
        free(text);
        text = longer;
    }
    return text;
}

static void unknown_section(struct hb_load *load, const struct hb_ini_section *written)
{
    struct hb_error why;
    hb_error_set(&why, HB_STATUS_FATAL, "unknown section [%s]", written->name);
    const char *colon = strchr(written->name, ':');
    HB_AUTO_FREE char *head = colon == NULL
                                  ? hb_copy_text(written->name)
                                  : hb_copy_bytes(written->name, (size_t)(colon - written->name));
    const char *near = hb_nearest(head, next_section, NULL);
    bool labelled = near != NULL && (hb_kind_of(near) != 0 || strchr(near, ':') != NULL);
    int length = near == NULL ? 0 : (int)strcspn(near, ":");
    HB_AUTO_FREE char *valid = core_sections();
    if (near == NULL)
        hb_error_hint(
            &why, "valid sections are %s, and [KIND:LABEL] for plugins, with KIND " HB_KIND_NAMES,
            valid);
    else if (labelled)
        hb_error_hint(&why, "did you mean [%.*s:%s]?", length, near,
                      colon == NULL || colon[1] == '\0' ? "LABEL" : colon + 1);
    else
        hb_error_hint(&why, "did you mean [%s]?", near);
    complain_section(load, written, &why);
}

/* ---- plugins' sections --------------------------------------------------------------------- */

/* The label of a store: it stands in front of "://". */
static bool check_scheme(struct hb_load *load, const struct hb_ini_section *written)
{
    struct hb_error why;
    const char *label = strchr(written->name, ':') + 1;
    if (hb_url_is_scheme(label) && strcmp(label, "file") != 0)
        return true;
    if (strcmp(label, "file") == 0) {
        hb_error_set(&why, HB_STATUS_FATAL,
                     "section [%s]: file:// is reserved for the files of this machine",
                     written->name);
        hb_error_hint(&why, "choose another label for the store");
    } else {
        hb_error_set(&why, HB_STATUS_FATAL,
                     "section [%s] has %s after the ':': the label of a store begins its URLs",
                     written->name, *label == '\0' ? "no label" : "an invalid label");
        hb_error_hint(&why, "begin it with a letter, and go on with letters, digits, '+', '-' and "
                            "'.'; in URLs case does not count");
    }
    complain_section(load, written, &why);
    return false;
}

static bool check_label(struct hb_load *load, const struct hb_ini_section *written)
{
    static const char valid[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *label = strchr(written->name, ':') + 1;
    if (*label != '\0' && label[strspn(label, valid)] == '\0')
        return true;
    struct hb_error why;
    hb_error_set(&why, HB_STATUS_FATAL, "section [%s] has %s after the ':'", written->name,
                 *label == '\0' ? "no label" : "an invalid label");
    hb_error_hint(&why, "use letters, digits, '-', '_' and '.' in a label");
    complain_section(load, written, &why);
    return false;
}

/* A path from the configuration, ~ expanded; NULL after `why`. Caller frees. */
static char *config_path(const char *what, const char *text, struct hb_error *why)
{
    char *path = hb_expand_path(text);
    if (*path == '/')
        return path;
    free(path);
    hb_error_set(why, HB_STATUS_FATAL, "%s: '%s' is not an absolute path", what, text);
    hb_error_hint(why,
                  "begin it with / or ~/: a path to code must not depend on the current directory");
    return NULL;
}

static int find_library(struct hb_load *load, uint32_t kind, const char *name,
                        const struct hb_library **library, struct hb_error *why)
{
    HB_AUTO_FREE char *path = NULL;
    if (strchr(name, '/') != NULL) {
        path = config_path("plugin", name, why);
        if (path == NULL)
            return HB_STATUS_FATAL;
        name = path;
    }
    return hb_loader_find(load->config->loader, (enum hb_kind)kind, name, library, why);
}

/* The sections that stand in the file. */
static const char *next_written(const void *context, size_t index)
{
    const struct hb_ini *ini = context;
    for (size_t i = 0; i < ini->count; i++)
        if (ini->sections[i].line > 0 && index-- == 0)
            return ini->sections[i].name;
    return NULL;
}

static void hint_section(const struct hb_load *load, const struct hb_ini_section *written,
                         struct hb_error *why)
{
    const char *near = hb_nearest(written->name, next_written, load->ini);
    if (near != NULL && strncmp(near, written->name, strcspn(near, ":") + 1) == 0)
        hb_error_hint(why, "did you mean %s?", near);
}

/* The name of the plugin that a section selects. */
static const char *plugin_of(const struct hb_ini_section *written)
{
    const struct hb_ini_entry *entry = hb_ini_entry(written, "plugin");
    return entry != NULL && *entry->value != '\0' ? entry->value : strchr(written->name, ':') + 1;
}

/* The kind of plugin that a section selects; 0: none. */
static uint32_t kind_of(const struct hb_ini_section *written)
{
    const char *colon = strchr(written->name, ':');
    HB_AUTO_FREE char *head =
        hb_copy_bytes(written->name, colon == NULL ? 0 : (size_t)(colon - written->name));
    return hb_kind_of(head);
}

/* A hook may hear of the commands of another that stands below it in the file. */
static void find_hook_words(struct hb_load *load)
{
    load->config->hook_words = hb_hook_words_new();
    for (size_t i = 0; i < load->ini->count; i++) {
        const struct hb_ini_section *written = &load->ini->sections[i];
        const struct hb_library *library;
        struct hb_error ignored; /* it is told when the section is made */
        if (kind_of(written) == HB_KIND_HOOK &&
            find_library(load, HB_KIND_HOOK, plugin_of(written), &library, &ignored) == HB_OK)
            hb_hook_words_add(load->config->hook_words, library);
    }
}

static void make_plugin_section(struct hb_load *load, const struct hb_ini_section *written,
                                uint32_t kind)
{
    size_t problems = load->problem_count + load->more_problems;
    if (!(kind == HB_KIND_STORE ? check_scheme(load, written) : check_label(load, written)))
        return;
    const struct hb_ini_entry *entry = hb_ini_entry(written, "plugin");
    const char *name = plugin_of(written);
    const struct hb_library *library = NULL;
    struct hb_error why;
    if (find_library(load, kind, name, &library, &why) != HB_OK) {
        if (entry == NULL && written->line == 0) /* a slip, not a new section */
            hint_section(load, written, &why);
        if (entry != NULL)
            hb_load_complain(load, entry->line, written->name, entry->key, &why);
        else
            complain_section(load, written, &why);
    }
    struct hb_owned_section *section = hb_section_new_plugin(
        written->name, kind, library,
        kind == HB_KIND_HOOK ? hb_hook_words_table(load->config->hook_words) : &hb_settings_common);
    hb_config_add(load->config, section);
    for (size_t i = 0; i < written->count; i++)
        /* Without the plugin nobody knows its keys. */
        if (library != NULL ||
            hb_filled_find(&section->common, written->entries[i].key) != SIZE_MAX)
            hb_load_apply(load, section, &written->entries[i]);
    const char *missing = library == NULL ? NULL : hb_section_missing(&section->section);
    if (missing != NULL && hb_ini_entry(written, missing) == NULL) {
        hb_error_set(&why, HB_STATUS_FATAL, "[%s]: the plugin %s needs a value for '%s'",
                     written->name, library->plugin->name, missing);
        hb_error_hint(&why, "add a line %s = …", missing);
        complain_section(load, written, &why);
    }
    section->section.broken = load->problem_count + load->more_problems > problems;
}

static void make_section(struct hb_load *load, const struct hb_ini_section *written)
{
    const struct hb_settings_table *table = table_of(written->name);
    if (table != NULL && !table->labelled)
        return; /* made already */
    if (table != NULL) {
        if (!check_label(load, written))
            return;
        struct hb_owned_section *section = hb_section_new_core(written->name, table);
        hb_config_add(load->config, section);
        apply(load, section, written);
        return;
    }
    uint32_t kind = kind_of(written);
    if (kind != 0)
        make_plugin_section(load, written, kind);
    else
        unknown_section(load, written);
}

static void doubt_path(struct hb_load *load, const struct hb_ini_entry *entry, const char *what)
{
    hb_config_add_doubt(
        load->config, entry->line == 0 ? hb_text("--set plugins.path: %s", what)
                                       : hb_text("%s:%u: path: %s", load->file, entry->line, what));
}

/* Nobody writes this to search nothing. With --set it is an unset variable of a script. */
static void look_whether_empty(struct hb_load *load, const struct hb_ini_entry *entry)
{
    struct hb_error why;
    hb_error_set(&why, HB_STATUS_FATAL, "it is empty");
    hb_error_hint(&why, "name a directory with plugins");
    if (entry->line == 0)
        hb_load_complain(load, entry->line, "plugins", "path", &why);
    else
        doubt_path(load, entry, "it is empty: name a directory with plugins, or remove the line");
}

/* One that is not there takes nothing away: a configuration may be used on several machines. */
static void look_whether_there(struct hb_load *load, const struct hb_ini_entry *entry,
                               const char *directory)
{
    HB_AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        return;
    HB_AUTO_FREE char *what = hb_text("no plugins in %s: %s", directory, strerror(errno));
    doubt_path(load, entry, what);
}

static void make_loader(struct hb_load *load)
{
    const char *const *given = hb_config_plugins(load->config)->path;
    const struct hb_ini_section *written = hb_ini_section(load->ini, "plugins");
    const struct hb_ini_entry *entry = written == NULL ? NULL : hb_ini_entry(written, "path");
    char **directories = hb_alloc(sizeof *directories);
    size_t count = 0;
    if (entry != NULL && *given == NULL)
        look_whether_empty(load, entry);
    for (; *given != NULL; given++) {
        struct hb_error why;
        char *path = config_path("path", *given, &why);
        if (path == NULL) {
            hb_load_complain(load, entry->line, "plugins", "path", &why);
            continue;
        }
        look_whether_there(load, entry, path);
        directories = hb_resize(directories, count + 2, sizeof *directories);
        directories[count++] = path;
        directories[count] = NULL;
    }
    load->config->loader = hb_loader_new((const char *const *)directories);
    for (size_t i = 0; i < count; i++)
        free(directories[i]);
    free(directories);
}

/* ---- --set --------------------------------------------------------------------------------- */

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < 0x20 && *text != '\t') || *text == 0x7f)
            return true;
    return false;
}

static void bad_set(struct hb_load *load, const char *text, const char *reason)
{
    struct hb_error error;
    const char *equals = strchr(text, '='); /* what follows may be a secret */
    int bytes = equals == NULL ? (int)strlen(text) : (int)(equals - text);
    hb_error_set(&error, HB_STATUS_FATAL, "--set '%.*s%s': %s", bytes > 200 ? 200 : bytes, text,
                 equals == NULL ? "" : "=…", reason);
    hb_error_hint(&error, "write --set SECTION.KEY=VALUE, such as --set backup.workers=2");
    hb_load_add_problem(load, UINT_MAX, &error);
}

static void apply_set(struct hb_load *load, const char *text)
{
    const char *equals = strchr(text, '=');
    const char *dot = equals == NULL ? NULL : memrchr(text, '.', (size_t)(equals - text));
    if (equals == NULL || dot == NULL || dot == text || dot + 1 == equals) {
        bad_set(load, text,
                equals == NULL ? "it has no '='" : "it has no SECTION.KEY before the '='");
        return;
    }
    if (has_control(text)) {
        bad_set(load, text, "it contains a control character");
        return;
    }
    HB_AUTO_FREE char *section = hb_copy_bytes(text, (size_t)(dot - text));
    HB_AUTO_FREE char *key = hb_copy_bytes(dot + 1, (size_t)(equals - dot - 1));
    const char *from = equals + 1 + strspn(equals + 1, " \t"); /* as in the file */
    size_t length = strlen(from);
    while (length > 0 && (from[length - 1] == ' ' || from[length - 1] == '\t'))
        length--;
    HB_AUTO_FREE char *value = hb_copy_bytes(from, length);
    hb_ini_set(load->ini, section, key, value);
}

/* ---- all of it ----------------------------------------------------------------------------- */

/*
 * Without a configuration nobody asked for files to be read raw: every content plugin is used, with
 * its defaults.
 */
static int add_content(void *context, const char *path, const struct hb_library *library,
                       const struct hb_error *error)
{
    struct hb_load *load = context;
    if (library == NULL) { /* nobody knows whether it is one, and what would be stored without it */
        struct hb_error why = *error;
        hb_error_hint(
            &why, "without a configuration every installed content plugin is used, and this may "
                  "be one: repair it, remove it, or name a configuration with --config");
        hb_load_add_problem(load, UINT_MAX, &why);
        return 0;
    }
    (void)path;
    if (library->plugin->kind != HB_KIND_CONTENT)
        return 0;
    HB_AUTO_FREE char *name =
        hb_text("%s:%s", hb_kind_name(HB_KIND_CONTENT), library->plugin->name);
    if (hb_config_section(load->config, name) == NULL)
        hb_config_add(load->config,
                      hb_section_new_plugin(name, HB_KIND_CONTENT, library, &hb_settings_common));
    return 0;
}

static void load_all(struct hb_load *load, const char *data, size_t bytes, const char *const *sets)
{
    hb_ini_parse(data, bytes, ini_problem, load, &load->ini);
    for (; sets != NULL && *sets != NULL; sets++)
        apply_set(load, *sets);
    make_core_sections(load);
    make_loader(load);
    find_hook_words(load);
    for (size_t i = 0; i < load->ini->count; i++)
        make_section(load, &load->ini->sections[i]);
    if (load->file == NULL)
        hb_loader_each(load->config->loader, 0, add_content, load);
}

/* What others know to be wrong: with its line in front, or behind those of the file. */
static void add_more(void *context, const struct hb_error *error)
{
    struct hb_load *load = context;
    size_t bytes = load->file == NULL ? 0 : strlen(load->file);
    bool placed =
        bytes > 0 && strncmp(error->text, load->file, bytes) == 0 && error->text[bytes] == ':';
    unsigned long line = placed ? strtoul(error->text + bytes + 1, NULL, 10) : 0;
    hb_load_add_problem(load, line == 0 || line > UINT_MAX ? UINT_MAX : (unsigned)line, error);
}

int hb_config_load(const char *path, const char *const *sets, hb_config_report *report,
                   void *context, struct hb_config **config)
{
    struct hb_config *made = NULL;
    int status = hb_config_load_and(path, sets, report, context, NULL, &made);
    if (status == HB_OK)
        *config = made;
    else
        hb_config_free(made);
    return status;
}

int hb_config_load_and(const char *path, const char *const *sets, hb_config_report *report,
                       void *context, hb_config_check *more, struct hb_config **config)
{
    HB_AUTO_FREE char *file = NULL;
    HB_AUTO_FREE char *data = NULL;
    size_t bytes = 0;
    struct hb_error error;
    *config = NULL;
    int status = hb_config_file_read(path, &file, &data, &bytes, &error);
    if (status < 0) {
        report(context, &error);
        return HB_STATUS_FATAL;
    }
    HB_AUTO_FREE char *full = file == NULL ? NULL : hb_absolute(file);
    if (file != NULL && full == NULL) {
        hb_error_set(&error, HB_STATUS_FATAL, "%s: %s", file, HB_NO_CURRENT_TEXT);
        report(context, &error);
        return HB_STATUS_FATAL;
    }
    struct hb_load load = {.config = hb_alloc(sizeof *load.config), .file = file};
    load.config->path = full;
    full = NULL;
    load_all(&load, data, bytes, sets);
    hb_ini_free(load.ini);
    if (more != NULL)
        more(load.config, add_more, &load);
    hb_load_sort_problems(&load);
    for (size_t i = 0; i < load.problem_count; i++)
        report(context, &load.problems[i].error);
    if (load.more_problems > 0) {
        hb_error_set(&error, HB_STATUS_FATAL, "%s: ... and %zu more", file == NULL ? "--set" : file,
                     load.more_problems);
        report(context, &error);
    }
    free(load.problems);
    *config = load.config;
    return load.problem_count > 0 ? HB_STATUS_FATAL : HB_OK;
}
