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
#include "config/config_file.h"
#include "config/ini_text.h"
#include "config/section.h"
#include "plugin/descriptor.h"
#include "plugin/option.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* Nobody reads more of them, and a binary file may have one a line. */
enum { MOST_PROBLEMS = 200 };

/* What is wrong, kept until all is known, so that it can be told in the order of the file. */
struct problem {
    unsigned line; /* UINT_MAX: not in the file */
    size_t position;
    struct hb_error error;
};

struct load {
    struct hb_config *config;
    const char *file; /* as the user named it */
    struct hb_ini *ini;
    struct problem *problems;
    size_t problem_count;
    size_t more_problems; /* beyond those that are kept */
};

/* ---- problems ------------------------------------------------------------------------------ */

static void add_problem(struct load *load, unsigned line, const struct hb_error *error)
{
    if (load->problem_count == MOST_PROBLEMS) {
        load->more_problems++;
        return;
    }
    load->problems = hb_resize(load->problems, load->problem_count + 1, sizeof *load->problems);
    load->problems[load->problem_count] =
        (struct problem){.line = line, .position = load->problem_count, .error = *error};
    load->problem_count++;
}

/* Puts "file:12", or "--set backup.level" for line 0, in front. */
static void complain(struct load *load, unsigned line, const char *section, const char *key,
                     const struct hb_error *why)
{
    struct hb_error error;
    if (line > 0)
        hb_error_set(&error, HB_FATAL, "%s:%u: %s", load->file, line, why->text);
    else
        hb_error_set(&error, HB_FATAL, "--set %s.%s: %s", section, key, why->text);
    hb_error_hint(&error, "%s", why->hint);
    add_problem(load, line == 0 ? UINT_MAX : line, &error);
}

static void ini_problem(void *context, unsigned line, const struct hb_error *why)
{
    complain(context, line, "", "", why);
}

static int by_line(const void *left, const void *right)
{
    const struct problem *a = left, *b = right;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->position < b->position ? -1 : a->position > b->position;
}

/* ---- values -------------------------------------------------------------------------------- */

/* The keys that a section takes, for "did you mean". */
static const char *next_key(const void *context, size_t index)
{
    const struct hb_owned_section *section = context;
    if (index < section->own.count)
        return hb_option_at(section->own.options, index)->key;
    for (size_t i = 0, at = section->own.count; i < section->common.count; i++) {
        const char *key = hb_option_at(section->common.options, i)->key;
        if (strcmp(key, "on") == 0 && !hb_kind_takes_on(section->section.kind))
            continue;
        if (at++ == index)
            return key;
    }
    return NULL;
}

static char *all_keys(const struct hb_owned_section *section)
{
    char *text = hb_copy_text("");
    const char *key;
    for (size_t i = 0; (key = next_key(section, i)) != NULL; i++) {
        char *longer = hb_text("%s%s%s", text, i == 0 ? "" : ", ", key);
        free(text);
        text = longer;
    }
    return text;
}

static void unknown_key(struct load *load, const struct hb_owned_section *section,
                        const struct hb_ini_entry *entry)
{
    struct hb_error why;
    hb_error_set(&why, HB_FATAL, "unknown key '%.100s' in [%s]", entry->key, section->section.name);
    const char *near = hb_nearest(entry->key, next_key, section);
    HB_AUTO_FREE char *keys = all_keys(section);
    if (near != NULL)
        hb_error_hint(&why, "did you mean '%s'?", near);
    else
        hb_error_hint(&why, "valid keys are: %s", keys);
    complain(load, entry->line, section->section.name, entry->key, &why);
}

/*
 * The key of the section that an indented line seems to set: "level = 3" meant as a setting of its
 * own would otherwise become words of the list above. NULL: none.
 */
static const char *indented_key(const struct hb_owned_section *section, const char *text)
{
    size_t length =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    size_t blanks = strspn(text + length, " \t");
    char separator = text[length + blanks];
    if (length == 0 || (separator != '=' && separator != ':'))
        return NULL;
    HB_AUTO_FREE char *word = hb_copy_bytes(text, length);
    const char *key;
    for (size_t i = 0; (key = next_key(section, i)) != NULL; i++)
        if (strcmp(key, word) == 0)
            return key;
    /* "C:x" may well be a word; what is merely similar must look like a setting in full. */
    return separator == '=' ? hb_nearest(word, next_key, section) : NULL;
}

/* May the value go on over these lines? */
static bool check_lines(struct load *load, const struct hb_owned_section *section,
                        const struct hb_option *option, const struct hb_ini_entry *entry)
{
    bool fine = true;
    for (size_t i = 0; i < entry->more_count; i++) {
        struct hb_error why;
        const struct hb_ini_line *line = &entry->more[i];
        const char *key = indented_key(section, line->text);
        if (key != NULL) {
            hb_error_set(&why, HB_FATAL, "'%.60s' would become part of the value of '%s' above",
                         line->text, entry->key);
            hb_error_hint(&why, "remove the blanks before the key '%s'", key);
        } else if (option->type != HB_OPTION_LIST && option->type != HB_OPTION_STRING) {
            HB_AUTO_FREE char *type = hb_option_describe(option);
            hb_error_set(
                &why, HB_FATAL,
                "'%.60s' continues the value of '%s' above, which takes a single word (%s)",
                line->text, entry->key, type);
            hb_error_hint(&why, "put a key at the beginning of its line; only lists and texts "
                                "continue on indented lines");
        } else {
            continue;
        }
        complain(load, line->line, section->section.name, entry->key, &why);
        fine = false;
    }
    return fine;
}

/*
 * The value is wrong. Of a list each word that is wrong is named, with the line in which it stands.
 */
static void complain_value(struct load *load, const char *section, const struct hb_option *option,
                           const struct hb_ini_entry *entry, const struct hb_error *why)
{
    size_t first = strlen(entry->value), found = load->problem_count;
    struct hb_error of_line;
    for (size_t i = 0; i < entry->more_count; i++)
        first -= strlen(entry->more[i].text);
    HB_AUTO_FREE char *beginning = hb_copy_bytes(
        entry->value, first > entry->more_count ? first - entry->more_count : 0); /* no blanks */
    for (size_t i = 0; i <= entry->more_count && option->type == HB_OPTION_LIST; i++) {
        const char *text = i == 0 ? beginning : entry->more[i - 1].text;
        int status;
        while ((status = hb_list_word(option, &text, NULL, &of_line)) != HB_NOMATCH) {
            if (status != HB_OK)
                complain(load, i == 0 ? entry->line : entry->more[i - 1].line, section, entry->key,
                         &of_line);
            if (text == NULL)
                break;
        }
    }
    if (load->problem_count == found)
        complain(load, entry->line, section, entry->key, why);
}

static bool check_on(struct load *load, const struct hb_owned_section *section,
                     const struct hb_ini_entry *entry)
{
    if (strcmp(entry->key, "on") != 0 || hb_kind_takes_on(section->section.kind))
        return true;
    struct hb_error why;
    hb_error_set(&why, HB_FATAL, "on: a %s plugin is always asked; only filters and hooks take it",
                 hb_kind_name(section->section.kind));
    hb_error_hint(&why, "remove the line");
    complain(load, entry->line, section->section.name, entry->key, &why);
    return false;
}

/* It has the right type; can it be meant? Each word of a list that cannot is named. */
static bool check_value(struct load *load, const struct hb_owned_section *section,
                        const struct hb_option *option, const struct hb_ini_entry *entry,
                        const struct hb_value *value)
{
    bool list = option->type == HB_OPTION_LIST, fine = true;
    size_t count = list ? value->list_count : option->type == HB_OPTION_STRING;
    for (size_t i = 0; i < count; i++) {
        struct hb_error why;
        const char *text = list ? value->list[i] : value->text;
        const char *problem =
            hb_settings_problem(section->section.name, option, text, entry->line > 0);
        if (problem == NULL)
            continue;
        hb_error_set(&why, HB_FATAL, "%s: '%.100s' %s", entry->key, text, problem);
        if (strcmp(entry->key, "prefix") == 0)
            hb_error_hint(&why, "the directory is set by the key 'directory'");
        complain(load, entry->line, section->section.name, entry->key, &why);
        fine = false;
    }
    return fine;
}

/* Whoever switches a plugin off so for one run, with --set, knows it. */
static void doubt_on(struct load *load, const struct hb_owned_section *section,
                     const struct hb_ini_entry *entry, const struct hb_value *value)
{
    if (section->section.kind != 0 && strcmp(entry->key, "on") == 0 && entry->line > 0 &&
        value->list_count == 0)
        hb_config_add_doubt(load->config,
                            hb_text("%s:%u: on: it is empty: the plugin of [%s] is never asked; "
                                    "name backup, import or guard, or remove the line",
                                    load->file, entry->line, section->section.name));
}

static void apply_entry(struct load *load, struct hb_owned_section *section,
                        const struct hb_ini_entry *entry)
{
    bool common = true;
    struct hb_filled *filled = &section->common;
    size_t index = hb_filled_find(filled, entry->key);
    if (index == SIZE_MAX) {
        common = false;
        filled = &section->own;
        index = hb_filled_find(filled, entry->key);
    }
    if (index == SIZE_MAX) {
        unknown_key(load, section, entry);
        return;
    }
    const struct hb_option *option = hb_option_at(filled->options, index);
    if ((common && !check_on(load, section, entry)) || !check_lines(load, section, option, entry))
        return;
    struct hb_value value;
    struct hb_error why;
    if (hb_value_parse(option, entry->value, &value, &why) != HB_OK) {
        complain_value(load, section->section.name, option, entry, &why);
        return;
    }
    if (section->section.kind == 0 && !check_value(load, section, option, entry, &value)) {
        hb_value_clear(&value);
        return;
    }
    doubt_on(load, section, entry, &value);
    HB_AUTO_FREE char *origin =
        entry->line == 0 ? hb_copy_text("--set") : hb_text("%s:%u", load->file, entry->line);
    hb_filled_set(filled, index, &value, origin);
}

static void apply(struct load *load, struct hb_owned_section *section,
                  const struct hb_ini_section *written)
{
    for (size_t i = 0; i < written->count; i++)
        apply_entry(load, section, &written->entries[i]);
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

static void make_core_sections(struct load *load)
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
static void complain_section(struct load *load, const struct hb_ini_section *written,
                             const struct hb_error *why)
{
    const char *key = written->count > 0 ? written->entries[0].key : "";
    complain(load, written->line, written->name, key, why);
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

static void unknown_section(struct load *load, const struct hb_ini_section *written)
{
    struct hb_error why;
    hb_error_set(&why, HB_FATAL, "unknown section [%s]", written->name);
    const char *colon = strchr(written->name, ':');
    HB_AUTO_FREE char *head = colon == NULL
                                  ? hb_copy_text(written->name)
                                  : hb_copy_bytes(written->name, (size_t)(colon - written->name));
    const char *near = hb_nearest(head, next_section, NULL);
    bool labelled = near != NULL && (hb_kind_of(near) != 0 || strchr(near, ':') != NULL);
    int length = near == NULL ? 0 : (int)strcspn(near, ":");
    HB_AUTO_FREE char *valid = core_sections();
    if (near == NULL)
        hb_error_hint(&why,
                      "valid sections are %s, and [KIND:LABEL] for plugins, with KIND format, "
                      "content, filter or hook",
                      valid);
    else if (labelled)
        hb_error_hint(&why, "did you mean [%.*s:%s]?", length, near,
                      colon == NULL || colon[1] == '\0' ? "LABEL" : colon + 1);
    else
        hb_error_hint(&why, "did you mean [%s]?", near);
    complain_section(load, written, &why);
}

/* ---- plugins' sections --------------------------------------------------------------------- */

static bool check_label(struct load *load, const struct hb_ini_section *written)
{
    static const char valid[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *label = strchr(written->name, ':') + 1;
    if (*label != '\0' && label[strspn(label, valid)] == '\0')
        return true;
    struct hb_error why;
    hb_error_set(&why, HB_FATAL, "section [%s] has %s after the ':'", written->name,
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
    hb_error_set(why, HB_FATAL, "%s: '%s' is not an absolute path", what, text);
    hb_error_hint(why,
                  "begin it with / or ~/: a path to code must not depend on the current directory");
    return NULL;
}

static int find_library(struct load *load, uint32_t kind, const char *name,
                        const struct hb_library **library, struct hb_error *why)
{
    HB_AUTO_FREE char *path = NULL;
    if (strchr(name, '/') != NULL) {
        path = config_path("plugin", name, why);
        if (path == NULL)
            return HB_FATAL;
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

static void hint_section(const struct load *load, const struct hb_ini_section *written,
                         struct hb_error *why)
{
    const char *near = hb_nearest(written->name, next_written, load->ini);
    if (near != NULL && strncmp(near, written->name, strcspn(near, ":") + 1) == 0)
        hb_error_hint(why, "did you mean %s?", near);
}

static void make_plugin_section(struct load *load, const struct hb_ini_section *written,
                                uint32_t kind)
{
    if (!check_label(load, written))
        return;
    const struct hb_ini_entry *entry = hb_ini_entry(written, "plugin");
    const char *name = strchr(written->name, ':') + 1;
    if (entry != NULL && *entry->value != '\0')
        name = entry->value;
    const struct hb_library *library = NULL;
    struct hb_error why;
    if (find_library(load, kind, name, &library, &why) != HB_OK) {
        if (entry == NULL && written->line == 0) /* a slip, not a new section */
            hint_section(load, written, &why);
        if (entry != NULL)
            complain(load, entry->line, written->name, entry->key, &why);
        else
            complain_section(load, written, &why);
    }
    struct hb_owned_section *section = hb_section_new_plugin(written->name, kind, library);
    hb_config_add(load->config, section);
    for (size_t i = 0; i < written->count; i++)
        /* Without the plugin nobody knows its keys. */
        if (library != NULL ||
            hb_filled_find(&section->common, written->entries[i].key) != SIZE_MAX)
            apply_entry(load, section, &written->entries[i]);
}

static void make_section(struct load *load, const struct hb_ini_section *written)
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
    const char *colon = strchr(written->name, ':');
    HB_AUTO_FREE char *head =
        hb_copy_bytes(written->name, colon == NULL ? 0 : (size_t)(colon - written->name));
    uint32_t kind = hb_kind_of(head);
    if (kind != 0)
        make_plugin_section(load, written, kind);
    else
        unknown_section(load, written);
}

static void doubt_path(struct load *load, const struct hb_ini_entry *entry, const char *what)
{
    hb_config_add_doubt(
        load->config, entry->line == 0 ? hb_text("--set plugins.path: %s", what)
                                       : hb_text("%s:%u: path: %s", load->file, entry->line, what));
}

/* Nobody writes this to search nothing. With --set it is an unset variable of a script. */
static void look_whether_empty(struct load *load, const struct hb_ini_entry *entry)
{
    struct hb_error why;
    hb_error_set(&why, HB_FATAL, "it is empty");
    hb_error_hint(&why, "name a directory with plugins");
    if (entry->line == 0)
        complain(load, entry->line, "plugins", "path", &why);
    else
        doubt_path(load, entry, "it is empty: name a directory with plugins, or remove the line");
}

/* One that is not there takes nothing away: a configuration may be used on several machines. */
static void look_whether_there(struct load *load, const struct hb_ini_entry *entry,
                               const char *directory)
{
    HB_AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        return;
    HB_AUTO_FREE char *what = hb_text("no plugins in %s: %s", directory, strerror(errno));
    doubt_path(load, entry, what);
}

static void make_loader(struct load *load)
{
    const char *const *given = hb_config_list(load->config, "plugins", "path");
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
            complain(load, entry->line, "plugins", "path", &why);
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

static void bad_set(struct load *load, const char *text, const char *reason)
{
    struct hb_error error;
    hb_error_set(&error, HB_FATAL, "--set '%.200s': %s", text, reason);
    hb_error_hint(&error, "write --set SECTION.KEY=VALUE, such as --set backup.workers=2");
    add_problem(load, UINT_MAX, &error);
}

static void apply_set(struct load *load, const char *text)
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
    struct load *load = context;
    (void)path;
    (void)error;
    if (library == NULL || library->plugin->kind != HB_KIND_CONTENT)
        return 0;
    HB_AUTO_FREE char *name =
        hb_text("%s:%s", hb_kind_name(HB_KIND_CONTENT), library->plugin->name);
    if (hb_config_section(load->config, name) == NULL)
        hb_config_add(load->config, hb_section_new_plugin(name, HB_KIND_CONTENT, library));
    return 0;
}

static void load_all(struct load *load, const char *data, size_t bytes, const char *const *sets)
{
    hb_ini_parse(data, bytes, ini_problem, load, &load->ini);
    for (; sets != NULL && *sets != NULL; sets++)
        apply_set(load, *sets);
    make_core_sections(load);
    make_loader(load);
    for (size_t i = 0; i < load->ini->count; i++)
        make_section(load, &load->ini->sections[i]);
    if (load->file == NULL)
        hb_loader_each(load->config->loader, add_content, load);
}

/* What others know to be wrong: with its line in front, or behind those of the file. */
static void add_more(void *context, const struct hb_error *error)
{
    struct load *load = context;
    size_t bytes = load->file == NULL ? 0 : strlen(load->file);
    bool placed =
        bytes > 0 && strncmp(error->text, load->file, bytes) == 0 && error->text[bytes] == ':';
    unsigned long line = placed ? strtoul(error->text + bytes + 1, NULL, 10) : 0;
    add_problem(load, line == 0 || line > UINT_MAX ? UINT_MAX : (unsigned)line, error);
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
        return HB_FATAL;
    }
    HB_AUTO_FREE char *full = file == NULL ? NULL : hb_absolute(file);
    if (file != NULL && full == NULL) {
        hb_error_set(&error, HB_FATAL, "%s: %s", file, HB_NO_CURRENT_TEXT);
        report(context, &error);
        return HB_FATAL;
    }
    struct load load = {.config = hb_alloc(sizeof *load.config), .file = file};
    load.config->path = full;
    full = NULL;
    load_all(&load, data, bytes, sets);
    hb_ini_free(load.ini);
    if (more != NULL)
        more(load.config, add_more, &load);
    if (load.problem_count > 0)
        qsort(load.problems, load.problem_count, sizeof *load.problems, by_line);
    for (size_t i = 0; i < load.problem_count; i++)
        report(context, &load.problems[i].error);
    if (load.more_problems > 0) {
        hb_error_set(&error, HB_FATAL, "%s: ... and %zu more", file == NULL ? "--set" : file,
                     load.more_problems);
        report(context, &error);
    }
    free(load.problems);
    *config = load.config;
    return load.problem_count > 0 ? HB_FATAL : HB_OK;
}
