/* SPDX-License-Identifier: Apache-2.0 */
#include "host/instance.h"

#include "base/memory.h"
#include "host/calls.h"
#include "host/failure.h"
#include "host/services.h"
#include "plugin/descriptor.h"
#include <string.h>

/* A sentence of a plugin about one of its settings, and where that setting stands. */
struct remark {
    const char *said;
    char *origin; /* NULL: it is about none */
};

static void find_setting(void *context, const struct hb_section *section,
                         const struct hb_option *option, const struct hb_value *value,
                         const char *origin)
{
    struct remark *remark = context;
    (void)value;
    HB_AUTO_FREE char *words = hb_text("[%s] %s: ", section->name, option->key);
    if (section->kind != 0 && remark->origin == NULL && strstr(remark->said, words) != NULL)
        remark->origin = hb_copy_text(origin);
}

char *hb_setting_origin(const struct hb_config *config, const char *said)
{
    struct remark remark = {.said = said};
    hb_config_each(config, find_setting, &remark);
    return remark.origin;
}

/* What a plugin said in its create(), in turn. */
struct sayings {
    char **texts;
    size_t count;
};

static void hear(void *context, const char *sentence)
{
    struct sayings *sayings = context;
    sayings->texts = hb_resize(sayings->texts, sayings->count + 1, sizeof *sayings->texts);
    sayings->texts[sayings->count++] = hb_copy_text(sentence);
}

static void clear_sayings(struct sayings *sayings)
{
    for (size_t i = 0; i < sayings->count; i++)
        free(sayings->texts[i]);
    free(sayings->texts);
}

/* NULL: it cannot be made, for the reasons in `sayings`, of which there is one at least. */
static struct hb_instance *make(struct hb_run *run, const struct hb_section *section,
                                int (*begin)(struct hb_instance *instance), struct sayings *sayings)
{
    struct hb_instance *made = hb_alloc(sizeof *made);
    made->run = run;
    made->section = section;
    hb_calls_wrap(made, section->library->plugin);
    hb_services_fill(made);
    hb_run_clear_failure(run);
    run->heard = hear;
    run->heard_context = sayings;
    int status = begin(made);
    run->heard = NULL;
    if (status == HB_OK)
        return made;
    const char *last = hb_instance_failure(made); /* the host may have had the last word */
    if (sayings->count == 0 || strcmp(sayings->texts[sayings->count - 1], last) != 0)
        hear(sayings, last);
    free(made);
    return NULL;
}

/*
 * Plugins say "[SECTION] KEY: …" of a value that they refuse. Then the configuration is wrong, and
 * the line is named, as of what the host itself refuses.
 */
static void refuse(const struct hb_run *run, const struct hb_section *section, const char *said,
                   struct hb_error *error)
{
    HB_AUTO_FREE char *origin = hb_setting_origin(run->config, said);
    if (origin != NULL)
        hb_error_set(error, HB_STATUS_FATAL, "%s: %s", origin, said);
    else
        hb_error_set(error, HB_STATUS_FATAL, "[%s]: %s", section->name, said);
    error->wrong_use = origin != NULL;
}

int hb_instance_create(struct hb_run *run, const struct hb_section *section,
                       struct hb_instance **instance, struct hb_error *error)
{
    struct sayings sayings = {0};
    struct hb_instance *made = make(run, section, hb_calls_create, &sayings);
    if (made == NULL) {
        refuse(run, section, sayings.texts[0], error);
        const char *hint = hb_failure_of(run)->hint;
        if (*hint != '\0')
            hb_error_hint(error, "%s", hint);
        else if (error->wrong_use && sayings.count > 1)
            hb_error_hint(error, "`hbcore config check` names all that is wrong");
    } else {
        *instance = made;
    }
    clear_sayings(&sayings);
    return made == NULL ? HB_STATUS_FATAL : HB_OK;
}

void hb_instance_check(struct hb_run *run, const struct hb_section *section,
                       void (*report)(void *context, const struct hb_error *error), void *context)
{
    struct sayings sayings = {0};
    struct hb_error error;
    const struct hb_plugin *plugin = section->library->plugin;
    bool can_check = HB_CAN(plugin, check);
    struct hb_instance *made =
        make(run, section, can_check ? hb_calls_check : hb_calls_create, &sayings);
    for (size_t i = 0; made == NULL && i < sayings.count; i++) {
        refuse(run, section, sayings.texts[i], &error);
        const char *hint = hb_failure_of(run)->hint; /* of the last one */
        if (i == sayings.count - 1 && *hint != '\0')
            hb_error_hint(&error, "%s", hint);
        report(context, &error);
    }
    if (can_check)
        free(made); /* it was never created */
    else
        hb_instance_free(made);
    clear_sayings(&sayings);
}

void hb_instance_free(struct hb_instance *instance)
{
    if (instance == NULL)
        return;
    hb_calls_destroy(instance);
    free(instance);
}

static bool declares(const struct hb_section *section, const char *command)
{
    const struct hb_hook_command *const *at = hb_plugin_commands(section->library->plugin);
    while (*at != NULL && strcmp((*at)->name, command) != 0)
        at++;
    return *at != NULL;
}

bool hb_section_takes_part(const struct hb_section *section, const char *command)
{
    if (command == NULL || section->common.count < 2)
        return true;
    size_t bytes = strcspn(command, " ");
    for (const char *const *word = section->common.values[1]->list; *word != NULL; word++)
        if (strlen(*word) == bytes && strncmp(*word, command, bytes) == 0)
            return true;
    return section->common.values[1]->is_set == 0 && declares(section, command);
}

int hb_chain_create(struct hb_run *run, enum hb_kind kind, const char *command,
                    struct hb_chain *chain, struct hb_error *error)
{
    *chain = (struct hb_chain){0};
    const struct hb_section *section = NULL;
    while ((section = hb_config_next(run->config, kind, section)) != NULL) {
        if (!hb_section_takes_part(section, command))
            continue;
        if (kind == HB_KIND_CONTENT && chain->count == HB_MOST_CONTENTS) {
            hb_chain_free(chain);
            return hb_error_set(error, HB_STATUS_FATAL,
                                "[%s]: there are more than %d content plugins", section->name,
                                HB_MOST_CONTENTS);
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
