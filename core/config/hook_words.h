/* SPDX-License-Identifier: Apache-2.0 */
/* What `on` of a hook takes: the words of the core, and the commands that hooks declare. */
#ifndef HB_HOOK_WORDS_H
#define HB_HOOK_WORDS_H

#include "config/settings.h"
#include "plugin/loader.h"

struct hb_hook_words;

struct hb_hook_words *hb_hook_words_new(void);
/* And the commands of this plugin; of one that is no hook none. */
void hb_hook_words_add(struct hb_hook_words *words, const struct hb_library *library);
/* What each section of a hook takes; moves with each word that is added. */
const struct hb_settings_table *hb_hook_words_table(struct hb_hook_words *words);
void hb_hook_words_free(struct hb_hook_words *words);

#endif
