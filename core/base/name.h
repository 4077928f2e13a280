/* SPDX-License-Identifier: Apache-2.0 */
/* Names and paths: bytes that may be anything, shown to people and put into JSON. */
#ifndef HB_NAME_H
#define HB_NAME_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

bool hb_is_utf8(const char *text, size_t bytes);

/*
 * The name with control characters, those that turn the direction of text, and invalid UTF-8 as
 * \xNN, safe for a terminal. Caller frees.
 */
char *hb_printable(const char *name);

/*
 * How many columns of a terminal its first character takes, and its bytes in *bytes, by LC_CTYPE;
 * one where that cannot be told. And all of a text.
 */
int hb_character_columns(const char *text, size_t *bytes);
int hb_columns(const char *text);

/*
 * The name as a word that can be typed into a shell, quoted where it has to be: $'…' where it has
 * what no terminal shows. Caller frees.
 */
char *hb_shell_word(const char *name);

/*
 * Adds a name to a JSON object: `key` with replacement characters, and, where it is not UTF-8,
 * KEY_base64 with the bytes.
 */
void hb_json_name(json_t *object, const char *key, const char *name);

/* The name again, byte for byte. Caller frees; NULL: there is none that can be one. */
char *hb_json_name_of(const json_t *object, const char *key);

#endif
