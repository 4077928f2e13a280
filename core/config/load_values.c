/* SPDX-License-Identifier: Apache-2.0 */
#include "config/load_values.h"

#include "base/memory.h"
#include "base/nearest.h"
#include "config/section.h"
#include "plugin/descriptor.h"
#include "plugin/option.h"
#include <string.h>

/* The keys that a section takes, for "did you mean". */
static const char *next_key(const void *context, size_t index)
{
    const struct hb_owned_section *section = context;
    if (index < section->own.count)
        return section->own.options[index]->key;
    for (size_t i = 0, at = section->own.count; i < section->common.count; i++) {
        const char *key = section->common.options[i]->key;
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

static void unknown_key(struct hb_load *load, const struct hb_owned_section *section,
                        const struct hb_ini_entry *entry)
{
    struct hb_error why;
    hb_error_set(&why, HB_STATUS_FATAL, "unknown key '%.100s' in [%s]", entry->key,
                 section->section.name);
    const char *near = hb_nearest(entry->key, next_key, section);
    HB_AUTO_FREE char *keys = all_keys(section);
    if (near != NULL)
        hb_error_hint(&why, "did you mean '%s'?", near);
    else
        hb_error_hint(&why, "valid keys are: %s", keys);
    hb_load_complain(load, entry->line, section->section.name, entry->key, &why);
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
static bool check_lines(struct hb_load *load, const struct hb_owned_section *section,
                        const struct hb_option *option, const struct hb_ini_entry *entry)
{
    bool fine = true;
    for (size_t i = 0; i < entry->more_count; i++) {
        struct hb_error why;
        const struct hb_ini_line *line = &entry->more[i];
        const char *key = indented_key(section, line->text);
        if (key != NULL) {
            hb_error_set(&why, HB_STATUS_FATAL,
                         "'%.60s' would become part of the value of '%s' above", line->text,
                         entry->key);
            hb_error_hint(&why, "remove the blanks before the key '%s'", key);
        } else if (option->type != HB_OPTION_LIST && option->type != HB_OPTION_STRING) {
            HB_AUTO_FREE char *type = hb_option_describe(option);
            hb_error_set(
                &why, HB_STATUS_FATAL,
                "'%.60s' continues the value of '%s' above, which takes a single word (%s)",
                line->text, entry->key, type);
            hb_error_hint(&why, "put a key at the beginning of its line; only lists and texts "
                                "continue on indented lines");
        } else {
            continue;
        }
        hb_load_complain(load, line->line, section->section.name, entry->key, &why);
        fine = false;
    }
    return fine;
}

/*
 * The value is wrong. Of a list each word that is wrong is named, with the line in which it stands.
 */
static void complain_value(struct hb_load *load, const char *section,
                           const struct hb_option *option, const struct hb_ini_entry *entry,
                           const struct hb_error *why)
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
        while ((status = hb_list_word(option, &text, NULL, &of_line)) != HB_STATUS_NOMATCH) {
            if (status != HB_OK)
                hb_load_complain(load, i == 0 ? entry->line : entry->more[i - 1].line, section,
                                 entry->key, &of_line);
            if (text == NULL)
                break;
        }
    }
    if (load->problem_count == found)
        hb_load_complain(load, entry->line, section, entry->key, why);
}

static bool check_on(struct hb_load *load, const struct hb_owned_section *section,
                     const struct hb_ini_entry *entry)
{
    if (strcmp(entry->key, "on") != 0 || hb_kind_takes_on(section->section.kind))
        return true;
    struct hb_error why;
    hb_error_set(&why, HB_STATUS_FATAL,
                 "on: a %s plugin is always asked; only filters and hooks take it",
                 hb_kind_name(section->section.kind));
    hb_error_hint(&why, "remove the line");
    hb_load_complain(load, entry->line, section->section.name, entry->key, &why);
    return false;
}

/* It has the right type; can it be meant? Each word of a list that cannot is named. */
static bool check_value(struct hb_load *load, const struct hb_owned_section *section,
                        const struct hb_option *option, const struct hb_ini_entry *entry,
                        const struct hb_value *value)
{
    bool list = option->type == HB_OPTION_LIST, fine = true;
    size_t count = list ? value->list_count : option->type == HB_OPTION_STRING;
    for (size_t i = 0; i < count; i++) {
        struct hb_error why;
        const char *text = list ? value->list[i] : value->text;
        const char *problem = hb_setting_problem(option, text, entry->line > 0);
        if (problem == NULL)
            continue;
        hb_error_set(&why, HB_STATUS_FATAL, "%s: '%.100s' %s", entry->key, text, problem);
        if (strcmp(entry->key, "prefix") == 0)
            hb_error_hint(&why, "the directory is set by the key 'directory'");
        hb_load_complain(load, entry->line, section->section.name, entry->key, &why);
        fine = false;
    }
    return fine;
}

/* Whoever switches a plugin off so for one run, with --set, knows it. */
static void doubt_on(struct hb_load *load, const struct hb_owned_section *section,
                     const struct hb_ini_entry *entry, const struct hb_value *value)
{
    if (section->section.kind != 0 && strcmp(entry->key, "on") == 0 && entry->line > 0 &&
        value->list_count == 0)
        hb_config_add_doubt(load->config,
                            hb_text("%s:%u: on: it is empty: the plugin of [%s] is never asked; "
                                    "name %s, or remove the line",
                                    load->file, entry->line, section->section.name,
                                    section->section.kind == HB_KIND_HOOK ? "what it is to hear of"
                                                                          : "backup or import"));
}

static void doubt_deprecated(struct hb_load *load, const struct hb_owned_section *section,
                             const struct hb_option *option, const struct hb_ini_entry *entry)
{
    if ((option->flags & HB_OPTION_DEPRECATED) && entry->line > 0)
        hb_config_add_doubt(
            load->config, hb_text("%s:%u: [%s] %s is taken still, but not for ever: %s", load->file,
                                  entry->line, section->section.name, option->key, option->help));
}

void hb_load_apply(struct hb_load *load, struct hb_owned_section *section,
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
    const struct hb_option *option = filled->options[index];
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
    doubt_deprecated(load, section, option, entry);
    HB_AUTO_FREE char *origin =
        entry->line == 0 ? hb_copy_text("--set") : hb_text("%s:%u", load->file, entry->line);
    hb_filled_set(filled, index, &value, origin);
}
