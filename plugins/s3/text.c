/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool make_room(struct text *text, size_t more)
{
    if (text->failed || more >= SIZE_MAX / 2 - text->bytes)
        return !(text->failed = true);
    size_t needed = text->bytes + more + 1;
    if (needed <= text->room)
        return true;
    size_t room = needed < 128 ? 128 : needed + needed / 2;
    char *data = realloc(text->data, room);
    if (data == NULL)
        return !(text->failed = true);
    text->data = data;
    text->room = room;
    return true;
}

void text_add(struct text *text, const void *data, size_t bytes)
{
    if (!make_room(text, bytes))
        return;
    if (bytes > 0)
        memcpy(text->data + text->bytes, data, bytes);
    text->bytes += bytes;
    text->data[text->bytes] = '\0';
}

void text_put(struct text *text, const char *words)
{
    text_add(text, words, strlen(words));
}

void text_format(struct text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int bytes = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (bytes < 0)
        text->failed = true;
    else if (make_room(text, (size_t)bytes)) {
        vsnprintf(text->data + text->bytes, (size_t)bytes + 1, format, arguments);
        text->bytes += (size_t)bytes;
    }
    va_end(arguments);
}

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void text_uri(struct text *text, const char *words, bool slash)
{
    for (; *words != '\0'; words++) {
        unsigned char c = (unsigned char)*words;
        if (is_unreserved(c) || (slash && c == '/'))
            text_add(text, &c, 1);
        else
            text_format(text, "%%%02X", c);
    }
}

void text_xml(struct text *text, const char *words)
{
    for (; *words != '\0'; words++) {
        if (strchr("&<>\"'", *words) != NULL)
            text_format(text, "&#%d;", *words);
        else
            text_add(text, words, 1);
    }
}

const char *text_of(const struct text *text)
{
    return text->data == NULL ? "" : text->data;
}

void text_clear(struct text *text)
{
    free(text->data);
    *text = (struct text){0};
}

void text_wipe(struct text *text)
{
    if (text->data != NULL)
        explicit_bzero(text->data, text->room);
    text_clear(text);
}

void hex_of(const unsigned char *bytes, size_t count, char *hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < count; i++) {
        *hex++ = digits[bytes[i] >> 4];
        *hex++ = digits[bytes[i] & 15];
    }
    *hex = '\0';
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool uri_decode(char *words)
{
    char *to = words;
    for (const char *at = words; *at != '\0'; at++) {
        if (*at != '%') {
            *to++ = *at == '+' ? ' ' : *at;
            continue;
        }
        int high = digit_of(at[1]), low = high < 0 ? -1 : digit_of(at[2]);
        if (low < 0 || high + low == 0)
            return false;
        *to++ = (char)(high << 4 | low);
        at += 2;
    }
    *to = '\0';
    return true;
}
