/* SPDX-License-Identifier: Apache-2.0 */
#include "host/format.h"

#include "base/content_hash.h"
#include "base/memory.h"
#include "host/failure.h"
#include <inttypes.h>
#include <string.h>
#include <strings.h>

int hb_format_find(const struct hb_config *config, const char *name, struct hb_chosen *choice,
                   struct hb_error *error)
{
    *choice = (struct hb_chosen){0};
    if (name == NULL || *name == '\0')
        name = hb_config_backup(config)->format;
    if (*name == '\0') {
        choice->section = hb_config_next(config, HB_KIND_FORMAT, NULL);
        if (choice->section != NULL)
            return HB_OK;
        hb_error_set(error, HB_STATUS_FATAL,
                     "no format: the configuration has no section [format:NAME]");
        hb_error_hint(error, "use --format NAME; `hbcore plugins list` shows the formats");
        error->wrong_use = true;
        return HB_STATUS_FATAL;
    }
    return hb_chosen_by_name(config, HB_KIND_FORMAT, name, choice, error);
}

void hb_format_list(const struct hb_config *config, struct hb_chosen_list *list)
{
    hb_chosen_list(config, HB_KIND_FORMAT, list);
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

struct hb_keeps hb_format_keeps(const struct hb_chosen *choice)
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
