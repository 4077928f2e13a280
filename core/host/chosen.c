/* SPDX-License-Identifier: Apache-2.0 */
#include "host/chosen.h"

#include "base/memory.h"
#include "plugin/descriptor.h"
#include <string.h>

int hb_chosen_by_name(const struct hb_config *config, enum hb_kind kind, const char *name,
                      struct hb_chosen *chosen, struct hb_error *error)
{
    const struct hb_section *section = NULL;
    const struct hb_library *library;
    *chosen = (struct hb_chosen){0};
    while ((section = hb_config_next(config, kind, section)) != NULL)
        if (strcmp(section->label, name) == 0) {
            chosen->section = section;
            return HB_OK;
        }
    int status = hb_loader_find(hb_config_loader(config), kind, name, &library, error);
    if (status != HB_OK) {
        error->wrong_use = true;
        return status;
    }
    chosen->owned = hb_section_default(library);
    chosen->section = chosen->owned;
    const char *missing = hb_section_missing(chosen->owned);
    if (missing == NULL)
        return HB_OK;
    hb_error_set(error, HB_STATUS_FATAL, "%s %s: its option '%s' must be set", hb_kind_name(kind),
                 name, missing);
    hb_error_hint(error, "write it into a section [%s] of the configuration", chosen->owned->name);
    error->wrong_use = true;
    return HB_STATUS_FATAL;
}

void hb_chosen_clear(struct hb_chosen *chosen)
{
    if (chosen->owned != NULL)
        hb_section_free(chosen->owned);
    *chosen = (struct hb_chosen){0};
}

struct listing {
    enum hb_kind kind;
    struct hb_chosen_list *list;
};

static void append(struct hb_chosen_list *list, const struct hb_section *section,
                   struct hb_section *owned)
{
    list->choices = hb_resize(list->choices, list->count + 1, sizeof *list->choices);
    list->choices[list->count++] = (struct hb_chosen){section, owned};
}

static int append_library(void *context, const char *path, const struct hb_library *library,
                          const struct hb_error *error)
{
    const struct listing *listing = context;
    struct hb_chosen_list *list = listing->list;
    (void)path;
    (void)error; /* nobody selected this broken plugin */
    if (library == NULL || library->plugin->kind != listing->kind)
        return 0;
    for (size_t i = 0; i < list->count; i++)
        if (list->choices[i].section->library->plugin == library->plugin)
            return 0;
    struct hb_section *owned = hb_section_default(library);
    if (hb_section_missing(owned) == NULL)
        append(list, owned, owned);
    else
        hb_section_free(owned);
    return 0;
}

void hb_chosen_list(const struct hb_config *config, enum hb_kind kind, struct hb_chosen_list *list)
{
    const struct hb_section *section = NULL;
    struct listing listing = {kind, list};
    *list = (struct hb_chosen_list){0};
    while ((section = hb_config_next(config, kind, section)) != NULL)
        append(list, section, NULL);
    hb_loader_each(hb_config_loader(config), kind, append_library, &listing);
}

void hb_chosen_list_clear(struct hb_chosen_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        hb_chosen_clear(&list->choices[i]);
    free(list->choices);
    *list = (struct hb_chosen_list){0};
}
