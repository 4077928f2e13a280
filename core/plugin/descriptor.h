/* SPDX-License-Identifier: Apache-2.0 */
/* What a plugin says about itself: is it complete, and can this host work with it? */
#ifndef HB_DESCRIPTOR_H
#define HB_DESCRIPTOR_H

#include "base/error.h"
#include <hbcore/hook.h>
#include <hbcore/plugin.h>
#include <stdbool.h>

/*
 * Checks all of a descriptor before anything in it is used: size and ABI first, then kind, the host
 * that it needs, name (it must be `stem`), options, and that every required callback is there. A
 * structure that is larger than ours comes from a newer plugin and is fine; one that is smaller
 * too, as long as the required members are in it. `path` names the file in messages.
 */
int hb_descriptor_check(const struct hb_plugin *plugin, const char *path, const char *stem,
                        struct hb_error *error);

enum { HB_LONGEST_PLAIN_NAME = 40 }; /* with "content:" in front it fits a section's name */

/* Is it [a-z0-9-]+, short enough to be a section's name or a key? */
bool hb_is_plain_name(const char *name);

/* Of a command of a hook. */
enum { HB_MOST_COMMAND_OPTIONS = 40, HB_MOST_OPERANDS = 8 };

/* Those of a hook, ended by NULL; of any other plugin, and one that lacks them, none. */
const struct hb_hook_command *const *hb_plugin_commands(const struct hb_plugin *plugin);

/* One function of a kind's vtable. */
struct hb_callback {
    const char *name; /* NULL after the last */
    size_t offset;
    bool required;
};

/* All of a kind, ended by a name that is NULL; NULL: no such kind. */
const struct hb_callback *hb_callbacks(uint32_t kind);
bool hb_callback_provided(const struct hb_plugin *plugin, const struct hb_callback *callback);

/* "format", "content" …; NULL for anything else. And back; 0 if unknown. */
const char *hb_kind_name(uint32_t kind);
uint32_t hb_kind_of(const char *name);
/* All of them, for help and hints. */
#define HB_KIND_NAMES "format, content, filter, hook, store or transform"

enum { HB_ABI_NAME_BYTES = 32 };
/* "ABI 1 (not frozen)" */
void hb_abi_name(char text[HB_ABI_NAME_BYTES], uint32_t abi);

#endif
