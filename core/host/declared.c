/* SPDX-License-Identifier: Apache-2.0 */
#include "host/declared.h"

#include "host/instance.h"
#include <string.h>

static const struct hb_hook_command *const *commands_of(const struct hb_section *section)
{
    const struct hb_hook_ops *ops = section->library == NULL ? NULL : section->library->plugin->ops;
    return ops != NULL && HB_CAN(ops, commands) ? ops->commands : NULL;
}

/* Of this section, from its number `first` on. */
static bool find_in(const struct hb_section *section, size_t first, struct hb_declared *next)
{
    const struct hb_hook_command *const *commands = commands_of(section);
    for (size_t i = first; commands != NULL && commands[i] != NULL; i++)
        if (hb_section_takes_part(section, commands[i]->name)) {
            *next = (struct hb_declared){section, commands[i]};
            return true;
        }
    return false;
}

bool hb_declared_next(const struct hb_config *config, const struct hb_declared *previous,
                      struct hb_declared *next)
{
    const struct hb_section *section = previous->section;
    size_t first = 0;
    if (section == NULL)
        section = hb_config_next(config, HB_KIND_HOOK, NULL);
    else
        for (const struct hb_hook_command *const *commands = commands_of(section);
             commands[first++] != previous->command;)
            ;
    for (; section != NULL; section = hb_config_next(config, HB_KIND_HOOK, section), first = 0)
        if (find_in(section, first, next))
            return true;
    return false;
}

const struct hb_section *hb_declared_twice(const struct hb_config *config,
                                           const struct hb_declared *declared)
{
    struct hb_declared other = {0};
    while (hb_declared_next(config, &other, &other))
        if (other.section != declared->section &&
            strcmp(other.command->name, declared->command->name) == 0)
            return other.section;
    return NULL;
}
