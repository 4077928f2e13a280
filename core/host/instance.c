/* SPDX-License-Identifier: Apache-2.0 */
#include "host/instance.h"

#include "base/memory.h"
#include "host/calls.h"
#include "host/failure.h"
#include "host/services.h"
#include <string.h>

/* A sentence of a plugin about one of its settings, and where that setting stands. */
struct refusal {
    const struct hb_section *section;
    const char *said;
    char *origin; /* NULL: it is about none */
};

static void find_setting(void *context, const struct hb_section *section,
                         const struct hb_option *option, const struct hb_value *value,
                         const char *origin)
{
    struct refusal *refusal = context;
    (void)value;
    HB_AUTO_FREE char *words = hb_text("[%s] %s: ", section->name, option->key);
    if (section == refusal->section && refusal->origin == NULL &&
        strstr(refusal->said, words) != NULL)
        refusal->origin = hb_copy_text(origin);
}

/*
 * Plugins say "[SECTION] KEY: …" of a value that they refuse. Then the configuration is wrong, and
 * the line is named, as of what the host itself refuses.
 */
static int refuse(const struct hb_instance *instance, struct hb_error *error)
{
    struct refusal refusal = {.section = instance->section, .said = hb_instance_failure(instance)};
    hb_config_each(instance->run->config, find_setting, &refusal);
    if (refusal.origin != NULL)
        hb_error_set(error, HB_FATAL, "%s: %s", refusal.origin, refusal.said);
    else
        hb_error_set(error, HB_FATAL, "[%s]: %s", instance->section->name, refusal.said);
    error->wrong_use = refusal.origin != NULL;
    free(refusal.origin);
    return HB_FATAL;
}

int hb_instance_create(struct hb_run *run, const struct hb_section *section,
                       struct hb_instance **instance, struct hb_error *error)
{
    struct hb_instance *made = hb_alloc(sizeof *made);
    made->run = run;
    made->section = section;
    hb_calls_wrap(made, section->library->plugin);
    hb_services_fill(made);
    hb_run_clear_failure(run);
    int status = hb_calls_create(made);
    if (status != HB_OK) {
        status = refuse(made, error);
        free(made);
        return status;
    }
    *instance = made;
    return HB_OK;
}

void hb_instance_free(struct hb_instance *instance)
{
    if (instance == NULL)
        return;
    hb_calls_destroy(instance);
    free(instance);
}

static bool takes_part(const struct hb_section *section, const char *command)
{
    if (command == NULL || section->common.count < 2)
        return true;
    for (const char *const *word = section->common.values[1]->list; *word != NULL; word++)
        if (strcmp(*word, command) == 0)
            return true;
    return false;
}

int hb_chain_create(struct hb_run *run, enum hb_kind kind, const char *command,
                    struct hb_chain *chain, struct hb_error *error)
{
    *chain = (struct hb_chain){0};
    const struct hb_section *section = NULL;
    while ((section = hb_config_next(run->config, kind, section)) != NULL) {
        if (!takes_part(section, command))
            continue;
        if (kind == HB_KIND_CONTENT && chain->count == HB_MOST_CONTENTS) {
            hb_chain_free(chain);
            return hb_error_set(error, HB_FATAL, "[%s]: there are more than %d content plugins",
                                section->name, HB_MOST_CONTENTS);
        }
        struct hb_instance *instance;
        int status = hb_instance_create(run, section, &instance, error);
        if (status != HB_OK) {
            hb_chain_free(chain);
            return status;
        }
        chain->instances = hb_resize(chain->instances, chain->count + 1, sizeof instance);
        chain->instances[chain->count++] = instance;
    }
    return HB_OK;
}

void hb_chain_free(struct hb_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++)
        hb_instance_free(chain->instances[i]);
    free(chain->instances);
    *chain = (struct hb_chain){0};
}
