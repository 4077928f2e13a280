/* SPDX-License-Identifier: Apache-2.0 */
#include "host/instance.h"

#include "base/memory.h"
#include "host/calls.h"
#include "host/failure.h"
#include "host/services.h"
#include <string.h>

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
        hb_error_set(error, HB_FATAL, "[%s]: %s", section->name, hb_instance_failure(made));
        free(made);
        return HB_FATAL;
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
