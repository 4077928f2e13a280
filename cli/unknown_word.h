/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A first word that is no command of the program: it may be one of a hook, a slip, or what other
 * programs call it. The configuration is loaded to know; what is wrong with that is told below.
 */
#ifndef HB_UNKNOWN_WORD_H
#define HB_UNKNOWN_WORD_H

#include "hook_commands.h"

struct hb_unknown_word {
    const struct hb_cli *cli;
    const char *word;
    struct hb_error *problems; /* of the configuration */
    size_t problem_count;
};

/*
 * By the configuration that is named in front of the word or behind it. NULL: it has errors.
 * hb_unknown_word_clear in any case.
 */
struct hb_hook_commands *hb_unknown_word_load(struct hb_unknown_word *word, int argc, char **argv);
const struct hb_command *hb_unknown_word_find(const struct hb_unknown_word *word,
                                              const struct hb_hook_commands *of_hooks);
/* That there is no such command; `of_hooks` may be NULL. Returns HB_EXIT_USAGE. */
int hb_unknown_word_tell(const struct hb_unknown_word *word,
                         const struct hb_hook_commands *of_hooks);
void hb_unknown_word_clear(struct hb_unknown_word *word);

#endif
