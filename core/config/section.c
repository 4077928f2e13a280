/* SPDX-License-Identifier: Apache-2.0 */
#include "config/section.h"

#include "base/memory.h"
#include "plugin/descriptor.h"
#include "plugin/option.h"
#include <string.h>

bool hb_kind_takes_on(uint32_t kind)
{
    return kind == HB_KIND_FILTER || kind == HB_KIND_HOOK;
}

static void put(const struct hb_filled *filled, size_t index)
{
    if (filled->structure != NULL)
        hb_setting_put(filled->options[index], &filled->values[index], filled->structure);
}

/* `bytes`: of its structure; 0: it has none. */
static void fill(struct hb_filled *filled, const struct hb_option *const *options, size_t count,
                 size_t bytes)
{
    *filled = (struct hb_filled){
        .options = options,
        .count = count,
        .values = hb_resize(NULL, count, sizeof *filled->values),
        .pointers = hb_resize(NULL, count, sizeof *filled->pointers),
        .origins = hb_resize(NULL, count, sizeof *filled->origins),
        .structure = bytes == 0 ? NULL : hb_alloc(bytes),
    };
    for (size_t i = 0; i < count; i++) {
        const struct hb_option *option = options[i];
        struct hb_error error;
        /* The loader refuses a plugin whose defaults do not hold, a test such a table of ours. */
        if (option->default_text == NULL)
            filled->values[i] =
                (struct hb_value){.size = sizeof *filled->values, .text = hb_copy_text("")};
        else if (hb_value_parse(option, option->default_text, &filled->values[i], &error) != HB_OK)
            abort();
        filled->pointers[i] = &filled->values[i];
        filled->origins[i] = NULL;
        put(filled, i);
    }
}

static void empty(struct hb_filled *filled)
{
    for (size_t i = 0; i < filled->count; i++) {
        hb_value_clear(&filled->values[i]);
        free(filled->origins[i]);
    }
    free(filled->values);
    free(filled->pointers);
    free(filled->origins);
    free(filled->structure);
}

static struct hb_settings settings_of(const struct hb_filled *filled, const char *section)
{
    return (struct hb_settings){.size = sizeof(struct hb_settings),
                                .count = (uint32_t)filled->count,
                                .values = filled->pointers,
                                .section = section};
}

static struct hb_owned_section *
new_section(const char *name, const struct hb_option *const *options, size_t count, size_t bytes)
{
    struct hb_owned_section *made = hb_alloc(sizeof *made);
    const char *owned_name = hb_copy_text(name);
    const char *colon = strchr(owned_name, ':');
    fill(&made->own, options, count, bytes);
    made->section = (struct hb_section){
        .name = owned_name,
        .label = colon == NULL ? owned_name : colon + 1,
        .settings = settings_of(&made->own, owned_name),
        .common = {.size = sizeof(struct hb_settings), .section = owned_name},
    };
    return made;
}

struct hb_owned_section *hb_section_new_core(const char *name,
                                             const struct hb_settings_table *table)
{
    return new_section(name, table->options, table->count, table->bytes);
}

struct hb_owned_section *hb_section_new_plugin(const char *name, uint32_t kind,
                                               const struct hb_library *library,
                                               const struct hb_settings_table *common)
{
    struct hb_owned_section *made = library == NULL ? new_section(name, NULL, 0, 0)
                                                    : new_section(name, library->plugin->options,
                                                                  library->plugin->option_count, 0);
    fill(&made->common, common->options, common->count, 0);
    made->section.kind = kind;
    made->section.library = library;
    made->section.common = settings_of(&made->common, made->section.name);
    return made;
}

size_t hb_filled_find(const struct hb_filled *filled, const char *key)
{
    for (size_t i = 0; i < filled->count; i++)
        if (strcmp(filled->options[i]->key, key) == 0)
            return i;
    return SIZE_MAX;
}

const char *hb_section_missing(const struct hb_section *section)
{
    for (size_t i = 0; i < section->settings.count; i++)
        if ((section->library->plugin->options[i]->flags & HB_OPTION_REQUIRED) &&
            !section->settings.values[i]->is_set)
            return section->library->plugin->options[i]->key;
    return NULL;
}

void hb_filled_set(struct hb_filled *filled, size_t index, struct hb_value *value,
                   const char *origin)
{
    hb_value_clear(&filled->values[index]);
    filled->values[index] = *value;
    filled->values[index].is_set = 1;
    free(filled->origins[index]);
    filled->origins[index] = hb_copy_text(origin);
    put(filled, index);
}

static const struct hb_filled *own_of(const struct hb_section *section)
{
    return &((const struct hb_owned_section *)(const void *)section)->own;
}

const void *hb_section_structure(const struct hb_section *section)
{
    return own_of(section)->structure;
}

const char *hb_section_origin(const struct hb_section *section, const void *member)
{
    const struct hb_filled *own = own_of(section);
    for (size_t i = 0; i < own->count; i++)
        if (hb_setting_at(own->options[i], own->structure) == member)
            return own->origins[i];
    return NULL;
}

struct hb_section *hb_section_default(const struct hb_library *library)
{
    uint32_t kind = library->plugin->kind;
    HB_AUTO_FREE char *name = hb_text("%s:%s", hb_kind_name(kind), library->plugin->name);
    return &hb_section_new_plugin(name, kind, library,
                                  kind == HB_KIND_HOOK ? &hb_settings_hook_common
                                                       : &hb_settings_common)
                ->section;
}

void hb_section_free(struct hb_section *section)
{
    if (section == NULL)
        return;
    struct hb_owned_section *owned = (struct hb_owned_section *)(void *)section;
    empty(&owned->own);
    empty(&owned->common);
    free((void *)(uintptr_t)section->name);
    free(owned);
}
