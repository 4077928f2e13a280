/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a help text, so that what is offered to complete is what the help says, and nothing has to
 * be listed twice. A help text has a usage paragraph with [-o PATH] or [-f|--force] for an option
 * and words in capitals for arguments, then lines such as
 *
 *     "  show NAME       what a subcommand does"
 *     "  -o, --output PATH   what an option does"
 */
#ifndef HB_HELP_TEXT_H
#define HB_HELP_TEXT_H

#include <stdbool.h>

struct hb_help_item {
    const char *name;     /* "--output", "-o", "show" */
    const char *argument; /* "PATH", "KIND NAME"; "" for none */
    const char *help;     /* "" where there is none */
    bool is_option;
};

typedef void (*hb_help_visitor)(void *context, const struct hb_help_item *item);

/* Each option and each subcommand once, those with a help of their own first. */
void hb_help_each(const char *text, hb_help_visitor visit, void *context);

/* The words in capitals of the usage ("ARCHIVE|- MEMBER"), one blank between. Caller frees. */
char *hb_help_arguments(const char *text);

#endif
