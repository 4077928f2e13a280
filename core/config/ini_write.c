/* SPDX-License-Identifier: Apache-2.0 */
#include "config/ini_write.h"

#include "base/memory.h"
#include "config/ini_text.h"
#include <string.h>

/* Where the lines of a list are broken. */
enum { LINE_WIDTH = 96 };

/* A word of a list as it must stand in the file. Caller frees. */
static char *list_word(const char *word, bool first_of_line)
{
    if (!first_of_line && *word != '\0' && strpbrk(word, " \t\"") == NULL &&
        strchr(";#[", *word) == NULL)
        return hb_copy_text(word);
    char *quoted = hb_alloc(strlen(word) * 2 + 3), *at = quoted;
    *at++ = '"';
    for (; *word != '\0'; word++) {
        if (*word == '"' || *word == '\\')
            *at++ = '\\';
        *at++ = *word;
    }
    *at++ = '"';
    return quoted;
}

char *hb_ini_write_list(const char *key, const char *const *list)
{
    char *text = hb_text("%s =", key);
    size_t column = strlen(text);
    for (size_t i = 0; list[i] != NULL; i++) {
        HB_AUTO_FREE char *word = list_word(list[i], false);
        bool breaks = i > 0 && column + 1 + strlen(word) > LINE_WIDTH;
        if (breaks) { /* in quotes it can be taken for nothing else: comment, header or key */
            free(word);
            word = list_word(list[i], true);
        }
        char *longer = hb_text("%s%s%s", text, breaks ? "\n    " : " ", word);
        column = strlen(word) + (breaks ? 4 : column + 1);
        free(text);
        text = longer;
    }
    return text;
}

/* May an indented line begin with this, and be nothing but a part of the value? */
static bool can_continue(const char *text)
{
    size_t name = strcspn(text, " \t=:");
    size_t blanks = strspn(text + name, " \t");
    return strchr("#;[ \t", *text) == NULL && text[name + blanks] != '=' &&
           text[name + blanks] != ':';
}

char *hb_ini_write_text(const char *key, const char *value)
{
    char *text = hb_text("%s =%s%s", key, *value == '\0' ? "" : " ", value);
    size_t from = 0, room = HB_INI_LONGEST_LINE;
    char *shown = hb_copy_text("");
    while (strlen(text + from) > room) {
        size_t at = from + room;
        while (at > from &&
               (text[at] != ' ' || text[at - 1] == ' ' || !can_continue(text + at + 1)))
            at--;
        if (at <= from + strlen(key) + 2)
            break; /* it cannot be broken */
        char *longer = hb_text("%s%.*s\n    ", shown, (int)(at - from), text + from);
        free(shown);
        shown = longer;
        from = at + 1;
        room = HB_INI_LONGEST_LINE - 4;
    }
    char *whole = hb_text("%s%s", shown, text + from);
    free(shown);
    free(text);
    return whole;
}

bool hb_ini_can_be_read(const char *text)
{
    if (strstr(text, " ;") != NULL || strstr(text, "\t;") != NULL)
        return false;
    for (size_t length; *text != '\0'; text += length + (text[length] == '\n')) {
        length = strcspn(text, "\n");
        if (length > HB_INI_LONGEST_LINE)
            return false;
    }
    return true;
}
