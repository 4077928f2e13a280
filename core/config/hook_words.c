/* SPDX-License-Identifier: Apache-2.0 */
#include "config/hook_words.h"

#include "base/memory.h"
#include <hbcore/hook.h>
#include <string.h>

enum { COMMON_OPTIONS = 2 }; /* plugin, on */

struct hb_hook_words {
    const char **words; /* ended by NULL; the core's, or a plugin's own */
    size_t count;
    struct hb_option options[COMMON_OPTIONS];
    const struct hb_option *pointers[COMMON_OPTIONS];
    struct hb_settings_table table;
};

static bool is_there(const struct hb_hook_words *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->words[i], word) == 0)
            return true;
    return false;
}

static void add(struct hb_hook_words *words, const char *word)
{
    if (is_there(words, word))
        return;
    words->words = hb_resize(words->words, words->count + 2, sizeof *words->words);
    words->words[words->count++] = word;
    words->words[words->count] = NULL;
}

struct hb_hook_words *hb_hook_words_new(void)
{
    struct hb_hook_words *words = hb_alloc(sizeof *words);
    words->table = hb_settings_hook_common;
    words->table.options = words->pointers;
    for (size_t i = 0; i < COMMON_OPTIONS; i++) {
        words->options[i] = *hb_settings_hook_common.options[i];
        words->pointers[i] = &words->options[i];
        const char *const *choice = words->options[i].choices;
        for (; choice != NULL && *choice != NULL; choice++)
            add(words, *choice);
    }
    return words;
}

void hb_hook_words_add(struct hb_hook_words *words, const struct hb_library *library)
{
    const struct hb_hook_ops *ops = library->plugin->ops;
    if (library->plugin->kind != HB_KIND_HOOK || !HB_HAS(ops, commands) || ops->commands == NULL)
        return;
    for (size_t i = 0; ops->commands[i] != NULL; i++)
        add(words, ops->commands[i]->name);
}

const struct hb_settings_table *hb_hook_words_table(struct hb_hook_words *words)
{
    for (size_t i = 0; i < COMMON_OPTIONS; i++)
        if (words->options[i].choices != NULL)
            words->options[i].choices = words->words;
    return &words->table;
}

void hb_hook_words_free(struct hb_hook_words *words)
{
    if (words == NULL)
        return;
    free(words->words);
    free(words);
}
