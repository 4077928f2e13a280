/* SPDX-License-Identifier: Apache-2.0 */
#include "host/format.h"

#include "base/content_hash.h"
#include "base/memory.h"
#include "host/failure.h"
#include <inttypes.h>
#include <string.h>
#include <strings.h>

int hb_format_find(const struct hb_config *config, const char *name,
                   struct hb_format_choice *choice, struct hb_error *error)
{
    *choice = (struct hb_format_choice){0};
    if (name == NULL || *name == '\0')
        name = hb_config_backup(config)->format;
    const struct hb_section *section = NULL;
    while ((section = hb_config_next(config, HB_KIND_FORMAT, section)) != NULL) {
        if (*name == '\0' || strcmp(section->label, name) == 0) {
            choice->section = section;
            return HB_OK;
        }
    }
    if (*name == '\0') {
        hb_error_set(error, HB_STATUS_FATAL,
                     "no format: the configuration has no section [format:NAME]");
        hb_error_hint(error, "use --format NAME; `hbcore plugins list` shows the formats");
        error->wrong_use = true;
        return HB_STATUS_FATAL;
    }
    const struct hb_library *library;
    int status = hb_loader_find(hb_config_loader(config), HB_KIND_FORMAT, name, &library, error);
    if (status != HB_OK) {
        error->wrong_use = true;
        return status;
    }
    choice->owned = hb_section_default(library);
    choice->section = choice->owned;
    const char *missing = hb_section_missing(choice->owned);
    if (missing != NULL) {
        hb_error_set(error, HB_STATUS_FATAL, "format %s: its option '%s' must be set", name,
                     missing);
        hb_error_hint(error, "write it into a section [%s] of the configuration",
                      choice->owned->name);
        error->wrong_use = true;
        return HB_STATUS_FATAL;
    }
    return HB_OK;
}

void hb_format_choice_clear(struct hb_format_choice *choice)
{
    if (choice->owned != NULL)
        hb_section_free(choice->owned);
    *choice = (struct hb_format_choice){0};
}

static void append(struct hb_format_list *list, const struct hb_section *section,
                   struct hb_section *owned)
{
    list->choices = hb_resize(list->choices, list->count + 1, sizeof *list->choices);
    list->choices[list->count++] = (struct hb_format_choice){section, owned};
}

static int append_library(void *context, const char *path, const struct hb_library *library,
                          const struct hb_error *error)
{
    struct hb_format_list *list = context;
    (void)path;
    (void)error; /* nobody selected this broken plugin */
    if (library == NULL || library->plugin->kind != HB_KIND_FORMAT)
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

void hb_format_list(const struct hb_config *config, struct hb_format_list *list)
{
    const struct hb_section *section = NULL;
    *list = (struct hb_format_list){0};
    while ((section = hb_config_next(config, HB_KIND_FORMAT, section)) != NULL)
        append(list, section, NULL);
    hb_loader_each(hb_config_loader(config), HB_KIND_FORMAT, append_library, list);
}

void hb_format_list_clear(struct hb_format_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        hb_format_choice_clear(&list->choices[i]);
    free(list->choices);
    *list = (struct hb_format_list){0};
}

size_t hb_format_stem(const char *const *suffixes, const char *name)
{
    size_t bytes = strlen(name);
    for (; *suffixes != NULL; suffixes++) {
        size_t length = strlen(*suffixes);
        if (bytes > length && strcasecmp(name + bytes - length, *suffixes) == 0)
            return bytes - length;
    }
    return 0;
}

int hb_format_policy(const struct hb_instance *format, struct hb_unit_policy *policy,
                     struct hb_error *error)
{
    const struct hb_format_ops *ops = format->plugin->ops;
    *policy = (struct hb_unit_policy){.size = sizeof *policy, .unit_bytes = 1 << 20};
    if (!HB_CAN(ops, unit_policy))
        return HB_OK;
    hb_run_clear_failure(format->run);
    if (ops->unit_policy(format->self, policy) != HB_OK)
        return hb_instance_error(format, HB_STATUS_FATAL, NULL, error);
    if (policy->unit_bytes < 64 << 10 || policy->unit_bytes > 64 << 20)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: its unit_policy() gave units of %" PRIu64
                            " bytes, which is not within 64 KiB to 64 MiB",
                            format->plugin->name, policy->unit_bytes);
    if (policy->overhead > policy->unit_bytes)
        return hb_error_set(error, HB_STATUS_FATAL,
                            "%s: its unit_policy() gave an overhead of %" PRIu64
                            " bytes, more than a unit has",
                            format->plugin->name, policy->overhead);
    policy->unit_bytes -= policy->unit_bytes % HB_CONTENT_BLOCK; /* each is hashed by itself */
    if (!HB_CAN(ops, encode))
        policy->spans = 0;
    return HB_OK;
}

struct hb_keeps hb_format_keeps(const struct hb_format_choice *choice)
{
    const struct hb_format_ops *ops = hb_format_ops_of(choice);
    struct hb_keeps keeps = {
        .size = sizeof keeps, .time_step = 1, .path_most = HB_LONGEST_KEPT_PATH};
    if (HB_HAS(ops, keeps) && ops->keeps != NULL)
        memcpy(&keeps, ops->keeps,
               ops->keeps->size < sizeof keeps ? ops->keeps->size : sizeof keeps);
    keeps.size = sizeof keeps;
    if (keeps.path_most > HB_LONGEST_KEPT_PATH)
        keeps.path_most = HB_LONGEST_KEPT_PATH;
    return keeps;
}
