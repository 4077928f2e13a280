/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "base/memory.h"
#include "plugin/option.h"
#include <string.h>

void hb_config_add(struct hb_config *config, struct hb_owned_section *section)
{
    config->sections = hb_resize(config->sections, config->count + 1, sizeof *config->sections);
    config->sections[config->count++] = section;
}

void hb_config_free(struct hb_config *config)
{
    if (config == NULL)
        return;
    for (size_t i = 0; i < config->count; i++)
        hb_section_free(&config->sections[i]->section);
    for (size_t i = 0; i < config->doubt_count; i++)
        free(config->doubts[i]);
    free(config->doubts);
    free(config->sections);
    hb_hook_words_free(config->hook_words);
    hb_loader_free(config->loader);
    free(config->path);
    free(config);
}

const char *hb_config_path(const struct hb_config *config)
{
    return config->path;
}

struct hb_loader *hb_config_loader(const struct hb_config *config)
{
    return config->loader;
}

const char *hb_config_doubt(const struct hb_config *config, size_t index)
{
    return index < config->doubt_count ? config->doubts[index] : NULL;
}

void hb_config_add_doubt(struct hb_config *config, char *sentence)
{
    config->doubts = hb_resize(config->doubts, config->doubt_count + 1, sizeof *config->doubts);
    config->doubts[config->doubt_count++] = sentence;
}

const struct hb_section *hb_config_next(const struct hb_config *config, enum hb_kind kind,
                                        const struct hb_section *previous)
{
    bool passed = previous == NULL;
    for (size_t i = 0; i < config->count; i++) {
        const struct hb_section *section = &config->sections[i]->section;
        if (passed && section->kind == (uint32_t)kind)
            return section;
        passed = passed || section == previous;
    }
    return NULL;
}

static const struct hb_section *next_labelled(const struct hb_config *config, const char *head,
                                              const struct hb_section *previous)
{
    do
        previous = hb_config_next(config, (enum hb_kind)0, previous); /* the core's own */
    while (previous != NULL && strncmp(previous->name, head, strlen(head)) != 0);
    return previous;
}

const struct hb_section *hb_config_next_preset(const struct hb_config *config,
                                               const struct hb_section *previous)
{
    return next_labelled(config, "preset:", previous);
}

const struct hb_section *hb_config_next_root(const struct hb_config *config,
                                             const struct hb_section *previous)
{
    return next_labelled(config, "root:", previous);
}

char *hb_config_prefix(const struct hb_section *preset)
{
    const char *prefix = hb_config_preset(preset)->prefix;
    return *prefix == '\0' ? hb_text("%s-", preset->label) : hb_copy_text(prefix);
}

const struct hb_section *hb_config_section(const struct hb_config *config, const char *name)
{
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->sections[i]->section.name, name) == 0)
            return &config->sections[i]->section;
    return NULL;
}

/* They stand first, in the order of their tables. */
static const void *own(const struct hb_config *config, size_t table)
{
    return hb_section_structure(&config->sections[table]->section);
}

const struct hb_home_settings *hb_config_home(const struct hb_config *config)
{
    return own(config, HB_SETTINGS_HOME);
}

const struct hb_plugins_settings *hb_config_plugins(const struct hb_config *config)
{
    return own(config, HB_SETTINGS_PLUGINS);
}

const struct hb_backup_settings *hb_config_backup(const struct hb_config *config)
{
    return own(config, HB_SETTINGS_BACKUP);
}

const struct hb_import_settings *hb_config_import(const struct hb_config *config)
{
    return own(config, HB_SETTINGS_IMPORT);
}

const struct hb_snapshot_settings *hb_config_snapshot(const struct hb_config *config)
{
    return own(config, HB_SETTINGS_SNAPSHOT);
}

const struct hb_preset_settings *hb_config_preset(const struct hb_section *preset)
{
    return hb_section_structure(preset);
}

const struct hb_root_settings *hb_config_root(const struct hb_section *root)
{
    return hb_section_structure(root);
}

static void each_filled(const struct hb_section *section, const struct hb_filled *filled,
                        void (*each)(void *context, const struct hb_section *section,
                                     const struct hb_option *option, const struct hb_value *value,
                                     const char *origin),
                        void *context)
{
    for (size_t i = 0; i < filled->count; i++) {
        const struct hb_option *option = filled->options[i];
        if (section->kind != 0 && strcmp(option->key, "on") == 0 &&
            !hb_kind_takes_on(section->kind))
            continue;
        const char *origin = filled->origins[i] == NULL ? "default" : filled->origins[i];
        each(context, section, option, &filled->values[i], origin);
    }
}

void hb_config_each(const struct hb_config *config,
                    void (*each)(void *context, const struct hb_section *section,
                                 const struct hb_option *option, const struct hb_value *value,
                                 const char *origin),
                    void *context)
{
    for (size_t i = 0; i < config->count; i++) {
        const struct hb_owned_section *section = config->sections[i];
        each_filled(&section->section, &section->common, each, context);
        each_filled(&section->section, &section->own, each, context);
    }
}
