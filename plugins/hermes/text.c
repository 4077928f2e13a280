/* SPDX-License-Identifier: Apache-2.0 */
/* Texts for people, for JSON and for the shell. */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

char *hermes_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    return text;
}

bool hermes_in_list(const char *const *list, const char *word)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, word) == 0)
            return true;
    return false;
}

/* The host promises LC_CTYPE C.UTF-8. */
char *hermes_printable(const char *text)
{
    size_t bytes = strlen(text);
    char *shown = malloc(bytes * 4 + 1), *end = shown;
    mbstate_t state = {0};
    if (shown == NULL)
        return NULL;
    while (bytes > 0) {
        wchar_t wide;
        size_t length = mbrtowc(&wide, text, bytes, &state);
        if (length == 0 || length > bytes || !iswprint((wint_t)wide)) {
            state = (mbstate_t){0};
            end += snprintf(end, 5, "\\x%02X", (unsigned char)*text);
            length = 1;
        } else {
            memcpy(end, text, length);
            end += length;
        }
        text += length;
        bytes -= length;
    }
    *end = '\0';
    return shown;
}

char *hermes_quoted(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "@%+=:,./-_";
    if (*word != '\0' && word[strspn(word, plain)] == '\0')
        return strdup(word);
    char *quoted = malloc(strlen(word) * 5 + 3), *end = quoted;
    if (quoted == NULL)
        return NULL;
    *end++ = '\'';
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            end = stpcpy(end, "'\"'\"'");
        else
            *end++ = *word;
    }
    memcpy(end, "'", 2);
    return quoted;
}

void hermes_member(const struct hb_host *host, const char *key, json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text != NULL)
        host->member(host, key, text);
    free(text);
    json_decref(value);
}
