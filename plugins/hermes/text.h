/* SPDX-License-Identifier: Apache-2.0 */
/* Texts for people, for JSON and for the shell. */
#ifndef HERMES_TEXT_H
#define HERMES_TEXT_H

#include <hbcore/hook.h>
#include <jansson.h>
#include <stdbool.h>

/* The text fit for a terminal and for JSON: what is not printable as \xNN. Caller frees; NULL. */
char *hermes_printable(const char *text);

/* The word as sh(1) takes it literally: as it is, or in '…'. Caller frees; NULL. */
char *hermes_quoted(const char *word);

/* An allocated text; NULL: out of memory. */
char *hermes_format(const char *format, ...) HB_PRINTF(1, 2);

/* Is the word in the list? */
bool hermes_in_list(const char *const *list, const char *word);

/* A member of the JSON summary; takes the value over. */
void hermes_member(const struct hb_host *host, const char *key, json_t *value);

#endif
